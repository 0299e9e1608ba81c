"""What is true of one node: frozen values, each with where it was read.

Three words for "no value", never mixed: `None` is absent (looked for and not there), `Unreadable` could not be read (with the reason;
rules make a finding of it), and an empty tuple is a list that was read and is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.facts import daemon
from migrate.facts.capture import PathReading
from migrate.facts.daemon import Given
from migrate.facts.etcd import Etcd
from migrate.facts.runtimes import Runtime
from migrate.facts.values import Place as Place
from migrate.facts.values import Unreadable as Unreadable


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """The machine under the node. `cgroup` is `v1` or `v2`; `systemd` is its version number, 0 where it is not known."""

    id: str
    version: str
    name: str
    kernel: str
    arch: str
    hostname: str
    machine_id: str
    product_uuid: str
    cgroup: str
    systemd: int
    virtualization: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A loaded systemd unit as systemd itself reports it; relations are unit names, `files` its fragment and drop-ins in order."""

    name: str
    active: str
    file_state: str
    main_pid: int
    files: tuple[str, ...]
    environment_files: tuple[str, ...]
    requires: tuple[str, ...]
    binds_to: tuple[str, ...]
    part_of: tuple[str, ...]
    wants: tuple[str, ...]
    after: tuple[str, ...]
    required_by: tuple[str, ...]
    need_daemon_reload: bool
    limit_nofile: str
    started: str

    @property
    def running(self) -> bool:
        """Whether systemd calls it active."""
        return self.active == "active"


