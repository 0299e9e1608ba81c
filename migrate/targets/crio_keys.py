"""What becomes of Docker's keys when pods run on CRI-O.

Sources: CRI-O docs/crio.conf.5.md at v1.23.5 and v1.36.3; containers-registries.conf(5).
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.facts.daemon import PROXIES
from migrate.targets.docker_keys import COMMON, Key, Verdict, off, one_of, only_kernel_check

_ROOT = "CRI-O keeps its images in its own root (/var/lib/containers/storage by default), perhaps on another disk"
_PROXY = Key(Verdict.CARRIED, "becomes a drop-in of crio.service")

CRIO_KEYS: Mapping[str, Key] = {
    **COMMON,
    "registry-mirrors": Key(Verdict.CARRIED, "becomes mirrors of docker.io in registries.conf.d, in the same order, Docker Hub last"),
    "insecure-registries": Key(Verdict.CARRIED, "each host becomes a [[registry]] with insecure = true in registries.conf.d"),
    "default-ulimits": Key(Verdict.CARRIED, "becomes limits of crio.service, which containers inherit"),
    "proxies": _PROXY,
    **dict.fromkeys(PROXIES, _PROXY),
    "runtimes": Key(Verdict.CARRIED, "each becomes an entry below crio.runtime.runtimes"),
    "default-runtime": Key(Verdict.CARRIED, "becomes default_runtime"),
    "max-concurrent-downloads": Key(Verdict.CHANGED, "CRI-O fetches six layers at once, which cannot be set"),
    "exec-opts": Key(Verdict.NOT_NEEDED, "cgroup_manager follows the kubelet's own driver"),
    "live-restore": Key(Verdict.NOT_NEEDED, "conmon keeps containers running over a restart of CRI-O in any case"),
    "data-root": Key(Verdict.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "graph": Key(Verdict.CHANGED, _ROOT, one_of("/var/lib/docker")),
    "exec-root": Key(Verdict.CHANGED, "CRI-O keeps its state in its own `runroot`", one_of("/var/run/docker", "/run/docker")),
    "storage-driver": Key(Verdict.CHANGED, "CRI-O uses the driver overlay of containers/storage", one_of("overlay2", "overlay")),
    "storage-opts": Key(Verdict.LOST, "storage.conf has options of its own (for a quota: ephemeral-storage limits)", only_kernel_check),
    "log-driver": Key(
        Verdict.LOST,
        "CRI-O writes files below /var/log/pods, with log_to_journald to the journal as well: a log agent must read them",
        one_of("json-file", ""),
    ),
    "userns-remap": Key(Verdict.LOST, "pods get user namespaces by hostUsers: false (Kubernetes 1.33)", off),
    "selinux-enabled": Key(Verdict.LOST, "set selinux = true in CRI-O", off),
    "seccomp-profile": Key(
        Verdict.LOST, "set seccomp_profile in CRI-O to the same file: it is what RuntimeDefault means", one_of("", "builtin", "unconfined")
    ),
    "default-shm-size": Key(Verdict.NOT_NEEDED, "dockershim fixed /dev/shm of pods at 64 MiB, and so does CRI-O"),
    "default-cgroupns-mode": Key(Verdict.CHANGED, "CRI-O gives private cgroup namespaces on cgroup v2, the host's on v1"),
    "group": Key(Verdict.LOST, "CRI-O's socket is for root alone: members of the group lose access", one_of("", "root", "docker")),
    "authorization-plugins": Key(Verdict.LOST, "CRI-O has no authorization plugins; only root reaches its socket", off),
    "debug": Key(Verdict.CHANGED, "CRI-O's own log_level is set in its configuration", off),
    "log-level": Key(Verdict.CHANGED, "CRI-O's own log_level is set in its configuration", one_of("", "info")),
    "log-format": Key(Verdict.CHANGED, "CRI-O's own log format is set by its flag --log-format", one_of("", "text")),
    "metrics-addr": Key(Verdict.LOST, "set enable_metrics and metrics_port in CRI-O; the metrics have other names", off),
    "oom-score-adjust": Key(Verdict.CHANGED, "crio.service sets OOMScoreAdjust=-999", one_of(-500, -999)),
    "cdi-spec-dirs": Key(Verdict.LOST, "set cdi_spec_dirs in CRI-O", off),
}
