"""D2C137 and D2C139: how long the kubelet is stopped while containers end by their grace periods."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.control_plane import node_monitor_grace
from migrate.facts.pod import Pod
from migrate.formats.listing import few
from migrate.rules import Allow, NodeView, Seen, Severity, node_rule
from migrate.rules.pod_class import PodClass, classified
from migrate.rules.pods import by_owner


@node_rule("D2C137", "node-not-ready-meanwhile", Severity.WARNING)
def node_not_ready_meanwhile(view: NodeView) -> Iterator[Seen]:
    """Containers that stop while the kubelet is stopped may take longer than the control plane waits for it.

    Why: after node-monitor-grace-period without a word of the kubelet the node is NotReady. Its pods are taken out of Services, those of
    DaemonSets among them, and after the tolerated time pods without such a toleration are evicted.

    Remedy: Shorten the grace period for the migration, or expect NotReady in a maintenance window:

        kubectl -n NAMESPACE patch daemonset NAME -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":30}}}}'

    Sources: kubernetes.io, Nodes (heartbeats, node controller); kube-controller-manager reference, node-monitor-grace-period.
    """
    seconds, where = view.cluster.monitor_grace if view.cluster else node_monitor_grace((), None)
    slow = [pod for pod in _staying(view) if pod.spec.termination_grace_period_seconds > seconds]
    if slow and view.stop_timeout > seconds:
        longest = min(view.stop_timeout, max(pod.spec.termination_grace_period_seconds for pod in slow))
        names = few(f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in slow)
        yield Seen("kubelet", f"it is stopped for up to {longest} s while {names} end; the node is NotReady after {seconds} s ({where})")


@node_rule("D2C139", "grace-period-above-stop-timeout", Severity.WARNING, acceptable=True, allows=Allow.KILL)
def grace_period_above_stop_timeout(view: NodeView) -> Iterator[Seen]:
    """A container that the switch stops may take longer to end than the plan waits for it.

    Why: the switch waits for the whole grace period, with the kubelet stopped for pods that stay on the node, but no longer than
    `plan --stop-timeout` says (600 s by default). A container that has not ended by then fails the switch, and the node rolls back by
    itself. Where this finding is accepted, the grace period is cut and the container is killed. A rollback always cuts it.

    Remedy: Accept that these containers are killed, wait longer with `--stop-timeout`, or set a shorter grace period:

        docker2cri plan TARGET --accept D2C139="they may be killed" NODE --out plan.json
        kubectl -n NAMESPACE patch daemonset NAME -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":30}}}}'
        docker stop -t 30 CONTAINER     # on the node, for a container that no pod has

    Sources: kubernetes.io, Pod lifecycle (termination of pods); docs.docker.com, docker container stop.
    """
    limit = view.stop_timeout
    pods = ((pod, pod.spec.termination_grace_period_seconds) for pod in _staying(view))
    told = ((pod, f"terminationGracePeriodSeconds {grace}, above --stop-timeout {limit}") for pod, grace in pods if grace > limit)
    yield from by_owner(view, told)
    stopped = view.docker.standalone if view.docker and view.on_docker and not view.target.keeps_source else ()
    for container in stopped:
        if container.running and (container.stop_timeout or 0) > limit:
            yield Seen(f"container {container.name}", f"its stop timeout is {container.stop_timeout} s, above --stop-timeout {limit}")


def _staying(view: NodeView) -> list[Pod]:
    """The pods that the switch stops."""
    kept = (PodClass.STATIC, PodClass.DAEMON, PodClass.RETURNING)
    return [found.pod for found in classified(view.pods, view.cluster) if found.is_a in kept and not found.pod.finished]
