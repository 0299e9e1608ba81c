"""The one table of what is read from a node, and the script made of it.

Everything here only reads; `tests/facts/test_probes.py` holds the list of commands that may stand in it.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCKER = "docker -H unix:///var/run/docker.sock"

# Go templates choose the fields on the node, so that values of container environments never leave it: only their names do.
# `index .Config` makes docker inspect fall back from its types to the daemon's JSON, where keys may be missing (StopTimeout is).
LABELS = (
    "io.kubernetes.pod.uid",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.docker.type",
    "com.docker.compose.project",
    "com.docker.swarm.task",
)
# Only these labels: dockershim also keeps the pod's annotations there, and with them whole manifests.
_LABELS = ",".join(f'"{label}":{{{{json (index $l "{label}")}}}}' for label in LABELS)
CONTAINER_FIELDS = (
    '{"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Config.Image}},"image_id":{{json .Image}},'
    f'"labels":{{{{with $l := .Config.Labels}}}}{{{_LABELS}}}{{{{else}}}}null{{{{end}}}},'
    '"state":{{json .State.Status}},"restart":{{json .HostConfig.RestartPolicy.Name}},"privileged":{{json .HostConfig.Privileged}},'
    '"network":{{json .HostConfig.NetworkMode}},"runtime":{{json .HostConfig.Runtime}},'
    '"stop_timeout":{{with index .Config "StopTimeout"}}{{json .}}{{else}}null{{end}},'
    '"cap_add":{{json .HostConfig.CapAdd}},"binds":{{json .HostConfig.Binds}},"log_driver":{{json .HostConfig.LogConfig.Type}},'
    '"env_names":[{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{json (index (split $e "=") 0)}}{{end}}]}'
)
IMAGE_FIELDS = (
    '{"id":{{json .Id}},"tags":{{json .RepoTags}},"digests":{{json .RepoDigests}},"size":{{json .Size}},"arch":{{json .Architecture}}}'
)

UNITS = (
    "kubelet.service",
    "docker.service",
    "docker.socket",
    "containerd.service",
    "crio.service",
    "cri-docker.service",
    "cri-docker.socket",
    "snap.docker.dockerd.service",
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
    "k0scontroller.service",
    "k0sworker.service",
)

PACKAGES = (
    "docker.io docker-ce docker-ce-cli docker-engine moby-engine containerd containerd.io runc crun cri-o cri-tools podman conmon "
    "kubelet kubeadm kubectl kubernetes-cni containernetworking-plugins nvidia-container-toolkit"
)
DOCKER_VERBS = (
    "system|image|images|container|ps|run|exec|rm|rmi|pull|build|push|logs|kill|stop|start|inspect|login|save|load|compose|volume|network|"
    "stats|top|cp|tag|prune"
)
SCRIPT_PLACES = (
    "/etc/cron.d /etc/cron.daily /etc/cron.hourly /etc/cron.weekly /etc/cron.monthly /etc/crontab /var/spool/cron /etc/profile.d "
    "/etc/systemd/system /etc/init.d /etc/rc.local"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One command to run on the node: `key` names its answer, `seconds` bounds it, `gate` is a unit that must be active first."""

    key: str
    command: str
    seconds: int = 10
    gate: str | None = None


PROBES: tuple[Probe, ...] = (
    Probe("uname", "uname -srm"),
    Probe("id", "id -u"),
    Probe("hostname", "uname -n"),
    Probe("date", "date -u +%s"),
    Probe("cgroup filesystem", "stat -f -c %T /sys/fs/cgroup"),
    Probe("virtualization", "systemd-detect-virt"),
    Probe("systemd version", "systemctl --version"),
    Probe(
        "processes",
        "pgrep -a -x 'dockerd|containerd|crio|cri-dockerd|kubelet|k3s|k3s-server|k3s-agent|rke2|k0s|etcd|kube-apiserver|lxd|incusd|rkt'",
    ),
    Probe("shims", "pgrep -a containerd-shi"),
    Probe("listening", "ss -H -l -n -t -p"),
    Probe("docker group", "getent group docker"),
    Probe("kubelet version", "kubelet --version"),
    Probe("docker version", f"{DOCKER} version --format '{{{{json .}}}}'", gate="docker.service"),
    Probe("docker info", f"{DOCKER} info --format '{{{{json .}}}}'", 20, gate="docker.service"),
    Probe(
        "docker containers",
        f"sh -c '{DOCKER} ps -a -q --no-trunc | xargs -r {DOCKER} inspect --type container --format \"$1\"' sh '{CONTAINER_FIELDS}'",
        60,
        gate="docker.service",
    ),
    Probe(
        "docker images",
        f"sh -c '{DOCKER} images -q --no-trunc | sort -u | xargs -r {DOCKER} image inspect --format \"$1\"' sh '{IMAGE_FIELDS}'",
        60,
        gate="docker.service",
    ),
    Probe("dockerd version", "dockerd --version"),
    Probe("containerd version", "containerd --version"),
    Probe("containerd plugins", "ctr --address /run/containerd/containerd.sock plugins ls", 15, gate="containerd.service"),
    Probe("containerd images", "ctr --address /run/containerd/containerd.sock -n k8s.io images ls -q", 15, gate="containerd.service"),
    Probe("containerd tasks k8s.io", "ctr --address /run/containerd/containerd.sock -n k8s.io tasks ls -q", 15, gate="containerd.service"),
    Probe("runc version", "runc --version"),
    Probe("crun version", "crun --version"),
    Probe("crio version", "crio --version"),
    Probe("cri-dockerd version", "cri-dockerd --version"),
    Probe("crictl version", "crictl --version"),
    Probe("podman version", "podman --version"),
    Probe("kubeadm version", "kubeadm version -o short"),
    Probe("ctr version", "ctr --version"),
    Probe("packages dpkg", f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Abbrev}}\\n' {PACKAGES}"),
    # `apt-mark showhold` says the same and takes 0.4 s, as it opens apt's cache
    Probe("holds dpkg", "sh -c 'dpkg-query -W -f \"$1\" | sed -n \"s/ hold ok installed$//p\"' sh '${Package} ${Status}\\n'"),
    Probe("packages rpm", f"rpm -q --qf '%{{NAME}} %{{VERSION}}-%{{RELEASE}} ii\\n' {PACKAGES}"),
    Probe("cni leases", "grep -r -s -m 1 '' /var/lib/cni/networks"),
    Probe("cni cache", "find /var/lib/cni/cache /var/lib/cni/results -type f"),
    Probe("cni plugins", "find /opt/cni/bin/ /usr/lib/cni/ /usr/libexec/cni/ -maxdepth 1 -type f -perm -u+x"),
    Probe("static pods", "find /etc/kubernetes/manifests -maxdepth 1 -type f"),
    Probe(
        "docker users",
        f"grep -r -s -n -I -o -E '(^|[^[:alnum:]_./-])(/usr/bin/)?docker[[:space:]]+({DOCKER_VERBS})([^[:alnum:]_-]|$)' {SCRIPT_PLACES}",
    ),
    Probe("timers", "systemctl list-timers --all --no-legend --no-pager"),
)

