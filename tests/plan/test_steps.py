"""Steps and their reverses."""

from __future__ import annotations

import typing

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from migrate.plan.describe import describe
from migrate.plan.steps import Step, WriteFile, acts, undo

KINDS = typing.get_args(Step)


def values(kind: type) -> st.SearchStrategy[typing.Any]:
    """Instances of a step kind, field by field from its own types."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: st.from_type(hints[name]) for name in kind.__struct_fields__})  # type: ignore[attr-defined]


@given(st.one_of([values(kind) for kind in KINDS]))
def test_the_reverse_of_the_reverse_is_the_step(step: Step) -> None:
    assert undo(undo(step)) == step


@given(st.one_of([values(kind) for kind in KINDS]))
def test_steps_survive_their_encoding(step: Step) -> None:
    assert msgspec.json.decode(msgspec.json.encode(step), type=Step) == step


@given(st.one_of([values(kind) for kind in KINDS]), st.booleans())
def test_every_step_says_what_it_does_in_one_line(step: Step, back: bool) -> None:
    assert describe(step, back=back)


@given(st.one_of([values(kind) for kind in KINDS if "forward" in kind.__struct_fields__]))
def test_a_bracket_acts_in_one_direction_only(step: Step) -> None:
    assert acts(step) != acts(undo(step))


def test_a_new_file_is_removed_on_the_way_back() -> None:
    after = {"sha256": "x", "mode": "644", "owner": "root:root", "size": 1}
    step = msgspec.convert(
        {"kind": "WriteFile", "why": "w", "path": "/etc/x", "before": None, "after": after, "edits": [], "diff": ""}, type=WriteFile
    )
    assert (describe(step), describe(undo(step), back=True)) == ("write /etc/x (new)", "remove /etc/x")
