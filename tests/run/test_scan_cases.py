"""What people reported of their files, each with what is right: fixtures/manifests/cases/NN, one entry of CASES."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.run.render import Renderers
from migrate.run.scan import Files
from migrate.targets.table import target_named

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "manifests" / "cases"
SOCKET = "docker-socket-mounted"
# case -> every finding: place, severity, slug
CASES: dict[str, tuple[str, ...]] = {
    # a chart that cannot be rendered: `path: /` of a probe and of an Ingress is no host path
    "01": ("web/Chart.yaml:1:1 warning templates-not-rendered",),
    # what stands beside a chart's templates
    "02": (
        "repo/.github/workflows/ci.yml:6:25 warning privileged-outside-pods",
        "repo/.github/workflows/ci.yml:6:41 warning docker-socket-in-file",
        "repo/Chart.yaml:1:1 warning templates-not-rendered",
        "repo/Dockerfile:1:6 info docker-daemon-in-file",
        "repo/Dockerfile:2:5 info docker-command-in-file",
        "repo/pod-beside.yaml:10:28 blocker docker-socket-mounted",
        "repo/scripts/clean.sh:2:12 warning privileged-outside-pods",
        "repo/scripts/clean.sh:2:28 warning docker-socket-in-file",
        "repo/values-prod.yaml:3:16 warning docker-socket-mounted",
        "repo/values-prod.yaml:4:19 warning privileged-pod",
    ),
    # queries and parsers in other kinds than ConfigMaps
    "03": (
        "clusterinput.yaml:12:5 warning log-parser-for-docker",
        "control-configmap.yaml:6:5 warning docker-names-in-queries",
        "promrule.yaml:9:11 warning docker-names-in-queries",
        "promrule.yaml:11:11 warning docker-names-in-queries",
    ),
    # a custom resource with volumes and mounts
    "04": ("cwagent.yaml:8:43 blocker docker-socket-mounted",),
    # DOCKER_HOST that leads to the pod itself, or to a Service
    "05": ("dh-local.yaml:8:13 info docker-host-elsewhere", "dh-remote.yaml:8:13 info docker-host-elsewhere"),
    # a read-only mount of / in two containers
    "06": ("node-exporter.yaml:17:41 warning docker-socket-mounted",),
    # settings that name Docker by their values
    "07": (
        "argo-executor.yaml:6:5 warning docker-set-as-runtime",
        "argo-executor.yaml:7:5 warning docker-set-as-runtime",
        "env-value.yaml:8:14 warning docker-set-as-runtime",
        "env-value.yaml:8:63 warning docker-set-as-runtime",
        "env-value.yaml:10:11 warning docker-set-as-runtime",
        "env-value.yaml:11:11 warning docker-set-as-runtime",
        "kubeadm.yaml:4:3 warning docker-set-as-runtime",
        "kubeadm.yaml:8:1 warning docker-set-as-runtime",
    ),
    # other paths of sockets, data roots and programs
    "08": (
        "dockerbin2.yaml:10:28 warning docker-data-mounted",
        "mnt-data.yaml:10:28 warning docker-data-mounted",
        "mounted.yaml:10:28 blocker docker-socket-mounted",
        "mounted.yaml:11:28 blocker docker-socket-mounted",
        "pks-sock.yaml:10:28 blocker docker-socket-mounted",
        "win-pipe.yaml:10:28 blocker docker-socket-mounted",
    ),
    # a program's name in the place of an argument
    "09": (),
    # a parser that reads both formats
    "10": (),
    # kinds of CI files and a Compose file that their names do not tell
    "11": (
        ".buildkite/pipeline.yml:2:14 info docker-command-in-file",
        ".buildkite/pipeline.yml:4:41 warning docker-socket-in-file",
        ".buildkite/pipeline.yml:4:9 info docker-command-in-file",
        ".github/actions/build/action.yml:6:23 warning privileged-outside-pods",
        ".github/actions/build/action.yml:6:39 warning docker-socket-in-file",
        ".gitlab/build.yml:3:14 info docker-daemon-in-file",
        ".gitlab/build.yml:4:15 info docker-daemon-in-file",
        ".gitlab/build.yml:6:7 info docker-command-in-file",
        ".gitlab/build.yml:7:18 warning privileged-outside-pods",
        ".gitlab/build.yml:7:34 warning docker-socket-in-file",
        "docker-compose.yml:1:1 info compose-file",
        "docker-compose.yml:3:3 warning privileged-outside-pods",
        "docker-compose.yml:4:13 warning docker-socket-in-file",
    ),
    # kinds that are not read, and a template of a unit
    "12": (
        "etcd.service.j2:2:1 warning unit-file-needs-docker",
        "etcd.service.j2:4:1 warning unit-file-needs-docker",
    ),
    # gzip and UTF-16
    "13": (
        "m.yaml.gz:16:13 blocker docker-socket-mounted",
        "utf16.yaml:16:13 blocker docker-socket-mounted",
    ),
    # patches of a kustomization
    "14": (
        "base/ds.yaml:9:30 info agent-of-containers",
        "base/kustomization.yaml:1:1 warning templates-not-rendered",
        "over/kustomization.yaml:1:1 warning templates-not-rendered",
    ),
    # names that are no Dockerfile's
    "15": (),
    # a PodSecurityPolicy, the description of a CRD, prose and comments in templates
    "16": ("web/Chart.yaml:1:1 warning templates-not-rendered",),
    # the same rules are asked of a template as of what is rendered
    "17": (
        "Chart.yaml:1:1 warning templates-not-rendered",
        "templates/cm.yaml:10:9 warning log-parser-for-docker",
        "templates/cm.yaml:15:7 warning log-parser-for-docker",
        "templates/cm.yaml:18:5 warning docker-names-in-queries",
        "templates/cm.yaml:20:5 warning docker-in-config-map",
    ),
}
TARGETS = {"09": "crio"}
UNREAD = {"12": {".tf", "without an extension"}, "15": {".go"}}


def told(folder: Path, target: str) -> tuple[Files, list[str]]:
    """The walk over a folder, and its findings: place, severity and slug of each."""
    known = target_named(target)
    assert known is not None
    files = Files(Scan(Ground(known)), Renderers(environ={"PATH": ""}))
    files.paths([str(folder)], io.BytesIO())
    findings = [*files.scan.findings, *(finding for judged in files.scan.workloads for finding in judged.findings)]
    return files, sorted(f"{str(found.location).removeprefix(f'{folder}/')} {found.severity} {found.slug}" for found in findings)


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    files, lines = told(FOLDER / case, TARGETS.get(case, "containerd"))
    assert lines == sorted(CASES[case])
    assert set(files.ledger.unread) == UNREAD.get(case, set())
    assert files.unreadable == []


PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3}\n# docker privileged hostPath\n"
WHOLE = ("a.yaml:1:1 warning manifest-misfit",)
TREES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no kustomization": ({"a.yaml": PATCH}, WHOLE),
    "a patch of another folder": ({"a.yaml": PATCH, "z/kustomization.yaml": "patches: [{path: ../a.yaml}]\n"}, ()),
    "patchesStrategicMerge": ({"a.yaml": PATCH, "z/kustomization.yml": "patchesStrategicMerge:\n- ../a.yaml\n- |\n  a: b\n"}, ()),
    "a resource": ({"a.yaml": PATCH, "kustomization.yaml": "resources: [a.yaml]\n"}, WHOLE),
    "a Component": ({"a.yaml": PATCH, "kustomization.yaml": "kind: Component\npatches: [{path: a.yaml}]\n"}, ()),
    "a library chart": ({"Chart.yaml": "type: library\nname: x\n", "templates/_x.tpl": "{{ define x }}\n"}, ()),
}


@pytest.mark.parametrize("case", TREES)
def test_parts_are_no_broken_wholes(case: str, tmp_path: Path) -> None:
    given, expected = TREES[case]
    for path, text in given.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    silent = "Component" in case or "library" in case  # what makes nothing by itself is not rendered
    lines = [line for line in told(tmp_path, "containerd")[1] if silent or "templates-not-rendered" not in line]
    assert lines == list(expected)
