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

AGAIN = "docker2cri inspect -o json --out FILE"
COMPARED = ("table", "json", "yaml", "markdown")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SAVED | OLD NEW")
@report_options
@click.option("--compare", "comparing", is_flag=True, help="Say what changed from OLD to NEW (table, json, yaml, markdown).")
@click.option("--anonymize", is_flag=True, help="Pseudonyms for hosts, namespaces, names, addresses and users.")
@click.option("--key", type=click.Path(), metavar="FILE", help="With --anonymize: key of the pseudonyms, made when missing.")
def report(files: tuple[str, ...], saying: Saying, comparing: bool, anonymize: bool, key: str | None) -> int:
    """Write a saved report (inspect -o json or -o html), or a plan, in another format; compare two."""
    from migrate.report.anonymize import anonymized

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
    type=click.Choice(["report", "state", "change", "plan", "rollout"]),
    default="report",
    metavar="[report|state|change|plan|rollout]",
)
def schema(name: str) -> int:
    """Print a JSON schema: of reports (inspect, scan, report -o json), of states (apply, rollback, release, status -o json), of changes
    (status --watch -o json), of plans, of rollout files (plan --rollout)."""
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
