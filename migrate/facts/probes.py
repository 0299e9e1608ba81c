"""The one table of what is read from a node, and the script made of it.

Everything here only reads; `tests/facts/test_probes.py` holds the list of commands that may stand in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts import runtime_table

DOCKER = "docker -H unix:///var/run/docker.sock"

# Go templates choose the fields on the node, so that the environments of containers never leave it.
# `index .Config` makes docker inspect fall back from its types to the daemon's JSON, where keys may be missing (StopTimeout is).
LABELS = (
    "io.kubernetes.pod.uid",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.docker.type",
    "com.docker.compose.project",
    "com.docker.swarm.task.name",
)
# Only these labels: dockershim also keeps the pod's annotations there, and with them whole manifests.
_LABELS = ",".join(f'"{label}":{{{{json (index $l "{label}")}}}}' for label in LABELS)
CONTAINER_FIELDS = (
    '{"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Config.Image}},"image_id":{{json .Image}},'
    f'"labels":{{{{with $l := .Config.Labels}}}}{{{_LABELS}}}{{{{else}}}}null{{{{end}}}},'
    '"state":{{json .State.Status}},"restart":{{json .HostConfig.RestartPolicy.Name}},"privileged":{{json .HostConfig.Privileged}},'
    '"network":{{json .HostConfig.NetworkMode}},"runtime":{{json .HostConfig.Runtime}},'
    '"stop_timeout":{{with index .Config "StopTimeout"}}{{json .}}{{else}}null{{end}},'
    '"cap_add":{{json .HostConfig.CapAdd}},"binds":{{json .HostConfig.Binds}}}'
)
IMAGE_FIELDS = (
    '{"id":{{json .Id}},"tags":{{json .RepoTags}},"digests":{{json .RepoDigests}},"size":{{json .Size}},"arch":{{json .Architecture}}}'
)

UNITS = (
    "kubelet.service",
    *runtime_table.UNITS,
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
    "k0scontroller.service",
    "k0sworker.service",
    "origin-node.service",
    "atomic-openshift-node.service",
)
# programs that may lie outside PATH -> the unit that starts them
STARTED = {"kubelet": "kubelet.service", "dockerd": "docker.service", "cri-dockerd": "cri-docker.service"}
# Units that may change, restart or reboot the node by themselves; migrate/rules/actors_table.py says what each does.
ACTOR_UNITS = (
    "puppet.service pe-puppet.service puppet-run.timer chef-client.service chef-client.timer cinc-client.service cinc-client.timer "
    "salt-minion.service venv-salt-minion.service ansible-pull.service ansible-pull.timer cfengine3.service cf-execd.service "
    "unattended-upgrades.service apt-daily-upgrade.timer dnf-automatic.timer dnf-automatic-install.timer yum-cron.service "
    "transactional-update.timer rebootmgr.service locksmithd.service update-engine.service zincati.service "
    "node-problem-detector.service docker-monitor.service kube-docker-monitor.service kube-container-runtime-monitor.service "
    "docker-monitor.timer monit.service"
)

PACKAGES = (
    "docker.io docker-ce docker-ce-cli docker-engine moby-engine containerd containerd.io runc crun cri-o cri-tools podman conmon "
    "kubelet kubeadm kubectl kubernetes-cni containernetworking-plugins nvidia-container-toolkit "
    "unattended-upgrades needrestart dnf-automatic yum-cron puppet puppet-agent chef cinc salt-minion"
)
DOCKER_VERBS = (
    "system|image|images|container|ps|run|exec|rm|rmi|pull|build|push|logs|kill|stop|start|inspect|login|save|load|compose|volume|network|"
    "stats|top|cp|tag|prune"
)
SCRIPT_PLACES = (
    "/etc/cron.d /etc/cron.daily /etc/cron.hourly /etc/cron.weekly /etc/cron.monthly /etc/crontab /var/spool/cron /etc/profile.d "
    "/etc/systemd/system /usr/lib/systemd/system /lib/systemd/system /etc/init.d /etc/rc.local /etc/logrotate.d /etc/monit /etc/supervisor "
    "/usr/local/bin /usr/local/sbin"
)
# Words of scripts, cron tables and units that start configuration management or start Docker again.
ACTOR_CALLS = (
    r"puppet[[:space:]]+(agent|apply)|chef-(client|solo)|cinc-client|salt-call|ansible-pull|cf-agent|unattended-upgrades?[[:space:]]|"
    r"(systemctl|service)[[:space:]]+([a-z-]+[[:space:]]+)*(docker|kubelet|containerd)(\.service|\.socket)?"
    r"([[:space:]]+(start|restart))?([^[:alnum:]_.-]|$)"
)
PUPPET_STATE = "/opt/puppetlabs/puppet/cache/state /var/lib/puppet/state /var/cache/puppet/state"
# Runtimes and what stays beside their containers and guests, by the 15 characters that the kernel keeps of a name.
PROCESSES = (
    *("kubelet", "k3s", "k3s-server", "k3s-agent", "rke2", "k0s", "etcd", "kube-apiserver", "qemu-.*", "kvm"),
    *(name[:15] for name in runtime_table.PROCESSES),
)
RUNTIME_FOLDERS = (
    "/var/lib/lxc/ /var/lib/machines/ /var/lib/lxd/containers/ /var/lib/lxd/virtual-machines/ /var/snap/lxd/common/lxd/containers/ "
    "/var/snap/lxd/common/lxd/virtual-machines/ /var/lib/incus/containers/ /var/lib/incus/virtual-machines/ /etc/libvirt/qemu/ "
    "/etc/libvirt/lxc/ /var/lib/rkt/pods/run/ /var/lib/rkt/pods/prepared/ /var/lib/rkt/pods/exited-garbage/ /root/.lkvm/"
)
# of systemd-machined, of libvirt's domains, and of containers/storage (names and IDs, no more)
RUNTIME_STATE = '^(CLASS|SERVICE)=.*|<domstatus state=.[a-z]+.|"id":"[0-9a-f]{64}","names":\\["[^"]*"'
RUNTIME_STATE_FILES = (
    "/run/systemd/machines /run/libvirt/qemu /run/libvirt/lxc /var/lib/containers/storage/overlay-containers/containers.json "
    "/var/lib/containers/storage/vfs-containers/containers.json /var/lib/containers/storage/btrfs-containers/containers.json"
)
CNI_BINS = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")  # looked into on every node (probe.sh, plugins)
CNI_ASKED = ("loopback", "bridge", "portmap")
# The etcd container of the kubelet, asked by its own etcdctl (3.3 wants the API's version said) with the health check's certificate.
ETCD = "/etc/kubernetes/manifests/etcd.yaml"
ETCD_KEYS = "/etc/kubernetes/pki/etcd"
_ETCD_IDS = (
    f"{DOCKER} ps -q --filter label=io.kubernetes.container.name=etcd --filter label=io.kubernetes.pod.namespace=kube-system"
    " --filter label=io.kubernetes.docker.type=container | head -n 1"
)
_ETCDCTL = (
    f"{DOCKER} exec --env ETCDCTL_API=3 ID etcdctl --write-out json --dial-timeout 3s --command-timeout 5s --endpoints https://127.0.0.1:2379"
    f" --cacert {ETCD_KEYS}/ca.crt --cert {ETCD_KEYS}/healthcheck-client.crt --key {ETCD_KEYS}/healthcheck-client.key"
)
CREDENTIAL_FILES = (
    "/root/.docker/config.json /root/.dockercfg /.docker/config.json /.dockercfg /var/lib/kubelet/config.json /var/lib/kubelet/.dockercfg"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One command to run on the node: `key` names its answer, `seconds` bounds it.

    `gate` is a unit that must be active first; `there` is a path that must exist first: a state folder that a listing may otherwise make,
    or a file without which there is nothing to ask.
    """

    key: str
    command: str
    seconds: int = 10
    gate: str | None = None
    there: str | None = None


