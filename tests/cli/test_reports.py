"""Reports as a person asks for them: formats, files, waivers, saved results, comparisons, pseudonyms, the stack of a node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.report.model import load_report
from migrate.report.schemas import FILES
from tests.captured import BUNDLE
from tests.cli.test_commands import offline, run
from tests.test_scenarios import FIXTURES as CLUSTERS

GOLDENS = BUNDLE / "expected"
FORMS = ("table", "wide", "json", "yaml", "jsonl", "csv", "markdown", "html", "sarif", "junit")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "report.json"
    assert offline("inspect", "--context", "lab", "--diff", "-o", "json", "--out", str(path)) == (3, "", "")
    return path


def test_a_report_is_written_private(saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    report = load_report(saved.read_text())
    assert (report.kind, report.cluster, report.server, report.target) == ("inspect", "lab", "v1.23.17", "containerd")
    assert {change.path for change in report.files} >= {"/etc/containerd/config.toml"}


@pytest.mark.parametrize("form", FORMS)
def test_a_saved_report_is_the_same_in_every_format(saved: Path, form: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    code, out, err = run("report", str(saved), "-o", form, "--out", str(file))
    assert (code, out, err) == (3, "", "")
    direct = offline("inspect", "--context", "lab", "--diff", "-o", form)
    assert direct == (3, file.read_text("utf-8"), "")


def test_a_page_gives_its_report_back(saved: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    run("report", str(saved), "-o", "html", "--out", str(page))
    assert run("report", str(page), "-o", "json") == (3, saved.read_text(), "")
    page.write_text("<!doctype html>\n<p>another page</p>")
    code, out, err = run("report", str(page))
    assert (code, out) == (2, "")
    assert err.startswith(f"{page}: it is no docker2cri report page\n")


def test_columns_and_no_headers(saved: Path) -> None:
    code, out, _ = run("report", str(saved), "-o", "custom-columns=HOST:.host,STATE:.state", "--no-headers", "--fail-on", "never")
    assert (code, out) == (0, "lab-cp1  blocked\nlab-w1   ready\nlab-w2   needs work\n")


def test_another_format_is_told(saved: Path) -> None:
    code, out, err = run("report", str(saved), "-o", "report.html")
    assert (code, out) == (2, "")
    assert err.endswith("  next: -o html --out report.html\n")


def test_waived_findings_pass(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(
        "- {code: D2C105, reason: control planes come last}\n- {code: D2C113, subject: 'container *', reason: known, until: '2999-01-01'}\n"
    )
    rest = [f"--waive={code}=known" for code in ("D2C301", "D2C320", "D2C321")]
    assert run("report", str(saved), "--waivers", str(file))[0] == 3
    code, out, _ = run("report", str(saved), "--waivers", str(file), *rest)
    assert code == 0
    assert "[waived until 2999-01-01: known]" in " ".join(out.split())
    assert "To containerd: 1 ready, 1 needs work, 1 blocked" in out, "a waiver lets no plan go on"
    file.write_text("- {code: D2C105, reason: control planes come last, until: 2026-01-01}\n")
    code, out, _ = run("report", str(saved), "--waivers", str(file), *rest)
    assert code == 3
    assert "note: the waiver of D2C105 ended on 2026-01-01: its finding stands again" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code: x", "it is no list of waivers, each with code, subject, reason, until"),
        ("- {code: D2C105}", "waiver 1: a code and a reason are needed"),
        ("- [", "YAML, line 1"),
    ],
)
def test_a_wrong_waivers_file_is_told(saved: Path, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(text)
    code, out, err = run("report", str(saved), "--waivers", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"{file}: {said}")
    assert "\n  expected: a YAML list of waivers: code, reason, and if wanted subject and until\n" in err


def test_one_node_has_its_own_workloads_only() -> None:
    code, out, _ = offline("inspect", "lab-w1", "-o", "json")
    report = load_report(out)
    assert code == 0
    assert report.summary.blockers == 0
    assert {workload.title for workload in report.workloads if "lab-w1" not in workload.nodes} == set()


def test_two_reports_are_compared(saved: Path, tmp_path: Path) -> None:
    value = json.loads(saved.read_text())
    value["findings"] = [finding for finding in value["findings"] if finding["code"] != "D2C301"]
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps(value))
    code, out, _ = run("report", "--compare", str(saved), str(mended))
    assert code == 0
    assert "FIXED\n  D2C301  docker-socket-mounted (blocker): DaemonSet ops/image-builder (lab-w2)\n" in out
    code, out, _ = run("report", "--compare", str(mended), str(saved), "-o", "json")
    assert code == 3, "a new blocker"
    assert [finding["code"] for finding in json.loads(out)["appeared"]] == ["D2C301"]


def test_pseudonyms_need_no_key_of_ones_own(saved: Path, tmp_path: Path) -> None:
    first, second = (run("report", str(saved), "--anonymize", "-o", "json", tmp=tmp_path)[1] for _ in range(2))
    key = tmp_path / ".local" / "state" / "docker2cri" / "anonymize.key"
    assert (key.stat().st_size, key.stat().st_mode & 0o777) == (32, 0o600)
    assert first == second
    assert "lab-w2" not in first
    other = tmp_path / "other.key"
    assert run("report", str(saved), "--anonymize", "--key", str(other), "-o", "json")[1] != first


def test_a_plan_is_reported(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert offline("plan", "lab-w1", "--out", str(plan))[0] == 0
    code, out, _ = run("report", str(plan), "-o", "json")
    report = load_report(out)
    assert (code, report.kind, [node.host for node in report.nodes]) == (0, "plan", ["lab-w1"])
    assert report.files


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("report",), "Error: Missing argument 'SAVED | OLD NEW | RUN'."),
        (("report", "/nonexistent"), "/nonexistent: No such file or directory\n  expected: a saved report\n"),
        (("report", str(BUNDLE / "cluster.json")), "it is no docker2cri report: "),
        (
            ("report", "a", "b"),
            "2 files\n  expected: one file; two are compared with --compare\n  next: docker2cri report --compare OLD NEW\n",
        ),
        (("report", "--compare", "a"), "1 files\n  expected: two files, OLD and NEW, with --compare\n"),
        (("explain", "D2C301", "lab-w1"), "explain D2C301 lab-w1\n  expected: one code\n  next: docker2cri explain D2C301\n"),
    ],
)
def test_what_cannot_be_used_is_said(argv: tuple[str, ...], said: str) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("name", [*FILES])
def test_a_schema_is_printed_as_it_is_published(name: str) -> None:
    published = (Path(__file__).resolve().parents[2] / "docs" / "schema" / FILES[name]).read_text()
    assert run("schema", name) == (0, published, "")
    if name == "report":
        assert run("schema") == (0, published, "")


def test_the_stack_of_a_node() -> None:
    assert offline("explain", "stack", "lab-w2") == (0, (GOLDENS / "stack.txt").read_text(), "")


def test_a_run_is_reported_by_its_name_and_by_its_file_of_events(tmp_path: Path) -> None:
    kept, name = CLUSTERS.parent / "runs/there-and-back", "2be387f19cee"
    folder = tmp_path / ".local/state/docker2cri/runs" / name
    folder.mkdir(parents=True)
    for file in kept.glob("*.json*"):
        (folder / file.name).write_bytes(file.read_bytes())
    golden = (kept / "expected/run.json").read_text()
    assert run("report", name, "-o", "json", tmp=tmp_path) == (0, golden, "")
    assert run("report", str(kept / "events.jsonl"), "-o", "json", tmp=tmp_path) == (0, golden, "")
    code, out, err = run("report", name, "-o", "sarif", tmp=tmp_path)
    assert (code, out, err) == (2, "", "-o sarif of a run\n  expected: -o table|json|yaml|markdown|html|junit\n  next: -o table\n")
    code, out, err = run("report", name, "--anonymize", tmp=tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("--anonymize with report of a run, which does not use it\n  expected: report of a run without --anonymize\n")


def test_a_run_that_this_machine_did_not_make_is_told(tmp_path: Path) -> None:
    code, out, err = run("report", "0123456789ab", tmp=tmp_path)
    assert (code, out) == (2, "")
    kept = f"{tmp_path}/.local/state/docker2cri/runs/0123456789ab/events.jsonl"
    assert err.startswith(f"{kept}: No such file or directory\n  expected: a run that this machine applied or rolled back\n")
