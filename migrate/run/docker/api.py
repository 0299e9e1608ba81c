"""Docker's API, read: bounded GET requests, and the fields that are kept of each answer.

What is not in these tables never leaves this module: values of variables and labels, options of drivers, commands and their arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docker import APIClient

from migrate.formats.nested import table

ANSWER = 32 * 1024 * 1024  # bytes of one answer
ALL = 128 * 1024 * 1024  # bytes of all answers of one host
QUIET = 10  # seconds without a byte
CONTAINERS = 5000
LABELS = (
    *("com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.project.config_files"),
    *("com.docker.swarm.service.name",),
)
INFO = (
    *("ServerVersion", "Driver", "DriverStatus", "DockerRootDir", "CgroupDriver", "CgroupVersion", "LiveRestoreEnabled", "DefaultRuntime"),
    *("SecurityOptions", "Warnings", "OperatingSystem", "KernelVersion", "Architecture", "Name", "LoggingDriver", "Plugins"),
)
SWARM = ("LocalNodeState", "ControlAvailable")


class AnswerTooLong(Exception):
    """An answer is longer than it may be."""


class DaemonApi:
    """One daemon's API; `get` raises requests' errors, ValueError for what is no JSON, and AnswerTooLong."""

    def __init__(self, client: APIClient) -> None:
        self._client = client
        self._client.trust_env = False  # no proxy, no .netrc: the address is the one that was asked for
        self._left = ALL

    def get(self, path: str) -> Any:
        """The decoded answer to one request; None for an answer other than 200."""
        address = f"{self._client.base_url}{path}"
        headers = {"Accept-Encoding": "identity"}
        with self._client.get(address, stream=True, timeout=QUIET, allow_redirects=False, headers=headers) as response:
            if response.status_code != 200:
                return None
            most = min(ANSWER, self._left)
            data = response.raw.read(most + 1, decode_content=False)
        if len(data) > most:
            raise AnswerTooLong(f"GET {path}: the answer is longer than {most:,} bytes")
        self._left -= len(data)
        try:
            return json.loads(data)
        except RecursionError:
            raise ValueError(f"GET {path}: the answer is nested too deep") from None
        except ValueError:
            raise ValueError(f"GET {path}: the answer is no JSON") from None


def info_fields(info: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of /info."""
    kept = {name: info.get(name) for name in INFO}
    swarm, registries = table(info.get("Swarm")), table(info.get("RegistryConfig"))
    indexes = {str(name): {"Secure": table(entry).get("Secure")} for name, entry in table(registries.get("IndexConfigs")).items()}
    return kept | {
        "Swarm": {name: swarm.get(name) for name in SWARM},
        "Runtimes": {str(name): {"path": table(entry).get("path")} for name, entry in table(info.get("Runtimes")).items()},
        "RegistryConfig": {
            "InsecureRegistryCIDRs": registries.get("InsecureRegistryCIDRs"),
            "IndexConfigs": indexes,
            "Mirrors": registries.get("Mirrors"),
        },
    }


def container_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one container, in the words of the probe's template and more."""
    config, host = table(value.get("Config")), table(value.get("HostConfig"))
    labels = table(config.get("Labels"))
    variables = [str(word) for word in config.get("Env") or () if isinstance(word, str)]
    return {
        "id": value.get("Id"),
        "name": value.get("Name"),
        "image": config.get("Image"),
        "image_id": value.get("Image"),
        "state": table(value.get("State")).get("Status"),
        "restart": table(host.get("RestartPolicy")).get("Name"),
        "privileged": host.get("Privileged"),
        "network": host.get("NetworkMode"),
        "pid": host.get("PidMode"),
        "ipc": host.get("IpcMode"),
        "uts": host.get("UTSMode"),
        "userns": host.get("UsernsMode"),
        "cgroup": host.get("CgroupnsMode"),
        "cap_add": host.get("CapAdd"),
        "devices": [table(one).get("PathOnHost") for one in host.get("Devices") or ()],
        "security": host.get("SecurityOpt"),
        "runtime": host.get("Runtime"),
        "user": config.get("User"),
        "mounts": list(_mounts(value)),
        "ports": list(_ports(host)),
        "environment": [word.partition("=")[0] for word in variables],
        "docker_host": next((word.partition("=")[2] for word in variables if word.startswith("DOCKER_HOST=")), None),
        "labels": {name: labels[name] for name in LABELS if name in labels},
    }


def _mounts(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in map(table, value.get("Mounts") or ()):
        source = one.get("Name") if one.get("Type") == "volume" else one.get("Source")
        yield {"kind": one.get("Type"), "source": source, "inside": one.get("Destination"), "writable": one.get("RW")}


def _ports(host: Mapping[str, Any]) -> Iterator[str]:
    for port, bindings in table(host.get("PortBindings")).items():
        for binding in map(table, bindings or ()):
            yield f"{binding.get('HostIp') or '*'}:{binding.get('HostPort') or '?'}->{port}"


def image_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one image, in the words of the probe's template."""
    return {"id": value.get("Id"), "tags": value.get("RepoTags"), "digests": value.get("RepoDigests"), "size": value.get("Size")}


def volume_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one volume."""
    return {"name": value.get("Name"), "driver": value.get("Driver")}


def network_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one network."""
    return {"name": value.get("Name"), "driver": value.get("Driver"), "scope": value.get("Scope")}


def service_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one swarm service."""
    return {"name": table(value.get("Spec")).get("Name")}


def size_fields(value: Mapping[str, Any]) -> dict[str, int]:
    """Bytes by what takes them, of /system/df; layers that images share are counted once."""

    def added(name: str, read: Callable[[Mapping[str, Any]], Any]) -> int:
        return sum(size for one in value.get(name) or () if isinstance(size := read(table(one)), int) and size > 0)

    layers = value.get("LayersSize")
    return {
        "images": layers if isinstance(layers, int) else added("Images", lambda one: one.get("Size")),
        "containers": added("Containers", lambda one: one.get("SizeRw")),
        "volumes": added("Volumes", lambda one: table(one.get("UsageData")).get("Size")),
        "build_cache": added("BuildCache", lambda one: one.get("Size")),
    }
