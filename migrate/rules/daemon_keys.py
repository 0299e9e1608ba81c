"""What happens to every setting of this node's Docker: keys of daemon.json, flags, environment, certificates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.facts.daemon import FILE, PROXIES, Given
from migrate.facts.model import Docker, Kubelet, NodeFacts
from migrate.facts.parse.docker import DAEMON_JSON, flag
from migrate.facts.redact import mask, printable
from migrate.formats import FormatError, quantity
from migrate.targets import Stay, Target
from migrate.targets.docker_keys import UNKNOWN, Fate, Key
from migrate.targets.docker_runtimes import only_dockers
from migrate.targets.proxies import DOCKER_UNIT, PROXY_NAMES, docker_proxies, unit_proxies
from migrate.targets.registries import DOCKER_CERTS, half_pairs, is_range

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


def decided(given: Given, target: Target, facts: NodeFacts, stays: Sequence[Stay]) -> Key | None:
    """The verdict on a key as this node gives it; `stays` is what the target keeps here. None as for `judge`."""
    if given.key in PROXIES:
        below = f'{{"proxies": {{"{given.key}": ...}}}}'
        return Key(Fate.LOST, f"Docker and the plan read it below `proxies` only: {below}")
    if given.value and only_dockers(given.key, given.value):
        return Key(Fate.NOT_NEEDED, f"it is a part of Docker: {target.title} has its own runc")
    if given.key == "log-opts" and (own := _own_rotation(facts, given.value)):
        key = judge(given.key, given.value, target)
        rest = f"; {key.text}" if key and key.verdict is Fate.CHANGED else ""
        return Key(Fate.CHANGED, f"{own} of the kubelet stays{rest}")
    if kept := [stay for stay in stays if stay.docker_key == given.key]:
        fate = Fate.LOST if any(stay.lost for stay in kept) else Fate.CHANGED
        return Key(fate, "; ".join(mask(printable(stay.told)) for stay in kept))
    return judge(given.key, given.value, target)


def _own_rotation(facts: NodeFacts, options: Any) -> str:
    """The kubelet's own settings in the place of Docker's, with where they stand."""
    fields = {
        "max-size": ("container-log-max-size", "containerLogMaxSize"),
        "max-file": ("container-log-max-files", "containerLogMaxFiles"),
    }
    if not isinstance(options, Mapping) or not isinstance(facts.kubelet, Kubelet):
        return ""
    settings = [(key, names[1], facts.kubelet.setting(*names)) for key, names in fields.items() if key in options]
    own = [(name, setting) for key, name, setting in settings if setting.place and not _same_rotation(options[key], setting.value)]
    return ", ".join(f"{name} = {setting.value} ({setting.place})" for name, setting in own)


def _same_rotation(docker: Any, kubelet: Any) -> bool:
    try:
        size = quantity.as_quantity(quantity.docker_size(str(docker)))
    except FormatError:
        size = ""
    return str(kubelet) in (str(docker), size)


def left_behind(key: str, value: Any, target: Target) -> tuple[str, ...]:
    """What of a key has no equivalent although the key as a whole is carried, or is not needed."""
    return tuple(mask(printable(text))[:LONGEST] for text in _left_behind(key, value, target))


def _left_behind(key: str, value: Any, target: Target) -> Iterator[str]:
    if key == "insecure-registries" and isinstance(value, list) and (ranges := [str(part) for part in value if is_range(str(part))]):
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
    stays = target.stays(facts)
    keys = [_of_key(given, file, target, facts, stays) for given in docker.given]
    return (*keys, *_of_environment(facts, docker, target, stays), *_of_certificates(facts, target))


def _of_key(given: Given, file: str, target: Target, facts: NodeFacts, stays: Sequence[Stay]) -> KeyVerdict:
    key = decided(given, target, facts, stays) or Key(
        Fate.NOT_NEEDED, f"{target.title} does the same with this value, or it has no effect on pods"
    )
    note = "; ".join((key.text, *left_behind(given.key, given.value, target)))
    place = file if given.where == FILE else given.where
    return KeyVerdict(printable(given.key)[:LONGEST], shown(given, target), printable(place)[:LONGEST], key.verdict, note)


def _of_environment(facts: NodeFacts, docker: Docker, target: Target, kept: Sequence[Stay]) -> Iterator[KeyVerdict]:
    try:
        values = {(variable.name, variable.where): variable.value for variable in unit_proxies(facts, DOCKER_UNIT)}
        carried = {variable.kind: variable.value for variable in docker_proxies(facts)}
    except FormatError:  # a finding already
        values, carried = {}, {}
    stays = {stay.docker_key.upper(): stay for stay in kept}
    for name, place in docker.environment:
        value = values.get((name, str(place)))
        if name not in PROXY_NAMES:
            text = "concerns Docker alone; flags that come from it are listed by themselves"
            yield KeyVerdict(name, "(not shown)", str(place), Fate.NOT_NEEDED, text)
        elif value is None:
            yield KeyVerdict(name, "(not shown)", str(place), Fate.LOST, f"its value could not be read: set it in {target.unit} by hand")
        else:
            fate, text = _of_proxy(name, value, carried, stays.get(name.upper()), target)
            yield KeyVerdict(name, mask(printable(value))[:LONGEST], str(place), fate, text)


def _of_proxy(name: str, value: str, carried: Mapping[str, str], stay: Stay | None, target: Target) -> tuple[Fate, str]:
    if stay:
        return Fate.CHANGED, mask(printable(stay.told))
    if name.upper() not in carried:
        return Fate.NOT_NEEDED, "Docker does not have it: docker info reports none, or systemd alone knows its value"
    if carried[name.upper()] != value:
        return Fate.CHANGED, f"Docker has another one now, which becomes a drop-in of {target.unit}"
    return Fate.CARRIED, f"becomes a drop-in of {target.unit}"


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
