"""dockershim as a source: a part of the kubelet up to 1.23, with Docker below it.

Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim, cmd/kubelet/app/options/container_runtime.go.
"""

from __future__ import annotations

from migrate.facts.kubelet_table import DOCKERSHIM_LAST, FIRST
from migrate.facts.model import Kubelet, NodeFacts, Setting
from migrate.sources import Socket, Source, docker


def _sandbox_image(facts: NodeFacts) -> str | None:
    """What the running sandboxes use, else the kubelet's flag."""
    flag = facts.kubelet.flag("pod-infra-container-image") if isinstance(facts.kubelet, Kubelet) else None
    return docker.sandbox_image(facts, (flag.value if flag else None) or None)


def _network(facts: NodeFacts) -> Setting:
    """--network-plugin of the kubelet; its default is docker0, without a plugin."""
    flag = facts.kubelet.flag("network-plugin") if isinstance(facts.kubelet, Kubelet) else None
    return Setting("network-plugin", flag.value or "" if flag else "", flag.place if flag else None)


DOCKERSHIM = Source(
    name="dockershim",
    title="Docker through dockershim",
    engine="Docker",
    store="Docker's store",
    runtime="docker",
    prefix=docker.PREFIX,
    units=docker.UNITS,
    own_units=(),
    shared_units=docker.ITS_OWN,
    endpoint="unix:///var/run/dockershim.sock",
    sockets=(Socket("/run/dockershim.sock", "kubelet.service"), Socket("/run/docker.sock", "docker.socket")),
    minors=(FIRST, DOCKERSHIM_LAST),
    labels=docker.LABELS,
    node_part="docker.sh",
    running=docker.RUNNING,
    left=docker.LEFT,
    pid=docker.PID,
    answers=docker.ANSWERS,
    word="docker",
    packages=docker.PACKAGES,
    beneath=docker.BENEATH,
    version=docker.version,
    data_root=docker.data_root,
    images=docker.images,
    keeps_digests=docker.keeps_digests,
    standalone=docker.standalone,
    configured=docker.configured,
    sandbox_image=_sandbox_image,
    running_sandbox_images=docker.running_sandbox_images,
    cgroup_driver=docker.cgroup_driver,
    cni=lambda facts: (facts.cni.config_dir, facts.cni.bin_dirs),
    network=_network,
    # the kubelet's own command line, of which a rule says so
    unread=lambda facts: None,
)
