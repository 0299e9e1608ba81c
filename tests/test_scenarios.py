"""Every captured cluster, from capture to report: facts, findings, plan and texts equal the goldens beside the capture.

`python -m pytest tests/test_scenarios.py --update-goldens` writes them; the diff is reviewed.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from migrate.facts.cluster import ClusterFacts
from migrate.facts.match import Matched, machine, match
from migrate.facts.node import facts_from
from migrate.plan.again import accepted_in, limits_of, strays
from migrate.plan.build import build_plan
from migrate.plan.inputs import inputs, moved
from migrate.plan.model import FORMAT, SEGMENTS, Plan, dump_plan, load_plan, sealed
from migrate.plan.steps import kind_of
from migrate.program.order import rollback_of
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules import NodeView, accept, check
from migrate.rules.judge import Inspected, judge
from migrate.rules.table import RULES
from migrate.run.store import load_directory
from migrate.sources.table import origin_of
from migrate.targets import Target
from migrate.targets.compose import compose
from migrate.targets.table import target_named

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "clusters"
CLUSTERS = sorted(path.name for path in FIXTURES.iterdir())
CONTAINERD = target_named("containerd")
EVERYTHING = {rule.code: "accepted in the test" for rule in RULES if rule.acceptable}


def judged(
    name: str, reasons: dict[str, str] | None = None, target: Target | None = CONTAINERD
) -> tuple[ClusterFacts, tuple[Inspected, ...]]:
    captures, cluster = load_directory(FIXTURES / name)
    assert cluster is not None
    assert target is not None
    nodes = {one.host: one.node for one in match([machine(facts_from(one)) for one in captures], cluster.nodes) if isinstance(one, Matched)}
    return cluster, judge(cluster, [(one.host, one, cluster.node(nodes[one.host]), None) for one in captures], target, reasons or {})


def plan_of(name: str, reasons: dict[str, str] | None = None, target: str = "containerd") -> Plan:
    cluster, found = judged(name, reasons, target_named(target))
    plans = tuple(build_plan(one.view, one.findings) for one in found if one.view)
    return sealed(Plan(format=FORMAT, made=0, tool="golden", target=target, server=cluster.server, nodes=plans))


def golden(name: str, file: str, text: str, update: bool) -> None:
    path = FIXTURES / name / "expected" / file
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == (path.read_text("utf-8") if path.exists() else ""), f"{path} is not in step: --update-goldens, and read the diff"


@pytest.mark.parametrize("name", CLUSTERS)
def test_inspection(name: str, update_goldens: bool) -> None:
    _, found = judged(name)
    for one in found:
        assert one.view is not None
        facts = {key: getattr(one.view.facts, key) for key in one.view.facts.__dataclass_fields__ if key != "files"}
        text = msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(facts, order="sorted")), indent=1).decode() + "\n"
        golden(name, f"{one.host}.facts.json", text, update_goldens)


@pytest.mark.parametrize("name", CLUSTERS)
def test_plan(name: str, update_goldens: bool) -> None:
    golden(name, "plan.txt", plan_text(plan_of(name, EVERYTHING), Style(100)), update_goldens)
    golden(name, "refused.txt", plan_text(plan_of(name), Style(100), diffs=False), update_goldens)


@pytest.mark.parametrize("name", CLUSTERS)
def test_plan_that_keeps_docker(name: str, update_goldens: bool) -> None:
    """What blocks only because Docker stops is accepted nowhere here, and blocks nothing."""
    reasons = {code: reason for code, reason in EVERYTHING.items() if code not in ("D2C113", "D2C301")}
    golden(name, "kept.txt", plan_text(plan_of(name, reasons, "containerd+keep-docker"), Style(100), diffs=False), update_goldens)


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_plan_survives_its_file_and_cannot_be_changed_in_it(name: str) -> None:
    plan = plan_of(name, EVERYTHING)
    text = dump_plan(plan)
    assert load_plan(text) == plan
    with pytest.raises(ValueError, match="its content does not match its digest: it was changed after it was made"):
        load_plan(text.replace("restart containerd", "restart docker").replace("containerd.service", "crio.service", 1))


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_step_has_its_reverse(name: str) -> None:
    for node in plan_of(name, EVERYTHING).nodes:
        turned = [kind for planned in node.steps if (kind := kind_of(planned.step).reverse) is not None]
        assert {kind_of(step).name for step in turned} <= {kind_of(planned.step).name for planned in rollback_of(node)}
        assert all(node.of(segment.name) for segment in SEGMENTS) or node.refusals


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_plan_of_a_planned_node_changes_no_file(name: str) -> None:
    """The edits are idempotent: on the files that they would write nothing is left to do."""
    from migrate.facts.capture import PathReading

    assert CONTAINERD is not None
    captures, _ = load_directory(FIXTURES / name)
    for capture in captures:
        facts = facts_from(capture)
        changes, refused = compose(CONTAINERD, facts, origin_of(facts))
        assert refused == ()
        assert changes != ()
        after = {one.path: PathReading("file", one.mode, one.owner, len(one.after), 0, None, one.after) for one in changes}
        import dataclasses

        again, refused = compose(
            CONTAINERD,
            facts_from(dataclasses.replace(capture, paths={**capture.paths, **after})),
            origin_of(facts_from(dataclasses.replace(capture, paths={**capture.paths, **after}))),
        )
        assert refused == ()
        assert [(one.path, one.after.decode()) for one in again] == []


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_moved_since_the_plan_is_told_with_a_diff(name: str) -> None:
    import dataclasses

    captures, _ = load_directory(FIXTURES / name)
    capture = captures[-1]
    path = "/var/lib/kubelet/config.yaml"
    reading = capture.paths[path]
    assert reading.data is not None
    edited = dataclasses.replace(reading, data=reading.data + b"maxPods: 42\n")
    now = dataclasses.replace(capture, paths={**capture.paths, path: edited})
    planned = next(node for node in plan_of(name).nodes if node.host == capture.host)
    paths = [step.path for step in planned.files]
    assert moved(planned.inputs, inputs(facts_from(capture), paths)) == ()
    (found,) = moved(planned.inputs, inputs(facts_from(now), paths))
    assert found.what == path
    assert found.diff.splitlines()[:2] == [f"--- {path} (planned)", f"+++ {path} (now)"]
    assert found.diff.splitlines()[-1] == "+maxPods: 42"


def test_no_planted_secret_is_in_any_fixture() -> None:
    secrets = msgspec.json.decode((Path(__file__).parent / "lab" / "secrets.json").read_bytes(), type=list[str])
    for path in FIXTURES.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert [secret for secret in secrets if secret in text] == [], path
            assert not re.search(r"[a-z0-9]{6}\.[a-z0-9]{16}\b(?!\.)", re.sub(r"[0-9.]{23,}", "", text)), path


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_plan_that_was_read_again_is_what_would_be_planned(name: str) -> None:
    """As apply asks it: with the accepted codes and the limits that the plan itself has."""
    cluster, found = judged(name, EVERYTHING)
    plan = load_plan(dump_plan(plan_of(name, EVERYTHING)))
    assert CONTAINERD is not None
    for node, one in zip(plan.nodes, (one for one in found if one.view), strict=True):
        if node.steps:
            assert one.view is not None
            view = NodeView(one.view.facts, cluster.node(node.node), cluster.pods_on(node.node), cluster, CONTAINERD)
            fresh = build_plan(view, accept(check(view, RULES), accepted_in(node)), limits_of(node))
            assert strays(node, fresh, view.facts) == ()
