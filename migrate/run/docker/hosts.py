"""Docker hosts read at once, each in a process of its own: one that hangs, or answers for ever, is ended and delays nobody."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from migrate import errors
from migrate.errors import MigrateError, NodeTimeout, NodeUnreachable, NodeUnreadable, UsageError
from migrate.facts.capture import Capture, dump, load
from migrate.facts.docker_host import DockerHost
from migrate.facts.parse.docker_host import docker_host
from migrate.run.store import load_capture, put_all

SAVED = ".docker.json"
UNNAMED = re.compile(r"[^A-Za-z0-9.@_-]+")  # what an address has and a file name has not
DEADLINE = 60.0  # seconds for one host, from start to answer
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class HostReading:
    """One host: its capture and facts, or why there are none."""

    name: str
    capture: Capture | None = None
    facts: DockerHost | None = None
    error: MigrateError | None = None


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How hosts are read: the directory of certificates for `tcp://`, ssh's configuration, whether sizes are asked, seconds for each.

    `offline` is a directory of saved readings, read instead of hosts.
    """

    certificates: str | None = None
    ssh_config: str | None = None
    sizes: bool = False
    deadline: float = DEADLINE
    offline: str | None = None


def read_hosts(names: Sequence[str], how: HostOptions) -> tuple[HostReading, ...]:
    """Every host, in the order asked; raises UsageError for an address or a context that cannot be, before any is told."""
    distinct = tuple(dict.fromkeys(names))
    if how.offline:
        saved = {capture.host: capture for capture in map(load_capture, sorted(Path(how.offline).glob(f"*{SAVED}")))}
        found = [saved.get(name) or _not_saved(name, how.offline) for name in distinct]
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda name: _asked(name, how), distinct))
    for one in found:
        if isinstance(one, UsageError):
            raise one
    return tuple(map(_of, distinct, found))


def save_hosts(directory: Path, captures: Sequence[Capture]) -> tuple[Path, ...]:
    """Write NAME.docker.json for each, 0600; the paths written. An address becomes a file name: `ssh-ops@builder.docker.json`.

    Raises UsageError with the path that could not be written.
    """
    names = [UNNAMED.sub("-", capture.host).strip("-.") or "host" for capture in captures]
    twice = [f"{name}-{number}" if names.count(name) > 1 else name for number, name in enumerate(names, 1)]
    return put_all(directory, {f"{name}{SAVED}": dump(capture) for name, capture in zip(twice, captures, strict=True)})


def _of(name: str, found: Capture | MigrateError) -> HostReading:
    if isinstance(found, MigrateError):
        return HostReading(name, error=found)
    try:
        return HostReading(name, found, docker_host(found))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        seen = f"its answers cannot be used: {wrong}"
        return HostReading(
            name, error=NodeUnreadable(node=name, seen=seen, expected="the answers of a Docker daemon", next="docker info on that host")
        )


def _asked(name: str, how: HostOptions) -> Capture | MigrateError:
    question = {"name": name, "certificates": how.certificates, "ssh_config": how.ssh_config, "sizes": how.sizes}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "migrate.run.docker.read"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no terminal for ssh to ask on, and a group that is ended whole
    )
    try:
        out, err = process.communicate(json.dumps(question).encode(), timeout=how.deadline)
    except subprocess.TimeoutExpired:
        return NodeTimeout(
            node=name,
            seen=f"no whole answer within {how.deadline:.0f} s",
            expected="a daemon that answers in time",
            next=f"docker --host {name} info" if "://" in name else f"docker --context {name} info",
        )
    finally:
        _end(process)
    return _answer(name, process.returncode, out, err)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _answer(name: str, code: int, out: bytes, err: bytes) -> Capture | MigrateError:
    try:
        answer = json.loads(out)
        if "capture" in answer:
            return load(answer["capture"])
        kind, seen, expected, following = answer["error"]
    except (ValueError, KeyError, TypeError):
        last = (err.decode("utf-8", "replace").strip().splitlines() or [f"exit code {code}"])[-1][:300]
        return NodeUnreadable(node=name, seen=f"its reader failed: {last}", expected="an answer", next="repeat with --debug")
    known = {"NodeUnreachable": NodeUnreachable, "NodeUnreadable": NodeUnreadable, "UsageError": UsageError}
    made: type[MigrateError] = known.get(kind, errors.MigrateError)
    return made(node=None if made is UsageError else name, seen=seen, expected=expected, next=following)


def _not_saved(name: str, directory: str) -> MigrateError:
    return UsageError(
        seen=f"{directory}: no saved reading of {name}",
        expected="a host that was captured",
        next=f"docker2cri capture --docker {name} --out {directory}",
    )
