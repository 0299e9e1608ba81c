"""A Docker host from its capture: Docker's API answers, and what the host itself says of the socket and of the group `docker`.

Source: the Docker Engine API, versions 1.41 to 1.52 (docs.docker.com/reference/api/engine): SystemInfo, ContainerInspectResponse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migrate.facts.capture import Capture
from migrate.facts.docker_host import ContainerMount, DockerHost, HostContainer, HostNetwork, HostVolume, Sizes, SocketAccess
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.reading import Reading
from migrate.formats.nested import table

MOST = 10_000  # entries of one list that are kept
BUILT_IN = {
    "Volume": {"local"},
    "Network": {"bridge", "host", "ipvlan", "macvlan", "null", "overlay"},
    "Log": {
        *("awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "splunk", "syslog", "etwlogs", "logentries", "none"),
    },
}
CONTAINERD_STORE = "io.containerd.snapshotter"


def docker_host(capture: Capture) -> DockerHost:
    """The facts of one host; a part of an unexpected form is Unreadable, never a default.

    Raises ValueError when the daemon's answer to /info or /version is not there or of another form: then nothing is known.
    """
    reading = Reading(capture)
    server, info, asked = (_object(reading, key) for key in ("docker version", "docker info", "docker endpoint"))
    server = table(server.get("Server"))
    if not server.get("Version") or not info:
        raise ValueError("the daemon did not say what it is: /version or /info is missing or of another form")
    swarm = table(info.get("Swarm"))
    options = tuple(_texts(info.get("SecurityOptions")))
    images = _rows(reading, "docker images")
    return DockerHost(
        name=capture.host,
        endpoint=_text(asked.get("endpoint")),
        taken=capture.taken,
        tls=_text(asked.get("tls")),
        version=_text(server.get("Version")),
        api=_text(server.get("ApiVersion")),
        least_api=_text(server.get("MinAPIVersion")),
        os=_text(info.get("OperatingSystem")),
        kernel=_text(info.get("KernelVersion")),
        arch=_text(info.get("Architecture")),
        hostname=_text(info.get("Name")),
        root=_text(info.get("DockerRootDir")),
        storage=_text(info.get("Driver")),
        store="containerd" if CONTAINERD_STORE in str(info.get("DriverStatus")) else "graph driver",
        cgroup="v2" if str(info.get("CgroupVersion")) == "2" else "v1",
        cgroup_driver=_text(info.get("CgroupDriver")),
        live_restore=info.get("LiveRestoreEnabled") is True,
        rootless=any("rootless" in option for option in options),
        userns=any("name=userns" in option for option in options),
        swarm=_text(swarm.get("LocalNodeState")),
        swarm_manager=swarm.get("ControlAvailable") is True,
        default_runtime=_text(info.get("DefaultRuntime")),
        runtimes=tuple(sorted(map(_text, table(info.get("Runtimes"))))),
        insecure=tuple(_insecure(table(info.get("RegistryConfig")))),
        mirrors=tuple(_texts(table(info.get("RegistryConfig")).get("Mirrors"))),
        plugins=tuple(_plugins(table(info.get("Plugins")))),
        security=options,
        exposed=tuple(_exposed(info.get("Warnings"))),
        containers=tuple(map(_container, _rows(reading, "docker containers") or ())),
        images=None if images is None else len(images),
        local_images=tuple(_only_here(images or ())),
        volumes=tuple(HostVolume(_text(row.get("name")), _text(row.get("driver"))) for row in _rows(reading, "docker volumes") or ()),
        networks=tuple(
            HostNetwork(_text(row.get("name")), _text(row.get("driver")), _text(row.get("scope")))
            for row in _rows(reading, "docker networks") or ()
        ),
        services=tuple(_text(row.get("name")) for row in _rows(reading, "docker services") or ()),
        access=_access(reading),
        sizes=_sizes(reading),
        unreadable=reading.unreadable,
    )


def _object(reading: Reading, key: str) -> Mapping[str, Any]:
    return table(reading.json(key))


def _rows(reading: Reading, key: str) -> tuple[dict[str, Any], ...] | None:
    """The lines of an answer; None where it was not asked or not answered (noted)."""
    rows = reading.json_lines(key, dict[str, Any]) if key in reading.capture.commands else None
    if rows and len(rows) > MOST:
        reading.note(key, f"{len(rows):,} entries, of which the first {MOST:,} are kept")
    return rows and rows[:MOST]


def _container(row: Mapping[str, Any]) -> HostContainer:
    labels = table(row.get("labels"))
    return HostContainer(
        name=_text(row.get("name")).lstrip("/"),
        image=_text(row.get("image")),
        state=_text(row.get("state")),
        restart=_text(row.get("restart")) or "no",
        privileged=row.get("privileged") is True,
        capabilities=tuple(sorted(word.upper().removeprefix("CAP_") for word in _texts(row.get("cap_add")))),
        namespaces=tuple(name for name in ("pid", "ipc", "network", "userns") if row.get(name) == "host"),
        devices=tuple(_texts(row.get("devices"))),
        security=tuple(_texts(row.get("security"))),
        mounts=tuple(
            ContainerMount(_text(one.get("kind")), _text(one.get("source")), _text(one.get("inside")), one.get("writable") is not False)
            for one in map(table, _list(row.get("mounts")))
        ),
        ports=tuple(_texts(row.get("ports"))),
        user=_text(row.get("user")),
        runtime=_text(row.get("runtime")),
        environment=tuple(_texts(row.get("environment"))),
        docker_host=_text(row.get("docker_host")),
        project=_text(labels.get("com.docker.compose.project")),
        service=_text(labels.get("com.docker.compose.service")),
        project_files=_text(labels.get("com.docker.compose.project.config_files")),
        swarm_service=_text(labels.get("com.docker.swarm.service.name")),
    )


def _insecure(registries: Mapping[str, Any]) -> Iterator[str]:
    """Registries without TLS or with any certificate; the loopback network is Docker's default."""
    for network in _texts(registries.get("InsecureRegistryCIDRs")):
        if network not in ("127.0.0.0/8", "::1/128"):
            yield network
    for name, entry in table(registries.get("IndexConfigs")).items():
        if table(entry).get("Secure") is False:
            yield _text(name)


