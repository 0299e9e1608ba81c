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
    return [*scan.findings, *(finding for workload in scan.workloads for finding in workload.findings)]


def said(scan: Scan, *codes: str) -> list[str]:
    """Every finding of the codes (all, for none) by its place."""
    found = [finding for finding in findings(scan) if not codes or finding.code in codes]
    found.sort(key=lambda finding: (finding.location.line or 0, finding.location.column or 0, finding.code, finding.evidence))
    return [f"{finding.location.line}:{finding.location.column} {finding.code} {finding.subject}: {finding.evidence}" for finding in found]
