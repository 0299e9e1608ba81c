"""The answer of the probe script, taken apart: framed text -> `Capture`. Whatever a node prints, it is data here and never trusted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from migrate.facts.capture import ABSENT, Capture, CommandReading, PathReading

OUTPUT_CAP = 4 * 1024 * 1024  # bytes; the same number stands in migrate/node/probe.sh
FILE_CAP = 256 * 1024
KINDS = {"regular file": "file", "regular empty file": "file", "directory": "directory", "socket": "socket"}


class BrokenAnswer(ValueError):
    """The answer is cut short or is not one of the probe's."""


def decode(answer: bytes, marker: str, host: str) -> Capture:
    """The capture in a probe's answer; raises BrokenAnswer when its end is missing, a field is not as written, or frames were lost."""
    commands: dict[str, CommandReading] = {}
    paths: dict[str, PathReading] = {}
    for arrived, (kind, key, lines) in enumerate(_frames(answer.decode("utf-8", "replace"), marker)):
        if kind == "end":
            if _number(key) != arrived:
                raise BrokenAnswer(f"{arrived} of {key} frames arrived")
            date = commands.get("date")
            taken = _number(date.text.strip()) if date and date.rc == 0 and not date.skipped else 0
            return Capture(host=host, taken=taken, commands=commands, paths=paths)
        if kind == "run":
            commands[key] = _command(lines)
        elif kind == "path":
            reading = _path(lines)
            # asked for twice: a look after a read does not take the content away
            if reading.data is not None or key not in paths or paths[key].data is None:
                paths[key] = reading
        else:
            raise BrokenAnswer(f"unknown frame {kind!r}")
    raise BrokenAnswer("the answer has no end")


def _frames(text: str, marker: str) -> Iterator[tuple[str, str, list[str]]]:
    kind = key = ""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith(marker + " "):
            if kind:
                yield kind, key, lines
            _, kind, key = [*line.split(" ", 2), ""][:3]
            if key.startswith("="):
                key = _unbase64(key[1:]).decode("utf-8", "replace")
            lines = []
        elif kind:
            lines.append(line)
    if kind:
        yield kind, key, lines


def _command(lines: list[str]) -> CommandReading:
    fields = _fields(lines)
    if "skip" in fields:
        return CommandReading(rc=0, skipped=fields["skip"])
    if missing := {"rc", "out", "err"} - set(fields):
        raise BrokenAnswer(f"a command lacks {', '.join(sorted(missing))}")
    out = _measured(fields["out"])
    return CommandReading(_number(fields["rc"]), out, _measured(fields["err"]), truncated=len(out) >= OUTPUT_CAP)


def _path(lines: list[str]) -> PathReading:
    fields = _fields(lines)
    if "absent" in fields:
        return ABSENT
    if "dangling" in fields:
        return PathReading("absent", error="a symbolic link that leads nowhere")
    target = _measured(fields["link"]).decode("utf-8", "replace") if "link" in fields else None
    data = _measured(fields["data"]) if "data" in fields else None
    error = fields.get("error")
    if "stat" not in fields:
        return PathReading("other", target=target, data=data, error=error or "stat does not tell")
    words = fields["stat"].split(" ", 4)
    if len(words) != 5:
        raise BrokenAnswer(f"stat told {len(words)} of 5 values")
    mode, owner, size, mtime, kind = words
    truncated = data is not None and len(data) >= FILE_CAP
    return PathReading(KINDS.get(kind, "other"), mode, owner, _number(size), _number(mtime), target, data, error, truncated)


def _fields(lines: list[str]) -> dict[str, str]:
    return {word: rest for word, _, rest in (line.partition(" ") for line in lines)}


def _number(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise BrokenAnswer(f"not a number: {text[:40]!r}")
    return int(text)


def _measured(text: str) -> bytes:
    length, _, encoded = text.partition(" ")
    if _number(length) != len(encoded):
        raise BrokenAnswer(f"a field of {len(encoded)} characters says it has {length}")
    return _unbase64(encoded)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise BrokenAnswer(f"not base64: {wrong}") from wrong
