"""The system's ssh as backend, and the user's own configuration on the way to a real sshd."""

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import AuthenticationRefused, HostKeyRefused, MigrateError, NodeUnreachable
from migrate.run.inventory.read import InventoryHost
from migrate.run.ports import Backend, HostTarget
from migrate.run.ssh.config import NEUTRAL, SESSION, SshFlags, arguments, known, resolve
from migrate.run.ssh.connect import Connector

from .conftest import Sshd, free_port

pytestmark = pytest.mark.ssh


def failure(kind: type[MigrateError], target: HostTarget) -> str:
    with pytest.raises(kind) as caught:
        Connector().open(target)
    assert type(caught.value) is kind
    return str(caught.value)


def typed(target: HostTarget) -> str:
    return " ".join(("ssh", *arguments(target.ssh_options, "none"), "--", "127.0.0.1", "true"))


def test_unknown_host_key(sshd: Sshd) -> None:
    sshd.trust("elsewhere ssh-ed25519 AAAA")
    target = sshd.target(backend=Backend.OPENSSH)
    assert failure(HostKeyRefused, target) == (
        "node01: ssh refuses the host key: Host key verification failed.\n"
        "  expected: a host key that known_hosts or a certificate authority vouches for\n"
        f"  next: {typed(target)}"
    )


def test_refused_key(sshd: Sshd) -> None:
    target = sshd.target(backend=Backend.OPENSSH)
    options = tuple((key, str(sshd.keys / "stranger") if key == "IdentityFile" else value) for key, value in target.ssh_options)
    target = sshd.target(backend=Backend.OPENSSH, ssh_options=options)
    assert failure(AuthenticationRefused, target) == (
        "node01: ssh cannot log in: root@127.0.0.1: Permission denied (publickey).\n"
        "  expected: a key that the node knows, without a question on the terminal\n"
        f"  next: {typed(target)}"
    )


def test_connection_refused(sshd: Sshd) -> None:
    port = free_port()
    target = sshd.target(backend=Backend.OPENSSH)
    target = sshd.target(backend=Backend.OPENSSH, ssh_options=(("Port", str(port)), *target.ssh_options))
    assert failure(NodeUnreachable, target) == (
        f"node01: ssh cannot connect: ssh: connect to host 127.0.0.1 port {port}: Connection refused\n"
        "  expected: a connection\n"
        f"  next: {typed(target)}"
    )


FOR_PEOPLE = "  RemoteCommand tmux attach\n  StdinNull yes\n  ForkAfterAuthentication yes\n  SessionType none\n"


@pytest.mark.parametrize("more", ["", FOR_PEOPLE], ids=("plain", "for people"))
@pytest.mark.parametrize("backend", [Backend.PARAMIKO, Backend.OPENSSH])
def test_the_users_configuration_leads_through_the_bastion(
    start_sshd: Callable[..., Sshd], tmp_path: Path, backend: Backend, more: str
) -> None:
    bastion, node = start_sshd(), start_sshd(host_keys=("host_rsa",))
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{bastion.port} {bastion.host_key()}\nnode-alias {node.host_key('rsa')}\n")
    common = f"  HostName 127.0.0.1\n  User root\n  IdentityFile {node.keys}/user\n  UserKnownHostsFile {known}\n{more}"
    (tmp_path / "nodes").write_text(f"Host node*\n{common}  Port {node.port}\n  HostKeyAlias node-alias\n  ProxyJump bastion\n")
    (tmp_path / "config").write_text(f"Include {tmp_path}/nodes\nHost bastion\n{common}  Port {bastion.port}\n")
    target = resolve(InventoryHost("node01"), SshFlags(config_file=str(tmp_path / "config"), backend=backend))
    with Connector().open(target) as host:
        assert host.run(b"echo through").stdout == b"through\n"
    assert "Accepted publickey" in bastion.log()
    assert "Accepted publickey" in node.log()


def test_an_ssh_that_does_not_know_an_option_is_not_given_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "ssh"  # OpenSSH 7.6
    old.write_text("#!/bin/sh\ncase $* in *StdinNull* | *Fork* | *SessionType*) exit 255 ;; esac\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    known.cache_clear()
    try:
        assert (known(NEUTRAL), known(SESSION)) == ((("RemoteCommand", "none"),), ())
    finally:
        known.cache_clear()
