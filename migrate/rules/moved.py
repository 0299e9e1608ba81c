"""D2C609 and D2C610: nodes whose kubelet is told another runtime than Docker, or whose runtime is not the one that it is told."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.sources.table import origin_of, source_of
from migrate.targets.compose import compose
from migrate.targets.table import TARGETS


@node_rule("D2C609", "target-differs", Severity.INFO, always=True)
def target_differs(view: NodeView) -> Iterator[Seen]:
    """The node runs its pods on the target already, and a file of it differs from what a migration writes.

    Why: someone else moved the node, or has changed it since. Nothing is planned for it, so nothing is changed on it.

    Remedy: Compare the file with that of a node that was migrated, and change it by hand where the difference is not meant:

        docker2cri inspect NODE

    Sources: kubernetes.io, Container runtimes.
    """
    if view.facts.endpoint.kind != view.target.runtime or view.kubelet is None:
        return
    changes, refused = compose(view.target, view.facts, origin_of(view.facts))
    for change in changes:
        yield Seen(
            change.path, f"a migration {'changes' if change.before is not None else 'writes'} it: {'; '.join(dict.fromkeys(change.whys))}"
        )
    for one in refused:
        yield Seen(one.path, one.reason)


@node_rule("D2C610", "runtime-contradicted", Severity.BLOCKER, always=True, forbids_install=True)
def runtime_contradicted(view: NodeView) -> Iterator[Seen]:
    """The kubelet runs its pods on another runtime than its files name.

    Why: the files have changed, and the kubelet has not been restarted since. A plan from the files would leave a runtime that the pods do
    not run on; without a plan the node would be taken for one that is moved.

    Remedy: Restart the kubelet while the node is drained, or put its files back, then inspect the node again:

        kubectl drain NODE --ignore-daemonsets
        systemctl restart kubelet     # on the node
        kubectl uncordon NODE
        docker2cri inspect NODE

    Sources: kubernetes.io, Node status (nodeInfo.containerRuntimeVersion).
    """
    told = view.node.status.node_info.container_runtime_version if view.node else ""
    source = source_of(view.facts)
    prefixes = [target.prefix for target in TARGETS if target.runtime == view.facts.endpoint.kind]
    expected = source.prefix if source else next(iter(prefixes), "")
    if told and expected and view.kubelet and view.kubelet.running and not told.startswith(expected):
        yield Seen(f"Node {view.name}", f"it reports {told}; {view.facts.endpoint.evidence}")
