"""Asking nodes what Docker left on them, before a plan of its removal is made and again before it is applied."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import resources

from migrate.errors import MigrateError, NodeUnreadable
from migrate.facts.frames import BrokenAnswer, decode
from migrate.facts.model import NodeFacts
from migrate.facts.package_managers import question
from migrate.facts.parse.remains import remains
from migrate.facts.parse.transaction import transaction
from migrate.facts.redact import mask
from migrate.facts.remains import Remains
from migrate.facts.remains_probe import Whereabouts, render_remains
from migrate.plan.cleanup import place_of
from migrate.rules import accept, check
from migrate.rules.cleanup import CLEANUP_RULES
from migrate.rules.judge import Inspected
from migrate.run.fleet import map_hosts
from migrate.run.install import ASK_SECONDS
from migrate.run.ports import Host
from migrate.run.session import Look
from migrate.run.ssh.connect import Connector
from migrate.run.ssh.text import readable
from migrate.targets import Target

SIZES_SECONDS = 600.0  # what Docker left may be large, and is measured


def read_remains(host: Host, facts: NodeFacts) -> Remains:
    """What Docker left on one node, and what its package manager would do to remove Docker's packages; nothing is changed.

    Raises NodeUnreachable, NodeTimeout or NodeUnreadable.
    """
    place = place_of(facts)
    found = _asked(host, place)
    if not found.packages:
        return found
    done = host.run(question([package.name for package in found.packages], remove=True).encode(), timeout=ASK_SECONDS)
    return replace(found, removal=transaction(done.stdout.decode("utf-8", "replace"), done.rc))


def _asked(host: Host, place: Whereabouts) -> Remains:
    marker = f"d2c-{secrets.token_hex(16)}"  # new for every run, as in gather.py
    script = render_remains(resources.files("migrate.node").joinpath("probe.sh").read_text(encoding="utf-8"), marker, place)
    result = host.run(script.encode(), timeout=SIZES_SECONDS)
    try:
        return remains(decode(result.stdout, marker, host.name), place)
    except BrokenAnswer as wrong:
        raise NodeUnreadable(
            node=host.name,
            seen=f"what Docker left cannot be told: {wrong}; on stderr: {mask(readable(result.stderr)) or 'nothing'}",
            expected="a complete answer from a POSIX /bin/sh with head, base64, timeout and du",
            next=f"docker2cri capture {host.name} --debug, and on the node: command -v head base64 timeout du",
        ) from wrong


def remains_of(seen: Look, forks: int) -> dict[str, Remains | MigrateError]:
    """What Docker left on every machine that was read, `forks` at a time."""
    connector = Connector()
    known = {machine.host: machine.facts for machine in seen.machines if machine.facts is not None}
    targets = [machine.target for machine in seen.machines if machine.target is not None and machine.host in known]

    def ask(name: str, connect: Callable[[], Host]) -> Remains:
        with connect() as host:
            return read_remains(host, known[name])

    return map_hosts(targets, lambda target: ask(target.name, lambda: connector.open(target)), forks=forks)


def judged(seen: Look, target: Target, left: Mapping[str, Remains | MigrateError], accepted: Mapping[str, str]) -> tuple[Inspected, ...]:
    """Every machine judged by what Docker left on it, in the order of the look."""
    return tuple(_one(seen, machine.host, target, left, accepted) for machine in seen.machines)


def _one(seen: Look, name: str, target: Target, left: Mapping[str, Remains | MigrateError], accepted: Mapping[str, str]) -> Inspected:
    machine = next(one for one in seen.machines if one.host == name)
    found = left.get(name)
    view = seen.view(machine, target)
    if view is None or machine.error is not None:
        return Inspected(name, None, (), str(machine.error))
    if not isinstance(found, Remains):
        return Inspected(name, None, (), str(found))
    view = replace(view, remains=found)
    return Inspected(name, view, accept(check(view, CLEANUP_RULES), accepted))
