"""A rollout file: how nodes are to be taken, in Ansible's words where it has them. `docs/schema/rollout-v1.json` is its JSON schema.

It sets the values that options of `plan` set, and those that have no option: sizes of stages, groups, failures that stop nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from migrate.facts.resolve import resolve
from migrate.formats import FormatError, yaml_read
from migrate.plan.gates import (
    APPROVAL,
    LONGEST,
    WAIT,
    ApproveGate,
    CommandGate,
    Gate,
    Gates,
    HttpGate,
    gate_problem,
    window_of,
)
from migrate.plan.hooks import TIMEOUT, Hook, HookMoment, hook_problem
from migrate.plan.ordering import DEFAULT, NodeGroup, Ordering, Share, share_of
from migrate.rules.table import RULES

Count = Annotated[int, Meta(ge=1, le=9999)] | Annotated[str, Meta(pattern="^[1-9][0-9]{0,3}%?$")]
Seconds = Annotated[int, Meta(ge=10, le=86400)]
Wait = Annotated[int, Meta(ge=0, le=LONGEST)]
Name = Annotated[str, Meta(min_length=1)]
Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted"]
STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+)\]")


class FileGate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `command`, `http` and `approve`; `timeout` of one question and `wait` for the gate to open, in seconds."""

    command: Name | Annotated[list[Name], Meta(min_length=1)] | None = None
    http: Name | None = None
    approve: bool = False
    timeout: Annotated[int, Meta(ge=1, le=3600)] | None = None
    wait: Wait | None = None


class FileHook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command around the run or each node, with a JSON object on its standard input; `timeout` in seconds."""

    moment: HookMoment
    command: Name | Annotated[list[Name], Meta(min_length=1)]
    timeout: Annotated[int, Meta(ge=1, le=3600)] = TIMEOUT


class FileGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes that are taken together: with all of `labels`, in one of `pools`, in one of `zones`, named like one of `names` (fnmatch)."""

    name: Name
    labels: dict[str, str] = {}
    pools: list[Name] = []
    zones: list[Name] = []
    names: list[Name] = []
    max_in_flight: Count | None = None
    order: Order | None = None


class RolloutFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`serial`: sizes of the stages; `max_in_flight`: nodes of a stage at once; `max_fail_percentage`: failed nodes of a stage that stop
    nothing; `accept`: codes of findings with their reasons; the others as the options of `plan`, with _ for -.
    """

    serial: Count | Annotated[list[Count], Meta(min_length=1)] | None = None
    max_in_flight: Count | None = None
    max_fail_percentage: Annotated[int, Meta(ge=0, le=100)] = 0
    any_errors_fatal: bool | None = None
    order: Order = "inventory"
    groups: list[FileGroup] = []
    soak: Annotated[int, Meta(ge=0, le=86400)] | None = None
    windows: list[Name] = []
    gates: list[FileGate] = []
    hooks: list[FileHook] = []
    accept: dict[str, Name] = {}
    guard: Annotated[int, Meta(ge=30, le=86400)] | None = None
    drain_timeout: Seconds | None = None
    stop_timeout: Seconds | None = None
    verify_timeout: Seconds | None = None
    cri_timeout: Annotated[int, Meta(ge=5, le=86400)] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What it sets of that which options set too, by their names and as they are typed."""
        found: dict[str, Any] = {name: getattr(self, name) for name in LIMITS if getattr(self, name) is not None}
        if self.max_in_flight is not None:
            found["max_in_flight"] = str(self.max_in_flight)
        if self.windows:
            found["window"] = self.windows
        if self.accept:
            found["accept"] = [f"{code}={reason}" for code, reason in self.accept.items()]
        return found

    @property
    def ordering(self) -> Ordering:
        """How it takes nodes."""
        serial = () if self.serial is None else tuple(self.serial) if isinstance(self.serial, list) else (self.serial,)
        return Ordering(
            share=DEFAULT if self.max_in_flight is None else _share(self.max_in_flight),
            serial=tuple(map(_share, serial)),
            order=self.order,
            groups=tuple(map(_group, self.groups)),
            gates=Gates(
                soak=self.soak or 0,
                windows=tuple(map(window_of, self.windows)),
                checks=tuple(map(_gate, self.gates)),
                hooks=tuple(map(_hook, self.hooks)),
            ),
            max_fail=self.max_fail_percentage,
        )


LIMITS = ("soak", "guard", "drain_timeout", "stop_timeout", "verify_timeout", "cri_timeout")
KINDS: Mapping[tuple[str, ...], type[msgspec.Struct]] = {
    (): RolloutFile,
    ("groups",): FileGroup,
    ("gates",): FileGate,
    ("hooks",): FileHook,
}


