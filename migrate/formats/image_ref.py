"""Image references by the grammar that Docker, containerd and CRI-O share (github.com/distribution/reference).

The tests hold answers of that library's own parser (docker/distribution v2.7.1, reference.ParseNormalizedNamed).
"""

import re
from dataclasses import dataclass, replace

from migrate.formats import FormatError

FORMAT = "image reference"
DEFAULT_DOMAIN = "docker.io"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A reference in full: `domain` "docker.io", `path` "library/nginx", `tag` and `digest` ("sha256:…") as written, or None."""

    domain: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """Domain and path."""
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> ImageRef:
    """A reference with `docker.io` and `library/` filled in, but no tag.

    Raises FormatError for what the grammar refuses: upper case in the path, a bare image ID, an unsupported digest.
    """
    if _IDENTIFIER.fullmatch(text):
        raise FormatError(FORMAT, f"{text!r} is an image ID, not a name")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise FormatError(FORMAT, f"{text!r} has no valid digest after @")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    if colon and name != rest and not _TAG.fullmatch(tag):
        raise FormatError(FORMAT, f"{text!r} has no valid tag after :")
    domain, path = _domain(name)
    if path != path.lower():
        raise FormatError(FORMAT, f"{text!r}: the repository must be lower case")
    if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path):
        raise FormatError(FORMAT, f"{text!r} is no image reference")
    if len(domain) + 1 + len(path) > _LONGEST_NAME:
        raise FormatError(FORMAT, f"the name of {text!r} is longer than {_LONGEST_NAME} characters")
    return ImageRef(domain, path, tag or None, digest or None)


def canonical(text: str) -> str:
    """The reference as containerd stores it: in full, with `:latest` where it has neither tag nor digest."""
    ref = parse(text)
    return str(ref if ref.tag or ref.digest else replace(ref, tag="latest"))


def stored_as(text: str) -> str:
    """As `canonical`; a text that is no reference stays as it is."""
    try:
        return canonical(text)
    except FormatError:
        return text


def without_tag(text: str) -> str:
    """A reference with a digest as containerd stores it, without its tag; any other text stays as it is."""
    try:
        ref = parse(text)
    except FormatError:
        return text
    return f"{ref.name}@{ref.digest}" if ref.digest else text


def _domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not (any(c in first for c in ".:") or first == "localhost"):
        first, rest = DEFAULT_DOMAIN, name
    if first == "index.docker.io":
        first = DEFAULT_DOMAIN
    return first, f"library/{rest}" if first == DEFAULT_DOMAIN and "/" not in rest else rest
