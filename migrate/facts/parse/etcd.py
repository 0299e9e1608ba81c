"""What etcdctl of a control plane's own etcd answers: bounded, and every shape but etcd's own is unreadable."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from migrate.facts.api import decode
from migrate.facts.etcd import Etcd, EtcdMember, EtcdStatus
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable

MEMBERS, STATUS, HEALTH, ALARMS = "etcd members", "etcd status", "etcd health", "etcd alarms"
# a member's alarm (etcdserverpb.AlarmType)
ALARM_NAMES = {1: "NOSPACE", 2: "CORRUPT"}
MOST_MEMBERS = 64

FAILED = (1, 123)  # of etcdctl, and what xargs makes of it

Number = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T")


class _NoAnswer(ValueError):
    """What was asked for by `key` is not there."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class _Said(msgspec.Struct, frozen=True):
    """Protobuf as JSON: what is zero is left out."""


class _Header(_Said, frozen=True):
    member_id: Number = 0
    raft_term: Number = 0


class _Member(_Said, frozen=True):
    id: Number = msgspec.field(name="ID")
    name: str = ""
    client_urls: tuple[str, ...] = msgspec.field(name="clientURLs", default=())
    learner: bool = msgspec.field(name="isLearner", default=False)


class _Members(_Said, frozen=True):
    header: _Header
    members: tuple[_Member, ...]


class _Status(_Said, frozen=True, rename="camel"):
    header: _Header
    version: str
    db_size: Number = 0
    db_size_in_use: Number = 0
    leader: Number = 0
    raft_index: Number = 0
    raft_term: Number = 0
    raft_applied_index: Number = 0
    errors: tuple[str, ...] = ()


class _Answer(_Said, frozen=True):
    status: _Status = msgspec.field(name="Status")


class _Health(_Said, frozen=True):
    endpoint: str
    health: bool = False


class _Alarm(_Said, frozen=True):
    member: Number = msgspec.field(name="memberID", default=0)
    alarm: Number = 0


class _Alarms(_Said, frozen=True):
    alarms: tuple[_Alarm, ...] = ()


def etcd(reading: Reading) -> Etcd | Unreadable | None:
    """The etcd whose manifest the node has; None where it has none, Docker does not run it, or the capture did not ask."""
    asked = reading.capture.commands.get(MEMBERS)
    if asked is None or asked.skipped is not None:
        return None
    try:
        listed = _answer(reading, MEMBERS, _Members)
        # one member that does not answer makes etcdctl end with 1; the others are told all the same
        answers = _answer(reading, STATUS, tuple[_Answer, ...], FAILED)
        healths = _answer(reading, HEALTH, tuple[_Health, ...], FAILED)
        alarms = _answer(reading, ALARMS, _Alarms)
    except _NoAnswer as wrong:
        return reading.note(wrong.key, str(wrong))
    if not 0 < len(listed.members) <= MOST_MEMBERS or len(alarms.alarms) > MOST_MEMBERS:
        return reading.note(MEMBERS, f"it tells of {len(listed.members)} members and {len(alarms.alarms)} alarms")
    by_id = {one.status.header.member_id: one.status for one in answers}
    well = {one.endpoint for one in healths if one.health}
    members = tuple(
        EtcdMember(
            id=one.id,
            name=clean(one.name),
            urls=tuple(clean(url) for url in one.client_urls[:8]),
            learner=one.learner,
            status=_status(by_id[one.id]) if one.id in by_id else None,
            healthy=any(url in well for url in one.client_urls),
        )
        for one in sorted(listed.members, key=lambda member: member.id)
    )
    told = tuple((one.member, ALARM_NAMES.get(one.alarm, f"alarm {one.alarm}")) for one in alarms.alarms)
    return Etcd(own=listed.header.member_id, members=members, alarms=told)


def _answer(reading: Reading, key: str, kind: type[T], also: tuple[int, ...] = ()) -> T:
    text = reading.output(key, (0, *also))
    if not (text or "").strip():
        known = next((one.reason for one in reading.unreadable if one.what == key), "no container of etcd answers")
        raise _NoAnswer(key, known)
    try:
        return decode(text or "", kind)
    except msgspec.DecodeError as wrong:
        raise _NoAnswer(key, f"it is no answer of etcdctl: {wrong}") from wrong


def _status(said: _Status) -> EtcdStatus:
    return EtcdStatus(
        version=clean(said.version),
        leader=said.leader,
        raft_term=said.raft_term,
        raft_index=said.raft_index,
        applied=said.raft_applied_index,
        size=said.db_size,
        in_use=said.db_size_in_use,
        errors=tuple(clean(error) for error in said.errors[:8]),
    )
