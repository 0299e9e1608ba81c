"""The kubelet's command line, from every file that feeds it, and its configuration file.

What counts is the unit as systemd merges it: fragment and drop-ins, `Environment=`, then `EnvironmentFile=` in order (the later wins),
then the words of the last `ExecStart=`; of a flag given twice pflag takes the last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from migrate.facts.kubelet_table import BOOLEANS, DOCKERSHIM_LAST, knows_field
from migrate.facts.model import Endpoint, Kubelet, KubeletFlag, Unit
from migrate.facts.parse.reading import Reading
from migrate.facts.parse.system import systemd_version
from migrate.facts.runtime_table import CONTAINERD, CRI_DOCKERD, DOCKERSHIM, served_by
from migrate.facts.values import Place, Unreadable
from migrate.formats import FormatError, env_file, flags, unit_file, words, yaml_doc
from migrate.formats.specifiers import resolve

UNIT = "kubelet.service"


@dataclass(frozen=True, slots=True)
class KubeletVariable:
    """A variable of the kubelet's environment that carries flags: its text and where it is set; `in_unit` for `Environment=` lines."""

    name: str
    value: str
    place: Place
    in_unit: bool


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A unit's ExecStart with its variables: what an edit of a flag starts from."""

    program: str
    exec_place: Place
    arguments: tuple[words.Word, ...]
    variables: Mapping[str, KubeletVariable]


def kubelet(reading: Reading, units: Mapping[str, Unit], reported: str = "") -> Kubelet | Unreadable | None:
    """The kubelet as its systemd unit starts it; None where there is no such unit, Unreadable where its command line cannot be told.

    `reported` is the version of the Node, which counts where the capture did not ask the program that the unit starts.
    """
    unit = units.get(UNIT)
    if unit is None:
        return None
    try:
        line = command_line(reading, unit)
    except FormatError as wrong:
        return reading.note(unit.files[0] if unit.files else UNIT, str(wrong))
    if isinstance(line, Unreadable):
        return line
    try:
        found = _flags(line)
    except FormatError as wrong:
        return reading.note(str(line.exec_place), str(wrong))
    path = next((flag.value for flag in reversed(found) if flag.name == "config"), None)
    version = re.search(r"v\d+\.\d+\.\d+\S*", reading.output("kubelet version") or "")
    by_node = version is None and bool(reported) and line.program not in reading.capture.paths
    return Kubelet(
        version=version[0] if version else reported if by_node else "",
        flags=found,
        start=line.exec_place,
        variables=tuple(line.variables[name].place for name in _whole_variables(line) if name in line.variables),
        config_path=path,
        config=_config(reading, path),
        running=reading.argv(UNIT) or None,
        program=line.program,
        reported=by_node,
    )


def command_line(reading: Reading, unit: Unit) -> CommandLine | Unreadable:
    """The unit's last ExecStart and every variable of its environment with its place.

    Raises FormatError for files that cannot be read with certainty.
    """
    texts = []
    for path in unit.files:
        text = reading.file(path)
        if not isinstance(text, str):
            return text or reading.note(path, "systemd loaded it, but it is not there; systemctl daemon-reload is due")
        texts.append((path, text))
    if not texts:
        return reading.note(unit.name, "systemd names no file for it")
    merged = unit_file.merge(texts[0], texts[1:])
    start = merged.last("Service", "ExecStart")
    if start is None:
        return reading.note(texts[0][0], "it has no ExecStart=")
    variables = {
        variable.name: KubeletVariable(variable.name, variable.value, Place(variable.path, variable.line, variable.name), True)
        for variable in unit_file.environment(merged, systemd_version(reading))
    }
    for named, file in _environment_files(merged, unit):
        content = reading.file(file)
        if isinstance(content, Unreadable):
            return content
        if content is None and not named.optional:
            return reading.note(file, f"{named.path} requires it, and it is not there")
        for variable in env_file.parse(content or ""):
            variables[variable.name] = KubeletVariable(variable.name, variable.value, Place(file, variable.line, variable.name), False)
    command = words.command(start.value)
    arguments = tuple(replace(word, text=taken.text) if (taken := resolve(word.text)) else word for word in command.arguments)
    return CommandLine(command.program, Place(start.path, start.line), arguments, variables)


