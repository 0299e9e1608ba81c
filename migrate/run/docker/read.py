"""One Docker host read, in a process of its own: the question on standard input, a capture or the reason on standard output.

migrate/run/docker/hosts.py starts it and ends it at its deadline.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from docker import APIClient
from docker.errors import DockerException
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, SSLError

from migrate.errors import MigrateError, NodeUnreachable, NodeUnreadable
from migrate.facts.capture import Capture, CommandReading, dump
from migrate.facts.redact import mask, printable, redact
from migrate.run.docker import api
from migrate.run.docker.address import Address, address_of
from migrate.run.docker.host_side import HostSide, host_side
from migrate.run.docker.over_ssh import dial, local_socket, ssh_command

SOCKET = "/var/run/docker.sock"
VERSION = "1.24"  # docker-py wants one; requests here name none, so that the daemon answers in its own


def read(name: str, address: Address, ssh_config: str | None, *, sizes: bool) -> Capture:
    """Read one host. Raises NodeUnreachable and NodeUnreadable."""
    way = ssh_command(address.url, ssh_config) if address.scheme == "ssh" else []
    side = HostSide() if address.scheme == "tcp" else host_side(way, urlsplit(address.url).path.rstrip("/") or SOCKET)
    if side.asleep:
        raise NodeUnreachable(
            node=name,
            seen="docker.service is stopped, and docker.socket would start it",
            expected="a daemon that runs; docker2cri does not start it",
            next="systemctl start docker.service on that host, then repeat",
        )
    said: list[str] = []
    try:
        with _client(address, way, said) as client:
            commands = dict(_answers(api.DaemonApi(client), sizes))
    except (RequestException, DockerException, OSError, api.AnswerTooLong, ValueError) as wrong:
        raise _failure(name, address, wrong, said) from wrong
    commands["docker endpoint"] = _json({"endpoint": mask(address.url), "tls": address.protection})
    if side.group is not None:
        commands["docker group"] = CommandReading(0, side.group.encode())
    if side.socket:
        commands["docker socket"] = CommandReading(0, side.socket.encode())
    return redact(Capture(host=name, taken=int(time.time()), commands=commands))


@contextmanager
def _client(address: Address, way: list[str], said: list[str]) -> Iterator[APIClient]:
    if address.scheme != "ssh":
        yield APIClient(address.url, version=VERSION, timeout=api.QUIET, tls=address.tls or False)
        return
    with local_socket([*way, dial(address.url)], said) as path:
        yield APIClient(f"unix://{path}", version=VERSION, timeout=api.QUIET)


def _answers(asked: api.DaemonApi, sizes: bool) -> Iterator[tuple[str, CommandReading]]:
    server, info = asked.get("/version"), asked.get("/info")
    if not isinstance(server, dict) or not isinstance(info, dict):
        raise ValueError("it answers, and not as a Docker daemon")
    yield "docker version", _json({"Server": {name: server.get(name) for name in ("Version", "ApiVersion", "MinAPIVersion", "Os", "Arch")}})
    yield "docker info", _json(api.info_fields(info))
    listed = _objects(asked.get("/containers/json?all=1"))
    whole = (asked.get(f"/containers/{one['Id']}/json") for one in listed[: api.CONTAINERS] if str(one.get("Id", "")).isalnum())
    yield "docker containers", _lines(api.container_fields, (one for one in whole if isinstance(one, dict)))
    yield "docker images", _lines(api.image_fields, _objects(asked.get("/images/json")))
    volumes = asked.get("/volumes")
    yield "docker volumes", _lines(api.volume_fields, _objects(volumes.get("Volumes") if isinstance(volumes, dict) else None))
    yield "docker networks", _lines(api.network_fields, _objects(asked.get("/networks")))
    swarm = info.get("Swarm")
    if isinstance(swarm, dict) and swarm.get("ControlAvailable") is True:
        yield "docker services", _lines(api.service_fields, _objects(asked.get("/services")))
    if sizes:
        used = asked.get("/system/df")
        yield "docker sizes", _json(api.size_fields(used)) if isinstance(used, dict) else CommandReading(1, b"", b"no answer")


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _lines(fields: Callable[[Mapping[str, Any]], Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]) -> CommandReading:
    return CommandReading(0, b"".join(json.dumps(fields(row)).encode() + b"\n" for row in rows))


def _json(value: object) -> CommandReading:
    return CommandReading(0, json.dumps(value).encode())


def _failure(name: str, address: Address, wrong: Exception, said: list[str]) -> MigrateError:
    time.sleep(0.2 if address.scheme == "ssh" else 0)  # what ssh says may come a moment after its stream ends
    told = said[-1] if said else str(wrong) if isinstance(wrong, ValueError | api.AnswerTooLong) else _deepest(wrong)
    words = mask(printable(" ".join(told.split())))[:300]
    again = f"docker --host {mask(address.url)} version"
    if isinstance(wrong, SSLError):
        return NodeUnreachable(node=name, seen=f"TLS failed: {words}", expected="a certificate of the CA that is given", next=again)
    where = "" if mask(address.url) == name else f"{mask(address.url)}: "
    if isinstance(wrong, NotConnected | OSError | DockerException) and not isinstance(wrong, ValueError):
        return NodeUnreachable(node=name, seen=f"{where}{words}", expected="a daemon that answers", next=again)
    return NodeUnreadable(node=name, seen=words, expected="the answers of a Docker daemon", next=again)


def _deepest(wrong: BaseException) -> str:
    """The words of the first cause: those of requests hold the whole chain."""
    while (cause := wrong.__cause__ or wrong.__context__) is not None:
        wrong = cause
    if isinstance(wrong, HTTPException):
        return f"it answered {str(wrong)!r}, which is no HTTP"
    return str(wrong) or type(wrong).__name__


def main() -> int:
    """Answer one question."""
    question = json.load(sys.stdin)
    name = question["name"]
    try:
        address = address_of(name, question["certificates"], os.environ)
        answer: dict[str, Any] = {"capture": dump(read(name, address, question["ssh_config"], sizes=question["sizes"]))}
    except MigrateError as wrong:
        answer = {"error": [type(wrong).__name__, wrong.seen, wrong.expected, wrong.next]}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
