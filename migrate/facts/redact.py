"""Secrets out of a reading: `mask` for any text, `redact` for a capture, `redact_cluster` for the API's answers; `printable` for terminals.

Only values go; keys, lines, quotes and brackets stay, so that a redacted capture gives the same facts. A secret is known by its key (of
JSON, YAML, TOML, env files, command lines: one that ends in `password`, `token`, `auth` ...), by its form (URL userinfo, PEM private key,
kubeadm bootstrap token, JWT, vendors' tokens), or by having been found so elsewhere in the same capture. In doubt more is masked, not less.
Sources: `[a-z0-9]{6}.[a-z0-9]{16}` is k8s.io/cluster-bootstrap/token/api; `auth`, `password`, `identitytoken`, `registrytoken` are the keys
of docker's config.json (docker/cli cli/config/types) and of containerd's registry.configs (docs/cri/registry.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from migrate.facts.capture import Capture, CommandReading, PathReading
from migrate.facts.cluster import ClusterFacts

MASK = "REDACTED"
_PASSES = 8
_BEFORE = 120  # characters before a key that are looked at

_SECRET = (
    r"(?:passwords?|passwd|passphrase|secrets?|tokens?|bearer|credentials?|cookie|psk|auth(?:orization)?|username|key-data"
    r"|(?:api|access|account|secret|private|encryption|signing|license|storage|shared|master)[_-]?key(?:[_-]?id)?"
    r"|(?<=[_-])(?:pwd|pass)|(?<![a-z])pass|(?<=;)pwd|(?<=_)key|sshpass)"
)
_FLAGS = re.IGNORECASE | re.ASCII
# What stands before a secret value: its key; the name of a name/value pair; a flag whose value is the next word.
_KEY = re.compile(rf"""{_SECRET}(?P<quote>\\*["'])?\]?[ \t]*(?P<sep>=>|=|:)(?P<space>[ \t]*)""", _FLAGS)
_PAIR = re.compile(
    rf"""\bname\\*["']?[ \t]*:[ \t]*\\*["']?[\w.-]{{0,80}}?{_SECRET}\\*+["']?+\s{{0,20}}+,?+\s{{0,80}}+\\*+["']?+"""
    r"""(?P<key>value)(?P<quote>\\*["'])?[ \t]*:[ \t]*""",
    _FLAGS,
)
_FLAG = re.compile(rf"""(?<![\w-])--?[\w-]{{0,60}}?{_SECRET}(?:[ \t\0]+|\\*["'],\s*(?=\\*["'])|\n[ \t]*-[ \t]+)(?![-=:])""", _FLAGS)
_LOGIN = re.compile(r"""\b(?:login|sshpass)\b[^\n\0]{0,200}?[ \t]-p[ \t=]*(?!-)""", _FLAGS)

_OPENING = re.compile(r"\"{3}|'{3}|\\*[\"']")
_QUOTE = re.compile(r"""(?<!\\)(\\*)(["'\n\0])""")
_OPEN_BEFORE = re.compile(r"""(?<!\w)(\\*["'])[\w.-]*\Z""", re.ASCII)
_LINE_START = re.compile(r"(?:(?:\A|\n)[ \t]*(?:export[ \t]+|-[ \t]+)?(?!-)|\0)[\w.-]*\Z", re.ASCII)
_LINE = re.compile(r"[^\n\0]*")
_WORD = re.compile(r'[^\s\0"]*', re.ASCII)
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}[ \t]*\n((?:[ \t]+[^\n]*(?:\n|\Z)|\n)*+)", re.ASCII)
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*", re.ASCII)
# nothing to hide: switches, references to a variable, a mask
_PATH = re.compile(r"/(?:[\w.-]+/)*[\w.-]+", re.ASCII)
# lists of these keys are names: of Compose's and Kubernetes' secrets, of Docker's authorization plugins
_NAMES = ("secrets", "authorization")
_LIST_BYTES = 16 * 1024
_BETWEEN = re.compile(r"[\s,]*")
_ITEM = re.compile(r"""[^\s,\[\]{}"'\0]+""")
_LISTED = re.compile(r"\n[ \t]*-[ \t]+([^\n]*)")
_PLAIN = re.compile(rf"(?:true|false|null|none|nil|~|0|\*+|x{{5}}|\$\{{?[\w]+\}}?|\$\([\w.-]+\)|<[^>]*>|{MASK})?", _FLAGS)

