"""What a scan of a text says, in lines that a person can read: `line:column code subject: evidence`."""

from __future__ import annotations

from pathlib import Path

from migrate.manifests.files import FileKind
from migrate.rules import Finding
from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.targets.table import target_named

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures" / "manifests"


def scanned(text: str, path: str = "x.yaml", kind: FileKind = FileKind.MANIFEST, *, everything: bool = False) -> Scan:
    target = target_named("containerd")
    assert target is not None
    scan = Scan(Ground(target), everything=everything)
    if kind is FileKind.MANIFEST:
        scan.manifests(path, text)
    else:
        scan.whole(kind, path, text)
    return scan


def findings(scan: Scan) -> list[Finding]:
    return [*scan.findings, *(one for workload in scan.workloads for one in workload.findings)]


def said(scan: Scan, *codes: str) -> list[str]:
    """Every finding of the codes (all, for none) by its place."""
    found = [one for one in findings(scan) if not codes or one.code in codes]
    found.sort(key=lambda one: (one.location.line or 0, one.location.column or 0, one.code, one.evidence))
    return [f"{one.location.line}:{one.location.column} {one.code} {one.subject}: {one.evidence}" for one in found]