def _plugins(plugins: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of each plugin that does not come with Docker."""
    for kind in ("Volume", "Network", "Log", "Authorization"):
        for name in _texts(plugins.get(kind)):
            if name not in BUILT_IN.get(kind, ()):
                yield kind.lower(), name


def _exposed(warnings: object) -> Iterator[str]:
    """What the daemon itself says of addresses without TLS, and of those that accept any client (moby, daemon/info.go)."""
    for warning in _list(warnings):
        first = str(warning).partition("\n")[0]
        if "API is accessible on http" in first:
            yield clean(first.partition("API is ")[2]).rstrip(".")


def _only_here(images: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tagged images that no registry knows: built or loaded here."""
    for row in images:
        tags = [tag for tag in _texts(row.get("tags")) if "<none>" not in tag]
        if tags and not any("<none>" not in digest for digest in _texts(row.get("digests"))):
            yield tags[0]


def _access(reading: Reading) -> SocketAccess:
    group = reading.output("docker group", (0, 2)) if "docker group" in reading.capture.commands else None
    socket = (reading.output("docker socket") or "").split() if "docker socket" in reading.capture.commands else []
    members = None
    if group is not None:
        fields = group.strip().split(":")
        members = tuple(clean(name) for name in fields[3].split(",") if name) if len(fields) == 4 else ()
    mode, owner = map(clean, socket) if len(socket) == 2 else ("", "")
    return SocketAccess(mode, owner, members)


def _sizes(reading: Reading) -> Sizes | None:
    if "docker sizes" not in reading.capture.commands:
        return None
    found = _object(reading, "docker sizes")
    numbers = [found.get(name) for name in ("images", "containers", "volumes", "build_cache")]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        reading.note("docker sizes", "not four numbers")
        return None
    return Sizes(*(int(str(number)) for number in numbers))


def _list(value: object) -> Sequence[Any]:
    return value[:MOST] if isinstance(value, list) else ()


def _texts(value: object) -> Iterator[str]:
    return (clean(item) for item in _list(value) if isinstance(item, str))


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""
