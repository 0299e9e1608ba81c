"""OpenSSH's known_hosts, judged as OpenSSH judges it (ssh 9.2, hostfile.c and sshconnect.c); pure, apart from `load` and `remember`."""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of one file: `marker` is empty, @cert-authority or @revoked; `blob` is the key in wire format."""

    patterns: str
    key_type: str
    blob: bytes
    marker: str
    where: str


class Standing(Enum):
    """What known_hosts says of a host key."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"
    NEEDS_CA = "vouched for by a certificate authority"


@dataclass(frozen=True, slots=True)
class HostKeyVerdict:
    """A standing and the line that decided it."""

    standing: Standing
    entry: KnownKey | None = None


def fingerprint(blob: bytes) -> str:
    """Give a key's fingerprint as ssh prints it: `SHA256:` and 43 characters of base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def lookup_name(host: str, port: int) -> str:
    """Give the name that known_hosts uses: bare on port 22, else `[host]:port`."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def parse(text: str, source: str) -> tuple[KnownKey, ...]:
    """Read the lines of a file; a line that OpenSSH would skip (no key, broken base64, an unknown marker) is skipped here too."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if (marker and marker not in _MARKERS) or len(words) < 3:
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except ValueError:  # binascii.Error is one, and so is what letters beyond ASCII raise
            continue
        found.append(KnownKey(words[0], words[1], blob, marker, f"{source}:{number}"))
    return tuple(found)


def load(paths: Iterable[str]) -> tuple[KnownKey, ...]:
    """Read every file that exists; raises OSError for one that exists and cannot be read."""
    found: list[KnownKey] = []
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        found += parse(text, path)
    return tuple(found)


def matches(patterns: str, name: str) -> bool:
    """Tell whether a line's host field covers a name: hashed, or a comma list with `*`, `?` and `!` (one negated match refuses all)."""
    if patterns.startswith("|1|"):
        return _matches_hash(patterns, name)
    hit = False
    for pattern in patterns.lower().split(","):
        if _glob(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            hit = True
    return hit


def judge(known: Sequence[KnownKey], host: str, port: int, blob: bytes, *, alias: str | None = None) -> HostKeyVerdict:
    """Say what the files hold about the key that a host showed.

    As in OpenSSH, a key unknown under `[host]:port` is looked for under the bare name too, where only a match counts; an alias
    (HostKeyAlias) is used alone. Plain keys only: a host that has nothing but a certificate authority's line is NEEDS_CA.
    """
    verdict = _judge_name(known, alias.lower() if alias else lookup_name(host, port), blob)
    if alias or port == 22 or verdict.standing is not Standing.UNKNOWN:
        return verdict
    bare = _judge_name(known, host.lower(), blob)
    return bare if bare.standing in (Standing.KNOWN, Standing.REVOKED, Standing.NEEDS_CA) else verdict


def key_types(known: Sequence[KnownKey], host: str, port: int, *, alias: str | None = None) -> tuple[str, ...]:
    """Name the types of the plain keys on file for a host, so that the client asks the server for one of these first."""
    names = (alias.lower(),) if alias else (lookup_name(host, port), host.lower())
    return tuple(dict.fromkeys(key.key_type for key in known if not key.marker and any(matches(key.patterns, name) for name in names)))


def line_for(name: str, key_type: str, blob: bytes, *, hashed: bool) -> str:
    """Write the line that remembers a key, the name hashed with a random salt if asked."""
    if hashed:
        salt = os.urandom(20)
        digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
        name = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    return f"{name} {key_type} {base64.b64encode(blob).decode()}\n"


def remember(path: str, line: str) -> None:
    """Append a line to a known_hosts file in one write, made with mode 0600 if it is new; raises OSError."""
    target = Path(path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ends_open = target.exists() and not target.read_bytes().endswith(b"\n") and target.stat().st_size > 0
    descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (("\n" if ends_open else "") + line).encode())
    finally:
        os.close(descriptor)


def _judge_name(known: Sequence[KnownKey], name: str, blob: bytes) -> HostKeyVerdict:
    mine = [key for key in known if matches(key.patterns, name)]
    for marker, standing in (("@revoked", Standing.REVOKED), ("", Standing.KNOWN)):
        for key in mine:
            if key.marker == marker and key.blob == blob:
                return HostKeyVerdict(standing, key)
    for marker, standing in (("", Standing.CHANGED), ("@cert-authority", Standing.NEEDS_CA)):
        for key in mine:
            if key.marker == marker:
                return HostKeyVerdict(standing, key)
    return HostKeyVerdict(Standing.UNKNOWN)


def _matches_hash(field: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in field.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _glob(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern of `*` and `?` says; the last `*` alone is tried again, so that many of them cost no more than one.

    fnmatch would read `[host]:port` as a character class.
    """
    at = read = 0
    star, resume = -1, 0
    while at < len(name):
        if read < len(pattern) and pattern[read] == "*":
            star, resume, read = read, at, read + 1
        elif read < len(pattern) and pattern[read] in ("?", name[at]):
            at, read = at + 1, read + 1
        elif star >= 0:
            resume += 1
            at, read = resume, star + 1
        else:
            return False
    return not pattern[read:].strip("*")
