"""The plan that removes Docker: what stands in it and in which order, what is kept, that nothing one-way stands in another plan."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import msgspec
import pytest

from migrate.facts.api import Condition
from migrate.facts.capture import PathReading
from migrate.facts.package_managers import MANAGERS, question
from migrate.facts.remains import Chain, ChainRule, Chains, Leftover, Namespace
from migrate.plan.again import strays
from migrate.plan.cleanup import Also, also_in, cleanup_plan, place_of, reached
from migrate.plan.model import CLEANUP, NodePlan, Plan, alone, dump_plan, load_plan, sealed
from migrate.plan.steps import HostStep, OneWayStep, RemoveChains, RemoveData, RemoveFiles, describe, kind_of, one_way
from migrate.program.order import host_lines, rollback_of
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules import NodeView, check
from migrate.rules.cleanup import CLEANUP_RULES
from tests.node.scratch import planned
from tests.node.test_install import PLAN as INSTALLS
from tests.rules import make
from tests.rules.test_cleanup import WELL, node

CHAINS = Chains(
    rules=(ChainRule("4", "filter", "FORWARD -j DOCKER-USER"),),
    chains=(Chain("4", "filter", "DOCKER-USER"), Chain("6", "nat", "DOCKER")),
    policy=("4",),
)
PATHS = (
    "/etc/systemd/system/docker.service.d",
    "/etc/systemd/system/docker.service.d/00-docker2cri-stopped.conf",
    "/run/docker",
    "/run/docker.sock",
    "/usr/local/bin/dockerd",
)
FULL = replace(WELL, chains=CHAINS, paths=PATHS, link=True, namespace=Namespace("/run/containerd/containerd.sock", 2, 0, 3), group=True)


NOTHING_MORE = Also()


def plan_of(view: NodeView, also: Also = NOTHING_MORE) -> NodePlan:
    return cleanup_plan(view, check(view, CLEANUP_RULES), also)


def whole(view: NodeView, also: Also = NOTHING_MORE) -> Plan:
    made = Plan(format=3, made=1, tool="1", target="containerd", server="v1.23.17", nodes=(plan_of(view, also),), purpose=CLEANUP)
    return sealed(made)


def test_what_can_be_restored_comes_first_and_data_last() -> None:
    found = plan_of(node(FULL), Also(group=True, records=True))
    assert [describe(one.step) for one in found.steps] == [
        "remove 1 rule and 2 chains of Docker from iptables, set the policy of FORWARD from DROP to ACCEPT (IPv4)",
        "close run 0123456789ab: from here on it cannot be rolled back",
        "remove docker-ce 5:20.10.24 with apt (frees 100 B)",
        "remove Docker's programs that no package owns: /usr/local/bin/dockerd",
        "remove Docker's units and drop-ins: /etc/systemd/system/docker.service.d, "
        "/etc/systemd/system/docker.service.d/00-docker2cri-stopped.conf, /var/lib/docker2cri/docker-stopped",
        "remove Docker's sockets and state: /run/docker, /run/docker.sock",
        "remove the link docker0",
        "remove the namespace moby (2 containers, 3 images) from the containerd at /run/containerd/containerd.sock",
        "remove Docker's data in /var/lib/docker (frees 60 B)",
        "remove the group docker",
        "remove the records of 1 run: 0123456789ab (1.0 kB)",
    ]
    assert {one.segment for one in found.steps} == {"prepare"}
    assert rollback_of(found) == ()
    assert (found.moves, found.cleans, found.installs, found.guard) == (False, True, (), 0)
    assert also_in(found) == Also(group=True, records=True)


def test_what_is_not_asked_for_stays_and_is_named() -> None:
    files = {"/etc/docker/daemon.json": PathReading("file", data=b"{}")}
    view = node(FULL, docker_group=("ops",), files=files)
    found = plan_of(view)
    assert not any(describe(one.step).startswith(("remove the group", "remove the records")) for one in found.steps)
    assert found.may_differ == (
        "/etc/docker (configuration, certificates)",
        "containerd, runc and their packages (the pods' runtime is made of them, or others use them)",
        "the group docker of ops (--group removes it)",
        "the records of 1 run in /var/lib/docker2cri (--records removes them)",
        "the record of this run in /var/lib/docker2cri",
    )


def test_a_blocker_refuses_and_an_empty_node_has_nothing_to_do() -> None:
    refused = plan_of(node(replace(FULL, processes=("dockerd",))))
    assert (refused.steps, [why.code for why in refused.refusals]) == ((), ["D2C904"])
    empty = plan_of(node(replace(WELL, root=None, packages=(), removal=None)))
    assert (empty.steps, empty.refusals, empty.nothing) == ((), (), "nothing of Docker is left on it")


def test_only_what_docker_made_of_its_data_root_is_removed() -> None:
    root = replace(WELL.root, entries=(*WELL.root.entries, Leftover("backup", 5), Leftover("lost+found", 5)))  # type: ignore[union-attr, arg-type]
    (step,) = [one.step for one in plan_of(node(replace(FULL, root=root))).steps if isinstance(one.step, RemoveData)]
    assert [entry.name for entry in step.entries] == ["image", "overlay2", "volumes"]


def test_a_policy_of_others_is_left() -> None:
    steps = plan_of(node(replace(FULL, firewall=("firewalld",)))).steps
    assert [one.step.policy for one in steps if isinstance(one.step, RemoveChains)] == [()]


def test_pods_elsewhere_are_asked_before_those_on_the_node() -> None:
    def pod(name: str, on: str, address: str, **more: object) -> object:
        found = make.pod(name, nodeName=on, container={"ports": [{"containerPort": 80, **more}]})
        return msgspec.structs.replace(
            found, status=msgspec.structs.replace(found.status, pod_ip=address, conditions=(Condition(type="Ready", status="True"),))
        )

    view = node(WELL, pod("here", "w1", "10.1.0.5", hostPort=9080))
    assert view.cluster is not None
    cluster = msgspec.structs.replace(
        view.cluster, pods=(*view.cluster.pods, pod("there", "w2", "10.2.0.7"), pod("odd", "w2", "x; reboot"))
    )
    assert list(reached(cluster, view.node)) == ["10.2.0.7 80", "10.1.0.5 80"]


def test_the_kinds_that_nothing_undoes_are_these() -> None:
    assert set(get_args(OneWayStep)) < set(get_args(HostStep))
    found = plan_of(node(FULL), Also(group=True, records=True))
    assert {type(one.step) for one in found.steps} == set(get_args(OneWayStep))
    assert all(kind_of(one.step).reverse is None and one_way(one.step) for one in found.steps)


@pytest.mark.parametrize("name", ["containerd", "crio", "containerd+keep-docker"])
def test_no_other_plan_has_one_of_them(name: str) -> None:
    assert not any(one_way(one.step) for one in planned(name)[0].steps)
    assert not any(one_way(one.step) for one in INSTALLS.steps)


def test_a_plan_that_mixes_them_is_not_read() -> None:
    good = whole(node(FULL))
    assert load_plan(dump_plan(good)) == good
    assert load_plan(dump_plan(alone(good.nodes[0], "containerd"))).cleans
    unnamed = sealed(msgspec.structs.replace(good, purpose=msgspec.UNSET))
    with pytest.raises(ValueError, match="what cannot be rolled back is in the plan of a cleanup alone"):
        load_plan(dump_plan(unnamed))
    move = planned("containerd")[0]
    with pytest.raises(ValueError, match="it removes Docker, and does nothing else"):
        load_plan(dump_plan(sealed(msgspec.structs.replace(good, nodes=(move,)))))
    later = tuple(msgspec.structs.replace(one, segment="switch") for one in good.nodes[0].steps)
    with pytest.raises(ValueError, match="cannot be in this plan"):
        load_plan(dump_plan(sealed(msgspec.structs.replace(good, nodes=(msgspec.structs.replace(good.nodes[0], steps=later),)))))


def test_lines_of_the_node_program_carry_every_word() -> None:
    lines = {line.kind: line for line in host_lines(plan_of(node(FULL), Also(group=True, records=True)))}
    assert lines["chains-remove"].arguments == (
        "rule 4 filter FORWARD -j DOCKER-USER",
        "chain 4 filter DOCKER-USER",
        "chain 6 nat DOCKER",
        "policy 4",
    )
    assert lines["packages-remove"].arguments == ("apt", "containerd.service", "docker-ce=5:20.10.24")
    assert lines["data-remove"].arguments == ("/var/lib/docker", "image", "overlay2", "volumes")
    assert {line.way for line in lines.values()} == {"apply"}


def test_sizes_and_pods_may_differ_at_apply_and_nothing_else_may() -> None:
    view = node(FULL)
    good = plan_of(view)
    larger = replace(FULL, root=replace(FULL.root, entries=tuple(replace(one, size=7) for one in FULL.root.entries)))  # type: ignore[union-attr, type-var]
    assert strays(good, plan_of(node(larger)), view.facts) == ()
    other = replace(FULL, chains=replace(CHAINS, chains=()))
    (line,) = strays(good, plan_of(node(other)), view.facts)
    assert line.startswith("prepare: `remove 1 rule and 2 chains of Docker from iptables")
    steps = tuple(
        msgspec.structs.replace(one, step=msgspec.structs.replace(one.step, reach=("10.0.0.1 80; reboot",)))
        if isinstance(one.step, RemoveChains)
        else one
        for one in good.steps
    )
    assert strays(msgspec.structs.replace(good, steps=steps), good, view.facts) == (
        "prepare: '10.0.0.1 80; reboot' is no address and port",
    )
    paths = tuple(
        msgspec.structs.replace(one, step=msgspec.structs.replace(one.step, paths=("/etc/passwd",)))
        if isinstance(one.step, RemoveFiles)
        else one
        for one in good.steps
    )
    assert strays(msgspec.structs.replace(good, steps=paths), good, view.facts) != ()


@pytest.mark.parametrize(
    ("files", "settings", "root"),
    [
        ({}, {}, "/var/lib/docker"),
        ({}, {"data-root": "/srv/docker"}, "/srv/docker"),
        ({}, {"graph": "/srv/old"}, "/srv/old"),
        (
            {"/lib/systemd/system/docker.service": "[Service]\nExecStart=/usr/bin/dockerd --data-root=/big/docker -H fd://\n"},
            {},
            "/big/docker",
        ),
        ({"/etc/default/docker": '# DOCKER_OPTS=--graph /commented\nDOCKER_OPTS="-g /given/docker"\n'}, {}, "/given/docker"),
    ],
)
def test_a_docker_that_does_not_run_has_its_data_where_it_was_told(files: dict[str, str], settings: dict[str, str], root: str) -> None:
    read = {path: PathReading("file", data=text.encode()) for path, text in files.items()}
    facts = replace(node().facts, docker=make.docker(daemon_json=settings, argv=()), files=read)
    assert place_of(facts).root == root


def test_the_text_tells_all_of_it() -> None:
    text = plan_text(whole(node(FULL), Also(group=True)), Style())
    assert text.startswith("Plan to remove Docker for good, from nodes on containerd: 1 of 1 nodes can be cleaned, 0 refused\n")
    for line in (
        "  prepare (on the node, pods run on; one-way)",
        "        IPv4 filter: rule FORWARD -j DOCKER-USER",
        "        IPv6 nat: chain DOCKER",
        "        docker-ce 5:20.10.24 (100 B)",
        "        /var/lib/docker/overlay2 (20 B)",
        "ROLLBACK none: there is no Docker to return to afterwards",
    ):
        assert f"\n{line}" in text
    assert "FILES" not in text
    assert "may differ" not in text.lower()


@pytest.mark.parametrize("manager", MANAGERS)
def test_every_manager_is_asked_for_a_removal_that_takes_nothing_else_along(manager: str) -> None:
    (line,) = [
        line
        for line in question(["docker-ce", "it's"], remove=True).splitlines()
        if f" {manager if manager != 'apt' else 'apt-get'} " in line
    ]
    assert line.endswith(" -- docker-ce 'it'\"'\"'s'")
    assert any(word in line for word in ("AutomaticRemove=false", "clean_requirements_on_remove", "--no-clean-deps"))
    assert any(word in line for word in (" -s ", "--assumeno", "--dry-run"))
