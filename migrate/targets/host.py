"""What any CRI runtime needs of the host once dockerd no longer provides it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Docker, NodeFacts
from migrate.formats import unit_file, yaml_doc
from migrate.targets import Edit
from migrate.targets.registries import daemon_proxies, proxy_lines

CRICTL = "/etc/crictl.yaml"
MODULES = ("overlay", "br_netfilter")
# dockerd set these at each start (libnetwork); Kubernetes needs them (kubernetes.io container-runtimes page)
SYSCTLS = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward")
LIMITS = {
    "core": "LimitCORE",
    "cpu": "LimitCPU",
    "data": "LimitDATA",
    "fsize": "LimitFSIZE",
    "locks": "LimitLOCKS",
    "memlock": "LimitMEMLOCK",
    "msgqueue": "LimitMSGQUEUE",
    "nice": "LimitNICE",
    "nofile": "LimitNOFILE",
    "nproc": "LimitNPROC",
    "rss": "LimitRSS",
    "rtprio": "LimitRTPRIO",
    "rttime": "LimitRTTIME",
    "sigpending": "LimitSIGPENDING",
    "stack": "LimitSTACK",
}


def host_edits(facts: NodeFacts, endpoint: str, unit: str) -> tuple[Edit, ...]:
    """crictl.yaml, boot-time modules and sysctls, and the runtime unit's proxy and limits drop-ins. Raises FormatError."""
    return (*_kernel_edits(facts), _crictl_edit(endpoint), *_proxy_edit(facts, unit), *_limits_edit(facts, unit))


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
    lines = proxy_lines(facts, "docker.service")
    told = daemon_proxies(facts)
    variables = {name: value for name, value, _ in lines} | dict(told)
    own = {name for name, _, _ in proxy_lines(facts, unit)}
    missing = {name: value for name, value in variables.items() if name not in own}
    if not missing:
        return ()
    content = unit_file.render_dropin({"Service": [("Environment", _assignment(name, value)) for name, value in missing.items()]})
    given = facts.docker.told("proxies") if isinstance(facts.docker, Docker) else None
    source = ", ".join(dict.fromkeys((*(place.path for _, _, place in lines), *([given.where] if told and given else ()))))
    why = f"pulls went through the proxy of {source}; {unit} does not inherit it"
    # as readable as the file it comes from: a proxy URL may hold a password
    modes = {facts.files[place.path].mode for _, _, place in lines if place.path in facts.files}
    path = f"/etc/systemd/system/{unit}.d/docker2cri-proxy.conf"
    return (Edit("proxy", path, why, lambda text: content, mode=min(modes, default="600")),)


def _assignment(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{name}={escaped}"'


def _limits_edit(facts: NodeFacts, unit: str) -> tuple[Edit, ...]:
    ulimits = facts.daemon_settings.get("default-ulimits")
    if not isinstance(ulimits, Mapping):
        return ()
    lines = []
    for name, limit in sorted(ulimits.items()):
        if name in LIMITS and isinstance(limit, Mapping):
            soft, hard = (_limit(limit.get(key, limit.get(key.lower()))) for key in ("Soft", "Hard"))
            lines.append((LIMITS[name], f"{soft}:{hard}"))
    if not lines:
        return ()
    content = unit_file.render_dropin({"Service": lines})
    why = f"containers had these limits from Docker's default-ulimits; under CRI they inherit {unit}'s"
    return (Edit("ulimits", f"/etc/systemd/system/{unit}.d/docker2cri-limits.conf", why, lambda text: content),)


def _limit(value: Any) -> str:
    return "infinity" if value in (-1, None) else str(int(value))
