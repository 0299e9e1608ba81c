"""Reading a cluster over real HTTP, from the kubeconfig to ClusterFacts, and every way in which that fails."""

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from migrate.errors import ClusterUnreachable
from migrate.facts.api import Metadata
from migrate.facts.cluster import ClusterFacts, ClusterIdentity, Node, Owner
from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.kubeadm import KubeadmConfig, KubeletConfigMap
from migrate.facts.model import Unreadable
from migrate.facts.pod import Pod
from migrate.run.kube.client import connect
from migrate.run.kube.who import trusted_by

from .api_server import ApiServer, serving

TAKEN = datetime(2024, 5, 1, tzinfo=UTC)


class Clock:
    """A clock that does not wait."""

    def __init__(self):
        self.slept: list[float] = []

    def now(self):
        return TAKEN

    def monotonic(self):
        return 0.0

    def sleep(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serving(ApiServer()) as running:
        yield running


def kubeconfig(
    path: Path, url: str, *, user: dict | None = None, cluster: dict | None = None, context: str = "lab", current: str | None = None
) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"c-{context}", "cluster": {"server": url, **(cluster or {})}}],
        "users": [{"name": f"u-{context}", "user": user or {}}],
        "contexts": [{"name": context, "context": {"cluster": f"c-{context}", "user": f"u-{context}"}}],
        "current-context": context if current is None else current,
    }
    path.write_text(json.dumps(document))
    return path


def read(
    path: Path | None, *, context: str | None = None, environ: dict[str, str] | None = None, clock: Clock | None = None
) -> ClusterFacts:
    found = connect(kubeconfig=None if path is None else str(path), context=context, environ=environ or {}, clock=clock or Clock())
    return found.read()


@pytest.fixture
def reading(server: ApiServer, tmp_path: Path) -> Callable[..., ClusterFacts]:
    return lambda **how: read(kubeconfig(tmp_path / "config", server.url), **how)


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(ClusterUnreachable) as error:
        call()
    assert error.value.exit_code == 4
    return str(error.value)


def named(name: str, **more: object) -> dict:
    return {"metadata": {"name": name, "namespace": "default", **more}}


