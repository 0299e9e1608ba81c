"""The commands that only look: inspect, capture, explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.options import access, access_options, inspected, judge_options, notice, result, style, tell
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.rules.judge import Inspected


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@judge_options
@click.option("--info", "show_info", is_flag=True, help="Show info findings too.")
@click.option(
    "--fail-on",
    type=click.Choice(["blocker", "warning", "info", "never"]),
    default="blocker",
    show_default=True,
    help="Findings that exit with 3.",
)
@click.option("-o", "--output", type=click.Path(), help="Write the report to this file.")
def inspect(nodes: tuple[str, ...], form: str, color: str, show_info: bool, fail_on: str, output: str | None, **options: Any) -> int:
    """Say what would break when nodes leave Docker. Reads; changes nothing."""
    from migrate.report.inspect_text import inspect_text
    from migrate.report.json_v1 import inspect_json

    target, seen, found = inspected(nodes, options, redacted=form == "json")
    if form == "json":
        result(inspect_json(found, target.name), output)
    else:
        result(inspect_text(found, target.name, style(color, output), show_info=show_info), output)
    return tell(seen, [_weight(found, fail_on)])


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
@click.argument("code", required=False)
def explain(code: str | None) -> int:
    """Say what a finding means, why it matters and what to do; without CODE, list all rules."""
    from difflib import get_close_matches

    from migrate.report.rules_page import explain as page
    from migrate.report.rules_page import listing
    from migrate.rules.table import RULES

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


def _weight(nodes: tuple[Inspected, ...], fail_on: str) -> int:
    from migrate.rules import Severity

    if fail_on == "never":
        return 0
    limit = Severity(fail_on).rank
    # that the API was not read is told, and weighs, by itself
    found = [one for node in nodes for one in node.findings if one.slug != "cluster-not-read"]
    return 3 if any(one.severity.rank <= limit and one.accepted is None for one in found) else 0
