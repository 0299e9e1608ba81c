"""The answer of `migrate.facts.remains_probe`, as `Remains`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from migrate.facts.capture import Capture
from migrate.facts.parse.bounded import MOST, clean
from migrate.facts.parse.docker_chains import docker_chains
from migrate.facts.parse.reading import Reading
from migrate.facts.remains import (
    Chains,
    DataRoot,
    LeftContainer,
    Leftover,
    LeftPackage,
    LeftRun,
    Namespace,
    Records,
    Remains,
)
from migrate.facts.remains_probe import FIREWALLS, HOME, Whereabouts

KIB = 1024
_NAME = re.compile(r'([0-9a-f]{64})/config\.v2\.json:"Name":"/([^"]{1,200})"')
_POD = re.compile(r'([0-9a-f]{64})/config\.v2\.json:"io\.kubernetes\.pod\.uid":')
_PROJECT = re.compile(r'([0-9a-f]{64})/config\.v2\.json:"com\.docker\.compose\.project":"([^"]{1,200})"')
_ENTRY = re.compile(r"(\S{1,40})/journal:[0-9]{1,9} [0-9]{1,9} [0-9.]{1,20} (\S{1,20}) \S{1,10} \S{1,40}(?: (.*))?")
_STOPPED = re.compile(r"(\S{1,40})/standalone:[0-9a-f]{64} (.{1,200})")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,40}")
CLEANED = "cleaned"  # the note by which a run's journal tells that its Docker was taken away (migrate/node/cleanup.sh)
VERIFIED = "verified"
ENDS = ("rolled-back", "needs-attention", "released", "undo-begin")


def remains(capture: Capture, place: Whereabouts) -> Remains:
    """What Docker left on a node; what of it could not be read is in `unreadable`, and is then not in the lists."""
    reading = Reading(capture)
    found = Remains(
        root=_root(reading, place),
        containers=_containers(reading),
        packages=_packages(reading),
        paths=_paths(reading),
        chains=_chains(reading),
        firewall=_firewall(reading),
        namespace=_namespace(reading, place),
        link=reading.exists("/sys/class/net/docker0") and not _lines(reading, "attached", 2),
        attached=_lines(reading, "attached", 2),
        processes=tuple(clean(line.partition(" ")[2]) for line in _lines(reading, "processes", 1)),
        group=bool(_lines(reading, "group", 2)),
        records=_records(reading),
    )
    return replace(found, unreadable=reading.unreadable)


def _lines(reading: Reading, key: str, *accept: int) -> tuple[str, ...]:
    return tuple((reading.output(key, (0, *accept)) or "").splitlines())


def _sizes(reading: Reading, key: str) -> Mapping[str, int]:
    """Sizes in bytes by name; what du could not read is not in it, and no finding: only a number is missing."""
    command = reading.capture.commands.get(key)
    rows = (line.split("\t", 1) for line in (command.text if command and not command.truncated else "").splitlines())
    return {row[1]: int(row[0]) * KIB for row in rows if len(row) == 2 and row[0].isdigit()}


def _root(reading: Reading, place: Whereabouts) -> DataRoot | None:
    if not reading.exists(place.root):
        return None
    sizes, volumes = _sizes(reading, "root sizes"), _sizes(reading, "volume sizes")
    names = [line.partition(" ")[2] for line in _lines(reading, "root")]
    used = _lines(reading, "volumes", 1) if "volumes" in names else ()
    path = reading.capture.paths[place.root].target or place.root  # mount points are told by where a link leads
    mounts = [line for line in _lines(reading, "mounts") if line == path or line.startswith(f"{path}/")]
    return DataRoot(
        path=path,
        entries=tuple(Leftover(clean(name), sizes.get(name)) for name in sorted(names)),
        volumes=tuple(Leftover(clean(name), volumes.get(f"{name}/_data")) for name in used),
        mounts=tuple(map(clean, mounts)),
    )


def _containers(reading: Reading) -> tuple[LeftContainer, ...]:
    """Those without a pod. A kubelet's is named k8s_...: an image that was committed of one hands its labels on."""
    text = "\n".join(_lines(reading, "containers", 1, 2))
    names = dict(_NAME.findall(text))
    pods = {key for key in _POD.findall(text) if names.get(key, "").startswith("k8s_")}
    projects = dict(_PROJECT.findall(text))
    found = (LeftContainer(clean(name), clean(projects.get(key, ""))) for key, name in names.items() if key not in pods)
    return tuple(sorted(found, key=lambda container: container.name)[:MOST])


