"""Writing to and watching an API server over real HTTP: what is sent, what the answers mean, what is said when it goes wrong."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import ClusterUnreachable, Refused
from migrate.facts.api import Metadata
from migrate.facts.pod import Pod
from migrate.plan.mark import Mark
from migrate.run.clock import SystemClock
from migrate.run.kube import board, watch
from migrate.run.kube.client import connect
from migrate.run.kube.events import ApiAway, Event
from migrate.run.kube.port import Accepted, Eviction, Gone, NamespaceEnds, Never, NodeMissing, NotNow, PodRefused, Said
from migrate.run.kube.writes import ActingKube, acting
from migrate.run.told import data, words
from tests.fakes import FakeClock

from .acting_server import END, Acting, owner, serving, status
from .test_kube import kubeconfig

EVICTION = "/api/v1/namespaces/shop/pods/web/eviction"
POD = Pod(metadata=Metadata(name="web", namespace="shop", uid="uid-1"))
MARK = "docker2cri.io/run"


@pytest.fixture
def server() -> Iterator[Acting]:
    with serving(Acting()) as running:
        running.add_node("w1")
        running.lists["/api/v1"] = []
        running.answers["GET", "/api/v1"] = [(200, {"resources": [{"name": "pods/eviction", "group": "policy", "version": "v1"}]})]
        yield running


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def cluster(server: Acting, tmp_path: Path, events: list[Event]) -> ActingKube:
    config = kubeconfig(tmp_path / "config", server.url)
    return acting(connect(kubeconfig=str(config), context=None, environ={}, clock=FakeClock()), events.append, patience=20)


def failure(call: Callable[[], object], kind: type[Exception] = ClusterUnreachable) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def node(server: Acting) -> tuple[bool, str | None]:
    found = server.nodes["w1"]
    return found["spec"].get("unschedulable", False), found["metadata"]["annotations"].get(MARK)


# cordon, uncordon, annotate


def test_cordon_and_mark_are_one_patch(server: Acting, cluster: ActingKube) -> None:
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    assert node(server) == (True, "run-1,cordoned-before=false")
    assert [(method, body["spec"]) for method, _, body in server.got] == [("PATCH", {"unschedulable": True})]
    assert cluster.uncordon("w1", "run-1") is None
    assert node(server) == (False, None)
    assert len(server.got) == 2
    assert server.nodes["w1"]["metadata"]["annotations"] == {"a": "b"}


def test_each_is_the_same_when_done_twice(server: Acting, cluster: ActingKube) -> None:
    for _ in range(2):
        cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    for _ in range(2):
        assert cluster.uncordon("w1", "run-1") is None
    assert len(server.got) == 2


def test_a_node_found_cordoned_stays_cordoned(server: Acting, cluster: ActingKube) -> None:
    server.add_node("w1", unschedulable=True)
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=True))
    assert node(server) == (True, "run-1,cordoned-before=true")
    assert cluster.uncordon("w1", "run-1") == "it was found cordoned"
    assert node(server) == (True, None)


def test_a_migrated_node_keeps_the_mark_for_a_later_rollback(server: Acting, cluster: ActingKube) -> None:
    migrated = "docker2cri.io/migrated"
    mark = Mark(run="run-1", cordoned_before=False, source="dockershim", target="containerd", cri_socket="/run/dockershim.sock")
    cluster.cordon("w1", mark)
    assert node(server) == (True, str(mark))
    assert cluster.uncordon("w1", "run-1", migrated=True) is None
    assert node(server) == (False, None)
    assert server.nodes["w1"]["metadata"]["annotations"] == {"a": "b", migrated: str(mark)}
    cluster.cordon("w1", Mark(run="run-2", cordoned_before=False))
    assert server.nodes["w1"]["metadata"]["annotations"] == {"a": "b", MARK: "run-2,cordoned-before=false"}
    assert cluster.uncordon("w1", "run-2") is None
    assert server.nodes["w1"]["metadata"]["annotations"] == {"a": "b"}


def test_somebody_elses_cordon_in_between_is_kept(server: Acting, cluster: ActingKube) -> None:
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    server.nodes["w1"]["metadata"]["managedFields"] = [owner("kubectl-cordon")]
    assert cluster.uncordon("w1", "run-1") == "kubectl-cordon cordoned it meanwhile"
    assert node(server) == (True, None)
    assert cluster.uncordon("w1", "run-1") == "it carries no mark of a run: another client cordoned it"


def test_somebody_uncordoned_it_meanwhile(server: Acting, cluster: ActingKube) -> None:
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    server.nodes["w1"]["spec"] = {}
    assert cluster.uncordon("w1", "run-1") is None
    assert node(server) == (False, None)


def test_another_runs_mark_is_respected(server: Acting, cluster: ActingKube) -> None:
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    said = (
        "w1: it is marked by another run: docker2cri.io/run=run-1,cordoned-before=false\n"
        "  expected: a node that no other run works on\n"
        "  next: docker2cri status w1"
    )
    assert failure(lambda: cluster.cordon("w1", Mark(run="run-2", cordoned_before=False)), Refused) == said
    assert failure(lambda: cluster.uncordon("w1", "run-2"), Refused) == said
    server.nodes["w1"]["metadata"]["annotations"][MARK] = "by hand"
    assert failure(lambda: cluster.uncordon("w1", "run-1"), Refused).startswith(
        "w1: it is marked by another run: docker2cri.io/run=by hand\n"
    )


def test_what_is_written_in_between_is_judged_again(server: Acting, cluster: ActingKube) -> None:
    writes = iter([True, True, False])

    def meddle(found: dict[str, Any]) -> None:
        if next(writes):
            found["metadata"]["resourceVersion"] = str(int(found["metadata"]["resourceVersion"]) + 5)
            found["metadata"]["annotations"]["theirs"] = "kept"

    server.meddle = meddle
    cluster.cordon("w1", Mark(run="run-1", cordoned_before=False))
    assert node(server) == (True, "run-1,cordoned-before=false")
    assert server.nodes["w1"]["metadata"]["annotations"]["theirs"] == "kept"


def test_annotations_come_and_go(server: Acting, cluster: ActingKube) -> None:
    cluster.annotate("w1", "kubeadm.alpha.kubernetes.io/cri-socket", "unix:///run/containerd/containerd.sock")
    cluster.annotate("w1", "a", None)
    assert server.nodes["w1"]["metadata"]["annotations"] == {
        "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock"
    }
    cluster.annotate("w1", "a", None)
    assert len(server.got) == 2


def test_a_node_that_is_missing(server: Acting, cluster: ActingKube) -> None:
    assert failure(lambda: cluster.read_node("w9"), NodeMissing) == (
        f"w9: {server.url} knows no node of this name\n  expected: a Node object\n  next: {cluster.api.kubectl} get nodes"
    )


# an API that is away


def test_an_api_that_comes_back_is_waited_for_and_told(server: Acting, cluster: ActingKube, events: list[Event]) -> None:
    server.answers["PATCH", "/api/v1/nodes/w1"] = [(0, b""), status(503, "starting"), status(403, "RBAC: not yet"), status(409, "again")]
    server.answers["GET", "/api/v1/nodes/w1"] = [(0, b""), (200, server.nodes["w1"])]

    def heal(event: Event) -> None:
        events.append(event)
        if len(events) == 4:
            del server.answers["PATCH", "/api/v1/nodes/w1"], server.answers["GET", "/api/v1/nodes/w1"]

    healing = acting(cluster, heal, 20)
    healing.cordon("w1", Mark(run="run-1", cordoned_before=False))
    assert node(server) == (True, "run-1,cordoned-before=false")
    told = [one for one in events if isinstance(one, ApiAway)]
    assert [one.doing for one in told] == ["reading node w1"] + ["cordoning w1"] * 3
    assert [one.reason for one in told[2:]] == ["HTTP 503: starting", "HTTP 403: RBAC: not yet"]


def test_an_api_that_stays_away_is_given_up(server: Acting, cluster: ActingKube, events: list[Event]) -> None:
    server.answers["GET", "/api/v1/nodes/w1"] = [status(503, "etcd has no leader")]
    assert failure(lambda: cluster.read_node("w1")) == (
        f"{server.url} answers GET /api/v1/nodes/w1 with HTTP 503: etcd has no leader\n"
        "  expected: HTTP 200\n"
        f"  next: {cluster.api.kubectl} get --raw /readyz?verbose"
    )
    assert events[-1].seconds > 10


@pytest.mark.parametrize(
    ("call", "answered", "text"),
    [
        (
            lambda cluster: cluster.cordon("w1", Mark(run="r", cordoned_before=False)),
            ("PATCH", "/api/v1/nodes/w1"),
            "{url} answers PATCH /api/v1/nodes/w1 with HTTP 403: no\n"
            '  expected: permission to patch nodes: a role with apiGroups: [""], resources: ["nodes"], verbs: ["patch"]\n'
            "  next: docker2cri rbac apply, which prints the roles; {kubectl} auth can-i patch nodes",
        ),
        (
            lambda cluster: cluster.pods_on("w1"),
            ("GET", "/api/v1/pods"),
            "{url} answers GET /api/v1/pods with HTTP 403: no\n"
            '  expected: permission to list pods in all namespaces: a role with apiGroups: [""], resources: ["pods"], verbs: ["list"]\n'
            "  next: docker2cri rbac apply, which prints the roles; {kubectl} auth can-i list pods --all-namespaces",
        ),
        (
            lambda cluster: cluster.delete_pod("shop", "web"),
            ("DELETE", "/api/v1/namespaces/shop/pods/web"),
            "{url} answers DELETE /api/v1/namespaces/shop/pods/web with HTTP 403: no\n"
            '  expected: permission to delete pods in shop: a role with apiGroups: [""], resources: ["pods"], verbs: ["delete"]\n'
            "  next: docker2cri rbac apply, which prints the roles; {kubectl} auth can-i delete pods -n shop",
        ),
    ],
)
def test_what_is_forbidden_is_said_at_once(
    server: Acting, cluster: ActingKube, events: list[Event], call: Callable[[ActingKube], object], answered: tuple[str, str], text: str
) -> None:
    server.answers[answered] = [status(403, "no")]
    assert failure(lambda: call(cluster)) == text.format(url=server.url, kubectl=cluster.api.kubectl)
    assert events == []


def test_credentials_that_expired(server: Acting, cluster: ActingKube) -> None:
    server.answers["POST", EVICTION] = [status(401, "Unauthorized")]
    said = failure(lambda: cluster.evict(POD))
    assert said.startswith(
        f"{server.url} answers POST {EVICTION} with HTTP 401: Unauthorized\n  expected: credentials that the API server accepts\n"
    )


def test_no_permission_to_evict(server: Acting, cluster: ActingKube) -> None:
    no = 'pods "web" is forbidden: User "me" cannot create resource "pods/eviction" in API group "" in the namespace "shop"'
    server.answers["POST", EVICTION] = [status(403, no)]
    assert failure(lambda: cluster.evict(POD)) == (
        f"{server.url} answers POST {EVICTION} with HTTP 403: {no}\n"
        '  expected: permission to create pods/eviction in shop: a role with apiGroups: [""], '
        'resources: ["pods/eviction"], verbs: ["create"]\n'
        f"  next: docker2cri rbac apply, which prints the roles; {cluster.api.kubectl} auth can-i create pods/eviction -n shop"
    )


# evictions


def test_an_eviction_names_exactly_this_pod(server: Acting, cluster: ActingKube) -> None:
    server.answers["POST", EVICTION] = [(201, {"kind": "Status", "status": "Success", "code": 201})]
    assert cluster.evict(POD) == Accepted()
    assert cluster.evict(POD, grace=3) == Accepted()
    first, second = (body for _, _, body in server.got)
    assert first == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "web", "namespace": "shop"},
        "deleteOptions": {"preconditions": {"uid": "uid-1"}},
    }
    assert second["deleteOptions"]["gracePeriodSeconds"] == 3


def test_before_1_22_it_is_v1beta1(server: Acting, cluster: ActingKube) -> None:
    resources = [{"name": "pods/eviction", "group": "policy", "version": "v1beta1", "kind": "Eviction"}, {"name": "pods"}]
    server.answers["GET", "/api/v1"] = [(200, {"resources": resources})]
    server.answers["POST", EVICTION] = [(201, {})]
    assert cluster.evict(POD) == Accepted()
    assert server.got[0][2]["apiVersion"] == "policy/v1beta1"


BUDGET = {"reason": "DisruptionBudget", "message": "The disruption budget web needs 3 healthy pods and has 3 currently"}
BY_BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."
NEGATIVE = "pdb disruptions allowed is negative"
TWO = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (status(404, "not found"), Gone()),
        (status(409, "Precondition failed: UID in precondition: a, UID in object meta: b"), Gone()),
        (status(409, "the UID in the precondition (a) does not match the UID in record (b)"), Gone()),
        (status(409, "the object has been modified"), NotNow("HTTP 409: the object has been modified", False)),
        (
            status(429, "Cannot evict pod as it would violate the pod's disruption budget.", causes=[BUDGET]),
            NotNow(BUDGET["message"], True),
        ),
        (status(429, BY_BUDGET), NotNow(f"HTTP 429: {BY_BUDGET}", True)),
        (status(429, "too many requests", retryAfterSeconds=3), NotNow("HTTP 429: too many requests", False, 3.0)),
        (
            status(403, "namespace is terminating", causes=[{"reason": "NamespaceTerminating"}]),
            NamespaceEnds("HTTP 403: namespace is terminating"),
        ),
        (
            status(403, "pdb disruptions allowed is negative", kind="poddisruptionbudgets"),
            NotNow("HTTP 403: pdb disruptions allowed is negative", True),
        ),
        (status(403, "no permission"), Never("HTTP 403: no permission")),
        (status(500, TWO), Never(TWO)),
        ((201, status(500, TWO)[1]), Never(TWO)),
        (status(500, "etcdserver: request timed out"), NotNow("HTTP 500: etcdserver: request timed out", False)),
        (status(422, "invalid"), Never("HTTP 422: invalid")),
        ((502, b"<html>bad gateway"), NotNow("HTTP 502: <html>bad gateway", False)),
    ],
)
def test_what_an_answer_means(server: Acting, cluster: ActingKube, answer: tuple[int, Any], means: Eviction) -> None:
    server.answers["POST", EVICTION] = [answer]
    assert cluster.evict(POD) == means


# pods


def test_pods_are_made_and_deleted(server: Acting, cluster: ActingKube) -> None:
    path = "/api/v1/namespaces/kube-system/pods"
    manifest = {"metadata": {"name": "smoke", "namespace": "kube-system"}}
    server.answers["POST", path] = [(201, manifest), status(403, "exceeded quota")]
    assert cluster.create_pod(manifest).key == "kube-system/smoke"
    assert failure(lambda: cluster.create_pod(manifest), PodRefused) == (
        "the API will not have pod kube-system/smoke: HTTP 403: exceeded quota\n"
        "  expected: a pod that passes admission and quota\n"
        f"  next: {cluster.api.kubectl} auth can-i create pods -n kube-system"
    )
    server.answers["DELETE", f"{path}/smoke"] = [(200, {}), status(404, "gone"), status(409, "another uid")]
    for _ in range(3):
        cluster.delete_pod("kube-system", "smoke", uid="u", grace=1)
    assert server.got[-1][2] == {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "u"}, "gracePeriodSeconds": 1}
    assert cluster.read_pod("kube-system", "smoke") is None


def test_logs(server: Acting, cluster: ActingKube) -> None:
    server.answers["GET", "/api/v1/namespaces/a/pods/b/log"] = [(200, b"hello\n"), status(500, "no such container")]
    assert [cluster.logs("a", "b") for _ in range(2)] == [Said(200, "hello\n"), Said(500, "HTTP 500: no such container")]


def test_exec_gives_what_came_on_every_channel(server: Acting, cluster: ActingKube) -> None:
    failed = json.dumps({"status": "Failure", "message": "exec: executable file not found in $PATH"}).encode()
    server.exec_frames = (b"\x01", b"\x01out ", b"\x02err", b"\x03" + failed)
    assert cluster.execute("a", "b", ("/missing",)) == Said(101, "out err exec: executable file not found in $PATH")


def test_exec_that_is_refused(server: Acting, cluster: ActingKube) -> None:
    server.answers["GET", "/api/v1/namespaces/a/pods/b/exec"] = [status(500, "error dialing backend")]
    assert cluster.execute("a", "b", ("/missing",)) == Said(500, "error dialing backend")


def test_warnings_about_a_pod_are_told_newest_first_and_each_once(server: Acting, cluster: ActingKube) -> None:
    def event(reason: str, message: str, **when: str) -> dict[str, Any]:
        return {"metadata": {"name": reason}, "type": "Warning", "reason": reason, "message": message, **when}

    pod = Pod(metadata=Metadata(name="web-1", namespace="shop", uid="u1"))
    server.lists["/api/v1/namespaces/shop/events"] = [
        event("FailedMount", "timed out", lastTimestamp="2026-01-01T00:00:00Z"),
        event("FailedCreatePodSandBox", "rpc error:\n password=hunter2secret", eventTime="2026-01-01T00:00:09Z"),
        event("FailedMount", "timed out", lastTimestamp="2026-01-01T00:00:05Z"),
    ]
    sandbox, mount = cluster.warnings(pod)
    assert mount == "FailedMount: timed out"
    assert sandbox.startswith("FailedCreatePodSandBox: rpc error: password=")
    assert "hunter2" not in sandbox
    server.lists.clear()
    assert cluster.warnings(pod) == ()


def test_volume_attachments_of_one_node(server: Acting, cluster: ActingKube) -> None:
    path = "/apis/storage.k8s.io/v1/volumeattachments"
    specs = [("b", "w1"), ("a", "w1"), ("c", "w2")]
    server.lists[path] = [
        {"metadata": {"name": name}, "spec": {"nodeName": where, "attacher": "csi.x", "source": {"persistentVolumeName": f"pv-{name}"}}}
        for name, where in specs
    ]
    assert [one.spec.source.persistent_volume_name for one in cluster.volume_attachments("w1")] == ["pv-a", "pv-b"]
    del server.lists[path]
    assert cluster.volume_attachments("w1") == ()


def test_workloads_of_some_namespaces(server: Acting, cluster: ActingKube) -> None:
    server.lists["/api/v1/namespaces/shop/pods"] = [{"metadata": {"name": "web", "namespace": "shop"}}]
    for group, plural in (("apps", "replicasets"), ("apps", "deployments"), ("apps", "statefulsets"), ("batch", "jobs")):
        server.lists[f"/apis/{group}/v1/namespaces/shop/{plural}"] = [{"metadata": {"name": plural, "namespace": "shop"}}]
    found = cluster.workloads(["shop"])
    assert [one.key for one in found.pods] == ["shop/web"]
    assert [one.kind for one in found.owners] == ["ReplicaSet", "Deployment", "StatefulSet", "Job"]


# watching


PODS, NODES, PDBS = "/api/v1/pods", "/api/v1/nodes", "/apis/policy/v1/poddisruptionbudgets"


def pod(name: str, version: int, **status: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": meta, "spec": {"nodeName": "w1"}, "status": status}


@pytest.fixture
def watched(server: Acting, tmp_path: Path, events: list[Event]) -> ActingKube:
    server.lists |= {PODS: [pod("a", 1)], NODES: [server.nodes["w1"]], PDBS: []}
    server.streams |= {path: queue.Queue() for path in (PODS, NODES, PDBS)}
    config = kubeconfig(tmp_path / "watched", server.url)
    return acting(connect(kubeconfig=str(config), context=None, environ={}, clock=SystemClock()), events.append, patience=5)


def until(condition: Callable[[], bool], view: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        view.wait(0.2)


def test_a_watch_shows_the_present_state(server: Acting, watched: ActingKube) -> None:
    with watched.watch("w1") as view:
        assert [one.key for one in view.pods()] == ["shop/a"]
        assert view.node() is not None
        assert view.budgets() == ()
        server.streams[PODS].put({"type": "ADDED", "object": pod("b", 101)})
        until(lambda: len(view.pods()) == 2, view)
        server.streams[PODS].put({"type": "MODIFIED", "object": pod("b", 102, phase="Running")})
        until(lambda: view.pods()[1].status.phase == "Running", view)
        server.streams[PODS].put({"type": "DELETED", "object": pod("a", 103)})
        until(lambda: [one.key for one in view.pods()] == ["shop/b"], view)


def test_a_watch_that_ends_goes_on_from_where_it_was(server: Acting, watched: ActingKube) -> None:
    with watched.watch("w1") as view:
        server.streams[PODS].put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "150"}}})
        server.streams[PODS].put(END)
        server.streams[PODS].put({"type": "DELETED", "object": pod("a", 160)})
        until(lambda: view.pods() == (), view)
    assert [version for path, version in server.watched if path == PODS] == ["100", "150"]


def test_half_an_event_is_asked_for_again(server: Acting, watched: ActingKube) -> None:
    with watched.watch("w1") as view:
        for event in (b'{"type": "DELE', END, {"type": "DELETED", "object": pod("a", 160)}):
            server.streams[PODS].put(event)
        until(lambda: view.pods() == (), view)
    assert [version for path, version in server.watched if path == PODS] == ["100", "100"]


@pytest.mark.parametrize("code", [410, 500])
def test_what_was_missed_is_listed_again(server: Acting, watched: ActingKube, code: int) -> None:
    expired = {"type": "ERROR", "object": {"code": code, "message": "too old resource version"}}
    with watched.watch("w1") as view:
        server.lists[PODS] = [pod("z", 500)]
        server.version = 500
        server.streams[PODS].put(expired)
        server.streams[PODS].put(END)
        until(lambda: [one.key for one in view.pods()] == ["shop/z"], view)
    assert "500" in [version for path, version in server.watched if path == PODS]


def test_an_api_that_is_away_is_told_and_comes_back(server: Acting, watched: ActingKube) -> None:
    with watched.watch("w1") as view:
        server.answers["GET", PODS] = [status(503, "starting")]
        server.streams[PODS].put({"type": "ERROR", "object": {"code": 410}})
        until(lambda: view.away() is not None, view)
        assert view.away() == f"{server.url} answers GET {PODS} with HTTP 503: starting"
        assert [one.key for one in view.pods()] == ["shop/a"]
        server.lists[PODS] = []
        del server.answers["GET", PODS]
        until(lambda: view.away() is None and view.pods() == (), view)


def test_an_api_that_refuses_connections_is_noticed_though_the_watches_stay_open(
    server: Acting, watched: ActingKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "PULSE_SECONDS", 0.1)
    with watched.watch("w1") as view:
        until(lambda: len(server.watched) == 3, view)
        with server.refusing():
            until(lambda: view.away() == f"{server.url}: no connection: Connection refused", view)
            assert [one.key for one in view.pods()] == ["shop/a"]
        until(lambda: view.away() is None, view)
        assert len(server.watched) == 3  # the same ones go on


def test_the_first_lists_of_an_api_that_refuses_connections_are_waited_for_and_told(
    server: Acting, watched: ActingKube, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "TOLD_SECONDS", 0.1)
    away = server.refusing()

    def tell(event: Event) -> None:
        events.append(event)
        if len(events) == 3:
            away.__exit__(None, None, None)

    away.__enter__()
    with replace(watched, tell=tell).watch("w1") as view:
        assert [one.key for one in view.pods()] == ["shop/a"]
        until(lambda: view.away() is None, view)
    refused = f"{server.url}: no connection: Connection refused"
    assert {(one.doing, one.reason, one.bound) for one in events if isinstance(one, ApiAway)} == {("reading what runs on w1", refused, 5)}
    assert words(events[0]) == f"reading what runs on w1: the API does not answer ({refused})"
    assert 0.3 <= data(events[2])["seconds"] < 5  # since when


def test_the_first_lists_of_an_api_that_stays_away_are_given_up(server: Acting, watched: ActingKube, events: list[Event]) -> None:
    watched = replace(watched, patience=0.5)

    def look() -> None:
        with watched.watch("w1"):
            pass

    with server.refusing():
        assert failure(look) == (
            f"{server.url}: no connection: Connection refused\n"
            "  expected: an API server that answers\n"
            f"  next: {watched.api.kubectl} get --raw /version"
        )


def test_budgets_that_may_not_be_listed_are_none(server: Acting, watched: ActingKube) -> None:
    server.answers["GET", PDBS] = [status(403, "no")]
    del server.streams[PDBS]
    with watched.watch("w1") as view:
        assert view.budgets() == ()
        assert view.away() is None


def test_pods_that_may_not_be_listed_are_an_error(server: Acting, watched: ActingKube) -> None:
    server.answers["GET", PODS] = [status(403, "no")]

    def look() -> None:
        with watched.watch("w1") as view:
            view.wait(1)

    assert failure(look).startswith(
        f"{server.url} answers GET {PODS} with HTTP 403: no\n  expected: permission to list pods in all namespaces: a role with api"
    )


def test_an_old_servers_budgets(server: Acting, watched: ActingKube) -> None:
    old = "/apis/policy/v1beta1/poddisruptionbudgets"
    del server.lists[PDBS], server.streams[PDBS]
    server.lists[old] = [{"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "status": {"disruptionsAllowed": 1}}]
    server.streams[old] = queue.Queue()
    with watched.watch("w1") as view:
        assert [(one.metadata.name, one.status.disruptions_allowed) for one in view.budgets()] == [("web", 1)]


def test_no_thread_stays_behind(server: Acting, watched: ActingKube) -> None:
    import threading

    begun = time.monotonic()
    with watched.watch("w1"):
        pass
    assert time.monotonic() - begun < 2
    assert [one.name for one in threading.enumerate() if one.name.startswith("kube-watch")] == []


def test_leases_of_the_control_plane_are_read_through_a_balancer_whose_server_goes_away(
    server: Acting, watched: ActingKube, events: list[Event]
) -> None:
    """A connection to an API server that stops breaks at its next request; the next one is led to another server."""
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    spec = {"renewTime": "2024-05-01T12:00:00.000000Z"}
    server.answers["GET", f"{leases}/kube-scheduler"] = [(200, {"metadata": {"name": "kube-scheduler"}, "spec": spec})]
    assert watched.component_leases() == {"kube-scheduler": spec["renewTime"]}
    away = server.refusing()

    def tell(event: Event) -> None:
        events.append(event)
        if len(events) == 2:
            away.__exit__(None, None, None)

    away.__enter__()
    assert replace(watched, tell=tell).component_leases() == {"kube-scheduler": spec["renewTime"]}
    assert {one.doing for one in events if isinstance(one, ApiAway)} == {"reading the Lease kube-controller-manager"}
