"""The way to a Kubernetes API server: the only module that imports `kubernetes`, and late: it takes 0.5 s, which `--help` must not pay.

The official client reads the kubeconfig, runs credential plugins and holds the connections. Of it only `Configuration`, the loaders and the
urllib3 pool are used: these are the same from 28 to 37, while `call_api` is not and policy/v1beta1 is gone from the later ones.
"""

from __future__ import annotations

import logging
import os
import shlex
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from migrate.errors import ClusterUnreachable
from migrate.facts.redact import mask, printable
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.lists import WORKERS, KubeCluster
from migrate.run.kube.who import trusted_by
from migrate.run.limit import deadline
from migrate.run.ports import Clock

if TYPE_CHECKING:
    from urllib3 import PoolManager

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # for each read
BODY_SECONDS = 300.0  # for all of an answer
BODY_BYTES = 512 * 1024 * 1024  # of an answer, unpacked; a page of 500 pods has some 10 MiB


def connect(*, kubeconfig: str | None, context: str | None, environ: Mapping[str, str], clock: Clock, role: str = "inspect") -> KubeCluster:
    """The cluster that kubectl would reach: --kubeconfig, else KUBECONFIG, else ~/.kube/config, else the pod's service account.

    `role` is whose roles are named where something is forbidden.

    Runs the context's credential plugin; sends nothing to the API yet. Raises ClusterUnreachable when there is no usable configuration.
    """
    from kubernetes.client import Configuration

    configuration = Configuration()
    files = _files(kubeconfig, environ)
    present = [path for path in files if os.path.exists(path) and os.path.getsize(path)]
    kubectl = shlex.join(["kubectl", *(["--kubeconfig", kubeconfig] if kubeconfig else []), *(["--context", context] if context else [])])
    if present:
        _load(configuration, present, context, kubectl)
    elif kubeconfig is None and environ.get("KUBERNETES_SERVICE_HOST"):
        _load_in_cluster(configuration)
    else:
        raise ClusterUnreachable(
            seen=f"no kubeconfig: {', '.join(files)} {'is' if len(files) == 1 else 'are'} missing or empty",
            expected="a kubeconfig that leads to the cluster",
            next="repeat with --kubeconfig PATH, or export KUBECONFIG=PATH",
        )
    configuration.connection_pool_maxsize = WORKERS
    return KubeCluster(KubeApi(mask(configuration.host), kubectl, _pool(configuration), configuration, role=role), clock)


def _files(kubeconfig: str | None, environ: Mapping[str, str]) -> list[str]:
    if kubeconfig is not None:
        return [kubeconfig]
    named = [path for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    return named or [os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".kube", "config")]


def _load(configuration: Any, files: list[str], context: str | None, kubectl: str) -> None:
    import kubernetes.config.kube_config
    from yaml import YAMLError

    client: Any = kubernetes.config.kube_config  # untyped in every version
    named = ", ".join(files)
    try:
        contexts = [entry["name"] for entry in client.KubeConfigMerger(os.pathsep.join(files)).config.value.get("contexts") or ()]
        # kubectl: the first file that sets current-context wins; the client lets the last one win
        chosen = context or next(filter(None, (client.KubeConfigMerger(path).config.safe_get("current-context") for path in files)), None)
        if chosen not in contexts:
            raise ClusterUnreachable(
                seen=f"{named}: no context {chosen!r}" if chosen else f"{named}: no current context",
                expected=f"one of {', '.join(map(repr, contexts))}" if contexts else "a kubeconfig with contexts",
                next="repeat with --context NAME" if contexts else "repeat with --kubeconfig PATH",
            )
        with _complaints() as complaints:
            client.load_kube_config(config_file=os.pathsep.join(files), context=chosen, client_configuration=configuration)
    except (client.ConfigException, YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError) as wrong:
        raise ClusterUnreachable(
            seen=f"{named}: {_line(wrong)}", expected="a kubeconfig that kubectl can use", next=f"{kubectl} config view"
        ) from wrong
    if complaints:
        raise _no_credentials(f"{named}, context {chosen!r}", complaints, kubectl)


def _load_in_cluster(configuration: Any) -> None:
    import kubernetes.config.incluster_config

    client: Any = kubernetes.config.incluster_config
    try:
        client.load_incluster_config(client_configuration=configuration)
    except (client.ConfigException, OSError) as wrong:
        raise ClusterUnreachable(
            seen=f"in a pod, and its service account cannot be used: {_line(wrong)}",
            expected="a token and ca.crt in /var/run/secrets/kubernetes.io/serviceaccount, or a kubeconfig",
            next="set automountServiceAccountToken: true, or repeat with --kubeconfig PATH",
        ) from wrong


