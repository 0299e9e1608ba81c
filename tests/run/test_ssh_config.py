"""From inventory, flags and the user's ssh configuration to a target: who wins, and what `ssh -G` says becomes what."""

import shutil
import subprocess
from pathlib import Path

import pytest

from migrate.errors import UsageError
from migrate.run.inventory.read import InventoryHost
from migrate.run.ports import Backend, HostKeyChecking, HostTarget, Secret, Timeouts
from migrate.run.ssh.config import SshFlags, from_dump, known, resolve

HOME = {"HOME": "/home/me", "USER": "me", "SSH_AUTH_SOCK": "/run/agent"}
CONFIG = """\
Include {folder}/more
Match localnetwork 203.0.113.0/24
  User never
Host node*
  HostName %h.example
  User ops
  Port 2200
  IdentityFile ~/.ssh/%r_key
  IdentityFile ${{HOME}}/two
  UserKnownHostsFile /kh1 /kh2
  GlobalKnownHostsFile none
  HashKnownHosts yes
  StrictHostKeyChecking accept-new
  ConnectTimeout 4
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    if not shutil.which("ssh"):
        pytest.skip("no ssh here: install openssh-client")
    (tmp_path / "more").write_text(
        "Host jumped\n  ProxyJump me@a,b:2200\n  IdentityAgent none\n  IdentitiesOnly yes\n  HostKeyAlias fleet\n"
    )
    path = tmp_path / "config"
    text = CONFIG.format(folder=tmp_path)
    path.write_text(text)
    # `Match localnetwork` came with OpenSSH 9.4; an older ssh refuses the file, which is right, and not what is tested here
    if subprocess.run(["ssh", "-G", "-F", path, "x"], capture_output=True, check=False).returncode:
        path.write_text(text.replace("Match localnetwork 203.0.113.0/24\n  User never\n", ""))
    return str(path)


def test_the_configuration_is_applied(config: str) -> None:
    assert resolve(InventoryHost("node01"), SshFlags(config_file=config), environ=HOME) == HostTarget(
        name="node01",
        address="node01.example",
        user="ops",
        port=2200,
        alias="node01",
        key_files=("/home/me/.ssh/ops_key", "/home/me/two"),
        agent="/run/agent",
        known_hosts=("/kh1", "/kh2"),
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
        hash_known_hosts=True,
        config_file=config,
        timeouts=Timeouts(connect=4),
    )


def test_inventory_beats_configuration_and_flags_beat_both(config: str) -> None:
    host = InventoryHost(
        "n", "node01", 2300, "admin", "/inv key", (("HashKnownHosts", "no"), ("User", "late")), False, Secret("host")
    )  # fmt: skip
    target = resolve(host, SshFlags(config_file=config, become_password=Secret("flag")), environ=HOME)
    assert (target.name, target.alias, target.address) == ("n", "node01", "node01.example")
    assert (target.port, target.user, target.key_files[0], target.hash_known_hosts) == (2300, "admin", "/inv key", False)
    assert (target.become, target.become_password) == (False, Secret("host"))
    flags = SshFlags("root", 22, ("/flag",), config, (), HostKeyChecking.OFF, become=True, connect_timeout=1.5)
    target = resolve(host, flags, environ=HOME)
    assert (target.port, target.user, target.key_files[0], "/inv key" in target.key_files) == (22, "root", "/flag", False)
    assert (target.host_key_checking, target.become, target.timeouts.connect) == (HostKeyChecking.OFF, True, 1.5)


def test_jump_hosts_become_one_command(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.run.ssh.config._knows", lambda option: True)
    known.cache_clear()
    target = resolve(InventoryHost("jumped"), SshFlags(config_file=config), environ=HOME)
    assert target.proxy_command == (
        f"exec ssh -F {config} -o BatchMode=yes -o StrictHostKeyChecking=yes -o ServerAliveInterval=15"
        " -o RemoteCommand=none -o StdinNull=no -o ForkAfterAuthentication=no -J me@a -W '[jumped]:22' ssh://b:2200"
    )
    assert (target.agent, target.identities_only, target.host_key_alias) == (None, True, "fleet")


def test_proxy_command_tokens() -> None:
    dump = {"hostname": ["10.0.0.1"], "port": ["2222"], "user": ["ops"], "proxycommand": ["nc -X %r %n %h %p %%"]}
    assert from_dump("n", "alias", dump, HOME).proxy_command == "exec nc -X ops alias 10.0.0.1 2222 %"
    assert from_dump("n", "alias", dump | {"proxycommand": ["none"]}, HOME).proxy_command is None


def test_default_keys_are_told_from_named_ones() -> None:
    target = from_dump("n", "n", {"identityfile": ["~/.ssh/id_rsa", "~/.ssh/id_ed25519", "~/.ssh/work"]}, HOME)
    assert target.key_files == ("/home/me/.ssh/work",)
    assert target.default_key_files == ("/home/me/.ssh/id_rsa", "/home/me/.ssh/id_ed25519")
    assert target.host_key_checking is HostKeyChecking.STRICT


def test_a_refused_configuration(tmp_path: Path) -> None:
    if not shutil.which("ssh"):
        pytest.skip("no ssh here: install openssh-client")
    path = tmp_path / "config"
    path.write_text("Host x\n  Colour blue\n")
    with pytest.raises(UsageError) as caught:
        resolve(InventoryHost("node01"), SshFlags(config_file=str(path)), environ=HOME)
    assert str(caught.value) == (
        f"node01: ssh refuses its configuration for node01: {path}: line 2: Bad configuration option: colour; "
        f"{path}: terminating, 1 bad configuration options\n"
        "  expected: options and an ssh configuration that ssh accepts\n"
        f"  next: ssh -G -F {path} -- node01"
    )


def test_a_name_is_no_option(tmp_path: Path) -> None:
    if not shutil.which("ssh"):
        pytest.skip("no ssh here: install openssh-client")
    with pytest.raises(UsageError, match="hostname contains invalid characters"):
        resolve(InventoryHost("-oProxyCommand=touch x"), SshFlags(config_file="none"), environ=HOME)


def test_without_an_ssh_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    host = InventoryHost("n", "10.0.0.1", 2222, "ops", "/k")
    target = resolve(host, SshFlags(), environ={"HOME": str(tmp_path)})
    assert (target.address, target.port, target.user, target.key_files) == ("10.0.0.1", 2222, "ops", ("/k",))
    assert target.known_hosts[0] == f"{tmp_path}/.ssh/known_hosts"
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").touch()
    with pytest.raises(UsageError) as caught:
        resolve(host, SshFlags())
    assert str(caught.value) == (
        f"n: {tmp_path}/.ssh/config exists and there is no ssh program here to read it\n"
        "  expected: the ssh program, which alone reads its configuration faithfully\n"
        "  next: install the OpenSSH client, or repeat with --ssh-config none"
    )


@pytest.mark.parametrize(("connection", "backend"), [("local", Backend.LOCAL), ("ssh", Backend.OPENSSH)])
def test_other_backends_ask_nobody(connection: str, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    host = InventoryHost("n", "10.0.0.1", user="two words", connection=connection)
    target = resolve(host, SshFlags(backend=Backend.OPENSSH))
    assert (target.backend, target.alias, target.ssh_options) == (backend, "10.0.0.1", (("User", '"two words"'),))
