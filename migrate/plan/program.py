"""A plan's host steps rendered into the node program: the files of RUN/ (docs/design/node-program.md). The only author of its steps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from migrate.plan.describe import describe, size
from migrate.plan.images import canonical
from migrate.plan.model import NodePlan
from migrate.plan.steps import (
    BundleSource,
    CarryImages,
    FileState,
    Guard,
    InstallRuntime,
    ReleaseAddresses,
    RestartUnit,
    SetUnit,
    ShelveDocker,
    Step,
    StopPodContainers,
    StopStandalone,
    WaitFor,
    WriteFile,
)
from migrate.plan.units import fence_files, unit_files
from migrate.targets import Target
from migrate.targets.compose import FileChange
from migrate.targets.table import target_named

HOME = "/var/lib/docker2cri"
CONFIG = "runtime-config"  # the edit of the new runtime's own file, which it reads before anything stops
GUARD_SECONDS = 600
UNIT_FOLDER = "/systemd/system/"  # in the path of every unit file and drop-in that systemd reads
PODS_SECONDS = 90  # for Docker's pods to be there again after the kubelet's start on the way back
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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
class HostStep:
    """One line of `steps`: its number (from 1), segment, kind and arguments.

    `planned` is the place in the plan's steps (from 0); `text` says what it does, in the imperative.
    """

    index: int
    segment: str
    kind: str
    arguments: tuple[str, ...]
    planned: int
    text: str

    @property
    def line(self) -> str:
        """The line as the interpreter reads it."""
        return "\t".join((str(self.index), self.segment, self.kind, *self.arguments)) + "\n"


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """Everything to lay into `directory` on the node, and the steps that its journal speaks of."""

    directory: str
    files: tuple[ProgramFile, ...]
    steps: tuple[HostStep, ...]

    def of(self, planned: int) -> tuple[int, ...]:
        """The numbers of the host steps that a step of the plan became; none for a step through the API."""
        return tuple(step.index for step in self.steps if step.planned == planned)

    def command(self, *verb: str) -> str:
        """The shell command that runs a verb."""
        return " ".join(("sh", f"{self.directory}/program.sh", *verb))


def render(
    plan: NodePlan,
    changes: Sequence[FileChange],
    run: str,
    fixed: Mapping[str, bytes],
    *,
    guard_seconds: int = GUARD_SECONDS,
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
    steps = host_steps(plan)
    files = [ProgramFile(name, data, "700" if name.endswith(".sh") else "600") for name, data in fixed.items()]
    files += [ProgramFile(f"units/{name}", text.encode(), "600") for name, text in unit_files(directory, guard_seconds).items()]
    for step in steps:
        planned = plan.steps[step.planned].step
        if step.kind == "file" and isinstance(planned, WriteFile):
            files += _bytes(planned, by_path.get(planned.path), step.index)
    files += _for_installing(plan, directory, written)
    files.append(ProgramFile("steps", "".join(step.line for step in steps).encode(), "600"))
    return NodeProgram(directory, tuple(files), steps)


def host_steps(plan: NodePlan) -> tuple[HostStep, ...]:
    """The steps of the node program that a plan becomes; raises ValueError for an argument that cannot stand in a line."""
    config = _config(plan)
    steps: list[HostStep] = []

    def add(segment: str, planned: int, text: str, kind: str, *arguments: str) -> None:
        if any(not one or re.search(r"[\t\n\r\0]", one) for one in arguments):
            raise ValueError(f"{kind}: an argument cannot stand in a line: {arguments!r}")
        steps.append(HostStep(len(steps) + 1, segment, kind, arguments, planned, text))

    for segment in ("prepare", "switch"):
        for planned, one in enumerate(plan.steps):
            if one.segment == segment:
                for kind, text, arguments in _lines(one.step, plan, config):
                    add(segment, planned, text or describe(one.step), kind, *arguments)
        if segment == "prepare":
            for kind, text, arguments in _validation(plan, config):
                add(segment, _read_first(plan), text, kind, *arguments)
    return tuple(steps)


def _lines(step: Step, plan: NodePlan, config: tuple[int, str] | None) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The host steps (kind, text, arguments) that a step becomes, in the order of the way there; without a text it is the step's own."""
    path = config[1] if config else "-"
    match step:
        case InstallRuntime(bundle=BundleSource(sha256=sha256)):
            yield "install", "", (*_about_install(step), "bundle", sha256)
        case InstallRuntime():
            yield "install", "", (*_about_install(step), step.manager, *(f"{one.name}={one.after}" for one in step.packages))
        case SetUnit(unit="kubelet.service", after=after) if after.active:
            yield "kubelet-start", "", ()
        case SetUnit(unit="kubelet.service"):
            yield "pods-back", "wait until the pods run in Docker again", (str(PODS_SECONDS),)
            yield "kubelet-stop", "", (step.unit,)
        case SetUnit(unit=unit, before=before):
            yield "unit-up", "", (unit, before.enabled, _activity(before.active))
        case CarryImages(images=images):
            for image in images:
                yield (
                    "carry",
                    f"carry {image.reference} over ({size(image.size)})",
                    (image.reference, canonical(image.reference), image.id, str(image.size)),
                )
        case Guard(after=True):
            yield "guard", "", ()
            yield "stage", "lay the new files beside the old ones", ()
            yield from _validation(plan, config)
            yield "kernel", "check the kernel modules and sysctls that dockerd provided", ()
        case StopPodContainers(forward=True):
            yield "pods-stop", "", ()
        case StopPodContainers(runtime=runtime):
            yield "pods-stop-back", "", (_target(runtime).socket,)
        case ReleaseAddresses(forward=forward):
            yield ("addresses", "", ("docker",)) if forward else ("addresses-back", "", ("new",))
        case StopStandalone(containers=containers):
            yield "standalone", "", tuple(word for one in containers for word in (one.id, str(one.timeout), one.name))
        case ShelveDocker(units=units):
            yield "shelve", "", units
        case WriteFile():
            yield "file", "", (step.path, *_hashes(step), *_shape(step.before, step.after), *_shape(step.after, step.before))
        case RestartUnit(unit=unit, forward=True):
            yield "runtime-restart", "", (unit, path)
        case RestartUnit(unit=unit):
            yield "runtime-back", "", (unit, _activity(_was_active(plan, unit)))
        case WaitFor(timeout=timeout, forward=True):
            yield "cri-wait", "", (_target(_new_runtime(plan)).socket, str(timeout), path)
        case _:
            raise ValueError(f"{type(step).__name__} is no step of a node program")


