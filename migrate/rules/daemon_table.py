"""Every key of daemon.json and every flag of dockerd: what becomes of it when pods run on containerd, and where CRI-O differs.

Sources: dockerd reference, daemon configuration file; moby daemon/config at v20.10.24 and v29; containerd docs/cri/config.md; CRI-O
docs/crio.conf.5.md at v1.23.5 and v1.36.3; containers-registries.conf(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from migrate.facts.daemon import PROXIES


class Verdict(StrEnum):
    """What becomes of a key: the plan carries it over, its effect changes, it cannot be carried, or pods never felt it."""

    CARRIED = "carried"
    CHANGED = "changed"
    LOST = "cannot be carried"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Key:
    """A key's verdict and the sentence that explains it. `harmless` tells values for which nothing is lost or changed."""

    verdict: Verdict
    text: str
    harmless: Callable[[Any], bool] = lambda value: False


def _off(value: Any) -> bool:
    return value in (False, "", None, 0, [], {})


def _one_of(*values: Any) -> Callable[[Any], bool]:
    shown = {str(value) for value in values}
    return lambda value: str(value) in shown


def _only_local(value: Any) -> bool:
    return all(str(one).startswith(("fd://", "unix://")) for one in (value if isinstance(value, list) else [value]))


def _only_rotation(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) <= {"max-size", "max-file"}


def _only_kernel_check(value: Any) -> bool:
    """`overlay2.override_kernel_check` was in the daemon.json of kubeadm's own guide and does nothing from Docker 20.10 on."""
    return not value or (isinstance(value, list) and all(str(one).partition("=")[0].endswith(".override_kernel_check") for one in value))


def _no_snapshotter(value: Any) -> bool:
    return isinstance(value, Mapping) and not value.get("containerd-snapshotter")


_DOCKER0 = Key(Verdict.NOT_NEEDED, "concerns docker0 and standalone containers; pods get their network from CNI")
_DNS = Key(Verdict.NOT_NEEDED, "never reached pods: the kubelet's resolvConf and clusterDNS and the pod's dnsConfig decide")
_NO_EQUIVALENT = Key(Verdict.NOT_NEEDED, "concerns Docker alone (builds, swarm, its own files); pods never felt it")
_API_GONE = "Docker's TCP API has no successor, which is a gain in security; its remote users break"
_TLS = Key(Verdict.LOST, _API_GONE, _off)

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
_PROXY = Key(Verdict.CARRIED, "becomes a drop-in of containerd.service")
_INIT = Key(Verdict.LOST, "no tini stands before processes: zombies are reaped by an init in the image or by shareProcessNamespace", _off)