# Read whole (up to 256 KiB each); a pattern is expanded on the node.
FILES: tuple[str, ...] = (
    "/etc/os-release",
    "/etc/machine-id",
    "/etc/crictl.yaml",
    "/etc/docker/daemon.json",
    "/etc/default/docker",
    "/etc/sysconfig/docker",
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/kubernetes/kubelet.env",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/instance-config.yaml",
    "/etc/kubernetes/kubelet-config.yaml",
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/etc/containerd/config.toml",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
    "/sys/class/dmi/id/product_uuid",
    "/etc/yum/pluginconf.d/versionlock.list",
    "/etc/dnf/plugins/versionlock.list",
)
PATTERNS: tuple[str, ...] = (
    "/etc/cni/net.d/*",
    "/etc/containerd/conf.d/*.toml",
    "/etc/containerd/certs.d/*/hosts.toml",
    "/etc/docker/certs.d/*/*.crt",
    "/etc/modules-load.d/*.conf",
    "/etc/sysctl.d/*.conf",
    "/etc/sysctl.conf",
    "/etc/systemd/system/containerd.service.d/*.conf",
    "/etc/systemd/system/docker.service.d/*.conf",
    "/etc/systemd/system/kubelet.service.d/*.conf",
)

# Only looked at, never read: sockets, credentials, and the marks of installers.
LOOKS: tuple[str, ...] = (
    "/run/docker.sock",
    "/run/dockershim.sock",
    "/run/cri-dockerd.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/root/.docker/config.json",
    "/var/lib/kubelet/config.json",
    "/var/lib/kubelet/.dockercfg",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/bootstrap-kubelet.conf",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/manifests",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/var/lib/etcd/member",
    "/etc/cni/net.d",
    "/opt/cni/bin",
    "/opt/cni/bin/loopback",
    "/opt/cni/bin/portmap",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/docker/swarm",
    "/var/lib/docker2cri",
    "/usr/bin/containerd",
    "/usr/local/bin/containerd",
    "/etc/rancher/k3s",
    "/etc/rancher/rke2",
    "/etc/rancher/node",
    "/var/lib/rancher/k3s",
    "/var/lib/rancher/rke2",
    "/var/lib/k0s",
    "/etc/kubernetes/ssl/kube-ca.pem",
    "/opt/rke",
    "/etc/eks/bootstrap.sh",
    "/etc/kubernetes/azure.json",
    "/home/kubernetes/kube-env",
    "/var/lib/minikube",
    "/kind/kubeadm.conf",
    "/opt/kops",
    "/var/lib/kops",
    "/etc/machine-config-daemon",
    "/run/ostree-booted",
)


def render_probe(fixed: str, marker: str) -> str:
    """The whole probe script: the fixed part (migrate/node/probe.sh), then the table. `marker` is random and new for every run."""
    lines = [f"marker={marker}", fixed, f"units {' '.join(UNITS)}"]
    lines += [f"gate {probe.gate} '{probe.key}' {probe.seconds} {probe.command}" for probe in PROBES if probe.gate]
    lines += [f"run '{probe.key}' {probe.seconds} {probe.command}" for probe in PROBES if not probe.gate]
    lines += [
        "config=$(argument containerd.service config)",
        'run "containerd config dump" 15 containerd --config "${config:-/etc/containerd/config.toml}" config dump',
        '[ -z "$config" ] || slurp "$config"',
        "config=$(argument kubelet.service config)",
        '[ -z "$config" ] || slurp "$config"',
        f"docker_root=$(if active docker.service; then timeout 10 {DOCKER} info --format '{{{{.DockerRootDir}}}}'; fi)",
        "disks",
    ]
    lines += [f"slurp {path}" for path in FILES]
    lines += [f"slurp_each {pattern}" for pattern in PATTERNS]
    lines += [f"look {path}" for path in LOOKS]
    return "\n".join([*lines, "finish", ""])
