"""The kubelet's flags and KubeletConfiguration fields over the releases 1.20 to 1.37: what appeared, what stops the kubelet, what to do.

A flag that the kubelet does not know is fatal to it, a field that it does not know is left out with a warning. Numbers are minor
releases of Kubernetes 1. Sources: the programs themselves (cmd/kubelet/app/options and pkg/kubelet/config/flags.go of v1.20.0 to v1.37.0,
k8s.io/kubelet config/v1beta1/types.go) and the release notes; `source` names what says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIRST, LAST = 20, 37
DOCKERSHIM_LAST = 23
KUBEADM_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
DELETE = "delete it"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag, without dashes. `since` is None for one as old as the table, `gone` for one that stays, `deprecated` for neither.

    `gone` is the first release that does not know it, `planned` one that was announced to drop it, `cleaned` the one whose
    `kubeadm upgrade` takes it out of kubeadm-flags.env. `boolean` flags never take the next word (pflag's NoOptDefVal).
    """

    name: str
    default: str = ""
    since: int | None = None
    deprecated: int | None = None
    gone: int | None = None
    planned: int | None = None
    action: str = ""
    source: str = ""
    cleaned: int | None = None
    boolean: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A top-level field of KubeletConfiguration (kubelet.config.k8s.io/v1beta1); `since` as for flags. None was ever removed."""

    name: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedValue:
    """A value that stops the kubelet from a release on, given by flag or by field; `wrong` judges it as text, booleans as `true`."""

    flag: str | None
    field: tuple[str, ...]
    wrong: Callable[[str], bool]
    since: int
    action: str
    source: str


# Nothing but dockershim, and cAdvisor's part for Docker, ever read these: with another runtime none of them does anything.
_DOCKERSHIM = (
    Flag("cni-bin-dir", "/opt/cni/bin", None, 21, 24, action="cni.bin_dir of the runtime", source="1.24 #106907"),
    Flag("cni-cache-dir", "/var/lib/cni/cache", None, 21, 24, action=DELETE, source="1.24 #106907"),
    Flag("cni-conf-dir", "/etc/cni/net.d", None, 21, 24, action="cni.conf_dir of the runtime", source="1.24 #106907"),
    Flag("docker", "unix:///var/run/docker.sock", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("docker-endpoint", "unix:///var/run/docker.sock", None, 21, 24, action=DELETE, source="1.21 #98730, 1.24 #106907"),
    Flag("docker-env-metadata-whitelist", "", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("docker-only", "false", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491", boolean=True),
    Flag("docker-root", "/var/lib/docker", None, None, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("docker-tls", "false", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491", boolean=True),
    Flag("docker-tls-ca", "ca.pem", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("docker-tls-cert", "cert.pem", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("docker-tls-key", "key.pem", None, 18, 24, action=DELETE, source="kubernetes f9cfc9d93491"),
    Flag("experimental-dockershim", "false", None, None, 19, action=DELETE, source="kubernetes #87746", boolean=True),
    Flag("experimental-dockershim-root-directory", "/var/lib/dockershim", None, None, 24, action=DELETE, source="1.24 #106907"),
    Flag(
        *("image-pull-progress-deadline", "1m0s", None, 21, 24),
        action="image_pull_progress_timeout of containerd 1.7 and later",
        source="1.21 #98730, 1.24 #106907",
    ),
    Flag("network-plugin", "", None, 21, 24, action="the runtime's CNI configuration", source="1.24 #106907"),
    Flag("network-plugin-mtu", "0", None, 21, 24, action="the MTU in the CNI configuration", source="1.24 #106907"),
    Flag("non-masquerade-cidr", "10.0.0.0/8", None, 18, 24, action="ip-masq-agent, or ipMasq in CNI", source="1.24 #107096"),
    Flag("redirect-container-streaming", "false", None, 18, 22, action=DELETE, source="1.18 #88290, 1.20 #95935", boolean=True),
)
_CADVISOR = tuple(
    Flag(name, default, None, 18, 37, action=DELETE, source="1.37 #139870", boolean=default == "false")
    for name, default in (
        ("application-metrics-count-limit", "100"),
        ("boot-id-file", "/proc/sys/kernel/random/boot_id"),
        ("container-hints", "/etc/cadvisor/container_hints.json"),
        ("containerd", "/run/containerd/containerd.sock"),
        ("containerd-namespace", "k8s.io"),
        ("enable-load-reader", "false"),
        ("event-storage-age-limit", "default=0"),
        ("event-storage-event-limit", "default=0"),
        ("global-housekeeping-interval", "1m0s"),
        ("log-cadvisor-usage", "false"),
        ("machine-id-file", "/etc/machine-id,/var/lib/dbus/machine-id"),
        ("storage-driver-buffer-duration", "1m0s"),
        ("storage-driver-db", "cadvisor"),
        ("storage-driver-host", "localhost:8086"),
        ("storage-driver-password", "root"),
        ("storage-driver-secure", "false"),
        ("storage-driver-table", "stats"),
        ("storage-driver-user", "root"),
    )
)
_KLOG = tuple(
    Flag(name, default, None, 23, 26, action=DELETE, source="KEP-2845; kubernetes/website e582b3de45", boolean=default in ("false", "true"))
    for name, default in (
        ("add-dir-header", "false"),
        ("alsologtostderr", "false"),
        ("log-backtrace-at", ":0"),
        ("log-dir", ""),
        ("log-file", ""),
        ("log-file-max-size", "1800"),
        ("logtostderr", "true"),
        ("one-output", "false"),
        ("skip-headers", "false"),
        ("skip-log-headers", "false"),
        ("stderrthreshold", "2"),
    )
)
_CHANGED = (
    Flag("allow-privileged", "true", None, None, 15, action=DELETE, source="1.15 #77820", boolean=True),
    Flag(
        *("azure-container-registry-config", "", None, 28, 30),
        action="--image-credential-provider-config and --image-credential-provider-bin-dir",
        source="v1.28.0 and v1.30.0 cmd/kubelet/app/options",
    ),
    Flag(
        *("cgroup-driver", "cgroupfs", None, None, None, 38),
        action="cgroupDriver in the configuration; from the runtime itself with containerd 2.0 and later",
        source="KEP-4033; 1.36 #136846, 1.37 #139121",
    ),
    Flag("chaos-chance", "0", None, 19, 22, action=DELETE, source="1.22 #101057"),
    Flag("cloud-config", "", None, 18, 34, action="the external cloud controller manager's configuration", source="1.34 #130161"),
    Flag(
        *("container-runtime", "docker", None, 24, 27),
        action="delete it: `remote` is all there is from 1.24 on",
        source="1.24 #107094, 1.27 #114017; kubeadm v1.26.0 phases/upgrade/postupgrade.go",
        cleaned=26,
    ),
    Flag("dynamic-config-dir", "", None, 22, 24, action="a configuration file, --config", source="1.22 #102966, 1.24 #106932"),
    Flag("enable-cadvisor-json-endpoints", "false", None, 18, 21, action=DELETE, source="v1.21.0 cmd/kubelet/app/options", boolean=True),
    Flag("experimental-bootstrap-kubeconfig", "", None, 18, 23, action="--bootstrap-kubeconfig", source="kubernetes/website f7da06af13"),
    Flag(
        *("experimental-check-node-capabilities-before-mount", "false", None, 19, 24),
        action=DELETE,
        source="1.24 #104732",
        boolean=True,
    ),
    Flag(
        *("experimental-kernel-memcg-notification", "false", None, 19, 25),
        action="kernelMemcgNotification in the configuration",
        source="1.25 #109388",
        boolean=True,
    ),
    Flag("experimental-logging-sanitization", "false", None, None, 24, action=DELETE, source="component-base v0.24.0 logs", boolean=True),
    Flag("iptables-drop-bit", "15", None, 28, 31, action=DELETE, source="1.31 #122363"),
    Flag("iptables-masquerade-bit", "14", None, 28, 31, action=DELETE, source="1.31 #122363"),
    Flag("keep-terminated-pod-volumes", "false", None, 18, 31, action=DELETE, source="1.31 #122082", boolean=True),
    Flag("master-service-namespace", "default", None, 18, 27, action=DELETE, source="1.27 #116015"),
    Flag(
        *("pod-infra-container-image", "registry.k8s.io/pause:3.6", None, 24, 35),
        action="the runtime's own sandbox image, then delete it",
        source="1.24 #108045, 1.35 #133779 and #133778",
        cleaned=35,
    ),
    Flag("really-crash-for-testing", "false", None, 19, 24, action=DELETE, source="kubernetes/website 01e0a9ebd1", boolean=True),
    Flag(
        *("register-schedulable", "true", None, 18, 34),
        action="registerWithTaints in the configuration, 1.23 and later",
        source="1.23 #105437, 1.34 #122384",
        boolean=True,
    ),
    Flag("runonce", "false", None, 19, None, action=DELETE, source="1.19; 1.32 #126336", boolean=True),
    Flag("seccomp-profile-root", "/var/lib/kubelet/seccomp", None, 19, 23, action="seccomp/ under --root-dir", source="1.23 #103941"),
)
# Known from 1.20, or from the release after `@`, to 1.37; `?` marks a boolean.
_STAYING = """
    address allowed-unsafe-sysctls anonymous-auth? authentication-token-webhook? authentication-token-webhook-cache-ttl authorization-mode
    authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bootstrap-kubeconfig cert-dir cgroup-root
    cgroups-per-qos? client-ca-file cloud-provider cluster-dns cluster-domain config config-dir@28 container-log-max-files
    container-log-max-size container-runtime-endpoint contention-profiling? cpu-cfs-quota? cpu-cfs-quota-period cpu-manager-policy
    cpu-manager-policy-options@22 cpu-manager-reconcile-period enable-controller-attach-detach? enable-debugging-handlers? enable-server?
    enforce-node-allocatable event-burst event-qps eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim
    eviction-pressure-transition-period eviction-soft eviction-soft-grace-period exit-on-lock-contention?
    experimental-allocatable-ignore-eviction? experimental-mounter-path fail-cgroupv1@31? fail-swap-on? feature-gates file-check-frequency
    hairpin-mode healthz-bind-address healthz-port help? hostname-override housekeeping-interval http-check-frequency
    image-credential-provider-bin-dir image-credential-provider-config image-gc-high-threshold image-gc-low-threshold
    image-service-endpoint kernel-memcg-notification? kube-api-burst kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup
    kubeconfig kubelet-cgroups local-storage-capacity-isolation@25? lock-file log-flush-frequency log-json-info-buffer-size
    log-json-split-stream? log-text-info-buffer-size@31 log-text-split-stream@31? logging-format make-iptables-util-chains? manifest-url
    manifest-url-header max-open-files max-pods maximum-dead-containers maximum-dead-containers-per-container memory-manager-policy@21
    minimum-container-ttl-duration minimum-image-ttl-duration node-ip node-labels node-status-max-images node-status-update-frequency
    oom-score-adj pod-cidr pod-manifest-path pod-max-pids pods-per-core port protect-kernel-defaults? provider-id qos-reserved
    read-only-port register-node? register-with-taints registry-burst registry-qps reserved-cpus reserved-memory@21 resolv-conf root-dir
    rotate-certificates? rotate-server-certificates? runtime-cgroups runtime-request-timeout seccomp-default@22? serialize-image-pulls?
    streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved system-reserved-cgroup tls-cert-file tls-cipher-suites
    tls-min-version tls-private-key-file topology-manager-policy topology-manager-policy-options@26 topology-manager-scope v version?
    vmodule volume-plugin-dir volume-stats-agg-period
