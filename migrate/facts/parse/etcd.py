"""What etcdctl of a control plane's own etcd answers: bounded, and every shape but etcd's own is unreadable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from migrate.facts.api import decode
from migrate.facts.etcd import Etcd, EtcdHash, EtcdMember, EtcdStatus
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable

MEMBERS, STATUS, HEALTH, ALARMS, HASHES = "etcd members", "etcd status", "etcd health", "etcd alarms", "etcd hashkv"
# a member's alarm (etcdserverpb.AlarmType)
ALARM_NAMES = {1: "NOSPACE", 2: "CORRUPT"}
MOST_MEMBERS = 64

FAILED = (1, 123)  # of etcdctl, and what xargs makes of it

Number = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EtcdAnswers:
    """What etcdctl answers to `member list`, `endpoint status --cluster`, `endpoint health --cluster` and `alarm list`, as JSON."""

    members: str
    status: str
    health: str
    alarms: str


class EtcdUnread(ValueError):
    """What was asked for by `key` is not there, or is no answer of etcdctl."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class _Said(msgspec.Struct, frozen=True):
    """Protobuf as JSON: what is zero is left out."""


class _Header(_Said, frozen=True):
    member_id: Number = 0
    raft_term: Number = 0
    revision: Number = 0


class _Member(_Said, frozen=True):
    id: Number = msgspec.field(name="ID")
    name: str = ""
    client_urls: tuple[str, ...] = msgspec.field(name="clientURLs", default=())
    peer_urls: tuple[str, ...] = msgspec.field(name="peerURLs", default=())
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


class _KeysHash(_Said, frozen=True):
    header: _Header
    hash: Number = 0
    compact_revision: Annotated[int, msgspec.Meta(ge=-1)] = 0  # -1: never compacted, as in the first minutes of a cluster


class _HashAnswer(_Said, frozen=True):
    said: _KeysHash = msgspec.field(name="HashKV")


def etcd(reading: Reading) -> Etcd | Unreadable | None:
    """The etcd whose manifest the node has; None where it has none, Docker does not run it, or the capture did not ask."""
    asked = reading.capture.commands.get(MEMBERS)
    if asked is None or asked.skipped is not None:
        return None
    try:
        # one member that does not answer makes etcdctl end with 1; the others are told all the same
        also = {STATUS: FAILED, HEALTH: FAILED}
        answers = EtcdAnswers(*(_text(reading, key, also.get(key, ())) for key in (MEMBERS, STATUS, HEALTH, ALARMS)))
        return etcd_of(answers)
    except EtcdUnread as wrong:
        return reading.note(wrong.key, str(wrong))


def etcd_of(answers: EtcdAnswers) -> Etcd:
    """The etcd that these answers tell of; raises EtcdUnread."""
    listed = _decoded(MEMBERS, answers.members, _Members)
    statuses = _decoded(STATUS, answers.status, tuple[_Answer, ...])
    healths = _decoded(HEALTH, answers.health, tuple[_Health, ...])
    alarms = _decoded(ALARMS, answers.alarms, _Alarms)
    if not 0 < len(listed.members) <= MOST_MEMBERS or len(alarms.alarms) > MOST_MEMBERS:
        raise EtcdUnread(MEMBERS, f"it tells of {len(listed.members)} members and {len(alarms.alarms)} alarms")
    by_id = {one.status.header.member_id: one.status for one in statuses}
    well = {one.endpoint for one in healths if one.health}
    members = tuple(
        EtcdMember(
            id=one.id,
            name=clean(one.name),
            urls=_urls(one.client_urls),
            learner=one.learner,
            status=_status(by_id[one.id]) if one.id in by_id else None,
            healthy=any(url in well for url in one.client_urls),
            peers=_urls(one.peer_urls),
        )
        for one in sorted(listed.members, key=lambda member: member.id)
    )
    told = tuple((one.member, ALARM_NAMES.get(one.alarm, f"alarm {one.alarm}")) for one in alarms.alarms)
    return Etcd(own=listed.header.member_id, members=members, alarms=told)


def hashes_of(text: str) -> tuple[EtcdHash, ...]:
    """What `endpoint hashkv --cluster` answers, in the order of the members' IDs; raises EtcdUnread."""
    found = _decoded(HASHES, text, tuple[_HashAnswer, ...])
    each = (EtcdHash(one.said.header.member_id, one.said.hash, one.said.compact_revision) for one in found[:MOST_MEMBERS])
    return tuple(sorted(each, key=lambda one: one.member))


def _text(reading: Reading, key: str, also: tuple[int, ...]) -> str:
    text = reading.output(key, (0, *also))
    if not (text or "").strip():
        known = next((one.reason for one in reading.unreadable if one.what == key), "no container of etcd answers")
        raise EtcdUnread(key, known)
    return text or ""


def _decoded(key: str, text: str, kind: type[T]) -> T:
    try:
        return decode(text, kind)
    except msgspec.DecodeError as wrong:
        raise EtcdUnread(key, f"it is no answer of etcdctl: {wrong}") from wrong


def _urls(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(clean(url) for url in said[:8])


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
        revision=said.header.revision,
    )
