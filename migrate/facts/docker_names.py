"""Docker by its paths and values, wherever they are written: sockets, pipes, data roots, programs, and the name of the runtime as a value.

Paths of pods are canonical (`/run` for `/var/run`, slashes for those of Windows); texts are of any origin, so that each pattern is linear.
Sources: docs.docker.com, dockerd (`--host`, `--data-root`); moby client/client_windows.go (the pipe); cri-dockerd README (its socket).
"""

from __future__ import annotations

import re
from itertools import pairwise

_NAMES = r"(?:docker(?:\.raw)?|dockershim|cri-dockerd?)\.sock(?![\w-])"
_PIPES = r"(?:docker_engine(?:_linux|_windows)?|docker[dD]esktop\w{0,20}|dockershim|cri-dockerd?)"
_PIPE = rf"[\\/]{{1,2}}\.[\\/]{{1,2}}pipe[\\/]{{1,2}}{_PIPES}(?![\w-])"
SOCKET = re.compile(rf"(?:(?<![\w.+-])/(?:[\w.+-]{{1,60}}/){{0,12}}|(?<=[\w}})]/)){_NAMES}|{_PIPE}")
"""A socket's path in a text, under any folder: rootless Docker, distributions of Kubernetes and Windows have their own."""
DATA = re.compile(r"/var/lib/docker(?![\w-])|[A-Za-z]:[\\/]{1,2}ProgramData[\\/]{1,2}docker(?![\w-])", re.IGNORECASE)

_SOCKET_PATH = re.compile(rf"(?:.*/)?{_NAMES}|/pipe/{_PIPES}")
_PROGRAM_PATH = re.compile(r"(?:.*/)?s?bin/(?:docker(?:d|-compose|-containerd|-runc|-proxy|-init)?|cri-dockerd)")
# What lies in a data root under any name (moby daemon/daemon.go), and the folders that one is usually put into
_INSIDE = frozenset({"containers", "overlay", "overlay2", "aufs", "devicemapper", "image", "volumes", "vfs", "btrfs", "zfs"})
_DISK = re.compile(
    r"lib|docker|opt|srv|export|u\d\d|mnt|data\d{0,3}|store|storage|(?:ephemeral|ssd|disk|vol)\w{0,20}|local|scratch|persistent"
)
_ROOT = re.compile(r"docker[-_.](?:data|root|storage|lib|graph)")
_RUNTIME_KEY = r"(?:runtime|executor|engine|cri_?socket|container_?manager)"
_VALUE = r"(?:docker(?:d|shim)?|cri-dockerd?)"
RUNTIME_NAME = re.compile(_RUNTIME_KEY, re.IGNORECASE)
SETTING = re.compile(
    rf"""\s{{0,200}}(?:-\s{{1,20}})?["']?(?P<key>[\w./-]{{0,60}}{_RUNTIME_KEY}[\w./-]{{0,60}})["']?\s{{0,20}}[:=]\s{{0,20}}"""
    rf"""["']?(?P<value>{_VALUE})["']?\s{{0,20}},?\s{{0,200}}(?:\#.*)?$""",
    re.IGNORECASE,
)
"""A line of a configuration that sets a runtime, an executor or an engine to Docker."""
SOCKET_SETTING = re.compile(
    rf"""\s{{0,200}}(?:-\s{{1,20}})?["']?(?P<key>[\w./-]{{1,80}})["']?\s{{0,20}}[:=]\s{{0,20}}"""
    rf"""["']?(?:(?:unix|npipe)://)?(?P<value>{SOCKET.pattern})["']?\s{{0,20}},?\s{{0,200}}(?:\#.*)?$"""
)
"""A line of a configuration whose value is a socket of Docker and nothing else."""
FLAG = re.compile(rf"--?(?P<key>[\w.-]{{0,60}}{_RUNTIME_KEY}[\w.-]{{0,60}})(?:=(?P<value>{_VALUE}))?", re.IGNORECASE)
FLAG_IN_TEXT = re.compile(
    rf"""(?<![\w-])--?(?P<key>[\w-]{{0,60}}{_RUNTIME_KEY}[\w-]{{0,60}})[= ]["']?(?P<value>{_VALUE})(?![\w./:@-])"""
    rf"""|"(?P<json>[\w.-]{{0,60}}{_RUNTIME_KEY}[\w.-]{{0,60}})"\s{{0,20}}:\s{{0,20}}"(?P<named>{_VALUE})\"""",
    re.IGNORECASE,
)
"""A flag inside of a line, or a member of JSON on one line, that sets a runtime to Docker."""
_RUNTIME = re.compile(_VALUE, re.IGNORECASE)


def is_socket(path: str) -> bool:
    """Whether a canonical path is a socket, or a pipe, of Docker."""
    return _SOCKET_PATH.fullmatch(path) is not None


def is_program(path: str) -> bool:
    """Whether a path is a program of Docker."""
    return _PROGRAM_PATH.fullmatch(path) is not None


def in_data(path: str) -> bool:
    """Whether a canonical path is one that only a data root of Docker has."""
    parts = path.strip("/").lower().split("/")
    windows = parts[1:3] == ["programdata", "docker"]
    snap = "var-lib-docker" in parts
    return windows or snap or any(above.startswith("docker") and below in _INSIDE for above, below in pairwise(parts))


def may_be_data_root(path: str) -> bool:
    """Whether a path is of a folder that is usually made for a data root."""
    parts = path.strip("/").split("/")
    on_disk = parts[-1] == "docker" and (len(parts) == 1 or _DISK.fullmatch(parts[-2]) is not None)
    return on_disk or any(_ROOT.fullmatch(part) for part in parts)


def is_runtime(value: str) -> bool:
    """Whether a value names Docker as what runs containers."""
    return _RUNTIME.fullmatch(value.strip()) is not None