def _search(pattern: str) -> str:
    """Where scripts hold the words of a pattern: only files up to 128 KiB, not every grep passes over large programs quickly."""
    found = f"find -H {SCRIPT_PLACES} -type f -size -257 -print0"
    return f"sh -c '{found} | xargs -r -0 grep -s -H -n -I -o -E \"$1\"' sh '{pattern}'"


def _etcd(key: str, words: str) -> Probe:
    """What etcd says, where the node has a member."""
    return Probe(key, f"sh -c '{_ETCD_IDS} | xargs -r -I ID {_ETCDCTL} {words}' sh", 20, gate="docker.service", there=ETCD)


PROBES: tuple[Probe, ...] = (
    Probe("uname", "uname -srm"),
    # where files lie: mount points near the root, of their options whether they can be written
    Probe("mounts", "grep -o -E '^[^ ]+ /[^ /]*(/[^ /]+){0,3} [^ ]+ r[ow]' /proc/mounts"),
    Probe("id", "id -u"),
    Probe("hostname", "uname -n"),
    Probe("date", "date -u +%s"),
    Probe("cgroup filesystem", "stat -f -c %T /sys/fs/cgroup"),
    Probe("virtualization", "systemd-detect-virt"),
    Probe("systemd version", "systemctl --version"),
    Probe("processes", f"pgrep -a -x '{'|'.join(PROCESSES)}'"),
    Probe("shims", "pgrep -a containerd-shi"),
    Probe("listening", "ss -H -l -n -t -p"),
    Probe("docker group", "getent group docker"),
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
    Probe("containerd version", "containerd --version"),
    # $containerd_socket is where it listens: its command line, else what it loads, else its default
    Probe("containerd plugins", 'ctr --address "$containerd_socket" plugins ls', 15, gate="containerd.service"),
    Probe("containerd images", 'ctr --address "$containerd_socket" -n k8s.io images ls -q', 15, gate="containerd.service"),
    Probe("containerd tasks k8s.io", 'ctr --address "$containerd_socket" -n k8s.io tasks ls -q', 15, gate="containerd.service"),
    Probe("runc version", "runc --version"),
    # without a root that is there, crun makes /run/crun to tell its version
    Probe("crun version", "crun --root /run --version"),
    Probe("crio version", "crio --version"),
    Probe("crio config", "crio config"),
    Probe("crictl version", "crictl --version"),
    Probe("skopeo version", "skopeo --version"),
    Probe("flock version", "flock --version"),
    Probe("podman version", "podman --version"),
    Probe("runsc version", "runsc --version"),
    Probe("kata-runtime version", "kata-runtime --version"),
    Probe("kata in /opt version", "/opt/kata/bin/kata-runtime --version"),
    Probe("lxc-start version", "lxc-start --version"),
    Probe("lxd version", "lxd --version"),
    Probe("incusd version", "incusd --version"),
    Probe("vzctl version", "vzctl --version"),
    Probe("qemu version", "qemu-system-x86_64 --version"),
    Probe("qemu arm version", "qemu-system-aarch64 --version"),
    Probe("qemu-kvm version", "/usr/libexec/qemu-kvm --version"),
    Probe("libvirtd version", "libvirtd --version"),
    Probe("virtqemud version", "virtqemud --version"),
    Probe("lkvm version", "lkvm --version"),
    Probe("rkt version", "rkt version"),
    Probe("frakti version", "frakti --version"),
    Probe("runc list", "runc list", 5, there="/run/runc"),
    Probe("crun list", "crun list", 5, there="/run/crun"),
    Probe("runsc list", "runsc list", 5, there="/run/runsc"),
    Probe("vzlist", "vzlist -a -H -o ctid,status,name", 5, there="/proc/bc"),
    # LXD, libvirt and Podman would start when asked: names in their folders and state files tell as much
    Probe("runtime entries", f"find {RUNTIME_FOLDERS} -mindepth 1 -maxdepth 1"),
    Probe("runtime state", f"grep -r -s -H -o -E '{RUNTIME_STATE}' {RUNTIME_STATE_FILES}"),
    Probe("kubeadm version", "kubeadm version -o short"),
    Probe("ctr version", "ctr --version"),
    Probe("packages dpkg", f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Abbrev}}\\n' {PACKAGES}"),
    # `apt-mark showhold` says the same and takes 0.4 s, as it opens apt's cache
    Probe("holds dpkg", "sh -c 'dpkg-query -W -f \"$1\" | sed -n \"s/ hold ok installed$//p\"' sh '${Package} ${Status}\\n'"),
    Probe("packages rpm", f"rpm -q --qf '%{{NAME}} %{{VERSION}}-%{{RELEASE}} ii\\n' {PACKAGES}"),
    Probe("cni leases", "grep -r -s -m 1 '' /var/lib/cni/networks"),
    Probe("static pods", "find /etc/kubernetes/manifests -maxdepth 1 -type f"),
    Probe("docker users", _search(f"(^|[^[:alnum:]_./-])(/usr/bin/)?docker[[:space:]]+({DOCKER_VERBS})([^[:alnum:]_-]|$)")),
    Probe("timers", "systemctl list-timers --all --no-legend --no-pager"),
    Probe("actor units", f"systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -- {ACTOR_UNITS}"),
    Probe("actor calls", _search(f"(^|[^[:alnum:]_.-])({ACTOR_CALLS})")),
    Probe(
        "puppet resources",
        "grep -s -h -i -E '^(service|package|file)\\[.*(docker|kubelet|containerd).*\\]$' "
        + " ".join(f"{folder}/resources.txt" for folder in PUPPET_STATE.split()),
    ),
    Probe("chef cookbooks", "find /var/chef/cache/cookbooks /var/cinc/cache/cookbooks -maxdepth 1 -name '*docker*'"),
    # names of settings only: the rest of apt's configuration may hold a proxy's password
    Probe("apt settings", "apt-config shell unattended APT::Periodic::Unattended-Upgrade reboot Unattended-Upgrade::Automatic-Reboot"),
    Probe("needrestart", "grep -r -s -h -E '^[[:space:]]*\\$nrconf\\{restart\\}' /etc/needrestart"),
    # both ends of a connection: the daemon's has the socket's path, the other's has none
    Probe("docker socket users", "sh -c 'ss -H -x -p | grep -E \"$1\"' sh ' ESTAB .*(docker[.]sock| [*] [0-9]+ +[*] [0-9]+)'"),
    Probe(
        "pod limits",
        f"sh -c '{DOCKER} ps -q --filter label=io.kubernetes.docker.type=container | head -n 8 | xargs -r {DOCKER} inspect --type container"
        " --format \"$1\" | xargs -r grep -s -H ^Max' sh '/proc/{{.State.Pid}}/limits'",
        20,
        gate="docker.service",
    ),
    Probe("iptables filter", "sh -c 'iptables-save -t filter | grep -E \"$1\"' sh '^:FORWARD |^-A DOCKER'", gate="docker.service"),
    _etcd("etcd members", "member list"),
    _etcd("etcd status", "endpoint status --cluster"),
    _etcd("etcd health", "endpoint health --cluster"),
    _etcd("etcd alarms", "alarm list"),
    Probe("docker certificates", "find -L /etc/docker/certs.d -maxdepth 2 -type f"),
    # keys of JSON objects that look like a registry's name; no value
    Probe(
        "docker logins",
        "grep -s -H -o -E '\"(https?://)?[A-Za-z0-9._-]+([.:][A-Za-z0-9._-]+)+(/[A-Za-z0-9._/-]*)?\"[[:space:]]*:' " + CREDENTIAL_FILES,
    ),
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
    "/snap/lxd/current/meta/snap.yaml",
    "/etc/crio/crio.conf",
    "/etc/containers/policy.json",
    "/etc/containers/registries.conf",
    "/etc/containers/storage.conf",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
    "/proc/sys/fs/nr_open",
    "/proc/sys/fs/may_detach_mounts",
    "/sys/class/dmi/id/product_uuid",
    "/etc/yum/pluginconf.d/versionlock.list",
    "/etc/dnf/plugins/versionlock.list",
)
PATTERNS: tuple[str, ...] = (
    "/etc/cni/net.d/*",
    "/etc/containerd/docker2cri-*.json",
    "/etc/containerd/conf.d/*.toml",
    "/etc/containerd/certs.d/*/hosts.toml",
    "/etc/crio/crio.conf.d/*",
    "/etc/containers/registries.conf.d/*.conf",
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
    *runtime_table.SOCKETS,
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
    "/usr/bin/systemd-nspawn",
    "/dev/kvm",
    "/proc/vz",
    "/proc/bc",
    "/opt/kata",
    "/etc/kata-containers/configuration.toml",
    "/run/k3s/containerd/containerd.sock",
    "/sys/class/net/lxcbr0",
    "/sys/class/net/lxdbr0",
    "/sys/class/net/incusbr0",
    "/sys/class/net/virbr0",
    "/sys/class/net/cni-podman0",
    "/sys/class/net/podman0",
    "/etc/origin/node",
    "/opt/nodeup",
    "/var/cache/nodeup",
    "/run/reboot-required",
    "/opt/puppetlabs/puppet/cache/state/agent_disabled.lock",
    "/var/lib/puppet/state/agent_disabled.lock",
    "/var/cache/puppet/state/agent_disabled.lock",
)


