"""Docker Engine: daemon.json, dockerd's command line, and what the daemon itself says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from migrate.facts.model import Container, Docker, Image, Unit
from migrate.facts.parse.reading import Reading
from migrate.facts.parse.system import systemd_version
from migrate.facts.resolve import resolve
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
    swarm = (info or {}).get("Swarm")
    keys: Mapping[str, Any] = daemon_json if isinstance(daemon_json, Mapping) else {}
    return Docker(
        version=_server_version(reading) or _first(re.search(r"version ([^,\s]+)", version)),
        daemon_json=daemon_json,
        argv=argv,
        environment=_environment(reading, units),
        info=info,
        cgroup_driver=str(info["CgroupDriver"]) if info and info.get("CgroupDriver") else None,
        data_root=str((info or {}).get("DockerRootDir") or _data_root(argv, keys)),
        live_restore=bool((info or {}).get("LiveRestoreEnabled", keys.get("live-restore", False))),
        swarm=str(swarm.get("LocalNodeState", "")) if isinstance(swarm, Mapping) else "",
        child_containerd=_child_containerd(reading),
        containers=tuple(map(container, reading.json_lines("docker containers", DockerContainer, (0, 1, 123)))),
        images=tuple(map(image, reading.json_lines("docker images", DockerImage, (0, 1, 123)))),
        process_proxies=_process_proxies(reading),
    )


class DockerContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A container in the fields that the probe's template asks for."""

    id: str
    name: str = ""
    image: str = ""
    image_id: str = ""
    state: str = ""
    restart: str | None = None
    privileged: bool | None = None
    network: str | None = None
    binds: tuple[str, ...] | None = None
    runtime: str | None = None
    stop_timeout: int | None = None
    cap_add: tuple[str, ...] | None = None
    labels: dict[str, str | None] | None = None  # each one was asked for by its name


class DockerImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image in the fields that the probe's template asks for."""

    id: str
    tags: tuple[str, ...] | None = None
    digests: tuple[str, ...] | None = None
    size: int | None = None


resolve(DockerContainer, DockerImage)


def container(found: DockerContainer) -> Container:
    """A container, with the pod that its labels name.

    A kubelet's is named k8s_...: an image that was committed of one has its labels, and so has whatever runs of that image.
    """
    labels = found.labels or {}
    uid = labels.get("io.kubernetes.pod.uid") if found.name.lstrip("/").startswith("k8s_") else None
    pod = (labels.get("io.kubernetes.pod.namespace") or "", labels.get("io.kubernetes.pod.name") or "", uid) if uid else None
    return Container(
        id=found.id,
        name=found.name.lstrip("/"),
        image=found.image,
        image_id=found.image_id,
        state=found.state,
        restart=found.restart or "no",
        privileged=bool(found.privileged),
        network=found.network or "",
        binds=found.binds or (),
        runtime=found.runtime or "",
        stop_timeout=found.stop_timeout,
        cap_add=found.cap_add or (),
        compose_project=labels.get("com.docker.compose.project"),
        swarm_task=labels.get("com.docker.swarm.task.name"),
        pod=pod,
        sandbox=labels.get("io.kubernetes.docker.type") == "podsandbox",
    )


def image(found: DockerImage) -> Image:
    """An image; `<none>` entries are dropped."""
    return Image(
        id=found.id,
        tags=tuple(tag for tag in found.tags or () if "<none>" not in tag),
        digests=tuple(digest for digest in found.digests or () if "<none>" not in digest),
        size=found.size or 0,
    )


def flag(argv: Sequence[str], *names: str) -> str | None:
    """The last value of a flag on a command line, by any of its names, with one dash or two, in either spelling."""
    value = None
    for index, word in enumerate(argv):
        name, equals, given = word.partition("=")
        if name.startswith("-") and name.lstrip("-") in names and len(name) - len(name.lstrip("-")) <= 2:
            if equals:
                value = given
            elif index + 1 < len(argv):
                value = argv[index + 1]
    return value


def _data_root(argv: Sequence[str], keys: Mapping[str, Any]) -> str:
    return str(flag(argv, "data-root") or keys.get("data-root") or keys.get("graph") or "/var/lib/docker")


def _first(match: re.Match[str] | None) -> str:
    return match[1] if match else ""


def _server_version(reading: Reading) -> str:
    server = (reading.json("docker version") or {}).get("Server")
    return str(server.get("Version", "")) if isinstance(server, Mapping) else ""


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
                for variable in unit_file.environment(unit_file.merge(texts[0], texts[1:]), systemd_version(reading))
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


def _process_proxies(reading: Reading) -> Mapping[str, str]:
    key = "proxies docker.service"
    text = reading.output(key, (0, 1)) if key in reading.capture.commands else None
    pairs = (line.partition("=") for line in (text or "").splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _child_containerd(reading: Reading) -> bool | None:
    """Whether dockerd runs a containerd of its own: that one is started with a configuration below Docker's exec root."""
    processes = (reading.output("processes", (0, 1)) or "").splitlines()
    daemons = [line.split()[1:] for line in processes if len(line.split()) > 1]
    if not any(words[0].endswith("dockerd") for words in daemons):
        return None
    return any(words[0].endswith("containerd") and "/docker/containerd/containerd.toml" in " ".join(words) for words in daemons)
