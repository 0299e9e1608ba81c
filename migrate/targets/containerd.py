"""containerd 1.6 and later as a target: its configuration edited in place, its registry folder, its limits.

Sources: containerd docs/cri/config.md, docs/hosts.md, RELEASES.md; behaviour of 1.6.20 was observed (docs/design/containerd-config.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Containerd, Docker, NodeFacts
from migrate.facts.origin import Origin
from migrate.formats import FormatError, toml_doc, version
from migrate.formats.version import Version
from migrate.targets import Edit, Target
from migrate.targets.bundles import CONTAINERD_BUNDLE
from migrate.targets.containerd_keys import CONTAINERD_KEYS
from migrate.targets.host import host_edits
from migrate.targets.hosts_toml import hosts_edits
from migrate.targets.kubelet import kubelet_edits
from migrate.targets.registries import registries

SOCKET = "/run/containerd/containerd.sock"
ENDPOINT = f"unix://{SOCKET}"
UNIT = "containerd.service"
CERTS = "/etc/containerd/certs.d"
RUNC = "io.containerd.runc.v2"
CRI_V2 = "io.containerd.grpc.v1.cri"
RUNTIME_V3 = "io.containerd.cri.v1.runtime"
IMAGES_V3 = "io.containerd.cri.v1.images"


def installed(facts: NodeFacts) -> str | None:
    """The version of the system's containerd, None when it is not installed."""
    return facts.containerd.version if isinstance(facts.containerd, Containerd) else None


def unsupported(kubelet: Version, runtime: Version) -> str | None:
    """Why this pair cannot work, None when it can: the CRI versions that both speak.

    Kubelets up to 1.22 speak only CRI v1alpha2, from 1.26 only v1; containerd dropped v1alpha2 in 2.0 and has v1 since 1.6.
    """
    if kubelet.release <= (1, 22) and runtime.major >= 2:
        return f"kubelet {kubelet} speaks only CRI v1alpha2, which containerd {runtime} no longer serves: install containerd 1.7"
    if kubelet.release >= (1, 26) and runtime.release < (1, 6):
        return f"kubelet {kubelet} speaks only CRI v1, which containerd {runtime} does not serve: install containerd 1.7 or later"
    if runtime.release == (1, 6) and runtime.patch < 4 and not runtime.suffix.startswith("-"):
        return f"containerd {runtime} fails on CNI files without cniVersion (fixed in 1.6.4): install a later one"
    return None


def edits(facts: NodeFacts, origin: Origin) -> tuple[Edit, ...]:
    """All file changes of a move to containerd; raises FormatError where the facts do not allow a certain one."""
    found = facts.containerd
    if not isinstance(found, Containerd):
        return ()
    why = "CRI on, the kubelet's cgroup driver and sandbox image, Docker's registries, runtimes and port behaviour"
    config = Edit("runtime-config", found.config_path, why, lambda text: _config(text, facts, origin, found))
    return (
        config,
        *hosts_edits(facts, config_path(found)),
        *host_edits(facts, ENDPOINT, UNIT),
        *kubelet_edits(facts, origin, ENDPOINT, UNIT),
    )


def schema(found: Containerd, values: Mapping[str, Any] | None) -> int:
    """The schema to write: the file's own, 2 for a header-less file without plugin tables, the newest that all can read for a new file.

    Raises FormatError for a version 3 file under containerd 1.x: 1.6 ignores it silently, 1.7 refuses it.
    """
    major = version.parse(found.version).major
    if values is None:
        return 3 if major >= 2 else 2
    declared = int(values.get("version", 1))
    if declared >= 3 and major < 2:
        raise FormatError("containerd config", f"containerd {found.version} cannot read `version = {declared}`; write it as version 2")
    return 2 if declared == 1 and not values.get("plugins") else declared


