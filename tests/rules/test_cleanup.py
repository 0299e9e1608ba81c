"""Rules about what Docker left: each fires on one thing and is silent on a node that has left Docker well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.model import Endpoint, HostUse, Unreadable
from migrate.facts.remains import (
    Chains,
    DataRoot,
    LeftContainer,
    Leftover,
    LeftPackage,
    LeftRun,
    Namespace,
    Records,
    Remains,
)
from migrate.facts.transaction import Change, Transaction
from migrate.rules import NodeView, check
from migrate.rules.cleanup import CLEANUP_RULES
from migrate.rules.leftovers import policy_doubt
from migrate.rules.table import RULES
from tests.rules import make
from tests.rules.case import Case

RUN = LeftRun("0123456789ab", verified=True, ended="", size=1000)
ROOT = DataRoot("/var/lib/docker", (Leftover("image", 10), Leftover("overlay2", 20), Leftover("volumes", 30)), (), ())
PACKAGE = LeftPackage("docker-ce", "5:20.10.24", 100)
REMOVED = Transaction("apt", (Change("docker-ce", "5:20.10.24", None),))
WELL = Remains(root=ROOT, packages=(PACKAGE,), removal=REMOVED, records=Records((RUN,), owner=RUN.name, stopped_by=RUN.name))
ON = Endpoint("containerd", "unix:///run/containerd/containerd.sock", "the kubelet's flag")
CONTAINERD = "containerd://1.6.20"


def node(remains: Remains | None = WELL, *pods: Any, runtime: str = CONTAINERD, **given: Any) -> NodeView:
    """A node that has left Docker, whose units are there and do not run; `given` are facts."""
    stopped = {name: make.unit(name, active="inactive") for name in ("docker.service", "docker.socket")}
    units = {"kubelet.service": make.unit("kubelet.service"), "containerd.service": make.unit("containerd.service"), **stopped}
    of = replace(make.facts(), **{"endpoint": ON, "units": units, **given})
    the_node = make.node()
    status = the_node.status
    info = make.msgspec.structs.replace(status.node_info, container_runtime_version=runtime)
    the_node = make.msgspec.structs.replace(the_node, status=make.msgspec.structs.replace(status, node_info=info))
    return replace(make.view(*pods, of=of, the_node=the_node), remains=remains)


def root(**given: Any) -> NodeView:
    return node(replace(WELL, root=replace(ROOT, **given)))


def records(*runs: LeftRun, **given: str) -> NodeView:
    return node(replace(WELL, records=Records(runs, **given)))


def removal(*changes: Change, **given: Any) -> NodeView:
    return node(replace(WELL, removal=Transaction("apt", changes, **given)))


SOCK = make.host_path("/var/run/docker.sock")
GONE = Change("docker-ce", "5:20.10.24", None)
DROP = Chains(policy=("4",))
CASES = (
    Case("D2C901", "on containerd", node()),
    Case("D2C901", "on Docker", node(endpoint=make.facts().endpoint), (("kubelet", "it runs its pods on dockershim, not on containerd"),)),
    Case(
        "D2C901",
        "the API tells another runtime",
        node(runtime="docker://20.10.24"),
        (("Node w1", "the API tells docker://20.10.24, the node's kubelet is on containerd"),),
    ),
    Case("D2C901", "no cluster", replace(node(), node=None), (("Node", "the cluster does not know it, or was not read"),)),
    Case("D2C902", "verified", node()),
    Case("D2C902", "nothing holds it", records(RUN)),
    Case(
        "D2C902",
        "not verified",
        records(replace(RUN, verified=False), owner=RUN.name),
        (("run 0123456789ab", "it is not finished and verified"),),
    ),
    Case(
        "D2C902", "attention", records(replace(RUN, ended="needs-attention"), owner=RUN.name), (("run 0123456789ab", "it needs attention"),)
    ),
    Case("D2C902", "no record", records(owner=RUN.name), (("run 0123456789ab", "it holds the node, and its record does not lie there"),)),
    Case("D2C902", "cleaned since", records(replace(RUN, ended="released", cleaned=True), stopped_by=RUN.name)),
    Case("D2C903", "recorded", node()),
    Case("D2C903", "moved by hand", records(), (("/var/lib/docker2cri", "it has no run that was verified"),)),
    Case("D2C904", "stopped", node()),
    Case(
        "D2C904",
        "active",
        node(units={"docker.socket": make.unit("docker.socket"), "docker.service": make.unit("docker.service", active="activating")}),
        (("docker.socket", "it is active"), ("docker.service", "it is activating")),
    ),
    Case(
        "D2C904",
        "processes, kept, tasks, attached",
        node(
            replace(
                WELL,
                processes=("dockerd", "docker-proxy", "docker-proxy"),
                records=replace(WELL.records, kept_by=RUN.name),
                namespace=Namespace("/run/containerd/containerd.sock", 2, 1, 0),
                attached=("veth1",),
            )
        ),
        (
            ("processes", "dockerd, docker-proxy run"),
            ("run 0123456789ab", "it left Docker running for its other users (--keep-docker)"),
            ("namespace moby", "1 container of Docker run in /run/containerd/containerd.sock"),
            ("docker0", "veth1 attached to it"),
        ),
    ),
    Case("D2C905", "none", node()),
    Case(
        "D2C905",
        "one alone, two of a project",
        node(replace(WELL, containers=(LeftContainer("ci", ""), LeftContainer("shop_db_1", "shop"), LeftContainer("shop_web_1", "shop")))),
        (("standalone containers", "ci"), ("Compose project shop", "shop_db_1, shop_web_1")),
    ),
    Case("D2C906", "nobody", node()),
    Case(
        "D2C906",
        "a script and a pod",
        node(WELL, make.pod("agent", **SOCK), docker_uses=(HostUse("/etc/cron.d/prune", 3, "docker system"),)),
        (
            ("/etc/cron.d/prune", "/etc/cron.d/prune:3: docker system"),
            ("pod shop/agent", "hostPath /var/run/docker.sock (no type) at /mnt of container web"),
        ),
    ),
    Case("D2C907", "no volume", node()),
    Case(
        "D2C907",
        "two volumes",
        root(volumes=(Leftover("db", 1_200_000_000), Leftover("odd", None))),
        (("volume db", "1.2 GB"), ("volume odd", "of unknown size")),
    ),
    Case("D2C908", "its own", root(mounts=("/var/lib/docker",))),
    Case(
        "D2C908",
        "mounted in it",
        root(mounts=("/var/lib/docker", "/var/lib/docker/overlay2/x/merged")),
        (("/var/lib/docker", "1 mount point in it: /var/lib/docker/overlay2/x/merged"),),
    ),
    Case("D2C908", "a folder of others", root(path="/var/lib/"), (("/var/lib/", "it is no folder of Docker's own"),)),
    Case("D2C908", "a way out", root(path="/srv/docker/../.."), (("/srv/docker/../..", "it is no folder of Docker's own"),)),
    Case("D2C909", "plain", node()),
    Case("D2C909", "no data root", node(replace(WELL, root=None))),
    Case(
        "D2C909",
        "a mount point with more in it",
        root(mounts=("/var/lib/docker",), entries=(*ROOT.entries, Leftover("backup", 5_000_000), Leftover("zfs", None))),
        (
            ("/var/lib/docker", "it is a mount point, which stays"),
            ("/var/lib/docker", "backup (5.0 MB), zfs (of unknown size) stay"),
        ),
    ),
    Case("D2C910", "these alone", node()),
    Case("D2C910", "no packages", node(replace(WELL, packages=(), removal=None))),
    Case("D2C910", "nobody asked", node(replace(WELL, removal=None)), (("packages", "no package manager was asked about docker-ce"),)),
    Case(
        "D2C910",
        "unreadable",
        node(replace(WELL, removal=Unreadable("package manager", "none is on this machine"))),
        (("packages", "what the removal of docker-ce would change cannot be read: none is on this machine"),),
    ),
    Case(
        "D2C910",
        "a problem",
        removal(problem="E: dpkg was interrupted"),
        (("apt", "it cannot remove docker-ce: E: dpkg was interrupted"),),
    ),
    Case(
        "D2C910",
        "more, other, held, less",
        removal(Change("kubelet", "1.23", None), Change("runc", "1.1", "1.2"), held=("kubelet",)),
        (
            ("apt", "kubelet held"),
            ("apt", "it would remove kubelet too"),
            ("apt", "it would change runc"),
            ("apt", "it would not remove docker-ce"),
        ),
    ),
    Case("D2C911", "nothing kept", node()),
    Case("D2C911", "Docker's own DROP", node(replace(WELL, chains=DROP))),
    Case(
        "D2C911",
        "kept, and a DROP of others",
        node(
            replace(
                WELL, chains=replace(DROP, kept=(("chain DOCKER-USER in table filter (IPv4)", "it is the admin's"),)), firewall=("ufw",)
            )
        ),
        (
            ("chain DOCKER-USER in table filter (IPv4)", "it stays: it is the admin's"),
            ("policy of FORWARD", "it is DROP and stays so: ufw may have set it"),
        ),
    ),
    Case("D2C912", "all read", node()),
    Case(
        "D2C912",
        "not read",
        node(replace(WELL, unreadable=(Unreadable("iptables 4", "exit code 4: x"),))),
        (("iptables 4", "exit code 4: x"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    case.verify()


def test_they_judge_a_node_whose_remains_were_read_and_no_other() -> None:
    assert check(node(), CLEANUP_RULES) == ()
    assert check(node(None, endpoint=make.facts().endpoint), CLEANUP_RULES) == ()
    assert {rule.code for rule in RULES if rule.asked_of(node())} >= {rule.code for rule in CLEANUP_RULES}
    assert not any(rule.asked_of(node(None)) for rule in CLEANUP_RULES)


@pytest.mark.parametrize(
    ("told", "doubt"),
    [
        ({}, ""),
        ({"ip-forward": True, "iptables": True}, ""),
        ({"iptables": False}, "Docker was told iptables"),
        ({"ip-forward": False}, "Docker was told ip-forward"),
        ({"ip-forward-no-drop": True}, "Docker was told ip-forward-no-drop"),
    ],
)
def test_whose_drop_it_is_follows_from_what_docker_was_told(told: dict[str, bool], doubt: str) -> None:
    assert policy_doubt(node(docker=make.docker(daemon_json=told, argv=())), WELL) == doubt
