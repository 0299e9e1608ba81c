"""The plan command: make a plan, or tell whether a saved one still holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from migrate import __version__
from migrate.cli.options import access, access_options, inspected, judge_options, load_plan, notice, show, style, tell, write
from migrate.errors import StalePlan

if TYPE_CHECKING:
    from migrate.plan.model import NodePlan
    from migrate.rules.judge import Inspected
    from migrate.run.session import Look
    from migrate.targets import Target


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@judge_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What is printed.")
@click.option("-o", "--output", type=click.Path(), help="Write the plan to this file (JSON).")
@click.option(
    "--install",
    multiple=True,
    metavar="packages|FILE",
    help="Where a node lacks the runtime or a tool, plan that first: from its package manager, or an official static tarball "
    "(checked against FILE.sha256sum beside it, or FILE@sha256:HEX).",
)
@click.option("--no-diff", is_flag=True, help="Leave the file diffs out of the text.")
@click.option(
    "--check", "checked", type=click.Path(), metavar="PLAN", help="Read the nodes of a saved plan again and tell what moved since."
)
def plan(
    nodes: tuple[str, ...],
    form: str,
    color: str,
    output: str | None,
    no_diff: bool,
    checked: str | None,
    install: tuple[str, ...],
    **options: Any,
) -> int:
    """Say exactly what a migration would do to each node, and how the way back would go. Reads; changes nothing on nodes."""
    from migrate.plan.build import build_plan
    from migrate.plan.model import FORMAT, Plan, dump_plan, sealed
    from migrate.report.plan_text import plan_text

    if checked is not None:
        return _check(checked, nodes, color, options)
    target, seen, found = inspected(nodes, options)
    installing = _installing(install, seen, found, target, options)
    made = sealed(
        Plan(
            format=FORMAT,
            made=int(time.time()),
            tool=__version__,
            target=target.name,
            server=seen.cluster.server if seen.cluster else "",
            nodes=tuple(installing.get(one.host) or build_plan(one.view, one.findings) for one in found if one.view is not None),
        )
    )
    if output is not None:
        write(output, dump_plan(made))
    show(dump_plan(made) if form == "json" else plan_text(made, style(color, None), diffs=not no_diff))
    if output is not None:
        click.echo(f"The plan is in {output}. Whether it still holds later: docker2cri plan --check {output}", err=True)
    for one in found:
        if one.error:
            click.echo(one.error, err=True)
    return tell(seen, [3 if node.refusals else 0 for node in made.nodes])


def _installing(
    asked: tuple[str, ...], seen: Look, found: tuple[Inspected, ...], target: Target, options: dict[str, Any]
) -> dict[str, NodePlan]:
    """The plans of the nodes that lack something, where it was said from where that comes."""
    from migrate.run.bundle import named, read_bundle
    from migrate.run.install import Sources, install_plans

    if not asked:
        return {}
    bundles = tuple(read_bundle(path, (target.bundle,), digest) for path, digest in map(named, asked) if path != "packages")
    notice("asking what the nodes lack")
    return install_plans(seen, found, Sources("packages" in asked, bundles), forks=options["forks"], saved=options["offline"])


def _check(path: str, nodes: tuple[str, ...], color: str, options: dict[str, Any]) -> int:
    from migrate.plan.inputs import inputs, moved
    from migrate.report.plan_text import moved_text
    from migrate.run.session import look
    from migrate.targets.table import target_named

    saved = load_plan(path)
    planned = [node for node in saved.nodes if not nodes or node.host in nodes or node.node in nodes]
    seen = look(access(options), [node.host for node in planned], notice)
    facts = {machine.host: machine.facts for machine in seen.machines}
    look_of = style(color, None)
    stale = []
    for node in planned:
        fresh = facts.get(node.host)
        if fresh is None:
            continue
        found = moved(node.inputs, inputs(fresh, _edited(node)))
        click.echo(
            moved_text(node.host, found, look_of) if found else f"{node.host}: the plan holds, {len(node.inputs)} things are as planned"
        )
        stale += [node.host] if found else []
    for machine in seen.machines:
        if machine.error:
            click.echo(str(machine.error), err=True)
    if stale:
        target = target_named(saved.target)
        again = f"docker2cri plan {target.asked if target else f'--to {saved.target}'} {' '.join(stale)} -o {path}"
        click.echo(
            str(StalePlan(seen=f"{path} no longer holds for {', '.join(stale)}", expected="nodes as they were planned", next=again)),
            err=True,
        )
    return tell(seen, [StalePlan.exit_code if stale else 0])


def _edited(node: NodePlan) -> list[str]:
    from migrate.plan.steps import WriteFile

    return [one.step.path for one in node.steps if isinstance(one.step, WriteFile)]
