"""D2C170 to D2C178: the etcd of a control plane, as its own member tells; whatever is not known of it stops the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from migrate.facts.etcd import Etcd, EtcdMember, EtcdStatus
from migrate.facts.model import Unreadable
from migrate.formats import version
from migrate.formats.listing import few, plural
from migrate.formats.number import whole
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.planes import alone, sole_member

# entries of the log; a member that catches up after a pause of some seconds is behind by less
MOST_BEHIND = 1000
DEFAULT_QUOTA = 2 * 2**30  # bytes, where --quota-backend-bytes is 0 or not given (etcd, server/storage/quota.go)
FULL = 80  # percent of the quota
# etcd's CHANGELOG: 3.5.3 (committed writes lost when killed under load), 3.4.22 and 3.5.6 (revisions differ after a crash)
KNOWN_BAD = {
    **dict.fromkeys(((3, 5, 0), (3, 5, 1), (3, 5, 2)), "may lose committed writes when it is killed under load"),
    **dict.fromkeys(((3, 4, 20), (3, 4, 21), (3, 5, 5)), "may have other revisions than its peers after a crash while it defragments"),
}


def _etcd(view: NodeView) -> Etcd | None:
    return view.facts.etcd if isinstance(view.facts.etcd, Etcd) else None


def _asked(view: NodeView) -> Iterator[tuple[EtcdMember, EtcdStatus]]:
    """The members that answer, with what they say."""
    found = _etcd(view)
    return ((member, member.status) for member in (found.members if found else ()) if member.status)


@node_rule("D2C170", "etcd-not-read", Severity.BLOCKER)
def etcd_not_read(view: NodeView) -> Iterator[Seen]:
    """The node has a member of etcd that was not read.

    Why: the move stops this member. Whether the others have a quorum without it is not known.

    Remedy: The member is asked by the etcdctl in its own container, with the certificate that kubeadm makes for its health check. See what
    it says:

        docker exec $(docker ps -q --filter label=io.kubernetes.container.name=etcd) etcdctl version     # on the node

    Sources: kubernetes.io, Operating etcd clusters for Kubernetes; kubeadm, healthcheck-client certificate.
    """
    if isinstance(view.facts.etcd, Unreadable):
        yield Seen(view.facts.etcd.what, view.facts.etcd.reason)


@node_rule("D2C171", "etcd-no-quorum-meanwhile", Severity.BLOCKER)
def etcd_no_quorum_meanwhile(view: NodeView) -> Iterator[Seen]:
    """etcd has no quorum while this node's member is stopped.

    Why: two members bear the loss of none. Without a quorum etcd refuses every write, and so does the API. Of the only member beside the
    only control plane D2C184 tells.

    Remedy: Repair the members that are not healthy, or add a control plane: three bear the loss of one.

        kubectl -n kube-system get pods -l component=etcd -o wide

    Sources: etcd.io, FAQ (failure tolerance).
    """
    found = _etcd(view)
    if found and len(found.others) < found.quorum and not (alone(view) and sole_member(view)):
        healthy = few(member.called for member in found.others) or "none"
        voters = plural(len(found.voters), "voter")
        yield Seen("etcd", f"{voters}, the quorum is {found.quorum}; healthy without this node's member: {healthy}")


@node_rule("D2C172", "etcd-member-unhealthy", Severity.BLOCKER)
def etcd_member_unhealthy(view: NodeView) -> Iterator[Seen]:
    """A member of etcd is not healthy.

    Why: a control plane is moved when all members are well, so that one is down at a time, and on purpose.

    Remedy: See why, on that member's node:

        kubectl -n kube-system logs -l component=etcd --prefix --tail=20

    Sources: etcd.io, etcdctl endpoint health; kubernetes.io, Operating etcd clusters for Kubernetes.
    """
    found = _etcd(view)
    for member in found.members if found else ():
        if not member.name:
            yield Seen(f"etcd member {member.id:x}", "it never started")
        elif not member.healthy or not member.status:
            yield Seen(f"etcd member {member.called}", f"it does not answer, or is not healthy, at {few(member.urls) or 'no address'}")
        elif member.status.errors:
            yield Seen(f"etcd member {member.called}", few(member.status.errors, joint="; "))


@node_rule("D2C173", "etcd-members-disagree", Severity.BLOCKER)
def etcd_members_disagree(view: NodeView) -> Iterator[Seen]:
    """The members of etcd do not have one leader, one version, and a control plane each.

    Why: an election goes on, an upgrade is under way, or a member is left of a control plane that is gone. A member that nobody runs counts
    for the quorum all the same.

    Remedy: Compare members, versions and control planes:

        kubectl get nodes -l node-role.kubernetes.io/control-plane
        kubectl -n kube-system get pods -l component=etcd -o wide

    Sources: etcd.io, FAQ (failure tolerance, membership); kubeadm reset removes the member.
    """
    found = _etcd(view)
    if found is None:
        return
    said = list(_asked(view))
    leaders = Counter(f"{status.leader:x}" if status.leader else "none" for _, status in said)
    if len(leaders) > 1 or "none" in leaders:
        yield Seen("etcd", f"leaders that its members name: {few(sorted(leaders))}")
    versions = Counter(status.version for _, status in said)
    if len(versions) > 1:
        yield Seen("etcd", f"versions of its members: {few(sorted(versions))}")
    planes = sorted(node.name for node in view.cluster.nodes if node.control_plane) if view.cluster else []
    if planes and len(planes) != len(found.members):
        members = few(member.name or f"{member.id:x}" for member in found.members)
        yield Seen("etcd", f"members: {members}; control planes: {few(planes)}")


@node_rule("D2C174", "etcd-learner", Severity.BLOCKER)
def etcd_learner(view: NodeView) -> Iterator[Seen]:
    """A member of etcd is a learner.

    Why: a learner has no vote, so the quorum is smaller than the number of members says, and adding it is not finished.

    Remedy: Wait until it is promoted (kubeadm does it when it has caught up), or promote it:

        etcdctl member promote ID     # in a container of etcd

    Sources: etcd.io, Learner.
    """
    found = _etcd(view)
    for member in found.members if found else ():
        if member.learner:
            yield Seen(f"etcd member {member.called}", "it is a learner")


@node_rule("D2C175", "etcd-alarm", Severity.BLOCKER)
def etcd_alarm(view: NodeView) -> Iterator[Seen]:
    """A member of etcd has raised an alarm.

    Why: NOSPACE makes etcd refuse writes, CORRUPT tells that members differ. Neither becomes better by a restart on another runtime.

    Remedy: NOSPACE: compact, defragment, then disarm it. CORRUPT: restore the member from its peers first.

        etcdctl alarm list     # in a container of etcd

    Sources: etcd.io, Maintenance (space quota); etcd.io, Data corruption.
    """
    found = _etcd(view)
    for raised_by, alarm in found.alarms if found else ():
        member = found.member(raised_by) if found else None
        yield Seen(f"etcd member {member.called if member else f'{raised_by:x}'}", f"alarm {alarm}")


@node_rule("D2C176", "etcd-member-lags", Severity.BLOCKER)
def etcd_member_lags(view: NodeView) -> Iterator[Seen]:
    """A member of etcd is behind.

    Why: while this node's member is stopped the others have to agree, and one that is far behind agrees late, or takes a snapshot first.

    Remedy: Wait until it has caught up; look at the disk of its node if it does not.

        kubectl -n kube-system logs -l component=etcd --prefix --tail=50 | grep -i -e slow -e overloaded

    Sources: etcd.io, Hardware recommendations (disks); etcd.io, Tuning.
    """
    said = list(_asked(view))
    newest = max((status.raft_index for _, status in said), default=0)
    for member, status in said:
        behind = newest - min(status.applied or status.raft_index, status.raft_index)
        if behind > MOST_BEHIND:
            yield Seen(f"etcd member {member.called}", f"it is {behind:,} entries behind, expected were at most {MOST_BEHIND:,}")


@node_rule("D2C177", "etcd-nearly-full", Severity.BLOCKER)
def etcd_nearly_full(view: NodeView) -> Iterator[Seen]:
    """The database of etcd has nearly reached its quota.

    Why: at the quota etcd raises NOSPACE and refuses writes, and a control plane that is moved writes more than one that rests.

    Remedy: Compact and defragment one member after the other, the leader last; or raise --quota-backend-bytes.

        etcdctl endpoint status --cluster -w table     # in a container of etcd

    Sources: etcd.io, Maintenance (space quota, defragmentation).
    """
    quota = _quota(view)
    for member, status in _asked(view):
        if status.size * 100 >= quota * FULL:
            used = f"{status.size:,} of {quota:,} bytes, {status.in_use:,} of them in use"
            yield Seen(f"etcd member {member.called}", f"{used}; expected were less than {FULL} %")


@node_rule("D2C178", "etcd-version-known-bad", Severity.WARNING)
def etcd_version_known_bad(view: NodeView) -> Iterator[Seen]:
    """etcd has a version that may lose data when it ends unexpectedly.

    Why: the move ends etcd by SIGTERM and never kills it, but a machine that fails meanwhile does.

    Remedy: Upgrade etcd within its minor version first: to 3.4.22, 3.5.6 or later.

        kubeadm upgrade plan

    Sources: etcd CHANGELOG, 3.5.3 (data corruption), 3.4.22 and 3.5.6 (inconsistent revisions after defragmentation).
    """
    for member, status in _asked(view):
        known = version.known(status.version)
        if known and (why := KNOWN_BAD.get((known.major, known.minor, known.patch))):
            yield Seen(f"etcd member {member.called}", f"{status.version} {why}")


def _quota(view: NodeView) -> int:
    """The quota that the static pod's flag gives."""
    flag = "--quota-backend-bytes="
    for pod in view.pods:
        for container in pod.spec.containers if pod.mirror else ():
            for word in (*(container.command or ()), *(container.args or ())):
                if container.name == "etcd" and word.startswith(flag) and (given := whole(word.removeprefix(flag))):
                    return given
    return DEFAULT_QUOTA
