"""Ansible's connection variables -> InventoryHost. Pure; what changes a connection and is not understood is refused."""

import re
import shlex
from collections.abc import Mapping
from typing import NoReturn

from migrate.formats.number import whole
from migrate.run.inventory.model import InventoryHost, Variable, flaw
from migrate.run.ports import Secret

_TRUE, _FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")
_SSH_ARGS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_CONNECTIONS = {"ssh": "ssh", "smart": "ssh", "paramiko": "ssh", "paramiko_ssh": "ssh", "ansible.builtin.ssh": "ssh", "local": "local"}
_UNSUPPORTED = {
    "ansible_password": "keys or an agent (ssh-copy-id brings a key there)",
    "ansible_ssh_pass": "keys or an agent (ssh-copy-id brings a key there)",
    "ansible_ssh_password": "keys or an agent (ssh-copy-id brings a key there)",
    "ansible_ssh_executable": "the ssh program on PATH",
    "ansible_become_exe": "the sudo program on the node's PATH",
    "ansible_become_flags": "sudo without further flags",
}
_WRITE_OUT = "write the plain value there (a sudo password is better typed: --ask-become-pass)"
_NAMES = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "become": ("ansible_become",),
    "become_method": ("ansible_become_method",),
    "become_user": ("ansible_become_user",),
    "become_password": ("ansible_become_password", "ansible_become_pass"),
    "connection": ("ansible_connection",),
    "checking": ("ansible_ssh_host_key_checking", "ansible_host_key_checking"),
}
READ = frozenset((*(name for names in _NAMES.values() for name in names), *_SSH_ARGS, *_UNSUPPORTED))
_LETTERS = {"i": "IdentityFile", "p": "Port", "l": "User", "J": "ProxyJump"}
_HARMLESS = frozenset("CqvTxaANn")
_FAMILIES = {"4": "inet", "6": "inet6"}
_IGNORED_OPTIONS = frozenset(("controlmaster", "controlpersist", "controlpath"))


def host_from(name: str, where: str, variables: Mapping[str, Variable]) -> InventoryHost:
    """Read the connection variables of one host; raises UsageError naming the line of the one that cannot be used."""
    for key, variable in variables.items():
        _refuse_unrendered(key, variable)
        if key in _UNSUPPORTED:
            raise flaw(variable.where, f"{key} for {name}", _UNSUPPORTED[key], f"take {key} out")
    found = {part: next((variables[key] for key in keys if key in variables), None) for part, keys in _NAMES.items()}
    _only(found["become_method"], "ansible_become_method", "sudo")
    _only(found["become_user"], "ansible_become_user", "root")
    checking = _boolean(found["checking"])
    args = [pair for key in _SSH_ARGS if key in variables for pair in ssh_arguments(variables[key])]
    password = _text(found["become_password"])
    return InventoryHost(
        name=name,
        address=_text(found["address"]),
        port=_port(found["port"]),
        user=_text(found["user"]),
        key_file=_text(found["key_file"]),
        ssh_options=(*((("StrictHostKeyChecking", "no"),) if checking is False else ()), *args),
        become=_boolean(found["become"]),
        become_password=Secret(password) if password else None,
        connection=_connection(found["connection"]),
        where=where,
    )


def ssh_arguments(variable: Variable) -> tuple[tuple[str, str], ...]:
    """Turn ssh command line arguments (-o Key=Value, -J, -p, -i, -l, -4, -6) into ssh_config pairs; raises UsageError for the others."""
    try:
        words = shlex.split(str(variable.value))
    except ValueError as error:
        raise flaw(variable.where, f"the quoting of the ssh arguments: {error}", "closed quotes") from None
    pairs = []
    while words:
        word = words.pop(0)
        letter, value = word[1:2], word[2:]
        if not word.startswith("-") or not letter:
            _refuse_argument(variable, word)
        if letter == "o" or letter in _LETTERS:
            value = value or (words.pop(0) if words else "")
            pairs.append(_option(variable, value) if letter == "o" else (_LETTERS[letter], value))
        elif letter in _FAMILIES and not value:
            pairs.append(("AddressFamily", _FAMILIES[letter]))
        elif not set(word[1:]) <= _HARMLESS:
            _refuse_argument(variable, word)
    # the openssh backend brings its own multiplexing, paramiko has none
    return tuple((key, value) for key, value in pairs if key.lower() not in _IGNORED_OPTIONS)


def _option(variable: Variable, text: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*(\w+)(?:\s*+=\s*+|\s++)(.+)", text, re.DOTALL)
    return (match[1], match[2]) if match else _refuse_argument(variable, f"-o {text}")


def _refuse_argument(variable: Variable, word: str) -> NoReturn:
    understood = "-o Key=Value, -J, -p, -i, -l, -4 or -6"
    raise flaw(variable.where, f"the ssh argument {word}", understood, "say it with -o Key=Value, or in the ssh configuration")


def _refuse_unrendered(key: str, variable: Variable) -> None:
    value = variable.value
    if isinstance(value, dict) and "__ansible_vault" in value:
        value = "$ANSIBLE_VAULT"
    if not isinstance(value, str):
        return
    if value.startswith(("$ANSIBLE_VAULT", "!vault")):
        raise flaw(variable.where, f"{key} is encrypted by Ansible Vault", "a readable value", _WRITE_OUT)
    if "{{" in value or "{%" in value:
        raise flaw(variable.where, f"{key} is a template, which ansible-inventory does not render either", "a plain value", _WRITE_OUT)


def _text(variable: Variable | None) -> str | None:
    if variable is None or variable.value is None:
        return None
    if isinstance(variable.value, (dict, list, tuple, bytes)):
        raise flaw(variable.where, f"a {type(variable.value).__name__}", "a plain value")
    return str(variable.value)


def _only(variable: Variable | None, name: str, wanted: str) -> None:
    if (value := _text(variable)) not in (None, wanted) and variable is not None:
        raise flaw(variable.where, f"{name}={value}", f"{name}={wanted}", f"use {wanted}, or log in as root")


def _boolean(variable: Variable | None) -> bool | None:
    value = _text(variable)
    if variable is None or value is None:
        return None
    if value.lower() not in _TRUE + _FALSE:
        raise flaw(variable.where, f"“{value}”", "true or false")
    return value.lower() in _TRUE


def _port(variable: Variable | None) -> int | None:
    value = _text(variable)
    if variable is None or value is None:
        return None
    port = whole(value)
    if port is None or not 0 < port < 65536:
        raise flaw(variable.where, f"the port “{value[:40]}”", "a number from 1 to 65535")
    return port


def _connection(variable: Variable | None) -> str:
    value = _text(variable) or "ssh"
    if value not in _CONNECTIONS and variable is not None:
        raise flaw(variable.where, f"ansible_connection={value}", "ssh or local")
    return _CONNECTIONS[value]
