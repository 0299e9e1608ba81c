"""How nodes stand, as apply, rollback, status and verify say it: the table, the reasons, JSON and the exit code of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from migrate.cli import cli
from migrate.errors import ClusterUnreachable, MigrateError, Refused, UsageError
from migrate.plan.events import Event
from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import CommandGate, Gates
from migrate.plan.lease import ClusterLease, Pause
from migrate.plan.model import dump_plan, sealed
from migrate.plan.state import MIGRATED, NEEDS_ATTENTION, SKIPPED, UNTOUCHED, NodeState, Reason
from migrate.report.schemas import change_schema, state_schema
from migrate.run import operate
from migrate.run.owned import Job
from migrate.run.runs import RunFolder
from tests.fakes import FakeClock, FakeCluster
from tests.report.schema import problems
from tests.run.test_operate import plan

VERIFIED = NodeState(node="w1", state=MIGRATED, exit_code=0, reason=Reason(code="verified", seen="runs on containerd, verified"), run="r")
HELD = NodeState(
    node="w2",
    state=NEEDS_ATTENTION,
    exit_code=6,
    reason=Reason(
        code="step-failed", seen="it failed:\nline two", now="cordoned", expected="a healthy node", next="docker2cri rollback w2"
    ),
    run="r",
)
LATER = NodeState(node="w3", state=SKIPPED, exit_code=0, reason=Reason(code="earlier-node-failed", seen="skipped: an earlier node failed"))
STOPPED = NodeState(node="w3", state=SKIPPED, exit_code=0, reason=Reason(code="interrupted", seen="skipped: the run was interrupted"))
FREE = NodeState(node="w4", state=UNTOUCHED, exit_code=0, reason=Reason(code="no-run", seen="no run owns this node"))
TABLE = """\
NODE  STATE            CODE  REASON
w1    migrated         0     runs on containerd, verified
w2    needs attention  6     it failed:
w3    skipped          0     skipped: an earlier node failed
"""
REASONS = "w2: it failed:\nline two\n  now: cordoned\n  expected: a healthy node\n  next: docker2cri rollback w2\n"


class FakeOperator:
    """Says of every node what the test says; remembers what it was asked."""

    states: Sequence[NodeState] = ()
    others: tuple[NodeState, ...] = ()
    leased: ClusterLease | MigrateError = ClusterLease()
    asked: list[tuple[str, Any]] = []  # noqa: RUF012

    def __init__(self, *given: object) -> None:
        pass

    def jobs_on(self, names: Sequence[str]) -> tuple[list[Job], tuple[NodeState, ...]]:
        self.asked.append(("jobs_on", tuple(names)))
        return [], self.others

    def apply(
        self, made: object, jobs: Sequence[Job], *, serial: int | None = None, on_failure: str = "rollback", take_over: bool = False
    ) -> tuple[NodeState, ...]:
        self.asked.append(("apply", ([job.node.host for job in jobs], serial, on_failure, *(["take over"] if take_over else []))))
        return tuple(self.states)

    def prepare(self, made: object, jobs: Sequence[Job], *, at_once: int = 20, take_over: bool = False) -> tuple[NodeState, ...]:
        self.asked.append(("prepare", ([job.node.host for job in jobs], at_once, *(["take over"] if take_over else []))))
        return tuple(self.states)

    def rollback(self, jobs: Sequence[Job], overwrite: Sequence[str] = ()) -> tuple[NodeState, ...]:
        self.asked.append(("rollback", ([job.node.host for job in jobs], tuple(overwrite))))
        return tuple(self.states)

    def lease(self) -> ClusterLease:
        if isinstance(self.leased, MigrateError):
            raise self.leased
        return self.leased

    def verify(self, jobs: Sequence[Job]) -> tuple[NodeState, ...]:
        self.asked.append(("verify", [job.node.host for job in jobs]))
        return tuple(self.states)

    def status(self, jobs: Sequence[Job], looking: object = None) -> tuple[NodeState, ...]:
        self.asked.append(("status", [job.node.host for job in jobs]))
        return tuple(self.states)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeOperator]:
    monkeypatch.setattr(FakeOperator, "states", (VERIFIED, HELD, LATER))
    monkeypatch.setattr(FakeOperator, "others", ())
    monkeypatch.setattr(FakeOperator, "leased", ClusterLease())
    monkeypatch.setattr(FakeOperator, "asked", [])
    monkeypatch.setattr(operate, "Operator", FakeOperator)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return FakeOperator


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "plan.json"
    made = plan("w1", "w2", "w3")
    path.write_text(dump_plan(made).replace('"applicable": false', '"applicable": true'))
    return str(path)


@pytest.fixture(autouse=True)
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of captured nodes passes here for one of live nodes."""
    monkeypatch.setattr("migrate.plan.model._digest", lambda made: "sha256:0123456789abcdef")


