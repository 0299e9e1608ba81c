"""A rollout file: what it sets, and each thing that it cannot mean with its line."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from migrate.formats import FormatError, yaml_read
from migrate.plan.gates import ApproveGate, CommandGate, Gates, HttpGate, window_of
from migrate.plan.hooks import Hook
from migrate.plan.ordering import NodeGroup, Ordering, Share
from migrate.plan.rollout_file import RolloutFile, read_rollout
from migrate.report.schemas import SCHEMAS
from migrate.rules.table import RULES
from tests.report.schema import problems

FIRM = next(rule.code for rule in RULES if not rule.acceptable)
WHOLE = """\
serial: [1, 5, "20%"]
max_in_flight: 10%
max_fail_percentage: 5
any_errors_fatal: false
order: sorted
groups:
  - name: gpu
    labels: {accelerator: nvidia}
    max_in_flight: 1
  - name: edge
    pools: [edge, far]
    zones: [b]
    names: ["edge-*"]
    order: reverse_sorted
soak: 600
windows:
  - mon-fri 22:00-05:00 Europe/Berlin
gates:
  - command: ./check --all "a b"
    timeout: 30
  - command: [./check, "a b"]
  - http: https://ops.example/ok
    wait: 60
  - approve: true
    wait: 0
hooks:
  - {moment: before-node, command: ./silence "a b", timeout: 30}
  - {moment: after-run, command: [./tell]}
accept:
  D2C301: "looked at: it is well"
drain_timeout: 900
stop_timeout: 120
verify_timeout: 400
guard: 300
cri_timeout: 30
"""


def test_what_it_sets() -> None:
    made = read_rollout(WHOLE)
    assert made.ordering == Ordering(
        share=Share(10, percent=True),
        serial=(Share(1), Share(5), Share(20, percent=True)),
        order="sorted",
        groups=(
            NodeGroup("gpu", labels=(("accelerator", "nvidia"),), share=Share(1)),
            NodeGroup("edge", pools=("edge", "far"), zones=("b",), names=("edge-*",), order="reverse_sorted"),
        ),
        gates=Gates(
            soak=600,
            windows=(window_of("mon-fri 22:00-05:00 Europe/Berlin"),),
            checks=(
                CommandGate(argv=("./check", "--all", "a b"), timeout=30),
                CommandGate(argv=("./check", "a b")),
                HttpGate(url="https://ops.example/ok", wait=60),
                ApproveGate(wait=0),
            ),
            hooks=(Hook(moment="before-node", argv=("./silence", "a b"), timeout=30), Hook(moment="after-run", argv=("./tell",))),
        ),
        max_fail=5,
    )
    assert made.options == {
        "max_in_flight": "10%",
        "soak": 600,
        "window": ["mon-fri 22:00-05:00 Europe/Berlin"],
        "accept": ["D2C301=looked at: it is well"],
        "drain_timeout": 900,
        "stop_timeout": 120,
        "verify_timeout": 400,
        "guard": 300,
        "cri_timeout": 30,
    }


def test_the_schema_is_that_of_the_file() -> None:
    schema = json.loads(SCHEMAS["rollout"]())
    assert list(problems(yaml_read.load(WHOLE), schema)) == []
    wrong = {"serial": 0, "order": "shuffle", "groups": [{"names": []}], "typo": 1, "guard": 5}
    found = [problem.partition(" ")[0] for problem in problems(wrong, schema)]
    assert sorted(found) == ["$", "$.groups[0]", "$.guard", "$.order", "$.serial"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_sets_nothing(text: str) -> None:
    assert read_rollout(text) == RolloutFile()
    assert (RolloutFile().ordering, RolloutFile().options) == (Ordering(), {})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- 1", None, "Expected `object`, got `array`"),
        ("serial: 1\nserial: 2", 2, "the key 'serial' stands twice in one mapping"),
        ("serial: [1", 1, "expected ',' or ']'"),
        (
            "a: 1",
            1,
            "a: no such key; known are serial, max_in_flight, max_fail_percentage, any_errors_fatal, order, groups, soak, windows, ",
        ),
        (
            "groups:\n- name: x\n  pool: p",
            3,
            "groups[0].pool: no such key; known are name, labels, pools, zones, names, max_in_flight, order",
        ),
        ("gates:\n- approve: true\n  url: u", 3, "gates[0].url: no such key; known are command, http, approve, timeout, wait"),
        ("\nserial: [1, 0]", 2, "serial[1]: Expected `int` >= 1"),
        ("serial: []", 1, "serial: Expected `array` of length >= 1"),
        ("serial:\n  - 1\n  - 1.5%", 3, "serial[1]: Expected `str` matching regex '^[1-9][0-9]{0,3}%?$'"),
        ("max_fail_percentage: 101", 1, "max_fail_percentage: Expected `int` <= 100"),
        (
            "max_fail_percentage: 5\nany_errors_fatal: true",
            2,
            "any_errors_fatal: true, and max_fail_percentage is 5: they exclude each other",
        ),
        ("order: shuffle", 1, "order: Invalid enum value 'shuffle'"),
        ("groups:\n- pools: [a]", 2, "groups[0]: Object missing required field `name`"),
        ("groups:\n- name: a", 2, "groups[0]: the group a selects no nodes: labels, pools, zones or names are missing"),
        ("groups:\n- {name: a, pools: [b]}\n- {name: a, pools: [c]}", 3, "groups[1].name: a second group a"),
        ("groups:\n- name: a\n  labels: {b: 1}", 3, "groups[0].labels: Expected `str`, got `int`"),
        ("soak: -1", 1, "soak: Expected `int` >= 0"),
        ("windows:\n- sat\n- sometimes soon", 3, "windows[1]: sometimes soon: soon: it is said twice"),
        ("gates:\n- wait: 3", 2, "gates[0]: a gate is one of command, http and approve, not none"),
        ("gates:\n- {http: 'https://x', approve: true}", 2, "gates[0]: a gate is one of command, http and approve, not http and approve"),
        ("gates:\n- approve: true\n  timeout: 3", 3, "gates[0].timeout: an approval has no timeout, it has a wait"),
        ("gates:\n- http: ftp://x", 2, "gates[0]: its gate ftp://x: no http:// or https:// URL"),
        ("gates:\n- command: 'it'' s'", 2, "gates[0]: No closing quotation"),
        ("accept:\n  D2C301: ''", 1, "accept: Expected `str` of length >= 1"),
        ("accept:\n  D2C999: x", 2, "accept.D2C999: no such rule"),
        (f"accept:\n  {FIRM}: x", 2, f"accept.{FIRM}: this finding cannot be accepted"),
        ("guard: 5", 1, "guard: Expected `int` >= 30"),
    ],
)
def test_what_it_cannot_mean_is_told_with_its_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(FormatError) as refused:
        read_rollout(dedent(text))
    assert (refused.value.line, refused.value.message[: len(message)]) == (line, message)
