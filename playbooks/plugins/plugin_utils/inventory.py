"""The play's hosts as an inventory that the command reads: their connection variables as Ansible has them, and its own options. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

# What `docker2cri -i` reads of a host; names of one thing stand together, the first is the one that a default is written as
CONNECTION = (
    ("ansible_host", "ansible_ssh_host"),
    ("ansible_port", "ansible_ssh_port"),
    ("ansible_user", "ansible_ssh_user"),
    ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
    ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    ("ansible_become",),
    ("ansible_become_method",),
    ("ansible_become_user",),
    ("ansible_become_password", "ansible_become_pass"),
    ("ansible_become_exe",),
    ("ansible_become_flags",),
    ("ansible_connection",),
    ("ansible_ssh_host_key_checking", "ansible_host_key_checking"),
    ("ansible_ssh_executable",),
    ("ansible_ssh_args",),
    ("ansible_ssh_common_args",),
    ("ansible_ssh_extra_args",),
)


def inventory_text(hosts: Iterable[str], variables: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]) -> str:
    """The JSON of `ansible-inventory --list` for these hosts; `defaults` are what `-u`, `-K` ... say. Raises KeyError."""
    known = {host: _connection(variables[host], defaults) for host in hosts}
    return json.dumps({"all": {"hosts": list(known)}, "_meta": {"hostvars": known}}, default=str)


def secrets(text: str) -> set[str]:
    """The passwords in an inventory that `inventory_text` wrote."""
    hosts = json.loads(text)["_meta"]["hostvars"].values()
    return {str(value) for host in hosts for name, value in host.items() if "pass" in name and value}


def _connection(variables: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for names in CONNECTION:
        own = {name: variables[name] for name in names if name in variables}
        given = {names[0]: defaults[names[0]]} if defaults.get(names[0]) else {}
        found.update(own or given)
    return found
