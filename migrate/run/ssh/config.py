"""From an inventory host and the flags to a HostTarget: the user's own ssh configuration is resolved by `ssh -G`.

Precedence: flag, inventory variable, ssh configuration, built-in default. paramiko's own reader is not used: it ignores `Include`
and counts an unknown `Match` keyword as matched. A host is resolved once for each run; the HostTarget is what is kept.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from migrate.errors import NodeTimeout, UsageError
from migrate.formats.number import whole
from migrate.run.inventory.read import InventoryHost
from migrate.run.ports import COMMAND_TIMEOUT, Backend, HostKeyChecking, HostTarget, Secret, Timeouts

_DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")
_CHECKING = {"accept-new": HostKeyChecking.ACCEPT_NEW, "false": HostKeyChecking.OFF, "off": HostKeyChecking.OFF, "no": HostKeyChecking.OFF}
_SSH_SPELLING = {HostKeyChecking.STRICT: "yes", HostKeyChecking.ACCEPT_NEW: "accept-new", HostKeyChecking.OFF: "no"}
_KNOWN_HOSTS = ("userknownhostsfile", "globalknownhostsfile")
# What a configuration for people may ask of a session, and what a session of ours needs: its own command, its input, and to stay
NEUTRAL = (("RemoteCommand", "none"), ("StdinNull", "no"), ("ForkAfterAuthentication", "no"))
SESSION = (("SessionType", "default"),)  # not beside -N, which is one
_TOKEN = re.compile(r"%(.)")
_RESOLVE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SshFlags:
    """What the command line says about connections; None and () leave the word to the inventory and to ssh's configuration."""

    user: str | None = None
    port: int | None = None
    key_files: tuple[str, ...] = ()
    config_file: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    host_key_checking: HostKeyChecking | None = None
    backend: Backend = Backend.PARAMIKO
    become: bool | None = None
    become_password: Secret | None = None
    connect_timeout: float | None = None
    command_timeout: float = COMMAND_TIMEOUT


Answers = MutableMapping[tuple[str, tuple[tuple[str, str], ...]], dict[str, list[str]]]
"""What `ssh -G` said in one run, by alias and options."""


def resolve(
    host: InventoryHost, flags: SshFlags, *, environ: Mapping[str, str] | None = None, answers: Answers | None = None
) -> HostTarget:
    """Merge all sources for one host; runs `ssh -G` for the paramiko backend, once for each alias and options in `answers`.

    Raises UsageError when ssh refuses its own configuration, or when there is a configuration and no ssh to read it.
    """
    options = ssh_options(host, flags)
    alias = host.address or host.name
    become = next((value for value in (flags.become, host.become) if value is not None), True)
    password = host.become_password or flags.become_password
    backend = Backend.LOCAL if host.connection == "local" else flags.backend
    if backend is not Backend.PARAMIKO:
        return HostTarget(
            host.name, alias, user="", alias=alias, backend=backend, ssh_options=options, become=become, become_password=password,
            config_file=flags.config_file, timeouts=_timeouts(flags.connect_timeout, flags),
        )  # fmt: skip
    environ = os.environ if environ is None else environ
    answers = {} if answers is None else answers
    if (alias, options) not in answers:
        answers[alias, options] = dump(host.name, alias, options, flags.config_file)
    target = from_dump(host.name, alias, answers[alias, options], environ, options, flags)
    return replace(target, become=become, become_password=password)


def _timeouts(connect: float | None, flags: SshFlags) -> Timeouts:
    return Timeouts(connect=connect or Timeouts().connect, command=flags.command_timeout)


def ssh_options(host: InventoryHost, flags: SshFlags) -> tuple[tuple[str, str], ...]:
    """List the ssh_config pairs that flags and inventory ask for, strongest first, as ssh's own first-match rule wants them."""
    keys = flags.key_files or ((host.key_file,) if host.key_file else ())
    user, port = flags.user or host.user, flags.port or host.port
    return (
        *((("StrictHostKeyChecking", _SSH_SPELLING[flags.host_key_checking]),) if flags.host_key_checking else ()),
        *((("User", quoted(user)),) if user else ()),
        *((("Port", str(port)),) if port else ()),
        *(("IdentityFile", quoted(key)) for key in keys),
        *flags.options,
        *host.ssh_options,
    )


def quoted(value: str) -> str:
    """Quote a value for ssh_config when it holds white space."""
    return f'"{value}"' if re.search(r"\s", value) else value


def arguments(options: Sequence[tuple[str, str]], config_file: str | None) -> list[str]:
    """Give the arguments that make an ssh binary use these options and this configuration file."""
    return [*(("-F", config_file) if config_file else ()), *(word for key, value in options for word in ("-o", f"{key}={value}"))]


@cache
def known(options: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Those that this machine's ssh knows, for it refuses others: RemoteCommand came with OpenSSH 7.6, the rest with 8.7."""
    if shutil.which("ssh") is None:
        return ()
    return tuple(option for option in options if _knows(option))


def _knows(option: tuple[str, str]) -> bool:
    command = ["ssh", "-G", *arguments((option,), "none"), "--", "localhost"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RESOLVE_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def dump(name: str, alias: str, options: Sequence[tuple[str, str]], config_file: str | None) -> dict[str, list[str]]:
    """Ask `ssh -G` what it would do: keyword in lower case -> its values, in order. Raises UsageError, NodeTimeout."""
    if shutil.which("ssh") is None:
        return _without_ssh(name, alias, options, config_file)
    command = ["ssh", "-G", *arguments(options, config_file), "--", alias]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RESOLVE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NodeTimeout(
            node=name,
            seen=f"ssh did not resolve its configuration within {_RESOLVE_SECONDS:g} s",
            expected="an answer at once (a `Match exec` command in the ssh configuration may hang)",
            next=shlex.join(command),
        ) from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line and not line.startswith("Pseudo-terminal")]
        raise UsageError(
            node=name,
            seen=f"ssh refuses its configuration for {alias}: {'; '.join(lines)}",
            expected="options and an ssh configuration that ssh accepts",
            next=shlex.join(command),
        )
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword.lower(), []).append(value)
    return found


