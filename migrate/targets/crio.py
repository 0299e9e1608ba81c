"""CRI-O as a target: one drop-in of its own beside the files that it shares (containers.py), its limits.

Sources: CRI-O docs/crio.conf.5.md at v1.23.5, v1.30.0 and v1.36.3; behaviour of 1.23.5 was observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from migrate.facts.model import Crio, Docker, NodeFacts, Unreadable
from migrate.facts.origin import Origin
from migrate.formats import FormatError, toml_doc, version
from migrate.formats.nested import at
from migrate.formats.version import Version
from migrate.targets import KEEP_SOURCE, Edit, Stay, Target, TargetOption
from migrate.targets.bundles import CRIO_BUNDLE
from migrate.targets.containers import DATA_ROOT, containers_edits
from migrate.targets.crio_drop_in import OWN, drop_in, pinning
from migrate.targets.crio_keys import CRIO_KEYS
from migrate.targets.docker_runtimes import docker_runtimes
from migrate.targets.host import host_edits, host_stays
from migrate.targets.kubelet import kubelet_edits
from migrate.targets.ulimits import KEY, readable_ulimits, ulimits

# A kubelet before 1.29 finds CRI-O's statistics by this very path (kubernetes PR 118704)
SOCKET = "/var/run/crio/crio.sock"
ENDPOINT = f"unix://{SOCKET}"
UNIT = "crio.service"
FOLDERS = ("/etc/crio/", "/etc/containers/")
DROP_IN = f"/etc/crio/crio.conf.d/99-{OWN}.conf"
ULIMITS = ("crio", "runtime", "default_ulimits")
# moby oci/caps/defaults.go; CRI-O leaves out the last five (internal/config/capabilities)
CRIO_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "KILL")
LOST_CAPABILITIES = ("NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP")
DOCKER_SYSCTLS = ("net.ipv4.ping_group_range=0 2147483647", "net.ipv4.ip_unprivileged_port_start=0")

Changes = dict[tuple[str, ...], Any]


def installed(facts: NodeFacts) -> str | None:
    """The version of CRI-O, None when it is not installed."""
    return facts.crio.version if facts.crio else None


def read(facts: NodeFacts) -> Crio | Unreadable | None:
    """What was read of CRI-O: None when it is not there, Unreadable when its program did not answer."""
    return facts.crio or next((unread for unread in facts.unreadable if unread.what == "crio version"), None)


def own_defaults(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    """What a container gets by CRI-O's own defaults that Docker's had not: the setting, and what comes of it.

    Sources: CRI-O pkg/config/config.go and docs/crio.conf.5.md at v1.23.5, v1.24.6, v1.28.11 and v1.30.0.
    """
    if facts.crio is None:
        return ()
    found = version.parse(facts.crio.version)
    lost = ", ".join(LOST_CAPABILITIES)
    told = [("default_capabilities", f"containers that do not ask for them lose {lost}")]
    if found.release < (1, 24):
        told.append(("pids_limit", "a container that has 1024 processes and threads cannot start another"))
    if _low_ports_under_docker(facts):
        told.append(("default_sysctls", "a process that is not root binds no port below 1024 and cannot ping"))
    if (1, 24) <= found.release < (1, 30):
        told.append(("seccomp_use_default_when_empty", "a pod without a seccomp profile, which ran unconfined, gets CRI-O's own"))
    return tuple(told)


def _containers(facts: NodeFacts) -> int:
    runtime = facts.runtime("cri-o")
    return sum(live.kind == "container" for live in runtime.live) if runtime else 0


def unsupported(kubelet: Version, runtime: Version) -> str | None:
    """Why this pair cannot work, None when it can: a minor of CRI-O is made and tested for the same minor of Kubernetes (its README)."""
    if kubelet.release == runtime.release:
        return None
    fits = f"install CRI-O {kubelet.major}.{kubelet.minor}"
    return f"CRI-O {runtime} is for Kubernetes {runtime.major}.{runtime.minor}, the kubelet is {kubelet}: {fits}"


def configured(facts: NodeFacts) -> tuple[str, ...]:
    """The files of its own and those that it shares, where it is there."""
    return tuple(path for path, file in facts.files.items() if path.startswith(FOLDERS) and file.kind != "absent") if facts.crio else ()


def edits(facts: NodeFacts, origin: Origin, *, keep_docker_defaults: bool = True) -> tuple[Edit, ...]:
    """All file changes of a move to CRI-O; with `keep_docker_defaults` containers keep the capabilities and limits that Docker gave.

    Raises FormatError where the facts do not allow a certain change.
    """
    if facts.crio is None:
        return ()
    changes = _changes(facts, origin, version.parse(facts.crio.version), keep_docker_defaults)
    own = drop_in(facts, facts.crio, changes)
    why = "the kubelet's cgroup driver and sandbox image, Docker's runtimes" + (", capabilities and limits" if keep_docker_defaults else "")
    prepared = (
        Edit("runtime-config", own, why, partial(_set, changes), early=True, values=changes),
        *containers_edits(facts),
    )
    endpoint = f"unix://{facts.crio.socket}"
    return (*prepared, *host_edits(facts, endpoint, UNIT), *kubelet_edits(facts, origin, endpoint, UNIT))


def holds(dump: Mapping[str, Any], key: tuple[str, ...], value: Any) -> bool:
    """Whether a value is in what `crio config` prints, which leaves out what is at its default."""
    found = at(dump, key)
    return found is None or bool(found == value)


def _set(changes: Changes, text: str | None) -> str:
    return toml_doc.edit(text or "", changes)


def _changes(facts: NodeFacts, origin: Origin, found: Version, keep: bool) -> Changes:
    runtime = ("crio", "runtime")
    driver = origin.cgroup_driver or "cgroupfs"
    changes: Changes = {(*runtime, "cgroup_manager"): driver}
    if driver == "cgroupfs":
        # the only value that CRI-O takes beside cgroupfs (kubernetes.io, Container runtimes)
        changes[(*runtime, "conmon_cgroup")] = "pod"
    changes |= _runtimes(facts)
    if origin.sandbox_image:
        changes[("crio", "image", "pause_image")] = origin.sandbox_image
    changes |= _network(facts, origin) | _ulimits(facts)
    if keep:
        changes |= _docker_defaults(facts, found)
    return changes


def _docker_defaults(facts: NodeFacts, found: Version) -> Changes:
    """What containers had under Docker and would lose by CRI-O's own defaults."""
    runtime = ("crio", "runtime")
    changes: Changes = {(*runtime, "default_capabilities"): [*CRIO_CAPABILITIES, *LOST_CAPABILITIES]}
    # no limit: 0 up to 1.28, -1 since (CRI-O pkg/config); the default was 1024 up to 1.23
    changes[(*runtime, "pids_limit")] = 0 if found.release < (1, 29) else -1
    if _low_ports_under_docker(facts):
        changes[(*runtime, "default_sysctls")] = list(DOCKER_SYSCTLS)
    if (1, 24) <= found.release < (1, 30):
        # dockershim left a pod without a seccomp profile unconfined; the key is gone by 1.30
        changes[(*runtime, "seccomp_use_default_when_empty")] = False
    return changes