_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(.*?)(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_USERINFO = re.compile(
    r"""(?:\b(?P<web>https?)|\b[a-z][a-z0-9+.-]{0,30})://(?P<user>[^\s\0/"'<>@:]{0,500})(?::(?P<word>[^\s\0/"'<>]{0,500}))?@""", _FLAGS
)
_BARE_PROXY = re.compile(r"""proxy\\*["']?[ \t]*[=:][ \t]*\\*["']?(?P<user>[^\s\0/"'<>@:]{1,500}):(?P<word>[^\s\0/"'<>]{0,500})@""", _FLAGS)
# a login before a host that no scheme announces: of MySQL (`tcp(`), of a proxy; `name:tag@sha256:` is an image
_BARE_LOGIN = re.compile(
    r"""(?<![\w/:.@-])(?!(?:mailto|sips?|xmpp|acct):)(?P<user>[a-z][\w.+-]{0,60}):(?P<word>[^\s\0/"'<>@:]{3,200})@(?!sha\d+:)"""
    r"""(?=localhost\b|tcp\(|unix\(|[a-z0-9][\w-]{0,60}(?:\.[\w-]|:\d))""",
    _FLAGS,
)
_FORMS = re.compile(
    r"(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])"
    r"|(?<![\w-])(?=[\w-]*\beyJ)[\w-]{11,}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\b(?:glpat-|dckr_pat_|github_pat_|sha256~)[\w-]{20,}"
    r"|(?i:(?<=\bbearer )|(?<=\bbasic ))[\w.~+/=-]{8,}"
    r"|(?<=[?&]sig=)[\w%+/=-]{8,}",
    re.ASCII,
)

# CSI; then OSC, DCS and their kind up to their end on the same line; then any other escape (ECMA-48 5.3, 5.4, 8.3)
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x80-\x9f\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# controls but tab and line end; marks that turn the direction of text or stand unseen
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_HALF = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without terminal escapes, control characters and unseen marks; tabs and line ends stay, half a pair becomes U+FFFD."""
    return _HALF.sub("\ufffd", _CONTROL.sub("", _ESCAPE.sub("", text)))


def mask(text: str) -> str:
    """The text without the secrets that it shows; masking twice changes nothing more."""
    return _mask(text, set())


def redact(capture: Capture) -> Capture:
    """The capture without secrets, marked `redacted`; sizes, modes and line counts stay as they were read."""
    found: set[str] = set()
    once = _each(capture, lambda text: _mask(text, found))
    known = sorted((secret for secret in found if _distinct(secret)), key=lambda secret: (-len(secret), secret))
    if known:
        pattern = re.compile("|".join(map(re.escape, known)))
        once = _each(once, lambda text: mask(pattern.sub(MASK, text)))
    return replace(once, redacted=True)


def redact_cluster(facts: ClusterFacts) -> ClusterFacts:
    """The API's answers without the secrets that commands, arguments, labels and messages show."""
    return msgspec.convert(_walk(msgspec.to_builtins(facts)), ClusterFacts)


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _walk(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, str) and "\0" not in item for item in value):
            return mask("\0".join(value)).split("\0")  # an argv: a secret may be the word after its flag
        return [_walk(item) for item in value]
    return value


def _each(capture: Capture, change: Any) -> Capture:
    def data(value: bytes) -> bytes:
        # surrogateescape gives bytes that are no UTF-8 back as they were
        return str(change(value.decode("utf-8", "surrogateescape"))).encode("utf-8", "surrogateescape")

    def command(reading: CommandReading) -> CommandReading:
        return replace(
            reading, stdout=data(reading.stdout), stderr=data(reading.stderr), skipped=reading.skipped and change(reading.skipped)
        )

    def path(reading: PathReading) -> PathReading:
        return replace(reading, data=None if reading.data is None else data(reading.data), error=reading.error and change(reading.error))

    return replace(
        capture,
        commands={key: command(reading) for key, reading in capture.commands.items()},
        paths={key: path(reading) for key, reading in capture.paths.items()},
    )


def _distinct(secret: str) -> bool:
    """Whether a value found once may be searched everywhere: a user called `kubernetes` must not blot out every other word."""
    return len(secret) >= 8 and bool(re.search(r"[0-9]", secret) and re.search(r"[A-Za-z]", secret)) and not secret.startswith("/")


def _mask(text: str, found: set[str]) -> str:
    for _ in range(_PASSES):
        before = text
        text = _PEM.sub(lambda pem: pem[1] + _blank(pem[2]) + pem[3], text)
        text = _replace(text, _spans(text), found)
        if text == before:
            break
    return text


def _blank(lines: str) -> str:
    return re.sub(r"[^\s\0](?:[^\n\0]*[^\s\0])?", MASK, lines, flags=re.ASCII)


