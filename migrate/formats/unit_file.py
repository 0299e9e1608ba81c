"""systemd unit files and drop-ins: read, merged, and edited line by line.

Sources: systemd.syntax(7), systemd.unit(5), src/shared/conf-parser.c; compared with the library of systemd 252 in the tests.
A comment line inside a continued value is skipped, as systemd does today (219 took its words for part of the value); a
comment that ends in a backslash hid the next line there, and is refused.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.formats import FormatError, specifiers, words

FORMAT = "unit file"
# systemd.unit(5): "Dependencies (After=, etc.) cannot be reset to an empty list".
DEPENDENCIES = frozenset(
    {
        *("After", "Before", "Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Upholds", "Conflicts", "OnFailure", "OnSuccess"),
        *("PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf"),
        *("RequiresMountsFor", "WantsMountsFor"),
    }
)
_SPACE = " \t\n\r"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FAMILIES = ("Condition", "Assert")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class UnitEntry:
    """One assignment: `value` has continued lines joined; `start:end` spans whole lines, `value_start:value_end` the raw value."""

    section: str
    key: str
    value: str
    line: int
    start: int
    value_start: int
    value_end: int
    end: int


@dataclass(frozen=True, slots=True)
class UnitSetting:
    """One value that is in force in a merged unit, and the file and line that it comes from."""

    section: str
    key: str
    value: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class UnitVariable:
    """One variable that `Environment=` sets, and where; `open`: see specifiers.Resolved."""

    name: str
    value: str
    path: str
    line: int
    open: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A word of `Environment=` that systemd ignores because of a specifier: its name (without the value) and where it stands."""

    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """A file that `EnvironmentFile=` names (its path may be a glob), whether it may be absent, and where it is named."""

    file: str
    optional: bool
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A fragment with its drop-ins: the settings in force, in the order in which systemd reads them."""

    settings: tuple[UnitSetting, ...]

    def all(self, section: str, key: str) -> tuple[UnitSetting, ...]:
        """Every setting of a key that may be given several times."""
        return tuple(s for s in self.settings if s.section == section and s.key == key)

    def last(self, section: str, key: str) -> UnitSetting | None:
        """The setting of a key that holds one value; None where it is at its default."""
        return next(iter(self.all(section, key)[-1:]), None)

    def names(self, section: str, key: str) -> tuple[str, ...]:
        """The words of all settings of a key, such as the units that `After=` names."""
        return tuple(w.text for s in self.all(section, key) for w in words.split(s.value))


def parse(text: str) -> tuple[UnitEntry, ...]:
    """All assignments in file order; those before the first section header are ignored, as systemd does.

    Raises FormatError for a line that is neither header, assignment nor comment, and what systemd releases read differently.
    """
    if "\0" in text or re.search(r"\r(?!\n)", text):
        raise FormatError(FORMAT, "holds a NUL or a carriage return inside a line")
    found: list[UnitEntry] = []
    section: str | None = None
    begun: re.Match[str] | None = None
    pieces: list[str] = []
    hiding: int | None = None
    for number, line in enumerate(_LINE.finditer(text), 1):
        piece = line[0].rstrip("\r\n")
        continued = words.ends_escaped(piece)
        if piece.lstrip(_SPACE)[:1] in ("#", ";"):
            hiding = number if continued and begun is None else None
            continue
        if hiding is not None and piece.strip(_SPACE):
            raise FormatError(FORMAT, "this comment ends in a backslash, which hides the next line from older systemd; remove it", hiding)
        hiding = None
        begun = begun or line
        pieces.append(piece[:-1] + " " if continued else piece)
        if continued:
            continue
        first_line = number - text.count("\n", begun.start(), line.start())
        logical = "".join(pieces).strip(_SPACE)
        if logical.startswith("["):
            if not logical.endswith("]"):
                raise FormatError(FORMAT, f"the section header {logical!r} has no closing bracket", first_line)
            section = logical[1:-1]
        elif logical:
            entry = _entry(text, begun, line, logical, section, first_line)
            found.extend([entry] if section is not None else [])
        begun, pieces = None, []
    if begun is not None:
        line_number = text.count("\n", 0, begun.start()) + 1
        raise FormatError(FORMAT, "the text ends inside a continued line, which older systemd drops", line_number)
    return tuple(found)


def merge(fragment: tuple[str, str], dropins: Sequence[tuple[str, str]] = ()) -> UnitFile:
    """The unit that `(path, text)` of a fragment and of its drop-ins make, drop-ins in the order of `systemctl cat`.

    An empty assignment takes back what was set before it (of a Condition or Assert: the whole family), but never a dependency.
    """
    settings: list[UnitSetting] = []
    for path, text in (fragment, *dropins):
        for entry in parse(text):
            if entry.value:
                settings.append(UnitSetting(entry.section, entry.key, entry.value, path, entry.line))
            elif entry.section != "Unit" or entry.key not in DEPENDENCIES:
                reset = next((family for family in _FAMILIES if entry.key.startswith(family)), None)
                settings = [
                    s for s in settings if s.section != entry.section or not (s.key.startswith(reset) if reset else s.key == entry.key)
                ]
    return UnitFile(tuple(settings))


def environment(unit: UnitFile, systemd: int = 0) -> tuple[UnitVariable, ...]:
    """The variables that `Environment=` gives a service, each name once, `%%` resolved as this release of systemd does (0: not known).

    A word that is no assignment, or has a specifier that systemd refuses, is ignored, as systemd does. What its environment files set
    comes on top of these.
    """
    found: dict[str, UnitVariable] = {}
    for setting, text in _environment_words(unit):
        if taken := specifiers.resolve(text, systemd):
            name, equals, value = taken.text.partition("=")
            if equals and _NAME.fullmatch(name):
                found[name] = UnitVariable(name, value, setting.path, setting.line, taken.open)
    return tuple(found.values())


def ignored(unit: UnitFile, systemd: int = 0) -> tuple[Ignored, ...]:
    """The assignments of `Environment=` that systemd ignores because of a `%` that it does not know."""
    dropped = ((setting, text) for setting, text in _environment_words(unit) if specifiers.resolve(text, systemd) is None)
    return tuple(Ignored(text.partition("=")[0], setting.path, setting.line) for setting, text in dropped)


def _environment_words(unit: UnitFile) -> Iterator[tuple[UnitSetting, str]]:
    return ((setting, word.text) for setting in unit.all("Service", "Environment") for word in words.split(setting.value))


def environment_files(unit: UnitFile) -> tuple[EnvironmentFile, ...]:
    """The environment files of a service in reading order, the later one winning."""
    return tuple(
        EnvironmentFile(s.value.removeprefix("-"), s.value.startswith("-"), s.path, s.line) for s in unit.all("Service", "EnvironmentFile")
    )


def remove_words(text: str, section: str, key: str, drop: Collection[str]) -> str:
    """The text without these words in the values of a key; an assignment left without words loses its lines.

    It never leaves an empty assignment, which would take back earlier ones. Raises FormatError where a comment stands among the words cut.
    """
    result = text
    for entry in reversed(parse(text)):
        if (entry.section, entry.key) == (section, key):
            result = _without(result, entry, drop)
    expected = [(s, k, tuple(w for w in ws if (s, k) != (section, key) or w not in drop)) for s, k, ws in _all_words(text)]
    if [e for e in _all_words(result) if e[2]] != [e for e in expected if e[2]]:
        raise FormatError(FORMAT, f"the words of {key}= cannot be removed without changing others; edit this file by hand")
    return result


def replace_value(text: str, entry: UnitEntry, value: str) -> str:
    """The text with one entry's raw value replaced; it may go over several lines by backslashes, as it may have before.

    Raises FormatError for a value that an assignment cannot hold.
    """
    joined = re.sub(r"\\\r?\n", " ", value)
    if not joined or not _fits(joined):
        raise FormatError(FORMAT, f"{entry.key}= cannot hold {value!r}", entry.line)
    result = text[: entry.value_start] + value + text[entry.value_end :]
    if [e.value for e in parse(result)] != [e.value if e.start != entry.start else joined for e in parse(text)]:
        raise FormatError(FORMAT, f"{entry.key}= cannot be replaced without changing others; edit this file by hand", entry.line)
    return result


def render_dropin(sections: Mapping[str, Iterable[tuple[str, str]]]) -> str:
    """A drop-in of these sections with their `(key, value)` in order; an empty value is an empty assignment.

    Raises FormatError for anything that would not be read back as given.
    """
    given = {section: tuple(pairs) for section, pairs in sections.items()}
    wanted = [(section, key, value) for section, pairs in given.items() for key, value in pairs]
    blocks = [f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in pairs) for section, pairs in given.items()]
    text = "\n".join(blocks)
    if not all(_fits(value) for _, _, value in wanted) or [(e.section, e.key, e.value) for e in parse(text)] != wanted:
        raise FormatError(FORMAT, f"{text!r} would not be read back as it was meant")
    return text


def _all_words(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(e.section, e.key, tuple(w.text for w in words.split(e.value))) for e in parse(text)]


def _fits(value: str) -> bool:
    """Whether a line can hold a value as it is."""
    return value == value.strip(_SPACE) and not re.search(r"[\n\r\0]", value) and not words.ends_escaped(value)


def _entry(text: str, first: re.Match[str], last: re.Match[str], logical: str, section: str | None, number: int) -> UnitEntry:
    equals = first[0].find("=")
    if equals < 1 or not first[0][:equals].strip(_SPACE):
        raise FormatError(FORMAT, f"{logical!r} is no assignment", number)
    key, _, value = logical.partition("=")
    value_start = first.start() + equals + 1
    raw = text[value_start : last.end()].rstrip(_SPACE)
    while words.ends_escaped(raw):  # continued by a blank line
        raw = raw[:-1].rstrip(_SPACE)
    value_end = value_start + len(raw)
    value_start = min(value_start + len(raw) - len(raw.lstrip(" \t")), value_end)
    return UnitEntry(section or "", key.rstrip(_SPACE), value.strip(_SPACE), number, first.start(), value_start, value_end, last.end())


def _without(text: str, entry: UnitEntry, drop: Collection[str]) -> str:
    raw = text[entry.value_start : entry.value_end]
    found = words.split(raw)
    kept = [w for w in found if w.text not in drop]
    if len(kept) == len(found):
        return text
    if not kept:
        return text[: entry.start] + text[entry.end :]
    cut = raw
    for index in reversed(range(len(found))):
        if found[index].text in drop:
            after = any(w in kept for w in found[index + 1 :])
            start = found[index].start if after else found[index - 1].end
            stop = found[index + 1].start if after else found[index].end
            if re.search(r"\n[ \t]*[#;]", raw[start:stop]):
                raise FormatError(FORMAT, f"a comment stands among the words to remove from {entry.key}=", entry.line)
            cut = cut[:start] + cut[stop:]
    return text[: entry.value_start] + cut + text[entry.value_end :]
