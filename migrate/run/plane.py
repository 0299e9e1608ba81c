"""A control plane, step by step: the gates asked again, the leader of etcd moved away, all of it verified, and all others well after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, NodeUnreadable, VerificationFailed
from migrate.facts.cluster import ClusterFacts
from migrate.facts.etcd import Etcd, EtcdMember
from migrate.facts.model import NodeFacts
from migrate.facts.parse.etcd import MEMBERS, EtcdUnread
from migrate.facts.values import Unreadable
from migrate.formats.listing import few
from migrate.plan.steps import CheckControlPlanes, Direction, MoveEtcdLeader, SettleControlPlane, VerifyControlPlane
from migrate.rules import NodeView
from migrate.rules.gates import unwell
from migrate.run.etcd import before_of, hashes, move_leader, read_etcd, read_through_others
from migrate.run.work import StepFailed, Work
from migrate.verify.judge import Before, EtcdBefore
from migrate.verify.plane import keys_differ, member_lacks, not_renewed

SOONEST, LATEST = 1.0, 6.0  # seconds between two looks; each is some questions to the node
SAME_KEYS_SECONDS = 30.0  # for the keys to be the same once, before anything is disturbed: writes come between two hashes
OWN_READY, NOT_ASKED = "200", "unknown"  # what the node program says of /readyz


class PlanesUnwell(VerificationFailed):
    """The node is done, and the control planes are not well for as long as they have to be before the next one."""


def check_control_planes(work: Work, step: CheckControlPlanes) -> None:
    """Ask all gates again, through the node's own member of etcd and through another one; raises StepFailed where they stay closed.

    On a rollback a node whose own member is down is let through: it cannot become worse by what is to mend it.
    """
    read = _reader(work)

    def look() -> tuple[str, ...]:
        if step.on == "rollback" and (down := _own_member_down(work)):
            work.say("note", f"the control planes are not asked: {down}")
            return ()
        return read()

    if reasons := _until(work, look, step.timeout, "waits for the control planes"):
        raise StepFailed(
            node=work.plan.host,
            seen=f"the control planes are not well, so this one is not stopped: {few(reasons, joint='; ')}",
            expected="etcd and the other control planes well, and no other one held by a run",
            next=f"kubectl get nodes; kubectl -n kube-system get pods -o wide -l tier=control-plane; docker2cri status {work.plan.host}",
        )


def move_etcd_leader(work: Work, step: MoveEtcdLeader) -> None:
    """Nothing where the node's member does not lead. Raises StepFailed where the leader stays, or the members do not agree on a new one."""
    try:
        found = read_etcd(work)
        if found.own not in found.leaders:
            return
        to = _successor(found)
        if to is None:
            raise _not_moved(work, "no other member is healthy and has caught up")
        if why := move_leader(work, to.id):
            raise _not_moved(work, why)
        work.say("note", f"the leader of etcd was moved to {to.called}")
    except EtcdUnread as wrong:
        if step.on == "rollback":  # its own member is down
            return
        raise _not_moved(work, str(wrong)) from wrong

    def look() -> tuple[str, ...]:
        try:
            leaders = read_etcd(work).leaders
        except EtcdUnread as wrong:
            return (str(wrong),)
        agreed = len(leaders) == 1 and not leaders & {0, found.own}
        return () if agreed else (f"its members name {few(f'{leader:x}' if leader else 'none' for leader in sorted(leaders))}",)

    if reasons := _until(work, look, step.timeout, "waits for the new leader of etcd"):
        raise _not_moved(work, few(reasons, joint="; "))


