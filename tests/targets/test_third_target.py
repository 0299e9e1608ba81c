"""A runtime that this test alone knows: with a `Target` value and its line in the table it is judged, planned and told like the others."""

from __future__ import annotations

import pytest

from migrate.facts.capture import Capture
from migrate.facts.match import Matched, machine, match
from migrate.facts.model import NodeFacts
from migrate.facts.origin import Origin
from migrate.formats.version import Version
from migrate.plan.build import build_plan
from migrate.plan.install import Lacking, lacking
from migrate.plan.model import FORMAT, SEGMENTS, NodePlan, Plan, dump_plan, load_plan, sealed
from migrate.plan.steps import describe
from migrate.program.order import host_lines, rollback_of
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules.judge import Inspected, judge
from migrate.rules.table import RULES
from migrate.targets import Edit, Target, table
from migrate.targets.bundle import Layout, Member
from migrate.targets.docker_keys import COMMON
from migrate.targets.host import host_edits
from migrate.targets.kubelet import kubelet_edits
from tests.captured import capture_of, cluster, facts, with_output

UNIT = "harbour.service"
ENDPOINT = "unix:///run/harbour.sock"
CONFIG = "/etc/harbour.conf"
EVERYTHING = {rule.code: "accepted in the test" for rule in RULES if rule.acceptable}


def edits(of: NodeFacts, origin: Origin) -> tuple[Edit, ...]:
    own = Edit(
        "runtime-config", CONFIG, "its own", lambda text: f"pause={origin.sandbox_image}\ncgroups={origin.cgroup_driver}\n", early=True
    )
    return (own, *host_edits(of, ENDPOINT, UNIT), *kubelet_edits(of, origin, ENDPOINT, UNIT))


HARBOUR = Target(
    name="harbour",
    title="Harbour",
    asked="--to harbour",
    runtime="harbour",
    prefix="harbour://",
    unit=UNIT,
    socket="/run/harbour.sock",
    endpoint=ENDPOINT,
    data_root="/var/lib/harbour",
    minimum=Version(1, 0, 0),
    read=lambda of: of.unit(UNIT),
    installed=lambda of: "1.2.3" if of.unit(UNIT) else None,
    configured=lambda of: (CONFIG,),
    stored=lambda of: frozenset(),
    containers=lambda of: 0,
    look="harbour ps",
    decisive=(f"systemctl show {UNIT}",),
    program="harbour",
    packages="harbour",
    package=lambda of: "harbour",
    bundle=Layout("Harbour", r"harbour-(?P<version>[0-9.]+)-(?P<arch>[a-z0-9]+)\.tgz", "harbour-1.2.3-amd64.tgz", (Member("h", "/h"),)),
    install="    apt-get install harbour",
    unsupported=lambda kubelet, runtime: None,
    edits=edits,
    node_part="harbour.sh",
    running="harbour ps -q",
    pid="harbour pid {id}",
    shim=("harbour-shim", "starts it"),
    docker_keys=COMMON,
)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "TARGETS", (*table.TARGETS, HARBOUR))


def node(*, installed: bool = True) -> Capture:
    shown = f"ActiveState=inactive\nUnitFileState=disabled\nMainPID=0\nFragmentPath=/lib/systemd/system/{UNIT}\n"
    return with_output(capture_of(), f"systemctl show {UNIT}", shown) if installed else capture_of()


def judged(capture: Capture) -> Inspected:
    api = cluster()
    (name,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(name), None)], HARBOUR, EVERYTHING)
    return found


def planned() -> NodePlan:
    found = judged(node())
    assert found.view is not None
    return build_plan(found.view, found.findings)


def test_a_node_is_planned_and_its_rollback_too() -> None:
    plan = planned()
    assert plan.refusals == ()
    applied = [describe(step) for segment in SEGMENTS for step in plan.of(segment.name)]
    assert applied[:2] == ["write /etc/harbour.conf (new)", "systemctl enable and start harbour.service"]
    assert {"restart harbour.service", "wait until CRI answers on /run/harbour.sock (at most 60 s)"} < set(applied)
    undone = [describe(each.step) for each in rollback_of(plan)]
    assert [text for text in undone if "in Harbour" in text] == ["stop and remove the pods' containers in Harbour (killed after 600 s)"]
    assert [text for text in undone if "harbour" in text][-2:] == ["systemctl disable and stop harbour.service", "remove /etc/harbour.conf"]


def test_the_kubelet_is_led_to_it() -> None:
    diffs = {getattr(one.step, "path", ""): getattr(one.step, "diff", "") for one in planned().steps}
    assert f"--container-runtime=remote --container-runtime-endpoint={ENDPOINT}" in diffs["/var/lib/kubelet/kubeadm-flags.env"]
    assert "+pause=k8s.gcr.io/pause:3.6\n+cgroups=cgroupfs\n" in diffs[CONFIG]


def test_the_node_program_asks_it_by_its_socket() -> None:
    lines = host_lines(planned())
    assert [line.arguments for line in lines if line.kind == "cri-wait"] == [("/run/harbour.sock", "60", CONFIG, "/var/lib/harbour", "-")]
    assert [line.arguments for line in lines if line.kind == "pods-remove"] == [("/run/harbour.sock", "600")]


def test_a_plan_is_stored_and_told() -> None:
    plan = sealed(Plan(format=FORMAT, made=0, tool="", target=HARBOUR.name, server="", nodes=(planned(),)))
    assert load_plan(dump_plan(plan)) == plan
    assert plan_text(plan, Style(100)).startswith("Plan to Harbour: 1 of 1 nodes can be migrated")


def test_what_is_lacking_is_said_and_can_be_installed() -> None:
    found = judged(node(installed=False))
    assert found.view is not None
    assert [(one.code, one.subject) for one in found.findings if one.code == "D2C601"] == [("D2C601", "Harbour")]
    assert lacking(found.view) == Lacking(True, (), ("harbour",))
