"""What can go wrong between dialling and being logged in over paramiko, said to the user. Pure."""

import shlex
from collections.abc import Sequence

from migrate.errors import AuthenticationRefused, NodeTimeout, NodeUnreachable
from migrate.run.ports import HostTarget


def _where(target: HostTarget) -> str:
    return f"{target.address} port {target.port}"


def _ssh(target: HostTarget) -> str:
    port = "" if target.port == 22 else f"-p {target.port} "
    return f"ssh {port}{target.user}@{target.address}"


def dropped(target: HostTarget, reason: str) -> NodeUnreachable:
    """The server (or the proxy command) hung up before the login, every time."""
    through = "the proxy command" if target.proxy_command else "sshd"
    return NodeUnreachable(
        node=target.name,
        seen=f"{through} dropped every connection to {_where(target)} before the login: {reason}",
        expected="an sshd that lets eight unauthenticated connections in at a time",
        next="look at MaxStartups, PerSourcePenalties and AllowUsers in the sshd_config there: "
        + (target.proxy_command.removeprefix("exec ") if target.proxy_command else f"{_ssh(target)} true"),
    )


def no_proxy(target: HostTarget, said: str) -> NodeUnreachable:
    """The bastion refuses to carry the connection."""
    command = (target.proxy_command or "").removeprefix("exec ")
    return NodeUnreachable(
        node=target.name,
        seen=f"the proxy command did not reach {_where(target)}: {said}",
        expected="a bastion that lets us in without a question and forwards to the node",
        next=f"{command} </dev/null",
    )


def no_banner(target: HostTarget) -> NodeTimeout:
    """Something accepts connections and does not speak SSH in time."""
    return NodeTimeout(
        node=target.name,
        seen=f"{_where(target)} is open and did not finish the SSH greeting within {target.timeouts.banner:g} s (banner timeout)",
        expected="an sshd that answers",
        next=f"{_ssh(target)} true; if it hangs too, look on the node's console: systemctl status ssh sshd",
    )


def too_much(target: HostTarget, limit: int) -> NodeUnreachable:
    """Something sends without an end before anybody is logged in."""
    return NodeUnreachable(
        node=target.name,
        seen=f"{_where(target)} sent more than {limit // 1024} KiB before the login",
        expected="a greeting, a key exchange and a login of some KiB",
        next=f"{_ssh(target)} true; look what answers on that port",
    )


def no_ssh(target: HostTarget, reason: str) -> NodeUnreachable:
    """Something else than an SSH server answers."""
    return NodeUnreachable(
        node=target.name,
        seen=f"{_where(target)} does not speak SSH: {reason}",
        expected="an sshd",
        next="set the right port: ansible_port in the inventory, or Port in the ssh configuration",
    )


def algorithms_refused(target: HostTarget, reason: str) -> NodeUnreachable:
    """No algorithm in common."""
    return NodeUnreachable(
        node=target.name,
        seen=f"no algorithm in common with the sshd of {_where(target)}: {reason}",
        expected="curve25519 or ECDH, AES-CTR or AES-GCM, SHA-2 (not an sshd that is limited to SHA-1 or to one rare algorithm)",
        next="repeat with --ssh-backend openssh",
    )


def auth_late(target: HostTarget) -> NodeTimeout:
    """The login hangs."""
    return NodeTimeout(
        node=target.name,
        seen=f"the login of {target.user} was neither accepted nor refused within {target.timeouts.auth:g} s (auth timeout)",
        expected="an answer to a public key",
        next=f"{_ssh(target)} true; a slow directory service (LDAP, SSSD) on the node can be the cause",
    )


def keys_refused(target: HostTarget, tried: Sequence[str], skipped: Sequence[str], reason: str) -> AuthenticationRefused:
    """Every key was refused, or there was none."""
    left_out = f" (not usable: {', '.join(skipped)})" if skipped else ""
    key = next((f"-i {shlex.quote(path)} " for path in target.key_files), "")
    port = "" if target.port == 22 else f"-p {target.port} "
    offered = f"none of {len(tried)} keys is accepted: {', '.join(tried)}" if tried else "there is no key to offer"
    return AuthenticationRefused(
        node=target.name,
        seen=f"cannot log in to {_where(target)} as {target.user}: {offered}{left_out}{f'; {reason}' if reason else ''}",
        expected=f"a key from the authorized_keys of {target.user}, in a file without a passphrase or in ssh-agent",
        next=f"ssh-copy-id {key}{port}{target.user}@{target.address}; for an encrypted key: ssh-add",
    )


def more_wanted(target: HostTarget, methods: Sequence[str]) -> AuthenticationRefused:
    """The key is right and the server asks for a second factor."""
    return AuthenticationRefused(
        node=target.name,
        seen=f"the key of {target.user} is accepted and the server wants more: {', '.join(methods)}",
        expected="a login with a key alone",
        next="open a master connection with ssh (ControlMaster), then repeat with --ssh-backend openssh",
    )


def lost(target: HostTarget, reason: str) -> NodeUnreachable:
    """The connection broke when a session was to be opened."""
    return NodeUnreachable(
        node=target.name,
        seen=f"the connection to {_where(target)} was lost: {reason}",
        expected="a connection that stays up",
        next="repeat the command",
    )


def silent(target: HostTarget) -> NodeTimeout:
    """The peer is dead or frozen."""
    return NodeTimeout(
        node=target.name,
        seen=f"no output and no answer to a keepalive from {_where(target)} for {target.timeouts.silence:g} s (silence timeout)",
        expected="an sshd that answers while the script runs",
        next=f"{_ssh(target)} uptime; if it hangs, look at the node's console",
    )
