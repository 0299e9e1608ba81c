"""What any CRI runtime needs of the host once dockerd no longer provides it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.facts.model import NodeFacts
from migrate.facts.redact import mask
from migrate.formats import FormatError, unit_file, yaml_doc
from migrate.targets import Edit, Stay
from migrate.targets.proxies import docker_proxies, unit_proxies

CRICTL = "/etc/crictl.yaml"
MODULES = ("overlay", "br_netfilter")
# dockerd set these at each start (libnetwork); Kubernetes needs them (kubernetes.io container-runtimes page)
SYSCTLS = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward")


def host_edits(facts: NodeFacts, endpoint: str, unit: str) -> tuple[Edit, ...]:
    """crictl.yaml, boot-time modules and sysctls, and the runtime unit's proxy drop-in. Raises FormatError."""
    return (*_kernel_edits(facts), _crictl_edit(endpoint), *_proxy_edit(facts, unit))


def _kernel_edits(facts: NodeFacts) -> tuple[Edit, ...]:
    edits = []
    if missing := tuple(module for module in MODULES if module not in facts.kernel.boot_modules):
        content = "".join(f"{module}\n" for module in missing)
        why = f"dockerd loaded {' and '.join(missing)}; at the next boot nobody would"
        edits.append(Edit("kernel-modules", "/etc/modules-load.d/docker2cri.conf", why, lambda text: content))
    if absent := tuple(name for name in SYSCTLS if facts.kernel.boot_sysctls.get(name, ("", ""))[0] != "1"):
        settings = "".join(f"{name} = 1\n" for name in absent)
        why = f"dockerd set {', '.join(absent)}; at the next boot nobody would"
        edits.append(Edit("kernel-sysctls", "/etc/sysctl.d/99-docker2cri.conf", why, lambda text: settings))
    return tuple(edits)


def _crictl_edit(endpoint: str) -> Edit:
    changes: Mapping[tuple[str, ...], Any] = {("runtime-endpoint",): endpoint, ("image-endpoint",): endpoint}
    why = "without it crictl tries dockershim's socket first (cri-tools docs/crictl.md)"
    return Edit("crictl", CRICTL, why, lambda text: yaml_doc.edit(text or "", changes))


def _proxy_edit(facts: NodeFacts, unit: str) -> tuple[Edit, ...]:
    own = {variable.kind for variable in unit_proxies(facts, unit)}
    missing = [variable for variable in docker_proxies(facts) if variable.kind not in own]
    if not missing:
        return ()
    lines = [("Environment", _assignment(variable.name, variable.value)) for variable in missing]
    content = unit_file.render_dropin({"Service": lines})
    source = ", ".join(dict.fromkeys(variable.place.path if variable.place else variable.where for variable in missing))
    why = f"pulls went through the proxy of {source}; {unit} does not inherit it"
    # as readable as the file it comes from: a proxy URL may hold a password
    files = [facts.files.get(variable.place.path) if variable.place else None for variable in missing]
    mode = min(file.mode if file else "600" for file in files)
    path = f"/etc/systemd/system/{unit}.d/docker2cri-proxy.conf"
    return (Edit("proxy", path, why, lambda text: content, mode=mode),)


def host_stays(facts: NodeFacts, unit: str) -> tuple[Stay, ...]:
    """The proxies that the runtime's unit has of its own."""
    try:
        own = {variable.kind: variable for variable in unit_proxies(facts, unit)}
        docker = docker_proxies(facts)
    except FormatError:  # its edit is refused
        return ()
    pairs = [(variable, own[variable.kind]) for variable in docker if variable.kind in own]
    return tuple(
        Stay(variable.name, mine.name, mask(mine.value), mine.where, f"Docker's is {mask(variable.value)}")
        for variable, mine in pairs
        if mine.value != variable.value
    )


def _assignment(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{name}={escaped}"'