def _replace(text: str, spans: Iterator[tuple[int, int]], found: set[str]) -> str:
    pieces = []
    at = 0
    for start, end in sorted(spans):
        if start < at:
            continue
        value = text[start:end]
        if "\n" in value or "\0" in value:
            put = _blank(value)
        else:
            found.add(value)
            put = "0" if _NUMBER.fullmatch(value) else MASK
        pieces += [text[at:start], put]
        at = end
    return "".join([*pieces, text[at:]])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the secret values of a text stand, in any order, perhaps overlapping."""
    for pattern in (_USERINFO, _BARE_PROXY, _BARE_LOGIN):
        for url in pattern.finditer(text):
            if url["word"] is not None or url["web"]:
                yield from _unless_plain(text, *url.span("user"))
            if url["word"] is not None:
                yield from _unless_plain(text, *url.span("word"))
    for form in _FORMS.finditer(text):
        yield from _unless_plain(text, *form.span())
    yield from _key_values(text)
    for pair in _PAIR.finditer(text):
        yield from _unless_plain(text, *_value(text, pair.start("key"), pair.end(), closed=pair["quote"] is not None, colon=True))
    for pattern in (_FLAG, _LOGIN):
        for flag in pattern.finditer(text):
            yield from _unless_plain(text, *_value(text, flag.start(), flag.end(), closed=True, colon=False))


def _key_values(text: str) -> Iterator[tuple[int, int]]:
    """The values that stand after a secret's key. A key inside a value that goes is not asked again: time would grow with the square."""
    gone = 0
    for key in _KEY.finditer(text):
        if key.end() < gone:
            continue
        spans = [] if key[0].lower().startswith(_NAMES) else list(_items(text, key.end(), key["sep"] == ":"))
        # `name:tag` of an image is no key and its value
        if not spans and (key["sep"] != ":" or key["quote"] or key["space"]):
            start, end = _value(text, key.start(), key.end(), closed=key["quote"] is not None, colon=key["sep"] == ":")
            is_file = key[0].lower().startswith("key") and _PATH.fullmatch(text, start, end)  # SERVER_KEY=/etc/server.key
            spans = [] if is_file else [(start, end)]
        for start, end in spans:
            for span in _unless_plain(text, start, end):
                gone = max(gone, end)
                yield span


def _unless_plain(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if not _PLAIN.fullmatch(text, start, end):
        yield start, end


def _items(text: str, at: int, colon: bool) -> Iterator[tuple[int, int]]:
    """The spans of the scalars of the list that begins at `at`: in brackets, or (after a colon) of YAML's lines."""
    if colon and text[at : at + 1] == "\n":
        while (line := _LISTED.match(text, at)) and not re.search(r":(?: |\Z)", line[1]):
            value = line.start(1)
            opening = _OPENING.match(text, value)
            yield (opening.end(), _closing(text, opening[0], opening.end())) if opening else (value, _end(_LINE, text, value))
            at = line.end()
        return
    if text[at : at + 1] != "[":
        return
    scan, last = at + 1, at + _LIST_BYTES
    while scan < last:
        scan = _BETWEEN.match(text, scan).end()  # type: ignore[union-attr]  # matches nothing, too
        if opening := _OPENING.match(text, scan):
            end = _closing(text, opening[0], opening.end())
            yield opening.end(), end
            scan = end + len(opening[0])
        elif word := _ITEM.match(text, scan):
            yield word.span()
            scan = word.end()
        else:
            return


def _value(text: str, key: int, at: int, *, closed: bool, colon: bool) -> tuple[int, int]:
    """The span of the value at `at` whose key starts at `key`; `closed`: the key's own quote, if any, ended with the key."""
    if text[at : at + 1] in ("{", "["):
        return at, at
    if colon and (block := _BLOCK.match(text, at)):
        return block.span(1)
    if opening := _OPENING.match(text, at):
        return opening.end(), _closing(text, opening[0], opening.end())
    before = text[max(0, key - _BEFORE) : key]
    if not closed and (opened := _OPEN_BEFORE.search(before)):
        return at, _closing(text, opened[1], at)
    if not closed and _LINE_START.search(before if key <= _BEFORE else "." + before):
        return at, _end(_LINE, text, at)
    return at, _end(_WORD, text, at)


def _closing(text: str, quote: str, at: int) -> int:
    """Where the value ends that began after `quote`: before the same quote, or with the line when that never comes.

    Text inside text (JSON in a JSON string) has its quotes escaped: the closing one has as many backslashes as the opening one, after
    any number of escaped backslashes; a quote written twice stands for itself (YAML, SQL, and shell words that touch).
    """
    if len(quote) == 3 and "\\" not in quote:
        end = text.find(quote, at)
        return end if end >= 0 else len(text)
    depth = len(quote) - 1
    scan = at
    while (found := _QUOTE.search(text, scan)) and found[2] in "\"'":
        scan = found.end()
        if found[2] == quote[-1] and len(found[1]) % (2 * depth + 2) == depth:
            if depth or found[1] or text[scan : scan + 1] != quote:
                return found.end() - len(quote)
            scan += 1
    return _end(_LINE, text, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the line or word at `at` ends, without what follows a value there: the backslash of a continued line, closing marks."""
    found = pattern.match(text, at)
    value = found[0] if found else ""
    if pattern is _LINE:
        return at + len(value.rstrip(" \t\r").removesuffix("\\").rstrip(" \t"))
    return at + len(value.rstrip("\\'`,;)}]"))
