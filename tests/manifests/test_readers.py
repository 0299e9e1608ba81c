"""What each reader sees in a text, and what it must not see."""

from __future__ import annotations

import pytest

from migrate.manifests.files import FileKind, kind_of, read
from migrate.manifests.model import Problem, Use
from migrate.manifests.text import Text


def uses(kind: FileKind, text: str, path: str = "x") -> list[str]:
    found = []
    for item in read(kind, Text(path, text)):
        assert isinstance(item, (Use, Problem))
        said = f"{item.kind}: {item.evidence}" if isinstance(item, Use) else f"{item.trouble}: {item.why}"
        found.append(f"{item.place.line}:{item.place.column} {item.subject} {said}")
    return found


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("a/deploy.yaml", b"", FileKind.MANIFEST),
        ("pod.json", b"", FileKind.MANIFEST),
        ("docker-compose.yml", b"", FileKind.COMPOSE),
        ("compose.override.yaml", b"", FileKind.COMPOSE),
        ("x/docker-compose.prod.yml", b"", FileKind.COMPOSE),
        ("composer.yaml", b"", FileKind.MANIFEST),
        (".gitlab-ci.yml", b"", FileKind.CI),
        ("ci/build.gitlab-ci.yml", b"", FileKind.CI),
        ("x/.github/workflows/build.yaml", b"", FileKind.CI),
        (".github/dependabot.yml", b"", FileKind.MANIFEST),
        ("Jenkinsfile", b"", FileKind.JENKINSFILE),
        ("Jenkinsfile.release", b"", FileKind.JENKINSFILE),
        ("Dockerfile", b"", FileKind.DOCKERFILE),
        ("Dockerfile.dev", b"# syntax=docker/dockerfile:1\nARG A=1\nFROM x\n", FileKind.DOCKERFILE),
        ("Dockerfile.dev", b"", None),
        ("dockerfile.go", b"package cli\n// FROM x\n", None),
        ("dockerfile.yaml", b"name: x\n", FileKind.MANIFEST),
        ("Dockerfile.json", b"{}", FileKind.MANIFEST),
        ("Jenkinsfile.md", b"# Jenkinsfile\n", None),
        ("image", b"FROM alpine:3 AS a\n\nRUN true\n", FileKind.DOCKERFILE),
        ("letter", b"From me\n\nRUN true\n", None),
        ("units/app", b"; a unit\n[Unit]\nRequires=docker.service\n", FileKind.UNIT),
        ("pod.yaml.dist", b"# a pod\n---\napiVersion: v1\nkind: Pod\n", FileKind.MANIFEST),
        ("pod", b'{"kind": "Pod", "apiVersion": "v1"}', FileKind.MANIFEST),
        ("guide.md", b"# Pods\n\nText.\n\nkind: Pod\n", None),
        ("build.groovy", b"// ci\npipeline {\n", FileKind.JENKINSFILE),
        ("agent.dockerfile", b"", FileKind.DOCKERFILE),
        ("Containerfile", b"", FileKind.DOCKERFILE),
        ("host/exporter.service", b"", FileKind.UNIT),
        ("kubelet.service.d/10-kubeadm.conf", b"", FileKind.UNIT),
        ("nginx.conf", b"", None),
        ("bin/tidy", b"#!/usr/bin/env bash\n", FileKind.SCRIPT),
        ("bin/tidy", b"#!/bin/sh -eu\n", FileKind.SCRIPT),
        ("bin/tidy", b"#!/usr/bin/python3\n", None),
        ("run.sh", b"", FileKind.SCRIPT),
        ("README.md", b"", None),
    ],
)
def test_kinds_by_name(path: str, head: bytes, kind: FileKind | None) -> None:
    assert kind_of(path, head) == kind


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker ps -a", ["1:1 x call: calls `docker ps`"]),
        ("  sudo /usr/bin/docker system prune -f", ["1:8 x call: calls `docker system`"]),
        ("x=$(docker inspect y)", ["1:5 x call: calls `docker inspect`"]),
        ("docker-compose up -d", ["1:1 x call: calls `docker-compose`"]),
        ("docker compose up", ["1:1 x call: calls `docker compose`"]),
        ("docker run -d --privileged alpine", ["1:15 x privileged: `docker run --privileged`"]),
        ("docker run --privileged=false alpine", ["1:1 x call: calls `docker run`"]),
        ("docker ps --privileged-only", ["1:1 x call: calls `docker ps`"]),
        ("docker -H tcp://node:2375 ps", ["1:7 x address: calls docker with --host"]),
        ("export DOCKER_HOST=ssh://u:hunter2@node", ["1:8 x address: sets DOCKER_HOST"]),
        ("export DOCKER_HOST=tcp://docker:2376", ["1:8 x daemon: DOCKER_HOST is tcp://docker"]),
        ("export DOCKER_HOST=tcp://localhost:2375", ["1:8 x address: sets DOCKER_HOST"]),
        ('export DOCKER_HOST="$REMOTE"', ["1:8 x address: sets DOCKER_HOST"]),
        ("export DOCKER_HOST=", []),
        ("export DOCKER_HOST='' OTHER=docker", []),
        ("export DOCKER_HOST=unix:///run/podman/podman.sock", []),
        ("curl --unix-socket /var/run/docker.sock http://x/info", ["1:20 x socket: names /var/run/docker.sock"]),
        ("rm -rf /var/lib/docker/containers", ["1:8 x data: names /var/lib/docker"]),
        ("systemctl restart docker", ["1:1 x unit: `systemctl restart docker`"]),
        ("service docker stop", ["1:1 x unit: `service docker stop`"]),
        ("curl -fsSL https://get.docker.com | sh", ["1:20 x image: installs Docker"]),
        ("apt-get install -y docker.io", ["1:1 x image: installs docker.io"]),
        ("dockerd-entrypoint.sh &", ["1:1 x daemon: starts a Docker daemon of its own"]),
        (
            "docker run \\\n  --privileged \\\n  -v /var/run/docker.sock:/s x",
            ["2:3 x privileged: `docker run --privileged`", "3:6 x socket: names /var/run/docker.sock"],
        ),
        ("true\r\ndocker ps\r\n", ["2:1 x call: calls `docker ps`"]),
        ("# docker ps", []),
        ("true # docker ps", []),
        ("echo 'a # b'; docker ps", ["1:15 x call: calls `docker ps`"]),
        ("my-docker run x", []),
        ("cat /etc/docker run", []),
        ("apt-get install docker-doc", []),
        ("ls /var/lib/docker-registry", []),
        ("docker: the runtime", []),
    ],
)
def test_scripts(line: str, expected: list[str]) -> None:
    assert uses(FileKind.SCRIPT, line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM docker:24-cli\n", ["1:6 Dockerfile image: is built from docker:24-cli"]),
        ("FROM --platform=linux/amd64 docker:24-dind AS d\n", ["1:29 Dockerfile daemon: is built from docker:24-dind"]),
        ("FROM a\nCOPY --from=docker /x /x\n", ["2:13 Dockerfile image: copies from docker"]),
        ("ARG V=1\nFROM a:$V\nRUN docker build .\n", ["3:5 Dockerfile call: RUN calls `docker build`"]),
        ('FROM a\nCMD ["docker", "run", "--privileged", "x"]\n', ["2:24 Dockerfile privileged: CMD `docker run --privileged`"]),
        ("FROM a\nENV DOCKER_HOST tcp://x\n", ["2:5 Dockerfile address: ENV sets DOCKER_HOST"]),
        ("FROM a\nENV DOCKER_HOST=tcp://localhost:2375\n", ["2:5 Dockerfile daemon: ENV DOCKER_HOST is tcp://localhost"]),
        ("FROM a\nVOLUME /var/lib/docker\n", ["2:8 Dockerfile data: VOLUME names /var/lib/docker"]),
        ("# escape=`\nFROM a\nRUN docker `\n  ps\n", ["3:5 Dockerfile call: RUN calls `docker ps`"]),
        ("FROM a\nRUN <<EOF\ntrue\ndocker ps\nEOF\nUSER 1\n", ["4:1 Dockerfile call: RUN calls `docker ps`"]),
        ("FROM a\nRUN true \\\n# docker ps\n  && docker ps\n", ["4:6 Dockerfile call: RUN calls `docker ps`"]),
        ("FROM a\nCOPY docker run /x\n", []),
        ("FROM registry.example/team/docker-docs\n", []),
        ("RUN docker ps\n", ["1:1 Dockerfile broken: 'RUN' stands where FROM or ARG was expected"]),
        ("FROM a\n<html>docker run</html>\n", ["2:1 Dockerfile broken: '<HTML>DOCKER' stands where an instruction was expected"]),
        ("", []),
    ],
)
def test_dockerfiles(text: str, expected: list[str]) -> None:
    assert uses(FileKind.DOCKERFILE, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Unit]\nWants=docker.socket network.target\n", ["2:1 x.service unit: Wants=docker.socket"]),
        ("[Unit]\nAfter=docker.service\n", []),
        ("[Service]\nExecStart=-/usr/bin/docker run x\n", ["2:1 x.service unit: ExecStart calls `docker run`"]),
        ("[Service]\nExecStart=/usr/bin/dockerd -H fd://\n", ["2:1 x.service daemon: ExecStart starts a Docker daemon of its own"]),
        ("[Service]\nEnvironment=DOCKER_HOST=tcp://x\n", ["2:1 x.service address: Environment sets DOCKER_HOST"]),
        ("[Unit]\nDescription=docker run\nnonsense\n", ["3:1 x.service broken: 'nonsense' is no assignment"]),
    ],
)
def test_units(text: str, expected: list[str]) -> None:
    assert uses(FileKind.UNIT, text, "x.service") == expected


