"""Docker Compose files: what each service asks of Docker and of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from migrate.manifests.model import Kind, Use
from migrate.manifests.nodes import entry, get, items, pairs, text
from migrate.manifests.shell import DATA, SOCKET, block_uses
from migrate.manifests.text import Text
from migrate.manifests.values import scalar

NAME = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")
DAEMON_IMAGE = re.compile(r"(?:[\w.:-]+/)*(?:docker:\S*dind\S*|dind(?:[:@]\S*)?)")
_ADMIN = frozenset({"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"})
_PARENTS = frozenset({"/", "/run", "/var", "/var/run"})


def is_compose(node: Node) -> bool:
    """Whether a document without Kubernetes' `kind` describes Compose services."""
    services = pairs(get(node, "services"))
    keys = ("image", "build", "extends")
    return get(node, "kind") is None and any(get(service, key) is not None for _, service in services.values() for key in keys)


def compose_file(node: Node, source: Text) -> Iterator[Use]:
    """The uses of every service, and that the file as a whole needs Docker."""
    key, services = entry(node, "services")
    if key is None or not isinstance(services, MappingNode):
        return
    names = pairs(services)
    told = f"{len(names)} service{'' if len(names) == 1 else 's'}: {', '.join(list(names)[:8])}{' ...' if len(names) > 8 else ''}"
    yield Use(Kind.COMPOSE, "Compose file", told, source.place(key.start_mark.index))
    for name, (_, service) in names.items():
        yield from _service(f"service {name}", service, source)


def _service(subject: str, service: Node, source: Text) -> Iterator[Use]:
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
    for at, name in _environment(entries.get("environment", (None, None))[1]):
        if name == "DOCKER_HOST":
            yield use(Kind.ADDRESS, "sets DOCKER_HOST", at)
    for key in ("command", "entrypoint"):
        value = entries.get(key, (None, None))[1]
        for word in [value, *items(value)]:
            yield from block_uses(word, subject, source)


def _volume(volume: Node, subject: str, source: Text) -> Iterator[Use]:
    path = text(get(volume, "source")) if isinstance(volume, MappingNode) else text(volume).partition(":")[0]
    kind = None
    if SOCKET.search(path) or path.rstrip("/") in _PARENTS - {"/"} or path == "/":
        kind = Kind.SOCKET
    elif DATA.search(path):
        kind = Kind.DATA
    if kind:
        parent = "" if SOCKET.search(path) else ", a parent of Docker's socket" if kind is Kind.SOCKET else ""
        yield Use(kind, subject, f"mounts {path}{parent}", source.place(volume.start_mark.index))


def _environment(node: Node | None) -> Iterator[tuple[Node, str]]:
    if isinstance(node, MappingNode):
        yield from ((key, name) for name, (key, _) in pairs(node).items())
    else:
        yield from ((variable, text(variable).partition("=")[0]) for variable in items(node))


def _true(node: Node) -> bool:
    return isinstance(node, ScalarNode) and scalar(node) in (True, "true")
