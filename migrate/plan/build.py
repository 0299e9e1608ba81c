"""The migration story, top to bottom: one node's facts and findings -> its plan. The only author of steps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from migrate.facts.cluster import CRI_SOCKET, ClusterFacts, Node
from migrate.facts.model import Container, NodeFacts, Unit
from migrate.facts.redact import mask
from migrate.plan.drain import classify
from migrate.plan.images import canonical, carried
from migrate.plan.inputs import inputs, unified
from migrate.plan.limits import DEFAULT, Limits
from migrate.plan.model import RECORD, NodePlan, PlannedStep, Refusal
from migrate.plan.steps import (
    Annotate,
    ArmGuard,
    CarryImage,
    Complete,
    Cordon,
    Disarm,
    Drain,
    DrainPolicy,
    FileState,
    KernelSettings,
    RecordWorkloads,
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
    Uncordon,
    UnitState,
    ValidateFiles,
    VerifyNode,
    VerifyWorkloads,
    WaitForCri,
    WaitForPods,
    WaitVolumesDetached,
    WriteFile,
)
from migrate.rules import Allow, Finding, NodeView
from migrate.sources import Source
from migrate.sources.table import origin_of, source_of
from migrate.targets import Target
from migrate.targets.compose import FileChange, compose

CONFIG = "runtime-config"  # the edit of the new runtime's own file, which it reads before anything stops
UNIT_FOLDER = "/systemd/system/"  # in the path of every unit file and drop-in that systemd reads
DETACH_SECONDS = 360  # after 6 minutes the attach-detach controller forces a detach (maxWaitForUnmountDuration)
PODS_SECONDS = 90  # for the source's pods to run again after the kubelet's start on rollback
MAY_DIFFER = (
    "pods are new: names, addresses and container IDs of evicted and restarted pods",
    "images stay in the new runtime's store",
    RECORD,
)


def build_plan(view: NodeView, findings: tuple[Finding, ...], limits: Limits = DEFAULT) -> NodePlan:
    """The plan of one node; without steps, and with the reasons, when a blocker stands or the cluster does not know the node."""
    facts = view.facts
    blockers = tuple(Refusal.by(finding) for finding in findings if finding.blocks)
    policy = _drain_policy(findings, limits)
    steps: tuple[PlannedStep, ...] = ()
    changes: tuple[FileChange, ...] = ()
    source, origin = source_of(facts), origin_of(facts)
    if source is not None and not blockers and view.node is not None and view.cluster is not None:
        changes, _ = compose(view.target, facts, origin)
        steps = tuple(_story(facts, view.node, view.cluster, source, view.target, changes, policy, limits))
    return NodePlan(
        node=view.node.name if view.node else "",
        host=facts.host,
        source=facts.endpoint.kind,
        applicable=not facts.redacted,
        findings=findings,
        refusals=blockers,
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
) -> Iterator[PlannedStep]:
    """Read it downwards for apply, upwards with every step reversed for rollback; `on="rollback"`: only the rollback performs it."""
    networks = tuple(sorted({network for network, _, _ in facts.cni.leases}))
    pause = source.sandbox_image(facts)
    config = next((change.path for change in changes if CONFIG in change.edits), "")
    validate = _validation(changes, config, target)

    yield from _in("prepare", [_write(change) for change in changes if change.early])
    yield from _in("prepare", _start_runtime(facts, target))
    images = carried(source.images(facts), cluster.pods_on(node.name), cluster.pods, pause)
    yield from _in("prepare", [CarryImage(image=image, name=canonical(image.reference), why=image.why) for image in images])
    yield from _in("prepare", validate)

    found = node.spec.unschedulable
    yield from _in(
        "drain",
        [
            RecordWorkloads(why="what is compared with afterwards"),
            VerifyWorkloads(
                title=source.engine,
                prefix=source.prefix,
                timeout=limits.verify_workloads,
                on="rollback",
                why="the evicted pods' owners have their ready counts back",
            ),
            Cordon(found=found, why="it was found cordoned and stays so" if found else "no new pods while it changes"),
            Drain(policy=policy, why="its pods run elsewhere meanwhile; PodDisruptionBudgets are kept"),
            WaitVolumesDetached(timeout=DETACH_SECONDS, why="the kubelet detaches volumes; once it is stopped nobody does"),
        ],
    )

    kubelet = facts.units["kubelet.service"]
    started = facts.unit(target.unit)
    verify_source = VerifyNode(
        title=source.engine,
        prefix=source.prefix,
        image=pause or "",
        timeout=limits.verify_node,
        on="rollback",
        why=f"Ready with {source.prefix}, DaemonSet and static pods with new container IDs, a smoke pod; before pods come",
    )
    socket = node.metadata.annotation(CRI_SOCKET)
    annotated = [Annotate(key=CRI_SOCKET, value=socket, on="rollback", why="kubeadm upgrade and reset read it")] if socket else []
    yield from _in(
        "switch",
        [
            verify_source,
            *annotated,
            ArmGuard(seconds=limits.guard, why="without the operator's heartbeat the node rolls back by itself"),
            StageFiles(why="the switch only renames them"),
            *validate,
            KernelSettings(why=f"{source.engine} provided them until now"),
            WaitForPods(title=source.engine, timeout=PODS_SECONDS, on="rollback", why="the rollback ends with the node's own pods"),
            StopKubelet(unit=kubelet.name, why="nothing starts containers from here on"),
            StopPods(title=source.engine, why="DaemonSet and static pods; some would outlive the daemon (live-restore)"),
            ReleaseAddresses(sandboxes="source", networks=networks, why=f"nobody calls CNI DEL for them once {source.name} is gone"),
            *_standalone(source.standalone(facts), source.engine),
            StopSource(
                title=source.engine, units=source.present(facts), why="a touch of its socket would wake a daemon that is merely stopped"
            ),
            RestoreRuntime(
                unit=target.unit, active=started is None or started.running, on="rollback", why="it ran on the new configuration"
            ),
            *(_write(change) for change in changes if not change.early),
            RestartRuntime(unit=target.unit, config=config, why="it may run on its old configuration"),
            WaitForCri(socket=target.socket, config=config, timeout=limits.cri, why="a unit that is active need not serve CRI"),
            ReleaseAddresses(sandboxes="target", networks=networks, on="rollback", why="their leases would stay"),
            RemovePods(title=target.title, socket=target.socket, on="rollback", why="both runtimes must never run the same pods"),
            StartKubelet(why=f"it starts on {target.endpoint}"),
        ],
    )

    drained_again = "the rollback begins with an empty node"
    yield from _in(
        "rejoin",
        [
            VerifyNode(
                title=target.title,
                prefix=target.prefix,
                image=pause or "",
                timeout=limits.verify_node,
                why=f"Ready with {target.prefix}, DaemonSet and static pods with new container IDs, a smoke pod",
            ),
            Disarm(why="the node is verified"),
            *([Annotate(key=CRI_SOCKET, value=target.endpoint, why="kubeadm upgrade and reset read it")] if socket else []),
            WaitVolumesDetached(timeout=DETACH_SECONDS, on="rollback", why=drained_again),
            Drain(policy=policy, on="rollback", why=drained_again),
            Uncordon(found=found, why="it was found cordoned and stays so" if found else "pods may come"),
            RecordWorkloads(on="rollback", why="what is compared with after the rollback"),
            VerifyWorkloads(
                title=target.title,
                prefix=target.prefix,
                timeout=limits.verify_workloads,
                why="the evicted pods' owners have their ready counts back",
            ),
            Complete(why="the next command finds the run finished"),
        ],
    )


def _in(segment: str, steps: Iterable[Step]) -> Iterator[PlannedStep]:
    return (PlannedStep(segment=segment, step=step) for step in steps)


def _validation(changes: Iterable[FileChange], config: str, target: Target) -> list[Step]:
    """Have the new files read before anything stops, where there is anything to read."""
    readers = [f"{target.title} reads the new {config}"] if config else []
    if any(UNIT_FOLDER in change.path for change in changes):
        readers.append("systemd reads the new unit files")
    return [ValidateFiles(config=config, readers=tuple(readers), why="a file that is refused stops nothing yet")] if readers else []


def _drain_policy(findings: Iterable[Finding], limits: Limits) -> DrainPolicy:
    """What an accepted finding allows the drain to lose; nothing else is."""
    allowed = {finding.allows for finding in findings if finding.accepted is not None}
    return DrainPolicy(delete_emptydir_data=Allow.DELETE_EMPTYDIR_DATA in allowed, force=Allow.FORCE in allowed, timeout=limits.drain)


def _start_runtime(facts: NodeFacts, target: Target) -> list[Step]:
    unit = facts.unit(target.unit)
    if unit is None:
        return []
    before, after = _state(unit), UnitState(enabled="enabled", active=True)
    if before == after:
        return []
    return [SetUnit(unit=unit.name, before=before, after=after, why="images are imported through it, and it must start at boot")]


def _state(unit: Unit) -> UnitState:
    return UnitState(enabled=unit.file_state, active=unit.running)


def _standalone(containers: Iterable[Container], engine: str) -> list[Step]:
    running = tuple(
        StandaloneContainer(id=found.id, name=found.name, timeout=found.stop_timeout or 10) for found in containers if found.running
    )
    return [StopStandalone(containers=running, why=f"accepted: they stop with {engine}")] if running else []


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
