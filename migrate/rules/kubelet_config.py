"""D2C237 to D2C243: the kubelet's configuration, and what kubeadm's ConfigMap makes of it at the next `kubeadm upgrade`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from migrate.facts.cluster import CRI_SOCKET
from migrate.facts.kubeadm import KUBELET_CONFIG, NODE_CONFIG
from migrate.facts.kubelet_table import FIELDS, KUBEADM_FLAGS, LAST, knows_field, text_at
from migrate.facts.model import Place
from migrate.formats.number import whole
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.upgrade import disk_version, flag_changes, kubeadm_config_map, map_name, node_config, way
from migrate.sources.table import origin_of
from migrate.targets.kubelet import INSTANCE_CONFIG, home_of

KUBEADM_SETS_DRIVER = 22  # kubeadm v1.22.0 cmd/kubeadm/app/componentconfigs/kubelet.go: an empty cgroupDriver becomes systemd at upgrades
UNVERSIONED = 24
ONLY_UNVERSIONED = 25
INSTANCE_CONFIG_SINCE = 34
GATE = "UnversionedKubeletConfigMap"
KUBELET_DEFAULT = "unix:///run/containerd/containerd.sock"  # from 1.27 on


@node_rule("D2C237", "kubelet-field-ignored", Severity.WARNING, always=True)
def kubelet_field_ignored(view: NodeView) -> Iterator[Seen]:
    """The kubelet's configuration has a field that the kubelet on disk does not know.

    Why: the kubelet ignores it with a warning, and what the file says has no effect. One such field is containerRuntimeEndpoint, which is
    read from 1.27 on: an older kubelet uses the runtime of its flags.

    Remedy: Correct the name, or use the flag of that setting where there is one:

        journalctl -u kubelet | grep -i 'unknown field'     # on the node

    Sources: Kubernetes v1.20.2 pkg/kubelet/kubeletconfig/util/codec/codec.go (lenient decoding); k8s.io/kubelet config/v1beta1/types.go of
    each release.
    """
    disk = disk_version(view)
    config = node_config(view.facts, view.kubelet) if view.kubelet else None
    if disk is None or config is None or disk.release > (1, LAST):
        return
    for name in map(str, config.values):
        if name not in ("kind", "apiVersion") and not knows_field(name, disk.minor):
            since = FIELDS[name].since if name in FIELDS else None
            said = f"a field from 1.{since} on" if since else "no release has such a field"
            yield Seen(name, f"{config.place((name,))}: {said}, the kubelet on disk is v{disk}")


@node_rule("D2C238", "config-map-cgroup-driver", Severity.WARNING, always=True)
def config_map_cgroup_driver(view: NodeView) -> Iterator[Seen]:
    """The next `kubeadm upgrade` changes the cgroup driver of the node.

    Why: it writes the kubelet's configuration from the ConfigMap, and where that sets no driver kubeadm 1.22 and later sets systemd. The
    runtime keeps its driver: pods fail or restart. Up to 1.21 kubeadm took the driver from Docker, so that the ConfigMap may set none, or
    that of another machine.

    Remedy: Set the current driver in the ConfigMap (in a cluster whose nodes differ, change all to one driver first):

        kubectl -n kube-system get configmaps | grep kubelet-config

    Sources: kubeadm v1.20.0, v1.21.0 and v1.22.0 cmd/kubeadm/app/componentconfigs/kubelet.go; release notes 1.21 PR 99471, 1.22 PR 102133.
    """
    found, driver = kubeadm_config_map(view), origin_of(view.facts).cgroup_driver
    if found is None or driver is None or view.kubelet is None or view.kubelet.flag("cgroup-driver"):
        return
    said = text_at(found.fields, ("cgroupDriver",))
    will = said or ("systemd" if _kubeadm_minor(view) >= KUBEADM_SETS_DRIVER else "cgroupfs")
    if will != driver:
        config = node_config(view.facts, view.kubelet)
        stated = config is not None and "cgroupDriver" in config.values
        here = str(config.place(("cgroupDriver",))) if config and stated else "no file says it"
        how = f"cgroupDriver: {said}" if said else f"no cgroupDriver, and kubeadm makes {will} of that"
        yield Seen(
            "cgroup driver", f"{map_name(found)}: {how}; the node uses {driver} ({here})", _edit(found.name, f"cgroupDriver: {driver}")
        )


@node_rule("D2C239", "config-map-endpoint", Severity.WARNING, always=True)
def config_map_endpoint(view: NodeView) -> Iterator[Seen]:
    """The next `kubeadm upgrade` changes the runtime of the node's kubelet.

    Why: from 1.27 on the kubelet reads containerRuntimeEndpoint from its configuration, which kubeadm writes from the ConfigMap. On a node
    without --container-runtime-endpoint nothing else sets the runtime.

    Remedy: Remove the endpoint from the ConfigMap, or correct it there once no node uses the other one:

        kubectl -n kube-system get configmaps | grep kubelet-config

    Sources: Kubernetes 1.27 PR 112136; kubernetes.io, Reconfiguring a kubeadm cluster.
    """
    found, disk, ahead = kubeadm_config_map(view), disk_version(view), way(view)
    if found is None or disk is None or view.kubelet is None:
        return
    minor = ahead.to if ahead else disk.minor
    by_flag = view.kubelet.flag("container-runtime-endpoint") or "container-runtime-endpoint" in flag_changes(view).set
    if by_flag or not knows_field("containerRuntimeEndpoint", minor):
        return
    said = text_at(found.fields, ("containerRuntimeEndpoint",))
    now = view.target.endpoint if view.on_docker else view.facts.endpoint.socket
    if _socket(said or KUBELET_DEFAULT) != _socket(now):
        how = f"containerRuntimeEndpoint: {said}" if said else f"no containerRuntimeEndpoint, the kubelet's default is {KUBELET_DEFAULT}"
        yield Seen(
            "runtime endpoint", f"{map_name(found)}: {how}; the node is to use {now}", _edit(found.name, f"containerRuntimeEndpoint: {now}")
        )


@node_rule("D2C240", "config-map-unread", Severity.WARNING, always=True)
def config_map_unread(view: NodeView) -> Iterator[Seen]:
    """The ConfigMaps of kubeadm could not be read, so what the next `kubeadm upgrade` writes to the node is unknown.

    Why: it writes the kubelet's configuration, and a cgroup driver or an endpoint in the ConfigMap that differs from the node's stops pods
    or the node.

    Remedy: Use an account that has the roles that are printed, and inspect the node again:

        docker2cri rbac inspect
        docker2cri inspect NODE

    Sources: kubernetes.io, Reconfiguring a kubeadm cluster.
    """
    if view.cluster and view.kubelet and view.kubelet.config_path == NODE_CONFIG:
        for unread in view.cluster.unreadable:
            if unread.what.startswith("configmap "):
                yield Seen(unread.what, unread.reason)


@node_rule("D2C241", "config-map-renamed", Severity.INFO, always=True)
def config_map_renamed(view: NodeView) -> Iterator[Seen]:
    """The ConfigMap with the kubelet's configuration changes its name up to the next Kubernetes version.

    Why: with 1.24, kubeadm copies kubelet-config-1.NN to kubelet-config and reads that from then on. A later change of the old one, by a
    script or by hand, has no effect.

    Remedy: After the upgrade to 1.24 change the new one, and delete the old ones when all control-plane nodes are upgraded:

        kubectl -n kube-system get configmaps | grep kubelet-config

    Sources: Kubernetes 1.23 PR 105741, 1.24 PR 108027, 1.25 PR 110327.
    """
    found, ahead = kubeadm_config_map(view), way(view)
    if found and ahead and found.name != KUBELET_CONFIG and ahead.have < UNVERSIONED <= ahead.to and not _gate_off(view):
        yield Seen(map_name(found), f"kubeadm 1.{UNVERSIONED} reads {KUBELET_CONFIG} instead")


@node_rule("D2C242", "config-map-not-found-next", Severity.WARNING, always=True)
def config_map_not_found_next(view: NodeView) -> Iterator[Seen]:
    """A kubeadm up to the next Kubernetes version does not find the kubelet's configuration.

    Why: from 1.25 on, kubeadm reads only the ConfigMap kubelet-config. With the feature gate UnversionedKubeletConfigMap off, kubeadm 1.24
    keeps the name with the version in it, and the upgrade to 1.25 fails.

    Remedy: Remove the gate from kubeadm's configuration before the upgrade to 1.24, or copy the ConfigMap to that name after it:

        kubectl -n kube-system edit configmap kubeadm-config     # featureGates
        kubectl -n kube-system get configmaps | grep kubelet-config

    Sources: kubeadm v1.24.0 and v1.25.0 cmd/kubeadm/app/componentconfigs/kubelet.go and cmd/kubeadm/app/features/features.go.
    """
    found, ahead = kubeadm_config_map(view), way(view)
    if found and ahead and found.name != KUBELET_CONFIG and ahead.to >= ONLY_UNVERSIONED:
        if _gate_off(view):
            yield Seen(map_name(found), f"configmap kube-system/kubeadm-config: featureGates: {GATE}: false")
        elif _kubeadm_now(view) >= UNVERSIONED:
            yield Seen(map_name(found), f"kubeadm 1.{ONLY_UNVERSIONED} and later reads only {KUBELET_CONFIG}, which is not there")


@node_rule("D2C243", "next-kubeadm-instance-config", Severity.INFO, always=True)
def next_kubeadm_instance_config(view: NodeView) -> Iterator[Seen]:
    """A kubeadm up to the next Kubernetes version moves the runtime's endpoint to a file of its own.

    Why: with the gate NodeLocalCRISocket, on from 1.34, `kubeadm upgrade` moves --container-runtime-endpoint from kubeadm-flags.env to
    instance-config.yaml, merges that over config.yaml, and removes the annotation kubeadm.alpha.kubernetes.io/cri-socket from the Node.
    Where kubeadm-flags.env has no such flag the file gets an empty endpoint, which means the kubelet's default. Scripts that read the flag
    or the annotation find nothing.

    Remedy: Check the file after the upgrade:

        cat /var/lib/kubelet/instance-config.yaml     # on the node

    Sources: KEP-4656; kubeadm v1.34.0 cmd/kubeadm/app/phases/upgrade/postupgrade.go; Kubernetes 1.34 PR 131981.
    """
    ahead = way(view)
    if ahead is None or not ahead.have < INSTANCE_CONFIG_SINCE <= ahead.to or ahead.kubelet.config_path != NODE_CONFIG:
        return
    here = view.facts.files.get(INSTANCE_CONFIG)
    if here is not None and here.kind == "file":
        return
    name = "container-runtime-endpoint"
    flag, planned = ahead.kubelet.flag(name), name in flag_changes(view).set
    place: Place | None = home_of(ahead.kubelet, name) if flag or planned else None
    if place and place.path == KUBEADM_FLAGS:
        told = f"`kubeadm upgrade` to 1.{INSTANCE_CONFIG_SINCE} moves --{name} there from {place}"
    elif place:
        told = f"--{name} is in {place}, which holds; `kubeadm upgrade` to 1.{INSTANCE_CONFIG_SINCE} writes an empty endpoint there"
    else:
        told = f"`kubeadm upgrade` to 1.{INSTANCE_CONFIG_SINCE} writes an empty endpoint there, the kubelet's default is {KUBELET_DEFAULT}"
    annotated = view.node is not None and view.node.metadata.annotation(CRI_SOCKET) is not None
    yield Seen(INSTANCE_CONFIG, f"{told}{f'; the annotation {CRI_SOCKET} goes' if annotated else ''}")


def _kubeadm_now(view: NodeView) -> int:
    """The minor of the cluster as kubeadm knows it, that of the kubelet on disk where it does not say; 0 for neither."""
    told = view.cluster.kubeadm.kubernetes_version if view.cluster and view.cluster.kubeadm else ""
    parts = told.lstrip("v").split(".")
    disk = disk_version(view)
    minor = whole(parts[1]) if len(parts) > 1 else None
    return minor if minor is not None else disk.minor if disk else 0


def _kubeadm_minor(view: NodeView) -> int:
    """The minor of the kubeadm that upgrades next: the one that was asked about, else the cluster's own."""
    return view.next_kubernetes[1] if view.next_kubernetes else _kubeadm_now(view)


def _gate_off(view: NodeView) -> bool:
    kubeadm = view.cluster.kubeadm if view.cluster else None
    return kubeadm is not None and (kubeadm.feature_gates or {}).get(GATE) is False


def _socket(endpoint: str) -> str:
    return endpoint.removeprefix("unix://").replace("/var/run/", "/run/", 1)


def _edit(name: str, line: str) -> str:
    return (
        "Set this under the ConfigMap's key `kubelet` (where nodes differ, bring all to one value first):\n\n"
        f"    kubectl -n kube-system edit configmap {shlex.quote(name)}     # {line}"
    )
