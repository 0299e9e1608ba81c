"""The report of a run: every format whole, of what a real run told; what a kill, a node that was not begun and hostile texts make of it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from migrate.formats import yaml_read
from migrate.plan.events import Event
from migrate.plan.model import Plan
from migrate.report.run.build import run_report
from migrate.report.run.model import RunNode, RunReport
from migrate.report.run.words import lasted
from migrate.report.run.write import RUN_FORMS, write_run
from migrate.report.schemas import SCHEMAS
from migrate.report.style import Style
from migrate.run.record import events_in
from migrate.verify.counts import After, WorkloadCount, decode_after
from migrate.verify.judge import Before, decode_before
from tests.report.schema import problems
from tests.report.test_hostile import ESCAPES, PLANTED
from tests.run.test_operate import plan

KEPT = Path(__file__).parents[3] / "fixtures" / "runs" / "there-and-back"
RUN = "2be387f19cee"
FILES = {"table": "run.txt", "json": "run.json", "yaml": "run.yaml", "markdown": "run.md", "html": "run.html", "junit": "run.junit.xml"}


def told() -> tuple[Event, ...]:
    found = events_in(KEPT / "events.jsonl")
    assert found is not None
    return found


BEFORE: dict[str, Before] = {"lab-w1": decode_before((KEPT / "lab-w1.before.json").read_bytes())}
AFTER: dict[str, After] = {"lab-w1": decode_after((KEPT / "lab-w1.after.json").read_bytes())}


def only(report: RunReport) -> RunNode:
    (node,) = report.nodes
    return node


@pytest.mark.parametrize("form", RUN_FORMS)
def test_format(form: str, update_goldens: bool) -> None:
    text = write_run(run_report(RUN, told(), None, BEFORE, AFTER), form, Style(100))
    path = KEPT / "expected" / FILES[form]
    if update_goldens:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path} is not in step: --update-goldens, and read the diff"


def test_json_holds_to_its_schema_and_yaml_says_the_same() -> None:
    report = run_report(RUN, told(), None, BEFORE, AFTER)
    value = json.loads(write_run(report, "json", Style(100)))
    assert list(problems(value, json.loads(SCHEMAS["run"]()))) == []
    assert yaml_read.load(write_run(report, "yaml", Style(100)))["nodes"][0]["seconds"] == value["nodes"][0]["seconds"]


def test_what_a_node_took_is_what_its_events_say() -> None:
    node = only(run_report(RUN, told(), None, BEFORE, AFTER))
    assert (node.state, node.command, node.evicted, node.runtime) == ("rolled back", "rollback", 6, "docker")
    spent = {segment.name: segment.seconds for segment in node.segments}
    assert spent["switch"] == pytest.approx(sum(step.seconds for step in node.steps if step.segment == "switch"), abs=1.5)
    assert sum(spent.values()) == pytest.approx(node.seconds, abs=2)
    assert all(step.ended for step in node.steps)


def test_a_command_that_was_killed_leaves_a_step_that_did_not_end() -> None:
    """The record as a kill inside the switch leaves it: its last line is cut off in the middle."""
    events = told()
    inside = next(index for index, event in enumerate(events) if event.text.startswith("stop the kubelet"))
    node = only(run_report(RUN, events[: inside + 1], None, BEFORE, {}))
    assert (node.state, node.reason, node.command) == ("under way", "", "apply")
    assert [(step.text, step.ended) for step in node.steps if not step.ended] == [("stop the kubelet", False)]
    assert [(count.owner, count.before, count.after) for count in node.workloads] == [
        ("StatefulSet shop/db", 1, None),
        ("DaemonSet kube-system/kube-proxy", 1, None),
        ("DaemonSet ops/node-tuner", 1, None),
        ("DaemonSet ops/portal", 1, None),
    ]


def test_time_between_two_commands_is_no_time_of_the_node() -> None:
    events = told()
    later = tuple(replace(event, at=event.at + (3600 if event.at > events[-1].at - 39 else 0)) for event in events)
    assert only(run_report(RUN, later, None, BEFORE, AFTER)).seconds == only(run_report(RUN, events, None, BEFORE, AFTER)).seconds


def test_a_node_that_was_not_begun_is_told() -> None:
    made: Plan = plan("lab-w1", "w2")
    report = run_report(RUN, told(), made, BEFORE, AFTER)
    assert [(node.node, node.state) for node in report.nodes] == [("lab-w1", "rolled back"), ("w2", "not begun")]
    assert (report.digest, report.target) == (made.digest, made.target)
    assert "w2: not begun" in write_run(report, "table", Style(100))


@pytest.mark.parametrize(
    ("command", "state", "failures"),
    [("apply", "migrated", 0), ("apply", "rolled back", 1), ("rollback", "rolled back", 0), ("rollback", "migrated", 1)],
)
def test_junit_fails_where_a_node_is_not_what_the_command_was_to_make_it(command: str, state: str, failures: int) -> None:
    node = RunNode(node="w1", state=state, command=command)
    report = replace(run_report(RUN, told(), None, {}, {}), nodes=(node,))
    suite = ElementTree.fromstring(write_run(report, "junit", Style(100)))[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", str(failures))


def test_fewer_pods_than_before_are_told() -> None:
    counts = (WorkloadCount(owner="Deployment shop/web", before=4, after=3), WorkloadCount(owner="StatefulSet shop/db", before=1, after=1))
    report = run_report(RUN, told(), None, {}, {"lab-w1": After(at=1.0, prefix="containerd://", workloads=counts)})
    assert "2 workloads, 1 with fewer pods, on containerd" in write_run(report, "table", Style(200))
    suite = ElementTree.fromstring(write_run(report, "junit", Style(100)))[0]
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["Deployment shop/web"]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag, *(name for name, _ in attrs if name.startswith("on"))]


@pytest.mark.parametrize("text", PLANTED)
def test_no_text_leaves_its_place(text: str) -> None:
    events = tuple(replace(event, text=text) if event.text and event.type != "version" else event for event in told())
    counts = (WorkloadCount(owner=f"Deployment shop/{text}", before=1, after=1),)
    after = {"lab-w1": After(at=1.0, prefix="containerd://", workloads=counts)}
    usual = run_report(RUN, told(), None, BEFORE, AFTER)
    planted = run_report(RUN, events, None, {}, after)
    for form in RUN_FORMS:
        assert not ESCAPES.search(write_run(planted, form, Style(100))), form
    ElementTree.fromstring(write_run(planted, "junit", Style(100)))
    allowed, seen = _Elements(), _Elements()
    allowed.feed(write_run(usual, "html", Style(100)))
    seen.feed(write_run(planted, "html", Style(100)))
    assert set(seen.found) <= set(allowed.found)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (7800, "2 h 10 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert lasted(seconds) == words
