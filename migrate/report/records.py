"""The report as rows: JSON lines, CSV, and columns of one's own choice."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from migrate.report.docker_model import ReportedDockerHost
from migrate.report.model import Report, ReportedFinding, ReportedNode, ReportedWorkload
from migrate.report.plain import one_line
from migrate.report.style import Style

COLUMNS = (
    *("code", "slug", "severity", "node", "workload", "subject", "evidence", "what", "remedy", "acceptable", "accepted", "waived"),
    *("waived_until", "path", "line", "column", "confidence"),
)
FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
ROWS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("findings", ReportedFinding),
    ("nodes", ReportedNode),
    ("docker_hosts", ReportedDockerHost),
    ("workloads", ReportedWorkload),
)
PATH = re.compile(r"\.?([a-z_]+(?:\.[a-z_]+)*)")


def json_lines(report: Report) -> str:
    """One JSON object a line, each with its `type`: report, then node, docker_host, workload, finding, not_checked."""
    head = msgspec.to_builtins(report)
    parts = {name: head.pop(name) for name in ("nodes", "docker_hosts", "workloads", "findings", "not_checked")}
    for left_out in ("stacks", "files", "rules", "asked"):
        del head[left_out]
    lines = [{"type": "report", **head}]
    for name, kind in (
        ("nodes", "node"),
        ("docker_hosts", "docker_host"),
        ("workloads", "workload"),
        ("findings", "finding"),
        ("not_checked", "not_checked"),
    ):
        lines += [{"type": kind, **row} for row in parts[name]]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def csv_text(report: Report, *, headers: bool = True) -> str:
    """One row for each finding on each node (RFC 4180, lines end in LF); what was not checked has rows too.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if headers:
        writer.writerow(COLUMNS)
    writer.writerows([_safe(cell) for cell in row] for row in _rows(report))
    return out.getvalue()


def _rows(report: Report) -> Iterator[list[Any]]:
    for finding in report.findings:
        place = finding.location
        where = [place.path, place.line, place.column] if place else ["", None, None]
        said = [finding.acceptable, finding.accepted, finding.waived, finding.waived_until]
        text = [finding.workload, finding.subject, finding.evidence, finding.what, finding.remedy]
        for host in (*finding.nodes, *finding.docker_hosts) or ("",):
            yield [finding.code, finding.slug, finding.severity, host, *text, *said, *where, finding.confidence]
    for unseen in report.not_checked:
        yield ["", "not-checked", "unknown", "", "", unseen.what, unseen.reason, *[""] * (len(COLUMNS) - 7)]


def _safe(cell: Any) -> str:
    text = "" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)
    return f"'{text}" if FORMULA.match(text) else text


def columns(report: Report, spec: str, *, headers: bool = True) -> str:
    """Columns of `HEADER:.path,HEADER:.path`; the rows are findings, else nodes, else workloads: the first that have all the fields.

    Raises ValueError for a spec of another form and for fields that no row has.
    """
    wanted, found = chosen(spec)
    rows = [[_cell(_at(row, path)) for _, path in wanted] for row in msgspec.to_builtins(getattr(report, found))]
    return Style().table([header for header, _ in wanted], rows, headers=headers) + "\n"


def chosen(spec: str) -> tuple[list[tuple[str, list[str]]], str]:
    """The columns of a spec, each a header and the path to its field, and which rows have them. Raises ValueError."""
    wanted = [_column(part) for part in spec.split(",")]
    names = [path[0] for _, path in wanted]
    found = next((kind for kind, shape in ROWS if set(names) <= set(shape.__struct_fields__)), None)
    if found is None:
        known = "; ".join(f"{kind}: {', '.join(shape.__struct_fields__)}" for kind, shape in ROWS)
        raise ValueError(f"no row has all of {', '.join(names)}. {known}")
    return wanted, found


def _column(part: str) -> tuple[str, list[str]]:
    header, colon, path = part.partition(":")
    match = PATH.fullmatch(path.strip())
    if not colon or not header.strip() or match is None:
        raise ValueError(f"{part!r} is not HEADER:.field, for example CODE:.code")
    return header.strip(), match[1].split(".")


def _at(value: Any, path: Iterable[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _cell(value: Any) -> str:
    if value in (None, "", [], ()):
        return "<none>"
    return one_line(",".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