"""
_FIELDS = """
    address allowedUnsafeSysctls authentication authorization cgroupDriver cgroupRoot cgroupsPerQOS clusterDNS clusterDomain
    configMapAndSecretChangeDetectionStrategy containerLogMaxFiles containerLogMaxSize containerLogMaxWorkers@30
    containerLogMonitorInterval@30 containerRuntimeEndpoint@27 contentType cpuCFSQuota cpuCFSQuotaPeriod cpuManagerPolicy
    cpuManagerPolicyOptions@22 cpuManagerReconcilePeriod crashLoopBackOff@32 enableContentionProfiling enableControllerAttachDetach
    enableDebugFlagsHandler@21 enableDebuggingHandlers enableProfilingHandler@21 enableServer enableSystemLogHandler
    enableSystemLogQuery@27 enforceNodeAllocatable eventBurst eventRecordQPS evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim
    evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1@31 failSwapOn featureGates fileCheckFrequency
    hairpinMode healthzBindAddress healthzPort httpCheckFrequency imageGCHighThresholdPercent imageGCLowThresholdPercent
    imageMaximumGCAge@29 imageMinimumGCAge imagePullCredentialsVerificationPolicy@33 imageServiceEndpoint@27 iptablesDropBit
    iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS kubeletCgroups kubeReserved kubeReservedCgroup
    localStorageCapacityIsolation@25 logging makeIPTablesUtilChains maxOpenFiles maxParallelImagePulls@27 maxPods memoryManagerPolicy@21
    memoryReservationPolicy@36 memorySwap@22 memoryThrottlingFactor@22 mergeDefaultEvictionSettings@33 nodeLeaseDurationSeconds
    nodeStatusMaxImages nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podCIDR podLogsDir@30 podPidsLimit podsPerCore
    port preloadedImagesVerificationAllowlist@33 protectKernelDefaults providerID qosReserved readOnlyPort registerNode@23
    registerWithTaints@23 registryBurst registryPullQPS reservedMemory@21 reservedSystemCPUs resolvConf rotateCertificates runOnce
    runtimeRequestTimeout seccompDefault@22 serializeImagePulls serverTLSBootstrap showHiddenMetricsForVersion shutdownGracePeriod
    shutdownGracePeriodByPodPriority@23 shutdownGracePeriodCriticalPods singleProcessOOMKill@32 staticPodPath staticPodURL
    staticPodURLHeader streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved systemReservedCgroup tlsCertFile
    tlsCipherSuites tlsCurvePreferences@36 tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy topologyManagerPolicyOptions@26
    topologyManagerScope tracing@25 userNamespaces@33 volumePluginDir volumeStatsAggPeriod
