"""What a Docker daemon is told, in one form: keys of daemon.json, and the flags of dockerd that say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.formats.number import whole

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
    "http-proxy": "proxies",
    "https-proxy": "proxies",
    "no-proxy": "proxies",
}
SWITCH_NAMES = """
    debug D experimental icc init ip-forward ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs rootless
    selinux-enabled tls tlsverify userland-proxy validate
"""
SWITCHES = frozenset(SWITCH_NAMES.split())
# Docker takes these from both places at once (moby daemon/config: skipDuplicates, skipValidateOptions)
BOTH = frozenset({"runtimes", "features"})


@dataclass(frozen=True, slots=True)
class Given:
    """A key that a Docker daemon is given, its value in the form of daemon.json, and where: the file, or the flag of dockerd."""

    key: str
    value: Any
    where: str


def given(file: object, argv: Sequence[str]) -> tuple[Given, ...]:
    """Every key that a daemon is given by daemon.json (none of it when it is no mapping) and by its command line, program first."""
    keys = file if isinstance(file, Mapping) else {}
    return (*(Given(str(key), value, FILE) for key, value in keys.items()), *_from_flags(argv[1:]))


def merged(keys: Sequence[Given]) -> Mapping[str, Any]:
    """All keys as if daemon.json held them; of mappings in both places what either has."""
    found: dict[str, Any] = {}
    for given in keys:
        before = found.get(given.key)
        found[given.key] = {**before, **given.value} if isinstance(before, Mapping) and isinstance(given.value, Mapping) else given.value
    return found


def twice(keys: Sequence[Given]) -> tuple[tuple[Given, Given], ...]:
    """The keys that file and flags both give, which keeps dockerd from starting (moby daemon/config, findConfigurationConflicts)."""
    file = {given.key: given for given in keys if given.where == FILE}
    flags = [given for given in keys if given.where != FILE and given.key in file and given.key not in BOTH]
    return tuple((file[given.key], given) for given in flags if not _apart(file[given.key].value, given.value))


def _apart(mapping: Any, other: Any) -> bool:
    """Whether two mappings have no name in common: only `proxies` is compared name by name."""
    return isinstance(mapping, Mapping) and isinstance(other, Mapping) and set(other) <= set(PROXIES) and not set(mapping) & set(other)


def _from_flags(words: Sequence[str]) -> Iterator[Given]:
    """Flags as keys; what may be given several times becomes one list or mapping, as in the file."""
    found: dict[str, list[tuple[str, Any]]] = {}
    at = 0
    while at < len(words):
        name, equals, value = words[at].lstrip("-").partition("=")
        takes_next = not equals and name not in SWITCHES and at + 1 < len(words)
        if words[at].startswith("-") and name:
            parsed: Any = value if equals else words[at + 1] if takes_next else True
            found.setdefault(FLAGS.get(name, name), []).append((name, _switched(parsed)))
            at += takes_next
        at += 1
    for key, pairs in found.items():
        names = dict.fromkeys(f"--{name}" if len(name) > 1 else f"-{name}" for name, _ in pairs)
        yield Given(key, _shaped(key, pairs), f"dockerd {' '.join(names)}")


def _switched(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _shaped(key: str, pairs: Sequence[tuple[str, Any]]) -> Any:
    """The values of a flag as daemon.json writes them."""
    if key == "proxies":
        return dict(pairs)
    values = [value for _, value in pairs]
    if key in SHAPES:
        return dict(filter(None, (SHAPES[key](str(value)) for value in values)))
    if pairs[0][0] != key and key.endswith("s"):
        return values
    last = values[-1]
    number = whole(last) if isinstance(last, str) and key in NUMBERS else None
    return last if number is None else number


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, value


def _feature(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    return name, _switched(value) if equals else True


def _runtime(text: str) -> tuple[str, Any]:
    name, _, path = text.partition("=")
    return name, {"path": path}


def _ulimit(text: str) -> tuple[str, Any] | None:
    """`nofile=SOFT[:HARD]`, the hard limit being the soft one when it is left out (docker/go-units ParseUlimit); None for no such text."""
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    numbers = whole(soft), whole(hard or soft)
    return None if None in numbers else (name, {"Name": name, "Soft": numbers[0], "Hard": numbers[1]})


PROXIES = ("http-proxy", "https-proxy", "no-proxy")
NUMBERS = frozenset(
    {"max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "mtu", "shutdown-timeout", "oom-score-adjust"}
)
SHAPES: Mapping[str, Callable[[str], tuple[str, Any] | None]] = {
    "log-opts": _option,
    "default-ulimits": _ulimit,
    "runtimes": _runtime,
    "features": _feature,
}
