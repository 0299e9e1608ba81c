"""Which programs a command starts: the first word of each simple command, in scripts of `sh -c` and behind `sudo`, `env` and others too."""

from __future__ import annotations

import re
from collections.abc import Iterator

SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})
# Programs that run the words after them, and those of them that take an operand of their own before
WRAPPERS = frozenset(
    {
        *("sudo", "exec", "env", "nohup", "time", "timeout", "nice", "ionice", "setsid", "xargs", "command", "stdbuf", "busybox", "watch"),
        *("tini", "dumb-init", "catatonit", "su-exec", "gosu", "nsenter", "unshare", "chroot", "s6-setuidgid"),
    }
)
_OPERAND = frozenset({"timeout", "su-exec", "gosu", "chroot", "s6-setuidgid"})
_VALUED = frozenset({"-u", "-g", "-n", "-t", "-s", "-k", "-c", "-I", "-P", "-L"})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{", "("})
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_LONGEST = 20_000  # characters of a script that are read
_DEPTH = 4
_TOKEN = re.compile(
    r"""(?P<gap>[ \t\r]+|\\\n)|(?P<end>\n|;|\||&|\$?\(|\)|`)|(?P<note>\#[^\n]*)"""
    r"""|'(?P<single>[^']*)'?|"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"?|(?P<plain>\\.|[^\s;|&()`'"\\]+|[\s\S])""",
    re.DOTALL,
)
_INNER = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")

Words = tuple[str, ...]


def commands(argv: Words, depth: int = 0) -> Iterator[Words]:
    """Each simple command that an argument vector runs: its program and the words after it. A wrapper is one, and what it runs another."""
    words = argv if len(argv) != 1 else tuple(argv[0].split())  # a command line in one word, as people write it by mistake
    while words:
        name = words[0].rpartition("/")[2]
        if words[0] in _KEYWORDS or _ASSIGNED.match(words[0]):
            words = words[1:]
        elif name in WRAPPERS:
            yield words
            words = _wrapped(name, words[1:])
        else:
            break
    if not words:
        return
    script = _script(words) if words[0].rpartition("/")[2] in SHELLS else None
    if script is None or depth >= _DEPTH:
        yield words
        return
    for simple in _simple(script[:_LONGEST]):
        yield from commands(simple, depth + 1)


def programs(argv: Words) -> Iterator[str]:
    """The names of the programs that an argument vector starts, without their folders."""
    return (words[0].rpartition("/")[2] for words in commands(argv))


def _wrapped(name: str, words: Words) -> Words:
    """What a wrapper runs: the words after its options, with their values, and its own operand."""
    while words and (words[0].startswith("-") or _ASSIGNED.match(words[0])):
        words = words[2:] if words[0] in _VALUED else words[1:]
    return words[1:] if name in _OPERAND else words


def _script(words: Words) -> str | None:
    """The script of `sh -c`, None for a shell that runs a file."""
    for index, word in enumerate(words[1:], 1):
        if not word.startswith(("-", "+")):
            return None
        if "c" in word and not word.startswith("--"):
            return next(iter(words[index + 1 : index + 2]), None)
    return None


def _simple(script: str) -> Iterator[Words]:
    """The simple commands of a script, as words without their quotes; those of substitutions are commands of their own."""
    words, word = list[str](), None
    for token in _TOKEN.finditer(script):
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "note" and word is None:
            continue
        if kind in ("gap", "end"):
            if word is not None:
                words.append(word)
            word = None
            if kind == "end" and words:
                yield tuple(words)
                words = []
        else:
            word = (word or "") + text
            if kind == "double":
                for inner in _INNER.finditer(text):
                    yield from _simple(inner[1] or inner[2] or "")
    if word is not None:
        words.append(word)
    if words:
        yield tuple(words)
