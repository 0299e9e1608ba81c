"""Docker Engine: daemon.json, dockerd's command line, and what the daemon itself says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from migrate.facts.model import Container, Docker, Image, Unit
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Place, Unreadable
from migrate.formats import FormatError, env_file, json_doc, unit_file

DAEMON_JSON = "/etc/docker/daemon.json"


def docker(reading: Reading, units: Mapping[str, Unit]) -> Docker | None:
    """Docker as found, or None where neither the daemon's unit nor its program exists."""
    version = reading.output("dockerd version") or ""
    if "docker.service" not in units and not version:
        return None
    argv = reading.argv("docker.service")
    daemon_json = _daemon_json(reading, argv)
    info = reading.json("docker info")
    keys: Mapping[str, Any] = daemon_json if isinstance(daemon_json, Mapping) else {}
    return Docker(
        version=_server_version(reading) or _first(re.search(r"version ([^,\s]+)", version)),
        daemon_json=daemon_json,
        argv=argv,
        environment=_environment(reading, units),
        info=info,
        cgroup_driver=info.get("CgroupDriver") if info else None,
        data_root=str((info or {}).get("DockerRootDir") or _data_root(argv, keys)),
        live_restore=bool((info or {}).get("LiveRestoreEnabled", keys.get("live-restore", False))),
        swarm=str(((info or {}).get("Swarm") or {}).get("LocalNodeState", "")),
        child_containerd=_child_containerd(reading),
        containers=tuple(map(container, reading.json_lines("docker containers", (0, 1, 123)) or ())),
        images=tuple(map(image, reading.json_lines("docker images", (0, 1, 123)) or ())),
    )


def container(value: Mapping[str, Any]) -> Container:
    """One container from the fields that the probe's template asks for."""
    labels: Mapping[str, str] = value.get("labels") or {}
    uid = labels.get("io.kubernetes.pod.uid")
    pod = (labels.get("io.kubernetes.pod.namespace", ""), labels.get("io.kubernetes.pod.name", ""), uid) if uid else None
    return Container(
        id=str(value["id"]),
        name=str(value.get("name", "")).lstrip("/"),
        image=str(value.get("image", "")),
        image_id=str(value.get("image_id", "")),
        state=str(value.get("state", "")),
        restart=str(value.get("restart") or "no"),
        privileged=bool(value.get("privileged")),
        network=str(value.get("network") or ""),
        binds=tuple(value.get("binds") or ()),
        runtime=str(value.get("runtime") or ""),
        stop_timeout=value.get("stop_timeout"),
        cap_add=tuple(value.get("cap_add") or ()),
        compose_project=labels.get("com.docker.compose.project"),
        swarm_task=labels.get("com.docker.swarm.task.name"),
        pod=pod,
        sandbox=labels.get("io.kubernetes.docker.type") == "podsandbox",
    )


def image(value: Mapping[str, Any]) -> Image:
    """One image from the fields that the probe's template asks for; `<none>` entries are dropped."""
    return Image(
        id=str(value["id"]),
        tags=tuple(tag for tag in value.get("tags") or () if "<none>" not in tag),
        digests=tuple(digest for digest in value.get("digests") or () if "<none>" not in digest),
        size=int(value.get("size") or 0),
    )


def flag(argv: Sequence[str], name: str) -> str | None:
    """The last value of `--name` on a command line, in either spelling."""
    value = None
    for index, word in enumerate(argv):
        if word == f"--{name}" and index + 1 < len(argv):
            value = argv[index + 1]
        elif word.startswith(f"--{name}="):
            value = word.partition("=")[2]
    return value


def _data_root(argv: Sequence[str], keys: Mapping[str, Any]) -> str:
    return str(flag(argv, "data-root") or keys.get("data-root") or keys.get("graph") or "/var/lib/docker")


def _first(match: re.Match[str] | None) -> str:
    return match[1] if match else ""


def _server_version(reading: Reading) -> str:
    answer = reading.json("docker version")
    return str(((answer or {}).get("Server") or {}).get("Version", ""))


def _daemon_json(reading: Reading, argv: Sequence[str]) -> Mapping[str, Any] | Unreadable | None:
    path = flag(argv, "config-file") or DAEMON_JSON
    text = reading.file(path)
    if not isinstance(text, str):
        return text
    try:
        value = json_doc.load(text) if text.strip() else {}
    except FormatError as wrong:
        return reading.note(path, str(wrong))
    return value if isinstance(value, Mapping) else reading.note(path, "it is no JSON object")


def _environment(reading: Reading, units: Mapping[str, Unit]) -> tuple[tuple[str, Place], ...]:
    """Names of the variables that the daemon's unit and its environment files set, with their places; values stay in the files."""
    unit = units.get("docker.service")
    texts = [(path, text) for path in (unit.files if unit else ()) if isinstance(text := reading.file(path), str)]
    found: list[tuple[str, Place]] = []
    try:
        if texts:
            found += [
                (variable.name, Place(variable.path, variable.line))
                for variable in unit_file.environment(unit_file.merge(texts[0], texts[1:]))
            ]
    except FormatError as wrong:
        reading.note(texts[0][0], str(wrong))
    for path in unit.environment_files if unit else ():
        text = reading.file(path)
        try:
            found += [(variable.name, Place(path, variable.line)) for variable in env_file.parse(text if isinstance(text, str) else "")]
        except FormatError as wrong:
            reading.note(f"variables of {path}", str(wrong))  # names for the report; nothing is edited there
    return tuple(found)


def _child_containerd(reading: Reading) -> bool | None:
    """Whether dockerd runs a containerd of its own: that one is started with a configuration below Docker's exec root."""
    processes = (reading.output("processes", (0, 1)) or "").splitlines()
    daemons = [line.split()[1:] for line in processes if len(line.split()) > 1]
    if not any(words[0].endswith("dockerd") for words in daemons):
        return None
    return any(words[0].endswith("containerd") and "/docker/containerd/containerd.toml" in " ".join(words) for words in daemons)