def _paths(reading: Reading) -> tuple[str, ...]:
    """What no package owns. A folder of drop-ins is told by what lies in it too."""
    packaged = {line.rpartition(": ")[2] for line in _lines(reading, "owned dpkg", 1)}
    owned = {*packaged, *(f"/usr{path}" for path in packaged), *_lines(reading, "owned rpm", 1)}
    there = [line.partition(" ")[2] for line in _lines(reading, "paths", 1)]
    inside = _lines(reading, "drop-ins", 1)
    return tuple(sorted({clean(path) for path in (*there, *inside) if path not in owned}))


def _packages(reading: Reading) -> tuple[LeftPackage, ...]:
    found = {}
    for line in _lines(reading, "packages dpkg", 1):
        words = line.split()
        if len(words) == 4 and words[2].endswith("i"):  # ii, hi: installed; rc has its configuration alone
            found[words[0]] = LeftPackage(words[0], words[1], int(words[3]) * KIB if words[3].isdigit() else None)
    for line in (reading.capture.commands["packages rpm"].text if "packages rpm" in reading.capture.commands else "").splitlines():
        words = line.split()
        if len(words) == 4 and words[2] == "rpm":
            found[words[0]] = LeftPackage(words[0], words[1].removeprefix("0:"), int(words[3]) if words[3].isdigit() else None)
    return tuple(found[name] for name in sorted(found))


def _chains(reading: Reading) -> Chains:
    texts = {}
    for family in ("4", "6"):
        text = reading.output(f"iptables {family}")
        if text is not None:
            texts[family] = text
    unread = tuple(value.what for value in reading.unreadable if value.what.startswith("iptables "))
    return replace(docker_chains(texts), unread=unread)


def _firewall(reading: Reading) -> tuple[str, ...]:
    """The tools that own the node's rules and run now, as systemd tells in the order of the question."""
    command = reading.capture.commands.get("firewall units")
    states = command.text.split() if command else []
    return tuple(name for name, state in zip(FIREWALLS, states, strict=False) if state == "active")


def _namespace(reading: Reading, place: Whereabouts) -> Namespace | None:
    if "moby" not in _lines(reading, "namespaces", 1):
        return None
    counts = [len(_lines(reading, f"moby {what}")) for what in ("containers", "tasks", "images")]
    return Namespace(place.socket, *counts)


def _records(reading: Reading) -> Records:
    entries: dict[str, list[tuple[str, str]]] = {}
    for line in _lines(reading, "journals", 1, 2):
        if entry := _ENTRY.fullmatch(line):
            entries.setdefault(entry[1], []).append((entry[2], entry[3] or ""))
    stopped: dict[str, list[str]] = {}
    for line in _lines(reading, "stopped", 1, 2):
        if one := _STOPPED.fullmatch(line):
            stopped.setdefault(one[1], []).append(clean(one[2]))
    sizes = _sizes(reading, "runs")
    names = [name for name in sizes if name in entries or re.fullmatch("[0-9a-f]{12}", name)]
    runs = tuple(_run(name, entries.get(name, ()), sizes.get(name), tuple(stopped.get(name, ()))) for name in sorted(names))
    return Records(runs, *(_word(reading, f"{HOME}/{name}") for name in ("current", "docker-stopped", "source-kept")))


def _run(name: str, events: Sequence[tuple[str, str]], size: int | None, stopped: tuple[str, ...]) -> LeftRun:
    notes = [text for event, text in events if event == "note"]
    ended = next((event for event, _ in reversed(events) if event in ENDS), "")
    return LeftRun(clean(name), VERIFIED in notes, ended, size, CLEANED in notes, stopped)


def _word(reading: Reading, path: str) -> str:
    text = reading.file(path)
    word = text.strip() if isinstance(text, str) else ""
    return word if _WORD.fullmatch(word) else ""
