"""What is kept of an environment variable's value: where it leads to Docker. Everything else may be a secret, and stays where it was."""

from __future__ import annotations

import re

from migrate.facts.docker_names import RUNTIME_NAME, SOCKET, is_runtime

HOST = "DOCKER_HOST"
DOCKER_BRIDGE = "172.17.0.1"  # of docker0 by default: the node, from its containers
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})
CLIENT_VARIABLES = frozenset({HOST, "DOCKER_SOCK", "DOCKER_SOCKET", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"})
_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]{2,5})://)?(?:[^@/\s]{0,200}@)?(?P<host>\$\([\w.-]{1,80}\)|\[[0-9a-fA-F:.]{2,45}\]|[\w.-]{1,253})(?P<port>:\d{1,5})?(?:/\S*)?"
)
_OTHER_SOCKET = re.compile(r"(?:unix|npipe)://[\w./-]{1,200}")
_LONGEST = 2_000


def speaks(name: str, value: str) -> bool:
    """Whether a value may speak of Docker at all: most do not, and this is asked of each."""
    return "ocker" in value or name == HOST or "OCKER" in value


def kept(name: str, value: str) -> str:
    """The part of a value that speaks of Docker: a socket's path, `tcp://HOST:PORT`, the name of a runtime; empty for any other."""
    value = value.strip()[:_LONGEST]
    if ("sock" in value or "pipe" in value) and (found := SOCKET.search(value)):
        return found[0]
    if name == HOST and (address := _ADDRESS.fullmatch(value)) and address["scheme"] not in ("unix", "npipe", "fd"):
        return f"{address['scheme'] or 'tcp'}://{address['host']}{address['port'] or ''}"
    if name == HOST and (other := _OTHER_SOCKET.fullmatch(value)):
        return other[0]
    return value if is_runtime(value) and RUNTIME_NAME.search(name) else ""