def typed(*argv: str) -> Result:
    """A command in this process; main() turns its errors into messages, which a test of them does itself."""
    return CliRunner().invoke(cli, argv, standalone_mode=False, catch_exceptions=False)


def test_apply_says_a_line_for_each_node_and_the_reasons_as_messages(fake: type[FakeOperator], saved: str) -> None:
    done = typed("apply", saved, "--yes", "--serial", "2", "--on-failure", "stop")
    path = saved.replace(".json", ".retry")
    retry = f"{path} holds the nodes that are left, for --limit @{path}\n"
    assert (done.return_value, done.stdout, done.stderr) == (6, TABLE, REASONS + retry)
    assert fake.asked == [("apply", (["w1", "w2", "w3"], 2, "stop"))]
    assert Path(path).read_text() == "w2\nw3\n"
    typed("apply", saved, "--yes", "--limit", f"@{path}")
    typed("apply", saved, "--yes", "--limit", "w1, w3")
    assert fake.asked[1:] == [("apply", (["w2", "w3"], None, "rollback")), ("apply", (["w1", "w3"], None, "rollback"))]


def test_a_limit_of_no_node_is_refused_and_a_run_that_is_done_leaves_no_file(fake: type[FakeOperator], saved: str) -> None:
    for limit in ("", "@/dev/null", "@/nonexistent"):
        with pytest.raises(UsageError, match="--limit"):
            typed("apply", saved, "--yes", "--limit", limit)
    fake.states = (VERIFIED,)
    typed("apply", saved, "--yes")
    assert not Path(saved.replace(".json", ".retry")).exists()


@pytest.mark.parametrize("command", ["apply", "rollback", "verify", "status"])
def test_json_is_as_its_schema_says_and_alone_on_standard_output(fake: type[FakeOperator], saved: str, command: str) -> None:
    done = typed(command, saved, *(["--yes"] if command in ("apply", "rollback") else []), "-o", "json")
    told = json.loads(done.stdout)
    assert list(problems(told, json.loads(state_schema()))) == []
    assert (told["format"], told["command"], told["exit_code"], done.return_value) == ("docker2cri.state/v1", command, 6, 6)
    assert [(node["node"], node["state"], node["exit_code"]) for node in told["nodes"]] == [
        ("w1", "migrated", 0),
        ("w2", "needs attention", 6),
        ("w3", "skipped", 0),
    ]
    assert told["nodes"][1]["reason"]["next"] == "docker2cri rollback w2"
    assert done.stderr == "" or command == "apply"


def test_nodes_skipped_by_an_interrupt_exit_with_130(fake: type[FakeOperator], saved: str) -> None:
    fake.states = (VERIFIED, STOPPED)
    assert typed("apply", saved, "--yes").return_value == 130
    fake.states = (HELD, STOPPED)
    assert typed("apply", saved, "--yes").return_value == 6


def test_status_says_reasons_and_details_on_standard_output(fake: type[FakeOperator]) -> None:
    details = {"guard": "armed", "gate": "closed", "docker": "stopped", "generation": "2", "last": "step 3 done", "holder": ""}
    fake.states = (
        NodeState(node="w1", state="switching", exit_code=0, reason=Reason(code="s", seen="in the switch"), run="r", details=details),
    )
    fake.others = (FREE,)
    done = typed("status", "w1", "w4")
    assert done.stdout == (
        "NODE  STATE      CODE  REASON\nw1    switching  0     in the switch\nw4    untouched  0     no run owns this node\n\n"
        "w1: in the switch\n  run r: guard armed, gate closed, docker stopped, generation 2\n  last: step 3 done\n"
    )
    assert (done.return_value, done.stderr) == (0, "")
    assert fake.asked == [("jobs_on", ("w1", "w4")), ("status", [])]