@dataclass(frozen=True, slots=True)
class KubeletFlag:
    """One flag of the kubelet's command line, in order. `wins` marks the last of its name: pflag takes the last value given."""

    name: str
    value: str | None
    place: Place
    wins: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A kubelet setting that holds, and what set it. A flag overrides the configuration file; a default has no place."""

    name: str
    value: Any
    place: Place | None


@dataclass(frozen=True, slots=True)
class Kubelet:
    """The kubelet: every flag with its file, the configuration file, and what the running process was started with.

    `flags` are what the files say now; `running` is the argv of the live process, None when it does not run.
    `config` is the decoded KubeletConfiguration, None when no --config is given. `start` is where ExecStart= is, `variables` are the
    places of the variables whose words it takes whole (`$KUBELET_EXTRA_ARGS`), in command-line order. `program` is that of ExecStart=;
    `reported`: the version is what the Node reports, because an earlier version's capture did not ask this program.
    """

    version: str
    flags: tuple[KubeletFlag, ...]
    start: Place
    variables: tuple[Place, ...]
    config_path: str | None
    config: Mapping[str, Any] | Unreadable | None
    running: tuple[str, ...] | None
    program: str = "kubelet"
    reported: bool = False

    def flag(self, name: str) -> KubeletFlag | None:
        """The winning flag of this name (without dashes), or None."""
        return next((flag for flag in self.flags if flag.name == name and flag.wins), None)

    def setting(self, flag_name: str, field_name: str, default: Any = None) -> Setting:
        """The value that holds: the flag, else the configuration's field, else `default`."""
        if flag := self.flag(flag_name):
            return Setting(flag_name, flag.value, flag.place)
        if isinstance(self.config, Mapping) and self.config.get(field_name) not in (None, ""):
            return Setting(field_name, self.config[field_name], Place(self.config_path or ""))
        return Setting(field_name, default, None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The runtime that the kubelet talks to, decided by the endpoint and who serves it, never by the socket's name.

    `kind` is `dockershim`, `cri-dockerd`, `containerd`, `cri-o` or `unknown`; `evidence` says how it was decided.
    """

    kind: str
    socket: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Container:
    """A Docker container as `docker inspect` tells it.

    `pod` is (namespace, name, uid) for those the kubelet made, None for standalone ones.
    """

    id: str
    name: str
    image: str
    image_id: str
    state: str
    restart: str
    privileged: bool
    network: str
    binds: tuple[str, ...]
    runtime: str
    stop_timeout: int | None
    cap_add: tuple[str, ...]
    compose_project: str | None
    swarm_task: str | None
    pod: tuple[str, str, str] | None
    sandbox: bool

    @property
    def running(self) -> bool:
        """Whether it runs now (restarting and paused count)."""
        return self.state in ("running", "restarting", "paused")


CONTAINERD_STORE = "io.containerd.snapshotter.v1"


@dataclass(frozen=True, slots=True)
class Image:
    """An image in Docker's store: `id` is the config digest, `size` is in bytes; no `digests` means that it was never pulled or pushed.

    In a containerd store (`Docker.keeps_digests`) `id` is the digest of its manifest or index, and every image has `digests`.
    """

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Docker:
    """Docker Engine. What needs the daemon (`info` and later fields) is None when docker.service was not active: nothing wakes it.

    `process_proxies` are the proxy variables of the running process, empty also where an earlier version's capture did not ask.
    """

    version: str
    daemon_json: Mapping[str, Any] | Unreadable | None
    argv: tuple[str, ...]
    environment: tuple[tuple[str, Place], ...]
    info: Mapping[str, Any] | None
    cgroup_driver: str | None
    data_root: str
    live_restore: bool
    swarm: str
    child_containerd: bool | None
    containers: tuple[Container, ...]
    images: tuple[Image, ...]
    process_proxies: Mapping[str, str] = field(default_factory=dict)

    @property
    def standalone(self) -> tuple[Container, ...]:
        """Containers that the kubelet did not make."""
        return tuple(container for container in self.containers if container.pod is None)

    @property
    def keeps_digests(self) -> bool:
        """Whether its images lie in a containerd: with the digests of their registries, an image's ID being one of them (`docker info`)."""
        status = (self.info or {}).get("DriverStatus")
        return isinstance(status, list) and ["driver-type", CONTAINERD_STORE] in status

    @property
    def given(self) -> tuple[Given, ...]:
        """Every key that the daemon is told, by daemon.json and by its flags; those of the file are missing where it is unreadable."""
        return daemon.given(self.daemon_json, self.argv)

    def told(self, key: str) -> Given | None:
        """The first word on one key, or None."""
        return next((given for given in self.given if given.key == key), None)


@dataclass(frozen=True, slots=True)
class Containerd:
    """The system's containerd.

    `cri` is the CRI plugin's state (`ok`, `skip`, `error`, `disabled`); `loaded` is `containerd config dump` decoded: the file merged over
    the defaults, as the daemon would load it now. `imports` are the files that are merged after the main one, in order. `socket`, `root`
    and `state` are where it listens and keeps its data: its command line, else its files, else the dump, else its defaults.
    """

    version: str
    config_path: str
    file: Mapping[str, Any] | Unreadable | None
    loaded: Mapping[str, Any] | Unreadable
    cri: str | None
    images: tuple[str, ...]
    tasks: int
    imports: tuple[str, ...] = ()
    socket: str = "/run/containerd/containerd.sock"
    root: str = "/var/lib/containerd"
    state: str = "/run/containerd"


@dataclass(frozen=True, slots=True)
class Crio:
    """CRI-O: its version, and `crio config` decoded, its files merged as it would start with them (defaults may be left out).

    `config_path` and `config_dir` are its main file and the folder of its drop-ins. `socket` and `root` are where it listens and keeps
    its images: its command line, else what it loads, else its defaults.
    """

    version: str
    loaded: Mapping[str, Any] | Unreadable
    config_path: str = "/etc/crio/crio.conf"
    config_dir: str = "/etc/crio/crio.conf.d"
    socket: str = "/var/run/crio/crio.sock"
    root: str = "/var/lib/containers/storage"


@dataclass(frozen=True, slots=True)
class CriDockerd:
    """cri-dockerd where the kubelet talks to it: its version (empty when it does not tell), its flags without dashes, and where they stand.

    They are the running process's where it runs, else those of its unit; of a flag given twice the last value, as pflag takes it.
    """

    version: str
    flags: Mapping[str, str | None]
    place: Place


@dataclass(frozen=True, slots=True)
class Cni:
    """Pod networking as files.

    `config` is the first configuration by name, the one in force (libcni); `plugins` are the programs in the folders in force, `leases`
    host-local's (network, address, container). `speaks` are the versions of the specification that plugins there support, by plugin, of
    those that were asked and answered. `unread` are folders in force that nobody looked into (an earlier version's capture): what is not
    known of them is not missing.
    """

    config_dir: str
    bin_dirs: tuple[str, ...]
    files: tuple[str, ...]
    config: Mapping[str, Any] | Unreadable | None
    plugins: tuple[str, ...]
    leases: tuple[tuple[str, str, str], ...]
    speaks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A mounted filesystem under a path that matters; sizes in bytes."""

    path: str
    device: str
    mount: str
    size: int
    available: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount point near the root (pods' own are not in it), and whether it can be written."""

    path: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package of interest; `held` by apt-mark hold or versionlock."""

    name: str
    version: str
    held: bool


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int
    process: str


@dataclass(frozen=True, slots=True)
class HostUse:
    """A line on the host that calls docker: only the matching words are kept, the rest of the line may hold secrets."""

    path: str
    line: int
    words: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """What containers need of the kernel: sysctl values now, and what the node's own files will set at the next boot."""

    sysctls: Mapping[str, str]
    boot_modules: Mapping[str, str]
    boot_sysctls: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SocketUser:
    """A process with an open connection to Docker's socket; a process of a pod is one too, seen from the host."""

    process: str
    pid: int
    socket: str


@dataclass(frozen=True, slots=True)
class Firewall:
    """Docker's part of the filter table.

    `forward_policy` is `ACCEPT` or `DROP`, `docker_rules` counts rules in chains of Docker, `admin_rules` are those of DOCKER-USER that
    Docker did not put there, as iptables-save prints them.
    """

    forward_policy: str
    docker_rules: int
    admin_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What `/proc/PID/limits` shows of `count` processes: name (`open files`) -> (soft, hard), numbers or `unlimited`."""

    count: int
    limits: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Login:
    """A registry that a file holds credentials for; the credentials were not read."""

    path: str
    registry: str


@dataclass(frozen=True, slots=True)
class Service:
    """A unit that may act on the node by itself, as systemd reports it: `active` and `enabled` are its words (`active`, `enabled`)."""

    name: str
    active: str
    enabled: str

    @property
    def acts(self) -> bool:
        """Whether it runs, or comes with the next boot or trigger."""
        return self.active in ("active", "activating", "reloading") or self.enabled in ("enabled", "enabled-runtime")


@dataclass(frozen=True, slots=True)
class HostActors:
    """What else manages this machine: units, lines of scripts and cron tables that start such tools, and what those tools manage.

    `managed` are resources of runtime and kubelet that a configuration management owns, by its own names (`service[docker]`);
    `settings` are single settings of update tools (`Unattended-Upgrade::Automatic-Reboot`).
    """

    services: tuple[Service, ...] = ()
    calls: tuple[HostUse, ...] = ()
    managed: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def service(self, name: str) -> Service | None:
        """The loaded unit of this name, or None."""
        return next((service for service in self.services if service.name == name), None)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Everything known of one machine. `host` is the inventory's name; `files` are the raw readings that edits start from."""

    host: str
    taken: int
    redacted: bool
    root: bool
    os: OperatingSystem
    units: Mapping[str, Unit]
    kubelet: Kubelet | Unreadable | None
    endpoint: Endpoint
    docker: Docker | Unreadable | None
    containerd: Containerd | Unreadable | None
    crio: Crio | None
    sockets: Mapping[str, str]
    cni: Cni
    kernel: Kernel
    filesystems: tuple[Filesystem, ...]
    packages: tuple[Package, ...]
    listeners: tuple[Listener, ...]
    docker_uses: tuple[HostUse, ...]
    docker_group: tuple[str, ...]
    marks: frozenset[str]
    crictl: Mapping[str, Any] | Unreadable | None
    unreadable: tuple[Unreadable, ...]
    files: Mapping[str, PathReading] = field(repr=False)
    # empty or None also where an earlier version's capture did not ask
    actors: HostActors = HostActors()
    socket_users: tuple[SocketUser, ...] = ()
    firewall: Firewall | None = None
    pod_limits: tuple[ProcessLimits, ...] = ()
    unit_limits: Mapping[str, ProcessLimits] = field(default_factory=dict)
    logins: tuple[Login, ...] = ()
    docker_certificates: tuple[str, ...] = ()
    runtimes: tuple[Runtime, ...] = ()
    inside: str = ""
    # tool -> the first line of its --version, None where it is not there; one that was not asked about, or did not answer, is left out
    tools: Mapping[str, str | None] = field(default_factory=dict)
    # None where the kubelet does not talk to it
    cri_dockerd: CriDockerd | Unreadable | None = None
    mounts: tuple[Mount, ...] = ()
    # None where the node has no member of its own, or an earlier version's capture did not ask
    etcd: Etcd | Unreadable | None = None

    @property
    def daemon_settings(self) -> Mapping[str, Any]:
        """What Docker is told, by daemon.json and by flags; empty where it is not there or could not be read (a rule says so)."""
        return daemon.merged(self.docker.given) if isinstance(self.docker, Docker) else {}

    def unit(self, name: str) -> Unit | None:
        """The loaded unit of this name, or None."""
        return self.units.get(name)

    def runtime(self, name: str) -> Runtime | None:
        """The runtime of this name, or None."""
        return next((runtime for runtime in self.runtimes if runtime.name == name), None)

    def version_of(self, runtime: str) -> str:
        """The version of the runtime of this name; empty where it was not found or does not tell."""
        found = self.runtime(runtime)
        return found.version if found else ""

    def package(self, name: str) -> Package | None:
        """The installed package of this name, or None."""
        return next((package for package in self.packages if package.name == name), None)

    def filesystem(self, path: str) -> Filesystem | None:
        """The filesystem that holds `path`: the one with the longest mount point above it."""
        held = [
            filesystem for filesystem in self.filesystems if path == filesystem.mount or path.startswith(filesystem.mount.rstrip("/") + "/")
        ]
        return max(held, key=lambda filesystem: len(filesystem.mount), default=None)
