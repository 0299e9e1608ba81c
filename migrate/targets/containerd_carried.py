"""What Docker was told, or does by itself, as settings of containerd's CRI plugin; what of it containerd's own files say already stays.

Sources: containerd docs/cri/config.md, docs/containerd-2.0.md; moby v20.10.24 daemon/oci_linux.go (ports and ping of Docker).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.facts.containerd_config import home_of, merged
from migrate.facts.model import Containerd, Docker, NodeFacts
from migrate.formats import FormatError, version
from migrate.formats.nested import at
from migrate.targets import Stay
from migrate.targets.containerd_base_spec import PATH
from migrate.targets.containerd_files import Values
from migrate.targets.containerd_schema import FORMAT, Key, sections
from migrate.targets.docker_runtimes import docker_runtimes
from migrate.targets.ulimits import KEY, ulimits

RUNC = "io.containerd.runc.v2"
RUNC_SHIMS = ("io.containerd.runc.",)  # v1 and v2 take the same options


@dataclass(frozen=True, slots=True)
class Habit:
    """A setting that is written where containerd has none of its own: `docker_key` is what Docker was told by, empty for what it does by
    itself; `otherwise` is what comes of another value.
    """

    key: Key
    value: Any
    docker_key: str
    otherwise: str
    lost: bool = True


def carried(facts: NodeFacts, found: Containerd, values: Mapping[str, Any], number: int) -> Values:
    """The settings to write over `values`, which containerd's files make together in this schema.

    Raises FormatError for a default runtime that is a shim and has no entry yet.
    """
    changes = {habit.key: habit.value for habit in _habits(facts, found, values, number) if _own(values, habit) is None}
    table = (*sections(number)[0], "containerd")
    dockers = docker_runtimes(facts)
    if dockers.shim and at(values, (*table, "runtimes", dockers.shim)) is None:
        message = f"Docker's default runtime {dockers.shim} is a shim and has no entry below containerd.runtimes: add it by hand"
        raise FormatError(FORMAT, message)
    if default := dockers.default or dockers.shim:
        changes[(*table, "default_runtime_name")] = default
    return changes


def stays(facts: NodeFacts, found: Containerd, files: Mapping[str, Mapping[str, Any]], number: int, *, deep: bool) -> Iterator[Stay]:
    """The settings of its own that are not what Docker was told, or did by itself."""
    values = merged(list(files.values()), deep=deep)
    dockers = docker_runtimes(facts)
    table = (*sections(number)[0], "containerd")
    habits = [*_habits(facts, found, values, number)]
    if not (dockers.default or dockers.shim):
        habits.append(
            Habit((*table, "default_runtime_name"), "runc", "default-runtime", "pods without a RuntimeClass run in it, not in runc")
        )
    for habit in habits:
        if (own := _own(values, habit)) is not None:
            yield Stay(habit.docker_key, ".".join(habit.key[2:]), own, home_of(habit.key, files, deep=deep), habit.otherwise, habit.lost)


def _habits(facts: NodeFacts, found: Containerd, values: Mapping[str, Any], number: int) -> Iterator[Habit]:
    runtime, images = sections(number)
    for name, path in docker_runtimes(facts).own.items():
        where = (*runtime, "containerd", "runtimes", name)
        # one that it has already is the admin's, written for containerd
        yield Habit((*where, "runtime_type"), RUNC, "runtimes", f"pods that ask for {name} get this one")
        if _starts_runc(values, where):
            yield Habit((*where, "options", "BinaryName"), path, "runtimes", f"pods that ask for {name} get this program")
    docker = version.known(facts.docker.version) if isinstance(facts.docker, Docker) else None
    # off in containerd 1.6 and 1.7, on since 2.0
    if version.parse(found.version).major < 2 and docker and docker.release >= (20, 10):
        yield Habit((*runtime, "enable_unprivileged_ports"), True, "", "a process that is not root binds no port below 1024")
        yield Habit((*runtime, "enable_unprivileged_icmp"), True, "", "a process that is not root cannot ping")
    downloads = facts.daemon_settings.get("max-concurrent-downloads")
    if isinstance(downloads, int):
        yield Habit(
            (*images, "max_concurrent_downloads"), downloads, "max-concurrent-downloads", "so many layers are fetched at once", False
        )
    if ulimits(facts):
        for handler in handlers(values, number, docker_runtimes(facts).own):
            yield Habit((*handler, "base_runtime_spec"), PATH, KEY, "its containers get the limits of that file, not Docker's")


def _own(values: Mapping[str, Any], habit: Habit) -> Any:
    """What is there in its place, None where nothing is."""
    own = at(values, habit.key)
    return None if own in ("", habit.value) else own


def _starts_runc(values: Mapping[str, Any], handler: Key) -> bool:
    return str(at(values, (*handler, "runtime_type")) or RUNC).startswith(RUNC_SHIMS)


def handlers(values: Mapping[str, Any], number: int, more: Iterable[str] = ()) -> Iterator[Key]:
    """Where the handlers are that start runc, in any name: runc itself, and all that pods may use by a RuntimeClass or as the default,
    with `more` that will be there.

    Up to 1.7 `default_runtime` and `untrusted_workload_runtime` are such handlers too, beside the table of them.
    """
    table = (*sections(number)[0], "containerd")
    named = at(values, (*table, "runtimes"))
    for name in dict.fromkeys(("runc", *(named if isinstance(named, Mapping) else ()), *more)):
        if _starts_runc(values, (*table, "runtimes", name)):
            yield (*table, "runtimes", name)
    for name in ("default_runtime", "untrusted_workload_runtime") if number < 3 else ():
        if str(at(values, (*table, name, "runtime_type")) or "").startswith(RUNC_SHIMS):
            yield (*table, name)
