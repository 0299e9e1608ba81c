"""Each command has the options that it uses and no other, and what they cannot mean is refused before anything is read."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from migrate.cli import cli
from migrate.cli.acting import Acting
from migrate.cli.docker_options import DockerOptions
from migrate.cli.options import Judging, ReachOptions
from migrate.cli.output import ReportForm
from migrate.cli.plan import NO_CLUSTER
from migrate.cli.saying import Saying
from migrate.errors import UsageError
from migrate.facts.cluster import ClusterIdentity
from migrate.limits import Limits
from migrate.plan.again import limits_of
from migrate.plan.build import build_plan
from migrate.plan.gates import ApproveGate, Gates, HttpGate, window_of
from migrate.plan.model import NodePlan, Plan, load_plan
from migrate.plan.ordering import Ordering
from migrate.report.write import FORMS
from migrate.rules import Finding, NodeView
from migrate.run.ports import HostTarget
from migrate.run.session import Look, ReadingOptions, _offline
from tests.captured import BUNDLE
from tests.cli.test_commands import run
from tests.cli.test_states import FakeOperator, typed
from tests.cli.test_states import fake as fake
from tests.cli.test_states import live as live
from tests.cli.test_states import saved as saved

CLI = Path(__file__).resolve().parents[2] / "migrate" / "cli"
VALUES = (DockerOptions, ReachOptions, ReadingOptions, Judging, Limits, Saying, Acting, Ordering)
ANYWHERE = {"help", "debug"}
REACH = {
    *("inventory", "kubeconfig", "context", "user", "key_files", "ssh_config", "ssh_backend", "host_key_checking"),
    *("ask_become_pass", "become_password_file", "command_timeout"),
}
REPORT = {"min_confidence", "form", "out", "no_headers", "show_info", "fail_on", "waive", "waivers", "color"}
DOCKER = {"docker_names", "docker_cert_path"}
TARGET = {"target", "crio_defaults"}
JUDGE = TARGET | {"keep_docker", "accept", "next_kubernetes"}
HAS = {
    "inspect": REACH | REPORT | JUDGE | DOCKER | {"sizes"} | {"forks", "config_maps", "offline", "with_files"},
    "scan": REPORT
    | TARGET
    | {
        "live",
        "kubeconfig",
        "context",
        "all_workloads",
        "values",
        "sets",
        "kube_version",
        "no_render",
        "exclude",
        "gitignore",
        "kubernetes",
    },
    "plan": REACH
    | JUDGE
    | {
        "forks",
        "config_maps",
        "offline",
        "color",
        "form",
        "out",
        "install",
        "no_diff",
        "max_in_flight",
        "soak",
        "window",
        "gate",
        "hook",
        "rollout_file",
        "checked",
    }
    | {"guard", "drain_timeout", "stop_timeout", "verify_timeout", "cri_timeout", "settle"},
    "cleanup": REACH | {"forks", "target", "accept", "color", "form", "out", "with_group", "records"},
    "apply": REACH | {"form", "yes", "events", "check", "only_prepare", "digest", "take_over", "limit", "serial", "on_failure"},
    "release": REACH | {"form", "yes", "events", "reason", "force"},
    "rollback": REACH | {"form", "yes", "events", "check", "overwrite"},
    "pause": {"kubeconfig", "context", "reason"},
    "resume": {"kubeconfig", "context"},
    "approve": {"kubeconfig", "context", "stage"},
    "status": REACH | {"form", "watched"},
    "verify": REACH | {"form"},
    "capture": REACH | DOCKER | {"sizes"} | {"forks", "config_maps", "out"},
    "report": REPORT | {"comparing", "anonymize", "key"},
    "explain": REACH | TARGET | DOCKER | {"forks", "offline", "color"},
    "schema": set(),
    "rbac": set(),
}


@pytest.mark.parametrize("name", [*cli.commands])
def test_a_command_has_the_options_that_it_uses(name: str) -> None:
    options = {parameter.name for parameter in cli.commands[name].params if isinstance(parameter, click.Option)}
    assert options - ANYWHERE == HAS[name]


@pytest.mark.parametrize("command", ["apply", "status", "verify", "rollback"])
@pytest.mark.parametrize("option", ["--from=x", "--config-maps", "--forks=2", "--guard=60", "--to=crio", "--fail-on=never"])
def test_commands_about_live_nodes_refuse_other_options(command: str, option: str) -> None:
    with pytest.raises(click.NoSuchOption):
        typed(command, "w1", option)


@pytest.mark.parametrize(
    ("argv", "option", "way"),
    [
        (("plan", "--check", "p", "--to", "crio"), "--to", "plan --check"),
        (("plan", "--check", "p", "--keep-docker"), "--keep-docker", "plan --check"),
        (("plan", "--check", "p", "--guard", "60"), "--guard", "plan --check"),
        (("explain", "D2C301", "--forks", "3"), "--forks", "explain D2C301"),
        (("inspect", "--docker", "default", "--forks", "3"), "--forks", "inspect --docker"),
        (("capture", "--docker", "default", "--out", "x", "--config-maps"), "--config-maps", "capture --docker"),
        (("explain", "stack", "--docker", "default", "--to", "crio"), "--to", "explain stack --docker"),
        (("explain", "--user", "x"), "--user", "explain"),
        (("scan", "x", "--context", "x"), "--context", "scan PATH"),
        (("scan", "--live", "--values", "x"), "--values", "scan --live"),
        (("report", "--compare", "a", "b", "--no-headers"), "--no-headers", "report --compare"),
    ],
)
def test_an_option_that_is_not_used_this_way_is_refused(argv: tuple[str, ...], option: str, way: str) -> None:
    with pytest.raises(UsageError) as refused:
        typed(*argv)
    said = f"{option} with {way}, which does not use it\n  expected: {way} without {option}\n  next: leave {option} out"
    assert str(refused.value) == said


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.name}:{node.name}", node


def test_every_parameter_of_the_command_line_is_read() -> None:
    """Of each command, and of each function that makes a value of options."""
    excused = {"param", "ctx", "frame", "number", "event", "self", "kind", "value", "trace"}  # click's, signal's and the protocol's
    for name, function in functions():
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        given = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
        assert given - read - excused == set(), name


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[type, set[str]]:
    """The fields of option values that are read while the test goes."""
    found: dict[type, set[str]] = {value: set() for value in VALUES}
    for value in VALUES:
        names = {field.name for field in dataclasses.fields(value)}

        def spied(self: Any, name: str, value: type = value, names: set[str] = names) -> Any:
            if name in names:
                found[value].add(name)
            return object.__getattribute__(self, name)

        monkeypatch.setattr(value, "__getattribute__", spied)
    return found


def unread(read: dict[type, set[str]], *values: type) -> set[str]:
    return {f"{value.__name__}.{field.name}" for value in values for field in dataclasses.fields(value) if field.name not in read[value]}


def test_inspect_reads_every_option(read: dict[type, set[str]]) -> None:
    typed("inspect", "--from", str(BUNDLE))
    assert unread(read, ReachOptions, Judging, Saying) == set()
    assert read[ReadingOptions] == {"offline"}


def test_plan_reads_every_option(read: dict[type, set[str]], tmp_path: Path) -> None:
    typed("plan", "lab-w1", "--from", str(BUNDLE), "--install", "packages")
    assert unread(read, ReachOptions, Judging, Limits) == {"Limits.planes_well"}  # a control plane's: tests/plan/test_control_planes.py
    assert read[ReadingOptions] == {"offline", "forks"}


def test_scan_and_report_read_every_option_of_reports(read: dict[type, set[str]], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Pod\n")
    typed("scan", str(tmp_path), "-o", "json", "--out", str(tmp_path / "report.json"))
    assert unread(read, Saying) == set()
    read[Saying].clear()
    typed("report", str(tmp_path / "report.json"))
    assert unread(read, Saying) == set()


def test_explain_reads_every_option(read: dict[type, set[str]]) -> None:
    typed("explain", "stack", "lab-w1", "--from", str(BUNDLE))
    assert unread(read, ReachOptions) == set()


@pytest.mark.parametrize("command", ["apply", "rollback", "status", "verify"])
def test_commands_about_live_nodes_read_every_option(
    read: dict[type, set[str]], fake: type[FakeOperator], saved: str, command: str
) -> None:
    acts = command in ("apply", "rollback")
    typed(command, saved, *(["--yes"] if acts else []))
    assert unread(read, ReachOptions, *([Acting] if acts else [])) == set()


def test_capture_reads_every_option(read: dict[type, set[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The inventory names one host, which nobody reaches; the API is not there."""
    asked: list[HostTarget] = []
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    monkeypatch.setattr("migrate.run.session.gather_nodes", lambda targets, connect, forks: asked.extend(targets) or {})
    monkeypatch.setattr("migrate.run.session._joined", lambda *given, named: type("Look", (), NOTHING))
    typed("capture", "-i", "127.0.0.1,", "--out", str(tmp_path / "made"))
    assert [target.name for target in asked] == ["127.0.0.1"]
    assert unread(read, ReachOptions) == set()
    assert read[ReadingOptions] == {"offline", "forks", "config_maps"}


