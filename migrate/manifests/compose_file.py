"""Docker Compose files: what each service asks of Docker and of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from migrate.facts.docker_names import DATA, SOCKET
from migrate.facts.env_value import HOST, LOOPBACK
from migrate.manifests.model import Kind, Use
from migrate.manifests.nodes import entry, get, items, pairs, text
from migrate.manifests.shell import block_uses
from migrate.manifests.text import Text
from migrate.manifests.values import scalar

NAME = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")
DAEMON_IMAGE = re.compile(r"(?:[\w.:-]+/)*(?:docker:(?=\S*dind)\S*|dind(?:[:@]\S*)?)")
_ADMIN = frozenset({"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"})
_MADE_OF = ("image", "build", "extends")
# Version 1 of the file format has services at its top; keys that other programs' files have as well do not tell
_UNSURE = frozenset({"image", "command", "environment", "labels", "ports", "hostname", "user", "entrypoint"})
_SERVICE = _UNSURE | frozenset(
    {
        *("build", "dockerfile", "extends", "container_name", "links", "external_links", "volumes", "volumes_from", "volume_driver"),
        *("env_file", "expose", "net", "network_mode", "pid", "ipc", "privileged", "restart", "cap_add", "cap_drop", "devices", "dns"),
        *("dns_search", "domainname", "extra_hosts", "mem_limit", "memswap_limit", "cpu_shares", "cpuset", "log_driver", "log_opt"),
        *("logging", "mac_address", "read_only", "security_opt", "stdin_open", "tty", "ulimits", "working_dir"),
    }
)
_TCP = re.compile(r"tcp://([\w.-]{1,253})")
_PARENTS = frozenset({"/", "/run", "/var", "/var/run"})


def is_compose(node: Node, *, by_name: bool = False) -> bool:
    """Whether a document without Kubernetes' `kind` describes Compose services, below `services` or (version 1) at its top.

    `by_name` is for a file with the name of a Compose file: parts of services, as in an override, are enough.
    """
    if get(node, "kind") is not None:
        return False
    services = pairs(get(node, "services"))
    if any(get(service, key) is not None for _, service in services.values() for key in _MADE_OF):
        return True
    return (by_name and isinstance(get(node, "services"), MappingNode)) or _is_version_1(node, by_name)


def _is_version_1(node: Node, by_name: bool) -> bool:
    services = [pairs(service) for _, service in pairs(node).values()]
    if not services or not all(service and _SERVICE.issuperset(service) for service in services):
        return False
    sure = by_name or any(not _UNSURE.issuperset(service) for service in services)
    return sure and all(any(text(service.get(key, (None, None))[1]) for key in _MADE_OF) for service in services)


def compose_file(node: Node, source: Text) -> Iterator[Use]:
    """The uses of every service, and that the file as a whole needs Docker."""
    key, services = entry(node, "services")
    if key is None:
        key, services = node, node
    if not isinstance(services, MappingNode):
        return
    names = pairs(services)
    told = f"{len(names)} service{'' if len(names) == 1 else 's'}: {', '.join(list(names)[:8])}{' ...' if len(names) > 8 else ''}"
    yield Use(Kind.COMPOSE, "Compose file", told, source.place(key.start_mark.index))
    for name, (_, service) in names.items():
        yield from _service(f"service {name}", service, source, frozenset(names))


def _service(subject: str, service: Node, source: Text, beside: frozenset[str]) -> Iterator[Use]:
    def use(kind: Kind, evidence: str, at: Node) -> Use:
        return Use(kind, subject, evidence, source.place(at.start_mark.index))

    entries = pairs(service)
    if "image" in entries and DAEMON_IMAGE.fullmatch(text(entries["image"][1])):
        yield use(Kind.DAEMON, f"image {text(entries['image'][1])}", entries["image"][0])
    if "privileged" in entries and _true(entries["privileged"][1]):
        yield use(Kind.PRIVILEGED, "privileged: true", entries["privileged"][0])
    for key in ("pid", "ipc", "userns_mode"):
        if key in entries and text(entries[key][1]) == "host":
            yield use(Kind.PRIVILEGED, f"{key}: host", entries[key][0])
    for capability in items(entries.get("cap_add", (None, None))[1]):
        if text(capability).upper() in _ADMIN:
            yield use(Kind.PRIVILEGED, f"cap_add {text(capability)}", capability)
    for volume in items(entries.get("volumes", (None, None))[1]):
        yield from _volume(volume, subject, source)
    for at, name, set_to in _environment(entries.get("environment", (None, None))[1]):
        if name == HOST and (own := _TCP.match(set_to)) and own[1] in beside | LOOPBACK:
            yield use(Kind.DAEMON, f"DOCKER_HOST is {own[0]}", at)
        elif name == HOST:
            yield use(Kind.ADDRESS, "sets DOCKER_HOST", at)
    for key in ("command", "entrypoint"):
        value = entries.get(key, (None, None))[1]
        for word in [value, *items(value)]:
            yield from block_uses(word, subject, source)


def _volume(volume: Node, subject: str, source: Text) -> Iterator[Use]:
    path = text(get(volume, "source")) if isinstance(volume, MappingNode) else text(volume).partition(":")[0]
    kind = None
    if path.startswith("."):  # below the file's own folder
        return
    if SOCKET.search(path) or path.rstrip("/") in _PARENTS - {"/"} or path == "/":
        kind = Kind.SOCKET
    elif DATA.search(path):
        kind = Kind.DATA
    if kind:
        parent = "" if SOCKET.search(path) else ", a parent of Docker's socket" if kind is Kind.SOCKET else ""
        yield Use(kind, subject, f"mounts {path}{parent}", source.place(volume.start_mark.index))


def _environment(node: Node | None) -> Iterator[tuple[Node, str, str]]:
    if isinstance(node, MappingNode):
        yield from ((key, name, text(value)) for name, (key, value) in pairs(node).items())
    else:
        for variable in items(node):
            name, _, value = text(variable).partition("=")
            yield variable, name, value


def _true(node: Node) -> bool:
    return isinstance(node, ScalarNode) and scalar(node) in (True, "true")
