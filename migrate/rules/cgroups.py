"""D2C209 and D2C210: the cgroup driver, which kubelet and runtime must share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Kubelet
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.drift import configured_cgroup_driver


@node_rule("D2C209", "cgroup-driver-implicit", Severity.WARNING)
def cgroup_driver_implicit(view: NodeView) -> Iterator[Seen]:
    """The cgroup driver is not configured, and the kubelet and Docker both use their defaults.

    Why: up to now kubeadm took the driver from Docker. An upgrade of kubeadm to 1.22 or later sets `systemd` where it finds no driver,
    while the target keeps its own: pods fail or restart.

    Remedy: The plan sets the current driver in the kubelet's configuration of the node. Set it in the ConfigMap kubelet-config too:

        cgroupDriver: cgroupfs     # or systemd: what `docker info` reports now

    Sources: Kubernetes v1.20.2 cmd/kubeadm/app/componentconfigs/kubelet.go; release notes 1.21 PR 99471, 1.22 PR 102133; containerd issue
    7276.
    """
    driver = _kubelet_driver(view)
    if driver and view.on_docker and view.docker and driver[1] is None and configured_cgroup_driver(view) is None:
        docker = view.docker.cgroup_driver or "unknown"
        yield Seen(
            "cgroup driver",
            f"kubelet: neither --cgroup-driver nor cgroupDriver, default {driver[0]}; Docker: no native.cgroupdriver, it uses {docker}",
        )


@node_rule("D2C210", "cgroup-drivers-differ", Severity.BLOCKER)
def cgroup_drivers_differ(view: NodeView) -> Iterator[Seen]:
    """The kubelet's files and Docker set different cgroup drivers.

    Why: dockershim does not start like this, so the node is between two states: the running kubelet uses one driver, its files set the
    other. A CRI runtime does not check it, and pods fail. A rollback would not succeed.

    Remedy: Set the same driver for both before the migration; drain the node to change it:

        docker info --format '{{.CgroupDriver}}'     # on the node
        kubectl drain NODE --ignore-daemonsets

    Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_service.go; kubernetes.io, Configuring a cgroup driver.
    """
    driver = _kubelet_driver(view)
    if driver and view.on_docker and view.docker and view.docker.cgroup_driver and driver[0] != view.docker.cgroup_driver:
        yield Seen("cgroup driver", f"kubelet: {driver[0]} ({driver[1] or 'default'}); Docker: {view.docker.cgroup_driver} (docker info)")


def _kubelet_driver(view: NodeView) -> tuple[str, str | None] | None:
    """The kubelet's cgroup driver and where it is said; None when its configuration was not read."""
    kubelet = view.kubelet
    if kubelet is None or _config_unread(kubelet):
        return None
    setting = kubelet.setting("cgroup-driver", "cgroupDriver", "cgroupfs")
    return str(setting.value), str(setting.place) if setting.place else None


def _config_unread(kubelet: Kubelet) -> bool:
    return kubelet.config_path is not None and not isinstance(kubelet.config, Mapping)