NOTHING: dict[str, Any] = {"machines": (), "cluster": None, "cluster_error": None, "strangers": ()}


def test_limits_come_into_the_plan_by_their_options(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Limits] = []

    def spied(view: NodeView, findings: tuple[Finding, ...], limits: Limits) -> NodePlan:
        made.append(limits)
        return build_plan(view, findings, limits)

    monkeypatch.setattr("migrate.plan.build.build_plan", spied)
    typed("plan", "lab-w1", "--from", str(BUNDLE))
    given = (
        "--guard",
        "60",
        "--drain-timeout",
        "70",
        "--stop-timeout",
        "75",
        "--verify-timeout",
        "80",
        "--cri-timeout",
        "9",
        "--settle",
        "8",
    )
    typed("plan", "lab-w1", "--from", str(BUNDLE), *given)
    assert made == [Limits(), Limits(guard=60, drain=70, stop=75, verify_node=80, verify_workloads=80, cri=9, planes_well=8)]


FORM = "text|json"


@pytest.mark.parametrize(
    ("argv", "seen", "expected", "again"),
    [
        (("plan", "-o", "plan.json"), "-o plan.json: no such format", f"-o {FORM}", "--out plan.json"),
        (("plan", "-o", "yaml"), "-o yaml: no such format", f"-o {FORM}", "-o text"),
        (("status", "-o", "yaml"), "-o yaml: no such format", f"-o {FORM}", "-o text"),
        (
            ("inspect", "-o", "report.csv"),
            "-o report.csv: no such format",
            f"-o {ReportForm().metavar}",
            "-o csv --out report.csv",
        ),
        (
            ("inspect", "-o", "custom-columns=X"),
            "-o custom-columns=X: 'X' is not HEADER:.field, for example CODE:.code",
            f"-o {ReportForm().metavar}",
            "-o custom-columns=CODE:.code",
        ),
        (("inspect", "--waivers", "/nonexistent"), "/nonexistent: No such file or directory", "a YAML list of waivers", "fix the file"),
        (("inspect", "--out", "/"), "--out /: it is a directory", "a file that can be written", "name another file"),
        (("inspect", "--out", "/dev/null"), "--out /dev/null: it is no regular file", "a file that can be written", "name another file"),
        (
            ("scan", "--out", "/nonexistent/report", "."),
            "--out /nonexistent/report: there is no directory /nonexistent",
            "a file that can be written",
            "name another file",
        ),
        (("capture", "--out", "/dev/null/x"), "--out /dev/null/x: /dev/null is no directory", "a directory to write into", "name another"),
        (
            ("plan", "--out", "/etc/hostname"),
            "--out /etc/hostname: the file exists and holds no plan",
            "a new file, or a plan",
            "name another",
        ),
    ],
)
def test_a_format_or_a_file_that_cannot_be_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], seen: str, expected: str, again: str
) -> None:
    monkeypatch.setattr("migrate.run.session.look", lambda *given: pytest.fail("it was read"))
    with pytest.raises(UsageError) as refused:
        typed(*argv)
    assert refused.value.seen.startswith(seen)
    assert refused.value.expected.startswith(expected)
    assert refused.value.next.startswith(again)


