"""What becomes of Docker's keys when pods run on CRI-O.

Sources: CRI-O docs/crio.conf.5.md at v1.23.5 and v1.36.3; containers-registries.conf(5).
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.facts.daemon import PROXIES
from migrate.targets.docker_keys import COMMON, Fate, Key, off, one_of, only_kernel_check

_ROOT = "CRI-O keeps its images in its own root (/var/lib/containers/storage by default), perhaps on another disk"
_PROXY = Key(Fate.CARRIED, "becomes a drop-in of crio.service")

CRIO_KEYS: Mapping[str, Key] = {
    **COMMON,
    "registry-mirrors": Key(Fate.CARRIED, "becomes mirrors of docker.io in registries.conf.d, in the same order, Docker Hub last"),
    "insecure-registries": Key(Fate.CARRIED, "each host becomes a [[registry]] with insecure = true in registries.conf.d"),
    "default-ulimits": Key(Fate.CARRIED, "becomes default_ulimits; CRI-O keeps its own limits"),
    "proxies": _PROXY,
    **dict.fromkeys(PROXIES, _PROXY),
    "runtimes": Key(Fate.CARRIED, "each becomes an entry below crio.runtime.runtimes"),
    "default-runtime": Key(Fate.CARRIED, "becomes default_runtime"),
    "max-concurrent-downloads": Key(Fate.CHANGED, "CRI-O fetches six layers at once, which cannot be set"),
    "exec-opts": Key(Fate.NOT_NEEDED, "cgroup_manager follows the kubelet's own driver"),
    "live-restore": Key(Fate.NOT_NEEDED, "conmon keeps containers running over a restart of CRI-O in any case"),
    "data-root": Key(Fate.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "graph": Key(Fate.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "exec-root": Key(Fate.CHANGED, "CRI-O keeps its state in its own `runroot`", one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Fate.CHANGED, "CRI-O uses the driver overlay of containers/storage", one_of("overlay2", "overlay")),
    "storage-opts": Key(Fate.LOST, "storage.conf has options of its own (for a quota: ephemeral-storage limits)", only_kernel_check),
    "log-driver": Key(
        Fate.LOST,
        "CRI-O writes files below /var/log/pods, with log_to_journald to the journal as well: a log agent must read them",
        one_of("json-file", ""),
    ),
    "userns-remap": Key(Fate.LOST, "pods get user namespaces by hostUsers: false (Kubernetes 1.33)", off),
    "selinux-enabled": Key(Fate.LOST, "set selinux = true in CRI-O", off),
    "seccomp-profile": Key(
        Fate.LOST, "set seccomp_profile in CRI-O to the same file: it is what RuntimeDefault means", one_of("", "builtin", "unconfined")
    ),
    "default-shm-size": Key(Fate.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does CRI-O"),
    "default-cgroupns-mode": Key(Fate.CHANGED, "CRI-O gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "group": Key(Fate.LOST, "CRI-O's socket is for root alone: members of the group lose access", one_of("", "root", "docker")),
    "authorization-plugins": Key(Fate.LOST, "CRI-O has no authorization plugins; only root reaches its socket", off),
    "debug": Key(Fate.CHANGED, "CRI-O's own log_level is set in its configuration", off),
    "log-level": Key(Fate.CHANGED, "CRI-O's own log_level is set in its configuration", one_of("", "info")),
    "log-format": Key(Fate.CHANGED, "CRI-O's own log format is set by its flag --log-format", one_of("", "text")),
    "metrics-addr": Key(Fate.LOST, "set enable_metrics and metrics_port in CRI-O; the metrics have other names", off),
    "oom-score-adjust": Key(Fate.CHANGED, "crio.service sets OOMScoreAdjust=-999", one_of(-500, -999)),
    "cdi-spec-dirs": Key(Fate.LOST, "set cdi_spec_dirs in CRI-O", off),
}
