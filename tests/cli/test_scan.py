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
        "no-such-file: no such file or folder\n  expected: files, folders, or - for standard input\n  next: ls .\n",
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


def test_a_list_from_a_pipe_that_breaks_off_is_judged_up_to_there() -> None:
    one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x" * 900_000}]}}
    volumes = [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]
    text = json.dumps({"apiVersion": "v1", "items": [one, {**one, "spec": {"volumes": volumes, "containers": []}}, one, one]}, indent=4)
    line = text[: text.index("docker.sock")].count("\n") + 1
    code, out, err = run("-", "-o", "json", stdin=text)
    assert (code, err) == (3, "")
    assert [found["location"]["line"] for found in json.loads(out)["findings"]] == [line]
    code, out, err = run("-", "-o", "json", stdin=text[:-200])
    assert code == 3
    assert [found["location"]["line"] for found in json.loads(out)["findings"]] == [line]
    at = text.rindex("{", 0, text.rindex('"apiVersion"'))
    assert err == (
        f"<stdin>:{text[:at].count(chr(10)) + 1}: a List that breaks off; its last item was not judged\n"
        "  expected: a file that can be read\n  next: kubectl get all,cm -A -o json | docker2cri scan -\n"
    )


def test_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.yaml").write_text(SOCKET)
    (tmp_path / "repo" / "loop").symlink_to(tmp_path / "repo")
    (tmp_path / "repo" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "repo" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / ".git" / "a.yaml").write_text(SOCKET)
    code, out, err = run("repo", "-o", "json", cwd=tmp_path)
    assert code == 4
    assert err == (
        "repo: nothing in it could be read: it has no file of a kind that is read\n"
        "  expected: a file that can be read\n  next: ls -l repo\n"
    )
    assert json.loads(out)["not_checked"][1:3] == [
        {"what": "1 path", "reason": "a folder of a tool: repo/.git"},
        {"what": "3 paths", "reason": "a link to a folder or to nothing, which is not followed: repo/gone.yaml, repo/loop, repo/other"},
    ]


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
    who = "DaemonSet {{ .Release.Name }}-agent"
    nobody = "which no container mounts"
    no_type = "; without a type the kubelet makes a directory there when the socket is gone"
    assert said(report) == [
        f"chart/templates/daemonset.yaml:18:13 D2C301 {who}: hostPath /var/run/docker.sock (no type), {nobody}{no_type}",
        f"chart/templates/daemonset.yaml:21:13 D2C302 {who}: hostPath /var/lib/docker (no type), {nobody}",
        f"chart/templates/daemonset.yaml:14:13 D2C304 {who}: container agent is privileged",
        "chart/values.yaml:1:1 D2C318 file values.yaml: socket: /var/run/docker.sock",
        "chart/Chart.yaml:1:1 D2C702 chart chart: helm is not installed",
    ]
    assert not_checked(report)["1 chart"] == "read by its files, helm is not installed: chart"
    other = document("chart", "--set", "socket=/srv/x", "--no-render", cwd=FIXTURES)
    assert [found["code"] for found in other["findings"]] == ["D2C302", "D2C304", "D2C318"]
    assert not_checked(other)["1 chart"] == "read by its files, --no-render was given: chart"


def not_checked(report: dict[str, Any]) -> dict[str, str]:
    return {told["what"]: told["reason"] for told in report["not_checked"]}


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
    assert report["notes"] == []
    assert not_checked(report)["1 chart"] == "rendered with the default values and those given: other values may make something else: chart"
    (tmp_path / "values.yaml").write_text("socket: /srv/x\n")
    values = document("chart", "--values", str(tmp_path / "values.yaml"), cwd=FIXTURES, path=helm)
    assert [found["code"] for found in values["findings"]] == ["D2C302", "D2C304"]


