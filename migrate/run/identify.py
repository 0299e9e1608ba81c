"""Whether cluster, Node object and machine are those that are meant: asked before the first write."""

from __future__ import annotations

from migrate.run.work import Work

COMPARE = "kubectl get nodes -o wide; kubectl get namespace kube-system -o yaml; compare them with the inventory and the kubeconfig"
ANOTHER_CA = "the API server is trusted by another CA than when the plan was made"


def identify(work: Work) -> None:
    """Raises Refused where cluster, Node object or machine are others than the plan's, or than each other's.

    A CA alone may be another: it is renewed in the life of a cluster (`another_ca`).
    """
    host, plan, planned_in = work.plan.host, work.plan, work.planned_in
    if planned_in is not None:
        if not planned_in.uid:
            _refuse(work, "the plan does not say which cluster it was made for", "a plan made with the right to get namespace kube-system")
        if (uid := work.cluster.identity().uid) != planned_in.uid:
            _refuse(work, f"kube-system of this cluster has UID {uid or 'none'}", f"the cluster of the plan, with UID {planned_in.uid}")
    node, machine = work.cluster.read_node(work.node), work.remote.machine_id()
    told = node.status.node_info.machine_id
    if plan.uid and node.metadata.uid != plan.uid:
        by_hand = f"kubectl drain {work.node} --ignore-daemonsets; on the node: sh {work.remote.home}/restore.sh --force"
        expected = f"UID {plan.uid}: it was made again since, or is another's"
        _refuse(work, f"the Node {work.node} has UID {node.metadata.uid}", expected, f"a new plan; to roll this machine back: {by_hand}")
    for wanted, who in ((told, f"the Node {work.node} reports"), (plan.machine_id, "the plan was made for")):
        if other := another_machine(host, machine, wanted, who):
            _refuse(work, *other)


def another_machine(host: str, machine: str, wanted: str, who: str) -> tuple[str, str] | None:
    """What is seen and expected where a machine has another machine-id than `who` wants; None where it has that, or none is wanted."""
    return (f"{host} has machine-id {machine or 'none'}", f"machine-id {wanted}, which {who}") if wanted and machine != wanted else None


def another_ca(work: Work) -> bool:
    """Whether the API server is trusted by another CA than when the plan was made; what is not known on one side is not compared."""
    planned, now = work.planned_in.ca if work.planned_in else "", work.cluster.identity().ca
    return bool(planned and now and planned != now)


def _refuse(work: Work, seen: str, expected: str, next_command: str = COMPARE) -> None:
    raise work.refuse(f"it is not what was planned for: {seen}", expected, next_command)
