"""Other inputs of the kinds that people reported: what is told of them, place, severity and slug, of one file with a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.test_scan_cases import told

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n"
VARIANTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # Docker's sockets, pipes and data
    **{
        f"a volume of {path}": (
            "a.yaml",
            f"{POD}  - {{name: c, image: x, volumeMounts: [{{name: v, mountPath: /x}}]}}\n"
            f"  volumes:\n  - {{name: v, hostPath: {{path: '{path}'}}}}\n",
            (f"a.yaml:8:26 {expected}",),
        )
        for path, expected in {
            "/var/run/cri-docker.sock": "blocker docker-socket-mounted",
            r"\\.\pipe\dockerDesktopLinuxEngine": "blocker docker-socket-mounted",
            "/var/snap/docker/common/var-lib-docker/containers": "warning docker-data-mounted",
            "/srv/docker": "warning docker-data-mounted",
            "/run/docker/netns": "warning docker-data-mounted",
            "/run/docker": "warning docker-socket-mounted",
        }.items()
    },
    # where DOCKER_HOST leads
    **{
        f"DOCKER_HOST {address}": (
            "a.yaml",
            f"{POD}  - {{name: c, image: x, command: [docker, ps], env: [{{name: DOCKER_HOST, value: '{address}'}}]}}\n",
            expected,
        )
        for address, expected in {
            "tcp://dind.ci.svc:2375": ("a.yaml:6:54 info docker-host-elsewhere",),
            "unix:///run/podman/podman.sock": ("a.yaml:6:54 info docker-host-elsewhere",),
            "tcp://172.17.0.1:2375": ("a.yaml:6:54 blocker docker-socket-mounted",),
        }.items()
    },
    # settings by value
    "a variable of a ConfigMap": ("a.yaml", f"{MAP}  CONTAINER_RUNTIME: docker\n", ("a.yaml:5:3 warning docker-set-as-runtime",)),
    "a socket of a ConfigMap": ("a.yaml", f"{MAP}  CRI: unix:///run/cri-dockerd.sock\n", ("a.yaml:5:3 warning docker-set-as-runtime",)),
    "a flag in a text": (
        "a.yaml",
        f"{MAP}  kubelet: |\n    ARGS=--container-runtime=docker --v=2\n    # --container-runtime=docker\n",
        ("a.yaml:6:5 warning docker-set-as-runtime",),
    ),
    "JSON on one line": ("a.yaml", f'{MAP}  c: |\n    {{"x": 1, "executor": "docker"}}\n', ("a.yaml:6:5 warning docker-set-as-runtime",)),
    "dockerd as a runtime": (
        "a.yaml",
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nnodeGroups: [{containerRuntime: dockerd}]\n",
        ("a.yaml:3:15 warning docker-set-as-runtime",),
    ),
    "a flag of a kubelet": (
        "kubeadm-flags.env",
        'ARGS="--container-runtime=docker"\n',
        ("kubeadm-flags.env:1:7 warning unit-file-needs-docker",),
    ),
    # what only speaks of a call
    "what a script prints": ("a.sh", '#!/bin/sh\necho "docker ps"; docker info\n', ("a.sh:2:19 info docker-command-in-file",)),
    "a document in a ConfigMap": ("a.yaml", f"{MAP}  README.md: |\n    docker run x\n", ()),
    "rules of Falco": (
        "a.yaml",
        f"{MAP}  rules.yaml: |\n    - rule: a\n      condition: container.mount.dest[/var/run/docker.sock] != x\n",
        (),
    ),
    "a policy": (
        "a.yaml",
        "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: a}\nspec:\n"
        '  rego: |\n    p == "/var/run/docker.sock"\n',
        (),
    ),
    # queries
    "a rule file": ("a.rules", 'groups:\n- rules:\n  - expr: x{name=~"k8s_a.*"}\n', ("a.rules:3:5 warning docker-names-in-queries",)),
    "a label that is replaced": (
        "a.yaml",
        f'{MAP}  q: |\n    label_replace(x, "c", "$1", "name", "k8s_([^_]*)_.*")\n    y{{k8s_pod_name="a"}}\n',
        ("a.yaml:6:5 warning docker-names-in-queries",),
    ),
    # parsers that stand side by side
    "a filter that tries two parsers": (
        "a.yaml",
        f"{MAP}  f: |\n    [FILTER]\n        Name parser\n        Parser docker\n        Parser cri\n    [INPUT]\n        Parser docker\n",
        ("a.yaml:11:9 warning log-parser-for-docker",),
    ),
    # a custom resource that keeps volumes and mounts under names of its own
    "mounts under another name": (
        "a.yaml",
        "apiVersion: x.io/v1\nkind: Agent\nmetadata: {name: a}\nspec:\n  extraVolumes: [{name: d, hostPath: {path: /run/docker.sock}}]\n"
        "  extraVolumeMounts: [{name: d, mountPath: /host/docker.sock}]\n",
        ("a.yaml:5:39 blocker docker-socket-mounted",),
    ),
    "patches in a kustomization": (
        "kustomization.yaml",
        "patches:\n- patch: |-\n    spec:\n      containers: [{name: c, securityContext: {privileged: true}}]\n"
        "- patch: |-\n    - {op: add, path: /spec/volumes/-, value: {hostPath: {path: /run/docker.sock}}}\n",
        (
            "kustomization.yaml:1:1 warning templates-not-rendered",
            "kustomization.yaml:4:48 warning privileged-pod",
            "kustomization.yaml:6:59 warning docker-socket-mounted",
        ),
    ),
    "variables of a kustomization": (
        "kustomization.yaml",
        "configMapGenerator: [{name: x, literals: [CONTAINER_RUNTIME=docker]}]\n",
        ("kustomization.yaml:1:1 warning templates-not-rendered", "kustomization.yaml:1:43 warning docker-set-as-runtime"),
    ),
    "an action in a container": (
        "action.yml",
        "runs: {using: docker, image: Dockerfile}\n",
        ("action.yml:1:8 info docker-command-in-file",),
    ),
    "a task file": ("Taskfile.yml", "tasks:\n  b:\n    cmds:\n    - docker ps\n", ("Taskfile.yml:4:7 warning docker-in-config-map",)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant(variant: str, tmp_path: Path) -> None:
    name, text, expected = VARIANTS[variant]
    (tmp_path / name).write_text(text)
    assert [line for line in told(tmp_path, "containerd")[1] if "pod-near-host" not in line] == list(expected)