def _about_install(step: InstallRuntime) -> tuple[str, str, str]:
    return step.unit, step.cni_dir, ",".join(step.programs)


def _for_installing(plan: NodePlan, directory: str, written: Mapping[str, str]) -> Iterator[ProgramFile]:
    """What keeps an installation from starting anything, the list of a bundle's files, and those of them that no tarball has."""
    for name, text in fence_files(directory).items() if plan.installs else ():
        yield ProgramFile(f"units/{name}", text.encode(), "600")
    for one in plan.installs:
        if one.bundle is not None:
            own = [file for file in one.bundle.files if not file.member]
            names = {file.path: f"run:{number}" for number, file in enumerate(own, 1)}
            lines = "".join(f"{file.sha256} {file.mode} {file.member or names[file.path]} {file.path}\n" for file in one.bundle.files)
            yield ProgramFile("bundle.list", lines.encode(), "600")
            for file in own:
                yield ProgramFile(f"bundle/{names[file.path].removeprefix('run:')}", written[file.path].encode(), "600")


def _config(plan: NodePlan) -> tuple[int, str] | None:
    """Where in the plan the runtime's own configuration is written, and its path; None when it stays as it is."""
    for planned, one in enumerate(plan.steps):
        if isinstance(one.step, WriteFile) and CONFIG in one.step.edits:
            return planned, one.step.path
    return None


def _validation(plan: NodePlan, config: tuple[int, str] | None) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The host step that has the planned files read by those who will read them, where there is anything to read."""
    systemd = any(UNIT_FOLDER in one.step.path for one in plan.steps if isinstance(one.step, WriteFile))
    who = [
        *([f"{_target(_new_runtime(plan)).title} reads the new {config[1]}"] if config else []),
        *(["systemd reads the new unit files"] if systemd else []),
    ]
    if who:
        yield "validate", f"check that {' and '.join(who)}", (config[1] if config else "-",)


def _read_first(plan: NodePlan) -> int:
    """Where in the plan the first file is written that somebody reads beforehand."""
    read = (isinstance(one.step, WriteFile) and (CONFIG in one.step.edits or UNIT_FOLDER in one.step.path) for one in plan.steps)
    return list(read).index(True)


def _new_runtime(plan: NodePlan) -> str:
    return next(one.step.runtime for one in plan.steps if isinstance(one.step, StopPodContainers) and not one.step.forward)


def _target(name: str) -> Target:
    found = target_named(name)
    if found is None:
        raise ValueError(f"there is no target {name}")
    return found


def _was_active(plan: NodePlan, unit: str) -> bool:
    """Whether the runtime ran when the plan was made: it is started by the plan where it did not."""
    return all(step.before.active for step in plan.of("prepare") if isinstance(step, SetUnit) and step.unit == unit)


def _activity(active: bool) -> str:
    return "active" if active else "inactive"


def _hashes(step: WriteFile) -> tuple[str, str]:
    before, after = step.before, step.after
    return (before.sha256 if before else "-", after.sha256 if after else "-")


def _shape(state: FileState | None, other: FileState | None) -> tuple[str, str]:
    """Mode and owner; of a file that is not there those of the other side, which nobody looks at."""
    found = state or other
    return (found.mode, found.owner) if found else ("-", "-")


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
