"""Dockerfiles: images that bring Docker's command, call it, or run a daemon of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.env_value import LOOPBACK
from migrate.formats import FormatError, image_ref
from migrate.manifests.model import Kind, Problem, Trouble, Use
from migrate.manifests.shell import OWN_DAEMONS, matches
from migrate.manifests.text import Text

NAME = re.compile(r"(?:Docker|Container)file|[\w.-]+\.(?:dockerfile|containerfile)", re.IGNORECASE)
LIKE = re.compile(r"(?:Docker|Container)file[._-][\w.-]+|[\w.-]+[_-](?:Docker|Container)file", re.IGNORECASE)
"""Names of Dockerfiles and of other files too (`dockerfile.go`): `begins` decides."""
SUBJECT = "Dockerfile"
_DIRECTIVE = re.compile(r"#[ \t]*escape[ \t]*=[ \t]*([`\\])[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(r"(?:--\S+\s+)*+(\S+)")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_WORD = re.compile(r"\s*(\S+)\s*")
_COPY = re.compile(r"--from=(\S+)")
_KNOWN = frozenset(
    "FROM ARG RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ONBUILD STOPSIGNAL HEALTHCHECK SHELL".split()
)
_HEAD = re.compile(rb"(?:\s|#[^\n]*\n)*(?:FROM|ARG)[ \t]+\S", re.IGNORECASE)
_SURE = re.compile(rb"(?:\s|#[^\n]*\n)*(?:ARG [^\n]*\n\s*){0,20}FROM (?:--\S+ )*\S+(?: (?:AS|as) \S+)?[ \t]*\r?\n")
_SECOND = re.compile(rb"^(?:RUN|CMD|COPY|ADD|ENTRYPOINT|ENV|LABEL|WORKDIR|USER|EXPOSE|VOLUME|ARG|MAINTAINER) \S", re.MULTILINE)
_TOOL = frozenset({"docker", "dind", "docker-cli"})


def begins(head: bytes) -> bool:
    """Whether the first instruction of a text is one that a Dockerfile begins with."""
    return _HEAD.match(head) is not None


def looks_like(head: bytes) -> bool:
    """Whether a text under any name is a Dockerfile: FROM first, and another instruction below it."""
    return (found := _SURE.match(head)) is not None and _SECOND.search(head, found.end()) is not None


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
        every = list(matches(plain, OWN_DAEMONS | LOOPBACK))
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
    heredoc, begun, parts = "", -1, list[str]()
    for line in _LINE.finditer(text):
        raw = line[0].rstrip("\r\n")
        if begun >= 0 and heredoc:
            parts.append(line[0])
            if raw.strip() == heredoc:
                yield from _one(parts, begun)
                heredoc, begun = "", -1
            continue
        if not raw.strip() or raw.lstrip().startswith("#"):
            if begun >= 0:
                parts.append(" " * len(line[0]))
            continue
        begun, parts = (line.start(), []) if begun < 0 else (begun, parts)
        if raw.rstrip().endswith(escape):
            kept = raw.rstrip()[:-1]
            parts += [kept, " " * (len(line[0]) - len(kept))]
            continue
        parts.append(line[0])
        if opened := _HEREDOC.search(raw):
            heredoc = opened[1]
            continue
        yield from _one(parts, begun)
        begun = -1
    if begun >= 0:
        yield from _one(parts, begun)


def _one(parts: list[str], begun: int) -> Iterator[tuple[str, str, int, int]]:
    text = "".join(parts)
    if found := _WORD.match(text):
        yield found[1].upper(), text[found.end() :], begun + found.start(1), begun + found.end()
