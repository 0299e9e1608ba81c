"""A control plane, step by step: the gates asked again, the leader of etcd moved away, all of it verified, and all others well after it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, NodeUnreadable, VerificationFailed
from migrate.facts.etcd import Etcd, EtcdMember
from migrate.facts.parse.etcd import EtcdUnread
from migrate.formats.listing import few
from migrate.plan.steps import CheckControlPlanes, Direction, MoveEtcdLeader, SettleControlPlane, VerifyControlPlane
from migrate.rules.planes import APISERVER
from migrate.run.etcd import before_of, hashes, move_leader, read_etcd
from migrate.run.plane_look import gates, own_member_down, own_parts, unready, until
from migrate.run.work import StepFailed, Work
from migrate.verify.judge import Before, EtcdBefore
from migrate.verify.plane import keys_differ, member_lacks, not_renewed

SAME_KEYS_SECONDS = 30.0  # for the keys to be the same once, before anything is disturbed: writes come between two hashes


class PlanesUnwell(VerificationFailed):
    """The node is done, and the control planes are not well for as long as they have to be before the next one."""


def check_control_planes(work: Work, step: CheckControlPlanes) -> None:
    """Ask all gates again, through the node's own member of etcd and through another one; raises StepFailed where they stay closed.

    One that is alone is asked itself, its own API server too. On a rollback a node whose own member is down is let through: it cannot
    become worse by what is to mend it.
    """
    read = gates(work, etcd=step.etcd)
    told: set[str] = set()

    def look() -> tuple[str, ...]:
        if step.on == "rollback" and step.etcd and (down := own_member_down(work)):
            work.say("note", f"the control planes are not asked: {down}")
            return ()
        return read() or (unready(own_parts(work), told) if step.alone and step.on == "apply" else ())

    if reasons := until(work, look, step.timeout, "waits for the control planes"):
        who = "control plane is not well, so it" if step.alone else "control planes are not well, so this one"
        well = "its own API server well" if step.alone else "the other control planes well, and no other one held by a run"
        raise StepFailed(
            node=work.plan.host,
            seen=f"the {who} is not stopped: {few(reasons, joint='; ')}",
            expected=f"{'etcd and ' if step.etcd else ''}{well}",
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

    if reasons := until(work, look, step.timeout, "waits for the new leader of etcd"):
        raise _not_moved(work, few(reasons, joint="; "))


def verify_control_plane(work: Work, step: VerifyControlPlane) -> None:
    """Look until etcd, the own apiserver and the leases are as they have to be, in this order; raises VerificationFailed.

    The API is asked last: of a control plane that is alone it is away until the own apiserver, which is asked on the node, is ready.
    """
    before = work.before()
    told: set[str] = set()
    begun: list[Mapping[str, str]] = []

    def look() -> tuple[str, ...]:
        said = own_parts(work) if step.alone else {}
        return (
            _elsewhere(step, said)
            or (_member(work, before.etcd, told) if step.etcd else ())
            or unready(said or own_parts(work), told)
            or _renewed(work, before.leases, begun)
        )

    try:
        reasons = until(work, look, step.timeout, "verifies the control plane")
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
        expected=f"{_of_etcd(step)}its own API server ready, both leases renewed",
        next=f"docker2cri status {work.plan.host}",
    )


def settle_control_plane(work: Work, step: SettleControlPlane) -> None:
    """All gates open for so long without a break; raises PlanesUnwell. After an interrupt no other node begins, and nobody waits."""
    if step.on == "rollback" and not work.switching(work.progress()):
        return  # it never left
    read = gates(work, etcd=step.etcd)
    since: list[float] = []

    def look() -> tuple[str, ...]:
        now = work.clock.monotonic()
        if reasons := read():
            since.clear()
            return reasons
        since.append(now)
        well = now - since[0]
        return () if well >= step.seconds or work.interrupt.wished.is_set() else (f"all are well for {well:.0f} of {step.seconds} s",)

    if reasons := until(work, look, step.timeout + step.seconds, "waits for the control planes"):
        raise PlanesUnwell(
            node=work.plan.host,
            seen=f"the control planes are not well for {step.seconds} s: {few(reasons, joint='; ')}",
            expected="etcd and all other control planes well, before the next node begins",
            next="kubectl get nodes; kubectl -n kube-system get pods -o wide -l tier=control-plane; then the same command again",
        )


def remember_plane(work: Work, before: Before, plane: VerifyControlPlane, on: Direction) -> Before:
    """With the member of etcd, where it has one, and the leases, which have to be so again. Raises StepFailed where etcd does not tell.

    On a rollback an own member that is down tells nothing, and what was known of it before counts.
    """
    leases = tuple(sorted(work.cluster.component_leases()))
    if not plane.etcd:
        return replace(before, leases=leases)
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

    reasons = until(work, look, SAME_KEYS_SECONDS, "compares the keys of etcd's members")
    for reason in reasons:
        work.say("note", f"not demanded after the move, as it is not so before: the same keys in each member of etcd ({reason})")
    return not reasons


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


def _of_etcd(step: VerifyControlPlane) -> str:
    if not step.etcd:
        return ""
    return f"etcd's member under its old ID{'' if step.alone else ' with the keys of the others'}, "


def _elsewhere(step: VerifyControlPlane, said: Mapping[str, str]) -> tuple[str, ...]:
    """The parts without which there is no API, where they do not run in the runtime to be seen; `said` is empty where nobody asked."""
    wanted = "target" if step.on == "apply" else "source"
    absent = [part for part in (*(("etcd",) if step.etcd else ()), APISERVER) if said.get(part, wanted) != wanted]
    return (f"no container of {few(absent)} runs in {step.title}",) if absent else ()


def _renewed(work: Work, demanded: tuple[str, ...], begun: list[Mapping[str, str]]) -> tuple[str, ...]:
    """The leases have been renewed since this was asked first, after the switch."""
    now = work.cluster.component_leases() if demanded else {}
    begun.append(now)
    return not_renewed(demanded, begun[0], now)
