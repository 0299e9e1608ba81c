"""The system's containerd: its files, the configuration as it would load them, where it listens and stores, and its CRI plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from migrate.facts.containerd_config import CONFIG, imports_of, load_order, merged, merges_deep
from migrate.facts.model import Containerd, Unit
from migrate.facts.parse.docker import flag
from migrate.facts.parse.kubelet import unit_arguments
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, nested, toml_doc
from migrate.formats import version as versions

UNIT = "containerd.service"
LISTED = "containerd imports"  # the answer that shows that imports were looked for
READ_BEFORE = "/etc/containerd/conf.d/*.toml"  # what was read of imports before
SERVER = "io.containerd.server.v1.grpc"  # what [grpc] is called in the newest schema


def containerd(reading: Reading, units: Mapping[str, Unit]) -> Containerd | None:
    """containerd as found, or None where its program does not exist. Docker's private child daemon is not this one."""
    text = reading.output("containerd version")
    if not text:
        return None
    # `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3`; the module path of 2.x ends in /v2
    version = re.search(r"\s(v?\d+\.\d+\.\d+\S*)", text)
    number = version[1] if version else text.strip()
    argv = reading.argv(UNIT) or unit_arguments(reading, units.get(UNIT))
    path = flag(argv, "config", "c") or CONFIG
    file, loaded = _file(reading, path), _loaded(reading)
    files = _imported(reading, path, file if isinstance(file, Mapping) else {})
    known = versions.known(number)
    together = merged(list(files.values()), deep=merges_deep(known.release) if known else False)
    sources = [together, *([loaded] if isinstance(loaded, Mapping) else [])]

    def place(options: tuple[str, ...], default: str, *keys: tuple[str, ...]) -> str:
        told = (nested.text(values, *key) for values in sources for key in keys)
        return flag(argv, *options) or next((each for each in told if each), default)

    return Containerd(
        version=number,
        config_path=path,
        file=file,
        loaded=loaded,
        cri=_cri(reading),
        images=tuple(sorted((reading.output("containerd images") or "").split())),
        tasks=len((reading.output("containerd tasks k8s.io") or "").split()),
        imports=tuple(each for each in files if each != path),
        socket=_run(place(("address", "a"), "/run/containerd/containerd.sock", ("plugins", SERVER, "address"), ("grpc", "address"))),
        root=place(("root",), "/var/lib/containerd", ("root",)),
        state=place(("state",), "/run/containerd", ("state",)),
    )


def _imported(reading: Reading, main: str, values: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The main file and its imports, in load order; an import that the capture does not hold, or that cannot be read, is noted."""
    found: dict[str, Mapping[str, Any]] = {main: values}
    there = [path for path, one in reading.capture.paths.items() if one.kind not in ("absent", "dangling")]

    def read(path: str) -> Mapping[str, Any] | None:
        if path not in found:
            one = _file(reading, path)
            if one is None:
                reading.note(path, f"{main} imports it, and it is not there")
            found[path] = one if isinstance(one, Mapping) else {}
        for pattern in imports_of(found[path]):
            if "*" in pattern and pattern != READ_BEFORE and LISTED not in reading.capture.commands:
                reading.note(f"imports {pattern} of {path}", "the capture does not hold them")
        return found[path]

    return {path: read(path) or {} for path in load_order(main, read, there)}


def _run(path: str) -> str:
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


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
        return toml_doc.load(text)
    except FormatError as wrong:
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
