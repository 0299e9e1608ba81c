"""A plan rendered into its node program."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from msgspec.structs import replace

from migrate.node import fixed_files
from migrate.plan.steps import ArmGuard, CarriedImage, CarryImage, ReleaseAddresses
from migrate.program.order import host_lines
from migrate.program.render import HOME, NotAsPlanned, render
from tests.node.scratch import planned

KINDS = """\
prepare apply carry
prepare apply carry
prepare apply carry
prepare apply carry
prepare apply carry
prepare apply validate
switch both guard
switch both stage
switch apply validate
switch apply kernel
switch rollback pods-wait
switch both standalone
switch both kubelet-stop
switch apply pods-stop
switch apply addresses
switch both source-stop
switch rollback runtime-restore
switch both file
switch both file
switch both file
switch both file
switch both file
switch both file
switch both file
switch both file
switch both file
switch both file
switch apply runtime-restart
switch apply cri-wait
switch rollback addresses
switch rollback pods-remove
switch both kubelet-start
"""


def test_the_lines_of_a_captured_node() -> None:
    lines = host_lines(planned()[0])
    assert "".join(f"{line.segment} {line.way} {line.kind}\n" for line in lines) == KINDS
    assert [line.index for line in lines] == list(range(1, len(lines) + 1))
    by_kind = {line.kind: line for line in lines}
    waits = "29\tswitch\tapply\tcri-wait\t/run/containerd/containerd.sock\t60\t/etc/containerd/config.toml"
    assert by_kind["cri-wait"].line == f"{waits}\t/var/lib/containerd\t/run/containerd\n"
    assert by_kind["runtime-restore"].arguments == ("containerd.service", "active")
    assert lines[1].arguments[:2] == ("lab/agnhost:2.33", "docker.io/lab/agnhost:2.33")
    assert [line.arguments for line in lines if isinstance(line.step, ReleaseAddresses)] == [("source",), ("target",)]


def test_every_host_step_of_the_plan_is_one_line_in_its_order() -> None:
    plan, changes = planned()
    program = render(plan, changes, "run-1", fixed_files("containerd.sh"))
    assert [line.step for line in program.lines] == [one.step for one in plan.steps if one.step in {line.step for line in program.lines}]
    added = replace(plan, steps=(*plan.steps[:5], plan.steps[4], *plan.steps[5:]))
    assert len(host_lines(added)) == len(program.lines) + 1


def test_the_files_of_a_run() -> None:
    plan, changes = planned()
    guarded = (replace(one, step=replace(one.step, seconds=90)) if isinstance(one.step, ArmGuard) else one for one in plan.steps)
    program = render(replace(plan, steps=tuple(guarded)), changes, "run-1", fixed_files("containerd.sh"))
    files = {file.path: file for file in program.files}
    assert program.directory == f"{HOME}/run-1"
    assert len(files) == len(program.files)
    assert {path for path in files if not path.startswith("files/")} == {
        *("program.sh", "restore.sh", "README", "steps", "steps.sha256", "units/gate.conf", "units/stopped.conf"),
        *("units/docker2cri-guard.service", "units/docker2cri-guard.timer", "units/docker2cri-boot.service"),
    }
    assert {file.mode for path, file in files.items() if not path.endswith(".sh")} == {"600"}
    assert b"OnActiveSec=90\n" in files["units/docker2cri-guard.timer"].data
    assert b"ExecStart=/bin/sh /var/lib/docker2cri/run-1/program.sh guard\n" in files["units/docker2cri-guard.service"].data
    for line in program.lines:
        if line.kind == "file":
            path, before, after = line.arguments[:3]
            assert hashlib.sha256(files[f"files/{line.index}.after"].data).hexdigest() == after, path
            kept = files.get(f"files/{line.index}.before")
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
    lines = host_lines(replace(plan, steps=(replace(plan.steps[0], step=CarryImage(image=image, name="n", why="w")),)))
    with pytest.raises(ValueError, match="carry: an argument cannot stand in a line"):
        assert lines[0].line