def sections(number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where a schema keeps the CRI plugin's runtime keys and its image keys."""
    if number >= 3:
        return ("plugins", RUNTIME_V3), ("plugins", IMAGES_V3)
    name = CRI_V2 if number == 2 else "cri"
    return ("plugins", name), ("plugins", name)


def _config(text: str | None, facts: NodeFacts, origin: Origin, found: Containerd) -> str:
    values = toml_doc.load(text) if text is not None else None
    number = schema(found, values)
    changes = _changes(facts, origin, found, values or {}, number)
    return toml_doc.edit(text or "", {path: value for path, value in changes.items() if _at(values or {}, path) != value})


def _changes(facts: NodeFacts, origin: Origin, found: Containerd, values: Mapping[str, Any], number: int) -> dict[tuple[str, ...], Any]:
    runtime, images = sections(number)
    runc = (*runtime, "containerd", "runtimes", "runc")
    systemd = origin.cgroup_driver == "systemd"
    changes: dict[tuple[str, ...], Any] = {}
    if number >= 2:
        changes[("version",)] = int(values.get("version", number)) if int(values.get("version", 1)) >= 2 else number
    changes |= _cri_on(values, number)
    # SystemdCgroup alone would blank runtime_type in containerd 1.6
    changes[(*runc, "runtime_type")] = RUNC
    changes[(*runc, "options", "SystemdCgroup")] = systemd
    if origin.sandbox_image:
        changes[(*images, "pinned_images", "sandbox") if number >= 3 else (*images, "sandbox_image")] = origin.sandbox_image
    if registries(facts):
        changes |= _config_path(values, found, images)
    changes |= _cni(origin, found, runtime, number)
    changes |= _runtimes(facts, runtime, systemd)
    changes |= _docker_habits(facts, found, runtime, images, values)
    return changes


def _cri_on(values: Mapping[str, Any], number: int) -> dict[tuple[str, ...], Any]:
    """`disabled_plugins` without CRI; what else stands there is turned into the names that version 2 demands, or refused."""
    disabled = values.get("disabled_plugins")
    if not isinstance(disabled, list):
        return {}
    kept = [name for name in disabled if name not in ("cri", CRI_V2, RUNTIME_V3, IMAGES_V3)]
    if number >= 2 and any("." not in str(name) for name in kept):
        raise FormatError("containerd config", f"disabled_plugins {kept} are short names, which `version = 2` refuses; write the full ones")
    return {("disabled_plugins",): kept} if kept != disabled else {}


def config_path(found: Containerd) -> str:
    """The folder of hosts.toml files: what is configured already (its first entry), else /etc/containerd/certs.d."""
    loaded = found.loaded if isinstance(found.loaded, Mapping) else {}
    for plugin in (CRI_V2, IMAGES_V3):
        value = _at(loaded, ("plugins", plugin, "registry", "config_path"))
        if value:
            return str(value).split(":")[0]
    return CERTS


def _config_path(values: Mapping[str, Any], found: Containerd, images: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    own = _at(values, (*images, "registry")) or {}
    inline = [name for name in ("mirrors", "configs") if own.get(name)]
    tls = any("tls" in registry for registry in (own.get("configs") or {}).values() if isinstance(registry, Mapping))
    if "mirrors" in inline or tls:
        message = f"its registry.{inline[0]} and config_path exclude each other: CRI would not load; move it to hosts.toml files first"
        raise FormatError("containerd config", message)
    return {} if own.get("config_path") else {(*images, "registry", "config_path"): config_path(found)}


def _cni(origin: Origin, found: Containerd, runtime: tuple[str, ...], number: int) -> dict[tuple[str, ...], Any]:
    """The CNI folders in force where containerd would use others (Debian's package says /usr/lib/cni).

    containerd before 2.1 takes one plugin folder only.
    """
    loaded = _at(found.loaded, (*runtime, "cni")) if isinstance(found.loaded, Mapping) else None
    in_force: Mapping[str, Any] = loaded if isinstance(loaded, Mapping) else {"conf_dir": "/etc/cni/net.d", "bin_dir": "/opt/cni/bin"}
    changes: dict[tuple[str, ...], Any] = {}
    if in_force.get("conf_dir") != origin.cni_config_dir:
        changes[(*runtime, "cni", "conf_dir")] = origin.cni_config_dir
    folders = list(origin.cni_bin_dirs)
    if "bin_dirs" in in_force and number >= 3:
        if in_force["bin_dirs"] != folders:
            changes[(*runtime, "cni", "bin_dirs")] = folders
    elif len(folders) > 1:
        raise FormatError("containerd config", f"--cni-bin-dir has several folders ({', '.join(folders)}); this containerd takes one")
    elif in_force.get("bin_dir") != folders[0]:
        changes[(*runtime, "cni", "bin_dir")] = folders[0]
    return changes


def _runtimes(facts: NodeFacts, runtime: tuple[str, ...], systemd: bool) -> dict[tuple[str, ...], Any]:
    """Docker's extra runtimes (`runtimes`, `default-runtime`) as runtimes of the runc shim; their arguments are a rule's finding."""
    settings = facts.daemon_settings
    changes: dict[tuple[str, ...], Any] = {}
    extra = settings.get("runtimes")
    for name, runtime_table in sorted(extra.items()) if isinstance(extra, Mapping) else ():
        if isinstance(runtime_table, Mapping) and runtime_table.get("path") and name != "runc":
            where = (*runtime, "containerd", "runtimes", str(name))
            changes[(*where, "runtime_type")] = RUNC
            changes[(*where, "options", "BinaryName")] = str(runtime_table["path"])
            changes[(*where, "options", "SystemdCgroup")] = systemd
    default = settings.get("default-runtime")
    if isinstance(default, str) and default not in ("runc", "io.containerd.runc.v2"):
        changes[(*runtime, "containerd", "default_runtime_name")] = default
    return changes


def _docker_habits(
    facts: NodeFacts, found: Containerd, runtime: tuple[str, ...], images: tuple[str, ...], values: Mapping[str, Any]
) -> dict[tuple[str, ...], Any]:
    """Ports below 1024 and ping for non-root processes as Docker 20.10 and later allows them, and its download limit.

    containerd 1.6 and 1.7 have the options off, 2.0 on (docs/containerd-2.0.md).
    """
    changes: dict[tuple[str, ...], Any] = {}
    docker = version.known(facts.docker.version) if isinstance(facts.docker, Docker) else None
    if version.parse(found.version).major < 2 and docker and docker.release >= (20, 10):
        for key in ("enable_unprivileged_ports", "enable_unprivileged_icmp"):
            if _at(values, (*runtime, key)) is None:
                changes[(*runtime, key)] = True
    downloads = facts.daemon_settings.get("max-concurrent-downloads")
    if isinstance(downloads, int) and _at(values, (*images, "max_concurrent_downloads")) is None:
        changes[(*images, "max_concurrent_downloads")] = downloads
    return changes


def _package(facts: NodeFacts) -> str:
    """What its package is called here: that of Docker's own repository where Docker came from there, else the distribution's."""
    names = {package.name for package in facts.packages}
    if "containerd.io" in names or "docker-ce" in names:
        return "containerd.io"
    return "containerd" if "containerd" in names or facts.os.id in ("debian", "ubuntu") else "containerd.io"


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    current: Any = values
    for key in path:
        if not isinstance(current, Mapping) or key not in current:
            return None
        current = current[key]
    return current


CONTAINERD = Target(
    name="containerd",
    title="containerd",
    asked="--to containerd",
    runtime="containerd",
    prefix="containerd://",
    unit=UNIT,
    socket=SOCKET,
    endpoint=ENDPOINT,
    data_root="/var/lib/containerd",
    minimum=Version(1, 6, 0),
    read=lambda facts: facts.containerd,
    installed=installed,
    configured=lambda facts: (facts.containerd.config_path,) if isinstance(facts.containerd, Containerd) else (),
    stored=lambda facts: frozenset(facts.containerd.images) if isinstance(facts.containerd, Containerd) else frozenset(),
    containers=lambda facts: facts.containerd.tasks if isinstance(facts.containerd, Containerd) else 0,
    look="ctr -n k8s.io tasks ls",
    decisive=("containerd version", "containerd config dump", f"systemctl show {UNIT}"),
    program="containerd",
    packages="containerd.io containerd",
    package=_package,
    bundle=CONTAINERD_BUNDLE,
    install=(
        "With Docker's own repository containerd.io is the package (docker-ce needs it), with Debian's and Ubuntu's docker.io it is "
        "containerd:\n\n    apt-get install --no-remove containerd.io     # by hand, on the node"
    ),
    unsupported=unsupported,
    edits=edits,
    node_part="containerd.sh",
    running="""tasks=$(ctr -n k8s.io tasks ls); printf '%s\\n' "$tasks" | awk '$3 == "RUNNING" { print $1 }'""",
    pid="ctr -n k8s.io tasks ls | awk -v id={id} '$1 == id {{ print $2 }}'",
    shim=("containerd-shim-runc-v2", "ttrpc"),
    docker_keys=CONTAINERD_KEYS,
    hosts=lambda facts: config_path(facts.containerd) if isinstance(facts.containerd, Containerd) else CERTS,
    copies=2,  # its layers as they came, and unpacked
    low_ports_from=(2, 0),
    layer="its CRI plugin, namespace k8s.io",
)