def read_rollout(text: str) -> RolloutFile:
    """The file that a text is; raises FormatError with the line of what it cannot mean, and the known keys beside one that is unknown."""
    value = yaml_read.load(text)
    if value is None:
        value = {}
    _known(text, value, ())
    try:
        made = msgspec.convert(value, RolloutFile)
    except msgspec.ValidationError as wrong:
        message, _, place = str(wrong).partition(" - at `$")
        path = tuple(name or int(number) for name, number in STEP.findall(place))
        raise _wrong(text, path, message) from wrong
    _meant(text, made)
    return made


def _meant(text: str, made: RolloutFile) -> None:
    """What the types do not say."""
    if made.any_errors_fatal and made.max_fail_percentage:
        raise _wrong(text, ("any_errors_fatal",), f"true, and max_fail_percentage is {made.max_fail_percentage}: they exclude each other")
    for at, group in enumerate(made.groups):
        if not (group.labels or group.pools or group.zones or group.names):
            raise _wrong(text, ("groups", at), f"the group {group.name} selects no nodes: labels, pools, zones or names are missing")
        if group.name in [other.name for other in made.groups[:at]]:
            raise _wrong(text, ("groups", at, "name"), f"a second group {group.name}")
    for at, window in enumerate(made.windows):
        try:
            window_of(window)
        except ValueError as wrong:
            raise _wrong(text, ("windows", at), f"{window}: {wrong}") from wrong
    for at, gate in enumerate(made.gates):
        kinds = [name for name in ("command", "http", "approve") if getattr(gate, name)]
        if len(kinds) != 1:
            raise _wrong(text, ("gates", at), f"a gate is one of command, http and approve, not {' and '.join(kinds) or 'none'}")
        if gate.approve and gate.timeout is not None:
            raise _wrong(text, ("gates", at, "timeout"), "an approval has no timeout, it has a wait")
        try:
            problem = gate_problem(Gates(checks=(_gate(gate),)))
        except ValueError as wrong:  # a quotation mark
            problem = str(wrong)
        if problem:
            raise _wrong(text, ("gates", at), problem)
    for at, hook in enumerate(made.hooks):
        try:
            problem = hook_problem(_hook(hook))
        except ValueError as wrong:
            problem = str(wrong)
        if problem:
            raise _wrong(text, ("hooks", at), problem)
    for code in made.accept:
        rule = next((rule for rule in RULES if rule.code == code), None)
        if rule is None or not rule.acceptable:
            raise _wrong(text, ("accept", code), "this finding cannot be accepted" if rule else "no such rule")


def _known(text: str, value: Any, path: tuple[str | int, ...]) -> None:
    kind = KINDS.get(tuple(step for step in path if isinstance(step, str)))
    if kind is not None and isinstance(value, dict):
        for key in value:
            if key not in kind.__struct_fields__:
                raise _wrong(text, (*path, key), f"no such key; known are {', '.join(kind.__struct_fields__)}")
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(inner, dict | list):
            _known(text, inner, (*path, step))


def _wrong(text: str, path: Sequence[str | int], message: str) -> FormatError:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return FormatError("YAML", f"{where}: {message}" if where else message, yaml_read.line(text, path))


def _share(count: int | str) -> Share:
    found = share_of(str(count))
    assert found is not None  # its type says so
    return found


def _group(group: FileGroup) -> NodeGroup:
    return NodeGroup(
        name=group.name,
        labels=tuple(group.labels.items()),
        pools=tuple(group.pools),
        zones=tuple(group.zones),
        names=tuple(group.names),
        share=None if group.max_in_flight is None else _share(group.max_in_flight),
        order=group.order or "",
    )


def _gate(gate: FileGate) -> Gate:
    """Raises ValueError for a command that is no words."""
    wait = WAIT if gate.wait is None else gate.wait
    if gate.command is not None:
        return CommandGate(argv=_words(gate.command), timeout=gate.timeout or CommandGate(argv=()).timeout, wait=wait)
    if gate.http is not None:
        return HttpGate(url=gate.http, timeout=gate.timeout or HttpGate(url="").timeout, wait=wait)
    return ApproveGate(wait=APPROVAL if gate.wait is None else gate.wait)


def _hook(hook: FileHook) -> Hook:
    return Hook(moment=hook.moment, argv=_words(hook.command), timeout=hook.timeout)


def _words(command: str | list[str]) -> tuple[str, ...]:
    return tuple(shlex.split(command) if isinstance(command, str) else command)


resolve(RolloutFile)
