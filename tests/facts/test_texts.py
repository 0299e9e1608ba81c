"""Lines that lean on Docker: found with their numbers, of their words no more than what matched."""

from __future__ import annotations

import time

import pytest

from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.texts import MOST, config_uses, log_parser_lines, query_lines, script_lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker ps -q", "docker ps"),
        ("sudo /usr/bin/docker --tlsverify -H tcp://a:2376 exec x sh", "docker exec"),
        ("  docker --host tcp://user:Pa55@a run --rm x", "docker run"),
        ("docker login -u me -p Pa55word", "docker login"),
        ("ids=$(docker images -q)", "docker images"),
        ("`docker info`", "docker info"),
        ("exec docker-compose up -d", "docker-compose"),
        ("curl --unix-socket /var/run/docker.sock http://x/info", "/var/run/docker.sock"),
        ("# docker ps", None),
        ("systemctl restart docker", None),
        ("image: docker.io/library/nginx", None),
        ("cd /opt/docker run", None),
        ("my-docker ps; docker-build x; docker_run y", None),
        ("docker-compose.yaml", None),
        ("echo the docker daemon", None),
    ],
)
def test_script_lines(line: str, words: str | None) -> None:
    assert list(script_lines(f"#!/bin/sh\n{line}\n")) == ([(2, words)] if words else [])


FLUENTD = """<source>
  @type tail
  path /var/log/containers/*.log
  <parse>
    @type json
  </parse>
</source>
<source>
  @type http
  format json
</source>
<match **>
  @type json
</match>
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[INPUT]\n    Parser  docker\n    Docker_Mode On\n", [(2, "Parser docker"), (3, "Docker_Mode On")]),
        ("multiline.parser docker\n", [(1, "multiline.parser docker")]),
        ("multiline.parser docker, cri\nParser cri\nDocker_Mode Off\n[PARSER]\n    Name docker\n", []),
        (FLUENTD, [(5, "@type json")]),
        ("pipeline_stages:\n  - docker: {}\n", [(2, "- docker: {}")]),
        ("pipeline_stages:\n  - cri: {}\n", []),
        ("pipeline_stages:\n- match:\n    stages:\n    - docker: {}\n- match:\n    stages:\n    - cri:\n", []),
        (
            "multilineParser: docker\nmultilineParser: docker, cri\ndockerMode: On\n",
            [(1, "multilineParser: docker"), (3, "dockerMode: On")],
        ),
        ("services:\n  - docker:\n", []),
        ("filebeat.inputs:\n- type: docker\n  containers.ids: '*'\n", [(2, "- type: docker")]),
        ("type: docker\n", []),
        ("sources:\n  in:\n    type: docker_logs\n", [(3, "type: docker_logs")]),
        ("[[inputs.docker]]\n", [(1, "[[inputs.docker]]")]),
        ("monitors:\n- type: docker-container-stats\n", [(2, "- type: docker-container-stats")]),
        ("path /var/lib/docker/containers/*/*.log\n", [(1, "/var/lib/docker/containers")]),
    ],
)
def test_log_parser_lines(text: str, lines: list[tuple[int, str]]) -> None:
    assert list(log_parser_lines(text)) == lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('rate(x{name=~"^k8s_web.*"}[5m])', 'name=~"^k8s_web.*'),
        ('"expr": "x{name!~\\"k8s_POD.*\\"}"', 'name!~\\"k8s_POD.*'),
        ('x{id=~"/docker/.*"}', 'id=~"/docker/.*'),
        ("by (container_label_io_kubernetes_pod_name)", "container_label_io_kubernetes_pod_name"),
        ('kube_node_info{container_runtime_version=~"docker.*"}', 'container_runtime_version=~"docker.*'),
        ("engine_daemon_container_states_containers", "engine_daemon_container_states_containers"),
        ('x{pod="web", container!="", image!=""}', None),
        ('job="docker-registry"', None),
    ],
)
def test_query_lines(line: str, words: str | None) -> None:
    assert list(query_lines(line)) == ([(1, words)] if words else [])


def test_of_a_config_map_only_the_matching_words_are_kept() -> None:
    data = {"run.sh": "set -e\ndocker login -p Pa55word\n", "rules": 'x{name=~"k8s_a"}', "other": "nothing"}
    assert tuple(config_uses("shop", "scripts", data)) == (
        ConfigUse(namespace="shop", name="scripts", key="run.sh", line=2, use=ConfigUseKind.CALL, words="docker login"),
        ConfigUse(namespace="shop", name="scripts", key="rules", line=1, use=ConfigUseKind.QUERY, words='name=~"k8s_a'),
    )


def test_a_long_text_is_cut_and_escapes_are_dropped() -> None:
    found = tuple(config_uses("shop", "x", {"a\x1b[31m": "docker ps\n" * 1000}))
    assert (len(found), found[0].key) == (MOST, "a")


@pytest.mark.parametrize(
    "evil", ["docker" + " --a" * 100_000, "docker -H " * 30_000, "docker " * 50_000, 'id="' + "docker" * 50_000, "<source>\n" * 50_000]
)
def test_hostile_lines_take_no_long_time(evil: str) -> None:
    start = time.process_time()
    tuple(config_uses("shop", "x", {"a": evil}))
    assert time.process_time() - start < 5