KEYS: Mapping[str, Key] = {
    "registry-mirrors": Key(Verdict.CARRIED, "becomes certs.d/docker.io/hosts.toml, in the same order, Docker Hub last"),
    "insecure-registries": Key(Verdict.CARRIED, "each host becomes a hosts.toml that tries HTTPS unverified, then HTTP"),
    "default-ulimits": Key(Verdict.CARRIED, "becomes limits of containerd.service, which containers inherit"),
    "proxies": _PROXY,
    **dict.fromkeys(PROXIES, _PROXY),
    "runtimes": Key(Verdict.CARRIED, "each becomes an entry below containerd.runtimes"),
    "default-runtime": Key(Verdict.CARRIED, "becomes default_runtime_name", _one_of("runc", "io.containerd.runc.v2")),
    "max-concurrent-downloads": Key(Verdict.CARRIED, "becomes max_concurrent_downloads", _one_of(3)),
    "exec-opts": Key(Verdict.NOT_NEEDED, "SystemdCgroup follows the kubelet's own driver"),
    "live-restore": Key(Verdict.NOT_NEEDED, "containerd's shims keep containers running over its restart in any case"),
    "data-root": Key(Verdict.CHANGED, _ROOT, _one_of("/var/lib/docker")),
    "graph": Key(Verdict.CHANGED, _ROOT, _one_of("/var/lib/docker")),
    "exec-root": Key(Verdict.CHANGED, "containerd keeps its state in its own `state` folder", _one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Verdict.CHANGED, "containerd uses a snapshotter instead, overlayfs by default", _one_of("overlay2", "overlay")),
    "storage-opts": Key(
        Verdict.LOST, "options of Docker's storage driver have no equivalent (for a quota: ephemeral-storage limits)", _only_kernel_check
    ),
    "log-driver": Key(
        Verdict.LOST, "the runtime writes files below /var/log/pods only: a log agent must read them", _one_of("json-file", "")
    ),
    "log-opts": Key(Verdict.CHANGED, "compress, labels, env and tag end with Docker (the kubelet gzips by itself)", _only_rotation),
    "max-concurrent-uploads": _NO_EQUIVALENT,
    "max-download-attempts": Key(Verdict.NOT_NEEDED, "the kubelet retries pulls with its own back-off"),
    "userns-remap": Key(Verdict.LOST, "pods get user namespaces by hostUsers: false (containerd 2.0, Kubernetes 1.33)", _off),
    "selinux-enabled": Key(Verdict.LOST, "set enable_selinux = true in containerd", _off),
    "seccomp-profile": Key(
        Verdict.LOST,
        "RuntimeDefault becomes containerd's own profile; put yours below /var/lib/kubelet/seccomp as Localhost",
        _one_of("", "builtin", "unconfined"),
    ),
    "no-new-privileges": Key(Verdict.LOST, "it applied to pods: set allowPrivilegeEscalation: false, enforced by admission", _off),
    "init": _INIT,
    "init-path": _INIT,
    "default-shm-size": Key(Verdict.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does containerd"),
    "default-ipc-mode": Key(Verdict.NOT_NEEDED, "the kubelet chooses it for each pod"),
    "default-cgroupns-mode": Key(Verdict.CHANGED, "containerd gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "cgroup-parent": Key(Verdict.NOT_NEEDED, "the kubelet sets it for each pod (cgroupRoot)"),
    "hosts": Key(Verdict.LOST, _API_GONE, _only_local),
    "tls": _TLS,
    "tlsverify": _TLS,
    "tlscacert": _TLS,
    "tlscert": _TLS,
    "tlskey": _TLS,
    "group": Key(Verdict.LOST, "containerd's socket is for root alone: members of the group lose access", _one_of("", "root", "docker")),
    "authorization-plugins": Key(Verdict.LOST, "containerd has no authorization plugins; only root reaches its socket", _off),
    "allow-nondistributable-artifacts": _NO_EQUIVALENT,
    "debug": Key(Verdict.CHANGED, "containerd's own log level is set in its [debug] table", _off),
    "log-level": Key(Verdict.CHANGED, "containerd's own log level is set in its [debug] table", _one_of("", "info")),
    "log-format": Key(Verdict.CHANGED, "containerd's own log format is set in its [debug] table", _one_of("", "text")),
    "metrics-addr": Key(Verdict.LOST, "set [metrics] address in containerd; the metrics have other names", _off),
    "oom-score-adjust": Key(Verdict.CHANGED, "containerd.service sets OOMScoreAdjust=-999", _one_of(-500, -999)),
    "cdi-spec-dirs": Key(Verdict.LOST, "set cdi_spec_dirs in containerd", _off),
    "features": Key(
        Verdict.CHANGED, "with containerd-snapshotter images lie in containerd's namespace moby and are copied from there", _no_snapshotter
    ),
    **dict.fromkeys(DOCKER0_KEYS.split(), _DOCKER0),
    **dict.fromkeys(DNS_KEYS.split(), _DNS),
    **dict.fromkeys(OWN_KEYS.split(), _NO_EQUIVALENT),
}
UNKNOWN = Key(Verdict.LOST, "docker2cri does not know this key: look up what it does, nothing of it is carried")

# where CRI-O does otherwise than containerd
CRIO: Mapping[str, Key] = {
    "registry-mirrors": Key(Verdict.CARRIED, "becomes mirrors of docker.io in registries.conf.d, in the same order, Docker Hub last"),
    "insecure-registries": Key(Verdict.CARRIED, "each host becomes a [[registry]] with insecure = true in registries.conf.d"),
    "default-ulimits": Key(Verdict.CARRIED, "becomes limits of crio.service, which containers inherit"),
    "proxies": Key(Verdict.CARRIED, "becomes a drop-in of crio.service"),
    "runtimes": Key(Verdict.CARRIED, "each becomes an entry below crio.runtime.runtimes"),
    "default-runtime": Key(Verdict.CARRIED, "becomes default_runtime"),
    "max-concurrent-downloads": Key(Verdict.CHANGED, "CRI-O fetches six layers at once, which cannot be set"),
    "exec-opts": Key(Verdict.NOT_NEEDED, "cgroup_manager follows the kubelet's own driver"),
    "live-restore": Key(Verdict.NOT_NEEDED, "conmon keeps containers running over a restart of CRI-O in any case"),
    "data-root": Key(Verdict.CHANGED, _CRIO_ROOT, _one_of("/var/lib/docker")),
    "graph": Key(Verdict.CHANGED, _CRIO_ROOT, _one_of("/var/lib/docker")),
    "exec-root": Key(Verdict.CHANGED, "CRI-O keeps its state in its own `runroot`", _one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Verdict.CHANGED, "CRI-O uses the driver overlay of containers/storage", _one_of("overlay2", "overlay")),
    "storage-opts": Key(Verdict.LOST, "storage.conf has options of its own (for a quota: ephemeral-storage limits)", _only_kernel_check),
    "log-driver": Key(
        Verdict.LOST,
        "CRI-O writes files below /var/log/pods, with log_to_journald to the journal as well: a log agent must read them",
        _one_of("json-file", ""),
    ),
    "userns-remap": Key(Verdict.LOST, "pods get user namespaces by hostUsers: false (Kubernetes 1.33)", _off),
    "selinux-enabled": Key(Verdict.LOST, "set selinux = true in CRI-O", _off),
    "seccomp-profile": Key(
        Verdict.LOST, "set seccomp_profile in CRI-O to the same file: it is what RuntimeDefault means", _one_of("", "builtin", "unconfined")
    ),
    "default-shm-size": Key(Verdict.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does CRI-O"),
    "default-cgroupns-mode": Key(Verdict.CHANGED, "CRI-O gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "group": Key(Verdict.LOST, "CRI-O's socket is for root alone: members of the group lose access", _one_of("", "root", "docker")),
    "authorization-plugins": Key(Verdict.LOST, "CRI-O has no authorization plugins; only root reaches its socket", _off),
    "debug": Key(Verdict.CHANGED, "CRI-O's own log_level is set in its configuration", _off),
    "log-level": Key(Verdict.CHANGED, "CRI-O's own log_level is set in its configuration", _one_of("", "info")),
    "log-format": Key(Verdict.CHANGED, "CRI-O's own log format is set by its flag --log-format", _one_of("", "text")),
    "metrics-addr": Key(Verdict.LOST, "set enable_metrics and metrics_port in CRI-O; the metrics have other names", _off),
    "oom-score-adjust": Key(Verdict.CHANGED, "crio.service sets OOMScoreAdjust=-999", _one_of(-500, -999)),
    "cdi-spec-dirs": Key(Verdict.LOST, "set cdi_spec_dirs in CRI-O", _off),
}
