"""CI files and playbooks: jobs and tasks that call Docker, mount its socket or bring a daemon of their own, in YAML and in Jenkinsfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.manifests.compose_file import DAEMON_IMAGE
from migrate.manifests.model import Kind, Use
from migrate.manifests.nodes import get, items, pairs, text
from migrate.manifests.shell import block_uses, uses
from migrate.manifests.text import Text
from migrate.manifests.values import scalar

NAME = re.compile(
    r"(?:.*[./-])?gitlab-ci\.ya?ml|bitbucket-pipelines\.ya?ml|azure-pipelines(?:[.-][\w.-]+)?\.ya?ml|\.drone\.ya?ml|\.travis\.ya?ml|\.woodpecker\.ya?ml"
)
FOLDERS = re.compile(r"(?:^|/)(?:\.github/workflows|\.circleci|\.woodpecker|\.gitea/workflows|\.forgejo/workflows)/[^/]+\.ya?ml$")
JENKINSFILE = re.compile(
    r"Jenkinsfile(?:[.-](?!(?:.*\.)?(?:json|ya?ml|md|txt|rst|go|py|js|ts|xml|html)$)[\w.-]+)?|.*\.jenkinsfile", re.IGNORECASE
)
_GROOVY = re.compile(r"\bdocker\.(image|build|withRegistry|withServer|withTool)\s*\(|\bagent\s*\{\s*(docker|dockerfile)\b")
_PLUGIN = re.compile(r"(?:docker-buildkite-plugin|docker(?:-compose|-login|-cache)?)#\S+")
# Of Ansible: modules that run a command, modules of Docker (collection community.docker), and what makes a list of tasks or plays
_RUNS = re.compile(r"(?:ansible\.(?:builtin|legacy)\.)?(?:shell|command|raw|script)")
_MODULE = re.compile(r"(?:community\.(?:general|docker)\.)?docker_[a-z_]{2,30}")
_SERVICE = re.compile(r"(?:ansible\.(?:builtin|legacy)\.)?(?:service|systemd|systemd_service)")
_PLAY = frozenset({"tasks", "pre_tasks", "post_tasks", "handlers", "roles"})
_BUILDERS = re.compile(r"Docker@\d+|gcr\.io/cloud-builders/docker\S*|setup_remote_docker")
_OWN_DAEMON = re.compile(r"tcp://(?:docker|dind|localhost|127\.0\.0\.1)(?![\w.-])")  # of the job: a service beside it
_ACTION = re.compile(r"docker/[\w-]+@\S*|docker://\S+")


# What tells a step of some CI program: GitHub, Buildkite, Azure, Woodpecker and Drone, Cloud Build
_STEP = frozenset({"run", "uses", "command", "commands", "plugins", "script", "bash", "task", "checkout", "plugin"})
_SCRIPTS = ("script", "before_script", "after_script")
_JOB = frozenset({"steps", "runs-on", "uses", "plan", "docker", "machine", "script", "job", "deployment"})


def is_ci(node: Node) -> bool:
    """Whether a document of no clear name is of a CI program: jobs, steps, scripts or phases as these have them."""
    if isinstance(node, SequenceNode):
        return any(
            (_has(item, _STEP) and _has(item, frozenset({"label", "name", "plugins", "key"}))) or _is_task(item) for item in node.value
        )
    entries = pairs(node)
    jobs = entries.get("jobs", (None, None))[1]
    bodies = [value for _, value in entries.values()]
    return (
        get(node, "runs", "using") is not None
        or any(_has(job, _JOB) for job in _inside(jobs))
        or any(_has(step, _STEP) or _all(step, "name", "args") or _all(step, "image", "commands") for step in items(get(node, "steps")))
        or any(_has(stage, frozenset({"jobs", "steps"})) for stage in items(get(node, "stages")))
        or any(get(command, "steps") is not None for command in _inside(get(node, "commands")))
        or any(get(phase, "commands") is not None for phase in _inside(get(node, "phases")))
        or any(_scripted(body) for body in [node, *bodies])
        or ("pipelines" in entries and ("image" in entries or "definitions" in entries or get(node, "pipelines", "default") is not None))
        or ("orbs" in entries or _all(node, "platform", "run"))
    )


def _is_task(node: Node) -> bool:
    """Whether an item of a list is a play of Ansible, or a task."""
    return (_has(node, frozenset({"hosts"})) and _has(node, _PLAY)) or any(
        pattern.fullmatch(name) for name in pairs(node) for pattern in (_RUNS, _MODULE, _SERVICE)
    )


def _inside(node: Node | None) -> list[Node]:
    return [value for _, value in pairs(node).values()] if isinstance(node, MappingNode) else items(node)


def _has(node: Node, keys: frozenset[str]) -> bool:
    return not keys.isdisjoint(pairs(node))


def _all(node: Node, *keys: str) -> bool:
    return all(get(node, key) is not None for key in keys)


def _scripted(node: Node) -> bool:
    """GitLab's jobs, Travis' top: a script that is a list of lines, or a job with one beside its image or stage."""
    return any(items(get(node, key)) for key in _SCRIPTS) or (
        get(node, "script") is not None and _has(node, frozenset({"stage", "image", "extends", "language"}))
    )


def ci_file(node: Node, source: Text) -> Iterator[Use]:
    """The uses of every job; what stands outside of jobs is told of the key that it stands under. An alias is followed once."""
    seen: set[int] = set()
    for number, item in enumerate(items(node), 1):
        yield from _walk(item, "", f"step {number}", source, seen)
    for name, (_, value) in pairs(node).items():
        if name in ("jobs", "steps", "pipelines", "pipeline") and isinstance(value, MappingNode):
            for job, (_, body) in pairs(value).items():
                yield from _walk(body, "", f"job {job}", source, seen)
        elif name == "runs":  # a composite action of GitHub
            yield from _walk(value, "", "action", source, seen)
        elif isinstance(value, MappingNode) and name not in ("variables", "default", "workflow", "include", "env", "on"):
            yield from _walk(value, "", f"job {name}", source, seen)
        else:
            yield from _walk(value, name, name, source, seen)


def _walk(node: Node, key: str, subject: str, source: Text, seen: set[int]) -> Iterator[Use]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield from _scalar(node, key, subject, source)
    elif isinstance(node, MappingNode):
        for name, (at, value) in pairs(node).items():
            if name == "using" and subject == "action" and text(value) == "docker":
                yield Use(Kind.CALL, subject, "runs in a container of Docker", source.place(at.start_mark.index))
            elif name == "DOCKER_HOST":
                own = _OWN_DAEMON.match(text(value))
                kind, said = (Kind.DAEMON, f"DOCKER_HOST is {own[0]}") if own else (Kind.ADDRESS, "sets DOCKER_HOST")
                yield Use(kind, subject, said, source.place(at.start_mark.index))
            elif name == "privileged" and isinstance(value, ScalarNode) and scalar(value) is True:
                yield Use(Kind.PRIVILEGED, subject, "privileged: true", source.place(at.start_mark.index))
            else:
                if plugin := _PLUGIN.fullmatch(name):
                    yield Use(Kind.CALL, subject, f"plugin {plugin[0]}", source.place(at.start_mark.index))
                elif _MODULE.fullmatch(name):
                    yield Use(Kind.CALL, subject, f"module {name}", source.place(at.start_mark.index))
                elif _SERVICE.fullmatch(name) and text(get(value, "name")).removesuffix(".service") == "docker":
                    yield Use(Kind.UNIT, subject, f"{name}: docker {text(get(value, 'state'))}".rstrip(), source.place(at.start_mark.index))
                inner = key if key == "services" and name in ("name", "image") else name
                yield from _walk(value, inner, subject, source, seen)
    else:
        for item in node.value:
            yield from _walk(item, key, subject, source, seen)


def _scalar(node: ScalarNode, key: str, subject: str, source: Text) -> Iterator[Use]:
    place = source.place(node.start_mark.index)
    if key in ("image", "services", "container") and DAEMON_IMAGE.fullmatch(node.value):
        yield Use(Kind.DAEMON, subject, f"{'service' if key == 'services' else 'image'} {node.value}", place)
    elif key == "services" and node.value == "docker":  # Bitbucket's own daemon
        yield Use(Kind.DAEMON, subject, "service docker", place)
    elif key == "uses" and _ACTION.fullmatch(node.value):
        yield Use(Kind.CALL, subject, f"uses {node.value}", place)
    elif key in ("task", "name", "steps") and _BUILDERS.fullmatch(node.value):
        daemon = node.value == "setup_remote_docker"
        yield Use(Kind.DAEMON if daemon else Kind.CALL, subject, f"{'step' if daemon else key} {node.value}", place)
    else:
        if key == "options" and "--privileged" in node.value:
            yield Use(Kind.PRIVILEGED, subject, "options: --privileged", place)
        yield from block_uses(node, subject, source)


def jenkinsfile(source: Text) -> Iterator[Use]:
    """The uses of a Jenkinsfile: its shell steps, and the steps of the Docker plugins."""
    subject = "Jenkinsfile"
    yield from uses(source, subject, comment="//")
    for found in _GROOVY.finditer(source.text):
        said = f"docker.{found[1]}" if found[1] else f"agent {{ {found[2]} }}"
        line = source.text[source.text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if not line.lstrip().startswith(("//", "*")):
            yield Use(Kind.CALL, subject, f"`{said}`", source.place(found.start()))
