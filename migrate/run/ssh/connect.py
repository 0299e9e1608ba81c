"""From a HostTarget to a Host, by whichever backend it asks for; what the connections of one run share lives here."""

import threading
from typing import TYPE_CHECKING

from migrate.run.clock import SystemClock
from migrate.run.ports import Backend, Clock, Host, HostTarget
from migrate.run.ssh.doors import Doors
from migrate.run.ssh.openssh import open_local, open_openssh

if TYPE_CHECKING:
    from migrate.run.ssh.client import SshClient


class Connector:
    """The connections of one run: keys are loaded once, known_hosts is read once, no sshd sees more than eight handshakes at a time."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._doors = Doors(self._clock)
        self._lock = threading.Lock()
        self._client: SshClient | None = None

    def open(self, target: HostTarget) -> Host:
        """Connect, check the host key, log in; raises NodeUnreachable and its kinds. Any thread may call it; close the Host yourself."""
        if target.backend is Backend.LOCAL:
            return open_local(target, self._clock)
        if target.backend is Backend.OPENSSH:
            return open_openssh(target, self._doors, self._clock)
        return self._paramiko().open(target)

    def _paramiko(self) -> "SshClient":
        # imported late: paramiko costs some 0.3 s, which `--help` must not pay
        with self._lock:
            if self._client is None:
                from migrate.run.ssh.client import SshClient

                self._client = SshClient(self._doors, self._clock)
            return self._client
