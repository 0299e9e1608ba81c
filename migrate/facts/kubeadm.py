"""What kubeadm keeps in kube-system and writes to nodes at its next upgrade; of both ConfigMaps only what is judged is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from migrate.formats import FormatError, yaml_read

KUBELET_CONFIG = "kubelet-config"  # from 1.24; before that, and while the gate UnversionedKubeletConfigMap is off, with `-1.NN` behind it
KUBEADM_CONFIG = "kubeadm-config"
NODE_CONFIG = "/var/lib/kubelet/config.yaml"  # where kubeadm writes it
# staticPodURLHeader may hold a token: what is not judged is not kept
KEPT_FIELDS = ("cgroupDriver", "containerRuntimeEndpoint", "failCgroupV1", "imageServiceEndpoint", "memorySwap", "runOnce")


class _Kept(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A frozen value with camelCase names in its file."""


class KubeletConfigMap(_Kept, frozen=True):
    """The KubeletConfiguration that kubeadm writes to every node: the ConfigMap's name and, of the fields, `KEPT_FIELDS` as given."""

    name: str
    fields: dict[str, Any]


class KubeadmConfig(_Kept, frozen=True):
    """kubeadm's ClusterConfiguration: the cluster's version as kubeadm knows it (`v1.23.17`) and its feature gates."""

    kubernetes_version: str
    feature_gates: dict[str, bool] | None = None


def kubelet_config_map(name: str, data: Mapping[str, str]) -> KubeletConfigMap:
    """The ConfigMap's configuration; raises FormatError where there is none to read."""
    config = _document(data, "kubelet")
    return KubeletConfigMap(name=name, fields={key: config[key] for key in KEPT_FIELDS if key in config})


def kubeadm_config(data: Mapping[str, str]) -> KubeadmConfig:
    """The ConfigMap's ClusterConfiguration; raises FormatError where there is none to read."""
    config = _document(data, "ClusterConfiguration")
    gates = config.get("featureGates")
    named = {str(key): value for key, value in gates.items() if isinstance(value, bool)} if isinstance(gates, Mapping) else None
    return KubeadmConfig(kubernetes_version=str(config.get("kubernetesVersion", "")), feature_gates=named)


def _document(data: Mapping[str, str], key: str) -> Mapping[str, Any]:
    if key not in data:
        raise FormatError("ConfigMap", f"it has no key {key}")
    value = yaml_read.load(data[key])
    if not isinstance(value, Mapping):
        raise FormatError("ConfigMap", f"its key {key} holds no mapping")
    return value
