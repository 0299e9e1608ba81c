"""Which nodes, and how to reach them: `-i host1,host2,`, an Ansible INI file, or the JSON of `ansible-inventory --list`.

`parse_inventory` is pure; `read_inventory` reads the file and finds the key files. YAML, group_vars, host_vars, vault and templates are
Ansible's own business: they are refused, and the message says how Ansible exports what it makes of them.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

from migrate.errors import UsageError
from migrate.run.inventory.ini import expand, parse_ini, split_port
from migrate.run.inventory.json import parse_json
from migrate.run.inventory.model import Inventory, InventoryHost, effective, export, flaw
from migrate.run.inventory.variables import READ, host_from

__all__ = ["Inventory", "InventoryHost", "parse_inventory", "parse_list", "read_inventory"]

_FORMS = "an INI file, or the JSON of ansible-inventory"
_YAML_LINE = re.compile(r"^(---|[\w.\"'-]+:(\s|$)|plugin:)")


def parse_inventory(text: str, source: str) -> Inventory:
    """Read an inventory's text, JSON when it starts with `{`, else INI. Raises UsageError naming the line, also when there is no host."""
    if text.startswith("$ANSIBLE_VAULT"):
        raise flaw(f"{source}:1", "the file is encrypted by Ansible Vault", "a readable inventory", export(source))
    if text.lstrip().startswith("{"):
        draft = parse_json(text, source)
    else:
        _refuse_foreign(text, source)
        draft = parse_ini(text, source)
    hosts = tuple(host_from(name, draft.mentions[name], variables) for name, variables in effective(draft, READ))
    if not hosts:
        raise UsageError(seen=f"{source} names no host", expected="at least one host", next=f"look at {source}")
    return Inventory(hosts, source)


def parse_list(text: str) -> Inventory:
    """Read a literal list `host1,host2:2222,node[01:03],` (Ansible's spelling: a comma makes it a list); raises UsageError."""
    hosts: dict[str, InventoryHost] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        pattern, port = split_port(word)
        for name in expand(pattern, f"-i {text}"):
            hosts.setdefault(name, InventoryHost(name, port=port, where=f"-i {text}"))
    if not hosts:
        raise UsageError(seen=f"-i {text} names no host", expected="at least one host", next="-i host1,host2,")
    return Inventory(tuple(hosts.values()), f"-i {text}")


def read_inventory(spec: str) -> Inventory:
    """Read what `-i` names: a list when it holds a comma, else a file. Raises UsageError.

    A relative private key file is looked for in the working directory, then beside the inventory.
    """
    if "," in spec:
        return parse_list(spec)
    path = Path(spec)
    if path.is_dir():
        raise UsageError(seen=f"the inventory {spec} is a directory", expected=_FORMS, next=export(spec))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            seen=f"the inventory {spec} cannot be read: {reason}",
            expected=f"{_FORMS}, or a list that ends in a comma",
            next=f"-i {spec}, (with the comma) if {spec} is a host",
        ) from None
    if text.startswith("#!") and os.access(path, os.X_OK):
        listing = f"{spec} --list > inv.json, then repeat with -i inv.json"
        raise UsageError(seen=f"the inventory {spec} is a program", expected=_FORMS, next=listing)
    inventory = parse_inventory(text, spec)
    if not text.lstrip().startswith("{"):
        for folder in ("group_vars", "host_vars"):
            if (path.parent / folder).exists():
                raise UsageError(
                    seen=f"{path.parent / folder} stands beside the inventory {spec}",
                    expected="an inventory that says all about its connections itself",
                    next=export(spec),
                )
    return Inventory(tuple(replace(host, key_file=_key_file(host.key_file, path.parent)) for host in inventory.hosts), spec)


def _key_file(value: str | None, beside: Path) -> str | None:
    if value is None:
        return None
    path = Path(value).expanduser()
    found = next((place for place in (Path.cwd() / path, beside.absolute() / path) if place.exists()), Path.cwd() / path)
    return str(found)


def _refuse_foreign(text: str, source: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if _YAML_LINE.match(line):
            raise flaw(f"{source}:{number}", "this looks like a YAML inventory", _FORMS, export(source))
        return
