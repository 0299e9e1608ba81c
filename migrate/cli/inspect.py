"""The commands that only look: inspect, capture, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from migrate import __version__
from migrate.cli.options import (
    access,
    access_options,
    chosen_target,
    color_option,
    inspected,
    judge_options,
    next_kubernetes,
    notice,
    reason,
    show,
    style,
    target_options,
    tell,
)
from migrate.cli.saying import report_options, say
from migrate.errors import UsageError


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@judge_options
@report_options
@click.option("--diff", "with_files", is_flag=True, help="Add the file changes of each node without blockers.")
def inspect(nodes: tuple[str, ...], with_files: bool, **options: Any) -> int:
    """Say what would break when nodes leave Docker. Reads; changes nothing."""
    from migrate.plan.build import build_plan
    from migrate.report.build import build_report
    from migrate.report.model import NotChecked
    from migrate.rules.judge import judge_workloads

    target, seen, found = inspected(nodes, options, redacted=True)
    wanted = next_kubernetes(options["next_kubernetes"])
    views = [one.view for one in found if one.view]
    workloads = judge_workloads(seen.cluster, views, target, dict(map(reason, options["accept"])), wanted) if seen.cluster else ()
    unseen = [NotChecked(what="a Node without a machine", reason=message.splitlines()[0]) for message in seen.strangers]
    if nodes or options["inventory"]:
        names = {view.name for view in views}
        here = tuple(one for one in workloads if names.intersection(one.workload.nodes))
        if elsewhere := len(workloads) - len(here):
            unseen.append(NotChecked(what=f"{elsewhere} workloads of the cluster", reason="they do not run on the nodes that were read"))
        workloads = here
    if seen.cluster_error is not None:
        unseen.append(NotChecked(what="Kubernetes API, and all workloads", reason=seen.cluster_error.seen))
    made = build_report(
        found,
        workloads,
        target=target,
        tool=__version__,
        taken=seen.cluster.taken if seen.cluster else max((one.view.facts.taken for one in found if one.view), default=0),
        cluster=seen.cluster,
        name=options["context"] or "",
        next_kubernetes=wanted,
        plans=tuple(build_plan(one.view, one.findings) for one in found if one.view) if with_files else (),
        not_checked=unseen,
    )
    return tell(seen, [say(made, options)])


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@click.option("-o", "--output", required=True, type=click.Path(), metavar="DIR", help="Directory for HOST.capture.json and cluster.json.")
def capture(nodes: tuple[str, ...], output: str, **options: Any) -> int:
    """Save the raw reading of nodes and of the API, redacted: support bundle, offline input, test fixture."""
    from migrate.facts.redact import redact, redact_cluster
    from migrate.run.session import look
    from migrate.run.store import save

    seen = look(access(options), nodes, notice)
    captures = [redact(machine.capture) for machine in seen.machines if machine.capture is not None]
    written = save(Path(output), captures, redact_cluster(seen.cluster) if seen.cluster else None)
    for path in written:
        click.echo(str(path))
    for machine in seen.machines:
        if machine.error:
            click.echo(str(machine.error), err=True)
    return tell(seen, [])


@click.command()
@click.argument("code", required=False, metavar="[CODE|stack]")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@target_options
@color_option
def explain(code: str | None, nodes: tuple[str, ...], color: str, **options: Any) -> int:
    """Say what a finding means, why it matters and what to do; without CODE, list all rules.

    `explain stack` reads nodes and says who talks to whom there, from the kubelet down to the containers, now and after the move.
    """
    from difflib import get_close_matches

    from migrate.report.rules_page import explain as page
    from migrate.report.rules_page import listing
    from migrate.rules.table import RULES

    if code == "stack":
        return _stack(nodes, color, options)
    if nodes:
        raise UsageError(seen=f"explain {code} {' '.join(nodes)}", expected="one code", next=f"docker2cri explain {code}")
    if code is None:
        click.echo(listing(RULES), nl=False)
        return 0
    names = {name: rule for rule in RULES for name in (rule.code.lower(), rule.slug)}
    if code.lower() not in names:
        near = [names[name].code for name in get_close_matches(code.lower(), names, n=3)]
        expected = f"{' or '.join(near)}?" if near else "a code such as D2C301, or a rule's name"
        raise UsageError(seen=f"{code}: no such rule", expected=expected, next="docker2cri explain, which lists all")
    click.echo(page(names[code.lower()]), nl=False)
    return 0


def _stack(nodes: tuple[str, ...], color: str, options: dict[str, Any]) -> int:
    from migrate.report.stack_text import stack_text
    from migrate.run.session import look

    target = chosen_target(options["target"], options["crio_defaults"])
    seen = look(access(options), nodes, notice)
    how = style(color, None)
    show("\n".join(stack_text(machine.facts, target, how) for machine in seen.machines if machine.facts))
    for machine in seen.machines:
        if machine.error:
            click.echo(str(machine.error), err=True)
    return tell(seen, [])
