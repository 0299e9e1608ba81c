"""The migration story, top to bottom: one node's facts and findings -> its plan. The only author of steps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from migrate.facts.cluster import CRI_SOCKET, ClusterFacts, Node
from migrate.facts.model import Docker, NodeFacts, Unit
from migrate.facts.redact import mask
from migrate.plan.drain import classify
from migrate.plan.images import carried
from migrate.plan.inputs import inputs, unified
from migrate.plan.model import RECORD, NodePlan, PlannedStep, Refusal
from migrate.plan.steps import (
    Annotate,
    CarryImages,
    Cordon,
    Drain,
    DrainPolicy,
    FileState,
    Guard,
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
    Volatile,
    WaitFor,
    WaitVolumesDetached,
    WriteFile,
)
from migrate.rules import Finding, NodeView
from migrate.targets import Target
from migrate.targets.compose import FileChange, compose
from migrate.targets.host import sandbox_image

DOCKER_UNITS = ("docker.socket", "docker.service", "cri-docker.socket", "cri-docker.service")
DRAIN_TIMEOUT = 600  # seconds; kubectl's own default is for ever
READY_TIMEOUT = 120  # seconds


def build_plan(view: NodeView, findings: tuple[Finding, ...]) -> NodePlan:
    """The plan of one node; without steps, and with the reasons, when a blocker stands or the cluster does not know the node."""
    facts = view.facts
    blockers = tuple(Refusal.by(one) for one in findings if one.blocks)
    policy = _drain_policy(findings)
    steps: tuple[PlannedStep, ...] = ()
    changes: tuple[FileChange, ...] = ()
    if not blockers and view.node is not None and view.cluster is not None:
        changes, _ = compose(view.target, facts)
        steps = tuple(_story(facts, view.node, view.cluster, view.target, changes, policy))
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
        pause=sandbox_image(facts) or "",
        may_differ=(*MAY_DIFFER, *view.target.leaves) if steps else (),
    )


MAY_DIFFER = (
    "pods are new: names, addresses and container IDs of evicted and restarted pods",
    "images stay in the new runtime's store",
    RECORD,
)


def _story(
    facts: NodeFacts, node: Node, cluster: ClusterFacts, target: Target, changes: tuple[FileChange, ...], policy: DrainPolicy
) -> Iterator[PlannedStep]:
    """Read it downwards for apply, upwards with every step reversed for rollback; `forward=False`: only the way back does it."""
    docker = facts.docker
    assert isinstance(docker, Docker)  # a node without Docker has a blocker
    networks = tuple(sorted({network for network, _, _ in facts.cni.leases}))

    yield from _in("prepare", [_write(change) for change in changes if change.early])
    yield from _in("prepare", _start_runtime(facts, target))
    images = carried(docker, cluster.pods_on(node.name), cluster.pods, sandbox_image(facts))
    yield from _in("prepare", [CarryImages(images=images, why=f"copied to {target.data_root} before the node is disturbed")])

    cordoned = node.spec.unschedulable
    yield from _in(
        "vacate",
        [
            Cordon(before=cordoned, after=True, why="found cordoned, left so" if cordoned else "no new pods while it changes"),
            WaitFor(condition="the node Ready with docker:// again", timeout=READY_TIMEOUT, forward=False, why="before pods come back"),
            Drain(policy=policy, why="its pods run elsewhere meanwhile; PodDisruptionBudgets are kept"),
            WaitVolumesDetached(why="the kubelet detaches volumes; once it is stopped nobody does"),
        ],
    )

    kubelet = facts.units["kubelet.service"]
    running, stopped = _state(kubelet), UnitState(enabled=kubelet.file_state, active=False)
    yield from _in(
        "switch",
        [
            Guard(before=False, after=True, why="should nobody be there to finish, the node goes back by itself"),
            SetUnit(unit=kubelet.name, before=running, after=stopped, why="nothing starts containers from here on"),
            StopPodContainers(runtime="docker", why="DaemonSet and static pods; with live-restore they would outlive Docker"),
            ReleaseAddresses(networks=networks, why="nobody calls CNI DEL for them once dockershim is gone"),
            *_standalone(docker),
            ShelveDocker(units=_present(facts), before=False, after=True, why="a touch of its socket would wake a merely stopped Docker"),
            RestartUnit(unit=target.unit, forward=False, why="it ran on the new configuration"),
            *(_write(change) for change in changes if not change.early),
            RestartUnit(unit=target.unit, why="it may run on its old configuration"),
            WaitFor(condition=f"CRI on {target.endpoint} as planned", timeout=60, why="a unit that is active need not serve CRI"),
            ReleaseAddresses(networks=networks, forward=False, why="their leases would stay"),
            StopPodContainers(runtime=target.name, forward=False, why="both runtimes must never run the same pods"),
            SetUnit(unit=kubelet.name, before=stopped, after=running, why=f"it starts on {target.endpoint}"),
        ],
    )

    socket = node.metadata.annotation(CRI_SOCKET)
    annotate = [Annotate(key=CRI_SOCKET, before=socket, after=target.endpoint, why="kubeadm upgrade and reset read it")] if socket else []
    yield from _in(
        "settle",
        [
            VerifyA(why=f"Ready with {target.prefix}, DaemonSet and static pods with new container IDs, a smoke pod"),
            Guard(before=True, after=False, why="the node is proved"),
            *annotate,
            WaitVolumesDetached(forward=False, why="as above, for the way back"),
            Drain(policy=policy, forward=False, why="the way back begins with an empty node"),
            *([] if cordoned else [Cordon(before=True, after=False, why="pods may come")]),
            VerifyB(why="the evicted pods' owners have their ready counts back"),
        ],
    )


def _in(segment: str, steps: Iterable[Step]) -> Iterator[PlannedStep]:
    return (PlannedStep(segment=segment, step=step) for step in steps)


def _drain_policy(findings: Iterable[Finding]) -> DrainPolicy:
    """What an accepted finding allows the drain to lose; nothing else is."""
    accepted = {one.slug for one in findings if one.accepted is not None}
    return DrainPolicy(delete_emptydir_data="emptydir-data-lost" in accepted, force="bare-pod" in accepted, timeout=DRAIN_TIMEOUT)


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


def _present(facts: NodeFacts) -> tuple[str, ...]:
    found = ((name, facts.unit(name)) for name in DOCKER_UNITS)
    return tuple(name for name, unit in found if unit and unit.file_state != "masked")


def _standalone(docker: Docker) -> list[Step]:
    running = tuple(Volatile(id=one.id, name=one.name, timeout=one.stop_timeout or 10) for one in docker.standalone if one.running)
    return [StopStandalone(containers=running, before=True, after=False, why="accepted: they stop with Docker")] if running else []


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
