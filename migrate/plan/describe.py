"""What a step does, in words; and sizes for people."""

from __future__ import annotations

from migrate.plan.steps import (
    Annotate,
    BundleSource,
    CarryImages,
    Cordon,
    Drain,
    Guard,
    InstallRuntime,
    ReleaseAddresses,
    RestartUnit,
    SetUnit,
    ShelveDocker,
    Step,
    StopPodContainers,
    StopStandalone,
    UnitState,
    VerifyA,
    VerifyB,
    WaitFor,
    WaitVolumesDetached,
    WriteFile,
)
from migrate.targets.table import titled


def describe(step: Step, *, back: bool = False) -> str:
    """One line that says what the step does, in the imperative; `back` for a step on the way back."""
    match step:
        case InstallRuntime(title=title, bundle=BundleSource(path=path, files=files)):
            return f"install {title}: {len(files)} files of {path}"
        case InstallRuntime(title=title, manager=manager, packages=packages):
            return f"install {title} with {manager}: {', '.join(f'{one.name} {one.after}' for one in packages)}"
        case WriteFile(path=path, before=None) if not back:
            return f"write {path} (new)"
        case WriteFile(path=path, after=None):
            return f"remove {path}"
        case WriteFile(path=path):
            return f"put {path} back as it was" if back else f"edit {path}"
        case SetUnit(unit=unit, before=before, after=after):
            return f"systemctl {_verb(before, after)} {unit}"
        case RestartUnit(unit=unit):
            return f"restart {unit}"
        case ShelveDocker(units=units, after=after):
            return f"stop and shelve {', '.join(units)}" if after else f"unshelve and start {', '.join(units)}"
        case StopStandalone(containers=containers, after=after):
            return f"{'start' if after else 'stop'} standalone containers {', '.join(one.name for one in containers)}"
        case StopPodContainers(runtime=runtime):
            return f"stop the pods' containers in {titled(runtime)}, sandboxes last"
        case ReleaseAddresses(networks=networks):
            return f"release the stopped sandboxes' addresses in {', '.join(networks) or 'no network'}"
        case CarryImages(images=images):
            return f"carry {len(images)} images over ({size(sum(one.size for one in images))})"
        case Cordon(after=after):
            return "cordon" if after else "uncordon"
        case Drain():
            return "drain"
        case WaitVolumesDetached():
            return "wait until volumes are detached"
        case Annotate(key=key, after=after):
            return f"annotate {key}={after}" if after is not None else f"remove annotation {key}"
        case Guard(after=after):
            return "arm the guard" if after else "disarm the guard"
        case WaitFor(condition=condition, timeout=timeout):
            return f"wait for {condition} (at most {timeout} s)"
        case VerifyA():
            return "verify the node while cordoned"
        case VerifyB():
            return "verify the workloads"


def size(count: int) -> str:
    """Bytes for people: `1.2 GB`, `340 MB`, `12 kB` (decimal, as docker prints them)."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _verb(before: UnitState, after: UnitState) -> str:
    words = []
    if before.enabled != after.enabled:
        words.append("enable" if after.enabled == "enabled" else "disable")
    if before.active != after.active:
        words.append("start" if after.active else "stop")
    return " and ".join(words) or "keep"
