"""What all runtimes are read from, taken apart once: processes, shims, entries of state folders, state files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.model import Containerd, Crio, Docker, Endpoint, Kubelet
from migrate.facts.parse.bounded import asked, clean
from migrate.facts.parse.reading import Reading
from migrate.facts.runtime_table import KnownRuntime
from migrate.facts.values import Unreadable

WORDS = 400  # of a command line that are looked at
LINES = 20_000  # of one answer that are looked at
_VERSION = re.compile(r"v?(?<!\d)\d+\.\d+[\w.+~:-]{0,60}")
_DOMAIN = re.compile(r"(/run/libvirt/(?:qemu|lxc)/[^/]{1,250}\.xml):<domstatus state='(\w{1,20})'")
_CLASS = re.compile(r"/run/systemd/machines/([^/:]{1,250}):(CLASS|SERVICE)=([\w-]{1,60})")
_STORED = re.compile(r'(?:(/[^:]{1,250}):)?"id":"([0-9a-f]{64})","names":\["([^"]{1,250})"')


@dataclass(frozen=True, slots=True)
class Process:
    """A process that matters: its program's name without the folder, and its command line in words as far as they are looked at."""

    pid: int
    program: str
    words: tuple[str, ...]

    def value(self, *flags: str) -> str | None:
        """The value of the first of these flags (with their dashes), in either spelling."""
        for index, word in enumerate(self.words):
            if word in flags and index + 1 < len(self.words):
                return clean(self.words[index + 1])
            name, equals, value = word.partition("=")
            if equals and name in flags:
                return clean(value)
        return None


@dataclass(frozen=True, slots=True)
class Shim:
    """A containerd shim: the process that stays beside a container (or a pod's containers)."""

    program: str
    namespace: str
    id: str
    address: str


@dataclass(frozen=True, slots=True)
class Signs:
    """What shows that a runtime is on the machine: its version, its daemon's processes, its sockets."""

    asked: str
    version: str
    processes: tuple[Process, ...]
    sockets: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.version or self.processes or self.sockets)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The command that told the version, and each process."""
        return (*([self.asked] if self.version and self.asked else []), *(f"process {process.pid}" for process in self.processes))


@dataclass(frozen=True, slots=True)
class Scene:
    """A machine as runtimes show in it. `entries` are paths in state folders, Unreadable where that list was not or badly read.

    `domains` are libvirt's running ones (path of the state file -> state); `machines` are those registered with systemd-machined
    (name -> (class, service)); `stored` are containers in containers/storage (id -> name).
    """

    reading: Reading
    endpoint: Endpoint
    kubelet: Kubelet | None
    docker: Docker | None
    containerd: Containerd | None
    crio: Crio | None
    processes: tuple[Process, ...]
    shims: tuple[Shim, ...]
    entries: tuple[str, ...] | Unreadable
    domains: Mapping[str, str]
    machines: Mapping[str, tuple[str, str]]
    stored: Mapping[str, str]

    def running(self, *programs: str) -> tuple[Process, ...]:
        """The processes of these programs."""
        return tuple(process for process in self.processes if process.program in programs)

    def signs(self, known: KnownRuntime) -> Signs:
        """The signs of one runtime of the table."""
        return Signs(known.asked, self.version(*known.versions), self.running(*known.programs), self.exists(*known.sockets))

    def exists(self, *paths: str) -> tuple[str, ...]:
        """Which of these looked-at paths are there."""
        return tuple(path for path in paths if self.reading.exists(path))

    def version(self, *keys: str) -> str:
        """The version in the first of these answers, or files, that has one; empty where no program answered."""
        for key in keys:
            text = self.reading.file(key) if key in self.reading.capture.paths else asked(self.reading, key)
            if isinstance(text, str) and (found := _VERSION.search(text[:2000])):
                return clean(found[0])
        return ""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in one state folder, sorted."""
        entries = () if isinstance(self.entries, Unreadable) else self.entries
        below = (path.removeprefix(folder) for path in entries if path.startswith(folder))
        return tuple(sorted({clean(name) for name in below if "/" not in name}))

    def monitors(self, folder: str) -> tuple[str, ...]:
        """Names of LXC containers of this folder that run: liblxc's monitor says both in its title."""
        titles = (process.words for process in self.processes if process.words[:3] == ("[lxc", "monitor]", folder))
        return tuple(sorted({clean(words[3]) for words in titles if words[3:]}))


def scene(
    reading: Reading, endpoint: Endpoint, kubelet: Kubelet | None, docker: Docker | None, containerd: Containerd | None, crio: Crio | None
) -> Scene:
    """The capture taken apart. What an older capture does not hold is empty, its list of entries Unreadable."""
    state = list(_lines(reading, "runtime state", (0, 1, 2)))
    entries: tuple[str, ...] | Unreadable = tuple(line for line in _lines(reading, "runtime entries", (0, 1)) if line.startswith("/"))
    known = reading.capture.commands.get("runtime entries")
    if known is None:
        entries = Unreadable("runtime entries", "the capture does not hold it")
    elif reading.output("runtime entries", (0, 1)) is None and known.rc != 127:
        failed = (unreadable for unreadable in reading.unreadable if unreadable.what == "runtime entries")
        entries = next(failed, Unreadable("runtime entries", "it was not run"))
    return Scene(
        reading=reading,
        endpoint=endpoint,
        kubelet=kubelet,
        docker=docker,
        containerd=containerd,
        crio=crio,
        processes=tuple(_processes(reading)),
        shims=tuple(_shims(reading)),
        entries=entries,
        domains={found[1]: found[2] for line in state if (found := _DOMAIN.match(line))},
        machines=_machines(state),
        stored={found[2]: clean(found[3]) for line in state if (found := _STORED.match(line))},
    )


def _lines(reading: Reading, key: str, accept: tuple[int, ...]) -> Iterator[str]:
    for _, line in zip(range(LINES), asked(reading, key, accept).splitlines(), strict=False):
        yield line[:16_384]


def _processes(reading: Reading) -> Iterator[Process]:
    for line in _lines(reading, "processes", (0, 1)):
        pid, *words = line.split(maxsplit=WORDS)[:WORDS] if line.strip() else ("",)
        if pid.isascii() and pid.isdigit() and len(pid) < 12 and words:
            yield Process(int(pid), clean(words[0].rpartition("/")[2].rstrip(":")), tuple(words))


def _shims(reading: Reading) -> Iterator[Shim]:
    for line in _lines(reading, "shims", (0, 1)):
        words = tuple(line.split(maxsplit=WORDS)[1:WORDS])
        if not words:
            continue
        process = Process(0, clean(words[0].rpartition("/")[2]), words)
        # the first shim (up to Docker 18.09) names its container by its working directory
        id_ = process.value("-id") or (process.value("-workdir") or "").rpartition("/")[2]
        if (namespace := process.value("-namespace")) and id_:
            yield Shim(process.program, namespace, id_, (process.value("-address") or "").replace("/var/run/", "/run/", 1))


def _machines(lines: list[str]) -> Mapping[str, tuple[str, str]]:
    told: dict[str, dict[str, str]] = {}
    for line in lines:
        if found := _CLASS.match(line):
            told.setdefault(clean(found[1]), {})[found[2]] = found[3]
    return {name: (fields.get("CLASS", ""), fields.get("SERVICE", "")) for name, fields in told.items()}
