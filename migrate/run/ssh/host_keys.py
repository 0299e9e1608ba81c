"""Whether a host key is good enough to go on, and what to type when it is not."""

import shlex
from collections.abc import Sequence
from typing import NoReturn

from migrate.errors import HostKeyRefused
from migrate.run.ports import HostKeyChecking, HostTarget
from migrate.run.ssh.known_hosts import HostKeyVerdict, KnownKey, Standing, fingerprint, judge, line_for, lookup_name, remember

_SHORT = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}
_ON_THE_NODE = "compare it on the node's console (ssh-keygen -lf /etc/ssh/ssh_host_{0}_key.pub), then"


def check_host_key(target: HostTarget, known: Sequence[KnownKey], key_type: str, blob: bytes) -> bool:
    """Let a host key pass or raise HostKeyRefused with the fingerprints and the next command; True when it was added to known_hosts.

    A revoked key never passes. `off` lets any other pass, `accept-new` remembers an unknown one, `strict` wants it on file.
    """
    verdict = judge(known, target.address, target.port, blob, alias=target.host_key_alias)
    checking = target.host_key_checking
    if verdict.standing is Standing.KNOWN or (checking is HostKeyChecking.OFF and verdict.standing is not Standing.REVOKED):
        return False
    if verdict.standing is Standing.UNKNOWN and checking is HostKeyChecking.ACCEPT_NEW:
        _remember(target, key_type, blob)
        return True
    _refuse(target, verdict, key_type, blob)


def _refuse(target: HostTarget, verdict: HostKeyVerdict, key_type: str, blob: bytes) -> NoReturn:
    name = target.host_key_alias or lookup_name(target.address, target.port)
    shown = f"{_short(key_type)} {fingerprint(blob)}"
    file = verdict.entry.where.rpartition(":")[0] if verdict.entry else next(iter(target.known_hosts), "~/.ssh/known_hosts")
    add = f"{scan(target, key_type)} >> {shlex.quote(file)}"
    compare = _ON_THE_NODE.format(_short(key_type).lower())
    where = verdict.entry.where if verdict.entry else ""
    match verdict.standing:
        case Standing.CHANGED:
            old = f"{_short(verdict.entry.key_type)} {fingerprint(verdict.entry.blob)}" if verdict.entry else ""
            seen = f"the host key of {name} is {shown} and not the one on file: the node was reinstalled, or someone answers in its place"
            expected, then = f"{old} ({where})", f"{compare}: ssh-keygen -f {shlex.quote(file)} -R {shlex.quote(name)}; {add}"
        case Standing.REVOKED:
            seen, expected = f"the host key of {name}, {shown}, is revoked ({where})", "a host key that is not revoked"
            then = "make new host keys on the node: rm /etc/ssh/ssh_host_*_key*; ssh-keygen -A; systemctl restart sshd"
        case Standing.NEEDS_CA:
            seen = f"only a certificate authority vouches for {name} ({where}), and the paramiko backend cannot check host certificates"
            expected = f"a plain line for {name} in known_hosts, or a backend that knows certificates"
            then = "repeat with --ssh-backend openssh"
        case _:
            seen = f"the host key of {name} is not known: {shown}"
            expected = f"a line for {name} in {' or '.join(target.known_hosts) or 'a known_hosts file'}"
            then = f"{compare}: {add}; or repeat with --host-key-checking accept-new"
    raise HostKeyRefused(node=target.name, seen=seen, expected=expected, next=then)


def scan(target: HostTarget, key_type: str) -> str:
    """Give the ssh-keyscan command that fetches this key (an alias is put in place of the name by sed)."""
    kind = _short(key_type).lower()
    command = f"ssh-keyscan -t {kind} {'' if target.port == 22 else f'-p {target.port} '}{target.address}"
    return f"{command} | sed 's/^[^ ]*/{target.host_key_alias}/'" if target.host_key_alias else command


def unreadable_known_hosts(target: HostTarget, error: OSError) -> HostKeyRefused:
    """Make the error for a known_hosts file that is there and cannot be read or written."""
    return HostKeyRefused(
        node=target.name,
        seen=f"{error.filename} cannot be used: {error.strerror}",
        expected="a known_hosts file that this user can use",
        next=f"ls -l {error.filename}",
    )


def _remember(target: HostTarget, key_type: str, blob: bytes) -> None:
    if not target.known_hosts:
        raise HostKeyRefused(
            node=target.name,
            seen="there is no known_hosts file to remember a new host key in",
            expected="a UserKnownHostsFile",
            next="repeat with --host-key-checking off, or take `UserKnownHostsFile none` out of the ssh configuration",
        )
    name = (target.host_key_alias or lookup_name(target.address, target.port)).lower()
    try:
        remember(target.known_hosts[0], line_for(name, key_type, blob, hashed=target.hash_known_hosts))
    except OSError as error:
        raise unreadable_known_hosts(target, error) from None


def _short(key_type: str) -> str:
    return _SHORT.get(key_type, "ECDSA" if key_type.startswith("ecdsa-") else key_type)
