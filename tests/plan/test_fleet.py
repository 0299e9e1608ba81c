"""In which order and how many at once: a canary, stages that grow, pools and zones, room for the pods of all."""

from __future__ import annotations

import pytest

from migrate.facts.cluster import ClusterFacts, Node
from migrate.plan.build import fleet_of
from migrate.plan.fleet import FleetPlan, Stage, staged, windows
from migrate.plan.model import FORMAT, Plan, dump_plan, load_plan, sealed
from migrate.plan.ordering import DEFAULT, NodeGroup, Ordering, Share, share_of
from migrate.report.stages_text import stages_text
from migrate.report.style import Style
from tests.rules.test_capacity import node, pod, scene


def cluster(*nodes: Node) -> ClusterFacts:
    return ClusterFacts(server="v1.23.17", taken=0, nodes=nodes)


def pool(name: str, count: int, zone: str = "a") -> list[Node]:
    return [node(f"{name}{at}", labels={"pool": name}, zone=zone) for at in range(count)]


def of(nodes: list[Node], *, inside: ClusterFacts | None = None, share: Share = DEFAULT) -> FleetPlan:
    return staged([(each.name, each) for each in nodes], inside or cluster(*nodes), Ordering(share=share))


def sizes(plan: FleetPlan) -> list[tuple[int, int]]:
    return [(len(stage.nodes), stage.at_once) for stage in plan.stages]


def test_stages_begin_with_a_canary_and_double() -> None:
    plan = of(pool("p", 100))
    assert sizes(plan) == [(1, 1), (2, 2), (4, 4), (8, 8), (16, 10), (32, 10), (37, 10)]
    assert [name for stage in plan.stages for name in stage.nodes] == [f"p{at}" for at in range(100)]
    assert plan.stages[4].why == "10 % of 100 nodes"


def test_a_tenth_of_a_pool_at_once_and_at_least_one() -> None:
    assert sizes(of(pool("p", 3))) == [(1, 1), (2, 1)]
    assert sizes(of(pool("p", 25))) == [(1, 1), (2, 2), (4, 2), (8, 2), (10, 2)]
    workers, control = pool("p", 3), node("cp1", labels={"node-role.kubernetes.io/master": ""})
    assert sizes(of(workers, inside=cluster(*workers, control), share=Share(3))) == [(1, 1), (2, 2)]


def test_a_stage_has_one_pool_and_one_zone() -> None:
    nodes = [*pool("x", 2), *pool("y", 2, "b"), *pool("z", 2), node("x9", labels={"pool": "x"}, zone="a")]
    assert [(stage.nodes, stage.pool, stage.zone) for stage in of(nodes, share=Share(4)).stages] == [
        (("x0",), "x", "a"),
        (("x1", "x9"), "x", "a"),
        (("y0", "y1"), "y", "b"),
        (("z0", "z1"), "z", "a"),
    ]


def test_no_more_at_once_than_the_pods_of_all_find_room() -> None:
    names = ["w1", "w2", "w3", "w4"]
    nodes = [node(name) for name in names]
    pods = [pod(f"web-{name}", name, "2") for name in names]
    full = scene(tuple(nodes), *pods).cluster
    # four nodes of 4 cores, each with a pod of 2: two find room for one more each, of two at once both; of three only one
    assert sizes(of(nodes, inside=full, share=Share(3))) == [(1, 1), (2, 2), (1, 1)]
    large = scene(tuple(nodes), *(pod(f"web-{name}", name, "3") for name in names[:3])).cluster
    stage = of(nodes, inside=large, share=Share(3)).stages[1]
    assert (stage.nodes, stage.at_once, stage.why) == (("w2", "w3"), 1, "with 2 at once shop/web-w3 would stay Pending")


def test_nodes_that_are_the_whole_rest_are_not_taken_at_once() -> None:
    nodes = [node("w1"), node("w2"), node("w3", unschedulable=True)]
    inside = scene(tuple(nodes), pod("web-1", "w1"), pod("web-2", "w2")).cluster
    assert inside is not None
    plan = staged([("w3", nodes[2]), ("w1", nodes[0]), ("w2", nodes[1])], inside, Ordering(share=Share(2)))
    assert (plan.stages[1].at_once, plan.stages[1].why) == (1, "with 2 at once no other node takes their pods")


def plane(name: str) -> Node:
    return node(name, labels={"node-role.kubernetes.io/control-plane": ""})


def test_control_planes_come_one_by_one_after_the_canary_and_the_leader_last() -> None:
    nodes = [plane("cp1"), *pool("p", 3), plane("cp2"), plane("cp3")]
    plan = staged([(each.name, each) for each in nodes], cluster(*nodes), Ordering(share=Share(3)), leading=("cp1",))
    assert [(stage.nodes, stage.at_once, stage.why) for stage in plan.stages] == [
        (("p0",), 1, ""),
        (("cp2",), 1, "a control plane"),
        (("cp3",), 1, "a control plane"),
        (("cp1",), 1, "a control plane, whose etcd leads"),
        (("p1", "p2"), 2, ""),
    ]
    assert windows(plan, ["cp1", "cp2", "cp3", "p1", "p2"], 5) == ((("cp2",), 5), (("cp3",), 5), (("cp1",), 5), (("p1", "p2"), 5))


