"""Whether a control plane is back: its member of etcd against what it was and against the other members. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from migrate.facts.etcd import Etcd, EtcdHash
from migrate.formats.listing import few
from migrate.rules.etcd import MOST_BEHIND
from migrate.verify.judge import EtcdBefore


def member_lacks(before: EtcdBefore | None, found: Etcd) -> Iterator[str]:
    """What the node's own member lacks to be what it was; of the others nothing is demanded, as they may fail by themselves."""
    if before is not None:
        if f"{found.own:x}" != before.own:
            yield f"its member of etcd has the ID {found.own:x}, and had {before.own}"
        now = tuple(f"{member.id:x}" for member in found.members)
        if now != before.members:
            yield f"the members of etcd are {few(now)}, and were {few(before.members)}"
    own = found.member(found.own)
    if own is None or own.status is None or not own.healthy:
        yield f"its member of etcd {own.called if own else f'{found.own:x}'} is not healthy"
        return
    if own.status.leader == 0:
        yield f"its member of etcd {own.called} follows no leader"
    newest = max(member.status.raft_index for member in found.members if member.status)
    behind = newest - min(own.status.applied or own.status.raft_index, own.status.raft_index)
    if behind > MOST_BEHIND:
        yield f"its member of etcd {own.called} is {behind:,} entries behind, expected were at most {MOST_BEHIND:,}"


def keys_differ(found: Etcd, hashes: Sequence[EtcdHash]) -> str:
    """How the keys of the members that answer differ at one revision; empty where all are the same."""
    told = {one.member: one for one in hashes}
    answering = [member for member in found.members if member.status]
    if silent := [member.called for member in answering if member.id not in told]:
        return f"no hash of its keys is told by etcd's member {few(silent)}"
    compared = [told[member.id] for member in answering]
    if len({one.compacted for one in compared}) > 1:
        return f"etcd's members are compacted up to revision {few(sorted({f'{one.compacted}' for one in compared}))}"
    if len({one.hash for one in compared}) > 1:
        each = few(f"{member.called} {told[member.id].hash:x}" for member in answering)
        return f"the keys of etcd's members hash to different values at one revision: {each}"
    return ""


def not_renewed(demanded: Sequence[str], since: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The leases that nobody has renewed `since`, by their own times; one that there was not before is not demanded."""
    late = (name for name in demanded if now.get(name, "") <= since.get(name, ""))
    return tuple(f"the lease kube-system/{name} was not renewed since {since.get(name) or 'the switch'}" for name in late)
