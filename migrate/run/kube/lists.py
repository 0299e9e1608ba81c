"""The lists of the Kubernetes API that make `ClusterFacts`: in pages, in parallel, decoded as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from posixpath import basename
from typing import Protocol, TypeVar

import msgspec

from migrate.errors import ClusterUnreachable
from migrate.facts.api import decode
from migrate.facts.cluster import (
    Budget,
    ClusterFacts,
    ClusterIdentity,
    ConfigMap,
    M,
    Node,
    Owner,
    PersistentVolume,
    decode_list,
    without_secrets,
)
from migrate.facts.config_use import ConfigUse
from migrate.facts.kubeadm import KUBEADM_CONFIG, KUBELET_CONFIG, kubeadm_config, kubelet_config_map
from migrate.facts.model import Unreadable
from migrate.facts.pod import Pod
from migrate.facts.pod_scheduling import LabelSelector
from migrate.facts.redact import mask, printable
from migrate.facts.resolve import resolve
from migrate.facts.texts import uses_of
from migrate.formats import FormatError, json_doc, version
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.paths import NODES, PODS, below
from migrate.run.kube.refused import refusal
from migrate.run.kube.rights import VERSIONED
from migrate.run.kube.who import SYSTEM, identity_of
from migrate.run.ports import Clock

T = TypeVar("T")
Keep = Callable[[tuple[M, ...]], Iterable[T]]
PAGE = 500
WORKERS = 4
TRIES = 4  # for answers that ask to come again: 429 and 5xx
RETRIED = (429, 500, 502, 503, 504)
PAGES = 10_000  # of one list: five million objects
RESTARTS = 2  # of a list whose continue token expired; then one unpaged list, as client-go's pager does

# Where more than one path stands, the first that is served: policy/v1 and batch/v1's CronJob came with 1.21
BUDGETS = ("/apis/policy/v1/poddisruptionbudgets", "/apis/policy/v1beta1/poddisruptionbudgets")
VOLUMES = ("/api/v1/persistentvolumes",)
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
ALL_CONFIG_MAPS = "/api/v1/configmaps"
OWNERS: Mapping[str, tuple[str, ...]] = {
    "ReplicaSet": ("/apis/apps/v1/replicasets",),
    "Deployment": ("/apis/apps/v1/deployments",),
    "StatefulSet": ("/apis/apps/v1/statefulsets",),
    "DaemonSet": ("/apis/apps/v1/daemonsets",),
    "Job": ("/apis/batch/v1/jobs",),
    "CronJob": ("/apis/batch/v1/cronjobs", "/apis/batch/v1beta1/cronjobs"),
}


class Api(Protocol):
    """An API server. `server` is its URL, `kubectl` the kubectl command that reaches the same one."""

    @property
    def server(self) -> str:
        """The URL."""

    @property
    def kubectl(self) -> str:
        """For example `kubectl --context lab`."""

    @property
    def role(self) -> str:
        """See refused.NamedError."""

    @property
    def ca(self) -> str:
        """The SHA-256 of the CA that it is trusted by, empty where that is the system's."""

    def get(self, path: str, query: Mapping[str, str]) -> ListAnswer:
        """GET; raises ClusterUnreachable when no answer comes, else returns whatever status came."""


