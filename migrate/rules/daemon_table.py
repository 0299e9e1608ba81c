"""Every key of daemon.json and every flag of dockerd: what happens to it when pods run on containerd, and where CRI-O differs.

Sources: dockerd reference, daemon configuration file; moby daemon/config at v20.10.24 and v29; containerd docs/cri/config.md; CRI-O
docs/crio.conf.5.md at v1.23.5 and v1.36.3; containers-registries.conf(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from migrate.facts.daemon import PROXIES


class Fate(StrEnum):
    """What becomes of a key: the plan carries it over, its effect changes, it cannot be carried, or it has no effect on pods."""

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


def _off(value: Any) -> bool:
    return value in (False, "", None, 0, [], {})


def _one_of(*values: Any) -> Callable[[Any], bool]:
    shown = {str(value) for value in values}
    return lambda value: str(value) in shown


def _only_local(value: Any) -> bool:
    return all(str(address).startswith(("fd://", "unix://")) for address in (value if isinstance(value, list) else [value]))


def _only_rotation(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) <= {"max-size", "max-file"}


def _only_kernel_check(value: Any) -> bool:
    """`overlay2.override_kernel_check` was in the daemon.json of kubeadm's own guide and does nothing from Docker 20.10 on."""
    options = value if isinstance(value, list) else [None]
    return not value or all(str(option).partition("=")[0].endswith(".override_kernel_check") for option in options)


def _no_snapshotter(value: Any) -> bool:
    return isinstance(value, Mapping) and not value.get("containerd-snapshotter")


_DOCKER0 = Key(Fate.NOT_NEEDED, "concerns docker0 and standalone containers; pods get their network from CNI")
_DNS = Key(Fate.NOT_NEEDED, "never reached pods: the kubelet's resolvConf and clusterDNS and the pod's dnsConfig decide")
_NO_EQUIVALENT = Key(Fate.NOT_NEEDED, "concerns Docker alone (builds, swarm, its own files); it has no effect on pods")
_API_GONE = "the target has no API on TCP, and remote clients of Docker's fail"
_TLS = Key(Fate.LOST, _API_GONE, _off)

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
_ROOT = "containerd keeps its images in its own root (/var/lib/containerd by default), perhaps on another disk"
_CRIO_ROOT = "CRI-O keeps its images in its own root (/var/lib/containers/storage by default), perhaps on another disk"
_PROXY = Key(Fate.CARRIED, "becomes a drop-in of containerd.service")
_INIT = Key(Fate.LOST, "no tini is process 1: an init in the image or shareProcessNamespace reaps zombies", _off)

