"""From a login user to root, with the real sudo."""

from pathlib import Path

import pytest

from migrate.errors import NodeUnreadable, NoSudo
from migrate.run.ports import Backend, CommandResult, HostTarget, Secret
from migrate.run.ssh.connect import Connector

from .conftest import Sshd, SudoUser

pytestmark = pytest.mark.ssh


def refusal(target: HostTarget) -> str:
    with Connector().open(target) as host, pytest.raises(NoSudo) as caught:
        host.run(b"true")
    return str(caught.value)


def test_without_a_password(sshd: Sshd, sudo_user: SudoUser, backend: Backend, tmp_path: Path) -> None:
    sudo_user.rule("{user} ALL=(root) NOPASSWD: /bin/sh")
    path = tmp_path / "file"
    with Connector().open(sshd.target(user=sudo_user.name, backend=backend)) as host:
        assert host.run(b"id -u; echo problem >&2; exit 4") == CommandResult(4, b"0\n", b"problem\n")
        host.put(b"data", str(path), 0o600, "root:root")
        assert (host.get(str(path)), path.owner()) == (b"data", "root")


@pytest.mark.parametrize("needed", [True, False], ids=["asked", "not-asked"])
def test_with_a_password(sshd: Sshd, sudo_user: SudoUser, backend: Backend, needed: bool, tmp_path: Path) -> None:
    sudo_user.rule(f"{{user}} ALL=(root) {'' if needed else 'NOPASSWD: '}ALL")
    target = sshd.target(user=sudo_user.name, backend=backend, become_password=Secret(sudo_user.password))
    with Connector().open(target) as host:
        seen = host.run(b"id -u; cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; echo problem >&2")
        assert (seen.rc, seen.stdout[:2], seen.stderr) == (0, b"0\n", b"problem\n")
        assert sudo_user.password.encode() not in seen.stdout
        host.put(b"data" * 100_000, str(tmp_path / "file"), 0o600, "root:root")
        assert host.get(str(tmp_path / "file")) == b"data" * 100_000
    assert sudo_user.password not in repr(target) + str(target) + sshd.log()


def test_a_password_is_wanted(sshd: Sshd, sudo_user: SudoUser, backend: Backend) -> None:
    sudo_user.rule("{user} ALL=(root) ALL")
    assert refusal(sshd.target(user=sudo_user.name, backend=backend)) == (
        f"node01: sudo asks {sudo_user.name} for a password\n"
        "  expected: the password, or a user who needs none\n"
        "  next: repeat with --ask-become-pass (-K); or on the node, as root: "
        f"echo '{sudo_user.name} ALL=(root) NOPASSWD: /bin/sh' > /etc/sudoers.d/docker2cri"
    )


def test_the_wrong_password(sshd: Sshd, sudo_user: SudoUser, backend: Backend) -> None:
    sudo_user.rule("{user} ALL=(root) ALL")
    assert refusal(sshd.target(user=sudo_user.name, backend=backend, become_password=Secret("wrong horse"))) == (
        f"node01: sudo refuses the password given for {sudo_user.name}\n"
        "  expected: the password that sudo asks for on this node\n"
        "  next: repeat with --ask-become-pass (-K)"
    )


def test_no_rights(sshd: Sshd, sudo_user: SudoUser) -> None:
    target = sshd.target(user=sudo_user.name, become_password=Secret(sudo_user.password))
    assert refusal(target) == (
        f"node01: sudo does not make {sudo_user.name} root: {sudo_user.name} is not in the sudoers file.\n"
        "  expected: a user who may run /bin/sh as root\n"
        f"  next: on the node, as root: echo '{sudo_user.name} ALL=(root) NOPASSWD: /bin/sh' > /etc/sudoers.d/docker2cri"
    )


def test_a_terminal_is_wanted(sshd: Sshd, sudo_user: SudoUser) -> None:
    sudo_user.rule("Defaults:{user} requiretty\n{user} ALL=(root) NOPASSWD: ALL")
    assert refusal(sshd.target(user=sudo_user.name)) == (
        f"node01: sudo wants {sudo_user.name} to have a terminal (requiretty)\n"
        "  expected: a user who may run /bin/sh as root\n"
        f"  next: on the node, as root: echo 'Defaults:{sudo_user.name} !requiretty' > /etc/sudoers.d/docker2cri"
    )


def test_become_is_off(sshd: Sshd, sudo_user: SudoUser) -> None:
    assert refusal(sshd.target(user=sudo_user.name, become=False)) == (
        f"node01: {sudo_user.name} is not root and become is off\n  expected: root\n  next: repeat with --become (-b)"
    )


def test_a_login_shell_that_runs_nothing(start_sshd: object, sshd: Sshd) -> None:
    with Connector().open(start_sshd("ForceCommand echo no shell for you").target()) as host, pytest.raises(NodeUnreadable) as caught:  # type: ignore[operator]
        host.run(b"true")
    assert str(caught.value) == (
        "node01: the login shell of root did not start a root shell: no shell for you\n"
        "  expected: a login shell that runs commands (sh, bash, zsh, csh, fish)\n"
        "  next: ssh 127.0.0.1 id"
    )