class ListFailed(Exception):
    """A list that the server would not give; `answer` is its last word."""

    def __init__(self, answer: ListAnswer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class KubeCluster:
    """The cluster behind one API server; see cluster_port.Cluster."""

    api: Api
    clock: Clock

    def read(self, *, config_maps: bool = False) -> ClusterFacts:
        """Every list, WORKERS at a time; raises ClusterUnreachable when nodes or pods cannot be had.

        `config_maps` asks for all ConfigMaps too, a heavy list of which only lines that lean on Docker are kept.
        """
        server = self.server_version()
        taken = int(self.clock.now().timestamp())
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="kube-list") as threads:
            pods = threads.submit(self._required, PODS, Pod)
            nodes = threads.submit(self._required, NODES, Node)
            owners = [threads.submit(self._owners, kind, paths) for kind, paths in OWNERS.items()]
            budgets = threads.submit(self._budgets)
            volumes = threads.submit(self._optional, VOLUMES, PersistentVolume)
            kubelets = [threads.submit(self._config_map, name, partial(kubelet_config_map, name)) for name in _kubelet_maps(server)]
            kubeadm = threads.submit(self._config_map, KUBEADM_CONFIG, kubeadm_config)
            uses = threads.submit(self._config_uses) if config_maps else None
            identity = threads.submit(self.identity)
        lost: list[Unreadable] = []
        return ClusterFacts(
            server=server,
            taken=taken,
            nodes=nodes.result(),
            pods=pods.result(),
            owners=tuple(owner for kind in owners for owner in _had(kind, lost)),
            budgets=_had(budgets, lost),
            volumes=_had(volumes, lost),
            kubelet_configs=tuple(config for future in kubelets for config in _had(future, lost)),
            kubeadm=next(iter(_had(kubeadm, lost)), None),
            config_uses=_had(uses, lost) if uses else (),
            identity=identity.result(),
            endpoint=self.api.server,
            unreadable=tuple(lost),
        )

    def identity(self) -> ClusterIdentity:
        """Which cluster it is; the UID is empty where it may not be read."""
        return identity_of(self._get(SYSTEM, {}), self.api.ca)

    def server_version(self) -> str:
        """For example `v1.23.17`; raises ClusterUnreachable."""
        answer = self._get("/version", {})
        if answer.status != 200:
            raise refusal(self.api, "GET", "/version", answer)
        try:
            return json_doc.text_at(answer.body, "gitVersion")
        except ValueError as wrong:
            raise _no_kubernetes(self.api, "/version") from wrong

    def _required(self, path: str, item: type[M]) -> tuple[M, ...]:
        try:
            return self.every(path, item, without_secrets)
        except ListFailed as failed:
            raise refusal(self.api, "LIST", path, failed.answer) from failed

    def _optional(self, paths: tuple[str, ...], item: type[M]) -> tuple[M, ...] | Unreadable:
        return self._first_served(paths, item)[1]

    def _config_map(self, name: str, made: Callable[[Mapping[str, str]], T]) -> tuple[T, ...] | Unreadable:
        """What is kept of one ConfigMap of kube-system; empty where there is none."""
        path = below(CONFIG_MAPS, name)
        answer = self._get(path, {})
        if answer.status == 401:
            raise refusal(self.api, "GET", path, answer)
        if answer.status == 404:
            return ()
        what = f"configmap kube-system/{name}"
        if answer.status != 200:
            return Unreadable(what, answer.message)
        try:
            return (made(decode(answer.body, _ConfigMap).data),)
        except (msgspec.DecodeError, FormatError) as wrong:
            return Unreadable(what, mask(printable(str(wrong))))

    def _first_served(self, paths: tuple[str, ...], item: type[M]) -> tuple[str, tuple[M, ...] | Unreadable]:
        """The path that is served, and its list or why that could not be had."""
        path, *others = paths
        try:
            return path, self.every(path, item, without_secrets)
        except ListFailed as failed:
            if failed.answer.status == 401:
                raise refusal(self.api, "LIST", path, failed.answer) from failed
            if failed.answer.status == 404 and others:
                return self._first_served(tuple(others), item)
            return path, Unreadable(basename(path), failed.answer.message)

    def _owners(self, kind: str, paths: tuple[str, ...]) -> tuple[Owner, ...] | Unreadable:
        found = self._optional(paths, Owner)
        return found if isinstance(found, Unreadable) else tuple(msgspec.structs.replace(owner, kind=kind) for owner in found)

    def _budgets(self) -> tuple[Budget, ...] | Unreadable:
        path, found = self._first_served(BUDGETS, Budget)
        return found if isinstance(found, Unreadable) or path == BUDGETS[0] else tuple(map(_null_for_empty, found))

    def _config_uses(self) -> tuple[ConfigUse, ...] | Unreadable:
        try:
            return self.every(ALL_CONFIG_MAPS, ConfigMap, uses_of)
        except ListFailed as failed:
            return Unreadable("configmaps", failed.answer.message)

    def every(self, path: str, item: type[M], keep: Keep[M, T]) -> tuple[T, ...]:
        """What `keep` makes of all pages; a token that expired meanwhile (410 Gone) starts again. Raises ListFailed, ClusterUnreachable."""
        for attempt in range(RESTARTS + 1):
            found = self._pages(path, item, PAGE if attempt < RESTARTS else None, keep)
            if found is not None:
                return found
        raise ListFailed(ListAnswer(410, b'{"message": "the list changed faster than it could be read"}'))

    def _pages(self, path: str, item: type[M], limit: int | None, keep: Callable[[tuple[M, ...]], Iterable[T]]) -> tuple[T, ...] | None:
        query = {} if limit is None else {"limit": str(limit)}
        found: list[T] = []
        for _ in range(PAGES):
            answer = self._get(path, query)
            if answer.status == 410:
                return None
            if answer.status != 200:
                raise ListFailed(answer)
            try:
                items, token = decode_list(answer.body, item)
            except msgspec.DecodeError as wrong:
                raise _no_kubernetes(self.api, path) from wrong
            found += keep(items)
            if not token:
                return tuple(found)
            if token == query.get("continue"):
                break
            query = query | {"continue": token}
        raise ClusterUnreachable(
            seen=f"{self.api.server} answers GET {path} with pages that do not end",
            expected=f"a new continue token with each page, and at most {PAGES} pages of {PAGE}",
            next=f"{self.api.kubectl} get --raw {path}?limit=1",
        )

    def _get(self, path: str, query: Mapping[str, str]) -> ListAnswer:
        for attempt in range(TRIES):
            answer = self.api.get(path, query)
            if answer.status not in RETRIED:
                break
            if attempt < TRIES - 1:
                asked = answer.retry_after
                self.clock.sleep(min(10.0, float(asked)) if asked.isascii() and asked.isdecimal() else 0.5 * 2**attempt)
        return answer


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


resolve(_ConfigMap)


def _kubelet_maps(server: str) -> tuple[str, ...]:
    """The names that kubeadm gives its kubelet ConfigMap in a cluster of this version."""
    try:
        major, minor = version.parse(server).release
    except FormatError:
        return (KUBELET_CONFIG,)
    return (KUBELET_CONFIG, f"{KUBELET_CONFIG}-{major}.{minor}") if major == 1 and minor in VERSIONED else (KUBELET_CONFIG,)


def _had(future: Future[tuple[T, ...] | Unreadable], lost: list[Unreadable]) -> tuple[T, ...]:
    result = future.result()
    if isinstance(result, Unreadable):
        lost.append(result)
        return ()
    return result


def _null_for_empty(budget: Budget) -> Budget:
    """An empty selector selects no pod in policy/v1beta1 and every pod in policy/v1 (deprecation guide, 1.25); null none in both."""
    selector = budget.spec.selector or LabelSelector()
    if selector.match_labels or selector.match_expressions:
        return budget
    return msgspec.structs.replace(budget, spec=msgspec.structs.replace(budget.spec, selector=None))


def _no_kubernetes(api: Api, path: str) -> ClusterUnreachable:
    return ClusterUnreachable(
        seen=f"{api.server} answers GET {path} with something that is not the Kubernetes API's JSON",
        expected="the API server itself, no login page and no other service",
        next=f"{api.kubectl} get --raw {path}",
    )