KEYS: Mapping[str, Key] = {
    "registry-mirrors": Key(Fate.CARRIED, "becomes certs.d/docker.io/hosts.toml, in the same order, Docker Hub last"),
    "insecure-registries": Key(Fate.CARRIED, "each host becomes a hosts.toml that tries HTTPS unverified, then HTTP"),
    "default-ulimits": Key(Fate.CARRIED, "becomes limits of containerd.service, which containers inherit"),
    "proxies": _PROXY,
    **dict.fromkeys(PROXIES, _PROXY),
    "runtimes": Key(Fate.CARRIED, "each becomes an entry below containerd.runtimes"),
    "default-runtime": Key(Fate.CARRIED, "becomes default_runtime_name", _one_of("runc", "io.containerd.runc.v2")),
    "max-concurrent-downloads": Key(Fate.CARRIED, "becomes max_concurrent_downloads", _one_of(3)),
    "exec-opts": Key(Fate.NOT_NEEDED, "SystemdCgroup follows the kubelet's own driver"),
    "live-restore": Key(Fate.NOT_NEEDED, "containerd's shims keep containers running over its restart in any case"),
    "data-root": Key(Fate.CHANGED, _ROOT, _one_of("/var/lib/docker")),
    "graph": Key(Fate.CHANGED, _ROOT, _one_of("/var/lib/docker")),
    "exec-root": Key(Fate.CHANGED, "containerd keeps its state in its own `state` folder", _one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Fate.CHANGED, "containerd uses a snapshotter instead, overlayfs by default", _one_of("overlay2", "overlay")),
    "storage-opts": Key(
        Fate.LOST, "options of Docker's storage driver have no equivalent (for a quota: ephemeral-storage limits)", _only_kernel_check
    ),
    "log-driver": Key(Fate.LOST, "the runtime writes files below /var/log/pods only: a log agent must read them", _one_of("json-file", "")),
    "log-opts": Key(Fate.CHANGED, "compress, labels, env and tag have no effect (the kubelet compresses by itself)", _only_rotation),
    "max-concurrent-uploads": _NO_EQUIVALENT,
    "max-download-attempts": Key(Fate.NOT_NEEDED, "the kubelet retries pulls with its own back-off"),
    "userns-remap": Key(Fate.LOST, "pods get user namespaces by hostUsers: false (containerd 2.0, Kubernetes 1.33)", _off),
    "selinux-enabled": Key(Fate.LOST, "set enable_selinux = true in containerd", _off),
    "seccomp-profile": Key(
        Fate.LOST,
        "RuntimeDefault becomes containerd's own profile; put yours below /var/lib/kubelet/seccomp as Localhost",
        _one_of("", "builtin", "unconfined"),
    ),
    "no-new-privileges": Key(Fate.LOST, "it applied to pods: set allowPrivilegeEscalation: false, enforced by admission", _off),
    "init": _INIT,
    "init-path": _INIT,
    "default-shm-size": Key(Fate.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does containerd"),
    "default-ipc-mode": Key(Fate.NOT_NEEDED, "the kubelet chooses it for each pod"),
    "default-cgroupns-mode": Key(Fate.CHANGED, "containerd gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "cgroup-parent": Key(Fate.NOT_NEEDED, "the kubelet sets it for each pod (cgroupRoot)"),
    "hosts": Key(Fate.LOST, _API_GONE, _only_local),
    "tls": _TLS,
    "tlsverify": _TLS,
    "tlscacert": _TLS,
    "tlscert": _TLS,
    "tlskey": _TLS,
    "group": Key(Fate.LOST, "containerd's socket is for root alone: members of the group lose access", _one_of("", "root", "docker")),
    "authorization-plugins": Key(Fate.LOST, "containerd has no authorization plugins; only root reaches its socket", _off),
    "allow-nondistributable-artifacts": _NO_EQUIVALENT,
    "debug": Key(Fate.CHANGED, "containerd's own log level is set in its [debug] table", _off),
    "log-level": Key(Fate.CHANGED, "containerd's own log level is set in its [debug] table", _one_of("", "info")),
    "log-format": Key(Fate.CHANGED, "containerd's own log format is set in its [debug] table", _one_of("", "text")),
    "metrics-addr": Key(Fate.LOST, "set [metrics] address in containerd; the metrics have other names", _off),
    "oom-score-adjust": Key(Fate.CHANGED, "containerd.service sets OOMScoreAdjust=-999", _one_of(-500, -999)),
    "cdi-spec-dirs": Key(Fate.LOST, "set cdi_spec_dirs in containerd", _off),
    "features": Key(
        Fate.CHANGED, "with containerd-snapshotter images are in containerd's namespace moby and are copied from there", _no_snapshotter
    ),
    **dict.fromkeys(DOCKER0_KEYS.split(), _DOCKER0),
    **dict.fromkeys(DNS_KEYS.split(), _DNS),
    **dict.fromkeys(OWN_KEYS.split(), _NO_EQUIVALENT),
}
UNKNOWN = Key(Fate.LOST, "this key is unknown and nothing of it is carried over: look up what it does")

# where CRI-O differs from containerd
CRIO: Mapping[str, Key] = {
    "registry-mirrors": Key(Fate.CARRIED, "becomes mirrors of docker.io in registries.conf.d, in the same order, Docker Hub last"),
    "insecure-registries": Key(Fate.CARRIED, "each host becomes a [[registry]] with insecure = true in registries.conf.d"),
    "default-ulimits": Key(Fate.CARRIED, "becomes limits of crio.service, which containers inherit"),
    "proxies": Key(Fate.CARRIED, "becomes a drop-in of crio.service"),
    "runtimes": Key(Fate.CARRIED, "each becomes an entry below crio.runtime.runtimes"),
    "default-runtime": Key(Fate.CARRIED, "becomes default_runtime"),
    "max-concurrent-downloads": Key(Fate.CHANGED, "CRI-O fetches six layers at once, which cannot be set"),
    "exec-opts": Key(Fate.NOT_NEEDED, "cgroup_manager follows the kubelet's own driver"),
    "live-restore": Key(Fate.NOT_NEEDED, "conmon keeps containers running over a restart of CRI-O in any case"),
    "data-root": Key(Fate.CHANGED, _CRIO_ROOT, _one_of("/var/lib/docker")),
    "graph": Key(Fate.CHANGED, _CRIO_ROOT, _one_of("/var/lib/docker")),
    "exec-root": Key(Fate.CHANGED, "CRI-O keeps its state in its own `runroot`", _one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Fate.CHANGED, "CRI-O uses the driver overlay of containers/storage", _one_of("overlay2", "overlay")),
    "storage-opts": Key(Fate.LOST, "storage.conf has options of its own (for a quota: ephemeral-storage limits)", _only_kernel_check),
    "log-driver": Key(
        Fate.LOST,
        "CRI-O writes files below /var/log/pods, with log_to_journald to the journal as well: a log agent must read them",
        _one_of("json-file", ""),
    ),
    "userns-remap": Key(Fate.LOST, "pods get user namespaces by hostUsers: false (Kubernetes 1.33)", _off),
    "selinux-enabled": Key(Fate.LOST, "set selinux = true in CRI-O", _off),
    "seccomp-profile": Key(
        Fate.LOST, "set seccomp_profile in CRI-O to the same file: it is what RuntimeDefault means", _one_of("", "builtin", "unconfined")
    ),
    "default-shm-size": Key(Fate.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does CRI-O"),
    "default-cgroupns-mode": Key(Fate.CHANGED, "CRI-O gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "group": Key(Fate.LOST, "CRI-O's socket is for root alone: members of the group lose access", _one_of("", "root", "docker")),
    "authorization-plugins": Key(Fate.LOST, "CRI-O has no authorization plugins; only root reaches its socket", _off),
    "debug": Key(Fate.CHANGED, "CRI-O's own log_level is set in its configuration", _off),
    "log-level": Key(Fate.CHANGED, "CRI-O's own log_level is set in its configuration", _one_of("", "info")),
    "log-format": Key(Fate.CHANGED, "CRI-O's own log format is set by its flag --log-format", _one_of("", "text")),
    "metrics-addr": Key(Fate.LOST, "set enable_metrics and metrics_port in CRI-O; the metrics have other names", _off),
    "oom-score-adjust": Key(Fate.CHANGED, "crio.service sets OOMScoreAdjust=-999", _one_of(-500, -999)),
    "cdi-spec-dirs": Key(Fate.LOST, "set cdi_spec_dirs in CRI-O", _off),
}
