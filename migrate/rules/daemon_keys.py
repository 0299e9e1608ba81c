"""What happens to every setting of this node's Docker: keys of daemon.json, flags, environment, certificates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.facts.daemon import FILE, PROXIES, Given
from migrate.facts.model import Docker, NodeFacts
from migrate.facts.parse.docker import DAEMON_JSON, flag
from migrate.facts.redact import mask, printable
from migrate.formats import FormatError
from migrate.targets import Target
from migrate.targets.docker_keys import UNKNOWN, Fate, Key
from migrate.targets.registries import DOCKER_CERTS, PROXY_NAMES, half_pairs, proxy_lines

__all__ = ["Fate", "Key", "KeyVerdict", "decided", "judge", "left_behind", "shown", "verdicts"]

LONGEST = 300  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """One setting of this node's Docker and what happens to it.

    `key` is a key of daemon.json, a variable of dockerd's environment or a file below /etc/docker/certs.d; `value_masked` is short JSON
    without secrets; `place` is the file, or the flag of dockerd; `note` is one sentence.
    """

    key: str
    value_masked: str
    place: str
    verdict: Fate
    note: str


def judge(key: str, value: Any, target: Target) -> Key | None:
    """The key's verdict, None where this value changes nothing."""
    known = target.docker_keys.get(key, UNKNOWN)
    if key == "log-opts" and value and known.harmless(value):
        return Key(
            Fate.CARRIED,
            "max-size and max-file become the kubelet's containerLogMaxSize and containerLogMaxFiles, unless it has its own",
        )
    return None if known.harmless(value) else known


def decided(given: Given, target: Target) -> Key | None:
    """The verdict on a key as this node gives it; None as for `judge`."""
    if given.key in PROXIES:
        below = f'{{"proxies": {{"{given.key}": ...}}}}'
        return Key(Fate.LOST, f"Docker and the plan read it below `proxies` only: {below}")
    return judge(given.key, given.value, target)


def left_behind(key: str, value: Any, target: Target) -> tuple[str, ...]:
    """What of a key has no equivalent although the key as a whole is carried, or is not needed."""
    return tuple(mask(printable(text))[:LONGEST] for text in _left_behind(key, value, target))


def _left_behind(key: str, value: Any, target: Target) -> Iterator[str]:
    if key == "insecure-registries" and isinstance(value, list) and (ranges := [str(part) for part in value if "/" in str(part)]):
        said = f"{target.title} knows hosts, not ranges ({', '.join(ranges)})"
        yield f"{said}: the plan adds those that this node's images come from, no others"
    if key == "runtimes" and isinstance(value, Mapping):
        for name, runtime in sorted((str(name), runtime) for name, runtime in value.items()):
            if isinstance(runtime, Mapping) and runtime.get("runtimeArgs"):
                yield f"runtimeArgs of {name} are not supported: use a wrapper script as its path"
            if isinstance(runtime, Mapping) and not runtime.get("path") and name != "runc":
                yield f"{name} is a shim ({runtime.get('runtimeType') or 'no path'}): add it to the runtimes of {target.title} by hand"
    if key == "exec-opts":
        options = [str(option) for option in (value if isinstance(value, list) else [value])]
        if others := [option for option in options if not option.startswith("native.cgroupdriver=")]:
            yield f"{', '.join(others)} has no effect any more"


def shown(given: Given, target: Target) -> str:
    """The value as short JSON, what is secret masked; the value of an unknown key is not shown at all."""
    if given.key not in target.docker_keys:
        return "(not shown)"
    text = mask(printable(json.dumps(given.value, ensure_ascii=False, default=str)))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def verdicts(facts: NodeFacts, target: Target) -> tuple[KeyVerdict, ...]:
    """Every setting that this node's Docker is given, with its verdict: daemon.json, dockerd's flags, its environment, its certificates.

    Empty where there is no Docker or it could not be read. A key that only Docker's users feel is in it as well, as not needed.
    """
    docker = facts.docker
    if not isinstance(docker, Docker):
        return ()
    file = flag(docker.argv, "config-file") or DAEMON_JSON
    keys = [_of_key(given, file, target) for given in docker.given]
    return (*keys, *_of_environment(facts, docker, target), *_of_certificates(facts, target))


def _of_key(given: Given, file: str, target: Target) -> KeyVerdict:
    key = decided(given, target) or Key(Fate.NOT_NEEDED, f"{target.title} does the same with this value, or it has no effect on pods")
    note = "; ".join((key.text, *left_behind(given.key, given.value, target)))
    place = file if given.where == FILE else given.where
    return KeyVerdict(printable(given.key)[:LONGEST], shown(given, target), printable(place)[:LONGEST], key.verdict, note)


def _of_environment(facts: NodeFacts, docker: Docker, target: Target) -> Iterator[KeyVerdict]:
    try:
        values = {(name, str(place)): value for name, value, place in proxy_lines(facts, "docker.service")}
    except FormatError:  # a finding already
        values = {}
    for name, place in docker.environment:
        if name in PROXY_NAMES and (name, str(place)) in values:
            value = mask(printable(values[name, str(place)]))[:LONGEST]
            yield KeyVerdict(name, value, str(place), Fate.CARRIED, f"becomes a drop-in of {target.unit}")
        elif name in PROXY_NAMES:
            yield KeyVerdict(name, "(not shown)", str(place), Fate.LOST, f"its value could not be read: set it in {target.unit} by hand")
        else:
            text = "concerns Docker alone; flags that come from it are listed by themselves"
            yield KeyVerdict(name, "(not shown)", str(place), Fate.NOT_NEEDED, text)


def _of_certificates(facts: NodeFacts, target: Target) -> Iterator[KeyVerdict]:
    halves = {path for _, path in half_pairs(facts)}
    for path in facts.docker_certificates:
        name = "CA certificate" if path.endswith(".crt") else "client key" if path.endswith(".key") else "client certificate"
        key = "ca" if path.endswith(".crt") else "client"
        if path in halves:
            yield KeyVerdict(name, "(not shown)", path, Fate.LOST, "its other half is missing, and Docker refuses the registry")
        elif target.hosts is None:
            yield KeyVerdict(name, "(not shown)", path, Fate.CARRIED, f"{target.title} reads /etc/docker/certs.d by itself")
        elif path.endswith((".crt", ".cert", ".key")):
            text = f"becomes `{key}` in certs.d/{path.removeprefix(DOCKER_CERTS).partition('/')[0]}/hosts.toml"
            yield KeyVerdict(name, "(not shown)", path, Fate.CARRIED, text)
