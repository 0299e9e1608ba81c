"""Hooks of a run: the operator's own commands, before it and after it, and around each node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from migrate.plan.events import Event
from migrate.plan.gates import NO_GATES
from migrate.plan.hooks import FORMAT, WHEN, Hook, HookCall, HookMoment, hook_words
from migrate.plan.model import Plan
from migrate.plan.state import REFUSED, NodeState, Reason
from migrate.run.ask_gates import run_command
from migrate.run.owned import Job
from migrate.run.ports import Clock
from migrate.run.runs import run_of

FAILED_HOOK = "hook-failed"
Ran = Callable[[Hook, bytes], str]


class RunHooks:
    """Runs the hooks of a plan, each to its end or for its time, whatever was wished: what one silenced before a node, one afterwards
    has to hear of.
    """

    def __init__(self, plan: Plan, clock: Clock, tell: Callable[[Event], None], run: Ran | None = None) -> None:
        self._plan, self._clock, self._tell = plan, clock, tell
        self._hooks = (plan.stages.gates if plan.stages else NO_GATES).hooks
        self._run = run or (lambda hook, data: run_command(hook.argv, hook.timeout, lambda: False, stdin=data))

    def before_run(self, jobs: Mapping[str, Job]) -> dict[str, NodeState]:
        """Empty where the run may begin; all nodes are refused where a hook before it fails."""
        why = self._failed("before-run")
        return {host: _refused(job, why) for host, job in jobs.items()} if why else {}

    def after_run(self, states: dict[str, NodeState]) -> dict[str, NodeState]:
        """These states, which the hooks after the run were told."""
        self._told("after-run", states=states.values())
        return states

    def around_node(self, job: Job, act: Callable[[], NodeState]) -> NodeState:
        """What became of a node; it is refused where a hook before it fails."""
        host = job.node.host
        if why := self._failed("before-node", host):
            return _refused(job, why)
        state = act()
        self._told("after-node", host, [state])
        return state

    def _failed(self, moment: HookMoment, node: str = "") -> str:
        return next((why for hook in self._of(moment) if (why := self._asked(hook, node))), "")

    def _told(self, moment: HookMoment, node: str = "", states: Iterable[NodeState] = ()) -> None:
        """A hook that fails afterwards changes nothing of how the node ended."""
        found = tuple(states)
        for hook in self._of(moment):
            if why := self._asked(hook, node, found):
                self._say(why, node, "failed")

    def _of(self, moment: HookMoment) -> list[Hook]:
        return [hook for hook in self._hooks if hook.moment == moment]

    def _asked(self, hook: Hook, node: str, states: tuple[NodeState, ...] = ()) -> str:
        plan = self._plan
        stage = plan.stages.number(node) if plan.stages and node else 0
        named = {"run": run_of(plan), "digest": plan.digest, "target": plan.target}
        call = HookCall(format=FORMAT, moment=hook.moment, **named, node=node, stage=stage, states=states)
        why = self._run(hook, msgspec.json.encode(call) + b"\n")
        if why:
            return f"{hook_words(hook)} {WHEN[hook.moment]}: {why}"
        self._say(f"{hook_words(hook)} {WHEN[hook.moment]} is done", node)
        return ""

    def _say(self, text: str, node: str, status: str = "") -> None:
        at = self._clock.now().timestamp()
        self._tell(Event(at=at, type="note", run=run_of(self._plan), node=node, text=text, status=status))


def _refused(job: Job, why: str) -> NodeState:
    reason = Reason(code=FAILED_HOOK, seen=f"not begun: {why}", expected="exit code 0", next="the same command again when the hook passes")
    return NodeState(node=job.node.host, state=REFUSED, exit_code=7, reason=reason, run=job.run)
