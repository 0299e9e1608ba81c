"""What this node's Docker is told: keys of daemon.json, and the flags of dockerd that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.facts.model import Docker

FILE = "daemon.json"
# dockerd's flags that are named otherwise than the key they set.
FLAGS: Mapping[str, str] = {
    "host": "hosts",
    "H": "hosts",
    "D": "debug",
    "l": "log-level",
    "G": "group",
    "s": "storage-driver",
    "p": "pidfile",
    "b": "bridge",
    "g": "graph",
    "registry-mirror": "registry-mirrors",
    "insecure-registry": "insecure-registries",
    "exec-opt": "exec-opts",
    "storage-opt": "storage-opts",
    "log-opt": "log-opts",
    "label": "labels",
    "default-ulimit": "default-ulimits",
    "default-address-pool": "default-address-pools",
    "add-runtime": "runtimes",
    "authorization-plugin": "authorization-plugins",
    "dns-opt": "dns-opts",
    "default-network-opt": "default-network-opts",
    "node-generic-resource": "node-generic-resources",
    "cluster-store-opt": "cluster-store-opts",
    "cdi-spec-dir": "cdi-spec-dirs",
    "feature": "features",
}
SWITCH_NAMES = """
    debug D experimental icc init ip-forward ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs rootless
    selinux-enabled tls tlsverify userland-proxy validate
"""
SWITCHES = frozenset(SWITCH_NAMES.split())


@dataclass(frozen=True, slots=True)
class Given:
    """A key that this Docker is given, its value, and where: the file, or the flag of dockerd."""

    key: str
    value: Any
    where: str


def given(docker: Docker) -> tuple[Given, ...]:
    """Every key that this Docker is given, from daemon.json and from dockerd's command line; an unreadable file gives none."""
    file = docker.daemon_json if isinstance(docker.daemon_json, Mapping) else {}
    return (*(Given(str(key), value, FILE) for key, value in file.items()), *_from_flags(docker.argv[1:]))


def value_of(docker: Docker, key: str) -> Given | None:
    """The first word on one key, or None; Docker refuses to start when file and flags both give it."""
    return next((one for one in given(docker) if one.key == key), None)


def _from_flags(words: Sequence[str]) -> Iterator[Given]:
    """Flags as keys; what may be given several times becomes one list, or for log-opts one mapping, as in the file."""
    found: dict[str, list[Any]] = {}
    at = 0
    while at < len(words):
        name, equals, value = words[at].lstrip("-").partition("=")
        takes_next = not equals and name not in SWITCHES and at + 1 < len(words)
        if words[at].startswith("-") and name:
            parsed: Any = value if equals else words[at + 1] if takes_next else True
            found.setdefault(name, []).append({"true": True, "false": False}.get(parsed, parsed) if isinstance(parsed, str) else parsed)
            at += takes_next
        at += 1
    for name, values in found.items():
        key = FLAGS.get(name, name)
        listed: Any = values if key != name and key.endswith("s") else values[-1]
        if key == "log-opts":
            listed = dict(str(one).partition("=")[::2] for one in values)
        yield Given(key, listed, f"dockerd --{name}" if len(name) > 1 else f"dockerd -{name}")
