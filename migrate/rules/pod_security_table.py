"""The values that the Pod Security Standards allow, by Kubernetes version (kubernetes/pod-security-admission, policy/)."""

from __future__ import annotations

from collections.abc import Mapping

Minor = tuple[int, int]

ADDABLE = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
PROFILES = frozenset({"RuntimeDefault", "Localhost"})
SECCOMP_ANNOTATIONS = ("seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/")

_SELINUX: Mapping[Minor, tuple[str, ...]] = {
    (1, 0): ("", "container_t", "container_init_t", "container_kvm_t"),
    (1, 31): ("container_engine_t",),
}
_SYSCTLS: Mapping[Minor, tuple[str, ...]] = {
    (1, 0): (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    ),
    (1, 27): ("net.ipv4.ip_local_reserved_ports",),
    (1, 29): (
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
    ),
    (1, 32): ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    (1, 37): ("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle"),
}


def selinux_types(minor: Minor) -> frozenset[str]:
    """The SELinux types that a container may have."""
    return _up_to(_SELINUX, minor)


def sysctls(minor: Minor) -> frozenset[str]:
    """The sysctls that a pod may set."""
    return _up_to(_SYSCTLS, minor)


def _up_to(table: Mapping[Minor, tuple[str, ...]], minor: Minor) -> frozenset[str]:
    return frozenset(name for since, names in table.items() if since <= minor for name in names)
