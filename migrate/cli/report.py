"""The commands about saved results: report (another format, a comparison, pseudonyms) and schema."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import only
from migrate.cli.output import result, style
from migrate.cli.saying import Saying, report_options
from migrate.cli.terminal import show
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.report.run.model import RunReport

AGAIN = "docker2cri inspect -o json --out FILE"
COMPARED = ("table", "json", "yaml", "markdown")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SAVED | OLD NEW | RUN")
@report_options
@click.option("--compare", "comparing", is_flag=True, help="Say what changed from OLD to NEW (table, json, yaml, markdown).")
@click.option("--anonymize", is_flag=True, help="Pseudonyms for hosts, namespaces, names, addresses and users.")
@click.option("--key", type=click.Path(), metavar="FILE", help="With --anonymize: key of the pseudonyms, made when missing.")
def report(files: tuple[str, ...], saying: Saying, comparing: bool, anonymize: bool, key: str | None) -> int:
    """Write a saved report (inspect -o json or -o html), or a plan, in another format; compare two; report a run of this machine by its
    name, or by the file that its --events wrote: how long each node took and for what, its workloads before and after.
    """
    from migrate.report.anonymize import anonymized

    if len(files) == 1 and (run := _run_named(files[0])) is not None:
        only(("form", "out", "color"), "report of a run")
        return _run_reported(run, saying)
    if comparing:
        only(("form", "out", "fail_on", "color", "comparing", "anonymize", "key"), "report --compare")
        if saying.form not in COMPARED:
            raise UsageError(seen=f"-o {saying.form} with --compare", expected=f"-o {'|'.join(COMPARED)}", next="-o table")
    if len(files) != 1 + comparing:
        raise UsageError(
            seen=f"{len(files)} files",
            expected="two files, OLD and NEW, with --compare" if comparing else "one file; two are compared with --compare",
            next="docker2cri report --compare OLD NEW" if comparing or len(files) == 2 else "docker2cri report SAVED",
        )
    if key is not None and not anonymize:
        raise UsageError(seen="--key without --anonymize", expected="--anonymize, which makes the pseudonyms", next="add --anonymize")
    reports = [_load(path) for path in files]
    if anonymize:
        secret = _key(key)
        reports = [anonymized(saved, secret) for saved in reports]
    return _compared(reports[0], reports[1], saying) if comparing else saying.say(reports[0])


@click.command()
@click.argument(
    "name",
    type=click.Choice(["report", "state", "change", "plan", "rollout", "run"]),
    default="report",
    metavar="[report|state|change|plan|rollout|run]",
)
def schema(name: str) -> int:
    """Print a JSON schema: of reports (inspect, scan, report -o json), of states (apply, rollback, release, status -o json), of changes
    (status --watch -o json), of plans, of rollout files (plan --rollout), of runs (report RUN -o json)."""
    from migrate.report.schemas import SCHEMAS

    show(SCHEMAS[name]())
    return 0


@click.command()
@click.argument("name", type=click.Choice(["inspect", "scan", "pause", "apply"]), required=False, metavar="[inspect|scan|pause|apply]")
def rbac(name: str | None) -> int:
    """Print the smallest roles that a command needs in the cluster, as YAML for kubectl apply: of all commands, when none is named."""
    from migrate.run.kube.rights import RIGHTS, roles_of

    show("---\n".join(roles_of(rights.name) for rights in RIGHTS if name in (None, rights.name)))
    return 0


def _run_named(name: str) -> RunReport | None:
    """The report of a run: of one that this machine recorded, or of a file of events; None for another word or file. Raises UsageError."""
    from migrate.report.run.build import run_report
    from migrate.run.record import afters, befores, events_in, recorded
    from migrate.run.runs import RunFolder, is_run

    path = Path(name)
    events = events_in(path) if path.is_file() else recorded(name) if is_run(name) else None
    if events is None:
        return None
    run = next((event.run for event in events if event.run), name)
    try:
        plan = RunFolder(run).plan() if is_run(run) else None
    except (OSError, ValueError):
        plan = None
    nodes = tuple(sorted({event.node for event in events if event.node}))
    kept = (befores(run, nodes), afters(run, nodes)) if is_run(run) else ({}, {})
    return run_report(run, events, plan, *kept)


def _run_reported(report: RunReport, saying: Saying) -> int:
    from migrate.report.run.write import RUN_FORMS, write_run

    if saying.form not in RUN_FORMS:
        raise UsageError(seen=f"-o {saying.form} of a run", expected=f"-o {'|'.join(RUN_FORMS)}", next="-o table")
    result(write_run(report, saying.form, style(saying.color, saying.out)), saying.out)
    return 0


def _compared(old: Report, new: Report, saying: Saying) -> int:
    import msgspec

    from migrate.report.compare import compare, compare_markdown, compare_text
    from migrate.report.plain import plain
    from migrate.report.yaml_text import yaml_text

    found = compare(plain(old), plain(new))
    match saying.form:
        case "json":
            text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
        case "yaml":
            text = yaml_text(msgspec.to_builtins(found))
        case "markdown":
            text = compare_markdown(found)
        case _:
            text = compare_text(found, style(saying.color, saying.out))
    result(text, saying.out)
    limit = -1 if saying.fail_on is None else saying.fail_on.rank
    return 3 if any(finding.severity.rank <= limit for finding in found.appeared) else 0


def _load(path: str) -> Report:
    from migrate.plan.model import load_plan
    from migrate.report.build import plan_report
    from migrate.report.html import load_page
    from migrate.report.model import load_report

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
        if text.startswith("<!doctype html>"):
            return load_page(text)
        return plan_report(load_plan(text)) if '"digest"' in text and '"docker2cri/' not in text[:200] else load_report(text)
    except OSError as wrong:
        raise UsageError(seen=f"{path}: {wrong.strerror}", expected="a saved report", next=AGAIN) from wrong
    except ValueError as wrong:
        expected = "a report that docker2cri wrote with -o json or -o html, or a plan"
        raise UsageError(seen=f"{path}: {wrong}", expected=expected, next=AGAIN) from wrong


def _key(path: str | None) -> bytes:
    """The key of the pseudonyms, made at its first use. Raises UsageError."""
    from migrate.run.store import put

    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    file = Path(path) if path else Path(state) / "docker2cri" / "anonymize.key"
    try:
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(file, [secrets.token_bytes(32)])
        return file.read_bytes()
    except OSError as wrong:
        raise UsageError(
            seen=f"{file}: {wrong.strerror}", expected="a file for the key of the pseudonyms", next="name one with --key"
        ) from wrong
