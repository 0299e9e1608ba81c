"""The etcd of a control plane, as one member tells of all: who is a member, who leads, how far each one is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EtcdStatus:
    """What a member says of itself. `leader` is the ID of the member that it follows, 0 for none; sizes are in bytes, `revision` is the
    newest of its keys.
    """

    version: str
    leader: int
    raft_term: int
    raft_index: int
    applied: int
    size: int
    in_use: int
    errors: tuple[str, ...]
    revision: int = 0


@dataclass(frozen=True, slots=True)
class EtcdMember:
    """One member; `name` is empty for one that never started, `status` None for one that does not answer; `peers` are the URLs by which
    members reach it.
    """

    id: int
    name: str
    urls: tuple[str, ...]
    learner: bool
    status: EtcdStatus | None
    healthy: bool
    peers: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """Its name and its ID as etcdctl prints it; the ID alone of one that never started."""
        return f"{self.name} ({self.id:x})" if self.name else f"{self.id:x}"


@dataclass(frozen=True, slots=True)
class Etcd:
    """The members, in the order of their IDs, `own` the ID of the one that was asked; `alarms` are member IDs with etcd's words."""

    own: int
    members: tuple[EtcdMember, ...]
    alarms: tuple[tuple[int, str], ...]

    @property
    def voters(self) -> tuple[EtcdMember, ...]:
        """Those that count for the quorum."""
        return tuple(member for member in self.members if not member.learner)

    @property
    def quorum(self) -> int:
        """How many voters have to agree (etcd.io, FAQ)."""
        return len(self.voters) // 2 + 1

    @property
    def others(self) -> tuple[EtcdMember, ...]:
        """The healthy voters that remain while the one that was asked is down."""
        return tuple(member for member in self.voters if member.healthy and member.id != self.own)

    def member(self, id: int) -> EtcdMember | None:
        """The member of this ID, or None."""
        return next((member for member in self.members if member.id == id), None)

    @property
    def leaders(self) -> frozenset[int]:
        """The IDs of the leaders that its members name, 0 among them where one names none."""
        return frozenset(member.status.leader for member in self.members if member.status)


@dataclass(frozen=True, slots=True)
class EtcdHash:
    """What a member's keys hash to up to a revision, and the revision up to which it is compacted; `member` is its ID."""

    member: int
    hash: int
    compacted: int
