"""The values of an inventory, and how group variables reach a host (Ansible's order: parents first, then by name, then the host's own)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.errors import UsageError
from migrate.run.ports import Secret


@dataclass(frozen=True, slots=True)
class Variable:
    """A value as it was written, and the place (`file:line`, or a path inside JSON)."""

    value: object
    where: str


@dataclass(slots=True)
class Group:
    """A group while it is being read."""

    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """An inventory while it is being read; hosts keep the order of their first mention."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, dict[str, Variable]] = field(default_factory=dict)
    mentions: dict[str, str] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """Give a group, made when it is new."""
        return self.groups.setdefault(name, Group())

    def add_host(self, name: str, where: str) -> dict[str, Variable]:
        """Note a host and give its own variables, to be filled."""
        self.mentions.setdefault(name, where)
        return self.hosts.setdefault(name, {})


@dataclass(frozen=True, slots=True)
class InventoryHost:
    """One host as the inventory describes it; None leaves the word to ssh's own configuration.

    `ssh_options` are ssh_config pairs taken from the ssh argument variables; `connection` is ssh or local; `where` is its first mention.
    """

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    ssh_options: tuple[tuple[str, str], ...] = ()
    become: bool | None = None
    become_password: Secret | None = None
    connection: str = "ssh"
    groups: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The hosts of an inventory, in the order of the file; never empty."""

    hosts: tuple[InventoryHost, ...]
    source: str


def flaw(where: str, seen: str, expected: str, next: str | None = None) -> UsageError:
    """Make the error for a line that cannot be used."""
    return UsageError(seen=f"{where}: {seen}", expected=expected, next=next or f"fix {where}")


def export(spec: str) -> str:
    """Say how Ansible itself turns an inventory into the JSON that is read here."""
    return f"ansible-inventory -i {spec} --list > inv.json, then repeat with -i inv.json"


def effective(draft: Draft) -> Iterator[tuple[str, tuple[str, ...], dict[str, Variable]]]:
    """Give each host with its groups (their parents too, `all` left out) and its variables merged; raises UsageError on a loop of groups.

    Order as in Ansible: depth of the group, ansible_group_priority, name; later ones win, the host's own win over all.
    """
    parents: dict[str, list[str]] = {}
    for name, group in draft.groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
    depth = {name: _depth(name, parents, ()) for name in draft.groups}
    ranks = {name: (depth[name], _priority(group), name) for name, group in draft.groups.items()}
    member_of: dict[str, list[str]] = {}
    for name, group in draft.groups.items():
        for host in group.hosts:
            member_of.setdefault(host, []).append(name)
    for host, own in draft.hosts.items():
        names = sorted(_with_parents(member_of.get(host, ()), parents) | ({"all"} & set(draft.groups)), key=ranks.__getitem__)
        merged: dict[str, Variable] = {}
        for name in names:
            merged |= draft.groups[name].variables
        yield host, tuple(name for name in names if name not in ("all", "ungrouped")), merged | own


def _depth(name: str, parents: dict[str, list[str]], seen: tuple[str, ...]) -> int:
    if name in seen:
        raise UsageError(
            seen=f"the group {name} contains itself through {' > '.join(reversed(seen))}",
            expected="groups that form no loop",
            next="take one of these groups out of the other's children",
        )
    if name == "all":
        return 0
    return 1 + max((_depth(parent, parents, (*seen, name)) for parent in parents.get(name, ())), default=0)


def _priority(group: Group) -> int:
    found = group.variables.get("ansible_group_priority")
    try:
        return 1 if found is None else int(str(found.value))
    except ValueError:
        raise flaw(found.where if found else "", "ansible_group_priority is no number", "a whole number") from None


def _with_parents(names: list[str] | tuple[str, ...], parents: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += parents.get(name, ())
    return found
