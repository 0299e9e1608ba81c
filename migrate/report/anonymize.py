"""A report for strangers: names of hosts, namespaces, workloads and people, and addresses, become pseudonyms.

The same key gives the same pseudonym, so two reports made with it can be compared; without the key no name can be found by trying names.
Texts keep their meaning: what is replaced are known names wherever they stand, addresses, image references, and user parts of paths.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from migrate.report.model import Report

ADDRESS = re.compile(
    r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w-]|\.[0-9])|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])"
)
USER = re.compile(r"(?<=/home/)[^/\s:,;)]+|(?<=/Users/)[^/\s:,;)]+")
IMAGE = re.compile(r"(?<=image )[\w][\w./:@-]*[\w]")
CONTAINER = re.compile(r"(?<=\bcontainer )[a-z0-9][\w.-]*[\w]")
MEMBERS = re.compile(r"^members: (.+)")
TITLED = re.compile(r"\b([A-Z][A-Za-z]+) ([a-z0-9][\w.-]*)/([a-z0-9][\w.-]*)")
PODS = re.compile(r"\((pods?) ([^()]+?)( and [\d,]+ more)?\)")
NAME = re.compile(r"[^, ]+")
REGISTRY = re.compile(r"(?<=/certs\.d/)[^/\s]+(?=/)")
BUILT_IN = ("bridge", "host", "none", "ingress", "docker_gwbridge")
HIDDEN = "(not shown)"
PUBLIC = frozenset(("kube-system", "kube-public", "kube-node-lease", "default", "docker", "containerd", "kubelet", "logs", "docker.io"))


def anonymized(report: Report, key: bytes) -> Report:
    """The report with pseudonyms. Kubernetes' own namespaces stay; so do rules, versions, counts and states."""
    names = _Names(key)
    for node in report.nodes:
        names.learn("node", node.host, node.node, node.host.partition(".")[0], node.node.partition(".")[0])
        names.learn("pool", node.pool)
        names.learn("zone", node.zone)
        names.learn("container", *(name for runtime in (node.machine.runtimes if node.machine else ()) for name in runtime.own))
    for host in report.docker_hosts:
        names.learn("host", host.host, host.endpoint)
        names.learn("container", *(container.name for container in host.containers))
        names.learn("app", *(name for one in host.containers for name in (one.project, one.service, one.swarm_service)), *host.services)
        names.learn("image", *(container.image for container in host.containers))
        names.learn("volume", *(volume.partition(" ")[0] for volume in host.volumes))
        names.learn("network", *(network.partition(" ")[0] for network in host.networks if network.partition(" ")[0] not in BUILT_IN))
    for workload in report.workloads:
        names.learn("ns", workload.namespace)
        names.learn("app", workload.name)
    for text in _texts(report):
        for kind, namespace, name in TITLED.findall(text):
            names.learn("ns", namespace)
            names.learn("node" if kind == "Node" else "app", name)
        names.learn("image", *IMAGE.findall(text))
        names.learn("container", *CONTAINER.findall(text))
        names.learn("user", *(name for found in MEMBERS.findall(text) for name in found.split(", ")))
        names.learn("registry", *REGISTRY.findall(text))
    names.learn("cluster", report.cluster)
    # mirrors, proxies, networks: a setting's value may identify its owner in more ways than can be listed
    nodes = tuple(replace(node, settings=tuple(replace(setting, value=HIDDEN) for setting in node.settings)) for node in report.nodes)
    value = msgspec.to_builtins(replace(report, nodes=nodes))
    kept = {name: value[name] for name in ("format", "kind", "tool", "taken", "server", "target", "next_kubernetes", "rules", "asked")}
    return msgspec.convert({**_walk(value, names), **kept}, Report)


class _Names:
    """Every name that was learned, with its pseudonym."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(key).digest()
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, kind: str, *names: str) -> None:
        for name in names:
            if name and name not in PUBLIC:
                self._known.setdefault(name, self.alias(kind, name))
        self._pattern = None

    def alias(self, kind: str, name: str) -> str:
        return f"{kind}-{hashlib.blake2b(name.encode(), key=self._key, digest_size=4).hexdigest()}"

    def hide(self, text: str) -> str:
        if self._pattern is None:
            longest = sorted(self._known, key=len, reverse=True)
            words = "|".join(map(re.escape, longest)) or "(?!)"
            # a pod's name is its owner's with something added
            self._pattern = re.compile(rf"(?<![\w.-])({words})(-[a-z0-9]+)*(?![\w-])")
        text = PODS.sub(lambda found: f"({found[1]} {NAME.sub(lambda name: self.alias('pod', name[0]), found[2])}{found[3] or ''})", text)
        text = self._pattern.sub(lambda found: self._known[found[1]], text)
        text = ADDRESS.sub(lambda found: self.alias("address", found[0]), text)
        return USER.sub(lambda found: self.alias("user", found[0]), text)


FIXED = frozenset(
    (
        "code",
        "slug",
        "severity",
        "what",
        "state",
        "pod_security",
        "kind",
        "kubelet",
        "kernel",
        "os",
        "role",
        "kubernetes",
        "inside",
        "verdict",
        "stack",
    )
)


def _walk(value: Any, names: _Names) -> Any:
    if isinstance(value, str):
        return names.hide(value)
    if isinstance(value, dict):
        return {key: item if key in FIXED else _walk(item, names) for key, item in value.items()}
    return [_walk(item, names) for item in value] if isinstance(value, list | tuple) else value


def _texts(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield from (finding.subject, finding.evidence, finding.workload)
    yield from (file.path for file in report.files)
    yield from (setting.place for node in report.nodes for setting in node.settings)
