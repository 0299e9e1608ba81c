"""D2C220 and D2C221: who owns the node's files."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.installers.table import identify
from migrate.rules import NodeView, Seen, Severity, node_rule


@node_rule("D2C220", "installer-unsupported", Severity.BLOCKER, forbids_install=True)
def installer_unsupported(view: NodeView) -> Iterator[Seen]:
    """The node belongs to an installer whose nodes are not changed in place, or to an unknown one.

    Why: a managed node is replaced, not edited: its owner would undo the change at the next repair or upgrade. Of an unknown one
    nobody knows which files it reads.

    Remedy: Take the way of that installer.

    Sources: docs of each installer, named in docker2cri's installers table; rancher/rke cluster/plan.go; awslabs/amazon-eks-ami;
    Azure/AgentBaker.
    """
    installer = identify(view.facts, view.node)
    if not installer.supported:
        seen = installer.detect(view.facts, view.node)
        yield Seen(f"installer {installer.name}", seen or "no mark of a known installer", installer.way_out)


@node_rule("D2C221", "installer-may-undo", Severity.INFO)
def installer_may_undo(view: NodeView) -> Iterator[Seen]:
    """The installer's next run would write the node's files again.

    Why: what the migration changed is then as the installer's own settings say: with settings for Docker, the node goes back or breaks.

    Remedy: Change the installer's settings as well, before its next run.

    Sources: Kubespray docs/upgrades/migrate_docker2containerd.md; kubernetes.io, Reconfiguring a kubeadm cluster.
    """
    installer = identify(view.facts, view.node)
    if installer.supported:
        seen = installer.detect(view.facts, view.node)
        yield Seen(f"installer {installer.name}", seen or "", installer.aftercare)
