"""Docker hosts read through the API: hostile and slow daemons bounded, contexts as the docker CLI has them, nothing woken, no secret."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import UsageError
from migrate.run.docker import host_side
from migrate.run.docker.address import address_of
from migrate.run.docker.hosts import HostOptions, HostReading, read_hosts, save_hosts
from migrate.run.docker.over_ssh import dial, ssh_command
from tests.run.conftest import Sshd
from tests.run.docker_daemon import certificates

QUICK = HostOptions(deadline=20)
SECRET = "canary-71c2"
ANSWERS: dict[str, Any] = {
    "/version": {"Version": "28.1.0", "ApiVersion": "1.49", "MinAPIVersion": "1.24"},
    "/info": {"ServerVersion": "28.1.0", "Driver": "overlay2", "DockerRootDir": "/var/lib/docker", "Swarm": {"LocalNodeState": "inactive"}},
    "/containers/json?all=1": [{"Id": "ab" * 32}],
    f"/containers/{'ab' * 32}/json": {
        "Id": "ab" * 32,
        "Name": "/web",
        "State": {"Status": "running"},
        "Config": {"Image": "web:1", "Env": [f"DB_PASSWORD={SECRET}", "DOCKER_HOST=unix:///var/run/docker.sock"], "Labels": {"x": SECRET}},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, "RestartPolicy": {"Name": "always"}},
        "Mounts": [{"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": False}],
    },
    "/images/json": [{"Id": "sha256:1", "RepoTags": ["web:1"], "RepoDigests": [], "Size": 5}],
    "/volumes": {"Volumes": [{"Name": "v", "Driver": "local", "Options": {"o": f"password={SECRET}"}}]},
    "/networks": [{"Name": "bridge", "Driver": "bridge", "Scope": "local"}],
}
Serve = Callable[[socket.socket, str], None]


def answer(connection: socket.socket, path: str, answers: dict[str, Any] = ANSWERS) -> None:
    body = json.dumps(answers.get(path)).encode()
    status = "200 OK" if path in answers else "404 Not Found"
    connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def says(head: bytes, body: Callable[[socket.socket], None]) -> Serve:
    def serve(connection: socket.socket, path: str) -> None:
        connection.sendall(head)
        body(connection)

    return serve


@contextmanager
def daemon(serve: Serve = answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server on loopback; `serve` is called for every request with its path."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def one(connection: socket.socket) -> None:
        try:
            with tls.wrap_socket(connection, server_side=True) if tls else connection as spoken, spoken.makefile("rb") as lines:
                while head := lines.readline():
                    while lines.readline().strip():
                        pass
                    serve(spoken, head.split()[1].decode())
        except OSError:
            pass  # the reader was ended

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read(address: str, how: HostOptions = QUICK) -> HostReading:
    (found,) = read_hosts([address], how)
    return found


def test_a_host_is_read_and_no_secret_leaves_the_reader(tmp_path: Path) -> None:
    with daemon() as address:
        found = read(address)
    assert found.error is None
    assert found.facts is not None
    (container,) = found.facts.containers
    assert (container.name, container.state, container.restart, container.ports) == ("web", "running", "always", ("*:8080->80/tcp",))
    assert container.environment == ("DB_PASSWORD", "DOCKER_HOST")
    assert (found.facts.tls, found.facts.version, found.facts.images, found.facts.local_images) == ("none", "28.1.0", 1, ("web:1",))
    assert found.capture is not None
    (path,) = save_hosts(tmp_path, [found.capture])
    assert path.name == f"tcp-127.0.0.1-{address.rpartition(':')[2]}.docker.json"
    assert SECRET not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    again = read(address, HostOptions(offline=str(tmp_path)))
    assert again.facts == found.facts


HOSTILE: dict[str, tuple[Serve, str]] = {
    "not http": (says(b"SSH-2.0-OpenSSH_9\r\n", lambda to: to.close()), "it answered 'SSH-2.0-OpenSSH_9\\r\\n', which is no HTTP"),
    "not json": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", lambda to: None), "GET /version: the answer is no JSON"),
    "too deep": (says(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000, lambda to: to.shutdown(socket.SHUT_RDWR)), "nested too deep"),
    "too long": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", lambda to: to.sendall(b" " * 40_000_000)), "is longer than"),
    "another server": (says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", lambda to: None), "not as a Docker daemon"),
    "elsewhere": (
        says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", lambda to: None),
        "not as a Docker",
    ),
    "odd forms": (lambda to, path: answer(to, path, ANSWERS | {"/info": [1]}), "not as a Docker daemon"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_daemon_is_that_host_s_result(name: str) -> None:
    serve, seen = HOSTILE[name]
    with daemon(serve) as address:
        found = read(address)
    assert found.error is not None
    assert found.error.exit_code == 4
    assert found.error.node == address
    assert seen in found.error.seen


def test_odd_parts_are_told_and_the_rest_is_read() -> None:
    odd = ANSWERS | {"/containers/json?all=1": {"a": 1}, "/images/json": "x", "/volumes": [], "/networks": [None, {"Name": 5}]}
    with daemon(lambda to, path: answer(to, path, odd)) as address:
        found = read(address)
    assert found.facts is not None
    assert (found.facts.containers, found.facts.volumes, [one.name for one in found.facts.networks]) == ((), (), [""])


def test_one_host_that_trickles_is_ended_and_the_others_are_read() -> None:
    def trickle(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.2)

    with ExitStack() as started:
        slow = started.enter_context(daemon(trickle))
        others = [started.enter_context(daemon()) for _ in range(5)]
        found = read_hosts([slow, *others], HostOptions(deadline=15))
    assert [(one.name, one.error.seen if one.error else "") for one in found] == [
        (slow, "no whole answer within 15 s"),
        *((one, "") for one in others),
    ]


def contexts(tmp_path: Path, name: str, host: str, *, skip: bool = False, pem: tuple[str, ...] = ()) -> dict[str, str]:
    digest = sha256(name.encode()).hexdigest()
    meta = tmp_path / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(
        json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": skip}}})
    )
    for file in pem:
        folder = tmp_path / "contexts" / "tls" / digest / "docker"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file}.pem").write_text("x")
    return {"DOCKER_CONFIG": str(tmp_path)}


def test_contexts_are_those_of_the_docker_cli(tmp_path: Path) -> None:
    environ = contexts(tmp_path, "builder", "tcp://10.0.0.5:2376", pem=("ca", "cert", "key"))
    found = address_of("builder", None, environ)
    assert (found.url, found.protection) == ("tcp://10.0.0.5:2376", "verified")
    environ = contexts(tmp_path, "lax", "tcp://10.0.0.5:2376", skip=True)
    assert address_of("lax", None, environ).protection == "unverified"
    environ = contexts(tmp_path, "far", "ssh://ops@far:2222")
    assert address_of("far", None, environ).url == "ssh://ops@far:2222"
    assert address_of("default", None, {"DOCKER_HOST": "tcp://h:1"}).url == "tcp://h:1"
    assert address_of("default", None, {}).url == "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("nosuch", "--docker nosuch: no such context"),
        ("http://h:1", "--docker http://h:1: no address of a daemon"),
        ("tcp://h", "--docker tcp://h: no address of a daemon"),
        ("tcp://u:geheim@h:1", "--docker tcp://u:REDACTED@h:1: no address of a daemon"),
        ("unix://h/x", "--docker unix://h/x: no address of a daemon"),
        ("fd://", "--docker fd://: no address of a daemon"),
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, asked: str, seen: str) -> None:
    with pytest.raises(UsageError) as raised:
        address_of(asked, None, {"DOCKER_CONFIG": str(tmp_path)})
    assert raised.value.seen == seen


def test_tls_is_verified_with_the_given_ca(tmp_path: Path) -> None:
    certificates(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    server.load_cert_chain(tmp_path / "server-cert.pem", tmp_path / "server-key.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    other = tmp_path / "other"
    other.mkdir()
    certificates(other)
    with daemon(tls=server) as address:
        good = read(address, HostOptions(certificates=str(tmp_path)))
        stranger = read(address, HostOptions(certificates=str(other)))
    assert good.facts is not None
    assert good.facts.tls == "verified"
    assert stranger.error is not None
    assert stranger.error.seen.startswith("TLS failed: [SSL: CERTIFICATE_VERIFY_FAILED]")
    with pytest.raises(UsageError, match=r"ca\.pem, .*no such file"):
        read(address, HostOptions(certificates=str(tmp_path / "nowhere")))


def test_a_stopped_docker_is_not_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text('#!/bin/sh\n[ "$2" = docker.socket ] && echo active || { echo inactive; exit 3; }\n')
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    assert host_side.host_side((), "/var/run/docker.sock").asleep
    assert not host_side.host_side((), "/srv/other.sock").asleep
    found = read("unix:///var/run/docker.sock")
    assert found.error is not None
    assert found.error.seen == "docker.service is stopped, and docker.socket would start it"


def test_the_ssh_command_is_the_docker_cli_s() -> None:
    argv = ssh_command("ssh://ops@builder:2222", "/etc/other")
    assert argv[:3] == ["ssh", "-F", "/etc/other"]
    assert argv[-6:] == ["-l", "ops", "-p", "2222", "--", "builder"]
    assert ssh_command("ssh://builder", None)[-3:] == ["-T", "--", "builder"]
    assert dial("ssh://builder") == "docker system dial-stdio"
    assert dial("ssh://builder/srv/a b.sock") == "docker --host 'unix:///srv/a b.sock' system dial-stdio"


@pytest.mark.ssh
def test_an_unknown_host_key_is_refused_and_nothing_is_asked(start_sshd: Callable[..., Sshd], tmp_path: Path) -> None:
    sshd = start_sshd()
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host builder\n HostName 127.0.0.1\n Port {sshd.port}\n User root\n IdentityFile {sshd.keys / 'user'}\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {tmp_path / 'none'}\n GlobalKnownHostsFile none\n"
    )
    found = read("ssh://builder", HostOptions(ssh_config=str(config), deadline=40))
    assert found.error is not None
    assert found.error.seen.endswith("Host key verification failed.")
    assert not (tmp_path / "none").exists()
