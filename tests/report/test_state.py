"""How nodes stand, as text with colours; its JSON is tested with the commands that write it."""

from __future__ import annotations

import json

from migrate.plan.model import dump_plan
from migrate.plan.state import STATES, NodeState, Reason
from migrate.report.schemas import FILES, SCHEMAS, state_schema
from migrate.report.state_json import state_json
from migrate.report.state_text import COLORS, state_table
from migrate.report.style import Style
from tests.report.schema import problems
from tests.run.test_operate import plan


def standing(state: str, node: str = "w1") -> NodeState:
    return NodeState(node=node, state=state, exit_code=0, reason=Reason(code="x", seen="seen"))


def test_only_the_state_is_coloured_and_columns_stay() -> None:
    nodes = (standing("failed", "failed"), standing("migrated", "w1"), standing("untouched", "w2"))
    plain = state_table(nodes, Style())
    colored = state_table(nodes, Style(color=True))
    assert plain.splitlines()[1] == "failed  failed     0     seen"
    assert colored.splitlines()[1:] == [
        "failed  \x1b[31mfailed\x1b[0m     0     seen",
        "w1      \x1b[32mmigrated\x1b[0m   0     seen",
        "w2      untouched  0     seen",
    ]


def test_every_coloured_state_is_a_state() -> None:
    assert set(COLORS) <= set(STATES)


def test_the_schema_knows_the_states_and_no_other() -> None:
    told = json.loads(state_schema())
    assert list(problems(json.loads(state_json("status", 0, [standing(state) for state in STATES])), told)) == []
    broken = json.loads(state_json("status", 0, [standing("old")]))
    broken["format"] = "docker2cri.state/v2"
    assert [problem.partition(" is ")[0] for problem in problems(broken, told)] == ["$.format", "$.nodes[0].state"]


def test_a_plan_is_as_its_schema_says() -> None:
    assert list(problems(json.loads(dump_plan(plan("w1", "cp1", blocked="cp1"))), json.loads(SCHEMAS["plan"]()))) == []


def test_every_schema_has_a_file() -> None:
    assert SCHEMAS.keys() == FILES.keys()
