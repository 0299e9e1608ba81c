"""The steps through the API: one closed list, for a plan and for a rollback that has the mark on the Node alone."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.cluster import CRI_SOCKET
from migrate.limits import DEFAULT, Limits
from migrate.plan.steps import (
    Annotate,
    ApiStep,
    CheckControlPlanes,
    Complete,
    Cordon,
    Direction,
    Disarm,
    Drain,
    DrainPolicy,
    EtcdSnapshot,
    MoveEtcdLeader,
    RecordWorkloads,
    SettleControlPlane,
    SmokeTest,
    Uncordon,
    VerifyControlPlane,
    VerifyNode,
    VerifyWorkloads,
    WaitVolumesDetached,
)
from migrate.sources import Source
from migrate.targets import Target

SMOKE_SECONDS = 60  # for a smoke pod to run and to answer
DETACH_SECONDS = 360  # after 6 minutes the attach-detach controller forces a detach (maxWaitForUnmountDuration)
GATE_SECONDS = 60  # for an election that goes on, or a Node that was not Ready for a moment
LEADER_SECONDS = 60  # for all members of etcd to name the new leader
WELL_SECONDS = 300  # for what is not well after a move to become well: pods of the control plane start again, members catch up
DRAINED_AGAIN = "the rollback begins with an empty node"


@dataclass(frozen=True, slots=True)
class Plane:
    """A control plane: `alone` in its cluster, and with a member of `etcd` of its own."""

    alone: bool = False
    etcd: bool = True


@dataclass(frozen=True, slots=True)
class Passage:
    """What the steps through the API depend on: from where to where, and how the node was found.

    `found` tells whether it was cordoned, `cri_socket` is kubeadm's annotation (None: there was none), `image` that of the smoke pod,
    which need not run where the finding that says so was accepted (`smokeless`). `plane`: the control plane that it is, None for a worker.
    """

    source: Source
    target: Target
    found: bool
    cri_socket: str | None
    policy: DrainPolicy
    image: str
    limits: Limits = DEFAULT
    smokeless: bool = False
    plane: Plane | None = None

    @property
    def drain(self) -> tuple[ApiStep, ...]:
        """Those of the segment `drain`."""
        source, limits = self.source, self.limits
        tested = SmokeTest(
            prefix=source.prefix,
            image=self.image,
            timeout=SMOKE_SECONDS,
            required=not self.smokeless,
            why="the control: what it does not do on this node now is not demanded after the move, or after a rollback",
        )
        return (
            RecordWorkloads(why="what is compared with afterwards"),
            *self._well("rollback"),
            VerifyWorkloads(
                title=source.engine,
                prefix=source.prefix,
                timeout=limits.verify_workloads,
                on="rollback",
                why="the evicted pods' owners have their ready counts back",
            ),
            *self._kept,
            *([tested] if self.image else []),
            Cordon(found=self.found, why="it was found cordoned and stays so" if self.found else "no new pods while it changes"),
            Drain(policy=self.policy, why="its pods run elsewhere meanwhile; PodDisruptionBudgets are kept"),
            WaitVolumesDetached(timeout=DETACH_SECONDS, why="the kubelet detaches volumes; once it is stopped nobody does"),
            *self._leaving("apply"),
        )

    @property
    def switch(self) -> tuple[ApiStep, ...]:
        """Those of the segment `switch`, all of them for the rollback."""
        prefix = self.source.prefix
        own = self._planes_own(self.source.engine, "rollback")
        annotated = self._annotated(self.cri_socket, "rollback")
        return (  # a rollback reads them backwards; no annotation is written before an API server that stands alone is back
            VerifyNode(
                title=self.source.engine,
                prefix=prefix,
                image=self.image,
                timeout=self.limits.verify_node,
                on="rollback",
                why=f"Ready with {prefix}, DaemonSet and static pods with new container IDs, a smoke pod; before pods come",
            ),
            *((*annotated, *own) if self.plane and self.plane.alone else (*own, *annotated)),
        )

    @property
    def rejoin(self) -> tuple[ApiStep, ...]:
        """Those of the segment `rejoin`."""
        target, limits = self.target, self.limits
        return (
            *self._planes_own(target.title, "apply"),
            VerifyNode(
                title=target.title,
                prefix=target.prefix,
                image=self.image,
                timeout=limits.verify_node,
                why=f"Ready with {target.prefix}, DaemonSet and static pods with new container IDs, a smoke pod",
            ),
            Disarm(why="the node is verified"),
            *self._annotated(target.endpoint, "apply"),
            *reversed(self._leaving("rollback")),  # a rollback reads them backwards
            WaitVolumesDetached(timeout=DETACH_SECONDS, on="rollback", why=DRAINED_AGAIN),
            Drain(policy=self.policy, on="rollback", why=DRAINED_AGAIN),
            Uncordon(found=self.found, why="it was found cordoned and stays so" if self.found else "pods may come"),
            RecordWorkloads(on="rollback", why="what is compared with after the rollback"),
            VerifyWorkloads(
                title=target.title,
                prefix=target.prefix,
                timeout=limits.verify_workloads,
                why="the evicted pods' owners have their ready counts back",
            ),
            *self._well("apply"),
            Complete(why="the next command finds the run finished"),
        )

    @property
    def _kept(self) -> tuple[ApiStep, ...]:
        """What etcd is restored from."""
        if not (self.plane and self.plane.etcd):
            return ()
        of = "it" if self.plane.alone else "all members"
        return (
            EtcdSnapshot(why=f"what {of} {'is' if self.plane.alone else 'are'} restored from; it has all Secrets unencrypted, mode 600"),
        )

    def _leaving(self, on: Direction) -> tuple[ApiStep, ...]:
        """The last before a control plane stops."""
        if not self.plane:
            return ()
        alone, etcd = self.plane.alone, self.plane.etcd
        stops = "its member of etcd and its API server stop" if etcd else "its API server stops"
        why = f"{stops}; {'there is no API until it is back' if alone else 'the others have to serve alone'}"
        check = CheckControlPlanes(timeout=GATE_SECONDS, alone=alone, etcd=etcd, on=on, why=why)
        if alone or not etcd:
            return (check,)
        why = "a leader that stops leaves etcd without one until an election has ended"
        return (check, MoveEtcdLeader(timeout=LEADER_SECONDS, on=on, why=why))

    def _planes_own(self, title: str, on: Direction) -> tuple[ApiStep, ...]:
        if not self.plane:
            return ()
        alone, etcd = self.plane.alone, self.plane.etcd
        keys = "" if alone else " with the same keys as the others"
        member = f"etcd's member under its old ID{keys}, " if etcd else ""
        back = "asked on the node, which has no API until then; " if alone else ""
        why = f"{back}{member}its API server ready, leases renewed"
        return (VerifyControlPlane(title=title, timeout=self.limits.verify_node, alone=alone, etcd=etcd, on=on, why=why),)

    def _well(self, on: Direction) -> tuple[ApiStep, ...]:
        if not self.plane:
            return ()
        alone, etcd = self.plane.alone, self.plane.etcd
        why = "one control plane at a time, and the next one when etcd has got over this one"
        why = "the next node when the API has got over its absence" if alone else why
        return (SettleControlPlane(seconds=self.limits.planes_well, timeout=WELL_SECONDS, alone=alone, etcd=etcd, on=on, why=why),)

    def _annotated(self, value: str | None, on: Direction) -> tuple[ApiStep, ...]:
        return (Annotate(key=CRI_SOCKET, value=value, on=on, why="kubeadm upgrade and reset read it"),) if self.cri_socket else ()