def test_dockers_own_unit_is_its_own_matter() -> None:
    assert uses(FileKind.UNIT, "[Unit]\nRequires=docker.socket\n[Service]\nExecStart=/usr/bin/dockerd\n", "etc/docker.service") == []


def test_a_drop_in_is_told_by_its_unit() -> None:
    found = uses(FileKind.UNIT, "[Unit]\nRequires=docker.service\n", "etc/kubelet.service.d/10-docker.conf")
    assert found == ["2:1 kubelet.service unit: Requires=docker.service"]


def test_compose() -> None:
    text = (
        "services:\n"
        "  a:\n"
        "    image: registry.example/app:1\n"
        "    privileged: false\n"
        "    volumes: ['./data:/data', 'named:/x']\n"
        "  b:\n"
        "    <<: &c {privileged: true, ipc: host}\n"
        "    volumes: ['/:/host:ro']\n"
        "    environment: {DOCKER_HOST: tcp://x}\n"
        "    command: [sh, -c, docker ps]\n"
    )
    assert uses(FileKind.COMPOSE, text) == [
        "1:1 Compose file compose: 2 services: a, b",
        "7:13 service b privileged: privileged: true",
        "7:31 service b privileged: ipc: host",
        "8:15 service b socket: mounts /, a parent of Docker's socket",
        "9:19 service b address: sets DOCKER_HOST",
        "10:23 service b call: calls `docker ps`",
    ]


def test_ci_of_several_makers() -> None:
    drone = "kind: pipeline\nsteps:\n  - name: build\n    image: docker:dind\n    privileged: true\n    commands: [docker build .]\n"
    assert uses(FileKind.CI, drone) == [
        "4:12 steps daemon: image docker:dind",
        "5:5 steps privileged: privileged: true",
        "6:16 steps call: calls `docker build`",
    ]
    bitbucket = (
        "definitions:\n  services: {}\npipelines:\n  default:\n    - step:\n        services: [docker]\n        script: ['docker push x']\n"
    )
    assert uses(FileKind.CI, bitbucket) == ["6:20 job default daemon: service docker", "7:19 job default call: calls `docker push`"]


@pytest.mark.parametrize("kind", [FileKind.CI, FileKind.COMPOSE])
def test_broken_yaml_is_told_and_its_text_searched(kind: FileKind) -> None:
    assert uses(kind, "a: [\nb: docker run --privileged x\n") == [
        f"3:1 {kind} broken: it is no YAML: did not find expected ',' or ']'",
        f"2:15 {kind} privileged: `docker run --privileged`",
    ]
