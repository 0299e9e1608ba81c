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
        "spec: {volumes: [{name: a, hostPath: {path: /run/other.sock}}]}\n",
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


VOLUMES = "volumeMounts: [{name: d, mountPath: /d}], volumes: [{name: d, hostPath: {path: /run/docker.sock}}]"
OTEL = f"image: a/b:1, {VOLUMES}, config: {{a: {{runtime: docker}}}}"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            f"apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {{name: o}}\nspec: {{{OTEL}}}\n",
            ["4:95 D2C301 OpenTelemetryCollector o", "4:135 D2C318 OpenTelemetryCollector o"],
        ),
        (
            "apiVersion: litmuschaos.io/v1alpha1\nkind: ChaosEngine\nmetadata: {name: c}\nspec:\n  components:\n    env:\n"
            "      - {name: CONTAINER_RUNTIME, value: docker}\n      - {name: OTHER, value: docker}\n",
            ["7:35 D2C318 ChaosEngine c"],
        ),
        (
            "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlane\nmetadata: {name: k}\nspec:\n"
            "  kubeadmConfigSpec:\n    preKubeadmCommands: [docker pull x]\n    description: docker pull x\n",
            ["6:26 D2C315 KubeadmControlPlane k"],
        ),
        ("groups: [{rules: [{expr: 'sum(a{container_label_x=\"y\"})'}]}]\n", ["1:20 D2C316 file x.yaml"]),
        ('{"panels": [{"targets": [{"expr": "a{name=~\\"k8s_.*\\"}"}]}]}\n', ["1:27 D2C316 file x.yaml"]),
        ("- {op: add, value: {name: s, hostPath: {path: /run/docker.sock}}}\n", ["1:41 D2C301 file x.yaml"]),
        ("agent: {containerRuntime: docker, image: {repository: a, tag: b}}\n", ["1:9 D2C318 file x.yaml"]),
        ("apiVersion: a/v1\nkind: Odd\nspec: {description: 'run docker with runtime: docker', status: {runtime: docker}}\n", []),
    ],
)
def test_shapes_and_values_of_other_kinds(text: str, seen: list[str]) -> None:
    found = said(scanned(text), "D2C301", "D2C315", "D2C316", "D2C318")
    assert [": ".join(line.split(": ")[:1]) for line in found] == seen


@pytest.mark.parametrize(
    "text",
    [
        "body:\n  - placeholder: |\n      docker run x\n  - text: |\n      docker kill x\n      docker rm x\n",
        'shapes: {"Properties$command": "as docker run does"}\n',
        "swagger: '2.0'\npaths: {a: {LogPath: /var/lib/docker/containers/x, runtime: docker}}\n",
        "config: {mounts: [{source: /var/lib/docker/containers/x}]}\n",
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nspec: {allowedHostPaths: [{pathPrefix: /var/lib/docker/containers}]}\n",
        "apiVersion: a/v1\nkind: HostPaths\nspec: {allowedHostPaths: [{path: /var/run/docker.sock}]}\n",
    ],
)
def test_data_and_prose_set_nothing(text: str) -> None:
    assert said(scanned(text)) == []


def test_a_script_is_one_also_where_no_kind_is_named() -> None:
    text = "runcmd: [docker pull x]\nwrite_files:\n  - content: |\n      #!/bin/sh\n      docker ps\n"
    assert said(scanned(text)) == [
        "1:10 D2C315 file x.yaml: runcmd: docker pull",
        "5:7 D2C315 file x.yaml: write_files.content:2: docker ps",
    ]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("phases: {build: {commands: [docker build .]}}\n", ["1:29 D2C712 job phases: calls `docker build`"]),
        (
            "jobs:\n- plan:\n  - privileged: true\n    config: {run: {args: [docker ps]}}\n",
            ["3:5 D2C710 jobs: privileged: true", "4:27 D2C712 jobs: calls `docker ps`"],
        ),
        (
            "parameters: []\nsteps:\n- task: Docker@2\n- script: docker run --privileged x\n",
            ["3:9 D2C712 steps: task Docker@2", "4:22 D2C710 steps: `docker run --privileged`"],
        ),
        ("commands: {b: {steps: [setup_remote_docker]}}\n", ["1:24 D2C714 job commands: step setup_remote_docker"]),
        (
            "kind: pipeline\ntype: docker\nsteps:\n- {name: b, image: 'docker:dind', commands: [docker ps]}\n",
            ["4:20 D2C714 steps: image docker:dind", "4:46 D2C712 steps: calls `docker ps`"],
        ),
        ("steps: [{name: gcr.io/cloud-builders/docker, args: [build]}]\n", ["1:16 D2C712 steps: name gcr.io/cloud-builders/docker"]),
        (
            "- hosts: all\n  tasks:\n  - {name: a, shell: docker run --privileged x}\n  - {community.docker.docker_image: {name: x}}\n"
            "  - {service: {name: docker, state: restarted}}\n",
            [
                "3:33 D2C710 step 1: `docker run --privileged`",
                "4:6 D2C712 step 1: module community.docker.docker_image",
                "5:6 D2C716 step 1: service: docker restarted",
            ],
        ),
        ("- {name: a, ansible.builtin.command: docker stop x}\n", ["1:38 D2C712 step 1: calls `docker stop`"]),
        (
            "web: {image: x, links: [db], volumes: ['/run/docker.sock:/s']}\ndb: {image: y}\n",
            ["1:40 D2C711 service web: mounts /run/docker.sock"],
        ),
        (
            "services:\n  a: {image: x, environment: [DOCKER_HOST=tcp://d:2375]}\n  d: {image: y, environment: {DOCKER_HOST: tcp://e:2375}}\n",
            ["2:31 D2C714 service a: DOCKER_HOST is tcp://d", "3:31 D2C713 service d: sets DOCKER_HOST"],
        ),
        ("web: {image: x, ports: [80], replicas: 2}\n# docker\n", []),
        ("services: [docker]\nsteps: [{text: docker ps}]\n", []),
    ],
)
def test_ci_files_and_compose_files_of_any_name(text: str, seen: list[str]) -> None:
    assert [line for line in said(scanned(text)) if "D2C718" not in line] == seen
