"""What a plan depends on, as comparable values; and what moved since it was made."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable

import msgspec

from migrate.facts.capture import PathReading
from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import Kubelet, NodeFacts
from migrate.facts.redact import mask
from migrate.plan.model import Input, NodePlan, Plan
from migrate.sources.table import SOURCES, origin_of
from migrate.targets.table import TARGETS

# a source may stand on a target: Docker on the system's containerd
UNITS = tuple(
    dict.fromkeys(("kubelet.service", *(unit for source in SOURCES for unit in source.units), *(target.unit for target in TARGETS)))
)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An input that is no longer as planned; `diff` is unified and masked, for files."""

    what: str
    planned: str
    now: str
    diff: str = ""


def inputs(facts: NodeFacts, paths: Iterable[str]) -> tuple[Input, ...]:
    """Everything that the steps of this node depend on; to `paths`, the files that a plan edits, come those that feed the daemons."""
    files = set(paths)
    for name in UNITS:
        if unit := facts.unit(name):
            files |= {*unit.files, *unit.environment_files}
    if isinstance(facts.kubelet, Kubelet) and facts.kubelet.config_path:
        files.add(facts.kubelet.config_path)
    configured = (*(source.configured for source in SOURCES), *(target.configured for target in TARGETS))
    files.update(path for paths_of in configured for path in paths_of(facts))
    return (*_versions(facts), *_origin(facts), *_units(facts), *(_file(path, facts.files.get(path)) for path in sorted(files)))


def moved(planned: Iterable[Input], now: Iterable[Input]) -> tuple[Moved, ...]:
    """What differs between the inputs of a plan and those of fresh facts, in the plan's order."""
    fresh = {current.what: current for current in now}
    found = []
    for before in planned:
        current = fresh.get(before.what, Input(what=before.what, value="gone"))
        if current.value != before.value:
            found.append(Moved(what=before.what, planned=before.value, now=current.value, diff=_diff(before, current)))
    return tuple(found)


def elsewhere(plan: Plan, planned: NodePlan, cluster: ClusterFacts | None, node: Node | None) -> tuple[Moved, ...]:
    """Where another cluster or another Node object was read than the plan was made for; what is not known is not compared."""
    uids = (
        ("UID of kube-system (another cluster)", plan.cluster.uid, cluster.identity.uid if cluster else ""),
        (f"UID of the Node {planned.node}", planned.uid, node.metadata.uid if node else ""),
    )
    return tuple(Moved(what=what, planned=before, now=now) for what, before, now in uids if before and now and before != now)


def _versions(facts: NodeFacts) -> tuple[Input, ...]:
    found = {"machine": facts.os.machine_id}
    if isinstance(facts.kubelet, Kubelet):
        found["version of kubelet"] = facts.kubelet.version
        flags = " ".join(f"--{flag.name}={flag.value}" if flag.value is not None else f"--{flag.name}" for flag in facts.kubelet.flags)
        found["kubelet flags"] = mask(flags)
    told = {source.runtime: source.version(facts) for source in SOURCES} | {target.name: target.installed(facts) for target in TARGETS}
    found |= {f"version of {name}": text for name, text in told.items() if text is not None}
    found |= {f"package {package.name}": package.version for package in facts.packages}
    return tuple(Input(what=what, value=value) for what, value in found.items())


def _origin(facts: NodeFacts) -> tuple[Input, ...]:
    origin = origin_of(facts)
    found = {
        "sandbox image": origin.sandbox_image or "not known",
        "cgroup driver": origin.cgroup_driver or "not known",
        "CNI folders": " ".join((origin.cni_config_dir, *origin.cni_bin_dirs)),
    }
    return tuple(Input(what=what, value=value) for what, value in found.items())


def _units(facts: NodeFacts) -> tuple[Input, ...]:
    states = ((name, facts.unit(name)) for name in UNITS)
    return tuple(Input(what=f"unit {name}", value=f"{unit.active} {unit.file_state}") for name, unit in states if unit)


def _file(path: str, reading: PathReading | None) -> Input:
    if reading is None or reading.kind == "absent":
        return Input(what=path, value="absent")
    if reading.data is None:
        return Input(what=path, value=f"{reading.kind}, not read")
    digest = hashlib.sha256(reading.data).hexdigest()
    return Input(what=path, value=f"sha256:{digest} {reading.mode} {reading.owner}", text=mask(reading.text))


def _diff(before: Input, after: Input) -> str:
    if before.text is None and after.text is None:
        return ""
    text = unified(before.text or "", after.text or "", f"{before.what} (planned)", f"{after.what} (now)")
    return text or "only masked values (secrets), mode or owner differ\n"


def unified(before: str, after: str, old: str, new: str) -> str:
    """A unified diff of two texts; a missing last newline is said as git says it."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, new)
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
