"""A daemon behind SSH as a local socket: each connection is one `ssh HOST docker system dial-stdio`, as the docker CLI does it.

The system's ssh is used, with the user's configuration and known hosts; nothing is asked (BatchMode). docker-py's own adapter is not used:
it writes port 22 over the one of ssh_config, and its reads have no time limit.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

CONNECT = 10  # seconds for the connection
OPTIONS = ("-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT}", "-o", "RemoteCommand=none", "-o", "ForkAfterAuthentication=no", "-T")


def ssh_command(url: str, config: str | None) -> list[str]:
    """The ssh command line to the host of `ssh://[USER@]HOST[:PORT]`; the remote command is appended to it."""
    parts = urlsplit(url)
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    return ["ssh", *(("-F", config) if config else ()), *OPTIONS, *user, *port, "--", parts.hostname or ""]


def dial(url: str) -> str:
    """The remote command that joins its standard streams to the daemon's socket."""
    path = urlsplit(url).path
    host = f" --host {shlex.quote(f'unix://{path}')}" if path.strip("/") else ""
    return f"docker{host} system dial-stdio"


@contextmanager
def local_socket(command: Sequence[str], said: list[str]) -> Iterator[str]:
    """The path of a socket whose every connection is one process of `command`; what these write to standard error is added to `said`."""
    with TemporaryDirectory(prefix="docker2cri-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = str(Path(folder) / "docker.sock")
        listener.bind(path)
        listener.listen(4)
        started: list[subprocess.Popen[bytes]] = []

        def serve() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        streams = connection.fileno()
                        process = subprocess.Popen(command, stdin=streams, stdout=streams, stderr=subprocess.PIPE)
                    started.append(process)
                    threading.Thread(target=_words, args=(process, said), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield path
        finally:
            for process in started:
                process.kill()
                process.wait()


def _words(process: subprocess.Popen[bytes], said: list[str]) -> None:
    if process.stderr is not None:
        text = process.stderr.read(4096).decode("utf-8", "replace").strip()
        if text:
            said.append(text)