def test_a_chart_that_helm_refuses_is_judged_by_its_text(helm: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    for name in ("Chart.yaml", "values.yaml", "broken"):
        (chart / name).write_text("name: agent\n")
    (chart / "templates" / "x.yaml").write_text("kind: Pod\nspec:\n  hostPID: true\n")
    report = document("chart", cwd=tmp_path, path=helm)
    assert said(report) == [
        "chart/templates/x.yaml:3:3 D2C305 Pod (no name): hostPID",
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
    assert not_checked(report)["2 kustomizations"] == "built: told is what its files do not show already: kustomize/base, kustomize/overlay"
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


def test_sarif_names_each_place_and_says_where_a_waiver_stands() -> None:
    cases = FIXTURES / "cases"
    [relative] = json.loads(run("20/waiver.yaml", "-o", "sarif", cwd=cases)[1])["runs"]
    [absolute] = json.loads(run(str(cases / "20/waiver.yaml"), "-o", "sarif", "--waive", "D2C301=x")[1])["runs"]
    assert [result["suppressions"][0]["kind"] for result in relative["results"]] == ["inSource", "inSource"]
    assert len({result["partialFingerprints"]["finding/v1"] for result in relative["results"]}) == 2
    for found, expected in ((relative, "20/waiver.yaml"), (absolute, f"file://{cases}/20/waiver.yaml")):
        assert {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in found["results"]} == {expected}


def test_a_comment_waiver_that_matches_nothing_is_told() -> None:
    unused = "20/unused-waiver.sh:4: the waiver of D2C716 matches no finding: remove it"
    assert document("20", cwd=FIXTURES / "cases")["notes"] == [unused]
    waived_info = "#!/bin/sh\ndocker ps # docker2cri: ignore D2C712 a build machine\n"
    assert document("-", stdin=waived_info)["notes"] == []


@pytest.mark.parametrize(
    ("asked", "level", "named"), [("1.21", "restricted", "1.21"), ("v1.22.5", "baseline", "1.22"), ("", "baseline", "1.37")]
)
def test_pod_security_levels_are_of_a_version(asked: str, level: str, named: str) -> None:
    context = "securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, seccompProfile: {type: RuntimeDefault}}"
    text = POD + f"  containers: [{{name: a, image: 'registry.example/a:1', {context}}}]\n"
    report = document("-", "--all-workloads", *(["--kubernetes", asked] if asked else []), stdin=text)
    assert ([workload["pod_security"] for workload in report["workloads"]], report["pod_security_version"]) == ([level], named)


def test_no_version_is_usage() -> None:
    assert run("-", "--kubernetes", "2") == (
        2,
        "",
        "--kubernetes 2: no version of Kubernetes\n  expected: 1.NN, as 1.24\n  next: --kubernetes 1.24\n",
    )


def test_paths_are_left_out_on_request(tmp_path: Path) -> None:
    for name in ("a.yaml", "vendor/b.yaml", "build/c.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SOCKET)
    (tmp_path / ".gitignore").write_text("/build/\n")
    report = document(".", "--exclude", "vendor/", "--gitignore", cwd=tmp_path)
    assert [found["location"]["path"] for found in report["findings"]] == ["./a.yaml"]
    assert report["files_read"] == 1
    assert [told["reason"] for told in report["not_checked"][:2]] == [
        "a .gitignore leaves it out: ./build",
        "--exclude leaves it out: ./vendor",
    ]


CHART = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
FLUENT = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-fluent
data:
  fluent-bit.conf: |
    [INPUT]
        Path /var/log/containers/*.log
        Parser docker
  rules.yml: |
    - expr: sum(container_memory_usage_bytes{name=~"k8s_.*"})
  clean.sh: |
    docker system prune -f
"""
PROBE = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  template:
    spec:
      containers:
        - name: web
          image: "nginx:{{ .Values.image.tag }}"
          livenessProbe:
            httpGet: {path: /, port: 80}
"""
POLICY = (
    "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata:\n  name: {{ .Release.Name }}\n"
    "spec:\n  privileged: true\n  hostPID: true\n"
)
DEFINITION = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  description: 'The docker image''s CMD is used'\n"
)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        (PROBE, "image: {tag: 1.0.0}\ningress:\n  path: /\n", []),
        (POLICY, "image:\n  tag: 1.0.0  # Tag of the docker image to run\n", []),
        (DEFINITION, "", []),
        (
            FLUENT,
            "logParser: docker\n",
            [
                "web/templates/a.yaml:9:9 D2C314 ConfigMap {{ .Release.Name }}-fluent: fluent-bit.conf:3: Parser docker",
                "web/templates/a.yaml:13:5 D2C315 ConfigMap {{ .Release.Name }}-fluent: clean.sh:1: docker system",
                'web/templates/a.yaml:11:5 D2C316 ConfigMap {{ .Release.Name }}-fluent: rules.yml:1: name=~"k8s_.*',
            ],
        ),
    ],
)
def test_a_chart_is_read_with_its_structure(template: str, values: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "web" / "templates").mkdir(parents=True)
    (tmp_path / "web" / "Chart.yaml").write_text(CHART)
    (tmp_path / "web" / "values.yaml").write_text(values)
    (tmp_path / "web" / "templates" / "a.yaml").write_text(template)
    assert said(document("web", "--no-render", cwd=tmp_path)) == expected


def test_what_helm_is_given_and_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Chart.yaml").write_text(CHART)
    program = tmp_path / "bin" / "helm"
    for script, told in (
        ('echo "$@" >&2; exit 1', "template release web --values v.yaml --set a=b --kube-version 1.24"),
        (f"echo {'way ' * 400} the reason >&2; exit 1", "... " + "way " * 72 + "the reason"),
        (
            "echo 'Error: An error occurred while checking for chart dependencies. You may need to run "
            "`helm dependency build` to fetch missing "
            "dependencies: found in Chart.yaml, but missing in charts/ directory: b, a' >&2; exit 1",
            "dependencies are missing in charts/ (helm dependency build): a, b",
        ),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        (tmp_path / "v.yaml").write_text("{}")
        options = ("--values", "v.yaml", "--set", "a=b", "--kube-version", "1.24")
        [finding] = document("web", *options, cwd=tmp_path, path=f"{tmp_path}/bin:/usr/bin:/bin")["findings"]
        assert finding["evidence"] == f"`helm template` failed: {told}"


def test_values_that_are_not_there_are_usage(tmp_path: Path) -> None:
    assert run(".", "--values", "gone.yaml", cwd=tmp_path) == (
        2,
        "",
        "--values gone.yaml: no such file\n  expected: a file of values\n  next: ls gone.yaml\n",
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "etcd.service.j2",
            "[Unit]\nRequires=docker.service\n[Service]\nExecStart=/usr/bin/docker run {{ name }}\n",
            ["2:1 D2C716", "4:1 D2C716"],
        ),
        (
            "pod.yaml.j2",
            "{% if x %}\n" + SOCKET + "{% endif %}\n" + PRIVILEGED.replace("apiVersion", "---\napiVersion"),
            ["8:18 D2C301", "16:64 D2C304"],
        ),
        ("run.sh.tmpl", "#!/bin/sh\ndocker run --privileged {{ .Image }}\n", ["2:12 D2C710"]),
        ("pod.yaml", SOCKET.replace("name: s", "name: {{ .x }}y"), ["7:18 D2C301"]),
    ],
)
def test_templates_outside_of_charts(name: str, text: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    found = document(".", cwd=tmp_path)["findings"]
    assert [f"{one['location']['line']}:{one['location']['column']} {one['code']}" for one in found] == expected
    assert {one["location"]["path"] for one in found} == {f"./{name}"}
