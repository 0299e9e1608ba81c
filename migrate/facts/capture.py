"""What was read from a machine, raw: the only thing that facts are made from.

A `Capture` is the answer of one probe script run (`migrate.facts.probes`). It can be saved, mailed, redacted and read again;
`migrate.facts.node.facts_from` makes the same `NodeFacts` of it wherever it came from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.formats import json_doc

FORMAT = 1
TIMED_OUT = 124  # coreutils timeout(1)
NOT_FOUND = 127  # POSIX sh: the command does not exist


@dataclass(frozen=True, slots=True)
class CommandReading:
    """What one command answered. `skipped` holds the reason when it was not run; `truncated` tells that a cap cut its output."""

    rc: int
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    skipped: str | None = None

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class PathReading:
    """What lies at one path.

    `kind` is `file`, `directory`, `socket`, `absent` or `other`, of what a symbolic link leads to; `target` is the resolved path when
    it differs. `mode` is octal digits (`644`), `owner` is `user:group`, `mtime` is seconds since the epoch. `data` is None when
    only the path was asked about, when it is no regular file, or when `error` says why it could not be read.
    """

    kind: str
    mode: str = ""
    owner: str = ""
    size: int = 0
    mtime: int = 0
    target: str | None = None
    data: bytes | None = None
    error: str | None = None
    truncated: bool = False

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 become U+FFFD. Empty when there is none."""
        return (self.data or b"").decode("utf-8", "replace")


ABSENT = PathReading("absent")


@dataclass(frozen=True, slots=True)
class Capture:
    """One machine's reading. `taken` is seconds since the epoch by the node's own clock; `host` is the inventory's name of it."""

    host: str
    taken: int
    commands: Mapping[str, CommandReading] = field(default_factory=dict)
    paths: Mapping[str, PathReading] = field(default_factory=dict)
    redacted: bool = False

    def under(self, prefix: str) -> tuple[tuple[str, PathReading], ...]:
        """Every reading whose path starts with `prefix`, in path order."""
        return tuple(sorted((path, reading) for path, reading in self.paths.items() if path.startswith(prefix)))


def dump(capture: Capture) -> str:
    """The capture as JSON text, keys sorted; bytes are text where they are UTF-8, else `{"base64": ...}`."""
    document = {
        "format": FORMAT,
        "host": capture.host,
        "taken": capture.taken,
        "redacted": capture.redacted,
        "commands": {key: _drop_defaults(_command_to_json(value)) for key, value in capture.commands.items()},
        "paths": {key: _drop_defaults(_path_to_json(value)) for key, value in capture.paths.items()},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def load(text: str) -> Capture:
    """The capture that `dump` wrote; raises ValueError with what is wrong."""
    document = json_doc.loose(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"not a docker2cri capture of format {FORMAT}")
    try:
        return Capture(
            host=str(document["host"]),
            taken=int(document["taken"]),
            redacted=bool(document["redacted"]),
            commands={key: _command_from_json(value) for key, value in document["commands"].items()},
            paths={key: _path_from_json(value) for key, value in document["paths"].items()},
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as wrong:
        raise ValueError(f"a capture lacks or misshapes {wrong}") from wrong


def _command_to_json(reading: CommandReading) -> dict[str, Any]:
    return {
        "rc": reading.rc,
        "stdout": _bytes_to_json(reading.stdout),
        "stderr": _bytes_to_json(reading.stderr),
        "truncated": reading.truncated,
        "skipped": reading.skipped,
    }


def _command_from_json(value: Mapping[str, Any]) -> CommandReading:
    return CommandReading(
        rc=int(value.get("rc", 0)),
        stdout=_bytes_from_json(value.get("stdout", "")),
        stderr=_bytes_from_json(value.get("stderr", "")),
        truncated=bool(value.get("truncated", False)),
        skipped=value.get("skipped"),
    )


def _path_to_json(reading: PathReading) -> dict[str, Any]:
    return {
        "kind": reading.kind,
        "mode": reading.mode,
        "owner": reading.owner,
        "size": reading.size,
        "mtime": reading.mtime,
        "target": reading.target,
        "data": None if reading.data is None else _bytes_to_json(reading.data),
        "error": reading.error,
        "truncated": reading.truncated,
        # an empty file is not the same as one whose content was not asked for
        "empty": reading.data == b"",
    }


def _path_from_json(value: Mapping[str, Any]) -> PathReading:
    data = b"" if value.get("empty") else None if value.get("data") is None else _bytes_from_json(value["data"])
    return PathReading(
        kind=str(value["kind"]),
        mode=str(value.get("mode", "")),
        owner=str(value.get("owner", "")),
        size=int(value.get("size", 0)),
        mtime=int(value.get("mtime", 0)),
        target=value.get("target"),
        data=data,
        error=value.get("error"),
        truncated=bool(value.get("truncated", False)),
    )


def _drop_defaults(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item not in (None, "", False, 0) or key in ("rc", "kind")}


def _bytes_to_json(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes_from_json(value: str | Mapping[str, str]) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else base64.b64decode(value["base64"])
