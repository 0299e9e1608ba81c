"""What there is before the first pod is evicted: what has to be so again, and what was not well and is not required."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.placement import only_here
from migrate.facts.pod import Pod
from migrate.plan.drain import EVICT, PodDecision
from migrate.verify.judge import Before, EvictedWorkload, Expected, container_ids, controller_of, owner_of
from migrate.verify.network import not_required


def snapshot(facts: ClusterFacts, node: str, decisions: Iterable[PodDecision], accepted: Iterable[str] = ()) -> Before:
    """What to compare with, taken before the first pod is evicted; `decisions` as classified, `accepted` the subjects of accepted findings.

    Not required afterwards: pods that were not Ready, here or elsewhere, finished ones, those under accepted findings, and evicted pods
    that nobody owns.
    """
    subjects, actions = frozenset(accepted), {decision.pod: decision.action for decision in decisions}
    expected, evicted, asked, excused, unready, unowned = [], [], [], [], [], []
    for pod in facts.pods_on(node):
        owner = owner_of(facts, pod)
        if pod.finished or pod.metadata.deletion_timestamp is not None:
            continue
        if {f"Pod {pod.key}", owner, facts.owner_of(pod.metadata)} & subjects:
            excused += [pod.key, owner]
            asked.append(pod.key)
        elif not pod.ready:
            unready.append(pod.key)
        elif actions.get(pod.key) != EVICT:
            expected.append(Expected(pod=pod.key, owner=owner, controller=controller_of(pod)))
        elif pod.metadata.controller is None:
            unowned.append(pod.key)
        else:
            evicted.append((owner, pod))
    here = facts.node(node)
    notes = (
        *not_required(unready, "pod was", "pods were", "not ready before"),
        *not_required(_unready_elsewhere(facts, node, evicted), "pod was", "pods were", "not ready before on other nodes"),
        *not_required(unowned, "pod has", "pods have", "no owner"),
        *not_required(asked, "pod is", "pods are", "under an accepted finding"),
    )
    return Before(
        node=node,
        kubelet=here.status.node_info.kubelet_version if here else "",
        expected=tuple(expected),
        workloads=tuple(_workloads(facts, here, evicted)),
        containers=tuple(sorted(container for pod in facts.pods_on(node) for container in container_ids(pod))),
        excused=tuple(dict.fromkeys(excused)),
        notes=notes,
    )


def _unready_elsewhere(facts: ClusterFacts, node: str, evicted: Iterable[tuple[str, Pod]]) -> list[str]:
    """Pods on other nodes, or on none, of the owners whose pods are counted afterwards."""
    owners = {owner for owner, _ in evicted}
    away = (pod for pod in facts.pods if pod.spec.node_name != node and not pod.ready and not pod.finished)
    return [pod.key for pod in away if pod.metadata.deletion_timestamp is None and owner_of(facts, pod) in owners]


def _workloads(facts: ClusterFacts, node: Node | None, evicted: Iterable[tuple[str, Pod]]) -> Iterator[EvictedWorkload]:
    ours: dict[str, list[Pod]] = {}
    for owner, pod in evicted:
        ours.setdefault(owner, []).append(pod)
    ready: dict[str, int] = {}
    for pod in facts.pods:
        if pod.ready and not pod.finished:
            owner = owner_of(facts, pod)
            ready[owner] = ready.get(owner, 0) + 1
    for owner, pods in sorted(ours.items()):
        here = sum(1 for pod in pods if node is not None and only_here(pod, node, facts))
        yield EvictedWorkload(owner=owner, namespace=pods[0].metadata.namespace, ready=ready[owner], here=here)
