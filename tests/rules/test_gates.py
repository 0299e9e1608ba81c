"""The gates of a control plane: asked whichever runtime it is on, and each of the rules that refuse its move is one of them."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.rules import NodeView
from migrate.rules.gates import GATES, unwell
from tests.rules.test_control_planes import beside
from tests.rules.test_etcd import HEALTHY, WELL, member, view

SHUT = (
    (view(member(1), member(2), planes=2), "etcd: 2 voters, the quorum is 2; healthy without this node's member: cp2 (a02) (D2C171)"),
    (view(*HEALTHY[:2], member(3, raft_index=3999, applied=3999)), "etcd member cp3 (a03): it is 1,001 entries behind, "),
    (view(*HEALTHY, alarms=((0xA02, "NOSPACE"),)), "etcd member cp2 (a02): alarm NOSPACE (D2C175)"),
    (beside(ready="Unknown"), "Node cp2: Ready is Unknown (D2C182)"),
    (beside(mark="run-7,cordoned-before=false"), "Node cp2: run run-7 holds it (D2C182)"),
)


def moved(found: NodeView) -> NodeView:
    """The same node when its kubelet runs its pods in containerd."""
    facts = dataclasses.replace(found.facts, endpoint=dataclasses.replace(found.facts.endpoint, kind="containerd"))
    return dataclasses.replace(found, facts=facts)


@pytest.mark.parametrize(("found", "said"), SHUT, ids=[said for _, said in SHUT])
def test_they_are_asked_before_the_move_and_after_it(found: NodeView, said: str) -> None:
    assert [text[: len(said)] for text in unwell(found)] == [said]
    assert moved(found).on_other_runtime
    assert unwell(moved(found)) == unwell(found)


def test_nothing_is_said_where_all_is_well() -> None:
    assert unwell(WELL) == unwell(moved(WELL)) == ()
    single = view(member(1), planes=1)
    assert unwell(single) == unwell(moved(single)) == ()
    assert [rule.code for rule in GATES] == [*(f"D2C17{number}" for number in range(8)), "D2C182"]
