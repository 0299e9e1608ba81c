"""Commands of the operator's own around a run and around each node: values of the plan, covered by its digest."""

from __future__ import annotations

import shlex
from typing import Literal

import msgspec

from migrate.plan.state import NodeState

HookMoment = Literal["before-run", "before-node", "after-node", "after-run"]
WHEN: dict[str, str] = {
    "before-run": "before the first node",
    "before-node": "before each node",
    "after-node": "after each node",
    "after-run": "after the last node",
}
TIMEOUT = 60
LONGEST = 3600  # seconds
FORMAT: Literal["docker2cri.hook/v1"] = "docker2cri.hook/v1"


class Hook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command on the operator's machine, with a HookCall as JSON on its standard input, ended after `timeout` seconds.

    One that fails before the run or a node keeps it from being begun; one that fails afterwards is told.
    """

    moment: HookMoment
    argv: tuple[str, ...]
    timeout: int = TIMEOUT


class HookCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a hook is told. `node` is the inventory's name, `stage` its number in the plan (from 1); `states` are those of the node that
    ended, or of all nodes of the run. Fields are only added; those that are empty are left out.
    """

    format: Literal["docker2cri.hook/v1"]
    moment: HookMoment
    run: str
    digest: str
    target: str
    node: str = ""
    stage: int = 0
    states: tuple[NodeState, ...] = ()


def hook_words(hook: Hook) -> str:
    """The command, in words."""
    return f"hook `{shlex.join(hook.argv)}`"


def hook_problem(hook: Hook) -> str:
    """Why a hook cannot be run, empty for a good one; a plan file may have been written by anyone."""
    if not (hook.argv and hook.argv[0] and all(word.isprintable() for word in hook.argv)):
        return f"its hook {WHEN[hook.moment]} has no command"
    return "" if 0 < hook.timeout <= LONGEST else f"the time of its {hook_words(hook)} is none"
