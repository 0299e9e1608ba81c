"""The values of an inventory, and how group variables reach a host (Ansible's order: parents first, then by name, then the host's own)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from migrate.errors import UsageError
from migrate.formats.number import whole
from migrate.run.ports import Secret


@dataclass(frozen=True, slots=True)
class Variable:
    """A value as it was written, and the place (`file:line`, or a path inside JSON)."""

    value: object
    where: str


@dataclass(slots=True)
class Group:
    """A group while it is being read; `hosts` are kept in order, each once."""

    hosts: dict[str, None] = field(default_factory=dict)
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


def effective(draft: Draft, wanted: Collection[str]) -> Iterator[tuple[str, dict[str, Variable]]]:
    """Give each host with its `wanted` variables, those of its groups merged; raises UsageError on a loop of groups.

    Order as in Ansible: depth of the group, ansible_group_priority, name; later ones win, the host's own win over all. Each group is
    merged with its parents once, whatever number of ways leads to them.
    """
    parents: dict[str, list[str]] = {name: [] for name in draft.groups}
    for name, group in draft.groups.items():
        for child in group.children:
            if child != "all":
                parents[child].append(name)
    merged: dict[str, dict[str, _Ranked]] = {}
    depths: dict[str, int] = {}
    for name in _parents_first(parents):
        above = parents[name]
        depths[name] = 1 + max((depths[parent] for parent in above), default=0) if name != "all" else 0
        group = draft.groups[name]
        rank = (depths[name], _priority(group), name)
        own = {key: (rank, variable) for key, variable in group.variables.items() if key in wanted}
        merged[name] = _winning([*(merged[parent] for parent in above), own])
    member_of: dict[str, list[str]] = {}
    for name, group in draft.groups.items():
        for host in group.hosts:
            member_of.setdefault(host, []).append(name)
    for host, variables in draft.hosts.items():
        found = _winning([merged[name] for name in ("all", *member_of.get(host, ())) if name in merged])
        yield host, {key: variable for key, (_, variable) in found.items()} | {k: v for k, v in variables.items() if k in wanted}


_Ranked = tuple[tuple[int, int, str], Variable]


def _winning(maps: Iterable[dict[str, _Ranked]]) -> dict[str, _Ranked]:
    found: dict[str, _Ranked] = {}
    for one in maps:
        for key, ranked in one.items():
            if key not in found or found[key][0] < ranked[0]:
                found[key] = ranked
    return found


def _parents_first(parents: dict[str, list[str]]) -> Iterator[str]:
    """Every group after its parents; without recursion, since groups may be nested as deep as a file is long."""
    done: set[str] = set()
    for start in parents:
        path = {start: iter(parents[start])} if start not in done else {}
        while path:
            name = next(reversed(path))
            above = next((parent for parent in path[name] if parent not in done), None)
            if above is None:
                del path[name]
                done.add(name)
                yield name
            elif above in path:
                raise UsageError(
                    seen=f"the group {above} contains itself through {' > '.join(reversed(path))}",
                    expected="groups that form no loop",
                    next="take one of these groups out of the other's children",
                )
            else:
                path[above] = iter(parents[above])


def _priority(group: Group) -> int:
    found = group.variables.get("ansible_group_priority")
    priority = 1 if found is None else whole(found.value)
    if priority is None:
        raise flaw(found.where if found else "", "ansible_group_priority is no number", "a whole number")
    return priority
