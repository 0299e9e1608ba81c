"""The page: head with its content security policy, the sections in order, the report itself as JSON at the end."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.report.causes import headline, plural, subtitle, verdict
from migrate.report.html.docker_hosts import docker_hosts
from migrate.report.html.document import document
from migrate.report.html.embed import embedded
from migrate.report.html.fix import fix
from migrate.report.html.fleet import fleet
from migrate.report.html.nodes import nodes
from migrate.report.html.parts import section
from migrate.report.html.rest import files, not_checked, rules
from migrate.report.html.stacks import stacks
from migrate.report.html.workloads import workloads
from migrate.report.markup import Markup, element
from migrate.report.model import Report


def html(report: Report) -> str:
    """The whole file as text. Style and script are in it, named by their hashes: the page can load nothing and run nothing else."""
    parts = [part for part in _sections(report) if part is not None]
    return document(
        f"docker2cri: {headline(report)}",
        _banner(report),
        parts,
        report.tool,
        element("script", embedded(report), type="application/json", id="report"),
    )


def _sections(report: Report) -> Iterator[tuple[str, str, Markup] | None]:
    yield section("fix", "What to fix", fix(report))
    yield section("fleet", "Fleet", fleet(report)) if report.nodes else None
    yield section("nodes", "Nodes", nodes(report)) if report.nodes else None
    yield section("docker-hosts", "Docker hosts", docker_hosts(report)) if report.docker_hosts else None
    yield section("stack", "Who talks to whom", stacks(report)) if report.stacks else None
    yield section("files", "File changes", files(report)) if report.files else None
    yield section("workloads", "Workloads", workloads(report)) if report.workloads else None
    yield section("unseen", "Not checked", not_checked(report)) if report.not_checked else None
    yield section("rules", "Rules", rules(report)) if report.rules else None


def _banner(report: Report) -> Markup:
    summary = report.summary
    tiles: tuple[tuple[str, int, str], ...] = (
        ("blocked", summary.blocked, "blocked"),
        ("not-read", summary.not_read, "not read"),
        ("needs-work", summary.needs_work, "needs work" if summary.needs_work == 1 else "need work"),
        ("ready", summary.ready, "ready"),
        *((("done", summary.nothing_to_do, "nothing to do"),) if summary.nothing_to_do else ()),
    )
    if report.kind == "scan":
        tiles = (
            ("blocked", summary.blockers, "blocker" if summary.blockers == 1 else "blockers"),
            ("needs-work", summary.warnings, "warning" if summary.warnings == 1 else "warnings"),
            ("ready", summary.infos, "info"),
        )
    shown = [
        element("li", element("b", f"{count:,}"), element("span", word), class_=f"tile {name}{'' if count else ' none'}")
        for name, count, word in tiles
    ]
    found = f"Findings: {plural(summary.blockers, 'blocker')}, {plural(summary.warnings, 'warning')}, {summary.infos:,} info"
    said = [f"{summary.accepted} accepted" if summary.accepted else "", f"{summary.waived} waived" if summary.waived else ""]
    answers = ", ".join(answer for answer in said if answer)
    notes = [element("p", f"Note: {note}", class_="note") for note in report.notes]
    return element(
        "header",
        element(
            "div",
            element("p", "Compatibility report", class_="kicker"),
            element("h1", headline(report)),
            element("p", subtitle(report), class_="meta"),
            element("ul", *shown, class_="tiles", aria_label=verdict(summary)),
            element("p", f"{found}{f' ({answers})' if answers else ''}", class_="meta"),
            *notes,
            class_="wide",
        ),
    )
