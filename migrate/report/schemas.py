"""The JSON schemas that are published, by the name that `docker2cri schema` knows them by."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from migrate.plan.model import FORMAT, Plan
from migrate.report import model, state_json


def plan_schema() -> str:
    """The JSON schema of a plan file, as text."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Plan)}
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


SCHEMAS: dict[str, Callable[[], str]] = {"report": model.schema, "state": state_json.schema, "plan": plan_schema}
FILES = {"report": "report-v1.json", "state": "state-v1.json", "plan": f"plan-v{FORMAT}.json"}