def test_without_nodes_there_is_no_table(fake: type[FakeOperator]) -> None:
    fake.states = ()
    assert typed("status").stdout == ""
    assert json.loads(typed("status", "-o", "json").stdout)["nodes"] == []


def test_what_a_node_says_reaches_no_terminal_as_it_is(fake: type[FakeOperator]) -> None:
    fake.states = (NodeState(node="w1", state="failed", exit_code=4, reason=Reason(code="x", seen="a\x1b[31mb\x07", next="\x1b[2Jn")),)
    done = typed("verify", "w1")
    assert (done.stdout.splitlines()[1], done.stderr) == ("w1    failed  4     ab", "w1: ab\n  next: n\n")


def test_events_and_json_do_not_share_standard_output(fake: type[FakeOperator], saved: str) -> None:
    with pytest.raises(MigrateError) as refused:
        typed("apply", saved, "--yes", "-o", "json", "--events", "-")
    assert (refused.value.exit_code, fake.asked) == (2, [])
    assert str(refused.value) == "--events - with -o json\n  expected: one of them on standard output\n  next: --events FILE"


def test_rollback_takes_nodes_a_plan_or_a_run(fake: type[FakeOperator], saved: str) -> None:
    RunFolder("0123456789ab").keep_plan(plan("w1", "w2"))
    fake.states = (VERIFIED,)
    typed("rollback", "w1", "--yes", "--overwrite", "/etc/x")
    typed("rollback", saved, "w2", "--yes")
    typed("rollback", "0123456789ab", "--yes")
    assert fake.asked == [
        ("jobs_on", ("w1",)),
        ("rollback", ([], ("/etc/x",))),
        ("rollback", (["w2"], ())),
        ("rollback", (["w1", "w2"], ())),
    ]


def test_a_run_whose_record_cannot_be_used_is_told(fake: type[FakeOperator]) -> None:
    folder = RunFolder("0123456789ab")
    folder.keep_plan(plan("w1"))
    (folder.path / "plan.json").write_text("{")
    with pytest.raises(MigrateError) as refused:
        typed("rollback", "0123456789ab", "--yes")
    assert str(refused.value).startswith(f"the record of run 0123456789ab in {folder.path} cannot be used: it is no docker2cri plan")
    assert str(refused.value).endswith("\n  expected: the plan that was applied\n  next: name the nodes, or the plan file")