def render_probe(fixed: str, marker: str) -> str:
    """The whole probe script: the fixed part (migrate/node/probe.sh), then the table. `marker` is random and new for every run."""
    lines = [f"marker={marker}", fixed, f"units {' '.join(UNITS)}", "containerd_told"]
    lines += [f"gate {probe.gate} '{probe.key}' {probe.seconds} {probe.command}" for probe in PROBES if probe.gate and not probe.there]
    lines += [f"there {probe.there} '{probe.key}' {probe.seconds} {probe.command}" for probe in PROBES if probe.there and not probe.gate]
    lines += [
        f"there_gated {probe.there} {probe.gate} '{probe.key}' {probe.seconds} {probe.command}"
        for probe in PROBES
        if probe.there and probe.gate
    ]
    lines += [f"run '{probe.key}' {probe.seconds} {probe.command}" for probe in PROBES if not (probe.gate or probe.there)]
    lines += [
        *(f"version '{name} version' {unit} {name}" for name, unit in STARTED.items()),
        f"plugins {' '.join(CNI_ASKED)}",
        "proxies docker.service",
        "networks kubelet.service",
        "networks cri-docker.service",
        'run "containerd config dump" 15 containerd --config "$containerd_config" config dump',
        '[ "$containerd_config" = /etc/containerd/config.toml ] || slurp "$containerd_config"',
        'imports "$containerd_config"',
        "config=$(argument kubelet.service config)",
        '[ -z "$config" ] || slurp "$config"',
        f"docker_root=$(if active docker.service; then timeout 10 {DOCKER} info --format '{{{{.DockerRootDir}}}}'; fi)",
        "crio_root=$(if command -v crio >/dev/null; then timeout 10 crio config 2>/dev/null </dev/null | said root; fi)",
        "disks",
    ]
    lines += [f"slurp {path}" for path in FILES]
    lines += [f"slurp_each {pattern}" for pattern in PATTERNS]
    lines += [f"look {path}" for path in LOOKS]
    return "\n".join([*lines, "finish", ""])
