"""containerd 1.6 and later as a target: its configuration edited in place, its registry folder, its limits.

Sources: containerd docs/cri/config.md, docs/hosts.md, RELEASES.md; behaviour of 1.6.20 was observed (docs/design/containerd-config.md).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from migrate.facts.containerd_config import merged, merges_deep
from migrate.facts.model import Containerd, NodeFacts
from migrate.facts.origin import Origin
from migrate.formats import FormatError, version
from migrate.formats.nested import at
from migrate.formats.version import Version
from migrate.targets import Edit, Pinning, Stay, Target
from migrate.targets.bundles import CONTAINERD_BUNDLE
from migrate.targets.containerd_base_spec import PATH, base_spec_edit
from migrate.targets.containerd_carried import RUNC, carried, handlers, stays
from migrate.targets.containerd_files import Values, config_edits, files_of, holds, schema
from migrate.targets.containerd_keys import CONTAINERD_KEYS
from migrate.targets.containerd_releases import CONTAINERD_ENDS, CONTAINERD_RETIRED
from migrate.targets.containerd_schema import CRI_V2, IMAGES_V3, sections
from migrate.targets.docker_runtimes import docker_runtimes
from migrate.targets.host import host_edits, host_stays
from migrate.targets.hosts_toml import hosts_edits
from migrate.targets.kubelet import kubelet_edits
from migrate.targets.registries import registries
from migrate.targets.ulimits import ulimits

SOCKET = "/run/containerd/containerd.sock"
ENDPOINT = f"unix://{SOCKET}"
UNIT = "containerd.service"
CERTS = "/etc/containerd/certs.d"


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
    deep = merges_deep(version.parse(found.version).release)

    def wanted(files: dict[str, Mapping[str, Any]]) -> tuple[int, Values]:
        number = schema(found, files)
        return number, _changes(facts, origin, found, merged(list(files.values()), deep=deep), number)

    endpoint = f"unix://{found.socket}"
    config = config_edits(facts, found, why, deep=deep, wanted=wanted)
    named = any(value == PATH for edit in config for value in edit.values.values())
    return (
        *([base_spec_edit(ulimits(facts))] if named else []),
        *config,
        *hosts_edits(facts, config_path(found)),
        *host_edits(facts, endpoint, UNIT),
        *kubelet_edits(facts, origin, endpoint, UNIT),
    )


def _changes(facts: NodeFacts, origin: Origin, found: Containerd, values: Mapping[str, Any], number: int) -> dict[tuple[str, ...], Any]:
    runtime, images = sections(number)
    changes: Values = {}
    for handler in handlers(values, number, docker_runtimes(facts).own):
        # SystemdCgroup alone would blank runtime_type in containerd 1.6
        changes[(*handler, "runtime_type")] = at(values, (*handler, "runtime_type")) or RUNC
        changes[(*handler, "options", "SystemdCgroup")] = origin.cgroup_driver == "systemd"
    if number < 3 and at(values, (*runtime, "systemd_cgroup")):
        # with a shim of version 2 the CRI plugin would not load
        changes[(*runtime, "systemd_cgroup")] = False
    if origin.sandbox_image:
        changes[(*images, "pinned_images", "sandbox") if number >= 3 else (*images, "sandbox_image")] = origin.sandbox_image
    if registries(facts):
        changes |= _config_path(values, found, images)
    changes |= _cni(origin, found, values, runtime, number)
    return changes | carried(facts, found, values, number)


def config_path(found: Containerd) -> str:
    """The folder of hosts.toml files: what is configured already (its first entry), else /etc/containerd/certs.d."""
    loaded = found.loaded if isinstance(found.loaded, Mapping) else {}
    for plugin in (CRI_V2, IMAGES_V3):
        value = at(loaded, ("plugins", plugin, "registry", "config_path"))
        if value:
            return str(value).split(":")[0]
    return CERTS


def _config_path(values: Mapping[str, Any], found: Containerd, images: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    own = at(values, (*images, "registry")) or {}
    inline = [name for name in ("mirrors", "configs") if own.get(name)]
    tls = any("tls" in registry for registry in (own.get("configs") or {}).values() if isinstance(registry, Mapping))
    if "mirrors" in inline or tls:
        message = f"its registry.{inline[0]} and config_path exclude each other: CRI would not load; move it to hosts.toml files first"
        raise FormatError("containerd config", message)
    path = own.get("config_path")
    # from 2.1 on images are pulled by the transfer service, which takes a list of folders for one folder's name
    listed = version.parse(found.version).major >= 2 and ":" in str(path)
    return {} if path and not listed else {(*images, "registry", "config_path"): config_path(found)}


def _cni(origin: Origin, found: Containerd, values: Mapping[str, Any], runtime: tuple[str, ...], number: int) -> dict[tuple[str, ...], Any]:
    """The CNI folders in force where containerd would use others (Debian's package says /usr/lib/cni).

    containerd before 2.1 takes one plugin folder only. From 2.1 to 2.3 `bin_dir` comes before the default of `bin_dirs`, and CRI does not
    load with another one beside it (internal/cri/config/config.go, ValidateRuntimeConfig); 2.4 reads it from files of version 2 alone.
    """
    loaded = at(found.loaded, (*runtime, "cni")) if isinstance(found.loaded, Mapping) else None
    in_force: dict[str, Any] = dict(loaded) if isinstance(loaded, Mapping) else {"conf_dir": "/etc/cni/net.d", "bin_dir": "/opt/cni/bin"}
    own = at(values, (*runtime, "cni"))
    if number < 3 or not isinstance(loaded, Mapping):
        in_force |= own if isinstance(own, Mapping) else {}
    changes: dict[tuple[str, ...], Any] = {}
    if in_force.get("conf_dir") != origin.cni_config_dir:
        changes[(*runtime, "cni", "conf_dir")] = origin.cni_config_dir
    folders = list(origin.cni_bin_dirs)
    if "bin_dirs" in in_force and number >= 3:
        if ([in_force["bin_dir"]] if in_force.get("bin_dir") else in_force["bin_dirs"]) != folders:
            changes[(*runtime, "cni", "bin_dirs")] = folders
    elif len(folders) > 1:
        raise FormatError("containerd config", f"--cni-bin-dir has several folders ({', '.join(folders)}); this containerd takes one")
    elif in_force.get("bin_dir") != folders[0]:
        changes[(*runtime, "cni", "bin_dir")] = folders[0]
    return changes


def _stays(facts: NodeFacts) -> tuple[Stay, ...]:
    """What its files say already and keep; nothing where they cannot be read (a rule says so)."""
    found = facts.containerd
    if not isinstance(found, Containerd):
        return ()
    try:
        files = files_of(facts, found)
        deep = merges_deep(version.parse(found.version).release)
        return (*stays(facts, found, files, schema(found, files), deep=deep), *host_stays(facts, UNIT))
    except FormatError:
        return ()


def _package(facts: NodeFacts) -> str:
    """What its package is called here: that of Docker's own repository where Docker came from there, else the distribution's."""
    names = {package.name for package in facts.packages}
    if "containerd.io" in names or "docker-ce" in names:
        return "containerd.io"
    return "containerd" if "containerd" in names or facts.os.id in ("debian", "ubuntu") else "containerd.io"


def _situated(target: Target, facts: NodeFacts) -> Target:
    """containerd where it listens and keeps its data on this node."""
    found = facts.containerd
    if not isinstance(found, Containerd):
        return target
    ctr = "ctr" if found.socket == SOCKET else f"ctr -a {shlex.quote(found.socket)}"
    return replace(
        target, socket=found.socket, endpoint=f"unix://{found.socket}", data_root=found.root, state=found.state, look=f"{ctr} {_TASKS}"
    )


def pinning(facts: NodeFacts) -> Pinning | None:
    """By a label of the image, which its CRI plugin passes on since 1.6.22 and 1.7.3 (pkg/cri/store/image at these versions)."""
    found = version.known(installed(facts) or "")
    if found is None or found.release < (1, 6):
        return None
    return None if found.patch < {(1, 6): 22, (1, 7): 3}.get(found.release, 0) else Pinning()


def _configured(facts: NodeFacts) -> tuple[str, ...]:
    found = facts.containerd
    return (found.config_path, *found.imports) if isinstance(found, Containerd) else ()


_TASKS = "-n k8s.io tasks ls"
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
    configured=_configured,
    stored=lambda facts: frozenset(facts.containerd.images) if isinstance(facts.containerd, Containerd) else frozenset(),
    containers=lambda facts: facts.containerd.tasks if isinstance(facts.containerd, Containerd) else 0,
    look=f"ctr {_TASKS}",
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
    state="/run/containerd",
    addressed="CONTAINERD_ADDRESS",
    situated=_situated,
    reads=_configured,
    holds=holds,
    stays=_stays,
    pinning=pinning,
    pins_since="1.6.22 and 1.7.3",
    ends=CONTAINERD_ENDS,
    retired=CONTAINERD_RETIRED,
)
