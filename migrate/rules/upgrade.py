"""What rules about the next Kubernetes version share: the way there, what the migration does to flags, what kubeadm will write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.facts.kubeadm import NODE_CONFIG, KubeletConfigMap
from migrate.facts.model import Kubelet, NodeFacts, Place
from migrate.formats import FormatError, version, yaml_read
from migrate.formats.version import Version
from migrate.rules import NodeView
from migrate.sources.table import origin_of
from migrate.targets.kubelet import FlagChange, flag_change


@dataclass(frozen=True, slots=True)
class Way:
    """From the kubelet on disk to the version that was asked about, minor by minor: `have` excluded, `to` included; minors of 1."""

    have: int
    to: int
    kubelet: Kubelet


@dataclass(frozen=True, slots=True)
class Config:
    """A KubeletConfiguration that holds or will hold on a node: its file there, or kubeadm's ConfigMap (then without a file's text)."""

    name: str
    values: Mapping[str, Any]
    text: str | None = None

    def place(self, path: tuple[str, ...]) -> Place:
        """Where a field stands, with the line in a file."""
        try:
            return Place(self.name, yaml_read.line(self.text, path) if self.text else None)
        except FormatError:
            return Place(self.name)


def way(view: NodeView) -> Way | None:
    """The way to the version that was asked about; None where none was, or the kubelet on disk is not known or not older."""
    disk = disk_version(view)
    if view.kubelet is None or disk is None or view.next_kubernetes is None or disk.release >= view.next_kubernetes:
        return None
    return Way(disk.minor, view.next_kubernetes[1], view.kubelet)


def flag_changes(view: NodeView) -> FlagChange:
    """What the migration does to the kubelet's flags; nothing on a node that has nothing to migrate."""
    if view.on_docker and view.kubelet and disk_version(view):
        return flag_change(view.kubelet, view.target.endpoint, view.target.unit, origin_of(view.facts))
    return FlagChange(frozenset(), {})


def node_config(facts: NodeFacts, kubelet: Kubelet) -> Config | None:
    """The node's configuration file, None where there is none or it could not be read."""
    if kubelet.config_path is None or not isinstance(kubelet.config, Mapping):
        return None
    file = facts.files.get(kubelet.config_path)
    return Config(kubelet.config_path, kubelet.config, file.text if file else None)


def kubeadm_config_map(view: NodeView) -> KubeletConfigMap | None:
    """The ConfigMap that `kubeadm upgrade` writes to this node; None where there is none, or the node's kubelet reads another file."""
    by_kubeadm = view.kubelet is not None and view.kubelet.config_path == NODE_CONFIG
    return view.cluster.kubelet_config if view.cluster and by_kubeadm else None


def map_name(found: KubeletConfigMap) -> str:
    """As it is called in evidence."""
    return f"configmap kube-system/{found.name}"


def configs(view: NodeView, kubelet: Kubelet) -> Iterator[Config]:
    """Everything that configures this kubelet now or after the next `kubeadm upgrade`."""
    if here := node_config(view.facts, kubelet):
        yield here
    if found := kubeadm_config_map(view):
        yield Config(map_name(found), found.fields)


def disk_version(view: NodeView) -> Version | None:
    """The version of the kubelet on disk, None when it is not known (D2C101 speaks of it)."""
    return version.known(view.kubelet.version if view.kubelet else None)


def installed_version(view: NodeView) -> Version | None:
    """The version of the runtime to move to, None when it is not installed or not known."""
    return version.known(view.target.installed(view.facts))
