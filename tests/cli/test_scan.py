"""`docker2cri scan` as a process: exit codes, whole messages, charts and kustomizations, waivers, standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.seen import FIXTURES
from tests.run.api_server import ApiServer, serving
from tests.run.test_kube import kubeconfig

PROGRAM = Path(sys.executable).parent / "docker2cri"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nspec:\n"
SOCKET = POD + "  volumes:\n    - name: s\n      hostPath: {path: /var/run/docker.sock, type: Socket}\n"
PRIVILEGED = POD + "  containers:\n    - {name: a, image: registry.example/a:1, securityContext: {privileged: true}}\n"
# It behaves as helm does where the tests ask: values in place, a Source comment before each document
HELM = """#!/bin/sh
[ "$1" = template ] || exit 9
[ -f "$3/broken" ] && { echo "Error: parse error at (agent/templates/x.yaml:3): hunter2: token=Planted-T0ken" >&2; exit 1; }
socket=$(sed -n 's/^socket: //p' "$3/values.yaml")
[ "$4" = --values ] && socket=$(sed -n 's/^socket: //p' "$5")
for file in "$3"/templates/*.yaml; do
  echo '---'
  echo "# Source: agent/templates/$(basename "$file")"
  sed -e '/^{{-/d' -e "s|{{ .Release.Name }}|release|; s|{{ .Values.image }}|a/agent:1|; s|{{ .Values.socket }}|$socket|" "$file"
done
"""


def run(*argv: str, stdin: str = "", path: str = "/usr/bin:/bin", cwd: Path | None = None) -> tuple[int, str, str]:
    environment = {"PATH": path, "HOME": "/nonexistent"}
    done = subprocess.run([str(PROGRAM), "scan", *argv], input=stdin, capture_output=True, text=True, env=environment, cwd=cwd, check=False)
    return done.returncode, done.stdout, done.stderr


def document(*argv: str, **given: Any) -> dict[str, Any]:
    return dict(json.loads(run(*argv, "-o", "json", **given)[1]))


def said(report: dict[str, Any]) -> list[str]:
    return [f"{_place(found)} {found['code']} {found['subject']}: {found['evidence']}" for found in report["findings"]]


def _place(found: dict[str, Any]) -> str:
    place = found["location"]
    return ":".join(str(part) for part in (place["path"], place["line"], place["column"]) if part is not None)


@pytest.fixture
def helm(tmp_path: Path) -> str:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "helm").write_text(HELM)
    (folder / "helm").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        (SOCKET, "blocker", 3),
        (SOCKET, "never", 0),
        (PRIVILEGED, "blocker", 0),
        (PRIVILEGED, "warning", 3),
        (POD + "  containers: [{name: a, image: 'registry.example/a@sha256:" + "0" * 64 + "'}]\n", "warning", 0),
        (POD + "  containers: [{name: a, image: 'registry.example/a@sha256:" + "0" * 64 + "'}]\n", "info", 3),
        ("", "info", 0),
    ],
)
def test_exit_codes(text: str, fail_on: str, code: int) -> None:
    assert run("-", "--fail-on", fail_on, stdin=text)[::2] == (code, "")


def test_standard_input_has_places() -> None:
    assert said(document("-", stdin=SOCKET)) == [
        "<stdin>:7:18 D2C301 Pod n/p: hostPath /var/run/docker.sock (type Socket), which no container mounts"
    ]


def test_what_is_not_there_is_usage(tmp_path: Path) -> None:
    assert run("no-such-file", cwd=tmp_path) == (
        2,
        "",
        "no-such-file: no such file or folder\n  expected: files, folders, or - for standard input\n  next: ls no-such-file\n",
    )


def test_another_form_is_usage() -> None:
    code, out, err = run("-", "-o", "xml")
    assert (code, out) == (2, "")
    assert err.startswith("-o xml: no such format\n  expected: -o table|wide|json|")


def test_what_cannot_be_read_exits_with_4_and_the_rest_is_judged(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text(PRIVILEGED)
    code, out, err = run("pipe.yaml", "a.yaml", cwd=tmp_path)
    assert code == 4
    assert err == "pipe.yaml: it is no regular file\n  expected: a file that can be read\n  next: ls -l pipe.yaml\n"
    assert "a.yaml:6:64: Pod n/p: container a is privileged" in out
    assert "pipe.yaml: it is no regular file" in out


def test_a_document_over_16_mib_is_said_and_the_next_one_judged(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("kind: x\n" + f"# {'x' * 997}\n" * 17_000 + "---\n" + SOCKET)
    code, out, err = run("big.yaml", "-o", "json", cwd=tmp_path)
    assert code == 3
    assert err.startswith("big.yaml:1: a document of more than 16 MiB; it was passed over\n")
    assert [found["location"]["line"] for found in json.loads(out)["findings"]] == [17_009]


def test_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.yaml").write_text(SOCKET)
    (tmp_path / "repo" / "loop").symlink_to(tmp_path / "repo")
    (tmp_path / "repo" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "repo" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / ".git" / "a.yaml").write_text(SOCKET)
    assert run("repo", cwd=tmp_path)[0] == 0


def test_bytes_that_are_no_text_are_a_finding() -> None:
    found = said(document("repo/deploy/binary.yaml", cwd=FIXTURES))
    assert found == [
        "repo/deploy/binary.yaml:2:1 D2C700 document: it is no YAML: control characters are not allowed; its text was searched",
        "repo/deploy/binary.yaml:2:3 D2C700 file: it is no UTF-8 text (byte 0xff); the rest was read",
    ]


def test_a_file_name_with_an_escape_is_told_without(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.yaml").write_text(SOCKET)
    code, out, _ = run(".", cwd=tmp_path)
    assert code == 3
    assert "\x1b" not in out
    assert "./a.yaml:7:18" in out


def test_waivers_in_files() -> None:
    report = document("repo/deploy/waived.yaml", cwd=FIXTURES)
    told = {found["code"]: (found["waived"], found["waived_until"]) for found in report["findings"]}
    assert told == {
        "D2C301": ("moves to BuildKit", "2999-12-31"),
        "D2C302": (None, ""),
        "D2C304": (None, ""),
        "D2C703": (None, ""),
    }
    assert report["notes"] == ["repo/deploy/waived.yaml:9: the waiver of D2C304 ended on 2020-01-31; the finding stands"]
    assert report["summary"]["waived"] == 1
    assert run("repo/deploy/waived.yaml", cwd=FIXTURES)[0] == 0


def test_waivers_from_a_file_and_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOCKET)
    (tmp_path / "waivers.yaml").write_text("- {code: D2C301, subject: 'Pod n/*', reason: moves, until: '2999-12-31'}\n")
    assert run("a.yaml", "--waivers", "waivers.yaml", cwd=tmp_path)[0] == 0
    assert run("a.yaml", "--waive", "D2C301:Pod n/p=moves", cwd=tmp_path)[0] == 0
    assert run("a.yaml", "--waive", "D2C301:Pod n/q=moves", cwd=tmp_path)[0] == 3


def test_a_waiver_of_no_rule_is_told() -> None:
    text = "# docker2cri: ignore D2C999 whatever\n" + PRIVILEGED
    assert said(document("-", stdin=text))[-1] == "<stdin>:1 D2C703 waiver: D2C999 is no rule"


def test_a_chart_without_helm_is_judged_by_its_text() -> None:
    report = document("chart", cwd=FIXTURES)
    assert said(report) == [
        "chart/values.yaml:1:1 D2C301 chart chart: its text has `/var/run/docker.sock`",
        "chart/templates/daemonset.yaml:21:13 D2C302 chart chart: its text has `/var/lib/docker`",
        "chart/templates/daemonset.yaml:14:13 D2C304 chart chart: its text has `privileged: true`",
        "chart/templates/daemonset.yaml:9:7 D2C305 chart chart: its text has `hostPID: true`",
        "chart/Chart.yaml:1:1 D2C702 chart chart: helm is not installed",
    ]
    assert report["notes"] == ["chart: by its text, helm is not installed"]


def test_a_chart_is_rendered_where_helm_is(helm: str, tmp_path: Path) -> None:
    report = document("chart", cwd=FIXTURES, path=helm)
    who = "DaemonSet release-agent"
    nobody = "which no container mounts"
    no_type = "; without a type the kubelet makes a directory there when the socket is gone"
    assert said(report) == [
        f"chart/templates/daemonset.yaml D2C301 {who}: hostPath /var/run/docker.sock (no type), {nobody}{no_type} (as rendered)",
        f"chart/templates/daemonset.yaml:21 D2C302 {who}: hostPath /var/lib/docker (no type), {nobody} (as rendered)",
        f"chart/templates/daemonset.yaml:14 D2C304 {who}: container agent is privileged (as rendered)",
    ]
    assert report["notes"] == ["chart: helm template"]
    (tmp_path / "values.yaml").write_text("socket: /srv/x\n")
    values = document("chart", "--values", str(tmp_path / "values.yaml"), cwd=FIXTURES, path=helm)
    assert [found["code"] for found in values["findings"]] == ["D2C302", "D2C304"]


def test_a_chart_that_helm_refuses_is_judged_by_its_text(helm: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    for name in ("Chart.yaml", "values.yaml", "broken"):
        (chart / name).write_text("name: agent\n")
    (chart / "templates" / "x.yaml").write_text("spec:\n  hostPID: true\n")
    report = document("chart", cwd=tmp_path, path=helm)
    assert said(report) == [
        "chart/templates/x.yaml:2:3 D2C305 chart chart: its text has `hostPID: true`",
        "chart/Chart.yaml:1:1 D2C702 chart chart: `helm template` failed: "
        "Error: parse error at (agent/templates/x.yaml:3): hunter2: token=REDACTED",
    ]


def _kubectl() -> bool:
    probe = subprocess.run(["kubectl", "kustomize", "--help"], capture_output=True, check=False) if _found("kubectl") else None
    return probe is not None and probe.returncode == 0


def _found(name: str) -> bool:
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ["PATH"].split(":"))


@pytest.mark.skipif(not _kubectl(), reason="needs kubectl with kustomize")
def test_a_kustomization_is_built_and_only_what_is_new_is_told(tmp_path: Path) -> None:
    report = document("kustomize", cwd=FIXTURES, path=os.environ["PATH"])
    assert said(report) == ["kustomize/overlay/kustomization.yaml D2C305 Deployment web: hostPID (as built)"]
    assert report["notes"] == ["kustomize/base: kubectl kustomize", "kustomize/overlay: kubectl kustomize"]
    (tmp_path / "kustomization.yaml").write_text("resources: [https://127.0.0.1:1/x]\n")
    [finding] = document(str(tmp_path), path=os.environ["PATH"])["findings"]
    assert finding["code"] == "D2C702"
    assert finding["evidence"].startswith("`kubectl kustomize` failed: ")


def test_a_kustomization_without_kubectl_is_told(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (tmp_path / "a.yaml").write_text(PRIVILEGED)
    found = said(document(".", cwd=tmp_path, path=str(tmp_path)))
    assert found == [
        "./a.yaml:6:64 D2C304 Pod n/p: container a is privileged",
        "./kustomization.yaml:1:1 D2C702 kustomization .: kubectl is not installed",
    ]


def test_what_was_passed_over_is_told_and_can_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD + "  containers: [{name: a, image: 'registry.example/a:1'}]\n---\n" + SOCKET)
    passed = document("a.yaml", cwd=tmp_path)
    assert [(workload["name"], workload["pod_security"]) for workload in passed["workloads"]] == [("p", "privileged")]
    assert passed["not_checked"][0] == {
        "what": "1 of 2 documents",
        "reason": "they hold no word that a rule looks for; --all-workloads reads them too",
    }
    asked = document("a.yaml", "--all-workloads", cwd=tmp_path)
    assert [(workload["name"], workload["pod_security"]) for workload in asked["workloads"]] == [("p", "baseline"), ("p", "privileged")]


def test_nothing_or_both_is_usage() -> None:
    wanted = "\n  expected: files, folders or - for standard input; or --live\n  next: docker2cri scan PATH\n"
    assert run() == (2, "", f"nothing to scan{wanted}")
    assert run("--live", "-") == (2, "", f"--live and paths{wanted}")


def test_a_live_cluster_is_judged_through_its_api(tmp_path: Path) -> None:
    server = ApiServer()
    pods = [
        {
            "metadata": {
                "name": f"agent-{n}",
                "namespace": "ops",
                "ownerReferences": [{"kind": "DaemonSet", "name": "agent", "controller": True}],
            },
            "spec": {"nodeName": f"w{n}", "containers": [], "volumes": [{"name": "s", "hostPath": {"path": "/run/docker.sock"}}]},
        }
        for n in range(3)
    ]
    node = {"metadata": {"name": "w0"}, "status": {"nodeInfo": {"containerRuntimeVersion": "docker://20.10.24"}}}
    server.lists = {**server.lists, "/api/v1/pods": pods, "/api/v1/nodes": [node]}
    server.refuse["/apis/batch/v1/jobs"] = (403, "jobs is forbidden")
    with serving(server):
        code, out, err = run("--live", "--kubeconfig", str(kubeconfig(tmp_path / "config", server.url)), "-o", "json")
    report = json.loads(out)
    assert (code, err) == (3, "")
    assert [(found["code"], found["workload"], found["location"]) for found in report["findings"]] == [
        ("D2C301", "DaemonSet ops/agent", None)
    ]
    assert [(workload["name"], workload["pods"], workload["nodes"], workload["pod_security"]) for workload in report["workloads"]] == [
        ("agent", 3, ["w0", "w1", "w2"], "privileged")
    ]
    assert {unseen["what"]: unseen["reason"] for unseen in report["not_checked"]}["API: jobs"] == "HTTP 403: jobs is forbidden"


def test_a_cluster_that_does_not_answer_exits_with_4(tmp_path: Path) -> None:
    code, out, err = run("--live", "--kubeconfig", str(kubeconfig(tmp_path / "config", "http://127.0.0.1:9")))
    assert (code, out) == (4, "")
    assert err.startswith("http://127.0.0.1:9: no connection: ")


def test_sarif_has_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOCKET)
    code, out, _ = run("a.yaml", "-o", "sarif", cwd=tmp_path)
    [result] = json.loads(out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (code, place["artifactLocation"]["uri"], place["region"]["startLine"], place["region"]["startColumn"]) == (3, "a.yaml", 7, 18)
