"""The proxies of a node's Docker: what the daemon reports wins, its masked credentials come from its process or its files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from migrate.facts.capture import Capture
from migrate.formats import unit_file
from migrate.sources.table import origin_of
from migrate.targets import Stay
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.registries import Registry, registries
from tests.captured import capture_of, facts, replaced, reported, with_file, with_output

DOCKERS = "/etc/systemd/system/docker.service.d/http-proxy.conf"
OURS = "/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf"
NONE = {"HttpProxy": "", "HttpsProxy": "", "NoProxy": ""}


def node(drop_in: str, info: dict[str, str] | None, process: str = "", daemon_json: str = "{}") -> Capture:
    """lab-w1 whose unit sets this, whose daemon reports and whose process has that; without `info` Docker does not run."""
    capture = with_file(capture_of(), DOCKERS, f"[Service]\n{drop_in}\n", mode="640")
    capture = with_file(with_output(capture, "proxies docker.service", process), "/etc/docker/daemon.json", daemon_json)
    if info is None:
        commands = {**capture.commands, "docker info": replace(capture.commands["docker info"], skipped="docker.service is not active")}
        return replace(capture, commands=commands)
    return reported(capture, **{**NONE, **info})


def planned(capture: Capture) -> tuple[dict[str, str], str]:
    """The variables of the new unit's drop-in, and its mode."""
    found = facts(capture)
    changes, refused = compose(CONTAINERD, found, origin_of(found))
    assert refused == ()
    change = next((one for one in changes if one.path == OURS), None)
    if change is None:
        return {}, ""
    unit = unit_file.merge((OURS, change.after.decode()))
    return {one.name: one.value for one in unit_file.environment(unit)}, change.mode


@pytest.mark.parametrize(
    ("drop_in", "info", "process", "expected"),
    [
        pytest.param(
            'Environment="HTTP_PROXY=http://u:p@file:1/"',
            {"HttpProxy": "http://xxxxx:xxxxx@file:1/"},
            "",
            {"HTTP_PROXY": "http://u:p@file:1/"},
            id="the file's credentials agree",
        ),
        pytest.param(
            'Environment="HTTP_PROXY=http://u:new@file:1"',
            {"HttpProxy": "http://xxxxx:xxxxx@file:1"},
            "HTTP_PROXY=http://u:old@file:1\n",
            {"HTTP_PROXY": "http://u:old@file:1"},
            id="the process has the ones in force",
        ),
        pytest.param("", {"HttpsProxy": "http://plain:1"}, "", {"HTTPS_PROXY": "http://plain:1"}, id="nothing is masked"),
        pytest.param(
            'Environment="HTTPS_PROXY=http://file:1" "NO_PROXY=a"',
            {"HttpsProxy": "http://daemon:1", "NoProxy": "a,b"},
            "",
            {"HTTPS_PROXY": "http://daemon:1", "NO_PROXY": "a,b"},
            id="the daemon reports others",
        ),
        pytest.param('Environment="HTTPS_PROXY=http://file:1"', {}, "", {}, id="the daemon has none"),
        pytest.param(
            'Environment="HTTPS_PROXY=http://u:p@file:1" "NO_PROXY=a"',
            {"HttpsProxy": "http://xxxxx:xxxxx@other:1", "NoProxy": "b"},
            "",
            {"HTTPS_PROXY": "http://u:p@file:1", "NO_PROXY": "a"},
            id="credentials that are nowhere: all as the files say",
        ),
        pytest.param("", {"HttpsProxy": "http://xxxxx:xxxxx@other:1"}, "", {}, id="credentials that are nowhere, and no file"),
        pytest.param(
            'Environment="https_proxy=http://u:p@file:1" "HTTP_PROXY=http://%H:1"',
            {"HttpsProxy": "http://xxxxx:xxxxx@file:1", "HttpProxy": "http://lab-w1:1"},
            "",
            {"HTTP_PROXY": "http://lab-w1:1", "https_proxy": "http://u:p@file:1"},
            id="a specifier is what the daemon has for it",
        ),
        pytest.param('Environment="HTTP_PROXY=http://%H:1" "NO_PROXY=x"', None, "", {"NO_PROXY": "x"}, id="a specifier that nobody fills"),
        pytest.param('Environment="HTTP_PROXY=http://file:1"', None, "", {"HTTP_PROXY": "http://file:1"}, id="Docker does not run"),
    ],
)
def test_the_new_unit_gets(drop_in: str, info: dict[str, str] | None, process: str, expected: dict[str, str]) -> None:
    assert planned(node(drop_in, info, process))[0] == expected


def test_a_value_of_a_file_keeps_the_file_s_mode_and_one_of_the_process_is_root_s() -> None:
    drop_in, info = 'Environment="HTTP_PROXY=http://u:p@file:1"', {"HttpProxy": "http://xxxxx:xxxxx@file:1"}
    assert planned(node(drop_in, info, "HTTP_PROXY=http://u:p@file:1\n"))[1] == "640"
    assert planned(node(drop_in, info, "HTTP_PROXY=http://u:q@file:1\n"))[1] == "600"


def test_daemon_json_overrides_the_environment() -> None:
    proxies = json.dumps({"proxies": {"https-proxy": "http://json:1"}})
    assert planned(node('Environment="HTTPS_PROXY=http://file:1"', None, daemon_json=proxies))[0] == {"HTTPS_PROXY": "http://json:1"}


def test_a_proxy_of_the_runtime_s_own_stays_and_is_told() -> None:
    own = "/etc/systemd/system/containerd.service.d/own.conf"
    capture = node('Environment="HTTPS_PROXY=http://u:p@file:1" "NO_PROXY=a"', {"HttpsProxy": "http://xxxxx:xxxxx@file:1", "NoProxy": "a"})
    capture = with_file(capture, own, '[Service]\nEnvironment="https_proxy=http://u:p@own:1"\n')
    capture = replaced(capture, "systemctl show containerd.service", "DropInPaths=", f"DropInPaths={own} ")
    assert planned(capture)[0] == {"NO_PROXY": "a"}
    assert [stay for stay in CONTAINERD.stays(facts(capture)) if "proxy" in stay.name.lower()] == [
        Stay("HTTPS_PROXY", "https_proxy", "http://REDACTED:REDACTED@own:1", f"{own}:2", "Docker's is http://REDACTED:REDACTED@file:1")
    ]


def test_registries_that_the_daemon_reports_come_before_those_that_are_only_configured() -> None:
    capture = with_file(
        capture_of(),
        "/etc/docker/daemon.json",
        json.dumps({"registry-mirrors": ["https://new", "https://both/"], "insecure-registries": ["https://pending:1"]}),
    )
    config = {
        "Mirrors": ["https://running/", "https://both/"],
        "InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "running:1": {"Secure": False}},
    }
    assert registries(facts(reported(capture, RegistryConfig=config))) == (
        Registry("docker.io", ("https://running", "https://both", "https://new")),
        Registry("pending:1", insecure=True),
        Registry("running:1", insecure=True),
    )
