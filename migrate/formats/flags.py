"""Command-line flags as the kubelet reads them (github.com/spf13/pflag), and the edit of a variable that holds them."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from migrate.formats import FormatError, words

FORMAT = "flags"


@dataclass(frozen=True, slots=True)
class GivenFlag:
    """One occurrence: `name` without dashes, `_` as `-`; `value` is None for a bare boolean; `start:end` are indices of words."""

    name: str
    value: str | None
    start: int
    end: int


def parse_flags(args: Sequence[str], booleans: Collection[str] = frozenset()) -> tuple[GivenFlag, ...]:
    """All flags in order; words that are no flag are passed over, and `--` ends the flags.

    `booleans` names the flags that never take the next word (pflag's NoOptDefVal). Raises FormatError for what pflag refuses.
    """
    found: list[GivenFlag] = []
    at = 0
    while at < len(args) and args[at] != "--":
        arg = args[at]
        if arg.startswith("--"):
            at = _long(args, at, booleans, found)
        elif arg.startswith("-") and arg != "-":
            at = _short(args, at, booleans, found)
        else:
            at += 1
    return tuple(found)


def last(flags: Sequence[GivenFlag], name: str) -> GivenFlag | None:
    """The occurrence that is in force, the last one; None where the flag is not given."""
    return next((f for f in reversed(flags) if f.name == normal(name)), None)


def normal(name: str) -> str:
    """A flag's name as the kubelet compares it (component-base's WordSepNormalizeFunc)."""
    return name.replace("_", "-")


Split = Callable[[str], tuple[words.Word, ...]]


def edit_flags(
    text: str,
    remove: Collection[str],
    set: Mapping[str, str],
    booleans: Collection[str] = frozenset(),
    *,
    split: Split = words.split_variable,
) -> str:
    """The value of a flags variable such as KUBELET_KUBEADM_ARGS, without some flags and with others set, each once.

    `split` is how systemd cuts the text into words: `words.split` for an ExecStart= value itself.

    A flag that is set keeps the place of its last occurrence, or comes last; all other words keep their bytes.
    Raises FormatError where a flag is in both, or the text cannot be read.
    """
    wanted = {normal(name): value for name, value in set.items()}
    dropped = frozenset(normal(name) for name in remove)
    if both := dropped & wanted.keys():
        raise FormatError(FORMAT, f"--{min(both)} is to be removed and to be set")
    found = split(text)
    flags = parse_flags([w.text for w in found], booleans)
    result = text
    for flag in reversed(flags):
        in_force = last(flags, flag.name) is flag
        if flag.name in dropped or (flag.name in wanted and not in_force):
            result = _cut(result, found, flag)
        elif flag.name in wanted and wanted[flag.name] != flag.value:
            result = result[: found[flag.start].start] + _written(flag.name, wanted[flag.name]) + result[found[flag.end - 1].end :]
    missing = [_written(name, value) for name, value in wanted.items() if last(flags, name) is None]
    return _prove(_append(result, missing, split), wanted, dropped, flags, booleans, split)


def _append(text: str, missing: Sequence[str], split: Split) -> str:
    found = split(text)
    if not missing:
        return text
    kept = text[: found[-1].end] if found else ""
    lines = re.findall(r"[ \t]{0,80}\\\r?\n[ \t]{0,80}", kept)  # a value over several lines goes on over more
    return (lines[-1] if lines else " ").join([kept, *missing] if kept else missing)


def _written(name: str, value: str) -> str:
    return words.quote(f"--{name}={value}")


def _cut(text: str, found: Sequence[words.Word], flag: GivenFlag) -> str:
    """The text without a flag's words and one of the gaps beside them; words further right may be gone already."""
    start, end = found[flag.start].start, found[flag.end - 1].end
    gap = re.match(r"(?:[ \t\n\r]|\\\r?\n)*", text[end:])
    following = end + (gap.end() if gap else 0)
    if following < len(text) or flag.start == 0:
        return text[:start] + text[following:]
    return text[: found[flag.start - 1].end] + text[end:]


def _prove(
    text: str, wanted: Mapping[str, str], dropped: Collection[str], before: Sequence[GivenFlag], booleans: Collection[str], split: Split
) -> str:
    after = parse_flags([w.text for w in split(text)], booleans)
    others = [(f.name, f.value) for f in before if f.name not in dropped and f.name not in wanted]
    kept = [(f.name, f.value) for f in after if f.name not in wanted]
    if kept != others or sorted((f.name, f.value or "") for f in after if f.name in wanted) != sorted(wanted.items()):
        raise FormatError(FORMAT, f"the edit would change other flags than {', '.join(sorted({*wanted, *dropped}))}; edit it by hand")
    return text


def _long(args: Sequence[str], at: int, booleans: Collection[str], found: list[GivenFlag]) -> int:
    name, equals, value = args[at][2:].partition("=")
    if not name or name.startswith("-"):
        raise FormatError(FORMAT, f"bad flag syntax: {args[at]}")
    return _take(args, at, normal(name), value if equals else None, booleans, found)


def _short(args: Sequence[str], at: int, booleans: Collection[str], found: list[GivenFlag]) -> int:
    letters = args[at][1:]
    while letters:
        name, letters = letters[0], letters[1:]
        if letters.startswith("=") and len(letters) > 1:
            return _take(args, at, name, letters[1:], booleans, found)
        if name not in booleans:
            return _take(args, at, name, letters or None, booleans, found)
        found.append(GivenFlag(name, None, at, at + 1))
    return at + 1


def _take(args: Sequence[str], at: int, name: str, value: str | None, booleans: Collection[str], found: list[GivenFlag]) -> int:
    end = at + 1
    if value is None and name not in booleans:
        if end == len(args):
            raise FormatError(FORMAT, f"the flag {name} needs a value")
        value, end = args[end], end + 1
    found.append(GivenFlag(name, value, at, end))
    return end
