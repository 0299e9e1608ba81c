"""A run's report as JUnit XML: a suite for each node; a case for its end, one for each step, one for each workload."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.plan.state import INSTALLED, MIGRATED, RELEASED, ROLLED_BACK
from migrate.report.markup import Markup, element, join
from migrate.report.run.build import NOT_BEGUN
from migrate.report.run.model import RunNode, RunReport
from migrate.report.run.words import after, lacks, where

DONE = {"apply": (MIGRATED, INSTALLED), "rollback": (ROLLED_BACK,), "release": (RELEASED,)}


def run_junit(report: RunReport) -> str:
    """The report as JUnit XML. A node fails that is not what its last command was to make it; what was not begun is skipped."""
    suites = [_suite(node) for node in report.nodes]
    body = element("testsuites", "\n", *suites, name=f"docker2cri run {report.run}", time=f"{report.seconds:.1f}")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(node: RunNode) -> Markup:
    cases = list(_cases(node))
    counts = {name: str(sum(kind == word for kind, _ in cases)) for name, word in (("failures", "failure"), ("skipped", "skipped"))}
    body = (join(case, "\n") for _, case in cases)
    suite = element("testsuite", "\n", *body, name=node.node, tests=str(len(cases)), **counts, errors="0", time=f"{node.seconds:.1f}")
    return join(suite, "\n")


def _cases(node: RunNode) -> Iterator[tuple[str, Markup]]:
    if node.state == NOT_BEGUN:
        yield _case(node, "node", 0.0, element("skipped", message=node.state))
        return
    if node.state in DONE.get(node.command, (MIGRATED, INSTALLED)):
        yield _case(node, "node", node.seconds, element("system-out", node.reason))
    else:
        yield _case(node, "node", node.seconds, element("failure", node.reason, message=f"{node.state}: {node.reason}", type=node.state))
    for number, step in enumerate(node.steps, 1):
        open_end = [] if step.ended else [element("skipped", message="the command ended before this step did")]
        yield _case(node, f"{number} {step.segment}: {step.text}", step.seconds, *open_end)
    for count in node.workloads:
        said = f"{count.before} Ready before, {after(count)} after, {where(count)}"
        if count.after is None:
            yield _case(node, count.owner, 0.0, element("skipped", message=said))
        elif lacks(count):
            yield _case(node, count.owner, 0.0, element("failure", message=said, type="workload"))
        else:
            yield _case(node, count.owner, 0.0, element("system-out", said))


def _case(node: RunNode, name: str, seconds: float, *children: Markup) -> tuple[str, Markup]:
    made = element("testcase", *children, classname=f"docker2cri.{node.node}", name=name, time=f"{seconds:.1f}")
    kind = next((word for word in ("failure", "skipped") if any(child.startswith(f"<{word}") for child in children)), "passed")
    return kind, made
