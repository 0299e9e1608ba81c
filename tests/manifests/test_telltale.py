"""What the words pass over, no rule would have seen: the same findings with and without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.rules import Severity, telltale
from migrate.rules.agents_table import AGENTS
from migrate.rules.behaviour import NEEDS
from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.rules.table import RULES, WORKLOAD_RULES
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
PATH = st.sampled_from(
    ["/", "/run", "/var/run/docker.sock", "/var/lib/docker", "/var/log", "/sys", "/srv", "/var/log/pods", "/etc", "/var/lib"]
)
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
MOUNTS = st.just([{"name": "v", "mountPath": "/v"}])
FIELDS: dict[str, Any] = {
    "image": IMAGE,
    "command": COMMAND,
    "args": COMMAND,
    "env": st.lists(st.fixed_dictionaries({"name": NAMES, "value": st.just("x")}), min_size=1, max_size=2),
    "ports": st.lists(st.fixed_dictionaries({"containerPort": st.sampled_from([80, 8080])}), max_size=1),
    "securityContext": CONTEXT,
    "livenessProbe": PROBE,
    "lifecycle": st.fixed_dictionaries({"preStop": PROBE}),
    "volumeMounts": MOUNTS,
    "resources": st.just({"limits": {"nvidia.com/gpu": 1}}),
}
# mostly one thing alone: the words of another would hide that its own are missing
ALONE = st.one_of(*(st.fixed_dictionaries({"name": st.just("a"), key: value}) for key, value in FIELDS.items()))
USER = {"runAsUser": 1000}
CONTAINER = st.one_of(
    ALONE,
    ALONE,
    ALONE.map(lambda container: {"securityContext": USER, **container}),
    st.fixed_dictionaries({"name": st.just("a")}, optional=FIELDS),
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["container.apparmor.security.beta.kubernetes.io/a", "seccomp.security.alpha.kubernetes.io/pod"]),
    st.sampled_from(["localhost/docker-default", "unconfined", "runtime/default", "docker/default"]),
    max_size=2,
)
VOLUMES = st.lists(
    st.fixed_dictionaries({"name": st.just("v")}, optional={"hostPath": st.fixed_dictionaries({"path": PATH}), "emptyDir": st.just({})}),
    max_size=2,
)
POD_FIELDS: dict[str, Any] = {
    "hostPID": st.booleans(),
    "hostIPC": st.booleans(),
    "hostNetwork": st.booleans(),
    "runtimeClassName": st.just("gvisor"),
    "securityContext": CONTEXT.map(
        lambda context: {key: context[key] for key in context if key not in ("privileged", "capabilities", "procMount")}
    ),
}
SPEC = st.one_of(
    st.fixed_dictionaries({"containers": CONTAINER.map(lambda container: [container])}),
    st.fixed_dictionaries({"containers": MOUNTS.map(lambda mounts: [{"name": "a", "volumeMounts": mounts}]), "volumes": VOLUMES}),
    *(st.fixed_dictionaries({"containers": st.just([]), key: value}) for key, value in POD_FIELDS.items()),
    st.fixed_dictionaries({"containers": st.lists(CONTAINER, max_size=2)}, optional={"volumes": VOLUMES, **POD_FIELDS}),
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


# a runtime that gives less than Docker did: every rule may see something
STRICT = replace(CRIO, default_capabilities_dropped=frozenset(NEEDS.values()), takes_short_names=False)


def everything(text: str, ground: Ground, rules: Any) -> tuple[list[str], list[str]]:
    found = []
    for parse_all in (False, True):
        scan = Scan(ground, rules, everything=parse_all)
        scan.manifests("x", text)
        # what is broken or does not fit is known of what was parsed alone
        found.append(
            sorted(
                f"{finding.location} {finding.code} {finding.evidence}"
                for finding in findings(scan)
                if finding.code not in ("D2C700", "D2C701")
            )
        )
    return found[0], found[1]


@pytest.mark.parametrize("target", ["containerd", "strict"])
@pytest.mark.parametrize("least", [Severity.WARNING, Severity.INFO])
@settings(max_examples=60, deadline=None)
@given(document=st.one_of(POD, POD, CONFIG_MAP, VOLUME, COMPOSE), style=STYLES)
def test_no_rule_sees_anything_in_what_is_passed_over(document: Any, style: Any, target: str, least: Severity) -> None:
    chosen = STRICT if target == "strict" else target_named(target)
    assert chosen is not None
    rules = tuple(rule for rule in RULES if rule.severity.rank <= least.rank)
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
    assert any("D2C304" in line for line in slow)


def test_each_rule_about_workloads_has_its_words() -> None:
    assert {rule.slug for rule in WORKLOAD_RULES if rule.words is None} == NEEDS_HABITS


def pod(**spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def with_container(**container: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "a", **container}])


def mounts(path: str) -> dict[str, Any]:
    volumes = [{"name": "v", "hostPath": {"path": path}}]
    return pod(containers=[{"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}], volumes=volumes)


def secured(**context: Any) -> dict[str, Any]:
    return with_container(securityContext=context)


def lines(*of: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"f": "\n".join(of)}}


def annotated(value: str) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "annotations": {"seccomp.security.alpha.kubernetes.io/pod": value}}, "spec": {}}


# by slug, documents that one thing alone makes the rule see
ALONE_SEEN: dict[str, list[dict[str, Any]]] = {
    "docker-socket-mounted": [mounts("/run"), mounts("/x/docker.sock"), with_container(env=[{"name": "DOCKER_HOST"}])],
    "docker-socket-without-pods": [mounts("/run"), mounts("/x/docker.sock"), with_container(env=[{"name": "DOCKER_HOST"}])],
    "docker-data-mounted": [mounts("/var/lib"), mounts("/usr/local/bin/docker"), mounts("/mnt/docker")],
    "docker-host-elsewhere": [
        with_container(env=[{"name": "DOCKER_HOST", "value": "tcp://dind.ci:2375"}]),
        with_container(env=[{"name": "DOCKER_TLS_VERIFY", "value": "1"}]),
    ],
    "docker-set-as-runtime": [
        with_container(env=[{"name": "CONTAINER_RUNTIME", "value": "Docker"}]),
        with_container(env=[{"name": "DOCKER_HOST", "value": "unix:///var/run/docker.sock"}]),
        with_container(args=["--container-runtime", "docker"]),
        with_container(args=["--endpoint=npipe:////./pipe/docker_engine"]),
        lines("containerRuntimeExecutor: docker"),
        {
            "kind": "InitConfiguration",
            "apiVersion": "kubeadm.k8s.io/v1beta2",
            "nodeRegistration": {"criSocket": "/var/run/dockershim.sock"},
        },
    ],
    "docker-tool-in-pod": [
        *(with_container(image=f"x/{tool}:1") for tool in sorted(TOOLS - {"dind"})),
        with_container(command=["docker", "ps"]),
        with_container(lifecycle={"preStop": {"exec": {"command": ["docker-compose", "down"]}}}),
    ],
    "privileged-pod": [secured(privileged=True)],
    "near-privileged-pod": [pod(hostPID=True), pod(hostIPC=True), secured(capabilities={"add": ["Cap_Sys_Admin"]})],
    "docker-apparmor-profile": [secured(appArmorProfile={"type": "Localhost", "localhostProfile": "docker-default"})],
    "runtime-class-set": [pod(runtimeClassName="gvisor")],
    "exec-probe-untimed": [with_container(startupProbe={"exec": {"command": ["x"]}})],
    "pod-near-host": [
        *(pod(hostNetwork=True), mounts("/etc"), annotated("unconfined"), secured(capabilities={"add": ["NET_ADMIN"]})),
        *(secured(allowPrivilegeEscalation=True), secured(procMount="Unmasked"), secured(windowsOptions={"hostProcess": True})),
        secured(seccompProfile={"type": "Unconfined"}),
    ],
    "default-profile-changes": [
        secured(seccompProfile={"type": "RuntimeDefault"}),
        annotated("docker/default"),
        annotated("runtime/default"),
    ],
    "docker-daemon-in-pod": [with_container(image="x/dind:1"), with_container(command=["dockerd"])],
    "agent-too-old": [with_container(image=f"{image}:0.1") for agent in AGENTS if agent.copes for image in agent.images.split()],
    "agent-of-containers": [with_container(image=image) for agent in AGENTS for image in agent.images.split()],
    "log-parser-for-docker": [lines("Parser docker"), lines("<source>", "path /var/log/containers/x", "@type json", "</source>")],
    "docker-in-config-map": [lines("docker ps")],
    "docker-names-in-queries": [lines("container_label_a"), lines('name="k8s_a'), lines("engine_daemon_a"), lines('id=~"/docker/')],
    "log-files-read": [mounts("/var/log")],
    "cgroup-files-read": [mounts("/sys")],
    "short-image-name": [with_container(image="nginx")],
    "capability-lost": [with_container(args=[program]) for program in sorted(NEEDS)],
    "image-pinned-by-digest": [with_container(image="a@sha256:" + "0" * 64)],
    "low-port-without-root": [
        with_container(securityContext={"runAsUser": 5}, ports=[{"containerPort": 80}]),
        with_container(securityContext={"runAsNonRoot": True}, command=["ping"]),
    ],
}
NEEDS_HABITS = {"gpu-by-default-runtime", "init-process-lost", "root-no-longer-remapped", "no-new-privileges-lost"}


def test_every_rule_with_words_has_documents_that_it_sees() -> None:
    assert set(ALONE_SEEN) | NEEDS_HABITS == {rule.slug for rule in WORKLOAD_RULES}


@pytest.mark.parametrize("slug", ALONE_SEEN)
def test_its_own_words_find_what_a_rule_sees(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the words of this rule alone: those of others would hide that one is missing."""
    monkeypatch.setattr(telltale, "OTHERS", ())
    rules = tuple(rule for rule in RULES if rule.slug == slug)
    ground = Ground(replace(STRICT, keeps_source=slug == "docker-socket-without-pods"))
    for document in ALONE_SEEN[slug]:
        quick, slow = everything(yaml.safe_dump(document), ground, rules)
        assert slow, document
        assert quick == slow, document


def test_the_lab_and_the_fixtures_say_the_same_with_and_without() -> None:
    target = target_named("containerd")
    assert target is not None
    texts = [
        path.read_text("utf-8")
        for folder in (FIXTURES, FIXTURES.parents[1] / "tests" / "lab" / "manifests")
        for path in sorted(folder.rglob("*.yaml"))
        if path.name not in ("binary.yaml", "utf16.yaml")
    ]
    assert len(texts) > 10
    for text in texts:
        quick, slow = everything(text, Ground(target), RULES)
        # what is broken or does not fit is seen in what is parsed alone
        assert quick == [line for line in slow if line in quick or ("D2C700" not in line and "D2C701" not in line)]
