"""Dockerfiles: images that bring Docker's command, call it, or run a daemon of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.formats import FormatError, image_ref
from migrate.manifests.model import Kind, Problem, Trouble, Use
from migrate.manifests.shell import matches
from migrate.manifests.text import Text

NAME = re.compile(r"(?:Docker|Container)file(?:[.-][\w.-]+)?|[\w.-]+\.(?:dockerfile|containerfile)", re.IGNORECASE)
SUBJECT = "Dockerfile"
_DIRECTIVE = re.compile(r"#[ \t]*escape[ \t]*=[ \t]*([`\\])[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)")
_COPY = re.compile(r"--from=(\S+)")
_KNOWN = frozenset(
    "FROM ARG RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ONBUILD STOPSIGNAL HEALTHCHECK SHELL".split()
)
_TOOL = frozenset({"docker", "dind", "docker-cli"})


def dockerfile(source: Text) -> Iterator[Use | Problem]:
    """The uses of every instruction; a file whose first instruction is none is a problem."""
    first = True
    for word, rest, at, offset in _instructions(source.text):
        if word not in _KNOWN or (first and word not in ("FROM", "ARG")):
            why = f"{word[:20]!r} stands where {'FROM or ARG' if first else 'an instruction'} was expected"
            yield Problem(Trouble.BROKEN, SUBJECT, why, source.place(at))
            return
        first = False
        yield from _uses(word, rest, offset, source)


def _uses(word: str, rest: str, at: int, source: Text) -> Iterator[Use]:
    if word == "FROM" and (found := _FROM.match(rest)):
        yield from _image(found[1], "is built from", at + found.start(1), source)
    elif word == "COPY" and (found := _COPY.search(rest)):
        yield from _image(found[1], "copies from", at + found.start(1), source)
    elif word in ("RUN", "CMD", "ENTRYPOINT", "ENV", "VOLUME", "HEALTHCHECK", "ARG", "ONBUILD"):
        plain = re.sub(r"[\[\]\",]", " ", rest) if rest.lstrip().startswith("[") else rest
        plain = re.sub(r"\bDOCKER_HOST\s", "DOCKER_HOST=", plain) if word in ("ENV", "ARG") else plain
        every = list(matches(plain))
        heavier = [match for match in every if match[0] is not Kind.CALL]
        for kind, evidence, offset in heavier or every:
            yield Use(kind, SUBJECT, f"{word} {evidence}", source.place(at + offset))


def _image(name: str, said: str, at: int, source: Text) -> Iterator[Use]:
    try:
        ref = image_ref.parse(name)
    except FormatError:  # a build stage, or one made of variables
        return
    if ref.path.rpartition("/")[2] in _TOOL:
        yield Use(Kind.DAEMON if "dind" in name else Kind.IMAGE, SUBJECT, f"{said} {name}", source.place(at))


def _instructions(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Each instruction: its word, what follows with continued lines joined by spaces, and the offsets of both."""
    escape = found[1] if (found := _DIRECTIVE.match(text)) else "\\"
    lines = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)").finditer(text)
    heredoc, begun, parts = "", -1, ""
    for line in lines:
        raw = line[0].rstrip("\r\n")
        if begun >= 0 and heredoc:
            parts += line[0]
            if raw.strip() == heredoc:
                yield from _one(parts, begun)
                heredoc, begun = "", -1
            continue
        if not raw.strip() or raw.lstrip().startswith("#"):
            parts += " " * len(line[0]) if begun >= 0 else ""
            continue
        begun, parts = (line.start(), "") if begun < 0 else (begun, parts)
        if raw.rstrip().endswith(escape):
            kept = raw.rstrip()[:-1]
            parts += kept + " " * (len(line[0]) - len(kept))
            continue
        parts += line[0]
        if opened := re.search(r"<<-?[\"']?(\w+)[\"']?", raw):
            heredoc = opened[1]
            continue
        yield from _one(parts, begun)
        begun = -1
    if begun >= 0:
        yield from _one(parts, begun)


def _one(parts: str, begun: int) -> Iterator[tuple[str, str, int, int]]:
    found = re.match(r"\s*(\S+)\s*", parts)
    if found:
        yield found[1].upper(), parts[found.end() :], begun + found.start(1), begun + found.end()