def test_every_list_arrives(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.lists["/api/v1/nodes"] = [named("n1", annotations={"docker2cri.io/run": "r1", "secret/thing": "x"})]
    server.lists["/api/v1/pods"] = [
        named("p1") | {"spec": {"nodeName": "n1", "containers": [{"name": "c", "env": [{"name": "A", "value": "Pa55"}]}]}}
    ]
    server.lists["/apis/apps/v1/replicasets"] = [named("rs1")]
    server.lists["/apis/batch/v1/cronjobs"] = [named("cj1")]
    facts = reading()
    assert (facts.server, facts.taken, facts.unreadable) == ("v1.23.17", int(TAKEN.timestamp()), ())
    assert facts.nodes == (Node(metadata=Metadata(name="n1", namespace="default", annotations={"docker2cri.io/run": "r1"})),)
    assert [pod.key for pod in facts.pods] == ["default/p1"]
    assert "Pa55" not in repr(facts)
    assert facts.owners == (
        Owner(kind="ReplicaSet", metadata=Metadata(name="rs1", namespace="default")),
        Owner(kind="CronJob", metadata=Metadata(name="cj1", namespace="default")),
    )
    assert len(server.asked) == 15


def test_which_cluster_it_is(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    path = "/api/v1/namespaces/kube-system"
    server.objects[path] = {"metadata": {"name": "kube-system", "uid": "8e6b9a3e"}}
    assert reading().identity == ClusterIdentity(uid="8e6b9a3e")
    server.objects[path] = {"metadata": "x"}
    assert reading().identity == ClusterIdentity()
    server.refuse[path] = (403, "namespaces kube-system is forbidden")
    assert reading().identity == ClusterIdentity()


def test_a_ca_is_the_same_however_its_text_is_written(tmp_path: Path, certificate: Path) -> None:
    crt = (certificate / "crt").read_text()
    written = []
    for number, text in enumerate((crt, f"# CA of the lab\n{crt}\n\n", crt.replace("\n", "\r\n"), "none", "")):
        path = tmp_path / f"ca{number}"
        path.write_text(text, newline="")
        written.append(trusted_by(SimpleNamespace(ssl_ca_cert=str(path), verify_ssl=True)))
    assert len({*written[:3]}) == 1
    assert len(written[0]) == 64
    assert written[3:] == ["", ""]
    assert trusted_by(SimpleNamespace(ssl_ca_cert=str(tmp_path / "ca0"), verify_ssl=False)) == ""


def test_config_maps_are_read_when_asked_for_and_of_them_only_lines_that_lean_on_docker(server: ApiServer, tmp_path: Path) -> None:
    server.lists["/api/v1/configmaps"] = [
        named("scripts") | {"data": {"run.sh": "set -e\ndocker login -p Pa55\n"}},
        named("other") | {"data": {"a": "Pa55"}},
        named("empty"),
    ]
    cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=Clock())
    assert cluster.read().config_uses == ()
    facts = cluster.read(config_maps=True)
    assert facts.config_uses == (
        ConfigUse(namespace="default", name="scripts", key="run.sh", line=2, use=ConfigUseKind.CALL, words="docker login"),
    )
    assert "Pa55" not in repr(facts)
    server.refuse["/api/v1/configmaps"] = (403, "configmaps is forbidden")
    assert cluster.read(config_maps=True).unreadable == (Unreadable("configmaps", "HTTP 403: configmaps is forbidden"),)


MAPS = "/api/v1/namespaces/kube-system/configmaps/"
DATA = Path(__file__).parent / "data"


def config_map(name: str) -> dict:
    """A ConfigMap as kubeadm 1.23.17 left it in a real cluster."""
    return json.loads((DATA / f"{name}.json").read_text())


def test_the_config_maps_of_kubeadm_arrive_and_only_what_is_judged(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.objects = {MAPS + name: config_map(name) for name in ("kubelet-config-1.23", "kubeadm-config")}
    facts = reading()
    assert facts.kubelet_configs == (KubeletConfigMap(name="kubelet-config-1.23", fields={"cgroupDriver": "cgroupfs", "memorySwap": {}}),)
    assert facts.kubelet_config == facts.kubelet_configs[0]
    assert facts.kubeadm == KubeadmConfig(kubernetes_version="v1.23.17")
    assert facts.unreadable == ()


def test_the_name_without_a_version_is_read_first(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    old = config_map("kubelet-config-1.23")
    header = "staticPodURLHeader:\n  Authorization: [Bearer Pa55]\ncgroupDriver: systemd\n"
    server.objects = {MAPS + "kubelet-config-1.23": old, MAPS + "kubelet-config": old | {"data": {"kubelet": header}}}
    facts = reading()
    assert facts.kubelet_config == KubeletConfigMap(name="kubelet-config", fields={"cgroupDriver": "systemd"})
    assert len(facts.kubelet_configs) == 2
    assert "Pa55" not in repr(facts)


def test_config_maps_that_may_not_be_read_or_cannot_are_named(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.refuse = {MAPS + "kubelet-config": (403, 'configmaps "kubelet-config" is forbidden')}
    server.objects = {
        MAPS + "kubelet-config-1.23": config_map("kubelet-config-1.23") | {"data": {"kubelet": "a: b: c"}},
        MAPS + "kubeadm-config": config_map("kubeadm-config") | {"data": {}},
    }
    facts = reading()
    assert (facts.kubelet_configs, facts.kubeadm) == ((), None)
    assert facts.unreadable == (
        Unreadable("configmap kube-system/kubelet-config", 'HTTP 403: configmaps "kubelet-config" is forbidden'),
        Unreadable("configmap kube-system/kubelet-config-1.23", "YAML, line 1: mapping values are not allowed here"),
        Unreadable("configmap kube-system/kubeadm-config", "ConfigMap: it has no key ClusterConfiguration"),
    )


def test_pages_are_joined_in_order(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.lists["/api/v1/pods"] = [named(f"p{n}") for n in range(1201)]
    assert [pod.metadata.name for pod in reading().pods] == [f"p{n}" for n in range(1201)]
    assert [target for target in server.asked if "/pods?" in target] == [
        "/api/v1/pods?limit=500",
        "/api/v1/pods?limit=500&continue=500",
        "/api/v1/pods?limit=500&continue=1000",
    ]


@pytest.mark.parametrize(("expire", "limits"), [(1, ["500", "500", "500", "500"]), (2, ["500", "500", "500", "500", None])])
def test_an_expired_token_starts_the_list_again(
    server: ApiServer, reading: Callable[..., ClusterFacts], expire: int, limits: list[str | None]
) -> None:
    server.lists["/api/v1/pods"] = [named(f"p{n}") for n in range(600)]
    server.expire["/api/v1/pods"] = expire
    assert len(reading().pods) == 600
    asked = [target for target in server.asked if target.startswith("/api/v1/pods")]
    assert ["500" if "limit=500" in target else None for target in asked] == limits


def test_a_busy_server_is_asked_again_when_it_says(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.busy["/api/v1/nodes"] = 2
    clock = Clock()
    assert reading(clock=clock).nodes == ()
    assert clock.slept == [1.0, 1.0]


def test_a_server_that_stays_busy_is_given_up(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.busy["/api/v1/nodes"] = 99
    assert failure(reading).startswith(
        f"{server.url} answers GET /api/v1/nodes with HTTP 429: Too many requests, please try again later.\n"
    )


@pytest.mark.parametrize(
    ("selector", "covered"), [({}, False), ({"matchLabels": {}}, False), ({"matchLabels": {"app": "web"}}, True), (None, False)]
)
def test_beta_budgets_with_an_empty_selector_cover_nothing(
    server: ApiServer, reading: Callable[..., ClusterFacts], selector: dict | None, covered: bool
) -> None:
    del server.lists["/apis/policy/v1/poddisruptionbudgets"]
    server.lists["/apis/policy/v1beta1/poddisruptionbudgets"] = [named("b") | {"spec": {"selector": selector}}]
    (budget,) = reading().budgets
    assert budget.covers(Pod(metadata=Metadata(name="p", namespace="default", labels={"app": "web"}))) is covered


def test_budgets_of_v1_with_an_empty_selector_cover_everything(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    server.lists["/apis/policy/v1/poddisruptionbudgets"] = [named("b") | {"spec": {"selector": {}}}]
    (budget,) = reading().budgets
    assert budget.covers(Pod(metadata=Metadata(name="p", namespace="default")))


def test_beta_cronjobs_are_read_where_only_they_are_served(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    del server.lists["/apis/batch/v1/cronjobs"]
    server.lists["/apis/batch/v1beta1/cronjobs"] = [named("old")]
    assert [(owner.kind, owner.metadata.name) for owner in reading().owners] == [("CronJob", "old")]


def test_what_is_forbidden_besides_nodes_and_pods_is_unreadable(server: ApiServer, reading: Callable[..., ClusterFacts]) -> None:
    said = 'jobs.batch is forbidden: User "viewer" cannot list resource "jobs" in API group "batch" at the cluster scope'
    server.refuse["/apis/batch/v1/jobs"] = (403, said)
    server.refuse["/apis/policy/v1/poddisruptionbudgets"] = (403, "no")
    del server.lists["/api/v1/persistentvolumes"]
    assert set(reading().unreadable) == {
        Unreadable("jobs", f"HTTP 403: {said}"),
        Unreadable("poddisruptionbudgets", "HTTP 403: no"),
        Unreadable("persistentvolumes", "HTTP 404: 404 page not found"),
    }


@pytest.mark.parametrize("what", ["nodes", "pods"])
def test_forbidden_nodes_or_pods_are_an_error(server: ApiServer, reading: Callable[..., ClusterFacts], tmp_path: Path, what: str) -> None:
    server.refuse[f"/api/v1/{what}"] = (403, f"{what} is forbidden\x1b[2J")
    assert failure(reading) == (
        f"{server.url} answers GET /api/v1/{what} with HTTP 403: {what} is forbidden\n"
        f'  expected: permission to list {what} in all namespaces: a role with apiGroups: [""], resources: ["{what}"], verbs: ["list"]\n'
        "  next: docker2cri rbac inspect, which prints the roles; "
        f"kubectl --kubeconfig {tmp_path}/config auth can-i list {what} --all-namespaces"
    )


def test_refused_credentials(server: ApiServer, reading: Callable[..., ClusterFacts], tmp_path: Path) -> None:
    server.token = "right"
    assert failure(reading) == (
        f"{server.url} answers GET /api/v1/nodes with HTTP 401: Unauthorized\n"
        "  expected: credentials that the API server accepts\n"
        "  next: renew them (log in again, or `kubeadm certs renew admin.conf` on a control plane), "
        f"then kubectl --kubeconfig {tmp_path}/config get nodes"
    )


def test_a_token_of_the_kubeconfig_is_sent(server: ApiServer, tmp_path: Path) -> None:
    server.token = "right"
    assert read(kubeconfig(tmp_path / "config", server.url, user={"token": "right"})).unreadable == ()


PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": sys.executable, "interactiveMode": "Never"}


def test_a_credential_plugin_is_run(server: ApiServer, tmp_path: Path) -> None:
    server.token = "from-plugin"
    answer = {"apiVersion": PLUGIN["apiVersion"], "kind": "ExecCredential", "status": {"token": "from-plugin"}}
    user = {"exec": {**PLUGIN, "args": ["-c", f"print({json.dumps(json.dumps(answer))})"]}}
    assert read(kubeconfig(tmp_path / "config", server.url, user=user)).unreadable == ()


def test_a_credential_plugin_that_fails_says_so(server: ApiServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    user = {"exec": {**PLUGIN, "args": ["-c", "import sys; sys.exit('session expired, run corp-login --password=Pa55')"]}}
    path = kubeconfig(tmp_path / "config", server.url, user=user)
    assert failure(lambda: read(path)) == (
        f"{path}, context 'lab': the credential plugin failed: exec: process returned 1. "
        "session expired, run corp-login --password=REDACTED\n"
        "  expected: credentials from the plugin that the kubeconfig names\n"
        f"  next: kubectl --kubeconfig {path} get nodes"
    )
    assert capfd.readouterr() == ("", "")
    assert server.asked == []


def test_nobody_listens(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        path = kubeconfig(tmp_path / "config", url)
        text = failure(lambda: read(path))
    assert text == (
        f"{url}: no connection: Connection refused\n"
        "  expected: an API server that answers\n"
        f"  next: kubectl --kubeconfig {path} get --raw /version"
    )
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=kubernetes",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / "key",
            "-out",
            folder / "crt",
        ],
        check=True,
        capture_output=True,
    )
    (folder / "pem").write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return folder


def test_tls_with_the_right_ca(certificate: Path, tmp_path: Path) -> None:
    with serving(ApiServer(), certificate / "pem") as server:
        path = kubeconfig(tmp_path / "config", server.url, cluster={"certificate-authority": str(certificate / "crt")})
        assert read(path).server == "v1.23.17"


def test_tls_with_a_ca_that_did_not_sign(certificate: Path, tmp_path: Path) -> None:
    with serving(ApiServer(), certificate / "pem") as server:
        path = kubeconfig(tmp_path / "config", server.url)
        address = server.url.removeprefix("https://")
        assert failure(lambda: read(path)) == (
            f"{server.url}: TLS: self-signed certificate\n"
            "  expected: a certificate for this name, signed by the CA of the kubeconfig\n"
            f"  next: openssl s_client -connect {address} </dev/null | openssl x509 -noout -issuer -dates -ext subjectAltName"
        )


def test_tls_unchecked_is_the_users_word_and_warns_nowhere(certificate: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(ApiServer(), certificate / "pem") as server:
        path = kubeconfig(tmp_path / "config", server.url, cluster={"insecure-skip-tls-verify": True})
        assert read(path).server == "v1.23.17"
    assert capfd.readouterr() == ("", "")


def test_https_to_a_plain_port(server: ApiServer, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", server.url.replace("http:", "https:"))
    assert failure(lambda: read(path)).startswith(f"{server.url.replace('http:', 'https:')}: TLS: ")


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[]", b'{"no": 1}'])
def test_something_else_answers(server: ApiServer, reading: Callable[..., ClusterFacts], tmp_path: Path, body: bytes) -> None:
    server.version = body
    assert failure(reading) == (
        f"{server.url} answers GET /version with something that is not the Kubernetes API's JSON\n"
        "  expected: the API server itself, no login page and no other service\n"
        f"  next: kubectl --kubeconfig {tmp_path}/config get --raw /version"
    )


@contextmanager
def raw(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that gives every request `answer`, as bytes on the line; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connected: socket.socket) -> None:
        with connected, suppress(OSError):
            connected.recv(65536)
            answer(connected)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def trickle(connected: socket.socket) -> None:
    connected.sendall(HEAD + b"\r\n")
    while True:
        connected.sendall(b" ")
        time.sleep(0.02)


def bomb(connected: socket.socket) -> None:
    packed = gzip.compress(b" " * 4_000_000)
    connected.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)


@pytest.mark.parametrize(("answer", "seen"), [(trickle, "an answer that was not whole after 0 s"), (bomb, "more than 1 MiB in one answer")])
def test_an_answer_has_a_time_and_a_size(
    answer: Callable[[socket.socket], None], seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.run.kube.client.BODY_SECONDS", 0.4)
    monkeypatch.setattr("migrate.run.kube.client.BODY_BYTES", 2**20)
    with raw(answer) as url:
        config = kubeconfig(tmp_path / "config", url)
        with pytest.raises(ClusterUnreachable) as caught:
            connect(kubeconfig=str(config), context=None, environ={}, clock=Clock()).read()
    assert (
        str(caught.value) == f"{url}: {seen}\n  expected: the API server itself\n  next: kubectl --kubeconfig {config} get --raw /version"
    )


def test_pages_that_do_not_end(server: ApiServer, reading: Callable[..., ClusterFacts], tmp_path: Path) -> None:
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "again"}, "items": []}
    server.objects["/api/v1/pods"] = body
    with pytest.raises(ClusterUnreachable) as caught:
        reading()
    assert caught.value.seen == f"{server.url} answers GET /api/v1/pods with pages that do not end"
    assert len([line for line in server.asked if line.startswith("/api/v1/pods")]) == 2


def test_no_kubeconfig_anywhere(tmp_path: Path) -> None:
    assert failure(lambda: read(None, environ={"HOME": str(tmp_path)})) == (
        f"no kubeconfig: {tmp_path}/.kube/config is missing or empty\n"
        "  expected: a kubeconfig that leads to the cluster\n"
        "  next: repeat with --kubeconfig PATH, or export KUBECONFIG=PATH"
    )
    two = failure(lambda: read(None, environ={"KUBECONFIG": f"{tmp_path}/a{os.pathsep}{tmp_path}/b"}))
    assert two.startswith(f"no kubeconfig: {tmp_path}/a, {tmp_path}/b are missing or empty\n")


def test_the_default_place(server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", server.url)
    assert read(None, environ={"HOME": str(tmp_path)}).server == "v1.23.17"


def test_several_files_merge_as_kubectl_merges_them(server: ApiServer, tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a", server.url, context="first")
    second = kubeconfig(tmp_path / "b", "http://127.0.0.1:1", context="second")
    both = {"KUBECONFIG": os.pathsep.join((str(tmp_path / "missing"), str(first), str(second)))}
    assert read(None, environ=both).server == "v1.23.17"  # the first file's current-context
    assert failure(lambda: read(None, environ=both, context="second")).startswith("http://127.0.0.1:1: no connection: ")


def test_an_unknown_context_names_the_known_ones(server: ApiServer, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", server.url)
    assert (
        failure(lambda: read(path, context="prod"))
        == f"{path}: no context 'prod'\n  expected: one of 'lab'\n  next: repeat with --context NAME"
    )
    path = kubeconfig(tmp_path / "config", server.url, current="")
    assert failure(lambda: read(path)) == f"{path}: no current context\n  expected: one of 'lab'\n  next: repeat with --context NAME"


@pytest.mark.parametrize("text", ["a: [", "[]", "just text", "clusters: 5\ncontexts: 7\n", "contexts:\n- name: x\ncurrent-context: x\n"])
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert failure(lambda: read(path)).startswith(f"{path}: ")


def test_a_client_certificate_that_is_missing(certificate: Path, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:1", user={"client-certificate": "gone.crt", "client-key": "gone.key"})
    assert failure(lambda: read(path)) == (
        f"{path}: File does not exist: {tmp_path}/gone.crt\n"
        "  expected: a kubeconfig that kubectl can use\n"
        f"  next: kubectl --kubeconfig {path} config view"
    )


def test_in_a_pod_without_its_token() -> None:
    environ = {"HOME": "/nonexistent", "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    assert failure(lambda: read(None, environ=environ)).startswith("in a pod, and its service account cannot be used: ")