def _runtimes(facts: NodeFacts) -> Changes:
    """runc as under Docker (CRI-O 1.31 and later would take crun), and Docker's extra runtimes; their arguments are a rule's finding.

    Raises FormatError for a default that is a shim and has no entry yet.
    """
    runtime = ("crio", "runtime")
    dockers = docker_runtimes(facts)
    loaded = facts.crio.loaded if facts.crio and isinstance(facts.crio.loaded, Mapping) else {}
    if dockers.shim and dockers.shim not in loaded.get("crio", {}).get("runtime", {}).get("runtimes", {}):
        raise FormatError("crio.conf", f"Docker's default runtime {dockers.shim} is a shim and has no entry below runtimes: add it by hand")
    changes: Changes = {(*runtime, "default_runtime"): dockers.default or dockers.shim or "runc"}
    for key, path in sorted({"runc": "", **dockers.own}.items()):
        where = (*runtime, "runtimes", key)
        changes[(*where, "runtime_path")] = path
        changes[(*where, "runtime_type")] = "oci"
    return changes


def _network(facts: NodeFacts, origin: Origin) -> Changes:
    """The CNI folders in force, and by its name the network in force: a file that a package of CRI-O brings may sort before it."""
    network = ("crio", "network")
    changes: Changes = {(*network, "network_dir"): origin.cni_config_dir, (*network, "plugin_dirs"): list(origin.cni_bin_dirs)}
    name = facts.cni.config.get("name") if isinstance(facts.cni.config, Mapping) else None
    if isinstance(name, str) and name:
        changes[(*network, "cni_default_network")] = name
    return changes


