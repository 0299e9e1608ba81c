"""The commands about saved results: report (another format, a comparison, pseudonyms) and schema."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.options import color_option, result, show, style
from migrate.cli.saying import report_options, say
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.report.model import Report

AGAIN = "docker2cri inspect -o json --out FILE"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SAVED | OLD NEW")
@report_options
@color_option
@click.option("--compare", "comparing", is_flag=True, help="Say what changed from OLD to NEW (table, json, yaml, markdown).")
@click.option("--anonymize", is_flag=True, help="Pseudonyms for hosts, namespaces, names, addresses and users.")
@click.option("--key", type=click.Path(), metavar="FILE", help="Key of the pseudonyms, made when missing.")
def report(files: tuple[str, ...], comparing: bool, anonymize: bool, key: str | None, **options: Any) -> int:
    """Write a saved report (inspect -o json or -o html), or a plan, in another format; compare two."""
    from migrate.report.anonymize import anonymized

    if len(files) != 1 + comparing:
        raise UsageError(
            seen=f"{len(files)} files",
            expected="two files, OLD and NEW, with --compare" if comparing else "one file; two are compared with --compare",
            next="docker2cri report --compare OLD NEW" if comparing or len(files) == 2 else "docker2cri report SAVED",
        )
    reports = [_load(path) for path in files]
    if anonymize:
        secret = _key(key)
        reports = [anonymized(one, secret) for one in reports]
    return _compared(reports[0], reports[1], options) if comparing else say(reports[0], options)


@click.command()
def schema() -> int:
    """Print the JSON schema of reports (inspect, scan, report -o json)."""
    from migrate.report.model import schema as text

    show(text())
    return 0


def _compared(old: Report, new: Report, options: dict[str, Any]) -> int:
    import msgspec

    from migrate.report.compare import compare, compare_markdown, compare_text
    from migrate.report.plain import plain
    from migrate.report.yaml_text import yaml_text

    found = compare(plain(old), plain(new))
    forms = {
        "table": lambda: compare_text(found, style(options["color"], options["out"])),
        "json": lambda: msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n",
        "yaml": lambda: yaml_text(msgspec.to_builtins(found)),
        "markdown": lambda: compare_markdown(found),
    }
    if options["form"] not in forms:
        raise UsageError(seen=f"-o {options['form']} with --compare", expected=f"-o {'|'.join(forms)}", next="-o table")
    result(forms[options["form"]](), options["out"])
    limit = {"never": -1, "blocker": 0, "warning": 1, "info": 2}[options["fail_on"]]
    return 3 if any(one.severity.rank <= limit for one in found.appeared) else 0


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
            put(file, secrets.token_bytes(32))
        return file.read_bytes()
    except OSError as wrong:
        raise UsageError(
            seen=f"{file}: {wrong.strerror}", expected="a file for the key of the pseudonyms", next="name one with --key"
        ) from wrong