def test_nodes_that_something_was_done_to_are_told_in_json(fake: type[FakeOperator], saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the events of their steps; a node that was only looked at is not changed."""

    def init(self: Any, access: object, tell: Any, interrupt: object) -> None:
        for node, segment in (("w1", "prepare"), ("w2", "preflight")):
            tell(Event(at=1.0, type="step.start", node=node, segment=segment, text="a step"))
        tell(Event(at=1.0, type="wait", node="w3", segment="drain", text="waits"))

    monkeypatch.setattr(FakeOperator, "__init__", init)
    told = json.loads(typed("apply", saved, "--yes", "-o", "json").stdout)
    assert [node.get("changed", False) for node in told["nodes"]] == [True, False, False]


@pytest.mark.parametrize("command", ["apply", "rollback"])
def test_check_asks_nothing_and_only_looks(fake: type[FakeOperator], saved: str, command: str) -> None:
    fake.states = tuple(replace(VERIFIED, node=node, changed=node == "w2") for node in ("w1", "w2", "w3"))
    done = typed(command, saved, "--check", "-o", "json")
    assert [asked[0] for asked in fake.asked] == ["status", command]
    assert fake.asked[0][1] == ["w1", "w2", "w3"]
    assert [node.get("changed", False) for node in json.loads(done.stdout)["nodes"]] == [False, True, False]


def test_apply_refuses_another_plan_than_the_one_that_was_approved(fake: type[FakeOperator], saved: str) -> None:
    with pytest.raises(Refused) as refused:
        typed("apply", saved, "--yes", "--digest", "sha256:ffff")
    assert str(refused.value) == (
        f"{saved} holds the plan sha256:0123456789abcdef\n  expected: the plan that was approved: sha256:ffff\n"
        "  next: docker2cri apply with the file of that plan; or approve this one, then --digest sha256:0123456789abcdef"
    )
    assert fake.asked == []
    assert typed("apply", saved, "--yes", "--digest", "sha256:0123456789abcdef").return_value == 6


def test_prepare_asks_for_nothing_more_and_leaves_no_retry(fake: type[FakeOperator], saved: str) -> None:
    fake.states = (replace(VERIFIED, node="w1", state="prepared"), replace(HELD, node="w2"))
    assert typed("apply", saved, "--prepare", "--yes").return_value == 6
    typed("apply", saved, "--prepare", "--serial", "3", "--yes")
    assert fake.asked == [("prepare", (["w1", "w2", "w3"], 20)), ("prepare", (["w1", "w2", "w3"], 3))]
    assert not Path(saved).with_suffix(".retry").exists()
    with pytest.raises(Refused) as refused:
        typed("apply", saved, "--prepare")
    assert (
        str(refused.value) == f"no terminal to ask on\n  expected: --yes, or a terminal\n  next: docker2cri apply {saved} --prepare --yes"
    )
    with pytest.raises(UsageError, match="--check with --prepare"):
        typed("apply", saved, "--prepare", "--check")


def test_a_rollout_is_taken_over_when_it_is_said(fake: type[FakeOperator], saved: str) -> None:
    typed("apply", saved, "--yes", "--take-over")
    assert fake.asked == [("apply", (["w1", "w2", "w3"], None, "rollback", "take over"))]


def test_status_says_who_runs_a_rollout_and_who_paused_it(fake: type[FakeOperator]) -> None:
    fake.states = (VERIFIED,)
    held = ClusterLease(holder="build-7 4711 99 1", run="run-2", since="2024-05-01T12:00:00.000000Z", renewed="2024-05-01T12:01:00Z")
    fake.leased = replace(held, paused=Pause(by="ops@build-7", at="2024-05-01T12:02:00.000000Z", why="the \x1b[31mnetwork"))
    done = typed("status")
    assert done.stdout.splitlines()[:3] == [
        "paused by ops@build-7 since 2024-05-01T12:02:00Z: the network; docker2cri resume releases it",
        "rollout of run run-2 by process 4711 of build-7 since 2024-05-01T12:00:00Z; "
        "its Lease expired at 2024-05-01T12:16:00Z: apply continues it",
        "NODE  STATE     CODE  REASON",
    ]
    told = json.loads(typed("status", "-o", "json").stdout)
    assert list(problems(told, json.loads(state_schema()))) == []
    assert told["rollout"]["operator"] == "process 4711 of build-7"
    fake.leased = ClusterUnreachable(seen="https://api: no connection", expected="an API", next="kubectl")
    assert typed("status").stdout.startswith("whether a rollout runs or is paused is not known: https://api: no connection\n")


def test_status_watches_and_tells_each_change_as_a_line(fake: type[FakeOperator], monkeypatch: pytest.MonkeyPatch) -> None:
    acted = NodeState(
        node="w2",
        state="switching",
        exit_code=0,
        reason=Reason(code="unfinished", seen="the switch is not \x1b[31mfinished\nline two"),
        details={"operator": "process 4711 of build-7", "last": "begin 17 stop-source", "guard": "armed"},
    )

    def passes(seconds: float) -> None:
        fake.states = (VERIFIED, HELD)

    monkeypatch.setattr("time.sleep", passes)
    fake.states = (VERIFIED, acted)
    done = typed("status", "-w")
    lines = done.stdout.splitlines()
    assert [line.partition("Z ")[2] for line in lines[:4]] == [
        "w1 migrated: runs on containerd, verified",
        "w2 switching: the switch is not finished; last begin 17 stop-source; by process 4711 of build-7",
        "no rollout runs",
        "w2 needs attention: it failed:",
    ]
    assert "\n".join(lines[4:]) == f"{TABLE.rpartition('w3')[0]}\n{REASONS.rstrip()}"
    assert (done.return_value, done.stderr) == (6, "")
    fake.states = (VERIFIED, acted)
    done = typed("status", "--watch", "-o", "json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [problem for line in told for problem in problems(line, json.loads(change_schema()))] == []
    assert [(line["node"]["node"], line["node"]["state"]) for line in told if "node" in line] == [
        ("w1", "migrated"),
        ("w2", "switching"),
        ("w2", "needs attention"),
    ]
    assert (len(told), told[2]["rollout"], done.return_value) == (4, {}, 6)


def test_ctrl_c_ends_the_watch_only(fake: type[FakeOperator], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    fake.states = (replace(VERIFIED, details={"guard": "armed"}),)
    done = typed("status", "-w")
    assert (done.return_value, done.stderr) == (130, "the watch ended; what is under way goes on: docker2cri status -w looks again\n")
    assert {asked for asked, _ in fake.asked} == {"jobs_on", "status"}


def test_pause_and_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(FakeClock())
    monkeypatch.setattr("migrate.cli.lease.acting_cluster", lambda kubeconfig, context: cluster)
    monkeypatch.setattr("socket.gethostname", lambda: "build-7")
    monkeypatch.setattr("getpass.getuser", lambda: "ops")
    done = typed("pause", "--reason", "the network is changed")
    assert cluster.lease.paused is not None
    held = f"paused by ops@build-7 since {cluster.lease.paused.at[:19]}Z: the network is changed"
    assert (done.return_value, done.stdout) == (0, f"all operators are {held}; docker2cri resume releases them\n")
    assert typed("resume").stdout == f"resumed; it was {held}\n"
    assert typed("resume").stdout == "nothing to do: it is not paused\n"
    with pytest.raises(UsageError):
        typed("pause", "--reason", "two\nlines")


def test_approve_names_what_was_approved_by_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(FakeClock())
    monkeypatch.setattr("migrate.cli.lease.acting_cluster", lambda kubeconfig, context: cluster)
    monkeypatch.setattr("socket.gethostname", lambda: "build-7")
    monkeypatch.setattr("getpass.getuser", lambda: "ops")
    digest = "sha256:" + "0123456789ab" + "c" * 52
    done = typed("approve", f"0123456789ab@{digest}", "--stage", "2")
    assert cluster.lease.approved is not None
    held = f"are approved by ops@build-7 since {cluster.lease.approved.at[:19]}Z\n"
    assert (done.return_value, done.stdout) == (0, f"stages up to 2 of the plan {digest} {held}")
    assert typed("approve", digest, "--stage", "2").stdout == f"stages up to 2 of the plan {digest} {held}"
    assert typed("approve", digest).stdout.startswith(f"all stages of the plan {digest} are approved by ")
    assert typed("approve", digest, "--stage", "2").stdout.startswith("all stages"), "nothing that was approved is taken back"
    for wrong, seen in (
        ("0123456789ab", "0123456789ab: no digest of a plan"),
        (f"ffffffffffff@{digest}", f"ffffffffffff@{digest}: the digest is of run 0123456789ab"),
        (digest[:40], f"{digest[:40]}: no digest of a plan"),
    ):
        with pytest.raises(UsageError) as refused:
            typed("approve", wrong)
        assert refused.value.seen == seen


def test_a_command_of_a_plan_runs_only_when_a_person_or_the_digest_says_so(fake: type[FakeOperator], saved: str) -> None:
    made = plan("w1", "w2", "w3")
    nodes = tuple(replace(node, applicable=True) for node in made.nodes)
    gates = Gates(checks=(CommandGate(argv=("./check", "a b")),))
    fleet = FleetPlan(stages=tuple(Stage(nodes=(node.host,)) for node in nodes), gates=gates)
    Path(saved).write_text(dump_plan(sealed(replace(made, nodes=nodes, fleet=fleet))))
    with pytest.raises(Refused) as refused:
        typed("apply", saved, "--yes")
    assert str(refused.value) == (
        f"{saved} has what runs on this machine: command `./check 'a b'`\n"
        "  expected: a person who is asked, or the digest of the plan that was read\n"
        f"  next: docker2cri apply {saved} --yes --digest sha256:0123456789abcdef, when this is the plan that you made"
    )
    assert fake.asked == []
    assert typed("apply", saved, "--yes", "--digest", "sha256:0123456789abcdef").return_value == 6