def _ulimits(facts: NodeFacts) -> Changes:
    """Docker's limits of containers beside those that CRI-O has of its own; without them containers inherit CRI-O's."""
    own = _own_ulimits(facts)
    more = [limit.text for limit in ulimits(facts) if limit.name not in own]
    return {ULIMITS: [*own.values(), *more]} if more else {}


def _own_ulimits(facts: NodeFacts) -> dict[str, str]:
    loaded = facts.crio.loaded if facts.crio else None
    listed = at(loaded, ULIMITS)
    return {str(text).partition("=")[0]: str(text) for text in listed} if isinstance(listed, list) else {}


def _stays(facts: NodeFacts) -> tuple[Stay, ...]:
    """The limits of containers and the proxies that CRI-O has of its own."""
    own = _own_ulimits(facts)
    path = facts.crio.config_path if facts.crio else ""
    pairs = [(own[limit.name], limit.text) for limit in readable_ulimits(facts) if limit.name in own]
    kept = [Stay(KEY, ".".join(ULIMITS), mine, path, f"Docker's is {dockers}") for mine, dockers in pairs if mine != dockers]
    return (*kept, *host_stays(facts, UNIT))


def _low_ports_under_docker(facts: NodeFacts) -> bool:
    """Whether Docker let any process bind ports below 1024 and ping, as 20.10 and later do."""
    found = version.known(facts.docker.version) if isinstance(facts.docker, Docker) else None
    return found is not None and found.release >= (20, 10)


def _with_own_defaults(target: Target) -> Target:
    return replace(
        target,
        edits=partial(edits, keep_docker_defaults=False),
        default_capabilities_dropped=frozenset(LOST_CAPABILITIES),
        own_defaults=own_defaults,
    )


def _situated(target: Target, facts: NodeFacts) -> Target:
    """CRI-O where it listens and keeps its images on this node."""
    if facts.crio is None:
        return target
    endpoint = f"unix://{facts.crio.socket}"
    return replace(target, socket=facts.crio.socket, endpoint=endpoint, data_root=facts.crio.root, look=f"crictl -r {endpoint} ps")


OWN_DEFAULTS = TargetOption(
    name="own-defaults",
    asked="--crio-defaults",
    help="With --to crio: its own capabilities, pids limit and sysctls, not Docker's.",
    made=_with_own_defaults,
)
CRIO = Target(
    name="crio",
    title="CRI-O",
    asked="--to crio",
    runtime="cri-o",
    prefix="cri-o://",
    unit=UNIT,
    socket=SOCKET,
    endpoint=ENDPOINT,
    data_root=DATA_ROOT,
    minimum=Version(1, 20, 0),
    read=read,
    installed=installed,
    configured=configured,
    stored=lambda facts: frozenset(),  # crictl lists only what a CRI-O that runs would tell
    containers=_containers,
    look=f"crictl -r {ENDPOINT} ps",
    decisive=("crio version", "crio config", f"systemctl show {UNIT}"),
    program="crio",
    packages="cri-o",
    package=lambda facts: "cri-o",
    bundle=CRIO_BUNDLE,
    install=(
        "It has a repository for each minor version of Kubernetes: take the kubelet's:\n\n"
        "    apt-get install --no-remove cri-o skopeo cri-tools     # by hand, on the node"
    ),
    unsupported=unsupported,
    edits=edits,
    node_part="crio.sh",
    running="crictl ps -q --state running",
    pid="crictl inspect -o go-template --template '{{{{.info.pid}}}}' {id}",
    shim=("conmon", "starts it, one for each container"),
    docker_keys=CRIO_KEYS,
    options=(OWN_DEFAULTS, KEEP_SOURCE),
    tools=(("skopeo", "skopeo"), ("crictl", "cri-tools")),
    temporary="/var/tmp",  # skopeo 1.9.3 takes no other, whatever TMPDIR says (observed; containers/image internal/tmpdir)
    takes_short_names=False,
    takes_digests=False,
    state="/var/run/crio",
    situated=_situated,
    holds=holds,
    stays=_stays,
    pinning=pinning,
    pins_since="1.28",
    leaves=("the empty iptables chain KUBE-HOSTPORTS and the jumps to it stay until the next boot",),
)
