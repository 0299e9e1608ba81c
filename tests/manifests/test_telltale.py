"""What the words pass over, no rule would have seen: the same findings with and without them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.rules import Severity
from migrate.rules.agents_table import AGENTS
from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.rules.table import RULES
from migrate.rules.telltale import WORDS
from migrate.rules.workloads import TOOLS
from migrate.targets.crio import CRIO
from migrate.targets.table import target_named
from tests.manifests.seen import FIXTURES, findings

IMAGES = [*(f"x/{tool}:1" for tool in sorted(TOOLS)), *(f"{image}:1.0" for agent in AGENTS for image in agent.images.split())]
IMAGE = st.sampled_from([*IMAGES, "docker:dind", "a@sha256:" + "0" * 64, "nginx", "registry.example/web:1.10"])
COMMAND = st.lists(
    st.sampled_from(
        ["sh", "-c", "docker system prune", "docker\nps", "ping", "/usr/bin/ping x", "dockerd", "true", "docker-compose up", "sshd"]
    ),
    max_size=3,
)
PATH = st.sampled_from(["/", "/run", "/var/run/docker.sock", "/var/lib/docker", "/var/log", "/sys", "/srv", "/var/log/pods", "/etc"])
NAMES = st.sampled_from(["DOCKER_HOST", "DOCKER_CERT_PATH", "NVIDIA_VISIBLE_DEVICES", "PATH"])
PROFILE = st.sampled_from([{"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "docker-default"}])
CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "privileged": st.booleans(),
        "runAsUser": st.sampled_from([0, 1000]),
        "runAsNonRoot": st.booleans(),
        "allowPrivilegeEscalation": st.booleans(),
        "procMount": st.sampled_from(["Unmasked", "Default"]),
        "capabilities": st.fixed_dictionaries(
            {}, optional={"add": st.lists(st.sampled_from(["Sys_Admin", "ALL", "NET_RAW", "CHOWN"])), "drop": st.just(["ALL"])}
        ),
        "seccompProfile": PROFILE,
        "appArmorProfile": PROFILE,
        "windowsOptions": st.just({"hostProcess": True}),
    },
)
PROBE = st.fixed_dictionaries(
    {}, optional={"exec": st.fixed_dictionaries({"command": COMMAND}), "timeoutSeconds": st.integers(1, 3), "httpGet": st.just({"port": 1})}
)
CONTAINER = st.fixed_dictionaries(
    {"name": st.just("a")},
    optional={
        "image": IMAGE,
        "command": COMMAND,
        "args": COMMAND,
        "env": st.lists(st.fixed_dictionaries({"name": NAMES, "value": st.just("x")}), max_size=2),
        "ports": st.lists(st.fixed_dictionaries({"containerPort": st.sampled_from([80, 8080])}), max_size=1),
        "securityContext": CONTEXT,
        "livenessProbe": PROBE,
        "lifecycle": st.fixed_dictionaries({"preStop": PROBE}),
        "volumeMounts": st.just([{"name": "v", "mountPath": "/v"}]),
        "resources": st.just({"limits": {"nvidia.com/gpu": 1}}),
    },
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["container.apparmor.security.beta.kubernetes.io/a", "seccomp.security.alpha.kubernetes.io/pod"]),
    st.sampled_from(["localhost/docker-default", "unconfined", "runtime/default", "docker/default"]),
    max_size=2,
)
SPEC = st.fixed_dictionaries(
    {"containers": st.lists(CONTAINER, max_size=2)},
    optional={
        "volumes": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("v")}, optional={"hostPath": st.fixed_dictionaries({"path": PATH}), "emptyDir": st.just({})}
            ),
            max_size=2,
        ),
        "hostPID": st.booleans(),
        "hostIPC": st.booleans(),
        "hostNetwork": st.booleans(),
        "runtimeClassName": st.just("docker"),
        "securityContext": CONTEXT.map(
            lambda one: {key: value for key, value in one.items() if key not in ("privileged", "capabilities", "procMount")}
        ),
    },
)
LINES = st.lists(
    st.sampled_from(
        [
            "Docker_Mode On",
            "Parser docker",
            "PARSER DOCKER",
            "<source>\n path /var/log/containers/*\n @type json\n</source>",
            "docker ps",
            "x: y",
            "container_label_a",
            'name=~"k8s_x"',
            "engine_daemon_x",
        ]
    ),
    max_size=4,
).map("\n".join)
POD = st.builds(
    lambda spec, notes: {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": notes}, "spec": spec},
    SPEC,
    ANNOTATIONS,
)
CONFIG_MAP = LINES.map(lambda text: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"filebeat.yml": text}})
VOLUME = PATH.map(lambda path: {"kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"hostPath": {"path": path}}})
COMPOSE = st.fixed_dictionaries(
    {
        "services": st.fixed_dictionaries(
            {"a": st.fixed_dictionaries({"image": IMAGE}, optional={"pid": st.just("host"), "volumes": st.lists(PATH, max_size=1)})}
        )
    }
)
STYLES = st.sampled_from(
    [
        {},
        {"default_style": '"'},
        {"default_flow_style": True},
        {"width": 20},
        {"default_style": '"', "width": 20},
        {"default_style": "'", "width": 20},
    ]
)


def everything(text: str, ground: Ground, rules: Any) -> tuple[list[str], list[str]]:
    found = []
    for parse_all in (False, True):
        scan = Scan(ground, rules, everything=parse_all)
        scan.manifests("x", text)
        found.append(sorted(f"{one.location} {one.code} {one.evidence}" for one in findings(scan)))
    return found[0], found[1]


@pytest.mark.parametrize("target", ["containerd", "cri-o"])
@pytest.mark.parametrize("least", [Severity.WARNING, Severity.INFO])
@settings(max_examples=60, deadline=None)
@given(document=st.one_of(POD, POD, CONFIG_MAP, VOLUME, COMPOSE), style=STYLES)
def test_no_rule_sees_anything_in_what_is_passed_over(document: Any, style: Any, target: str, least: Severity) -> None:
    chosen = CRIO if target == "cri-o" else target_named(target)
    assert chosen is not None
    rules = tuple(one for one in RULES if one.severity.rank <= least.rank)
    quick, slow = everything(yaml.safe_dump(document, **style), Ground(chosen), rules)
    assert quick == slow


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["docker", "hostPath", "privileged", "DOCKER_HOST"]),
    st.integers(0, 5),
    st.sampled_from(["x", "u", "U", "fold", "json"]),
)
def test_escapes_do_not_hide_a_word(word: str, at: int, how: str) -> None:
    at %= len(word)
    code = ord(word[at])
    escape = {
        "x": f"\\x{code:02x}",
        "u": f"\\u{code:04x}",
        "U": f"\\U{code:08x}",
        "fold": word[at] + "\\\n      ",
        "json": f"\\u{code:04x}",
    }[how]
    hidden = word[:at] + escape + word[at + 1 :]
    if how == "fold" and word in ("hostPath", "privileged"):
        return  # a key stands on one line
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
        + f'  - {{name: a, image: "docker:24", env: [{{name: "{"DOCKER_HOST"}"}}], "securityContext": {{"privileged": true}}}}\n'
        + '  volumes: [{name: s, "hostPath": {path: /run}}]\n'
    ).replace(word, hidden)
    target = target_named("containerd")
    assert target is not None
    quick, slow = everything(text, Ground(target), RULES)
    assert quick == slow
    assert any("D2C304" in one for one in slow)


def test_each_rule_about_workloads_has_its_words() -> None:
    assert {one.slug for one in RULES if one.sight} - set(WORDS) == set()
    assert set(WORDS) - {one.slug for one in RULES if one.sight} == set()


def test_the_lab_and_the_fixtures_say_the_same_with_and_without() -> None:
    target = target_named("containerd")
    assert target is not None
    texts = [
        path.read_text("utf-8")
        for folder in (FIXTURES, FIXTURES.parents[1] / "tests" / "lab" / "manifests")
        for path in sorted(folder.rglob("*.yaml"))
        if path.name != "binary.yaml"
    ]
    assert len(texts) > 10
    for text in texts:
        quick, slow = everything(text, Ground(target), RULES)
        # what is broken or does not fit is seen in what is parsed alone
        assert quick == [one for one in slow if one in quick or ("D2C700" not in one and "D2C701" not in one)]
