"""A plan's host steps rendered into the node program: the files of RUN/ (docs/design/node-program.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from migrate.plan.mark import RUN_NAME
from migrate.plan.model import NodePlan
from migrate.plan.steps import ArmGuard, KeepSource, RestartRuntime, StopSource, WriteFile
from migrate.program.order import HostLine, host_lines
from migrate.program.units import fence_files, unit_files
from migrate.targets.compose import FileChange

HOME = "/var/lib/docker2cri"


class NotAsPlanned(ValueError):
    """A file that was computed again does not hash as planned: `path`, and which side of it (`before` or `after`)."""

    def __init__(self, path: str, side: str) -> None:
        self.path = path
        self.side = side
        super().__init__(f"{path}: what is computed now is not what was planned ({side})")


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A file of RUN/: its path below it, bytes, and octal mode."""

    path: str
    data: bytes
    mode: str


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """Everything to lay into `directory` on the node, and the lines that its journal speaks of."""

    directory: str
    files: tuple[ProgramFile, ...]
    lines: tuple[HostLine, ...]

    def command(self, *verb: str) -> str:
        """The shell command that runs a verb."""
        return " ".join(("sh", f"{self.directory}/program.sh", *verb))


def render(
    plan: NodePlan,
    changes: Sequence[FileChange],
    run: str,
    fixed: Mapping[str, bytes],
    *,
    written: Mapping[str, str] = MappingProxyType({}),
) -> NodeProgram:
    """The node program of a plan; `changes` are computed again from the node's own bytes.

    `fixed` is `migrate.node.fixed_files` of the target's part; `written` are the texts of files that a bundle lacks, by their paths.

    Raises NotAsPlanned when a change does not hash as planned, ValueError for a run name or an argument that cannot stand in a line.
    """
    if not RUN_NAME.fullmatch(run):
        raise ValueError(f"{run!r} is no name for a run")
    directory = f"{HOME}/{run}"
    by_path = {change.path: change for change in changes}
    lines = host_lines(plan)
    files = [ProgramFile(name, data, "700" if name.endswith(".sh") else "600") for name, data in fixed.items()]
    for line in lines:
        match line.step:
            case ArmGuard(seconds=seconds):
                texts = unit_files(directory, seconds, _runtimes(plan))
                files += [ProgramFile(f"units/{name}", text.encode(), "600") for name, text in texts.items()]
            case WriteFile():
                files += _bytes(line.step, by_path.get(line.step.path), line.index)
    files += _for_installing(plan, directory, written)
    steps = "".join(line.line for line in lines).encode()
    files.append(ProgramFile("steps", steps, "600"))
    files.append(ProgramFile("steps.sha256", f"{hashlib.sha256(steps).hexdigest()}\n".encode(), "600"))
    return NodeProgram(directory, tuple(files), lines)


def _runtimes(plan: NodePlan) -> tuple[str, ...]:
    """The units of both runtimes."""
    steps = [planned.step for planned in plan.steps]
    target = (step.unit for step in steps if isinstance(step, RestartRuntime))
    return (*target, *(unit for step in steps if isinstance(step, StopSource | KeepSource) for unit in step.units))


def _for_installing(plan: NodePlan, directory: str, written: Mapping[str, str]) -> Iterator[ProgramFile]:
    """What keeps an installation from starting anything, the list of a bundle's files, and those of them that no tarball has."""
    for name, text in fence_files(directory).items() if plan.installs or plan.cleans else ():
        yield ProgramFile(f"units/{name}", text.encode(), "600")
    for step in plan.installs:
        if step.bundle is not None:
            own = [file for file in step.bundle.files if not file.member]
            names = {file.path: f"run:{number}" for number, file in enumerate(own, 1)}
            lines = "".join(f"{file.sha256} {file.mode} {file.member or names[file.path]} {file.path}\n" for file in step.bundle.files)
            yield ProgramFile("bundle.list", lines.encode(), "600")
            for file in own:
                yield ProgramFile(f"bundle/{names[file.path].removeprefix('run:')}", written[file.path].encode(), "600")


def _bytes(step: WriteFile, change: FileChange | None, index: int) -> Iterator[ProgramFile]:
    """The bytes before and after, proved against the plan."""
    if change is None:
        raise NotAsPlanned(step.path, "after")
    sides = (("before", change.before, step.before), ("after", change.after, step.after))
    for side, data, state in sides:
        if (None if data is None else hashlib.sha256(data).hexdigest()) != (state.sha256 if state else None):
            raise NotAsPlanned(step.path, side)
        if data is not None:
            yield ProgramFile(f"files/{index}.{side}", data, "600")
