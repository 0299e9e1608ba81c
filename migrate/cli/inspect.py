"""The commands that only look: inspect, capture, explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.cli.docker_hosts import capture_docker, explain_docker, inspect_docker
from migrate.cli.docker_options import DockerOptions, docker_options, docker_reading_options
from migrate.cli.options import (
    Judging,
    ReachOptions,
    color_option,
    judge_options,
    only,
    reach_options,
    reading_options,
    target_options,
)
from migrate.cli.output import OutDirectory, notice, style
from migrate.cli.reading import ended, inspected, tell_unread
from migrate.cli.saying import Saying, report_options
from migrate.cli.terminal import say, show
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.run.session import ReadingOptions
    from migrate.targets import Target


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@reading_options("forks", "config_maps", "offline")
@docker_reading_options
@judge_options
@report_options
@click.option("--diff", "with_files", is_flag=True, help="Add the file changes of each node without blockers.")
def inspect(
    nodes: tuple[str, ...],
    reach: ReachOptions,
    reading: ReadingOptions,
    docker: DockerOptions,
    judging: Judging,
    saying: Saying,
    with_files: bool,
) -> int:
    """Say what would break when nodes leave Docker. Reads; changes nothing.

    With --docker, Docker hosts that are no nodes are read through Docker's API and judged instead.
    """
    if docker.names:
        return inspect_docker(nodes, docker, reach, reading, judging, saying)
    from migrate.plan.build import build_plan
    from migrate.report.build import build_report
    from migrate.report.model import NotChecked
    from migrate.rules.judge import judge_workloads

    seen, found = inspected(nodes, reach, reading, judging, redacted=True)
    target, wanted = judging.target, judging.next_kubernetes
    views = [machine.view for machine in found if machine.view]
    workloads = judge_workloads(seen.cluster, views, target, judging.accepted, wanted) if seen.cluster else ()
    unseen = [NotChecked(what="a Node without a machine", reason=message.splitlines()[0]) for message in seen.strangers]
    if nodes or reach.inventory:
        names = {view.name for view in views}
        here = tuple(judged for judged in workloads if names.intersection(judged.workload.nodes))
        if elsewhere := len(workloads) - len(here):
            unseen.append(NotChecked(what=f"{elsewhere} workloads of the cluster", reason="they do not run on the nodes that were read"))
        workloads = here
    if seen.cluster_error is not None:
        unseen.append(NotChecked(what="Kubernetes API, and all workloads", reason=seen.cluster_error.seen))
    plans = tuple(build_plan(machine.view, machine.findings) for machine in found if machine.view) if with_files else ()
    unplanned = [(plan.host, refusal) for plan in plans for refusal in plan.refusals if refusal.code == "unexpected"]
    unseen += [NotChecked(what=f"file changes of {host}", reason=refusal.reason) for host, refusal in unplanned]
    made = build_report(
        found,
        workloads,
        target=target,
        tool=__version__,
        taken=seen.cluster.taken if seen.cluster else max((view.facts.taken for view in views), default=0),
        cluster=seen.cluster,
        name=reach.context or "",
        next_kubernetes=wanted,
        plans=plans,
        not_checked=unseen,
    )
    return ended(seen, [saying.say(made), *(4 for machine in found if machine.view is None)])


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@reading_options("forks", "config_maps")
@docker_reading_options
@click.option("--out", required=True, type=OutDirectory(), metavar="DIR", help="Directory for HOST.capture.json and cluster.json.")
def capture(nodes: tuple[str, ...], reach: ReachOptions, reading: ReadingOptions, docker: DockerOptions, out: str) -> int:
    """Save the raw reading of nodes and of the API, redacted: support bundle, offline input, test fixture.

    With --docker, the reading of Docker hosts: NAME.docker.json for each.
    """
    if docker.names:
        return capture_docker(nodes, docker, reach, out)
    from migrate.facts.redact import redact, redact_cluster
    from migrate.run.session import look
    from migrate.run.store import save

    seen = look(reach.access(), nodes, notice, reading)
    captures = [redact(machine.capture) for machine in seen.machines if machine.capture is not None]
    written = save(Path(out), captures, redact_cluster(seen.cluster) if seen.cluster else None)
    for path in written:
        say(str(path), err=False)
    tell_unread(seen)
    return ended(seen, [])


@click.command()
@click.argument("code", required=False, metavar="[CODE|stack]")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@reading_options("forks", "offline")
@docker_options
@target_options
@color_option
def explain(
    code: str | None,
    nodes: tuple[str, ...],
    reach: ReachOptions,
    reading: ReadingOptions,
    docker: DockerOptions,
    target: Target,
    color: str,
) -> int:
    """Say what a finding means, why it matters and what to do; without CODE, list all rules.

    `explain stack` reads nodes and says who talks to whom there, from the kubelet down to the containers, now and after the move. All
    options are for it. With --docker it is the stack of Docker hosts.
    """
    from difflib import get_close_matches

    from migrate.report.rules_page import explain as page
    from migrate.report.rules_page import listing
    from migrate.rules.table import RULES

    if code == "stack" and docker.names:
        return explain_docker(nodes, docker, reach, reading, color)
    if code == "stack":
        return _stack(nodes, reach, reading, target, color)
    if nodes:
        raise UsageError(seen=f"explain {code} {' '.join(nodes)}", expected="one code", next=f"docker2cri explain {code}")
    only((), f"explain {code}" if code else "explain")
    if code is None:
        show(listing(RULES))
        return 0
    names = {name: rule for rule in RULES for name in (rule.code.lower(), rule.slug)}
    if code.lower() not in names:
        near = [names[name].code for name in get_close_matches(code.lower(), names, n=3)]
        expected = f"{' or '.join(near)}?" if near else "a code such as D2C301, or a rule's name"
        raise UsageError(seen=f"{code}: no such rule", expected=expected, next="docker2cri explain, which lists all")
    show(page(names[code.lower()]))
    return 0


def _stack(nodes: tuple[str, ...], reach: ReachOptions, reading: ReadingOptions, target: Target, color: str) -> int:
    from migrate.report.stack_text import stack_text
    from migrate.run.session import look

    seen = look(reach.access(), nodes, notice, reading)
    how = style(color, None)
    show("\n".join(stack_text(machine.facts, target, how) for machine in seen.machines if machine.facts))
    tell_unread(seen)
    return ended(seen, [])
