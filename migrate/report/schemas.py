"""The JSON schemas that are published, by the name that `docker2cri schema` knows them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from migrate.plan.model import FORMAT, Plan
from migrate.plan.rollout_file import RolloutFile
from migrate.plan.state import STATES
from migrate.report.change import WatchedChange
from migrate.report.model import Report
from migrate.report.run.model import RunReport
from migrate.report.state_json import NodeStates


def report_schema() -> str:
    """The JSON schema of `-o json`, as text."""
    return _text(msgspec.json.schema(Report))


def state_schema() -> str:
    """The JSON schema of `state_json`, as text."""
    return _states(NodeStates)


def change_schema() -> str:
    """The JSON schema of a line of `change_json`, as text."""
    return _states(WatchedChange)


def run_schema() -> str:
    """The JSON schema of a run's report, as text."""
    return _text(msgspec.json.schema(RunReport))


def plan_schema() -> str:
    """The JSON schema of a plan file, as text."""
    return _text(msgspec.json.schema(Plan))


def rollout_schema() -> str:
    """The JSON schema of a rollout file, which is YAML, as text."""
    return _text(msgspec.json.schema(RolloutFile))


def _states(kind: type[msgspec.Struct]) -> str:
    made = msgspec.json.schema(kind)
    made["$defs"]["NodeState"]["properties"]["state"]["enum"] = list(STATES)
    return _text(made)


def _text(made: dict[str, Any]) -> str:
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
    return msgspec.json.format(msgspec.json.encode(draft), indent=2).decode() + "\n"


SCHEMAS: dict[str, Callable[[], str]] = {
    "report": report_schema,
    "state": state_schema,
    "change": change_schema,
    "plan": plan_schema,
    "run": run_schema,
    "rollout": rollout_schema,
}
FILES = {
    "report": "report-v1.json",
    "state": "state-v1.json",
    "change": "change-v1.json",
    "plan": f"plan-v{FORMAT}.json",
    "rollout": "rollout-v1.json",
    "run": "run-v1.json",
}
