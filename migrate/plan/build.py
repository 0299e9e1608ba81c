"""The migration story, top to bottom: one node's facts and findings -> its plan. The only author of steps on the node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from migrate.facts.cluster import CRI_SOCKET, ClusterFacts, Node
from migrate.facts.etcd import Etcd
from migrate.facts.model import Container, NodeFacts, Unit
from migrate.facts.redact import mask
from migrate.formats.image_ref import stored_as
from migrate.limits import DEFAULT, Limits
from migrate.plan.again import FLAGS
from migrate.plan.api_steps import Passage, Plane
from migrate.plan.drain import classify
from migrate.plan.estimate import estimated
from migrate.plan.fleet import DEFAULT_ORDER, FleetPlan, staged
from migrate.plan.gates import NO_GATES
from migrate.plan.images import by_digest, carried
from migrate.plan.inputs import inputs, unified
from migrate.plan.model import RECORD, NodePlan, PlannedStep, Refusal, without_steps
from migrate.plan.ordering import Ordering
from migrate.plan.steps import (
    ArmGuard,
    CarryImage,
    DrainPolicy,
    FileState,
    KeepSource,
    KernelSettings,
    PinImages,
    PullImage,
    ReleaseAddresses,
    RemovePods,
    RestartRuntime,
    RestoreRuntime,
    SetUnit,
    StageFiles,
    StandaloneContainer,
    StartKubelet,
    Step,
    StopKubelet,
    StopPods,
    StopSource,
    StopStandalone,
    UnitState,
    WaitForCri,
    WaitForPods,
    WriteFile,
)
from migrate.plan.validation import CONFIG, validation
from migrate.rules import Allow, Finding, NodeView
from migrate.rules.planes import alone, is_plane
from migrate.sources import Source
from migrate.sources.table import origin_of, source_of
from migrate.targets import Target
from migrate.targets.compose import FileChange, compose
from migrate.targets.table import runtime_title

PODS_SECONDS = 90  # for the source's pods to run again after the kubelet's start on rollback
MAY_DIFFER = (
    "pods are new: names, addresses and container IDs of evicted and restarted pods",
    "images stay in the new runtime's store",
    RECORD,
)


def build_plan(view: NodeView, findings: tuple[Finding, ...], limits: Limits = DEFAULT) -> NodePlan:
    """The plan of one node; without steps, and with the reasons, when there is nothing to do, a blocker stands, or the cluster does not
    know the node.

    Whatever is raised meanwhile refuses this node alone: the plans of the others stay.
    """
    try:
        return _planned(view, findings, limits)
    except Exception as wrong:
        reason = f"{view.name} cannot be planned, unexpected {type(wrong).__name__}: {wrong}"
        refused = Refusal(code="unexpected", reason=reason, next=f"docker2cri capture {view.facts.host} --out DIR, and report the defect")
        return without_steps(view, findings, refusals=(refused,))


def leading(views: Iterable[NodeView]) -> tuple[str, ...]:
    """The nodes, by their inventory names, whose member of etcd leads."""
    told = ((view.facts.host, view.facts.etcd) for view in views)
    return tuple(host for host, etcd in told if isinstance(etcd, Etcd) and etcd.own in etcd.leaders)


def fleet_of(
    nodes: Iterable[NodePlan], cluster: ClusterFacts | None, order: Ordering = DEFAULT_ORDER, leaders: Iterable[str] = ()
) -> FleetPlan | msgspec.UnsetType:
    """In which order the planned nodes are taken, and behind which gates; nothing where only one is changed, at any time.

    `leaders` of etcd are the last of the control planes.
    """
    changed = [node for node in nodes if node.steps]
    if cluster is None or not changed or (len(changed) < 2 and order.gates == NO_GATES):
        return msgspec.UNSET
    moving = [(node.host, found) for node in changed if node.moves and (found := cluster.node(node.node)) is not None]
    return estimated(staged(moving, cluster, order, (node.host for node in changed if not node.moves), leaders), changed)


def _planned(view: NodeView, findings: tuple[Finding, ...], limits: Limits) -> NodePlan:
    facts = view.facts
    blockers = tuple(Refusal.by(finding) for finding in findings if finding.blocks)
    if view.on_other_runtime and not blockers:
        return without_steps(view, findings, nothing=f"it runs its pods on {runtime_title(facts.endpoint.kind)}, not on Docker")
    allowed = _allowed(findings)
    policy = DrainPolicy(timeout=limits.drain, **{flag: allow in allowed for flag, allow in FLAGS.items()})
    steps: tuple[PlannedStep, ...] = ()
    changes: tuple[FileChange, ...] = ()
    source, origin = source_of(facts), origin_of(facts)
    if source is not None and not blockers and view.node is not None and view.cluster is not None:
        changes, _ = compose(view.target, facts, origin)
        plane = Plane(alone(view), facts.etcd is not None) if is_plane(view) else None
        steps = tuple(_story(facts, view.node, view.cluster, source, view.target, changes, policy, limits, allowed, plane))
    return replace(
        without_steps(view, findings, refusals=blockers),
        steps=steps,
        inputs=inputs(facts, (change.path for change in changes)),
        pods=classify(view.pods, view.cluster, policy) if view.cluster else (),
        may_differ=(*MAY_DIFFER, *view.target.leaves) if steps else (),
    )


def _story(
    facts: NodeFacts,
    node: Node,
    cluster: ClusterFacts,
    source: Source,
    target: Target,
    changes: tuple[FileChange, ...],
    policy: DrainPolicy,
    limits: Limits,
    allowed: frozenset[Allow | None],
    plane: Plane | None,
) -> Iterator[PlannedStep]:
    """Read it downwards for apply, upwards with every step reversed for rollback; `on="rollback"`: only the rollback performs it."""
    networks = tuple(sorted({network for network, _, _ in facts.cni.leases}))
    pause = source.sandbox_image(facts)
    smoke = next(iter(source.running_sandbox_images(facts)), pause or "")
    edited = [change.path for change in changes if CONFIG in change.edits]
    read = target.reads(facts)
    config = (*read, *edited)[0] if edited else ""
    validate = validation(changes, config, read[1:] if edited else (), edited, target)

    yield from _in("prepare", [_write(change) for change in changes if change.early])
    yield from _in("prepare", _start_runtime(facts, target))
    stored, digests = source.images(facts), source.keeps_digests(facts)
    images = carried(stored, cluster.pods_on(node.name), cluster.pods, (pause, smoke), digests=digests)
    yield from _in("prepare", [CarryImage(image=image, name=stored_as(image.reference), why=image.why) for image in images])
    pulled = () if digests else by_digest(stored, cluster.pods_on(node.name))
    why = "a pod uses it by this digest, which a copy would not have"
    yield from _in("prepare", [PullImage(title=target.title, name=name, why=why) for name in pulled])
    yield from _in("prepare", _pin(facts, target, [*(stored_as(image.reference) for image in images), *pulled]))
    yield from _in("prepare", validate)

    passage = Passage(
        source,
        target,
        node.spec.unschedulable,
        node.metadata.annotation(CRI_SOCKET) or None,
        policy,
        image=smoke,
        smokeless=Allow.NO_SMOKE_POD in allowed,
        limits=limits,
        plane=plane,
    )
    yield from _in("drain", passage.drain)

    kubelet = facts.units["kubelet.service"]
    kill = Allow.KILL in allowed
    started = facts.unit(target.unit)
    yield from _in(
        "switch",
        [
            *passage.switch,
            ArmGuard(seconds=limits.guard, why="without the operator's heartbeat the node rolls back by itself"),
            StageFiles(why="the switch only renames them"),
            *validate,
            KernelSettings(why=f"{source.engine} provided them until now"),
            WaitForPods(title=source.engine, timeout=PODS_SECONDS, on="rollback", why="the rollback ends with the node's own pods"),
            # before the kubelet is stopped: it would be away for their time as well
            *(() if target.keeps_source else _standalone(source.standalone(facts), source.engine, limits.stop, kill)),
            StopKubelet(unit=kubelet.name, why="nothing starts containers from here on"),
            StopPods(
                title=source.engine,
                timeout=limits.stop,
                kill=kill,
                why="DaemonSet and static pods; some would outlive the daemon (live-restore)",
            ),
            ReleaseAddresses(sandboxes="source", networks=networks, why=f"nobody calls CNI DEL for them once {source.name} is gone"),
            *_left(source, facts, target),
            RestoreRuntime(
                unit=target.unit, active=started is None or started.running, on="rollback", why="it ran on the new configuration"
            ),
            *(_write(change) for change in changes if not change.early),
            RestartRuntime(unit=target.unit, config=config, why="it may run on its old configuration"),
            WaitForCri(
                socket=target.socket,
                config=config,
                timeout=limits.cri,
                root=target.data_root,
                state=target.state,
                why="a unit that is active need not serve CRI",
            ),
            ReleaseAddresses(sandboxes="target", networks=networks, on="rollback", why="their leases would stay"),
            RemovePods(
                title=target.title,
                socket=target.socket,
                timeout=limits.stop,
                on="rollback",
                why="both runtimes must never run the same pods",
            ),
            StartKubelet(why=f"it starts on {target.endpoint}"),
        ],
    )

    yield from _in("rejoin", passage.rejoin)


def _in(segment: str, steps: Iterable[Step]) -> Iterator[PlannedStep]:
    return (PlannedStep(segment=segment, step=step) for step in steps)


def _allowed(findings: Iterable[Finding]) -> frozenset[Allow | None]:
    """What accepted findings allow: what the drain may lose, what need not run, what is killed; nothing else is."""
    return frozenset(finding.allows for finding in findings if finding.accepted is not None)


def _start_runtime(facts: NodeFacts, target: Target) -> list[Step]:
    unit = facts.unit(target.unit)
    if unit is None:
        return []
    before, after = _state(unit), UnitState(enabled="enabled", active=True)
    if before == after:
        return []
    return [SetUnit(unit=unit.name, before=before, after=after, why="images are imported through it, and it must start at boot")]


def _pin(facts: NodeFacts, target: Target, carried: list[str]) -> list[Step]:
    """Nothing where this version of the target does not know pins; D2C215 tells so, and where the kubelet does not heed them yet."""
    found = target.pinning(facts)
    if found is None or not carried:
        return []
    why = "on a full disk the kubelet deletes what no container uses; it leaves pinned ones from 1.25.14 on"
    return [PinImages(title=target.title, names=(*found.own, *carried), file=found.file, why=why)]


def _state(unit: Unit) -> UnitState:
    return UnitState(enabled=unit.file_state, active=unit.running)


def _standalone(containers: Iterable[Container], engine: str, timeout: int, kill: bool) -> list[Step]:
    running = tuple(
        StandaloneContainer(id=found.id, name=found.name, timeout=found.stop_timeout or 10) for found in containers if found.running
    )
    why = f"accepted: they stop with {engine}"
    return [StopStandalone(containers=running, timeout=timeout, kill=kill, why=why)] if running else []


def _left(source: Source, facts: NodeFacts, target: Target) -> list[Step]:
    """The source is stopped; where it keeps running for its other users, only what serves Kubernetes alone is."""
    stopped = source.present(facts, source.own_units) if target.keeps_source else source.present(facts)
    why = "it serves Kubernetes alone" if target.keeps_source else "a touch of its socket would wake a daemon that is merely stopped"
    stop = [StopSource(title=source.engine, units=stopped, why=why)] if stopped or not target.keeps_source else []
    why = "its other containers and users stay, and a rollback needs it"
    kept = [KeepSource(title=source.engine, units=source.present(facts, source.shared_units), why=why)] if target.keeps_source else []
    return [*stop, *kept]


def _write(change: FileChange) -> WriteFile:
    after = change.after.decode()
    old = "/dev/null" if change.before is None and change.base is None else change.base or change.path
    return WriteFile(
        path=change.path,
        base=change.base,
        before=None if change.before is None else _file_state(change.before, change),
        after=_file_state(change.after, change),
        edits=change.edits,
        why="; ".join(dict.fromkeys(change.whys)),
        diff=mask(unified(change.start, after, old, change.path)),
    )


def _file_state(data: bytes, change: FileChange) -> FileState:
    return FileState(sha256=hashlib.sha256(data).hexdigest(), mode=change.mode, owner=change.owner, size=len(data))
