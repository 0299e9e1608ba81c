"""A plan rendered into its node program."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from msgspec.structs import replace

from migrate.node import fixed_files
from migrate.plan.program import HOME, NotAsPlanned, host_steps, render
from migrate.plan.steps import CarriedImage, CarryImages, SetUnit, UnitState, WriteFile
from tests.node.scratch import planned

KINDS = """\
prepare carry
prepare carry
prepare carry
prepare carry
prepare carry
prepare validate
switch guard
switch stage
switch validate
switch kernel
switch pods-back
switch kubelet-stop
switch pods-stop
switch addresses
switch standalone
switch shelve
switch runtime-back
switch file
switch file
switch file
switch file
switch file
switch file
switch file
switch file
switch file
switch file
switch runtime-restart
switch cri-wait
switch addresses-back
switch pods-stop-back
switch kubelet-start
"""


def test_the_steps_of_a_captured_node() -> None:
    steps = host_steps(planned()[0])
    assert "".join(f"{step.segment} {step.kind}\n" for step in steps) == KINDS
    assert [step.index for step in steps] == list(range(1, len(steps) + 1))
    by_kind = {step.kind: step for step in steps}
    assert by_kind["cri-wait"].line == "29\tswitch\tcri-wait\t/run/containerd/containerd.sock\t60\t/etc/containerd/config.toml\n"
    assert by_kind["runtime-back"].arguments == ("containerd.service", "active")
    assert steps[1].arguments[:2] == ("lab/agnhost:2.33", "docker.io/lab/agnhost:2.33")
    assert all(step.text for step in steps)


def test_every_host_step_of_the_plan_became_one_or_more() -> None:
    plan, changes = planned()
    program = render(plan, changes, "run-1", fixed_files("containerd.sh"))
    there = {number for number, one in enumerate(plan.steps) if one.segment in ("prepare", "switch")}
    assert {number for number in range(len(plan.steps)) if program.of(number)} == there
    assert sorted(index for number in there for index in program.of(number)) == [step.index for step in program.steps]


def test_the_files_of_a_run() -> None:
    plan, changes = planned()
    program = render(plan, changes, "run-1", fixed_files("containerd.sh"), guard_seconds=90)
    files = {file.path: file for file in program.files}
    assert program.directory == f"{HOME}/run-1"
    assert len(files) == len(program.files)
    assert {path for path in files if not path.startswith("files/")} == {
        *("program.sh", "restore.sh", "README", "steps", "units/gate.conf", "units/shelved.conf"),
        *("units/docker2cri-guard.service", "units/docker2cri-guard.timer", "units/docker2cri-boot.service"),
    }
    assert {file.mode for path, file in files.items() if not path.endswith(".sh")} == {"600"}
    assert b"OnActiveSec=90\n" in files["units/docker2cri-guard.timer"].data
    assert b"ExecStart=/bin/sh /var/lib/docker2cri/run-1/program.sh guard\n" in files["units/docker2cri-guard.service"].data
    for step in program.steps:
        if step.kind == "file":
            path, before, after = step.arguments[:3]
            assert hashlib.sha256(files[f"files/{step.index}.after"].data).hexdigest() == after, path
            kept = files.get(f"files/{step.index}.before")
            assert (hashlib.sha256(kept.data).hexdigest() if kept else "-") == before, path
    assert program.command("forward", "switch") == "sh /var/lib/docker2cri/run-1/program.sh forward switch"


def test_what_does_not_hash_as_planned_is_refused() -> None:
    plan, changes = planned()
    first, *rest = changes
    for other, side in ((dataclasses.replace(first, after=b"other"), "after"), (dataclasses.replace(first, before=b"other"), "before")):
        with pytest.raises(NotAsPlanned) as refused:
            render(plan, (other, *rest), "run-1", fixed_files("containerd.sh"))
        assert (refused.value.path, refused.value.side) == (first.path, side)
    with pytest.raises(NotAsPlanned):
        render(plan, rest, "run-1", fixed_files("containerd.sh"))


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "x" * 101, "a\n"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a run"):
        render(*planned(), name, fixed_files("containerd.sh"))


@pytest.mark.parametrize("reference", ["a\tb", "a\nb", ""])
def test_what_cannot_stand_in_a_line_is_refused(reference: str) -> None:
    plan, _ = planned()
    image = CarriedImage(reference=reference, id="sha256:0", size=1, why="w")
    steps = tuple(
        replace(one, step=CarryImages(images=(image,), why="w")) if isinstance(one.step, CarryImages) else one for one in plan.steps
    )
    with pytest.raises(ValueError, match="carry: an argument cannot stand in a line"):
        host_steps(replace(plan, steps=steps))


def test_a_runtime_that_was_found_stopped_is_stopped_on_the_way_back() -> None:
    plan, _ = planned()
    found, up = UnitState(enabled="disabled", active=False), UnitState(enabled="enabled", active=True)
    start = replace(plan.steps[0], step=SetUnit(unit="containerd.service", before=found, after=up, why="w"))
    steps = host_steps(replace(plan, steps=(start, *plan.steps)))
    assert (steps[0].kind, steps[0].arguments) == ("unit-up", ("containerd.service", "disabled", "inactive"))
    assert next(step.arguments for step in steps if step.kind == "runtime-back") == ("containerd.service", "inactive")


def test_a_configuration_that_stays_is_not_validated() -> None:
    plan, _ = planned()
    kept = tuple(one for one in plan.steps if not (isinstance(one.step, WriteFile) and "runtime-config" in one.step.edits))
    steps = host_steps(replace(plan, steps=kept))
    said = [(step.segment, step.text, step.arguments) for step in steps if step.kind == "validate"]
    assert said == [(segment, "check that systemd reads the new unit files", ("-",)) for segment in ("prepare", "switch")]
    assert next(step.arguments for step in steps if step.kind == "runtime-restart") == ("containerd.service", "-")
    without = tuple(one for one in kept if not (isinstance(one.step, WriteFile) and "/systemd/system/" in one.step.path))
    assert "validate" not in {step.kind for step in host_steps(replace(plan, steps=without))}


def test_both_are_told_where_both_read() -> None:
    plan, _ = planned()
    said = {step.text for step in host_steps(plan) if step.kind == "validate"}
    assert said == {"check that containerd reads the new /etc/containerd/config.toml and systemd reads the new unit files"}