def _pool(configuration: Any) -> PoolManager:
    from kubernetes.client import ApiClient

    if not configuration.verify_ssl:
        # insecure-skip-tls-verify is the user's own word; a warning for every request adds nothing to it
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        disable_warnings(InsecureRequestWarning)
    try:
        pool: PoolManager = ApiClient(configuration).rest_client.pool_manager
    except OSError as wrong:
        raise ClusterUnreachable(
            seen=f"{configuration.host}: {_line(wrong)}", expected="readable certificate and key files", next="kubectl config view"
        ) from wrong
    return pool


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """The client logs the failure of a credential plugin to the root logger and goes on without credentials; it is caught here."""
    caught: list[str] = []

    class Catcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "root":
                caught.append(record.getMessage())

    handler = Catcher(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield caught
    finally:
        logging.getLogger().removeHandler(handler)


@dataclass(frozen=True, slots=True)
class KubeApi:
    """One API server, as kube_lists.Api; threads may share it."""

    server: str
    kubectl: str
    pool: PoolManager = field(repr=False)
    configuration: Any = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    role: str = "inspect"

    @property
    def ca(self) -> str:
        """See who.trusted_by."""
        return trusted_by(self.configuration)

    def get(self, path: str, query: Mapping[str, str]) -> ListAnswer:
        """GET; raises ClusterUnreachable when no answer comes, else returns whatever status came."""
        return self._request("GET", self._url(path, query), self._headers())

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> ListAnswer:
        """One request and its whole answer, within BODY_SECONDS and BODY_BYTES; raises ClusterUnreachable."""
        from urllib3.exceptions import HTTPError
        from urllib3.util import Timeout

        timeout = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            answer = self.pool.request(method, url, body=body, headers=headers, timeout=timeout, retries=False, preload_content=False)
            data = self._whole(answer)
        except (HTTPError, OSError) as wrong:
            raise self._unreachable(wrong) from wrong
        return ListAnswer(answer.status, data, answer.headers.get("Retry-After", ""))

    def _whole(self, answer: Any) -> bytes:
        pieces: list[bytes] = []
        size = 0
        with deadline(BODY_SECONDS, lambda: shut(answer)) as late:
            try:
                for piece in answer.stream(64 * 1024, decode_content=True):
                    size += len(piece)
                    if size > BODY_BYTES:
                        raise self._refused(f"more than {BODY_BYTES // 2**20} MiB in one answer")
                    pieces.append(piece)
            except BaseException:
                answer.close()
                if not late.is_set():
                    raise
        if late.is_set():  # an answer whose length is not told ends where it is cut
            raise self._refused(f"an answer that was not whole after {BODY_SECONDS:.0f} s")
        return b"".join(pieces)

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")

    def _refused(self, seen: str) -> ClusterUnreachable:
        return ClusterUnreachable(
            seen=f"{self.server}: {seen}", expected="the API server itself", next=f"{self.kubectl} get --raw /version"
        )

    def _headers(self) -> dict[str, str]:
        """An expired token is renewed here, by one thread at a time."""
        with self.lock, _complaints() as complaints:
            settings = self.configuration.auth_settings().values()
        if complaints:
            raise _no_credentials(self.server, complaints, self.kubectl)
        found = {setting["key"]: setting["value"] for setting in settings if setting["in"] == "header" and setting["value"]}
        return {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "docker2cri", **found}

    def _unreachable(self, wrong: Exception) -> ClusterUnreachable:
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, ReadTimeoutError, SSLError

        place = urlsplit(self.server)
        address = f"{place.hostname}:{place.port or (443 if place.scheme == 'https' else 80)}"
        expected, next = "an API server that answers", f"{self.kubectl} get --raw /version"
        match wrong:
            case SSLError() | ssl.SSLError():
                inner = wrong.args[0] if isinstance(wrong, SSLError) and wrong.args else wrong
                seen = f"TLS: {getattr(inner, 'verify_message', '') or _line(inner)}"
                expected = "a certificate for this name, signed by the CA of the kubeconfig"
                next = f"openssl s_client -connect {address} </dev/null | openssl x509 -noout -issuer -dates -ext subjectAltName"
            case NewConnectionError():
                seen = f"no connection: {getattr(wrong.__cause__ or wrong.__context__, 'strerror', None) or _line(wrong)}"
            case ConnectTimeoutError():
                seen = f"no connection within {CONNECT_SECONDS:.0f} s"
            case ReadTimeoutError():
                seen = f"no answer within {READ_SECONDS:.0f} s"
            case ProxyError():
                seen = f"the proxy {mask(str(self.configuration.proxy))} does not let it through: {_line(wrong)}"
                expected = "an API server that answers, through the proxy or past it"
                next = "set NO_PROXY or the cluster's proxy-url, then repeat"
            case _:
                seen = _line(wrong)
        return ClusterUnreachable(seen=f"{self.server}: {seen}", expected=expected, next=next)


def shut(answer: Any) -> None:
    """End an answer from another thread; before urllib3 2.3 it ends when the server's own time for it is over."""
    shutdown = getattr(answer, "shutdown", None)
    if shutdown is not None:
        try:
            shutdown()
        except (ValueError, RuntimeError, OSError):
            return  # it is over already


def _no_credentials(where: str, complaints: list[str], kubectl: str) -> ClusterUnreachable:
    said = mask(printable("; ".join(" ".join(complaint.split()) for complaint in complaints)))
    return ClusterUnreachable(
        seen=f"{where}: the credential plugin failed: {said}",
        expected="credentials from the plugin that the kubeconfig names",
        next=f"{kubectl} get nodes",
    )


def _line(wrong: object) -> str:
    return mask(printable(" ".join(str(wrong).split()))) or type(wrong).__name__
