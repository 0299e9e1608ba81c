"""What a user meets with a real sshd: the good day, and every way to fail with its whole text."""

import hashlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.errors import (
    AuthenticationRefused,
    HostKeyRefused,
    MigrateError,
    NodeTimeout,
    NodeUnreachable,
    NodeUnreadable,
    TransferFailed,
)
from migrate.run.fleet import map_hosts
from migrate.run.ports import Backend, CommandResult, HostKeyChecking, HostTarget, Timeouts
from migrate.run.ssh.connect import Connector

from .conftest import Sshd, fingerprint_of, free_port

pytestmark = pytest.mark.ssh
GREETED = 1500  # bytes of sshd: its greeting and key exchange, not yet an answer to a login
NOISE = "ForceCommand echo noise; echo more noise >&2; eval \"$SSH_ORIGINAL_COMMAND\""  # fmt: skip


def failure(kind: type[MigrateError], target: HostTarget) -> str:
    with pytest.raises(kind) as caught, Connector().open(target) as host:
        host.run(b"true")
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        yield listening


def test_run_gives_both_streams_and_the_exit_code(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host:
        assert host.name == "node01"
        assert host.run(b"id -u; echo problem >&2; cat; exit 3") == CommandResult(3, b"0\n", b"problem\n")
        assert host.run(b"printf 'no newline' # and a comment") == CommandResult(0, b"no newline", b"")
        assert host.run(b"kill -9 $$").rc == 137


def test_a_script_that_breaks_off_does_nothing(sshd: Sshd, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with Connector().open(sshd.target()) as host:
        done = host.run(f"touch {trace}\nif true; then".encode())
    assert (done.rc, trace.exists()) == (2, False)


def test_noise_of_login_scripts_stays_outside(start_sshd: Callable[..., Sshd], backend: Backend) -> None:
    with Connector().open(start_sshd(NOISE).target(backend=backend)) as host:
        assert host.run(b"echo one; echo two >&2") == CommandResult(0, b"one\n", b"two\n")


def test_four_megabytes_on_both_streams(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host:
        done = host.run(b"head -c 4194304 /dev/zero >&2; head -c 4194304 /dev/zero; exit 7", timeout=60)
    assert (done.rc, len(done.stdout), len(done.stderr)) == (7, 4194304, 4194304)


def test_a_script_larger_than_every_window(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host:
        assert host.run(b"# padding\n" * 500_000 + b"echo end", timeout=60) == CommandResult(0, b"end\n", b"")


def test_a_background_child_does_not_keep_the_call(sshd: Sshd, backend: Backend) -> None:
    began = time.monotonic()
    with Connector().open(sshd.target(backend=backend)) as host:
        assert host.run(b"sleep 20 & echo $!; exit 0").rc == 0
    assert time.monotonic() - began < 10


def test_output_over_the_limit(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host, pytest.raises(NodeUnreadable) as caught:
        host.run(b"yes", limit=100_000)
    assert str(caught.value) == (
        "node01: more than 100000 bytes of output on one stream; the rest was not read\n"
        "  expected: at most 100000 bytes\n"
        "  next: look on the node for the oversized file or list"
    )


def test_command_timeout(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host, pytest.raises(NodeTimeout) as caught:
        host.run(b"echo waiting for the disk >&2; sleep 30", timeout=1)
    assert str(caught.value) == (
        "node01: the script did not end within 1 s (command timeout); it may still run there: waiting for the disk\n"
        "  expected: an end within 1 s\n"
        "  next: look on the node what hangs: ps -ef --forest; a node that is only slow: repeat with a longer --command-timeout"
    )


def test_a_script_without_a_limit_has_that_of_the_target(sshd: Sshd, backend: Backend) -> None:
    target = replace(sshd.target(backend=backend), timeouts=Timeouts(command=0.5))
    with Connector().open(target) as host, pytest.raises(NodeTimeout) as caught:
        host.run(b"sleep 30")
    assert caught.value.seen.startswith("the script did not end within 0.5 s (command timeout)")


def test_put_and_get(sshd: Sshd, backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "with 'quotes' and $dollar"
    data = bytes(range(256)) * 20_000
    with Connector().open(sshd.target(backend=backend)) as host:
        host.put(data, str(path), 0o640, "root:nogroup")
        assert (path.read_bytes() == data, oct(path.stat().st_mode & 0o7777), path.group()) == (True, "0o640", "nogroup")
        host.put(b"", str(path), 0o600, "0:0")
        assert (path.read_bytes(), host.get(str(path))) == (b"", b"")
        path.write_bytes(data)
        assert hashlib.sha256(host.get(str(path))).digest() == hashlib.sha256(data).digest()
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".docker2cri")] == []


def test_put_that_fails_leaves_what_was_there(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    with Connector().open(sshd.target()) as host, pytest.raises(TransferFailed) as caught:
        host.put(b"after", str(path), 0o600, "no-such-user:root")
    assert str(caught.value) == (
        f"node01: {path} could not be written: chown: invalid user: 'no-such-user:root'; owner or mode refused\n"
        "  expected: a directory that root can write to, with room, and a known owner\n"
        f"  next: look on the node: ls -ld {tmp_path}; df {tmp_path}"
    )
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir() if entry.is_file()] == [("kept", "before")]


def test_get_of_nothing(sshd: Sshd, tmp_path: Path) -> None:
    with Connector().open(sshd.target()) as host, pytest.raises(NodeUnreadable) as caught:
        host.get(f"{tmp_path}/absent")
    assert str(caught.value) == (
        f"node01: {tmp_path}/absent cannot be read: no regular file there\n"
        "  expected: a file that root can read\n"
        f"  next: look on the node: ls -l {tmp_path}/absent"
    )


def test_unknown_host_key(sshd: Sshd) -> None:
    sshd.trust("elsewhere ssh-ed25519 AAAA")
    assert failure(HostKeyRefused, sshd.target()) == (
        f"node01: the host key of [127.0.0.1]:{sshd.port} is not known: ED25519 {sshd.host_fingerprint()}\n"
        f"  expected: a line for [127.0.0.1]:{sshd.port} in {sshd.known_hosts}\n"
        "  next: compare it on the node's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: "
        f"ssh-keyscan -t ed25519 -p {sshd.port} 127.0.0.1 >> {sshd.known_hosts}; or repeat with --host-key-checking accept-new"
    )


def test_changed_host_key(sshd: Sshd, ssh_keys: Path) -> None:
    other = " ".join((ssh_keys / "host_other.pub").read_text().split()[:2])
    sshd.trust(f"[127.0.0.1]:{sshd.port} {other}")
    assert failure(HostKeyRefused, sshd.target()) == (
        f"node01: the host key of [127.0.0.1]:{sshd.port} is ED25519 {sshd.host_fingerprint()} and not the one on file: "
        "the node was reinstalled, or someone answers in its place\n"
        f"  expected: ED25519 {fingerprint_of(ssh_keys / 'host_other.pub')} ({sshd.known_hosts}:1)\n"
        "  next: compare it on the node's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: "
        f"ssh-keygen -f {sshd.known_hosts} -R '[127.0.0.1]:{sshd.port}'; "
        f"ssh-keyscan -t ed25519 -p {sshd.port} 127.0.0.1 >> {sshd.known_hosts}"
    )


def test_the_commands_of_a_changed_key_mend_it(sshd: Sshd, ssh_keys: Path) -> None:
    other = " ".join((ssh_keys / "host_other.pub").read_text().split()[:2])
    sshd.trust(f"[127.0.0.1]:{sshd.port} {other}")
    commands = failure(HostKeyRefused, sshd.target()).rpartition("then: ")[2]
    subprocess.run(commands, shell=True, check=True, capture_output=True)
    with Connector().open(sshd.target()) as host:
        assert host.run(b"true").rc == 0


def test_revoked_host_key(sshd: Sshd) -> None:
    sshd.trust(f"[127.0.0.1]:{sshd.port} {sshd.host_key()}", f"@revoked * {sshd.host_key()}")
    for checking in HostKeyChecking:
        assert failure(HostKeyRefused, sshd.target(host_key_checking=checking)) == (
            f"node01: the host key of [127.0.0.1]:{sshd.port}, ED25519 {sshd.host_fingerprint()}, is revoked ({sshd.known_hosts}:2)\n"
            "  expected: a host key that is not revoked\n"
            "  next: make new host keys on the node: rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A; systemctl restart sshd"
        )


def test_certificate_authority_is_left_to_openssh(start_sshd: Callable[..., Sshd], ssh_keys: Path) -> None:
    certificate = ["ssh-keygen", "-q", "-s", "ca", "-I", "node", "-h", "-n", "127.0.0.1", "host_ed25519.pub"]
    subprocess.run(certificate, cwd=ssh_keys, check=True)
    sshd = start_sshd(f"HostCertificate {ssh_keys / 'host_ed25519-cert.pub'}")
    sshd.trust(f"@cert-authority *,[127.0.0.1]:* {(ssh_keys / 'ca.pub').read_text().strip()}")
    assert failure(HostKeyRefused, sshd.target()) == (
        f"node01: only a certificate authority vouches for [127.0.0.1]:{sshd.port} ({sshd.known_hosts}:1), "
        "and the paramiko backend cannot check host certificates\n"
        f"  expected: a plain line for [127.0.0.1]:{sshd.port} in known_hosts, or a backend that knows certificates\n"
        "  next: repeat with --ssh-backend openssh"
    )
    with Connector().open(sshd.target(backend=Backend.OPENSSH)) as host:
        assert host.run(b"echo in").stdout == b"in\n"


@pytest.mark.parametrize("hashed", [False, True])
def test_accept_new_remembers(sshd: Sshd, hashed: bool) -> None:
    sshd.trust("# nothing yet")
    connector = Connector()
    for _ in range(2):
        connector.open(sshd.target(host_key_checking=HostKeyChecking.ACCEPT_NEW, hash_known_hosts=hashed)).close()
    lines = sshd.known_hosts.read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("|1|") is hashed
    connector.open(sshd.target()).close()


def test_the_server_is_asked_for_the_key_on_file(start_sshd: Callable[..., Sshd]) -> None:
    sshd = start_sshd(host_keys=("host_ed25519", "host_rsa", "host_ecdsa"))
    for kind in ("rsa", "ecdsa", "ed25519"):
        sshd.trust(f"[127.0.0.1]:{sshd.port} {sshd.host_key(kind)}")
        Connector().open(sshd.target()).close()


def test_refused_key(sshd: Sshd, ssh_keys: Path) -> None:
    key = ssh_keys / "stranger"
    assert failure(AuthenticationRefused, sshd.target(key_files=(str(key), "/absent"))) == (
        f"node01: cannot log in to 127.0.0.1 port {sshd.port} as root: none of 1 keys is accepted: "
        f"{key} ({fingerprint_of(ssh_keys / 'stranger.pub')}) (not usable: /absent: no such file)\n"
        "  expected: a key from the authorized_keys of root, in a file without a passphrase or in ssh-agent\n"
        f"  next: ssh-copy-id -i {key} -p {sshd.port} root@127.0.0.1; for an encrypted key: ssh-add"
    )


def test_encrypted_key_and_agent(sshd: Sshd, ssh_keys: Path, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    for suffix in ("", ".pub"):
        (tmp_path / f"locked{suffix}").write_bytes((ssh_keys / f"user{suffix}").read_bytes())
    key.chmod(0o600)
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL) as agent:
        while not (tmp_path / "agent").exists():
            time.sleep(0.01)
        subprocess.run(["ssh-add", "-q", key], env={"SSH_AUTH_SOCK": str(tmp_path / "agent")}, check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "long phrase", "-f", key], check=True, stdout=subprocess.DEVNULL)
        target = sshd.target(key_files=(str(key),))
        assert "there is no key to offer (not usable: " + f"{key}: encrypted)" in failure(AuthenticationRefused, target)
        for only in (False, True):
            Connector().open(sshd.target(key_files=(str(key),), agent=str(tmp_path / "agent"), identities_only=only)).close()
        agent.terminate()


def test_second_factor(start_sshd: Callable[..., Sshd]) -> None:
    sshd = start_sshd("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    assert failure(AuthenticationRefused, sshd.target()) == (
        "node01: the key of root is accepted and the server wants more: password\n"
        "  expected: a login with a key alone\n"
        "  next: open a master connection with ssh (ControlMaster), then repeat with --ssh-backend openssh"
    )


def test_connection_refused(sshd: Sshd) -> None:
    port = free_port()
    assert failure(NodeUnreachable, sshd.target(port=port)) == (
        f"node01: no TCP connection to 127.0.0.1 port {port}: Connection refused\n"
        "  expected: an sshd that answers there\n"
        f"  next: nc -vz 127.0.0.1 {port}"
    )


def test_connect_timeout(sshd: Sshd, listener: socket.socket) -> None:
    listener.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    port = listener.getsockname()[1]
    text = failure(NodeTimeout, sshd.target(port=port, timeouts=Timeouts(connect=0.5)))
    for filler in fillers:
        filler.close()
    assert text == (
        f"node01: no TCP connection to 127.0.0.1 port {port} within 0.5 s (connect timeout)\n"
        "  expected: an sshd that answers there\n"
        f"  next: nc -vz 127.0.0.1 {port}"
    )


def test_banner_timeout(sshd: Sshd, listener: socket.socket) -> None:
    listener.listen(5)
    port = listener.getsockname()[1]
    assert failure(NodeTimeout, sshd.target(port=port, timeouts=Timeouts(banner=0.5))) == (
        f"node01: 127.0.0.1 port {port} is open and did not finish the SSH greeting within 0.5 s (banner timeout)\n"
        "  expected: an sshd that answers\n"
        f"  next: ssh -p {port} root@127.0.0.1 true; if it hangs too, look on the node's console: systemctl status ssh sshd"
    )


def test_no_ssh_server(sshd: Sshd, listener: socket.socket) -> None:
    listener.listen(5)
    port = listener.getsockname()[1]

    def answer() -> None:
        connected, _ = listener.accept()
        connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\x1b[31m\r\n")
        connected.close()

    server = threading.Thread(target=answer)
    server.start()
    assert failure(NodeUnreachable, sshd.target(port=port)) == (
        f"node01: 127.0.0.1 port {port} does not speak SSH: HTTP/1.1 400 Bad Request\n"
        "  expected: an sshd\n"
        "  next: set the right port: ansible_port in the inventory, or Port in the ssh configuration"
    )
    server.join()


def drip(connected: socket.socket) -> None:
    """A byte every 50 ms, for ever."""
    try:
        while True:
            connected.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        connected.close()


def pour(connected: socket.socket) -> None:
    """A line that does not end."""
    try:
        while True:
            connected.sendall(b"x" * 8192)
    except OSError:
        connected.close()


def serve(listener: socket.socket, one: Callable[[socket.socket], None]) -> int:
    """Let every connection have `one`; gives the port."""

    def accept() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connected,), daemon=True).start()

    listener.listen(50)
    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_byte_now_and_then_is_late_all_the_same(sshd: Sshd, listener: socket.socket) -> None:
    port = serve(listener, drip)
    began = time.monotonic()
    assert failure(NodeTimeout, sshd.target(port=port, timeouts=Timeouts(banner=0.6))).startswith(
        f"node01: 127.0.0.1 port {port} is open and did not finish the SSH greeting within 0.6 s (banner timeout)\n"
    )
    assert time.monotonic() - began < 5


def test_a_line_without_an_end_before_the_host_key(sshd: Sshd, listener: socket.socket) -> None:
    port = serve(listener, pour)
    began = time.monotonic()
    assert failure(NodeUnreachable, sshd.target(port=port)) == (
        f"node01: 127.0.0.1 port {port} sent more than 256 KiB before the login\n"
        "  expected: a greeting, a key exchange and a login of some KiB\n"
        f"  next: ssh -p {port} root@127.0.0.1 true; look what answers on that port"
    )
    assert time.monotonic() - began < 10


def test_a_login_that_trickles_is_late(sshd: Sshd, listener: socket.socket) -> None:
    def relay(connected: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", sshd.port))

        def there() -> None:
            while data := connected.recv(65536):
                far.sendall(data)
            far.close()

        threading.Thread(target=there, daemon=True).start()
        passed = 0
        try:
            while data := far.recv(65536):
                for at in range(0, len(data), size := len(data) if passed < GREETED else 1):
                    connected.sendall(data[at : at + size])
                    time.sleep(0.1 if passed >= GREETED else 0)
                passed += len(data)
        except OSError:
            connected.close()

    port = serve(listener, relay)
    target = replace(sshd.target(port=port, timeouts=Timeouts(auth=0.8)), host_key_checking=HostKeyChecking.OFF)
    began = time.monotonic()
    assert failure(NodeTimeout, target).startswith(
        "node01: the login of root was neither accepted nor refused within 0.8 s (auth timeout)\n"
    )
    assert time.monotonic() - began < 6


def test_late_nodes_do_not_delay_the_others(sshd: Sshd, listener: socket.socket) -> None:
    port = serve(listener, drip)
    late = [replace(sshd.target(port=port, timeouts=Timeouts(banner=6)), name=f"late{n}") for n in range(8)]
    ended: dict[str, float] = {}
    began = time.monotonic()

    def work(target: HostTarget) -> None:
        try:
            with Connector().open(target) as host:
                host.run(b"true")
        finally:
            ended[target.name] = time.monotonic() - began

    results = map_hosts([*late, *(replace(sshd.target(), name=f"well{n}") for n in range(3))], work, forks=11)
    assert all(isinstance(results[target.name], NodeTimeout) for target in late)
    assert all(results[f"well{n}"] is None for n in range(3))
    assert max(ended[f"well{n}"] for n in range(3)) < min(ended[target.name] for target in late)


def test_what_a_proxy_command_says_is_bounded(sshd: Sshd) -> None:
    target = replace(sshd.target(), proxy_command="exec sh -c 'head -c 3000000 /dev/zero | tr \\\\0 y >&2; echo no route >&2; exit 1'")
    assert failure(NodeUnreachable, target).splitlines()[0].endswith("yyyno route")


def test_auth_timeout(start_sshd: Callable[..., Sshd]) -> None:
    sshd = start_sshd("AuthorizedKeysFile none", "AuthorizedKeysCommand /bin/sleep 20", "AuthorizedKeysCommandUser nobody")
    assert failure(NodeTimeout, sshd.target(timeouts=Timeouts(auth=1))) == (
        "node01: the login of root was neither accepted nor refused within 1 s (auth timeout)\n"
        "  expected: an answer to a public key\n"
        f"  next: ssh -p {sshd.port} root@127.0.0.1 true; a slow directory service (LDAP, SSSD) on the node can be the cause"
    )


def test_frozen_peer(sshd: Sshd) -> None:
    with Connector().open(sshd.target(timeouts=Timeouts(silence=1.5))) as host:
        threading.Timer(0.5, sshd.freeze).start()
        began = time.monotonic()
        with pytest.raises(NodeTimeout) as caught:
            host.run(b"sleep 20; echo late")
    assert time.monotonic() - began < 8
    assert str(caught.value) == (
        f"node01: no output and no answer to a keepalive from 127.0.0.1 port {sshd.port} for 1.5 s (silence timeout)\n"
        "  expected: an sshd that answers while the script runs\n"
        f"  next: ssh -p {sshd.port} root@127.0.0.1 uptime; if it hangs, look at the node's console"
    )


def test_a_quiet_script_is_not_a_dead_peer(sshd: Sshd) -> None:
    with Connector().open(sshd.target(timeouts=Timeouts(silence=0.6))) as host:
        assert host.run(b"sleep 2; echo late").stdout == b"late\n"


def test_frozen_between_two_calls(sshd: Sshd) -> None:
    with Connector().open(sshd.target(timeouts=Timeouts(silence=1))) as host:
        host.run(b"true")
        sshd.freeze()
        with pytest.raises(NodeTimeout, match="silence timeout"):
            host.run(b"true")


def test_cut_connection(sshd: Sshd, backend: Backend) -> None:
    with Connector().open(sshd.target(backend=backend)) as host:
        threading.Timer(0.7, sshd.stop).start()
        with pytest.raises(NodeUnreachable) as caught:
            host.run(b"echo begun >&2; sleep 20")
    assert str(caught.value).startswith("node01: the connection ended while the script ran: begun")
    assert str(caught.value).endswith(
        "  expected: an answer up to its end marker\n"
        "  next: repeat the command; if it happens again, look on the node: journalctl -u ssh -u sshd -n 50"
    )


def test_sixty_aliases_at_once(sshd: Sshd, backend: Backend) -> None:
    connector = Connector()
    targets = [sshd.target(f"node{number:03}", backend=backend) for number in range(60)]

    def visit(target: HostTarget) -> bytes:
        with connector.open(target) as host:
            return host.run(f"echo {target.name}".encode()).stdout

    results = map_hosts(targets, visit, forks=60)
    assert results == {target.name: f"{target.name}\n".encode() for target in targets}
    assert list(results) == [target.name for target in targets]


def test_a_narrow_door_is_knocked_at_again(start_sshd: Callable[..., Sshd]) -> None:
    sshd = start_sshd("MaxStartups 2")
    connector = Connector()
    targets = [sshd.target(f"node{number:03}") for number in range(20)]
    results = map_hosts(targets, lambda target: connector.open(target).close(), forks=20)
    assert results == {target.name: None for target in targets}
    assert "drop connection" in sshd.log()


def test_one_failure_stops_nobody(sshd: Sshd) -> None:
    connector, port = Connector(), free_port()
    targets = [sshd.target("a"), sshd.target("b", port=port), sshd.target("c")]
    results = map_hosts(targets, lambda target: connector.open(target).close())
    assert (results["a"], results["c"]) == (None, None)
    assert isinstance(results["b"], NodeUnreachable)


def test_through_a_bastion(start_sshd: Callable[..., Sshd]) -> None:
    bastion, node = start_sshd(), start_sshd(host_keys=("host_rsa",))
    node.trust(f"[127.0.0.1]:{node.port} {node.host_key('rsa')}")
    options = " ".join(f"-o {key}={value}" for key, value in bastion.target().ssh_options)
    command = f"exec ssh -F none -o BatchMode=yes {options} -W 127.0.0.1:{node.port} 127.0.0.1"
    with Connector().open(node.target(proxy_command=command)) as host:
        assert host.run(b"echo through").stdout == b"through\n"
    refused = command.replace(f"-W 127.0.0.1:{node.port}", f"-W 127.0.0.1:{free_port()}")
    text = failure(NodeUnreachable, node.target(proxy_command=refused))
    assert text.startswith(f"node01: the proxy command did not reach 127.0.0.1 port {node.port}: ")
    assert "Connection refused" in text
    assert text.endswith(
        "  expected: a bastion that lets us in without a question and forwards to the node\n"
        f"  next: {refused.removeprefix('exec ')} </dev/null"
    )


def test_local() -> None:
    with Connector().open(HostTarget("here", "", "", backend=Backend.LOCAL)) as host:
        assert host.run(b"id -u").stdout == b"0\n"
