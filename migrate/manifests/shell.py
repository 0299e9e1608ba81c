"""Uses of Docker in shell text: scripts, CI jobs, Dockerfile lines, commands of units.

Evidence is made of what was matched alone: a command line may hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from yaml.nodes import Node, ScalarNode

from migrate.facts.docker_names import DATA, FLAG_IN_TEXT, SOCKET
from migrate.facts.texts import called, calls
from migrate.manifests.model import Kind, Use
from migrate.manifests.text import Text

_PRIVILEGED = re.compile(r"--privileged(?![\w-])(?!=false)")
_ADDRESS = re.compile(r"(?:\s-H|\s--host)[ =]+(?=(?:tcp|unix|ssh|fd)://)")
_HOST = re.compile(
    r"\bDOCKER_HOST\s{0,20}[=:][ \t]{0,20}[\"']?(?:(?P<scheme>[a-z]{2,6})://)?(?P<host>[^\s\"';&|:/]{0,300})(?P<rest>[^\s\"';&|]{0,300})"
)
OWN_DAEMONS = frozenset({"docker", "dind"})
"""Names of services beside a job or a container that are a Docker daemon (docker:dind)."""
_DAEMON = re.compile(r"(?<![\w./-])(?:/usr/(?:local/)?bin/)?dockerd(?:-entrypoint\.sh)?(?=\s|$|['\"])")
_UNIT = re.compile(
    r"\bsystemctl\s{1,80}(?:-\S{1,80}\s{1,80}){0,6}(\w[\w-]{0,40})\s{1,80}(?:-\S{1,80}\s{1,80}){0,6}docker(?:\.service|\.socket)?\b"
    r"|\bservice\s{1,80}docker\s{1,80}(\w+)"
)
_INSTALLER = re.compile(r"\b(?:apt-get|apt|yum|dnf|apk|zypper|microdnf)\s[^;&|]{0,200}?\b(?:install|add)\s([^;&|]*)")
_PACKAGE = re.compile(r"(?<![\w/.-])docker(?:-ce(?:-cli)?|\.io|-cli|-engine)?(?![\w/-])")
_DOWNLOAD = re.compile(r"\bget\.docker\.com\b|\bdownload\.docker\.com/linux/static\b")
_STARTS = frozenset({"run", "create", "exec", "container"})
_LONGEST = 10_000  # characters of a line that are looked at for quotes
_JOINED = re.compile(r"\\\r?\n")
_QUOTES = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'[^']*'|(?<!\S)#.*", re.DOTALL)


def uses(source: Text, subject: str, comment: str = "#", start: int = 0, end: int | None = None) -> Iterator[Use]:
    """Every use in a shell text, one of a kind for each line with its continuations; a mere call is not told beside a heavier use."""
    text = source.text[start:end]
    if "docker" not in text and "DOCKER" not in text:
        return
    at = start
    for line in _JOINED.sub(lambda found: " " * len(found[0]), text).splitlines(keepends=True):
        if "docker" in line or "DOCKER" in line:
            yield from _line(_uncommented(line, comment), at, source, subject)
        at += len(line)


def _line(line: str, at: int, source: Text, subject: str) -> Iterator[Use]:
    found = list(matches(line))
    heavier = [match for match in found if match[0] is not Kind.CALL]
    seen: set[Kind] = set()
    for kind, evidence, offset in heavier or found:
        if kind not in seen:
            seen.add(kind)
            yield Use(kind, subject, evidence, source.place(at + offset))


def matches(line: str, own: frozenset[str] = OWN_DAEMONS) -> Iterator[tuple[Kind, str, int]]:
    """What one line uses: kind, evidence, offset. `own` are hosts that lead to a daemon of the job or the container itself."""
    found = list(calls(line))
    call = found[0] if found else None
    for each in found:
        if each["verb"] in _STARTS and (flag := _PRIVILEGED.search(line, each.end())):
            yield Kind.PRIVILEGED, f"`{called(each)} --privileged`", flag.start()
            break
    if call:
        yield Kind.CALL, f"calls `{called(call)}`", call.start()
    if socket := SOCKET.search(line):
        yield Kind.SOCKET, f"names {socket[0]}", socket.start()
    if data := DATA.search(line):
        yield Kind.DATA, f"names {data[0]}", data.start()
    if host := _HOST.search(line):
        yield from _host(host, own)
    elif call and (address := _ADDRESS.search(line)):
        yield Kind.ADDRESS, "calls docker with --host", address.start()
    if daemon := _DAEMON.search(line):
        yield Kind.DAEMON, "starts a Docker daemon of its own", daemon.start()
    if unit := _UNIT.search(line):
        yield Kind.UNIT, f"`systemctl {unit[1]} docker`" if unit[1] else f"`service docker {unit[2]}`", unit.start()
    if "runtime" in line and (flag := FLAG_IN_TEXT.search(line)) and flag["key"]:
        yield Kind.UNIT, f"sets --{flag['key']}={flag['value']}", flag.start()
    for install in _INSTALLER.finditer(line):
        if package := _PACKAGE.search(install[1]):
            yield Kind.IMAGE, f"installs {package[0]}", install.start()
    if download := _DOWNLOAD.search(line):
        yield Kind.IMAGE, "installs Docker", download.start()


def _host(found: re.Match[str], own: frozenset[str]) -> Iterator[tuple[Kind, str, int]]:
    """Where DOCKER_HOST leads: nothing for an empty value and for a socket that is not Docker's."""
    local = found["scheme"] in ("unix", "npipe")
    if found["host"] in own and not local:
        yield Kind.DAEMON, f"DOCKER_HOST is {found['scheme'] or 'tcp'}://{found['host']}", found.start()
    elif (SOCKET.search(found[0]) or "$" in found[0]) if local else (found["host"] or found["rest"]):
        yield Kind.ADDRESS, "sets DOCKER_HOST", found.start()


def _uncommented(line: str, comment: str) -> str:
    """The line without its comment; one inside quotes is none."""
    if line.lstrip()[: len(comment)] == comment:
        return ""
    if comment == "#" and "#" in line and len(line) <= _LONGEST:
        return _QUOTES.sub(lambda found: "" if found[0][0] == "#" else found[0], line)
    return line


def block_uses(node: Node | None, subject: str, source: Text) -> Iterator[Use]:
    """Uses in a scalar of a YAML file. Inside block scalars and flow ones on one line the place is exact; else it is that of the scalar."""
    if not isinstance(node, ScalarNode) or ("docker" not in node.value and "DOCKER" not in node.value):
        return
    start, end = node.start_mark.index, node.end_mark.index
    if node.style == "|":
        start = source.text.find("\n", start) + 1 or start
    if node.style != '"' and (node.style == "|" or "\n" not in source.text[start:end]):
        yield from uses(source, subject, start=start, end=end)
        return
    place = source.place(node.start_mark.index)
    yield from (replace(use, place=place) for use in uses(Text("", node.value), subject))
