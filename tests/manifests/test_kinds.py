"""What a scan of the fixtures says, place by place: `fixtures/manifests/expected/*.txt`, written by --update-goldens, the diff reviewed."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.manifests.files import kind_of
from tests.manifests.seen import FIXTURES, findings, said, scanned

FILES = sorted(path for path in (FIXTURES / "repo").rglob("*") if path.is_file() and path.name != "binary.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(FIXTURES / "repo").as_posix())
def test_a_file_says_what_was_written_down(path: Path, update_goldens: bool) -> None:
    name = path.relative_to(FIXTURES / "repo").as_posix()
    kind = kind_of(name, path.read_bytes()[:128])
    assert kind is not None
    got = "".join(f"{line}\n" for line in said(scanned(path.read_text("utf-8"), name, kind)))
    golden = FIXTURES / "expected" / f"{name.replace('/', '_')}.txt"
    if update_goldens:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(got, "utf-8")
    assert got == golden.read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_place_is_the_place_of_what_was_seen(path: Path) -> None:
    """Line and column point at the very key, item or word: what stands there begins with no blank, and is no comment."""
    kind = kind_of(path.as_posix(), path.read_bytes()[:128])
    assert kind is not None
    lines = path.read_text("utf-8").splitlines()
    for finding in findings(scanned(path.read_text("utf-8"), path.name, kind)):
        assert finding.location is not None
        row, column = finding.location.line or 0, finding.location.column or 0
        if finding.code != "D2C700":
            rest = lines[row - 1][column - 1 :]
            assert rest, (finding, lines[row - 1])
            assert not rest[0].isspace()
            assert rest[0] != "#" or finding.code == "D2C703"


def test_every_workload_is_listed_when_asked_for() -> None:
    text = (FIXTURES / "repo" / "deploy" / "log-agent.yaml").read_text("utf-8")
    workloads = scanned(text.replace("/var/lib/docker/containers", "/srv").replace("/var/log", "/srv"), everything=True).workloads
    assert [
        (workload.workload.title, workload.pod_security, workload.findings, str(workload.workload.place)) for workload in workloads
    ] == [("DaemonSet logging/log-agent", "privileged", (), "x.yaml:24:1")]


def pod(body: str, kind: str = "Pod") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: p}}\n{body}"


SOCKET = "volumes: [{name: s, hostPath: {path: /run/docker.sock, type: Socket}}]"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (pod(f"spec: {{{SOCKET}}}\n"), "4:39 D2C301 Pod p"),
        (pod(f"template: {{spec: {{{SOCKET}}}}}\n", "PodTemplate"), "4:50 D2C301 PodTemplate p"),
        *(
            (pod(f"spec: {{template: {{spec: {{{SOCKET}}}}}}}\n", kind), f"4:57 D2C301 {kind} p")
            for kind in ("ReplicaSet", "Job", "Rollout")
        ),
        (pod(f"spec: {{template: {{spec: {{{SOCKET}, containers: [{{name: a}}]}}}}}}\n", "Odd"), "4:57 D2C301 Odd p"),
        (pod(f"spec: {{a: [{{b: {{containers: [{{image: a}}], {SOCKET}}}}}]}}\n", "Odd"), "4:74 D2C301 Odd p"),
        (
            "apiVersion: serving.knative.dev/v1\n" + pod(f"spec: {{template: {{spec: {{{SOCKET}}}}}}}\n", "Service").partition("\n")[2],
            "4:57 D2C301 Service p",
        ),
        ("%YAML 1.1\n---\n" + pod(f"spec: {{{SOCKET}}}\n"), "6:39 D2C301 Pod p"),
        (pod(f"spec: {{{SOCKET}}}\n").replace("\n", "\r\n"), "4:39 D2C301 Pod p"),
        ("- not a manifest\n---\n" + pod(f"spec: {{{SOCKET}}}\n") + "...\n", "6:39 D2C301 Pod p"),
        (
            '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": '
            '{"volumes": [{"name": "s", "hostPath": {"path": "/run/d\\u006fcker.sock"}}]}}',
            "1:112 D2C301 Pod p",
        ),
    ],
)
def test_kinds_and_places(text: str, seen: str) -> None:
    found = [line.partition(":")[0] + ":" + line.partition(":")[2].partition(":")[0] for line in said(scanned(text), "D2C301")]
    assert found == [seen]


@pytest.mark.parametrize(
    "text",
    [
        pod("spec: {}\n", "Service"),
        pod("spec: {volumes: [{hostPath: {path: /run/docker.sock}}]}\n", "Secret"),
        "spec: {volumes: [{name: a, hostPath: {path: /run/docker.sock}}]}\n",
        "docker: privileged\n",
        "# docker\n---\n# privileged\n",
        "",
        "kind: [docker]\n",
        "{{ docker }}\n",
        "hosts: all\ntasks: {{ docker.sock }}\n",
    ],
)
def test_what_is_no_workload_says_nothing(text: str) -> None:
    assert said(scanned(text)) == []


def test_the_good_containers_of_a_misfit_are_judged() -> None:
    text = pod("spec:\n  containers:\n    - name: a\n      env: {A: b}\n      securityContext: {privileged: true}\n    - 5\n")
    assert said(scanned(text)) == [
        "7:7 D2C701 Pod p: spec.containers[0].env: expected a list, saw a mapping",
        "8:25 D2C304 Pod p: container a is privileged",
        "9:7 D2C701 Pod p: spec.containers[1]: expected a mapping, saw a number",
    ]


def test_lists_inside_of_lists_end() -> None:
    item = pod(f"spec: {{{SOCKET}}}\n").replace("\n", "\n  ")
    text = f"kind: List\nitems:\n- {item}\n"
    assert [line[:14] for line in said(scanned(text))] == ["6:41 D2C301 Po"]
    deep = "{kind: List, items: [" * 6 + "{kind: Pod, spec: {hostPID: true}}" + "]}" * 6
    assert said(scanned(deep)) == ["1:64 D2C700 List: Lists inside of Lists, more than 3 deep"]
