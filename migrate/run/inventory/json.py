"""The JSON of `ansible-inventory --list` (the script inventory protocol: groups, and `_meta.hostvars`). Pure."""

from collections.abc import Mapping

from migrate.formats import FormatError, json_doc
from migrate.run.inventory.model import Draft, Variable, flaw

_SHAPE = 'the output of ansible-inventory --list: {"_meta": {"hostvars": {…}}, "group": {"hosts": […], "children": […]}}'


def parse_json(text: str, source: str) -> Draft:
    """Read groups, hosts and variables; raises UsageError naming the place."""
    try:
        document = json_doc.loose(text)
    except FormatError as error:
        raise flaw(source, f"no JSON: {error}", _SHAPE) from None
    draft = Draft()
    draft.group("all")
    for name, body in _mapping(document, source).items():
        if name != "_meta":
            _group(draft, name, body, source)
    meta = _mapping(_mapping(document, source).get("_meta", {}), f"{source}: _meta")
    hostvars = _mapping(meta.get("hostvars", {}), f"{source}: _meta.hostvars")
    for host, variables in hostvars.items():
        where = f"{source}: _meta.hostvars.{host}"
        own = draft.add_host(host, where)
        own |= {key: Variable(value, f"{where}.{key}") for key, value in _mapping(variables, where).items()}
    return draft


def _group(draft: Draft, name: str, body: object, source: str) -> None:
    where = f"{source}: {name}"
    if isinstance(body, list):
        body = {"hosts": body}
    parts = _mapping(body, where)
    group = draft.group(name)
    for host in _names(parts.get("hosts", []), f"{where}.hosts"):
        draft.add_host(host, f"{where}.hosts")
        group.hosts[host] = None
    for child in _names(parts.get("children", []), f"{where}.children"):
        group.children.append(child)
        draft.group(child)
    for key, value in _mapping(parts.get("vars", {}), f"{where}.vars").items():
        group.variables[key] = Variable(value, f"{where}.vars.{key}")


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise flaw(where, f"a {type(value).__name__}", _SHAPE)
    return value


def _names(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise flaw(where, "no list of names", _SHAPE)
    return value
