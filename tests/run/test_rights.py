"""The roles that are printed, against what each command asks of an API server: no right that is not used, none that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from migrate.facts.api import Metadata
from migrate.facts.pod import SMOKE_NAMESPACE, Pod, smoke_name
from migrate.plan.lease import Approval, ClusterLease, Pause, lease_body
from migrate.plan.mark import Mark
from migrate.rules.table import RULES
from migrate.run.kube.client import connect
from migrate.run.kube.lease import LEASE, LEASES
from migrate.run.kube.port import ActingCluster
from migrate.run.kube.rights import OPTIONAL, RIGHTS, Grant, asked_of, missing, roles_of
from migrate.run.kube.roll import roll
from migrate.run.kube.smoke import smoke_manifest
from migrate.run.kube.writes import ActingKube, acting
from migrate.run.pause import approve, pause, resume
from migrate.targets.table import TARGETS
from tests.fakes import FakeClock
from tests.run.acting_server import Acting
from tests.run.acting_server import serving as serving_acting
from tests.run.api_server import ALL, ApiServer, serving
from tests.run.test_kube import kubeconfig

APPROVED = Approval(digest="sha256:b", by="me", at="2024-05-01T12:00:00Z")
PAUSED = ClusterLease(version="1", run="r", paused=Pause(by="me", at="2024-05-01T12:00:00Z", why="looks"), approved=APPROVED)
FREE = ("/version", "/api/v1")
UNSEEN = {("", "pods/exec", "create", SMOKE_NAMESPACE)}  # asked for by API servers from 1.35 beside the GET
Right = tuple[str, str, str, str]


def needs(requests: Iterable[tuple[str, str]]) -> set[tuple[str, str, str, str, str]]:
    """Group, resource, verb, namespace and name of each request."""
    found = set()
    for method, target in requests:
        parts = urlsplit(target)
        if parts.path in FREE:
            continue
        group, namespace, resource, name = asked_of(parts.path)
        watched = dict(parse_qsl(parts.query)).get("watch") == "true"
        kind = method if method != "GET" or name else "WATCH" if watched else "LIST"
        found.add((group, resource, *missing(kind, parts.path).verbs, namespace, name))
    return found


def compared(name: str, asked: set[tuple[str, str, str, str, str]]) -> tuple[set[tuple[str, ...]], set[Right]]:
    """What was asked and is not granted, and what is granted and was not asked."""
    grants = next(rights.grants for rights in RIGHTS if rights.name == name)

    def covers(grant: Grant, one: tuple[str, str, str, str, str]) -> bool:
        group, resource, verb, namespace, asked_name = one
        same = grant.group == group and resource in grant.resources and verb in grant.verbs
        return same and (not grant.names or asked_name in grant.names) and grant.within in ("", namespace)

    lacking: set[tuple[str, ...]] = {one for one in asked if not any(covers(grant, one) for grant in grants)}
    unused = {
        (grant.group, resource, verb, grant.within)
        for grant in grants
        for resource in grant.resources
        for verb in grant.verbs
        if not any(one[:3] == (grant.group, resource, verb) and covers(grant, one) for one in asked)
    }
    return lacking, unused


def test_inspect_and_scan(tmp_path: Path) -> None:
    with serving(ApiServer()) as server:
        cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=FakeClock())
        cluster.read()
        assert compared("inspect", needs(("GET", target) for target in server.asked)) == (set(), set())
        server.asked.clear()
        roll(cluster, TARGETS[0], RULES)
        assert compared("scan", needs(("GET", target) for target in server.asked)) == (set(), set())
        server.asked.clear()
        cluster.read(config_maps=True)
        assert compared("inspect", needs(("GET", target) for target in server.asked)) == ({("", "configmaps", "list", "", "")}, set())
        assert 'resources: ["configmaps"], verbs: ["list"]' in OPTIONAL


def everything(cluster: ActingKube) -> dict[str, Callable[[], object]]:
    """A call of each thing that the engine may ask for."""
    pod = Pod(metadata=Metadata(name="web", namespace="shop", uid="u"))
    smoke = smoke_name("w1")

    def watch() -> None:
        with cluster.watch("w1") as view:
            view.wait(0.5)

    return {
        "read": cluster.read,
        "identity": cluster.identity,
        "every_node": cluster.every_node,
        "read_node": lambda: cluster.read_node("w1"),
        "pods_on": lambda: cluster.pods_on("w1"),
        "read_pod": lambda: cluster.read_pod(SMOKE_NAMESPACE, smoke),
        "warnings": lambda: cluster.warnings(pod),
        "workloads": lambda: cluster.workloads(["shop"]),
        "volume_attachments": lambda: cluster.volume_attachments("w1"),
        "watch": watch,
        "cordon": lambda: cluster.cordon("w1", Mark(run="r", cordoned_before=False)),
        "uncordon": lambda: cluster.uncordon("w1", "r"),
        "annotate": lambda: cluster.annotate("w1", "k", "v"),
        "read_lease": cluster.read_lease,
        "component_leases": cluster.component_leases,
        "write_lease": lambda: (cluster.write_lease(ClusterLease()), cluster.write_lease(ClusterLease(version="1"))),
        "evict": lambda: cluster.evict(pod),
        "create_pod": lambda: cluster.create_pod(smoke_manifest("w1", "pause", "r")),
        "delete_pod": lambda: cluster.delete_pod(SMOKE_NAMESPACE, smoke),
        "logs": lambda: cluster.logs(SMOKE_NAMESPACE, smoke),
        "execute": lambda: cluster.execute(SMOKE_NAMESPACE, smoke, ("x",)),
    }


def test_apply(tmp_path: Path) -> None:
    pods = f"/api/v1/namespaces/{SMOKE_NAMESPACE}/pods"
    with serving_acting(Acting()) as server:
        server.add_node("w1")
        server.lists |= {path: [] for path in (*ALL, "/api/v1/nodes", "/apis/storage.k8s.io/v1/volumeattachments")}
        shop = [path.rpartition("/") for path in ALL]
        server.lists |= {f"{group}/namespaces/shop/{plural}": [] for group, _, plural in shop}
        server.answers = {
            ("GET", "/version"): [(200, {"gitVersion": "v1.23.17"})],
            ("GET", "/api/v1"): [(200, {"resources": []})],
            ("GET", "/api/v1/namespaces/kube-system"): [(200, {"metadata": {"name": "kube-system", "uid": "u"}})],
            ("POST", pods): [(201, {"metadata": {"name": "x", "namespace": SMOKE_NAMESPACE}, "spec": {"containers": []}})],
            ("POST", LEASES): [(201, {})],
            ("DELETE", f"{pods}/{smoke_name('w1')}"): [(200, {})],
        }
        cluster = acting(
            connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=FakeClock()),
            lambda event: None,
        )
        calls = everything(cluster)
        assert set(calls) == {name for name in dir(ActingCluster) if not name.startswith("_")}
        for call in calls.values():
            call()
        assert compared("apply", needs(server.asked)) == (set(), UNSEEN)


def test_pause_and_resume(tmp_path: Path) -> None:
    with serving_acting(Acting()) as server:
        server.answers = {("POST", LEASES): [(201, {})]}
        cluster = acting(
            connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=FakeClock()),
            lambda event: None,
        )
        pause(cluster, FakeClock(), "me", "looks")
        server.answers = {("GET", LEASE): [(200, lease_body(PAUSED))], ("PATCH", LEASE): [(200, {})]}
        resume(cluster)
        approve(cluster, FakeClock(), "me", "sha256:a", 0)
        assert compared("pause", needs(server.asked)) == (set(), set())


@pytest.mark.parametrize("name", ["scan", "inspect", "pause", "apply"])
def test_the_roles_are_yaml_for_kubectl(name: str) -> None:
    documents = list(yaml.safe_load_all(roles_of(name)))
    wanted = {"scan": ["ClusterRole"], "pause": ["Role"]}.get(name, ["ClusterRole", "Role"])
    places = [(one["kind"], one["metadata"].get("namespace")) for one in documents]
    assert places == [(kind, "kube-system" if kind == "Role" else None) for kind in wanted]
    for document in documents:
        for rule in document["rules"]:
            assert set(rule) <= {"apiGroups", "resources", "resourceNames", "verbs"}
            assert "*" not in str(rule)


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("LIST", "/api/v1/pods", 'apiGroups: [""], resources: ["pods"], verbs: ["list"]'),
        ("GET", "/api/v1/namespaces/kube-system", 'apiGroups: [""], resources: ["namespaces"], verbs: ["get"]'),
        ("PATCH", "/api/v1/nodes/w1", 'apiGroups: [""], resources: ["nodes"], verbs: ["patch"]'),
        ("POST", "/api/v1/namespaces/shop/pods/web/eviction", 'apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"]'),
        (
            "WATCH",
            "/apis/policy/v1/poddisruptionbudgets",
            'apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["watch"]',
        ),
    ],
)
def test_a_refused_request_names_its_rule(method: str, path: str, rule: str) -> None:
    assert str(missing(method, path)) == rule
