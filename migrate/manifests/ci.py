"""CI files: jobs that call Docker, mount its socket or bring a daemon of their own. GitLab's, GitHub's and others' YAML, Jenkinsfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from migrate.manifests.compose_file import DAEMON_IMAGE
from migrate.manifests.model import Kind, Use
from migrate.manifests.nodes import pairs
from migrate.manifests.shell import block_uses, uses
from migrate.manifests.text import Text
from migrate.manifests.values import scalar

NAME = re.compile(
    r"(?:.*[./-])?gitlab-ci\.ya?ml|bitbucket-pipelines\.ya?ml|azure-pipelines(?:[.-][\w.-]+)?\.ya?ml|\.drone\.ya?ml|\.travis\.ya?ml|\.woodpecker\.ya?ml"
)
FOLDERS = re.compile(r"(?:^|/)(?:\.github/workflows|\.circleci|\.woodpecker|\.gitea/workflows|\.forgejo/workflows)/[^/]+\.ya?ml$")
JENKINSFILE = re.compile(r"Jenkinsfile(?:[.-][\w.-]+)?|.*\.jenkinsfile", re.IGNORECASE)
_GROOVY = re.compile(r"\bdocker\.(image|build|withRegistry|withServer|withTool)\s*\(|\bagent\s*\{\s*(docker|dockerfile)\b")
_ACTION = re.compile(r"docker/[\w-]+@\S*|docker://\S+")


def ci_file(node: Node, source: Text) -> Iterator[Use]:
    """The uses of every job; what stands outside of jobs is told of the key that it stands under. An alias is followed once."""
    seen: set[int] = set()
    for name, (_, value) in pairs(node).items():
        if name in ("jobs", "steps", "pipelines", "pipeline") and isinstance(value, MappingNode):
            for job, (_, body) in pairs(value).items():
                yield from _walk(body, "", f"job {job}", source, seen)
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
            if name == "DOCKER_HOST":
                yield Use(Kind.ADDRESS, subject, "sets DOCKER_HOST", source.place(at.start_mark.index))
            elif name == "privileged" and isinstance(value, ScalarNode) and scalar(value) is True:
                yield Use(Kind.PRIVILEGED, subject, "privileged: true", source.place(at.start_mark.index))
            else:
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
    elif key == "options" and "--privileged" in node.value:
        yield Use(Kind.PRIVILEGED, subject, "options: --privileged", place)
    else:
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
