"""JUnit XML as CI servers read it (Jenkins' xunit plugin, junit-10.xsd): a suite for each node, file or workload, a case for each rule."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.report.causes import answer, fails, machines
from migrate.report.markup import Markup, element, join
from migrate.report.model import Report, ReportedFinding
from migrate.rules import Severity


def junit(report: Report, fail_on: Severity | None) -> str:
    """The report as JUnit XML; findings at or above `fail_on` fail, lighter ones are told in the case's output, answered ones are skipped.

    A node that was not read is an error, never a pass; so is everything else that was not checked, in a suite of its own.
    """
    names = {name.partition(" ")[0]: name for name in (*report.asked, *(f"{rule.code} {rule.slug}" for rule in report.rules))}
    suites = []
    for node in machines(report):
        found = [finding for finding in report.findings if node.host in (*finding.nodes, *finding.docker_hosts)]
        unread = [_error("read", node.host, node.error)] if node.state == "not read" else []
        suites.append(_suite(node.host, unread or list(_cases(node.host, names, found, fail_on))))
    apart = [finding for finding in report.findings if not finding.nodes and not finding.docker_hosts]
    for place in dict.fromkeys(_place(finding) for finding in apart):
        found = [finding for finding in apart if _place(finding) == place]
        only = {finding.code: names.get(finding.code, finding.code) for finding in found}
        suites.append(_suite(place, list(_cases(place, only, found, fail_on))))
    unseen = [_skipped(missed.what, "not checked", missed.reason) for missed in report.not_checked]
    suites += [_suite("not checked", unseen)] if unseen else []
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + element("testsuites", "\n", *suites, name="docker2cri") + "\n"


def _suite(name: str, cases: list[tuple[str, Markup]]) -> Markup:
    kinds = [kind for kind, _ in cases]
    counts = {kind: str(kinds.count(word)) for kind, word in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))}
    body = (join(case, "\n") for _, case in cases)
    return join(element("testsuite", "\n", *body, name=name, tests=str(len(cases)), **counts, time="0"), "\n")


def _cases(suite: str, names: dict[str, str], found: list[ReportedFinding], fail_on: Severity | None) -> Iterable[tuple[str, Markup]]:
    for code, name in names.items():
        here = [finding for finding in found if finding.code == code]
        failing = [finding for finding in here if fails(finding, fail_on)]
        if failing:
            failure = element("failure", _told(failing), message=failing[0].what, type=failing[0].severity.value)
            yield "failure", _case(suite, name, failure)
        elif here and all(finding.answered for finding in here):
            yield "skipped", _case(suite, name, element("skipped", message="; ".join(dict.fromkeys(answer(finding) for finding in here))))
        elif here:
            yield "passed", _case(suite, name, element("system-out", _told(here)))
        else:
            yield "passed", _case(suite, name)


def _case(suite: str, name: str, *children: Markup) -> Markup:
    return element("testcase", *children, classname=f"docker2cri.{suite}", name=name, time="0")


def _error(name: str, suite: str, reason: str) -> tuple[str, Markup]:
    return "error", _case(suite, name, element("error", reason, message=(reason.splitlines() or ["not read"])[0], type="not read"))


def _skipped(name: str, suite: str, reason: str) -> tuple[str, Markup]:
    return "skipped", _case(suite, name, element("skipped", message=reason))


def _told(found: list[ReportedFinding]) -> str:
    return "\n".join(f"{_at(finding)}{finding.subject}: {finding.evidence}\n-> {finding.remedy}" for finding in found)


def _at(finding: ReportedFinding) -> str:
    return f"{finding.location}: " if finding.location else ""


def _place(finding: ReportedFinding) -> str:
    return finding.location.path if finding.location else finding.workload or finding.subject