"""
REFUSALS = (
    RefusedValue(
        *("cloud-provider", (), lambda value: value not in ("", "external"), 32),
        action="`external`, with the provider's cloud controller manager",
        source="v1.32.0 cmd/kubelet/app/server.go",
    ),
    RefusedValue(
        *(None, ("memorySwap", "swapBehavior"), lambda value: value == "UnlimitedSwap", 30),
        action="LimitedSwap or NoSwap",
        source="v1.30.0 pkg/kubelet/apis/config/validation",
    ),
    RefusedValue("runonce", ("runOnce",), lambda value: value == "true", 32, action=DELETE, source="1.32 #126336"),
)
CGROUP_V1_REFUSED = 35  # failCgroupV1 became true by default; 1.35 #134298


def _entries(text: str) -> Iterable[tuple[str, int | None, bool]]:
    for word in text.split():
        name, _, since = word.rstrip("?").partition("@")
        yield name, int(since) if since else None, word.endswith("?")


STAYING = tuple(Flag(name, since=since, boolean=boolean) for name, since, boolean in _entries(_STAYING))
FLAGS: Mapping[str, Flag] = {flag.name: flag for flag in (*_DOCKERSHIM, *_CADVISOR, *_KLOG, *_CHANGED, *STAYING)}
FIELDS: Mapping[str, Field] = {name: Field(name, since) for name, since, _ in _entries(_FIELDS)}
DOCKERSHIM_FLAGS = frozenset(flag.name for flag in _DOCKERSHIM)
BOOLEANS = frozenset(flag.name for flag in FLAGS.values() if flag.boolean)


def gone(name: str, minor: int) -> Flag | None:
    """The flag of this name when a kubelet of 1.`minor` does not know it any more, else None: it exits on such a flag."""
    flag = FLAGS.get(name)
    return flag if flag is not None and flag.gone is not None and flag.gone <= minor else None


def knows_field(name: str, minor: int) -> bool:
    """Whether a kubelet of 1.`minor` reads this top-level field; it leaves out one that it does not know."""
    field = FIELDS.get(name)
    return field is not None and (field.since is None or field.since <= minor)


def refusal(name: str, value: str | None, minor: int) -> RefusedValue | None:
    """Why a kubelet of 1.`minor` refuses this flag's value, None when it takes it; None as value is a bare boolean."""
    given = "true" if value is None else value
    return next((refused for refused in REFUSALS if refused.flag == name and refused.since <= minor and refused.wrong(given)), None)


def refused_fields(config: Mapping[str, Any], minor: int) -> tuple[RefusedValue, ...]:
    """The refusals that a KubeletConfiguration meets at 1.`minor`."""
    return tuple(
        refused for refused in REFUSALS if refused.field and refused.since <= minor and refused.wrong(text_at(config, refused.field))
    )


def text_at(config: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """A value of a configuration as text, booleans as `true` and `false`; empty where it is not given."""
    value: Any = config
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
