"""With `--keep-docker`: what is told of what the two share, and that nothing is said to stop which does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.model import Endpoint, Filesystem, Firewall, HostUse, Listener, NodeFacts, SocketUser
from migrate.facts.pod import Pod
from migrate.rules import NodeView, Severity, check
from migrate.rules.table import RULES
from migrate.targets import Target, with_options
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case
from tests.rules.test_actors import PUPPET, host

KEEP = with_options(CONTAINERD, {"keep-docker"})
SOCK = "/var/run/docker.sock"
STATIC = {"owner": ("Node", "w1"), "annotations": {"kubernetes.io/config.mirror": "x"}}
OTHERS = (
    make.container("ci", restart="always"),
    make.container("b", compose_project="shop"),
    make.container("old", state="exited"),
    make.container("k8s_a", pod=("shop", "web-1", "uid")),
)


def kept(*pods: Pod, to: Target = KEEP, **facts: Any) -> NodeView:
    return make.view(*pods, of=make.facts(**facts), target=to)


def node(to: Target = KEEP, units: dict[str, Any] | None = None, **docker: Any) -> NodeView:
    """Docker with these fields, and units changed."""
    facts = make.facts(docker=make.docker(**docker))
    return make.view(of=replace(facts, units={**facts.units, **(units or {})}), target=to)


def tied(**given: Any) -> dict[str, Any]:
    return {"docker.service": make.unit("docker.service", **given)}


def cri_dockerd() -> NodeFacts:
    facts = make.facts(endpoint=Endpoint("cri-dockerd", "unix:///run/cri-dockerd.sock", "the kubelet's flag"))
    unit = make.unit("cri-docker.service", required_by=("watcher.service",))
    of_docker = make.unit("docker.service", required_by=("backup.service",))
    return replace(facts, units={**facts.units, unit.name: unit, of_docker.name: of_docker})


USES = {
    "docker_uses": (HostUse("/etc/cron.d/prune", 3, "docker system"),),
    "listeners": (Listener("0.0.0.0", 2375, "dockerd"),),
    "socket_users": (SocketUser("agent", 7, "/run/docker.sock"),),
}
SEEN_USES = (
    ("/etc/cron.d/prune", "/etc/cron.d/prune:3: docker system"),
    ("TCP 0.0.0.0:2375", "dockerd listens, usually without TLS"),
    ("process agent", "PID 7 is connected to /run/docker.sock"),
)
FIREWALL = Firewall("DROP", 5, ("-A DOCKER-USER -s 10.0.0.0/8 -j ACCEPT",))
OTHER_DISK = (make.filesystem(), Filesystem("/var/lib/docker", "/dev/sdb1", "/var/lib/docker", 100 * make.GIB, 5 * make.GIB))
SHARES = "dockerd uses it for 2 containers of its own; live-restore is off"
CASES = (
    Case(
        "D2C150",
        "those that run or would, by project, and no pod's",
        node(containers=OTHERS),
        (
            ("Compose project shop", "b: image busybox:1.36, running, restart policy no"),
            ("container ci", "ci: image busybox:1.36, running, restart policy always"),
        ),
    ),
    Case(
        "D2C150",
        "a swarm, and etcd in Docker",
        node(swarm="active", containers=(make.container("api.1", swarm_task="t1"), make.container("etcd1"))),
        (
            ("Docker Swarm", "docker info: Swarm active; tasks here: api.1"),
            ("container etcd1", "etcd1: image busybox:1.36, running, restart policy no"),
        ),
    ),
    Case("D2C150", "without the option", node(CONTAINERD, containers=OTHERS)),
    Case("D2C151", "of the flag", node(containers=OTHERS), (("containerd.service", SHARES),)),
    Case(
        "D2C151",
        "with live-restore, tied",
        node(units=tied(binds_to=("containerd.service",)), argv=("dockerd",), live_restore=True, containers=()),
        (
            (
                "containerd.service",
                "dockerd uses it for 0 containers of its own; live-restore is on; docker.service has BindsTo=containerd.service, "
                "so systemd restarts Docker with it",
            ),
        ),
    ),
    Case("D2C151", "a containerd of its own", node(child_containerd=True)),
    Case("D2C151", "another socket", node(argv=("dockerd", "--containerd=/run/other.sock"))),
    Case("D2C151", "to CRI-O", node(with_options(CRIO, {"keep-docker"}))),
    Case("D2C151", "without the option", node(CONTAINERD)),
    Case(
        "D2C152",
        "required",
        node(units=tied(requires=("containerd.service", "docker.socket")), containers=OTHERS),
        (("docker.service", "docker.service has Requires=containerd.service; live-restore is off; 2 containers would stop"),),
    ),
    Case("D2C152", "live-restore", node(units=tied(requires=("containerd.service",)), containers=OTHERS, live_restore=True)),
    Case("D2C152", "nothing runs that would stop", node(units=tied(requires=("containerd.service",)), containers=OTHERS[2:])),
    Case("D2C152", "wanted only", node(units=tied(wants=("containerd.service",)), containers=OTHERS)),
    Case("D2C152", "without the option", node(CONTAINERD, units=tied(requires=("containerd.service",)), containers=OTHERS)),
    Case("D2C153", "a script, a port, a process", kept(**USES), SEEN_USES),
    Case("D2C153", "without the option", kept(to=CONTAINERD, **USES)),
    Case(
        "D2C336",
        "the socket, and a parent of it",
        kept(make.pod("a", **make.host_path(SOCK)), make.pod("b", **make.host_path("/run"))),
        (
            ("Deployment shop/web", f"hostPath {SOCK} (no type) at /mnt of container web (pod a)"),
            ("Deployment shop/web", "hostPath /run (no type) at /mnt of container web, a parent of Docker's socket (pod b)"),
        ),
    ),
    Case(
        "D2C336",
        "DOCKER_HOST that is the node's",
        kept(make.pod("a", hostNetwork=True, container={"env": [{"name": "DOCKER_HOST", "value": "tcp://127.0.0.1:2375"}]})),
        (("Deployment shop/web", "container web has DOCKER_HOST tcp://127.0.0.1:2375, which is the node (pod a)"),),
    ),
    Case("D2C336", "that of dockershim is D2C301", kept(make.pod("a", **make.host_path("/run/dockershim.sock")))),
    Case("D2C336", "without the option", kept(make.pod("a", **make.host_path(SOCK)), to=CONTAINERD)),
    Case(
        "D2C405",
        "one disk",
        kept(),
        (
            (
                "filesystem /",
                "/var/lib/docker and /var/lib/containerd are on /dev/sda1: 50.0 GiB of 100.0 GiB free; "
                "imageGCHighThresholdPercent 85, default",
            ),
        ),
    ),
    Case(
        "D2C405",
        "a disk of its own",
        kept(filesystems=OTHER_DISK),
        (
            (
                "filesystem /var/lib/docker",
                "/var/lib/docker is on /dev/sdb1: 5.0 GiB of 100.0 GiB free; the kubelet will watch /dev/sda1 instead",
            ),
        ),
    ),
    Case("D2C405", "without the option", kept(to=CONTAINERD)),
    Case(
        "D2C524",
        "with rules of an admin",
        kept(firewall=FIREWALL),
        (
            (
                "iptables",
                "5 rules in chains of Docker; policy of FORWARD: DROP; DOCKER-USER: -A DOCKER-USER -s 10.0.0.0/8 -j ACCEPT; "
                "network of pods: bridge cni0",
            ),
        ),
    ),
    Case("D2C524", "without the option", kept(to=CONTAINERD, firewall=FIREWALL)),
    # what stays silent, or says less
    Case("D2C111", "kept: the swarm goes on", node(swarm="active")),
    Case("D2C112", "kept: etcd goes on", node(containers=(make.container("etcd1"),))),
    Case(
        "D2C112",
        "kept: a kubelet in Docker does not",
        node(containers=(make.container("kubelet", image="rancher/hyperkube:v1.20.15"),)),
        (("container kubelet", "image rancher/hyperkube:v1.20.15, running, restart policy no, not created by the kubelet"),),
    ),
    Case("D2C113", "kept", node(containers=OTHERS)),
    Case("D2C114", "kept", node(containers=OTHERS)),
    Case("D2C115", "kept", node(live_restore=True)),
    *(Case(code, "kept is D2C153", kept(**USES)) for code in ("D2C116", "D2C130", "D2C163")),
    Case("D2C131", "kept", kept(docker_group=("jane",))),
    Case(
        "D2C132",
        "kept: cri-dockerd's units alone stop",
        make.view(of=cri_dockerd(), target=KEEP),
        (("watcher.service", "requires cri-docker.service"),),
    ),
    Case("D2C139", "kept", node(containers=(make.container("slow", stop_timeout=9000),))),
    Case("D2C142", "kept", kept(firewall=FIREWALL, marks=frozenset({"/sys/class/net/virbr0"}))),
    Case("D2C165", "kept", kept(kernel=replace(make.facts().kernel, sysctls={"fs.may_detach_mounts": "1"}))),
    Case("D2C180", "kept: docker.sock is there", kept(make.pod("w1-a", **STATIC, **make.host_path(SOCK)))),
    Case(
        "D2C180",
        "kept: that of dockershim is not",
        kept(make.pod("w1-a", **STATIC, **make.host_path("/var/run/dockershim.sock"))),
        (("Pod shop/w1-a", "it mounts /run/dockershim.sock"),),
    ),
    Case("D2C301", "kept is D2C336", kept(make.pod("a", **make.host_path(SOCK)), make.pod("b", **make.host_path("/run")))),
    Case(
        "D2C301",
        "kept: sockets of Kubernetes alone are gone",
        make.view(make.pod("a", **make.host_path("/run/cri-dockerd.sock", "Socket")), of=cri_dockerd(), target=KEEP),
        (("Deployment shop/web", "hostPath /run/cri-dockerd.sock (type Socket) at /mnt of container web (pod a)"),),
    ),
    Case("D2C520", "kept", kept(firewall=FIREWALL)),
    Case("D2C521", "kept", kept(firewall=FIREWALL)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_it_says(case: Case) -> None:
    case.verify()


def test_nothing_of_it_is_told_without_the_option() -> None:
    codes = {"D2C150", "D2C151", "D2C152", "D2C153", "D2C336", "D2C405", "D2C524"}
    view = kept(make.pod("a", **make.host_path(SOCK)), to=CONTAINERD, firewall=FIREWALL, docker=make.docker(containers=OTHERS), **USES)
    assert {found.code for found in check(view, RULES)} & codes == set()
    told = {found.code for found in check(replace(view, target=KEEP), RULES)}
    assert codes - told == {"D2C152"}


def test_what_blocked_for_docker_s_end_alone_blocks_no_more() -> None:
    pods = (make.pod("a", **make.host_path(SOCK)),)
    view = kept(*pods, to=CONTAINERD, docker=make.docker(containers=OTHERS, swarm="active"))
    assert {found.code for found in check(view, RULES) if found.blocks} == {"D2C111", "D2C113", "D2C301"}
    assert [found.code for found in check(replace(view, target=KEEP), RULES) if found.severity is Severity.BLOCKER] == []


def test_a_remedy_asks_for_the_same_plan_again() -> None:
    view = node(units=tied(requires=("containerd.service",)), containers=OTHERS)
    (found,) = check(view, [rule for rule in RULES if rule.code == "D2C152"])
    assert "docker2cri plan --to containerd --keep-docker w1 --out plan.json" in found.remedy


@pytest.mark.parametrize(("managed", "blocks"), [("service[docker]", []), ("service[kubelet]", ["D2C250"])])
def test_puppet_may_keep_docker_running_and_not_the_kubelet(managed: str, blocks: list[str]) -> None:
    view = replace(host(PUPPET, managed=(managed,)), target=KEEP)
    assert [one.code for one in check(view, RULES) if one.blocks] == blocks
