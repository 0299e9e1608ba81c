"""Every key of daemon.json and every flag of dockerd: what becomes of it whatever runtime pods run on afterwards.

What depends on the runtime stands in a table of its own: containerd_keys.py, crio_keys.py. Sources: dockerd reference, daemon
configuration file; moby daemon/config at v20.10.24 and v29.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Fate(StrEnum):
    """What becomes of a key: the plan carries it over, its effect changes, it cannot be carried, or pods never felt it."""

    CARRIED = "carried"
    CHANGED = "changed"
    LOST = "cannot be carried"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Key:
    """A key's verdict and the sentence that explains it. `harmless` tells values for which nothing is lost or changed."""

    verdict: Fate
    text: str
    harmless: Callable[[Any], bool] = lambda value: False


def off(value: Any) -> bool:
    """Not set, or set to nothing."""
    return value in (False, "", None, 0, [], {})


def one_of(*values: Any) -> Callable[[Any], bool]:
    """Whether a value is one of these."""
    shown = {str(value) for value in values}
    return lambda value: str(value) in shown


def _only_local(value: Any) -> bool:
    return all(str(host).startswith(("fd://", "unix://")) for host in (value if isinstance(value, list) else [value]))


def _only_rotation(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) <= {"max-size", "max-file"}


def only_kernel_check(value: Any) -> bool:
    """`overlay2.override_kernel_check` was in the daemon.json of kubeadm's own guide and does nothing from Docker 20.10 on."""
    return not value or (
        isinstance(value, list) and all(str(option).partition("=")[0].endswith(".override_kernel_check") for option in value)
    )


def _no_snapshotter(value: Any) -> bool:
    return isinstance(value, Mapping) and not value.get("containerd-snapshotter")


_DOCKER0 = Key(Fate.NOT_NEEDED, "concerns docker0 and standalone containers; pods get their network from CNI")
_DNS = Key(Fate.NOT_NEEDED, "never reached pods: the kubelet's resolvConf and clusterDNS and the pod's dnsConfig decide")
_NO_EQUIVALENT = Key(Fate.NOT_NEEDED, "concerns Docker alone (builds, swarm, its own files); pods never felt it")
_API_GONE = "Docker's TCP API has no successor, which is a gain in security; its remote users break"
_TLS = Key(Fate.LOST, _API_GONE, off)

DOCKER0_KEYS = """
    bip bip6 bridge bridge-accept-fwmark default-address-pools default-gateway default-gateway-v6 default-network-opts fixed-cidr
    fixed-cidr-v6 icc ip ip-forward ip-forward-no-drop ip-masq ip6tables iptables ipv6 mtu userland-proxy userland-proxy-path
    allow-direct-routing firewall-backend host-gateway-ip host-gateway-ips
"""
DNS_KEYS = """
    dns dns-opts dns-search
"""
OWN_KEYS = """
    api-cors-header builder cluster-advertise cluster-store cluster-store-opts config-file containerd containerd-namespace
    containerd-plugins-namespace content-trust cpu-rt-period cpu-rt-runtime cri-containerd deprecated-key-path disable-legacy-registry
    experimental help labels min-api-version network-control-plane-mtu network-diagnostic-port node-generic-resources pidfile raw-logs
    rootless shutdown-timeout swarm-default-advertise-addr validate version
"""
_INIT = Key(Fate.LOST, "no tini stands before processes: zombies are reaped by an init in the image or by shareProcessNamespace", off)

# alike whatever the target is
COMMON: Mapping[str, Key] = {
    "log-opts": Key(Fate.CHANGED, "compress, labels, env and tag end with Docker (the kubelet gzips by itself)", _only_rotation),
    "max-concurrent-uploads": _NO_EQUIVALENT,
    "max-download-attempts": Key(Fate.NOT_NEEDED, "the kubelet retries pulls with its own back-off"),
    "no-new-privileges": Key(Fate.LOST, "it applied to pods: set allowPrivilegeEscalation: false, enforced by admission", off),
    "init": _INIT,
    "init-path": _INIT,
    "default-ipc-mode": Key(Fate.NOT_NEEDED, "the kubelet chooses it for each pod"),
    "cgroup-parent": Key(Fate.NOT_NEEDED, "the kubelet sets it for each pod (cgroupRoot)"),
    "hosts": Key(Fate.LOST, _API_GONE, _only_local),
    "tls": _TLS,
    "tlsverify": _TLS,
    "tlscacert": _TLS,
    "tlscert": _TLS,
    "tlskey": _TLS,
    "allow-nondistributable-artifacts": _NO_EQUIVALENT,
    "features": Key(
        Fate.CHANGED, "with containerd-snapshotter images lie in containerd's namespace moby and are copied from there", _no_snapshotter
    ),
    **dict.fromkeys(DOCKER0_KEYS.split(), _DOCKER0),
    **dict.fromkeys(DNS_KEYS.split(), _DNS),
    **dict.fromkeys(OWN_KEYS.split(), _NO_EQUIVALENT),
}
UNKNOWN = Key(Fate.LOST, "docker2cri does not know this key: look up what it does, nothing of it is carried")
