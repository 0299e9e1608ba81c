"""The plan command: make a plan, or tell whether a saved one still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from migrate.cli.options import Judging, ReachOptions, color_option, judge_options, limit_options, only, reach_options, reading_options
from migrate.cli.output import Form, PlanFile, notice, style
from migrate.cli.planned import plan_of, tell_plan
from migrate.cli.reading import ended, inspected, load_plan, tell_unread
from migrate.cli.rollout import rollout_options
from migrate.cli.terminal import say, show
from migrate.errors import ClusterUnreachable, StalePlan

if TYPE_CHECKING:
    from migrate.limits import Limits
    from migrate.plan.model import NodePlan
    from migrate.plan.ordering import Ordering
    from migrate.rules.judge import Inspected
    from migrate.run.session import Look, ReadingOptions
    from migrate.targets import Target

FORM = Form("text", "json")
NO_CLUSTER = ClusterUnreachable(
    seen="the plan does not say which cluster it was made for, and apply will refuse it: the namespace kube-system was not read",
    expected="an account that may get this namespace",
    next="docker2cri rbac inspect, which prints the roles; then the same command again",
)
# what a person may type beside --check
CHECKING = (
    *("inventory", "kubeconfig", "context", "user", "key_files", "ssh_config", "ssh_backend", "host_key_checking"),
    *("ask_become_pass", "become_password_file", "command_timeout", "forks", "offline", "color", "checked"),
)


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@reading_options("forks", "config_maps", "offline")
@judge_options
@limit_options
@color_option
@click.option("-o", "--output", "form", type=FORM, metavar="FORMAT", default="text", show_default=True, help=f"{FORM.metavar}.")
@click.option("--out", type=PlanFile(), metavar="FILE", help="Write the plan that apply takes to this file (JSON).")
@click.option(
    "--install",
    multiple=True,
    metavar="packages|FILE",
    help="Where a node lacks the runtime or a tool, plan that first: from its package manager, or an official static tarball "
    "(checked against FILE.sha256sum beside it, or FILE@sha256:HEX).",
)
@rollout_options
@click.option("--no-diff", is_flag=True, help="Leave the file diffs out of the text.")
@click.option(
    "--check", "checked", type=click.Path(), metavar="PLAN", help="Read the nodes of a saved plan again and tell what moved since."
)
def plan(
    nodes: tuple[str, ...],
    reach: ReachOptions,
    reading: ReadingOptions,
    judging: Judging,
    limits: Limits,
    color: str,
    form: str,
    out: str | None,
    install: tuple[str, ...],
    ordering: Ordering,
    no_diff: bool,
    checked: str | None,
) -> int:
    """Say exactly what a migration would do to each node, and what a rollback would do. Reads; changes nothing on nodes."""
    from migrate.plan.build import build_plan, fleet_of, leading
    from migrate.plan.model import dump_plan
    from migrate.report.plan_text import plan_text

    if checked is not None:
        only(CHECKING, "plan --check")
        return _check(checked, nodes, reach, reading, color)
    seen, found = inspected(nodes, reach, reading, judging, limits=limits)
    installing = _installing(install, seen, found, judging.target, reading)
    planned = tuple(
        installing.get(machine.host) or build_plan(machine.view, machine.findings, limits) for machine in found if machine.view is not None
    )
    leaders = leading(machine.view for machine in found if machine.view is not None)
    made = plan_of(seen, judging.target, planned, fleet_of(planned, seen.cluster, ordering, leaders))
    text = dump_plan(made) if form == "json" else plan_text(made, style(color, None), diffs=not no_diff)
    known = made.cluster.uid or reading.offline
    notes = [f"{out} holds the plan. To see whether it still holds for the nodes: docker2cri plan --check {out}"]
    return tell_plan(made, text, seen, found, out, notes if known else [str(NO_CLUSTER), *notes])


def _installing(
    asked: tuple[str, ...], seen: Look, found: tuple[Inspected, ...], target: Target, reading: ReadingOptions
) -> dict[str, NodePlan]:
    """The plans of the nodes that lack something, where it was said from where that comes."""
    from migrate.run.bundle import named, read_bundle
    from migrate.run.install import Sources, install_plans

    if not asked:
        return {}
    bundles = tuple(read_bundle(path, (target.bundle,), digest) for path, digest in map(named, asked) if path != "packages")
    notice("asking what the nodes lack")
    return install_plans(seen, found, Sources("packages" in asked, bundles), forks=reading.forks, saved=reading.offline)


def _check(path: str, nodes: tuple[str, ...], reach: ReachOptions, reading: ReadingOptions, color: str) -> int:
    from migrate.plan.inputs import elsewhere, inputs, moved
    from migrate.report.plan_text import moved_text
    from migrate.run.session import look
    from migrate.targets.table import target_named

    saved = load_plan(path)
    planned = [node for node in saved.nodes if not nodes or node.host in nodes or node.node in nodes]
    seen = look(reach.access(), [node.host for node in planned], notice, reading)
    facts = {machine.host: machine.facts for machine in seen.machines}
    known = {machine.host: machine.node for machine in seen.machines}
    how = style(color, None)
    stale = []
    for node in planned:
        fresh = facts.get(node.host)
        if fresh is None:
            continue
        found = elsewhere(saved, node, seen.cluster, known[node.host])
        found += moved(node.inputs, inputs(fresh, [step.path for step in node.files]))
        held = f"{node.host}: the plan holds, {len(node.inputs)} things are as planned"
        show(f"{moved_text(node.host, found, how) if found else held}\n")
        stale += [node.host] if found else []
    tell_unread(seen)
    if stale:
        target = target_named(saved.target)
        again = f"docker2cri plan {target.asked if target else f'--to {saved.target}'} {' '.join(stale)} --out {path}"
        say(str(StalePlan(seen=f"{path} no longer holds for {', '.join(stale)}", expected="nodes as they were planned", next=again)))
    return ended(seen, [StalePlan.exit_code if stale else 0])
