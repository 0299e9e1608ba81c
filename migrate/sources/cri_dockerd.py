"""cri-dockerd as a source: a daemon of its own between the kubelet and Docker, with flags of its own.

Sources: Mirantis/cri-dockerd at v0.2.0 to v0.4.3, config/options.go, cmd/cri/options, packaging/systemd.
"""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.kubelet_table import FIRST
from migrate.facts.model import CriDockerd, NodeFacts, Setting, Unreadable
from migrate.formats import version
from migrate.sources import Socket, docker
from migrate.sources.dockershim import DOCKERSHIM

NETWORK = "network-plugin"
CNI_IS_DEFAULT = version.Version(0, 2, 5)


def _sandbox_image(facts: NodeFacts) -> str | None:
    """What the running sandboxes use, else its own flag. The kubelet's flag is not for it, its default follows its build."""
    flag = facts.cri_dockerd.flags.get("pod-infra-container-image") if isinstance(facts.cri_dockerd, CriDockerd) else None
    return docker.sandbox_image(facts, flag or None)


def _network(facts: NodeFacts) -> Setting:
    """--network-plugin of its own; the default is CNI since 0.2.5, docker0 before. None where neither flag nor version is known."""
    found = facts.cri_dockerd
    if isinstance(found, CriDockerd) and NETWORK in found.flags:
        return Setting(NETWORK, found.flags[NETWORK] or "", found.place)
    release = version.known(found.version) if isinstance(found, CriDockerd) else None
    return Setting(NETWORK, ("cni" if release >= CNI_IS_DEFAULT else "") if release else None, None)


def _unread(facts: NodeFacts) -> str | None:
    found = facts.cri_dockerd
    if not isinstance(found, CriDockerd):
        reason = found.reason if isinstance(found, Unreadable) else "this reading does not hold it"
        return f"the command line of cri-dockerd is not known: {reason}"
    if _network(facts).value is None:
        return f"{found.place} has no --{NETWORK}, and cri-dockerd does not tell its version, on which the default depends"
    return None


CRI_DOCKERD = replace(
    DOCKERSHIM,
    name="cri-dockerd",
    title="Docker through cri-dockerd",
    own_units=docker.OF_CRI_DOCKERD,
    endpoint="unix:///run/cri-dockerd.sock",
    sockets=(Socket("/run/cri-dockerd.sock", "cri-docker.socket"), Socket("/run/docker.sock", "docker.socket")),
    minors=(FIRST, None),
    sandbox_image=_sandbox_image,
    network=_network,
    unread=_unread,
)
