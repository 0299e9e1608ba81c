"""D2C312 and D2C313: agents that watch containers (migrate/rules/agents_table.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.workload import Pointer
from migrate.rules import Severity
from migrate.rules.agents_table import AGENTS, Agent, Minor, agent_of, image_words
from migrate.rules.text import filled, values_of
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule

TAG = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})(?![0-9])")


@workload_rule("D2C312", "agent-too-old", Severity.WARNING, words=image_words(agent for agent in AGENTS if agent.copes))
def agent_too_old(view: WorkloadView) -> Iterator[Sign]:
    """An agent has a version that does not support the target by itself.

    Why: it keeps running and reports less of the node's containers, or nothing, without an error.

    Remedy: Upgrade it to the version that the evidence names before the first node moves, or configure what it says:

        kubectl -n NAMESPACE set image daemonset/NAME CONTAINER=IMAGE:VERSION

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; the source that the evidence names.
    """
    for at, agent, name, tag in _agents(view):
        if (version := _version(tag)) and agent.copes and version < agent.copes:
            wanted = "{}.{}".format(*agent.copes)
            yield Sign(f"container {name}: {agent.name} {tag}, {wanted} and later support it: {_switch(view, agent)} ({agent.source})", at)


@workload_rule("D2C313", "agent-of-containers", Severity.INFO, words=image_words(AGENTS))
def agent_of_containers(view: WorkloadView) -> Iterator[Sign]:
    """An agent that observes containers needs a setting for the target.

    Why: many of them ask Docker, read its files or parse its log format by default. Names of metrics and labels change with the runtime as
    well.

    Remedy: Check the setting that the evidence names, and that the agent still reports after the first node:

        kubectl -n NAMESPACE logs POD

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; the source that the evidence names.
    """
    for at, agent, name, tag in _agents(view):
        version = _version(tag)
        if agent.copes is None or version is None or version >= agent.copes:
            since = " (from {}.{} on)".format(*agent.copes) if agent.copes and version is None else ""
            yield Sign(f"container {name}: {agent.name}{since}: {_switch(view, agent)} ({agent.source})", at)


def _switch(view: WorkloadView, agent: Agent) -> str:
    return filled(agent.switch, values_of(view.ground.target))


def _agents(view: WorkloadView) -> Iterator[tuple[Pointer, Agent, str, str]]:
    """Where an agent is, which, its container and its tag."""
    for at, container, image in view.images:
        if agent := agent_of(image.group, image.last):
            yield (*at, "image"), agent, container.name, image.tag


def _version(tag: str) -> Minor | None:
    found = TAG.match(tag)
    return (int(found[1]), int(found[2])) if found else None