def test_a_folder_that_is_not_writable_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for argv in (("inspect", "--out", str(tmp_path / "x")), ("capture", "--out", str(tmp_path / "x" / "y"))):
        with pytest.raises(UsageError, match="is not writable"):
            typed(*argv)


def test_a_plan_is_written_over_a_plan_and_over_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    given = ("plan", "--from", str(BUNDLE), "lab-w1", "--out", str(path))
    path.write_text("")
    assert run(*given)[0] == 0
    first = path.read_text()
    path.write_text(first.replace("docker.service", "cups.service"))
    assert run(*given)[0] == 0, "one that was changed by hand is a plan too"
    path.write_text('{"digest": "not ours"}')
    code, out, err = run(*given)
    assert (code, out, path.read_text()) == (2, "", '{"digest": "not ours"}')
    assert err == (
        f"--out {path}: the file exists and holds no plan of docker2cri\n  expected: a new file, or a plan that may be overwritten\n"
        f"  next: name another file, or move it away: mv {path} {path}.old\n"
    )


def test_a_plan_is_printed_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    code, out, _ = run("plan", "--from", str(BUNDLE), "lab-w1", "-o", "json", "--out", str(path))
    assert (code, out) == (0, path.read_text())


def test_the_formats_are_those_that_reports_are_written_in() -> None:
    assert ReportForm().forms == tuple(FORMS)