def test_control_planes_alone() -> None:
    nodes = [plane("cp1"), plane("cp2")]
    plan = staged([(each.name, each) for each in nodes], cluster(*nodes), leading=("cp1",))
    assert [stage.nodes for stage in plan.stages] == [("cp2",), ("cp1",)]


def test_nothing_to_order() -> None:
    assert of([]) == FleetPlan()
    assert fleet_of((), None) is fleet_of((), cluster())


@pytest.mark.parametrize(
    ("text", "share"),
    [("2", Share(2)), ("10%", Share(10, percent=True)), ("0", None), ("-1", None), ("x", None), ("", None), ("99999", None)],
)
def test_a_share_as_it_is_typed(text: str, share: Share | None) -> None:
    assert share_of(text) == share


FLEET = FleetPlan(before=("i1",), stages=(Stage(nodes=("w1",)), Stage(nodes=("w2", "w3"), at_once=2, pool="p", zone="a", why="because")))


def test_asked_nodes_by_stage() -> None:
    hosts = ["w1", "w2", "w3", "i1", "late"]
    assert windows(FLEET, hosts, None) == ((("i1",), 1), (("w1",), 1), (("w2", "w3"), 2), (("late",), 1))
    assert windows(FLEET, ["w3"], 4) == ((("w3",), 4),)
    assert windows(None, hosts, None) == ((tuple(hosts), 1),)
    assert windows(None, hosts, 3) == ((tuple(hosts), 3),)


def test_stages_as_text() -> None:
    assert stages_text(FLEET, Style(width=100)) == (
        "STAGES (the next one begins when all nodes of a stage are migrated)\n"
        "  before: i1 get what they lack\n"
        "   1. w1 (the canary)\n"
        "   2. w2, w3 (2 nodes, 2 at once; because; pool p; zone a)"
    )


def empty(fleet: FleetPlan | None = None) -> Plan:
    made = Plan(format=FORMAT, made=0, tool="t", target="containerd", server="", nodes=())
    return sealed(made if fleet is None else Plan(format=FORMAT, made=0, tool="t", target="containerd", server="", nodes=(), fleet=fleet))


def test_a_plan_without_stages_is_one_of_an_earlier_version() -> None:
    assert '"fleet"' not in dump_plan(empty())
    assert load_plan(dump_plan(empty())).stages is None


def test_stages_of_nodes_that_the_plan_does_not_change_are_refused() -> None:
    with pytest.raises(ValueError, match="its stages do not name each node that it changes once"):
        load_plan(dump_plan(empty(FLEET)))


def test_sizes_of_stages_as_they_were_chosen() -> None:
    nodes = pool("p", 20)
    order = Ordering(share=Share(9), serial=(Share(1), Share(3), Share(40, percent=True)))
    assert sizes(staged([(each.name, each) for each in nodes], cluster(*nodes), order)) == [(1, 1), (3, 3), (8, 8), (8, 8)]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("inventory", ["b", "a", "c"]),
        ("reverse_inventory", ["c", "a", "b"]),
        ("sorted", ["a", "b", "c"]),
        ("reverse_sorted", ["c", "b", "a"]),
    ],
)
def test_an_order_in_ansibles_words(order: str, names: list[str]) -> None:
    nodes = [node(name) for name in "bac"]
    made = staged([(each.name, each) for each in nodes], cluster(*nodes), Ordering(order=order))
    assert [name for stage in made.stages for name in stage.nodes] == names


def test_groups_come_in_their_order_and_the_other_nodes_after_them() -> None:
    nodes = [*pool("x", 3), *pool("y", 2, "b"), node("gpu2"), node("gpu1"), node("gpu0", labels={"gpu": "yes"})]
    groups = (
        NodeGroup("gpu", names=("gpu*",), order="sorted", share=Share(3)),
        NodeGroup("second", labels=(("gpu", "yes"),)),  # the first that holds a node has it
        NodeGroup("y", pools=("y",), zones=("b",), share=Share(50, percent=True)),
    )
    made = staged([(each.name, each) for each in nodes], cluster(*nodes), Ordering(groups=groups))
    assert [(stage.group, stage.nodes, stage.at_once, stage.why) for stage in made.stages] == [
        ("gpu", ("gpu0",), 1, ""),
        ("gpu", ("gpu1", "gpu2"), 2, ""),
        ("y", ("y0", "y1"), 1, "50 % of 2 nodes"),
        ("", ("x0", "x1", "x2"), 1, "10 % of 3 nodes"),
    ]
    assert stages_text(made, Style(width=100)).splitlines()[1:3] == [
        "   1. gpu0 (the canary; group gpu; zone a)",
        "   2. gpu1, gpu2 (2 nodes, 2 at once; group gpu; zone a)",
    ]


def test_failed_nodes_that_stop_nothing() -> None:
    fleet = staged([("w1", node("w1"))], cluster(node("w1")), Ordering(max_fail=25))
    assert [fleet.stops(failed, 8) for failed in (1, 2, 3)] == [False, False, True]
    assert fleet.stops(1, 1)
    assert FleetPlan(max_fail=100).stops(1, 1), "a canary or a control plane"
    assert not FleetPlan(max_fail=100).stops(2, 2)
    assert not FleetPlan().stops(0, 4)
    assert FleetPlan().stops(1, 100)
    assert stages_text(fleet, Style(width=100)).splitlines()[1] == "  25 % of the nodes of a stage may fail, and the run goes on"
