"""Ansible's INI inventory, read as Ansible's own ini plugin reads it (ansible-core 2.14, plugins/inventory/ini.py). Pure."""

import ast
import re
import shlex
import string
from itertools import product
from math import prod

from migrate.formats.number import whole
from migrate.run.inventory.model import Draft, Variable, export, flaw

_SECTION = re.compile(r"^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$")
_GROUP = re.compile(r"^([^:\]\s]+)\s*(?:#.*)?$")
_PORT = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%\w]*)\]|(?P<host>(?:[^\[\]:]|\[[^\]]*\])+)):(?P<port>[0-9]{1,9})")
_RANGE = re.compile(r"([0-9]{0,9}|[a-zA-Z]):([0-9]{1,9}|[a-zA-Z])(?::([0-9]{1,9}))?")
MAX_HOSTS = 100_000  # that one pattern may stand for
_EXPECTED = "a range as in node[001:200], rack[a:c] or node[0:10:2], its ends of equal length when padded with zeros"


def parse_ini(text: str, source: str) -> Draft:
    """Read groups, hosts and variables; raises UsageError naming the line."""
    draft = Draft()
    draft.group("all")
    group, state = "ungrouped", "hosts"
    declared: set[str] = {"all", "ungrouped"}
    wanted: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), f"{source}:{number}"
        if not line or line[0] in "#;":
            continue
        if match := _SECTION.match(line):
            group, state = match[1], match[2] or "hosts"
            if state not in ("hosts", "children", "vars"):
                raise flaw(where, f"the section [{group}:{state}]", "[group], [group:children] or [group:vars]")
            draft.group(group)
            if state == "vars":
                wanted.setdefault(group, where)
            else:
                declared.add(group)
        elif line.startswith("["):
            if line.endswith("]") and not line.strip("[]").count("["):
                raise flaw(where, f"the section {line}", "a name without white space in brackets")
            _host_line(draft, group, line, where)
        elif state == "hosts":
            _host_line(draft, group, line, where)
        elif state == "vars":
            key, sign, value = line.partition("=")
            if not sign:
                raise flaw(where, f"“{line}” under [{group}:vars]", "key=value")
            draft.group(group).variables[key.strip()] = Variable(literal(value.strip()), where)
        else:
            child = _GROUP.match(line)
            if not child:
                raise flaw(where, f"“{line}” under [{group}:children]", "the name of a group")
            draft.group(group).children.append(child[1])
            draft.group(child[1])
            wanted.setdefault(child[1], where)
    for name, where in wanted.items():
        if name not in declared:
            raise flaw(where, f"the group {name} is used and nowhere declared", f"a section [{name}]")
    return draft


def literal(value: str) -> object:
    """Give a Python literal its value, and anything else back as the string it is (`true` stays a string, `True` becomes a boolean)."""
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value
    return value if isinstance(found, int) and not isinstance(found, bool) and whole(found) is None else found


def split_port(pattern: str) -> tuple[str, int | None]:
    """Take `host:port` and `[v6]:port` apart; a bare IPv6 address keeps its colons."""
    match = _PORT.fullmatch(pattern)
    if match and match["six"] is not None and match["six"].count(":") < 2:
        match = None  # `[1:3]:22` is a range
    return ((match["six"] or match["host"]), int(match["port"])) if match else (pattern, None)


def expand(pattern: str, where: str) -> tuple[str, ...]:
    """Expand `node[001:200]`, `rack[a:c]`, with an optional step and any number of ranges; raises UsageError, also for MAX_HOSTS names."""
    head, *rest = pattern.split("[")
    pieces: list[tuple[str, ...]] = [(head,)]
    for part in rest:
        inside, close, tail = part.partition("]")
        names = _range(inside) if close else ()
        if not names:
            raise flaw(where, f"the range in “{pattern}”", _EXPECTED)
        pieces += [names, (tail,)]
    if prod(map(len, pieces)) > MAX_HOSTS:
        raise flaw(where, f"“{pattern}” stands for {prod(map(len, pieces))} hosts", f"at most {MAX_HOSTS}")
    return tuple(map("".join, product(*pieces)))


def _range(text: str) -> tuple[str, ...]:
    """The names of `001:200`, `a:c`, `0:10:2`; none for what is no range."""
    found = _RANGE.fullmatch(text)
    if not found:
        return ()
    begin, end, step = found[1] or "0", found[2], int(found[3] or "1")
    letters = string.ascii_letters
    if not step:
        return ()
    if begin in letters and end in letters:
        return tuple(letters[letters.index(begin) : letters.index(end) + 1 : step])
    if not (begin.isdecimal() and end.isdecimal()) or int(end) - int(begin) >= MAX_HOSTS:
        return ()
    width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
    if width and width != len(end):
        return ()
    return tuple(str(number).zfill(width) for number in range(int(begin), int(end) + 1, step))


def _host_line(draft: Draft, group: str, line: str, where: str) -> None:
    try:
        pattern, *assignments = shlex.split(line, comments=True)
    except ValueError as error:
        raise flaw(where, f"the quoting of this line: {error}", "closed quotes") from None
    if pattern == "---" or pattern.endswith(":"):
        raise flaw(
            where, "this looks like a YAML inventory", "an INI file, or the JSON of ansible-inventory", export(where.rpartition(":")[0])
        )
    variables: dict[str, Variable] = {}
    for word in assignments:
        key, sign, value = word.partition("=")
        if not sign:
            raise flaw(where, "a word without = after the host name", "key=value (quote a value that holds white space)")
        variables[key] = Variable(literal(value), where)
    hosts, port = split_port(pattern)
    for name in expand(hosts, where):
        own = draft.add_host(name, where)
        if port is not None:
            own["ansible_port"] = Variable(port, where)
        own |= variables
        draft.group(group).hosts[name] = None