def from_dump(
    name: str,
    alias: str,
    found: Mapping[str, Sequence[str]],
    environ: Mapping[str, str],
    options: tuple[tuple[str, str], ...] = (),
    flags: SshFlags = SshFlags(),
) -> HostTarget:
    """Turn `ssh -G`'s answer into a target. Pure: `environ` gives HOME and SSH_AUTH_SOCK. Raises UsageError."""
    settings = {key: values[0] for key, values in found.items()}
    address, port, user = settings.get("hostname", alias), whole(settings.get("port")) or 22, settings.get("user", "")
    home = environ.get("HOME", "/")
    tokens = {"h": address, "p": str(port), "r": user, "n": alias, "d": home, "u": environ.get("USER", user), "%": "%"}
    keys = tuple(_path(value, tokens, home, environ) for value in found.get("identityfile", ()) if value.lower() != "none")
    default = tuple(f"{home}/.ssh/{key}" for key in _DEFAULT_KEYS)
    checking = _CHECKING.get(settings.get("stricthostkeychecking", ""), HostKeyChecking.STRICT)
    if settings.get("proxyusefdpass") == "yes":
        raise UsageError(
            node=name,
            seen="the ssh configuration has ProxyUseFdpass",
            expected="a ProxyCommand that passes the data itself",
            next="repeat with --ssh-backend openssh",
        )
    timeout = flags.connect_timeout or whole(settings.get("connecttimeout", "none"))
    host_key_alias = settings.get("hostkeyalias")
    return HostTarget(
        name=name,
        address=address,
        user=user,
        port=port,
        alias=alias,
        key_files=tuple(key for key in keys if key not in default),
        default_key_files=tuple(key for key in keys if key in default),
        agent=_agent(settings.get("identityagent", "SSH_AUTH_SOCK"), tokens, home, environ),
        identities_only=settings.get("identitiesonly") == "yes",
        known_hosts=tuple(path for key in _KNOWN_HOSTS for path in settings.get(key, "").split() if path != "none"),
        host_key_alias=_expand(host_key_alias, tokens) if host_key_alias else None,
        host_key_checking=checking,
        hash_known_hosts=settings.get("hashknownhosts") == "yes",
        proxy_command=_proxy(settings, tokens, flags, checking),
        ssh_options=options,
        config_file=flags.config_file,
        timeouts=_timeouts(timeout, flags),
    )


def _proxy(settings: Mapping[str, str], tokens: Mapping[str, str], flags: SshFlags, checking: HostKeyChecking) -> str | None:
    command = settings.get("proxycommand", "none")
    if command.lower() != "none":
        return "exec " + _expand(command, tokens)
    jumps = settings.get("proxyjump", "none")
    if jumps.lower() == "none":
        return None
    # as ssh does it: the last hop forwards to the node, the others lead to the last hop; -o options do not travel to a hop
    *before, last = jumps.split(",")
    options = [("BatchMode", "yes"), ("StrictHostKeyChecking", _SSH_SPELLING[checking]), ("ServerAliveInterval", "15"), *known(NEUTRAL)]
    hop = last if last.startswith("ssh://") else f"ssh://{last}"
    via = ["-J", ",".join(before)] if before else []
    return "exec " + shlex.join(["ssh", *arguments(options, flags.config_file), *via, "-W", f"[{tokens['h']}]:{tokens['p']}", hop])


def _agent(value: str, tokens: Mapping[str, str], home: str, environ: Mapping[str, str]) -> str | None:
    if value.lower() == "none":
        return None
    if value == "SSH_AUTH_SOCK" or value.startswith("$"):
        return environ.get(value.strip("${}")) or None
    return _path(value, tokens, home, environ)


def _path(value: str, tokens: Mapping[str, str], home: str, environ: Mapping[str, str]) -> str:
    value = _expand(value.strip('"'), tokens)
    value = re.sub(r"\$\{(\w+)\}", lambda match: environ.get(match[1], ""), value)
    return home + value[1:] if value == "~" or value.startswith("~/") else value


def _expand(text: str, tokens: Mapping[str, str]) -> str:
    return _TOKEN.sub(lambda match: tokens.get(match[1], match[0]), text)


def _without_ssh(name: str, alias: str, options: Sequence[tuple[str, str]], config_file: str | None) -> dict[str, list[str]]:
    home = str(Path.home())
    config = Path(config_file or f"{home}/.ssh/config")
    if config_file != "none" and config.exists():
        raise UsageError(
            node=name,
            seen=f"{config} exists and there is no ssh program here to read it",
            expected="the ssh program, which alone reads its configuration faithfully",
            next="install the OpenSSH client, or repeat with --ssh-config none",
        )
    found: dict[str, list[str]] = {}
    for key, value in options:
        found.setdefault(key.lower(), []).append(value)
    found.setdefault("user", [os.environ.get("USER", "root")])
    found.setdefault("userknownhostsfile", [f"{home}/.ssh/known_hosts {home}/.ssh/known_hosts2"])
    found.setdefault("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"])
    found.setdefault("identityfile", [f"{home}/.ssh/{key}" for key in _DEFAULT_KEYS])
    return found
