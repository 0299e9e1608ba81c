"""A real sshd on loopback with its own keys, ports and files; nothing of the machine's own ssh is used or changed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from migrate.run.ports import Backend, HostTarget

SSHD = "/usr/sbin/sshd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fingerprint_of(public: Path) -> str:
    return subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout.split()[1]


@dataclass
class Sshd:
    """One running sshd; `target()` is what logs in to it as root."""

    folder: Path
    port: int
    pid: int
    keys: Path
    stopped: list[int] = field(default_factory=list)

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def host_key(self, kind: str = "ed25519") -> str:
        return " ".join((self.keys / f"host_{kind}.pub").read_text().split()[:2])

    def host_fingerprint(self, kind: str = "ed25519") -> str:
        return fingerprint_of(self.keys / f"host_{kind}.pub")

    def trust(self, *lines: str) -> Path:
        """Write known_hosts: these lines, or the right one."""
        self.known_hosts.write_text("".join(f"{line}\n" for line in lines or (f"[127.0.0.1]:{self.port} {self.host_key()}",)))
        return self.known_hosts

    def target(self, name: str = "node01", **changes: Any) -> HostTarget:
        if not self.known_hosts.exists():
            self.trust()
        key = str(self.keys / "user")
        user = changes.get("user", "root")
        options = (("Port", str(self.port)), ("User", user), ("IdentityFile", key), ("UserKnownHostsFile", str(self.known_hosts)))
        options = (*options, ("GlobalKnownHostsFile", "none"), ("IdentitiesOnly", "yes"))
        base = HostTarget(
            name, "127.0.0.1", "root", self.port, alias="127.0.0.1", key_files=(key,), known_hosts=(str(self.known_hosts),),
            ssh_options=options, config_file="none",
        )  # fmt: skip
        return replace(base, **changes)

    def children(self) -> list[int]:
        found, todo = [], [self.pid]
        while todo:
            tasks = f"/proc/{todo.pop()}/task"
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                for task in os.listdir(tasks):
                    more = [int(word) for word in Path(f"{tasks}/{task}/children").read_text().split()]
                    found += more
                    todo += more
        return found

    def freeze(self) -> None:
        """Stop every session of this sshd: its connections stay open and say nothing more."""
        self.stopped = self.children()
        for pid in self.stopped:
            os.kill(pid, signal.SIGSTOP)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        # a session before the shell that it carries, or the shell would report how its child ended
        for pid in dict.fromkeys((*self.children(), *self.stopped)):
            for number in (signal.SIGKILL, signal.SIGCONT):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    break


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not Path(SSHD).exists():
        pytest.skip("no sshd here: install openssh-server")
    if os.geteuid() != 0:
        pytest.skip("a test sshd that logs in root needs root")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder = tmp_path_factory.mktemp("sshkeys")
    for name, kind in (
        ("host_ed25519", "ed25519"), ("host_rsa", "rsa"), ("host_ecdsa", "ecdsa"), ("host_other", "ed25519"),
        ("user", "ed25519"), ("stranger", "ed25519"), ("ca", "ed25519"),
    ):  # fmt: skip
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", folder / name], check=True)
    return folder


@pytest.fixture
def start_sshd(ssh_keys: Path, tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    running: list[tuple[Sshd, subprocess.Popen[bytes]]] = []

    def start(*lines: str, host_keys: tuple[str, ...] = ("host_ed25519",)) -> Sshd:
        folder = tmp_path / f"sshd{len(running)}"
        folder.mkdir()
        port = free_port()
        authorized = Path(f"/run/sshd/authorized.{os.getpid()}")
        shutil.copy(ssh_keys / "user.pub", authorized)
        config = folder / "sshd_config"
        config.write_text(
            "\n".join(
                (
                    # sshd keeps the first value of a keyword, so a test's own lines come first
                    *lines, f"Port {port}", "ListenAddress 127.0.0.1", *(f"HostKey {ssh_keys / key}" for key in host_keys),
                    f"AuthorizedKeysFile {authorized}", "StrictModes no", "PidFile none", "PermitRootLogin yes", "UsePAM no",
                    "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                    # bash reads no ~/.bashrc then: what this machine's root has in it is not tested here
                    "SetEnv SHLVL=2", "",
                )
            )
        )  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log, stdin=subprocess.DEVNULL)
        sshd = Sshd(folder, port, process.pid, ssh_keys)
        running.append((sshd, process))
        for _ in range(100):
            if "Server listening" in sshd.log():
                return sshd
            assert process.poll() is None, sshd.log()
            time.sleep(0.02)
        raise AssertionError(f"sshd did not start: {sshd.log()}")

    yield start
    for sshd, process in running:
        try:
            sshd.stop()
        finally:
            process.terminate()
            process.wait(5)
    Path(f"/run/sshd/authorized.{os.getpid()}").unlink(missing_ok=True)


@pytest.fixture
def sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    return start_sshd()


@pytest.fixture(params=[Backend.PARAMIKO, Backend.OPENSSH], ids=["paramiko", "openssh"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return Backend(request.param)


@dataclass
class SudoUser:
    """A login user made for one test; `rule` writes its sudoers line."""

    name: str
    password: str
    sudoers: Path

    def rule(self, text: str) -> None:
        self.sudoers.write_text(text.format(user=self.name) + "\n")
        self.sudoers.chmod(0o440)


@pytest.fixture
def sudo_user() -> Iterator[SudoUser]:
    if os.geteuid() != 0 or not shutil.which("sudo") or not shutil.which("useradd"):
        pytest.skip("sudo tests make a user for a moment: they need root, sudo and useradd")
    name = f"d2ctest{os.getpid()}"
    with pytest.raises(KeyError):
        pwd.getpwnam(name)
    subprocess.run(["useradd", "-M", "-d", "/", "-s", "/bin/sh", name], check=True)
    user = SudoUser(name, "right horse", Path(f"/etc/sudoers.d/{name}"))
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{user.password}\n".encode(), check=True)
        yield user
    finally:
        user.sudoers.unlink(missing_ok=True)
        # the last session of the user may take a moment to end
        removed = subprocess.run(["userdel", name], capture_output=True, check=False)
        for _ in range(50):
            if removed.returncode == 0:
                break
            time.sleep(0.1)
            removed = subprocess.run(["userdel", name], capture_output=True, check=False)
        assert removed.returncode == 0, removed.stderr
