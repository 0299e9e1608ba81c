"""The system's containerd: its file, the configuration as it would load it, and its CRI plugin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Containerd, Unit
from migrate.facts.parse.docker import flag
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, toml_doc

CONFIG = "/etc/containerd/config.toml"


def containerd(reading: Reading, units: Mapping[str, Unit]) -> Containerd | None:
    """containerd as found, or None where its program does not exist. Docker's private child daemon is not this one."""
    text = reading.output("containerd version")
    if not text:
        return None
    # `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3`; the module path of 2.x ends in /v2
    version = re.search(r"\s(v?\d+\.\d+\.\d+\S*)", text)
    path = flag(reading.argv("containerd.service"), "config") or CONFIG
    file = _file(reading, path)
    return Containerd(
        version=version[1] if version else text.strip(),
        config_path=path,
        file=file,
        loaded=_loaded(reading),
        cri=_cri(reading),
        images=tuple(sorted((reading.output("containerd images") or "").split())),
        tasks=len((reading.output("containerd tasks k8s.io") or "").split()),
    )


def _file(reading: Reading, path: str) -> Mapping[str, Any] | Unreadable | None:
    text = reading.file(path)
    if not isinstance(text, str):
        return text
    try:
        return toml_doc.load(text)
    except FormatError as wrong:
        return reading.note(path, str(wrong))


def _loaded(reading: Reading) -> Mapping[str, Any] | Unreadable:
    text = reading.output("containerd config dump")
    if text is None:
        return reading.note("containerd config dump", "it answered nothing")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        return reading.note("containerd config dump", str(wrong))


def _cri(reading: Reading) -> str | None:
    """The state of the CRI plugin in `ctr plugins ls`: `ok`, `skip`, `error`, `disabled` when it is not listed; None when not asked.

    A broken CRI section does not stop containerd 1.x: only this list tells.
    """
    text = reading.output("containerd plugins")
    if text is None:
        return None
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and (fields[0], fields[1]) in {("io.containerd.grpc.v1", "cri"), ("io.containerd.cri.v1", "runtime")}:
            return fields[-1]
    return "disabled"
