"""Whether cluster, Node object and machine are those that are meant: asked before the first write."""

from __future__ import annotations

from migrate.errors import ClusterUnreachable
from migrate.run.work import Work

COMPARE = "kubectl get nodes -o wide; kubectl get namespace kube-system -o yaml; compare them with the inventory and the kubeconfig"
ANOTHER_CA = "the API server is trusted by another CA than when the plan was made"


def identify(work: Work) -> None:
    """Raises Refused where cluster, Node object or machine are others than the plan's, or than each other's.

    A CA alone may be another: it is renewed in the life of a cluster (`another_ca`). Where the API is away because its only control plane
    is in its switch, the machine alone is asked, and `work.cut_off` says why.
    """
    if work.cut_off:
        return
    try:
        _identified(work)
    except ClusterUnreachable as wrong:
        if type(wrong) is not ClusterUnreachable or not _its_own(work):  # it answers, and says something else
            raise
        if work.progress().uncordoning:
            raise ClusterUnreachable(
                node=work.plan.host,
                seen=f"{wrong.seen}; this node is the only control plane, and pods may have come to it since it was moved",
                expected="an API to drain it through, or a person who does without",
                next=f"on the node: journalctl -u kubelet; sh {work.remote.home}/restore.sh --force, which puts it back with its pods",
            ) from wrong
        work.cut_off = wrong.seen
        work.say("note", f"{wrong.seen}; this node is the only control plane, so it is finished or rolled back without the API")
        _same_machine(work, "")


def _its_own(work: Work) -> bool:
    """Whether the API may be away because of what this run did to the node, by this machine's own plan alone."""
    if not work.plan.alone or work.planned_in is None or not work.plan.machine_id:
        return False
    progress = work.progress()
    return work.switching(progress) and not progress.rolled_back


def _identified(work: Work) -> None:
    plan, planned_in = work.plan, work.planned_in
    if planned_in is not None:
        if not planned_in.uid:
            _refuse(work, "the plan does not say which cluster it was made for", "a plan made with the right to get namespace kube-system")
        if (uid := work.cluster.identity().uid) != planned_in.uid:
            _refuse(work, f"kube-system of this cluster has UID {uid or 'none'}", f"the cluster of the plan, with UID {planned_in.uid}")
    node = work.cluster.read_node(work.node)
    if plan.uid and node.metadata.uid != plan.uid:
        by_hand = f"kubectl drain {work.node} --ignore-daemonsets; on the node: sh {work.remote.home}/restore.sh --force"
        expected = f"UID {plan.uid}: it was made again since, or is another's"
        _refuse(work, f"the Node {work.node} has UID {node.metadata.uid}", expected, f"a new plan; to roll this machine back: {by_hand}")
    _same_machine(work, node.status.node_info.machine_id)


def _same_machine(work: Work, told: str) -> None:
    machine = work.remote.machine_id()
    for wanted, who in ((told, f"the Node {work.node} reports"), (work.plan.machine_id, "the plan was made for")):
        if other := another_machine(work.plan.host, machine, wanted, who):
            _refuse(work, *other)


def another_machine(host: str, machine: str, wanted: str, who: str) -> tuple[str, str] | None:
    """What is seen and expected where a machine has another machine-id than `who` wants; None where it has that, or none is wanted."""
    return (f"{host} has machine-id {machine or 'none'}", f"machine-id {wanted}, which {who}") if wanted and machine != wanted else None


def another_ca(work: Work) -> bool:
    """Whether the API server is trusted by another CA than when the plan was made; what is not known on one side is not compared."""
    planned, now = work.planned_in.ca if work.planned_in else "", "" if work.cut_off else work.cluster.identity().ca
    return bool(planned and now and planned != now)


def _refuse(work: Work, seen: str, expected: str, next_command: str = COMPARE) -> None:
    raise work.refuse(f"it is not what was planned for: {seen}", expected, next_command)