def _environment_files(merged: unit_file.UnitFile, unit: Unit) -> tuple[tuple[unit_file.EnvironmentFile, str], ...]:
    """Each `EnvironmentFile=` with its path as systemd itself tells it, specifiers (`%N`) resolved."""
    named = unit_file.environment_files(merged)
    shown = unit.environment_files if len(unit.environment_files) == len(named) else tuple(one.file for one in named)
    return tuple(zip(named, shown, strict=True))


def unit_arguments(reading: Reading, unit: Unit | None) -> tuple[str, ...]:
    """The words of a unit's ExecStart after its program, variables filled in; empty where they cannot be told with certainty."""
    try:
        line = command_line(reading, unit) if unit else None
        if line is None or isinstance(line, Unreadable):
            return ()
        return tuple(word.text for word in words.expand(line.arguments, {name: one.value for name, one in line.variables.items()}))
    except FormatError:
        return ()


def _flags(line: CommandLine) -> tuple[KubeletFlag, ...]:
    expanded = words.expand(line.arguments, {name: variable.value for name, variable in line.variables.items()})
    parsed = flags.parse_flags([word.text for word in expanded], BOOLEANS)
    found = []
    for flag in parsed:
        origin = expanded[flag.start].origin
        place = line.variables[origin].place if origin and origin in line.variables else line.exec_place
        found.append(KubeletFlag(flag.name, flag.value, place, flags.last(parsed, flag.name) is flag))
    return tuple(found)


def _whole_variables(line: CommandLine) -> tuple[str, ...]:
    return tuple(word.text[1:] for word in line.arguments if word.text.startswith("$") and word.text[1:2] not in ("{", "$"))


def _config(reading: Reading, path: str | None) -> Mapping[str, Any] | Unreadable | None:
    if path is None:
        return None
    text = reading.file(path)
    if text is None:
        return reading.note(path, "--config names it, and it is not there")
    if isinstance(text, Unreadable):
        return text
    try:
        value = yaml_doc.load(text)
    except FormatError as wrong:
        return reading.note(path, str(wrong))
    return value if isinstance(value, Mapping) else reading.note(path, "it is no mapping")


def endpoint(found: Kubelet | Unreadable | None, reading: Reading, serving: Mapping[str, str] | None = None) -> Endpoint:
    """Whom the kubelet talks to; `serving` are the runtimes by the sockets that they are told to serve.

    Up to 1.23 `--container-runtime=docker`, the default, is dockershim, whatever the socket's name.

    Source: Kubernetes 1.20.2 cmd/kubelet/app/options/container_runtime.go; release notes 1.24 (#107094), 1.27 (#114017).
    """
    if not isinstance(found, Kubelet):
        return Endpoint("unknown", "", "the kubelet's command line is not known")
    release = re.match(r"v1\.([0-9]{1,4})\.", found.version)
    if release is None:
        return Endpoint("unknown", "", "the kubelet's version is not known")
    minor = int(release[1])
    runtime = found.flag("container-runtime")
    named = found.setting(
        "container-runtime-endpoint", "containerRuntimeEndpoint" if knows_field("containerRuntimeEndpoint", minor) else ""
    )
    socket = str(named.value or "")
    where = f" in {named.place}" if named.place else ""
    if minor <= DOCKERSHIM_LAST and (runtime is None or runtime.value == "docker"):
        said = f"--container-runtime=docker in {runtime.place}" if runtime else "no --container-runtime is given and its default is docker"
        return Endpoint(DOCKERSHIM.name, socket or "unix:///var/run/dockershim.sock", f"kubelet {found.version}: {said}")
    if not socket:
        said = f"kubelet {found.version}: no endpoint is given, this is its default"
        return Endpoint(CONTAINERD.name, f"unix://{CONTAINERD.sockets[0]}", said)
    path = _local_path(socket)
    look = reading.capture.paths.get(path)
    real = (look.target if look and look.target else path).replace("/var/run/", "/run/")
    served = {socket.replace("/var/run/", "/run/"): name for socket, name in (serving or {}).items()}
    kind = served.get(real) or served_by(real) or "unknown"
    if kind == "unknown" and DOCKERSHIM.name in real and CRI_DOCKERD.programs[0] in (reading.output("processes", (0, 1)) or ""):
        kind = CRI_DOCKERD.name
    leads = f", which leads to {real}" if look and look.target and look.target != path.replace("/var/run/", "/run/") else ""
    return Endpoint(kind, socket, f"kubelet {found.version}: endpoint {socket}{where}{leads}")


def _local_path(socket: str) -> str:
    path = socket.removeprefix("unix://")
    return path.replace("/var/run/", "/run/", 1) if path.startswith("/var/run/") else path