def verify_control_plane(work: Work, step: VerifyControlPlane) -> None:
    """Look until etcd, the own apiserver and the leases are as they have to be, in this order; raises VerificationFailed."""
    before = work.before()
    told: set[str] = set()
    begun: list[Mapping[str, str]] = []

    def look() -> tuple[str, ...]:
        return _member(work, before.etcd, told) or _ready(work, told) or _renewed(work, before.leases, begun)

    try:
        reasons = _until(work, look, step.timeout, "verifies the control plane")
    except (NodeUnreadable, ClusterUnreachable) as wrong:
        reasons = (wrong.seen,)
    for note in sorted(told):
        work.say("note", note)
    if not reasons:
        return
    if step.on == "rollback" and before.etcd is not None:
        remove = f"etcdctl member remove {before.etcd.own}"
        work.say(
            "note",
            f"a member that does not come back is replaced by a person: in a container of etcd on another control plane {remove}, then "
            "etcdctl member add; on this node an empty data folder and --initial-cluster-state=existing. docker2cri does neither",
        )
    raise VerificationFailed(
        node=work.node,
        seen=f"verification of the control plane failed:{''.join(f'{chr(10)}    {reason}' for reason in reasons)}",
        expected="etcd's member under its old ID with the keys of the others, its own API server ready, both leases renewed",
        next=f"docker2cri status {work.plan.host}",
    )


def settle_control_plane(work: Work, step: SettleControlPlane) -> None:
    """All gates open for so long without a break; raises PlanesUnwell. After an interrupt no other node begins, and nobody waits."""
    if step.on == "rollback" and not work.switching(work.progress()):
        return  # it never left
    read = _reader(work)
    since: list[float] = []

    def look() -> tuple[str, ...]:
        now = work.clock.monotonic()
        if reasons := read():
            since.clear()
            return reasons
        since.append(now)
        well = now - since[0]
        return () if well >= step.seconds or work.interrupt.wished.is_set() else (f"all are well for {well:.0f} of {step.seconds} s",)

    if reasons := _until(work, look, step.timeout + step.seconds, "waits for the control planes"):
        raise PlanesUnwell(
            node=work.plan.host,
            seen=f"the control planes are not well for {step.seconds} s: {few(reasons, joint='; ')}",
            expected="etcd and all other control planes well, before the next node begins",
            next="kubectl get nodes; kubectl -n kube-system get pods -o wide -l tier=control-plane; then the same command again",
        )


def remember_plane(work: Work, before: Before, on: Direction) -> Before:
    """With the member of etcd and the leases, which have to be so again. Raises StepFailed where etcd does not tell.

    On a rollback an own member that is down tells nothing, and what was known of it before counts.
    """
    leases = tuple(sorted(work.cluster.component_leases()))
    try:
        found = before_of(read_etcd(work))
    except EtcdUnread as wrong:
        if on == "rollback":
            return replace(before, etcd=work.before().etcd, leases=leases)
        raise StepFailed(
            node=work.plan.host,
            seen=f"etcd does not say who its members are: {wrong}",
            expected="an answer of the etcdctl in the node's own container of etcd",
            next="docker2cri explain D2C170",
        ) from wrong
    return replace(before, etcd=replace(found, same_keys=_same_keys(work)), leases=leases)


def _same_keys(work: Work) -> bool:
    """Whether the members of etcd have the same keys now: the control of the same question after the move."""

    def look() -> tuple[str, ...]:
        try:
            found = read_etcd(work)
            why = keys_differ(found, hashes(work, found))
        except EtcdUnread as wrong:
            why = str(wrong)
        return (why,) if why else ()

    reasons = _until(work, look, SAME_KEYS_SECONDS, "compares the keys of etcd's members")
    for reason in reasons:
        work.say("note", f"not demanded after the move, as it is not so before: the same keys in each member of etcd ({reason})")
    return not reasons


def _until(work: Work, look: Callable[[], tuple[str, ...]], timeout: float, doing: str) -> tuple[str, ...]:
    """Look until nothing is missing, for `timeout` seconds: what is missing at the end."""
    begun, pause = work.clock.monotonic(), SOONEST
    while reasons := look():
        spent = work.clock.monotonic() - begun
        if spent >= timeout:
            break
        work.say("wait", f"{doing}: {few(reasons, joint='; ')}", data={"seconds": round(spent, 1), "bound": float(timeout)})
        work.heed()
        work.clock.sleep(pause)
        pause = min(LATEST, pause * 1.5)
    return reasons