def test_the_command_line_loads_nothing_heavy() -> None:
    """`--help` and completion pay for every import."""
    import subprocess
    import sys

    heavy = (
        "{'msgspec', 'rich', 'kubernetes', 'paramiko', 'yaml', 'ruamel', 'tomlkit', 'docker', 'migrate.facts', 'migrate.rules', 'asyncio'}"
    )
    code = f"import sys, migrate.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("uid", ["", "8e6b9a3e"])
def test_a_plan_that_names_no_cluster_is_told_when_it_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: str) -> None:
    def live(access: object, names: Sequence[str], *given: object) -> Look:
        seen = _offline(str(BUNDLE), names)
        assert seen.cluster is not None
        return dataclasses.replace(seen, cluster=msgspec.structs.replace(seen.cluster, identity=ClusterIdentity(uid=uid)))

    monkeypatch.setattr("migrate.run.session.look", live)
    done = typed("plan", "lab-w1", "--out", str(tmp_path / "plan.json"))
    assert (str(NO_CLUSTER) in done.stderr) is (uid == "")
    assert load_plan((tmp_path / "plan.json").read_text()).cluster.uid == uid


ROLLOUT = """\
serial: [2, 3]
max_fail_percentage: 10
max_in_flight: 2
soak: 600
windows: [sat]
gates: [{http: "https://ops.example/ok", wait: 0}]
drain_timeout: 900
accept: {D2C301: why}
"""


def test_a_rollout_file_sets_what_options_set_and_they_outrank_it(tmp_path: Path) -> None:
    file, saved = tmp_path / "rollout.yaml", tmp_path / "plan.json"
    file.write_text(ROLLOUT)

    def made(*options: str) -> Plan:
        typed("plan", "--from", str(BUNDLE), "lab-w1", "--rollout", str(file), "--out", str(saved), *options)
        return load_plan(saved.read_text())

    plain = made()
    assert plain.stages is not None
    assert plain.stages.gates == Gates(soak=600, windows=(window_of("sat"),), checks=(HttpGate(url="https://ops.example/ok", wait=0),))
    assert (plain.stages.max_fail, limits_of(plain.nodes[0]).drain) == (10, 900)
    other = made("--soak", "0", "--window", "sun", "--gate", "approve", "--drain-timeout", "70")
    assert other.stages is not None
    assert other.stages.gates == Gates(windows=(window_of("sun"),), checks=(ApproveGate(),))
    assert (other.stages.max_fail, limits_of(other.nodes[0]).drain) == (10, 70)


def test_a_rollout_file_that_cannot_be_used_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text("soak: 600\nserail: 2\n")
    code, out, err = run("plan", "--from", str(BUNDLE), "lab-w1", "--rollout", str(file))
    known = "serial, max_in_flight, max_fail_percentage, any_errors_fatal, order, groups, soak, windows, gates, hooks, accept, guard"
    assert (code, out) == (2, "")
    assert err == (
        f"{file}, line 2: serail: no such key; known are {known}, drain_timeout, stop_timeout, verify_timeout, cri_timeout\n"
        "  expected: a rollout file as docker2cri schema rollout says\n  next: fix the file\n"
    )
    file.write_text("accept: {D2C301: why}\nwindows: [sat Nowhere/Town]\n")
    assert run("plan", "--from", str(BUNDLE), "lab-w1", "--rollout", str(file))[0] == 2
    assert run("plan", "--from", str(BUNDLE), "lab-w1", "--rollout", str(tmp_path / "none"))[0] == 2


@pytest.mark.parametrize(
    ("argv", "seen"),
    [
        (("--gate", "x"), "--gate x: no such gate"),
        (("--gate", "command='"), "--gate command=': No closing quotation"),
        (("--gate", "command="), "--gate command=: its command gate has no command"),
        (("--hook", "x=y"), "--hook x=y: no such moment"),
        (("--hook", "before-node"), "--hook before-node: its hook before each node has no command"),
        (("--hook", "after-run='"), "--hook after-run=': No closing quotation"),
        (("--gate", "http=ftp://x"), "--gate http=ftp://x: its gate ftp://x: no http:// or https:// URL"),
        (("--window", "soon"), "--window soon: it names no hours, weekday or date"),
        (("--max-in-flight", "x"), "--max-in-flight x"),
    ],
)
def test_gates_and_windows_that_cannot_be_are_refused(argv: tuple[str, ...], seen: str) -> None:
    with pytest.raises(UsageError) as refused:
        typed("plan", "lab-w1", "--from", str(BUNDLE), *argv)
    assert refused.value.seen == seen
