"""The proxies that Docker pulls through: what the daemon reports, which wins, and where its files, flags and process give the credentials.

Sources: moby daemon/info.go (maskCredentials: `xxxxx:xxxxx`), cmd/dockerd/daemon.go (`proxies` of daemon.json override the environment,
Docker 23 and later); systemd.exec(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.model import Docker, NodeFacts, Place, Unit
from migrate.formats import env_file, unit_file
from migrate.formats.unit_file import UnitFile

DOCKER_UNIT = "docker.service"
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
# what `docker info` calls a variable in force
REPORTED = {"HTTP_PROXY": "HttpProxy", "HTTPS_PROXY": "HttpsProxy", "NO_PROXY": "NoProxy"}
OPTIONS = {"http-proxy": "HTTP_PROXY", "https-proxy": "HTTPS_PROXY", "no-proxy": "NO_PROXY"}
_USERINFO = re.compile(r"(\A(?:[a-z][a-z0-9+.-]*://)?)[^/@]*@", re.IGNORECASE)
_MASKED = re.compile(r"\A(?:[a-z][a-z0-9+.-]*://)?x{5}(?::x{5})?@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProxyVariable:
    """A proxy as a variable of a process: its name as it was given, its value, and where that stands.

    `place` is None for what no file says; `open` is the first specifier of systemd in the value that only the node can fill.
    """

    name: str
    value: str
    where: str
    place: Place | None = None
    open: str = ""

    @property
    def kind(self) -> str:
        """The name in capitals: clients take either."""
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Differing:
    """Something that Docker was told otherwise than it reports: both as they were given, empty where there is nothing."""

    subject: str
    told: str
    where: str
    reports: str


def unit_proxies(facts: NodeFacts, unit: str) -> tuple[ProxyVariable, ...]:
    """The proxy variables of a unit, those in force last; empty when there are none. Raises FormatError.

    Files named by EnvironmentFile= come after the unit's own Environment= and win over it, later ones over earlier (systemd.exec(5)).
    """
    found = facts.unit(unit)
    if found is None:
        return ()
    variables = unit_file.environment(merged_unit(facts, found), facts.os.systemd)
    lines = [_at(variable.name, variable.value, Place(variable.path, variable.line), variable.open) for variable in variables]
    for path in found.environment_files:
        # a file without them may be as odd as it likes
        if (file := facts.files.get(path)) and any(name in file.text for name in PROXY_NAMES):
            lines += [_at(variable.name, variable.value, Place(path, variable.line)) for variable in env_file.parse(file.text)]
    return tuple(line for line in lines if line.name in PROXY_NAMES)


def merged_unit(facts: NodeFacts, unit: Unit) -> UnitFile:
    """A unit file with its drop-ins, as far as they were read. Raises FormatError."""
    texts = [(path, facts.files[path].text) for path in unit.files if path in facts.files] or [(unit.name, "")]
    return unit_file.merge(texts[0], texts[1:])


def _at(name: str, value: str, place: Place, still: str = "") -> ProxyVariable:
    return ProxyVariable(name, value, str(place), place, still)


def told_proxies(facts: NodeFacts) -> tuple[ProxyVariable, ...]:
    """What unit, environment files, daemon.json and flags give Docker, each kind once, in order of PROXY_NAMES. Raises FormatError."""
    found = {variable.name: variable for variable in unit_proxies(facts, DOCKER_UNIT)}
    docker = facts.docker
    given = docker.told("proxies") if isinstance(docker, Docker) else None
    if given and isinstance(given.value, Mapping):
        merged = facts.daemon_settings["proxies"]
        found |= {name: ProxyVariable(name, str(merged[key]), given.where) for key, name in OPTIONS.items() if key in merged}
    return tuple(found[name] for name in PROXY_NAMES if name in found)


def docker_proxies(facts: NodeFacts) -> tuple[ProxyVariable, ...]:
    """The proxies that Docker has: what it reports, its credentials filled in from its process or its files; where they agree with none of
    these, or the daemon tells nothing, what the files say. Raises FormatError.
    """
    told = tuple(variable for variable in told_proxies(facts) if not variable.open)
    reports = reported(facts)
    if reports is None:
        return told
    sources = (*_running(facts), *told)
    found: list[ProxyVariable] = []
    for kind, text in reports.items():
        known = [variable for variable in sources if variable.kind == kind and agrees(variable.value, text)]
        if known:  # the same value in a file tells where it stands
            found.append(next((variable for variable in known if variable.place and variable.value == known[0].value), known[0]))
        elif text and not _MASKED.match(text):
            found.append(ProxyVariable(kind, text, "docker info"))
        elif text and any(variable.kind == kind for variable in told):
            return told
    return tuple(found)


def differing_proxies(facts: NodeFacts) -> Iterator[Differing]:
    """Where the daemon reports another proxy than its files and flags give it. Raises FormatError."""
    told = {variable.kind: variable for variable in reversed(told_proxies(facts)) if not variable.open}
    for kind, text in (reported(facts) or {}).items():
        variable = told.get(kind)
        if variable is not None and not agrees(variable.value, text):
            yield Differing(kind, variable.value, variable.where, text)


def reported(facts: NodeFacts) -> dict[str, str] | None:
    """What `docker info` reports by kind, empty texts for none; None where nobody knows."""
    info = facts.docker.info if isinstance(facts.docker, Docker) else None
    found = {kind: info[key] for kind, key in REPORTED.items() if isinstance(info.get(key), str)} if info else {}
    return found or None


def agrees(value: str, text: str) -> bool:
    """Whether a value is what `docker info` shows, credentials apart."""
    return value == text or bool(_MASKED.match(text) and _USERINFO.match(value) and _bare(value) == _bare(text))


def _bare(url: str) -> str:
    return _USERINFO.sub(r"\1", url).rstrip("/")


def _running(facts: NodeFacts) -> tuple[ProxyVariable, ...]:
    variables = facts.docker.process_proxies if isinstance(facts.docker, Docker) else {}
    return tuple(ProxyVariable(name, variables[name], "the environment of dockerd") for name in PROXY_NAMES if name in variables)