def _reader(work: Work) -> Callable[[], tuple[str, ...]]:
    """What keeps this control plane from being stopped, read again each time; the machine itself is read once."""
    facts = work.facts()

    def read() -> tuple[str, ...]:
        cluster = _planes(work)
        own = _own(work)
        asked = [own]
        if isinstance(own, Etcd) and (others := before_of(own)).others:
            asked.append(_through_others(work, others))
        return tuple(dict.fromkeys(reason for found in asked for reason in unwell(_view(work, facts, cluster, found))))

    return read


def _planes(work: Work) -> ClusterFacts:
    """The nodes, and the pods of the control planes alone: it is asked every few seconds."""
    nodes = work.cluster.every_node()
    pods = tuple(pod for node in nodes if node.control_plane for pod in work.cluster.pods_on(node.name))
    return ClusterFacts(server="", taken=int(work.clock.now().timestamp()), nodes=nodes, pods=pods)


def _view(work: Work, facts: NodeFacts, cluster: ClusterFacts, etcd: Etcd | Unreadable) -> NodeView:
    here = cluster.pods_on(work.node)
    return NodeView(dataclasses.replace(facts, etcd=etcd), cluster.node(work.node), here, cluster, work.target)


def _own(work: Work) -> Etcd | Unreadable:
    try:
        return read_etcd(work)
    except EtcdUnread as wrong:
        return Unreadable(MEMBERS, str(wrong))


def _through_others(work: Work, before: EtcdBefore) -> Etcd | Unreadable:
    try:
        return read_through_others(work, before)
    except EtcdUnread as wrong:
        return Unreadable(MEMBERS, f"asked through {few(before.others)}: {wrong}")


def _own_member_down(work: Work) -> str:
    """Why the node's own member serves nobody; empty where it does."""
    found = _own(work)
    if isinstance(found, Unreadable):
        return f"its own member of etcd does not answer: {found.reason}"
    own = found.member(found.own)
    return "" if own is not None and own.healthy and own.status else "its own member of etcd is not healthy"


def _successor(found: Etcd) -> EtcdMember | None:
    """The healthy voter that is furthest."""
    able = [member for member in found.others if member.status and not member.status.errors]
    return max(able, key=lambda member: (member.status.raft_index, -member.id) if member.status else (0, 0), default=None)


def _not_moved(work: Work, why: str) -> StepFailed:
    return StepFailed(
        node=work.plan.host,
        seen=f"the leader of etcd stays on this node: {why}",
        expected="a healthy member that leads in its place, named by all members",
        next="kubectl -n kube-system logs -l component=etcd --prefix --tail=20; then the same command again",
    )


def _member(work: Work, before: EtcdBefore | None, told: set[str]) -> tuple[str, ...]:
    """etcd's member is what it was, with the same keys as the others."""
    try:
        found = read_etcd(work)
        if lacks := tuple(member_lacks(before, found)):
            return lacks
        differ = keys_differ(found, hashes(work, found))
    except EtcdUnread as wrong:
        return (f"its member of etcd does not answer: {wrong}",)
    if differ and before is not None and before.same_keys:
        return (differ,)
    if differ:
        told.add(f"not demanded, as it was not so before: {differ}")
    return ()


def _ready(work: Work, told: set[str]) -> tuple[str, ...]:
    """The node's own apiserver, asked on the node."""
    said = dict(line.split("=", 1) for line in work.remote.verb("readyz").stdout.decode("utf-8", "replace").splitlines() if "=" in line)
    status, _, url = said.get("own", "").partition(" ")
    if status == NOT_ASKED:
        told.add("its own API server is judged by its pod alone: no curl, kubectl or openssl on the node can ask its /readyz")
        return ()
    return () if status == OWN_READY else (f"its own API server is not ready: {url or '/readyz'} answers {status or 'nothing'}",)


def _renewed(work: Work, demanded: tuple[str, ...], begun: list[Mapping[str, str]]) -> tuple[str, ...]:
    """The leases have been renewed since this was asked first, after the switch."""
    now = work.cluster.component_leases() if demanded else {}
    begun.append(now)
    return not_renewed(demanded, begun[0], now)
