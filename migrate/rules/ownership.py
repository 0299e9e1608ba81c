"""D2C220 and D2C221: who owns the node's files."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.installers.table import identify
from migrate.rules import NodeView, Seen, Severity, node_rule


@node_rule("D2C220", "installer-unsupported", Severity.BLOCKER, forbids_install=True)
def installer_unsupported(view: NodeView) -> Iterator[Seen]:
    """The node's installer is unknown, or its nodes are not changed in place.

    Why: a managed node is replaced, not edited: its owner reverts the change at the next repair or upgrade. For an unknown installer the
    files that it reads are unknown.

    Remedy: Change the runtime as that installer documents it.

    Sources: documentation of each installer; rancher/rke cluster/plan.go; awslabs/amazon-eks-ami; Azure/AgentBaker.
    """
    installer = identify(view.facts, view.node)
    if not installer.supported:
        seen = installer.detect(view.facts, view.node)
        yield Seen(f"installer {installer.name}", seen or "no mark of a known installer", installer.way_out)


@node_rule("D2C221", "installer-may-undo", Severity.INFO)
def installer_may_undo(view: NodeView) -> Iterator[Seen]:
    """The next run of the installer writes the node's files again.

    Why: the files then follow the installer's own settings. With settings for Docker the node returns to Docker, or breaks.

    Remedy: Change the installer's settings too, before its next run.

    Sources: Kubespray docs/upgrades/migrate_docker2containerd.md; kubernetes.io, Reconfiguring a kubeadm cluster.
    """
    installer = identify(view.facts, view.node)
    if installer.supported:
        seen = installer.detect(view.facts, view.node)
        yield Seen(f"installer {installer.name}", seen or "", installer.aftercare)
