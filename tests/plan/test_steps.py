"""The table of step kinds: closed, reversible, and known to all who perform them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.node import fixed_files
from migrate.plan.steps import API, HOST, ApiStep, HostStep, OneWayStep, Step, WriteFile, acts, describe, kind_of, reverse
from migrate.program.order import HostLine

KINDS = typing.get_args(Step)
PACKAGE = Path(__file__).resolve().parents[2] / "migrate"


def values(kind: type) -> st.SearchStrategy[typing.Any]:
    """Instances of a step kind, field by field from its own types."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: st.from_type(hints[name]) for name in kind.__struct_fields__})  # type: ignore[attr-defined]


# a busy machine draws slowly
settings.register_profile("steps", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("steps")
any_step = st.one_of([values(kind) for kind in KINDS])


@given(any_step)
def test_the_reverse_of_the_reverse_is_the_step(step: Step) -> None:
    turned = kind_of(step).reverse
    assert turned is None or kind_of(turned).reverse == step


@given(any_step)
def test_a_step_is_performed_in_one_direction_and_its_reverse_in_the_other(step: Step) -> None:
    turned = kind_of(step).reverse
    assert acts(step, step.on)
    if turned is None:
        assert not acts(step, "apply" if step.on == "rollback" else "rollback")
        assert reverse(step) == (step if step.on == "rollback" else None)
    else:
        assert turned.on != step.on
        assert reverse(step) == turned


@given(any_step)
def test_steps_survive_their_encoding(step: Step) -> None:
    assert msgspec.json.decode(msgspec.json.encode(step), type=Step) == step


@given(any_step)
def test_every_step_says_what_it_does_in_one_line(step: Step) -> None:
    assert describe(step)


def sample(kind: typing.Any) -> typing.Any:
    """One value of a type; which does not matter."""
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)[0]
    if typing.get_origin(kind) is tuple:
        return ()
    if type(None) in typing.get_args(kind):
        return None
    if kind in (str, int, bool):
        return kind(1)
    return kind(**{name: sample(hint) for name, hint in typing.get_type_hints(kind).items()})


SAMPLES = {kind: sample(kind) for kind in KINDS}


def test_names_are_unique_and_where_they_act_is_their_union() -> None:
    names = [kind_of(step).name for step in SAMPLES.values()]
    assert len(set(names)) == len(names)
    assert {kind for kind, step in SAMPLES.items() if kind_of(step).where == HOST} == set(typing.get_args(HostStep))
    assert {kind for kind, step in SAMPLES.items() if kind_of(step).where == API} == set(typing.get_args(ApiStep))


def labels(function: str) -> set[str]:
    """The labels of the `case` on the step's kind in a function of the node program."""
    text = fixed_files("containerd.sh")["program.sh"].decode()
    body = text[text.index(f"\n{function}() {{") :]
    arms = body[body.index("case $kind in") : body.index("\n  esac")]
    return set(re.findall(r"^    ([a-z*-]+)\)", arms, re.MULTILINE))


def ways(kind: type) -> Iterator[str]:
    """The directions in which the node program performs steps of a kind."""
    for on in ("apply", "rollback"):
        way = HostLine(1, "switch", replace(SAMPLES[kind], on=on)).way
        yield from ("apply", "rollback") if way == "both" else (way,)


# steps that are planned for one direction only, by the plan's author
ON_APPLY = {"carry", "pull", "validate", "kernel", "pods-stop", "runtime-restart", "cri-wait"}
ON_APPLY |= {kind_of(SAMPLES[kind]).name for kind in typing.get_args(OneWayStep)}
ON_ROLLBACK = {"pods-wait", "pods-remove", "runtime-restore"}


def test_the_node_program_knows_every_host_step_in_its_directions_and_no_other() -> None:
    names = {kind_of(SAMPLES[kind]).name for kind in typing.get_args(HostStep)}
    assert labels("perform") == (names - ON_ROLLBACK) | {"*"}
    assert labels("undo") == (names - ON_APPLY) | {"*"}
    both = {kind_of(SAMPLES[kind]).name for kind in typing.get_args(HostStep) if kind_of(SAMPLES[kind]).reverse is not None}
    assert both <= labels("perform") & labels("undo")


def test_a_planted_kind_makes_mypy_name_every_place(tmp_path: Path) -> None:
    """One new kind in each union; a host step's other place is the node program, see above."""
    shutil.copytree(PACKAGE, tmp_path / "migrate")
    steps = tmp_path / "migrate/plan/steps.py"
    text = steps.read_text("utf-8")
    for last, name in (("    | StartKubelet\n)", "PlantedHost"), ("    | Complete\n)", "PlantedApi")):
        assert last in text
        text = text.replace(last, last.replace("\n)", f" | {name}\n)"))
        made = f'class {name}(_Step, frozen=True, kw_only=True):\n    """New."""\n\n\n'
        text = text.replace("HostStep: TypeAlias", f"{made}HostStep: TypeAlias", 1)
    steps.write_text(text, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--follow-imports=silent"]
    command += ["migrate/plan/steps.py", "migrate/run/perform.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    pattern = r"^(\S+\.py):\d+: error: Argument 1 to \"assert_never\" has incompatible type \"(.*?)\""
    assert re.findall(pattern, said, re.MULTILINE) == [
        ("migrate/plan/steps.py", "PlantedHost | PlantedApi"),
        ("migrate/run/perform.py", "PlantedApi"),
    ], said


def test_a_new_file_is_removed_on_rollback() -> None:
    after = {"sha256": "x", "mode": "644", "owner": "root:root", "size": 1}
    step = msgspec.convert(
        {"kind": "WriteFile", "why": "w", "path": "/etc/x", "before": None, "after": after, "edits": [], "diff": ""}, type=WriteFile
    )
    undone = reverse(step)
    assert undone is not None
    assert (describe(step), describe(undone)) == ("write /etc/x (new)", "remove /etc/x")
