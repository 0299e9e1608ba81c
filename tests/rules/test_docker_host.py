"""Rules about Docker hosts: each on a real host where it is told, and on one where it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import load
from migrate.facts.docker_host import ContainerMount, DockerHost, HostContainer, HostVolume, SocketAccess
from migrate.facts.parse.docker_host import docker_host
from migrate.rules.docker_engine import DOCKER_HOST_RULES
from migrate.rules.docker_host_rule import check_docker_host
from migrate.rules.table import RULES

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "docker-hosts"


def captured(name: str) -> DockerHost:
    return docker_host(load((FIXTURES / f"{name}.docker.json").read_text("utf-8")))


OLD, NEWER = captured("builder-20.10"), captured("builder-26.1")
QUIET = replace(
    NEWER, version="29.3.0", api="1.52", least_api="1.24", insecure=(), exposed=(), containers=(), swarm="inactive", services=(),
    local_images=(), volumes=(),
)  # fmt: skip


@dataclass(frozen=True)
class HostCase:
    """`seen` are (subject, evidence) pairs in order; empty where the rule must be silent."""

    code: str
    host: DockerHost
    seen: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {'told' if self.seen else 'silent'}"


def one(**changes: Any) -> DockerHost:
    return replace(QUIET, containers=(HostContainer(**{"name": "c", "image": "i", "state": "running"} | changes),))


OF_C = "(image i, running)"
CASES = (
    HostCase("D2C801", OLD, (("Docker API", "the daemon says: accessible on http://127.0.0.1:PORT without encryption"),)),
    HostCase("D2C801", replace(QUIET, endpoint="tcp://h:1", tls="none"), (("Docker API", "it was reached at tcp://h:1 without TLS"),)),
    HostCase(
        "D2C801",
        replace(QUIET, endpoint="tcp://h:1", tls="unverified"),
        (("Docker API", "it was reached at tcp://h:1 with TLS whose certificate was not checked"),),
    ),
    HostCase("D2C801", replace(QUIET, endpoint="tcp://h:1", tls="verified")),
    HostCase(
        "D2C802",
        replace(QUIET, access=SocketAccess("666", "root:docker", ("ci", "ops"))),
        (("Docker socket", "mode 666: every user of the host may use it"), ("group docker", "members: ci, ops")),
    ),
    HostCase("D2C802", OLD),
    HostCase("D2C802", replace(QUIET, rootless=True, access=SocketAccess("666", "ci:ci", ("ci",)))),
    HostCase(
        "D2C803",
        OLD,
        (("container dashboard", "mounts /srv/builder/docker.sock at /var/run/docker.sock (image shop/web:1, created)"),),
    ),
    HostCase(
        "D2C803",
        one(docker_host="tcp://172.17.0.1:2375", mounts=(ContainerMount("npipe", r"\\.\pipe\docker_engine", r"\\.\pipe\docker_engine"),)),
        (
            (
                "container c",
                r"mounts \\.\pipe\docker_engine at \\.\pipe\docker_engine; DOCKER_HOST=tcp://172.17.0.1:2375 " + OF_C,
            ),
        ),
    ),
    HostCase("D2C803", one(docker_host="unix:///x.sock"), (("container c", f"DOCKER_HOST=unix:///x.sock {OF_C}"),)),
    HostCase(
        "D2C803",
        one(
            docker_host="tcp://dind:2376",
            mounts=(ContainerMount("bind", "/", "/rootfs", False), ContainerMount("volume", "docker.sock", "/x")),
        ),
    ),
    HostCase(
        "D2C804",
        NEWER,
        (("container shipper", "mounts /srv/builder/data/containers at /logs, read-only (image shop/web:1, created)"),),
    ),
    HostCase("D2C804", one(mounts=(ContainerMount("bind", "/srv/builder/database", "/x"),))),
    HostCase("D2C805", OLD, (("swarm", "active; this daemon is a manager, with 1 service: report"),)),
    HostCase("D2C805", QUIET),
    HostCase("D2C806", OLD, (("container builder", "privileged (image shop/web:1, created)"),)),
    HostCase("D2C806", one()),
    HostCase(
        "D2C807",
        OLD,
        (("container probe", "network of the host; pid of the host; adds SYS_ADMIN; devices /dev/null (image shop/web:1, created)"),),
    ),
    HostCase(
        "D2C807",
        one(mounts=(ContainerMount("bind", "/", "/host"),), security=("apparmor=unconfined",)),
        (("container c", f"mounts / at /host; security options apparmor=unconfined {OF_C}"),),
    ),
    HostCase(
        "D2C807",
        one(mounts=(ContainerMount("bind", "/var/run", "/host/run", False),)),
        (("container c", f"mounts /var/run at /host/run, read-only {OF_C}"),),
    ),
    HostCase("D2C807", one(namespaces=("network",), mounts=(ContainerMount("bind", "/", "/host", False),))),
    HostCase("D2C807", one(privileged=True, namespaces=("pid",))),
    HostCase("D2C808", OLD, (("Docker Engine", "version 20.10.24+dfsg1; branch 29 is maintained"),)),
    HostCase("D2C808", QUIET),
    HostCase("D2C809", OLD, (("Docker API", "the daemon's newest API is 1.41; the docker CLI 29.0 to 29.2 speaks 1.44 and later"),)),
    HostCase(
        "D2C809", replace(QUIET, api="1.39"), (("Docker API", "the daemon's newest API is 1.39; current clients speak 1.40 and later"),)
    ),
    HostCase("D2C809", replace(QUIET, least_api="1.44"), (("Docker API", "the daemon refuses clients with an API before 1.44"),)),
    HostCase("D2C809", NEWER),
    HostCase("D2C810", OLD, (("registries", "insecure: 1 registry: registry.example:5000"),)),
    HostCase("D2C810", QUIET),
    HostCase(
        "D2C811",
        replace(QUIET, plugins=(("volume", "rexray"), ("log", "loki")), volumes=(HostVolume("pg", "rexray"), HostVolume("x", "local"))),
        (("plugin loki", "for log"), ("plugin rexray", "for volume, used by 1 volume: pg")),
    ),
    HostCase("D2C811", OLD),
    HostCase("D2C812", OLD, (("Compose project shop", "2 services: db, web; /srv/shop/compose.yaml"),)),
    HostCase("D2C812", one()),
    HostCase("D2C813", OLD, (("restart policies", "1 container: dashboard"),)),
    HostCase("D2C813", one(restart="always", project="shop")),
    HostCase("D2C814", NEWER, (("images", "1 image: shop/web:1"),)),
    HostCase("D2C814", QUIET),
    HostCase("D2C815", NEWER, (("volumes", "1 volume: shop_data in use, of 1"),)),
    HostCase("D2C815", QUIET),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rule_says_this(case: HostCase) -> None:
    rules = [rule for rule in RULES if rule.code == case.code]
    found = [(finding.subject, _portless(finding.evidence)) for finding in check_docker_host(case.host, rules, {})]
    assert found == sorted(case.seen)


def _portless(text: str) -> str:
    """The captured daemons listened on free ports."""
    head, colon, rest = text.partition("127.0.0.1:")
    return f"{head}{colon}PORT {rest.partition(' ')[2]}" if colon else text


def test_both_captured_hosts_are_judged_whole() -> None:
    codes = {host.name: [finding.code for finding in check_docker_host(host, DOCKER_HOST_RULES, {})] for host in (OLD, NEWER)}
    common = ["D2C801", "D2C803", "D2C804", "D2C805", "D2C806", "D2C807", "D2C808"]
    tail = ["D2C810", "D2C812", "D2C813", "D2C814", "D2C815"]
    assert codes == {"builder-20.10": [*common, "D2C809", *tail], "builder-26.1": [*common, *tail]}
