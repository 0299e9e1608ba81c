"""What becomes of Docker's keys when pods run on containerd.

Source: containerd docs/cri/config.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.facts.daemon import PROXIES
from migrate.targets.docker_keys import COMMON, Fate, Key, off, one_of, only_kernel_check

_ROOT = "containerd keeps its images in its own root (/var/lib/containerd by default), perhaps on another disk"
_PROXY = Key(Fate.CARRIED, "becomes a drop-in of containerd.service")

CONTAINERD_KEYS: Mapping[str, Key] = {
    **COMMON,
    "registry-mirrors": Key(Fate.CARRIED, "becomes certs.d/docker.io/hosts.toml, in the same order, Docker Hub last"),
    "insecure-registries": Key(Fate.CARRIED, "each host becomes a hosts.toml that tries HTTPS unverified, then HTTP"),
    "default-ulimits": Key(
        Fate.CARRIED, "becomes rlimits of base_runtime_spec, from which containers are made; containerd keeps its own limits"
    ),
    "proxies": _PROXY,
    **dict.fromkeys(PROXIES, _PROXY),
    "runtimes": Key(Fate.CARRIED, "each becomes an entry below containerd.runtimes"),
    "default-runtime": Key(Fate.CARRIED, "becomes default_runtime_name", one_of("runc", "io.containerd.runc.v2")),
    "max-concurrent-downloads": Key(Fate.CARRIED, "becomes max_concurrent_downloads", one_of(3)),
    "exec-opts": Key(Fate.NOT_NEEDED, "SystemdCgroup follows the kubelet's own driver"),
    "live-restore": Key(Fate.NOT_NEEDED, "containerd's shims keep containers running over its restart in any case"),
    "data-root": Key(Fate.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "graph": Key(Fate.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "exec-root": Key(Fate.CHANGED, "containerd keeps its state in its own `state` folder", one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Fate.CHANGED, "containerd uses a snapshotter instead, overlayfs by default", one_of("overlay2", "overlay")),
    "storage-opts": Key(
        Fate.LOST, "options of Docker's storage driver have no equivalent (for a quota: ephemeral-storage limits)", only_kernel_check
    ),
    "log-driver": Key(Fate.LOST, "the runtime writes files below /var/log/pods only: a log agent must read them", one_of("json-file", "")),
    "userns-remap": Key(Fate.LOST, "pods get user namespaces by hostUsers: false (containerd 2.0, Kubernetes 1.33)", off),
    "selinux-enabled": Key(Fate.LOST, "set enable_selinux = true in containerd", off),
    "seccomp-profile": Key(
        Fate.LOST,
        "RuntimeDefault becomes containerd's own profile; put yours below /var/lib/kubelet/seccomp as Localhost",
        one_of("", "builtin", "unconfined"),
    ),
    "default-shm-size": Key(Fate.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does containerd"),
    "default-cgroupns-mode": Key(Fate.CHANGED, "containerd gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "group": Key(Fate.LOST, "containerd's socket is for root alone: members of the group lose access", one_of("", "root", "docker")),
    "authorization-plugins": Key(Fate.LOST, "containerd has no authorization plugins; only root reaches its socket", off),
    "debug": Key(Fate.CHANGED, "containerd's own log level is set in its [debug] table", off),
    "log-level": Key(Fate.CHANGED, "containerd's own log level is set in its [debug] table", one_of("", "info")),
    "log-format": Key(Fate.CHANGED, "containerd's own log format is set in its [debug] table", one_of("", "text")),
    "metrics-addr": Key(Fate.LOST, "set [metrics] address in containerd; the metrics have other names", off),
    "oom-score-adjust": Key(Fate.CHANGED, "containerd.service sets OOMScoreAdjust=-999", one_of(-500, -999)),
    "cdi-spec-dirs": Key(Fate.LOST, "set cdi_spec_dirs in containerd", off),
}
