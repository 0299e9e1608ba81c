"""Rules about files: one text each that is told, and one like it that is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from migrate.manifests.files import FileKind
from migrate.rules.files import FILE_RULES
from tests.manifests.seen import said, scanned


@dataclass(frozen=True)
class FileCase:
    """`seen` are the whole lines that a rule says of a text, empty where it must be silent."""

    code: str
    kind: FileKind
    text: str
    seen: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {self.kind} {'told' if self.seen else 'silent'}"

    def verify(self) -> None:
        assert said(scanned(self.text, "x.service", self.kind), self.code) == list(self.seen)


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
M, SH, CI, CF, DF, U = FileKind.MANIFEST, FileKind.SCRIPT, FileKind.CI, FileKind.COMPOSE, FileKind.DOCKERFILE, FileKind.UNIT
CASES = (
    FileCase(
        "D2C700",
        M,
        POD + "spec: {docker: [\n",
        ("5:1 D2C700 document: it is no YAML: did not find expected node content; its text was searched",),
    ),
    FileCase("D2C700", M, POD + "spec: {docker: []}\n"),
    FileCase("D2C701", M, POD + "spec: {hostPID: 'on'}\n", ("4:8 D2C701 Pod p: spec.hostPID: expected true or false, saw a string",)),
    FileCase("D2C701", M, POD + "spec: {hostPID: on}\n"),
    FileCase(
        "D2C703",
        SH,
        "docker ps # docker2cri: ignore D2C712\n",
        ("1:11 D2C703 waiver: it gives no reason; expected a comment `docker2cri: ignore CODE reason (until YYYY-MM-DD)`",),
    ),
    FileCase("D2C703", SH, "docker ps # docker2cri: ignore D2C712 build machine\n"),
    FileCase("D2C710", SH, "docker run --privileged x\n", ("1:12 D2C710 x.service: `docker run --privileged`",)),
    FileCase("D2C710", SH, "docker run x; other --privileged-mode\n"),
    FileCase(
        "D2C711", CF, "services: {a: {image: b, volumes: ['/run/docker.sock:/s']}}\n", ("1:36 D2C711 service a: mounts /run/docker.sock",)
    ),
    FileCase("D2C711", CF, "services: {a: {image: b, volumes: ['./docker.sock:/s']}}\n"),
    FileCase("D2C712", SH, "docker push x\n", ("1:1 D2C712 x.service: calls `docker push`",)),
    FileCase("D2C712", SH, "echo docker\n"),
    FileCase("D2C713", CI, "variables: {DOCKER_HOST: tcp://d}\n", ("1:13 D2C713 variables: sets DOCKER_HOST",)),
    FileCase("D2C713", CI, "variables: {DOCKER_TAG: d}\n"),
    FileCase("D2C714", CI, "a: {services: ['docker:dind']}\n", ("1:16 D2C714 job a: service docker:dind",)),
    FileCase("D2C714", CI, "a: {services: ['postgres:16']}\n"),
    FileCase("D2C715", SH, "du /var/lib/docker\n", ("1:4 D2C715 x.service: names /var/lib/docker",)),
    FileCase("D2C715", SH, "du /var/lib/dockershim2\n"),
    FileCase("D2C716", U, "[Unit]\nBindsTo=docker.service\n", ("2:1 D2C716 x.service: BindsTo=docker.service",)),
    FileCase("D2C716", U, "[Unit]\nAfter=docker.service\n"),
    FileCase("D2C717", DF, "FROM docker:24\n", ("1:6 D2C717 Dockerfile: is built from docker:24",)),
    FileCase("D2C717", DF, "FROM debian:12\n"),
    FileCase("D2C718", CF, "services: {a: {image: b}}\n", ("1:1 D2C718 Compose file: 1 service: a",)),
    FileCase("D2C718", CF, "volumes: {a: {}}\n"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_files(case: FileCase) -> None:
    case.verify()


def test_a_rule_about_files_says_nothing_of_a_node() -> None:
    from tests.rules import make

    assert [seen for rule in FILE_RULES for seen in rule.see(make.view())] == []
