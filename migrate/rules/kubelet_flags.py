"""Kubelet flags that a Kubernetes version no longer knows: the kubelet exits on an unknown flag."""

from __future__ import annotations

from collections.abc import Mapping

# Release in which the flag is gone -> flags. Kubernetes release notes; docs of the kubelet's command line.
GONE: Mapping[tuple[int, int], str] = {
    (1, 15): "allow-privileged",
    (1, 19): "experimental-dockershim",
    (1, 22): "chaos-chance redirect-container-streaming",
    (1, 23): "experimental-bootstrap-kubeconfig seccomp-profile-root",
    (1, 24): """
        cni-bin-dir cni-cache-dir cni-conf-dir docker docker-endpoint docker-env-metadata-whitelist docker-only docker-root docker-tls
        docker-tls-ca docker-tls-cert docker-tls-key dynamic-config-dir experimental-check-node-capabilities-before-mount
        experimental-dockershim-root-directory image-pull-progress-deadline network-plugin network-plugin-mtu non-masquerade-cidr
        really-crash-for-testing
    """,
    (1, 25): "experimental-kernel-memcg-notification",
    (1, 26): """
        add-dir-header alsologtostderr log-backtrace-at log-dir log-file log-file-max-size logtostderr one-output skip-headers
        skip-log-headers stderrthreshold
    """,
    (1, 27): "container-runtime master-service-namespace",
    (1, 31): "iptables-drop-bit iptables-masquerade-bit keep-terminated-pod-volumes",
    (1, 34): "cloud-config register-schedulable",
    (1, 35): "pod-infra-container-image",
    (1, 37): """
        application-metrics-count-limit boot-id-file container-hints containerd containerd-namespace enable-load-reader
        event-storage-age-limit event-storage-event-limit global-housekeeping-interval log-cadvisor-usage machine-id-file
        storage-driver-buffer-duration storage-driver-db storage-driver-host storage-driver-password storage-driver-secure
        storage-driver-table storage-driver-user
    """,
}
RELEASE: Mapping[str, tuple[int, int]] = {name: release for release, names in GONE.items() for name in names.split()}


def gone_since(name: str, release: tuple[int, int]) -> tuple[int, int] | None:
    """The release that dropped a flag, when a kubelet of `release` (major, minor) no longer knows it; else None."""
    dropped = RELEASE.get(name)
    return dropped if dropped is not None and dropped <= release else None
