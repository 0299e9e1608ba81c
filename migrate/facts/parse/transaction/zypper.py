"""zypper --xmlout: a summary with a list for each kind of change, messages, and prompts where it would ask.

It is read tag by tag and not by an XML parser: what other programs print to stderr stands among it, and it may end anywhere. zypper escapes
`<`, `>` and quotes in every text and attribute (zypper's /usr/share/zypper/xml/xmlout.rnc is its grammar), so a package's description
cannot look like a tag. Entities other than XML's own are not expanded, and a text that declares some is refused.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from migrate.facts.parse.transaction.answer import Simulation, merged
from migrate.facts.transaction import Change

_SUMMARY = re.compile(r"<install-summary\b([^<>]*)>(.*)</install-summary>", re.S)
_SECTION = re.compile(r"<(to-[a-z-]{1,40})>")
_SOLVABLE = re.compile(r"<solvable\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""(?<![a-z-])([a-z-]+)=(?:"([^"]*)"|'([^']*)')""")
_ERROR = re.compile(r"""<message type="error">([^<]*)</message>|<description>(Problem: [^<]*)</description>""")
# the way out that it would take by itself says what stands in the way (a lock, another package); the others are about doing without
_OTHER_WAYS = re.compile(r"^ *Solution 2:.*", re.S | re.M)
_FOREIGN = re.compile(r"i[3-6]86")

# 100 and above tell something else than a failure (zypper(8), EXIT CODES); these of a simulation that was done:
# 102 a boot and 103 a restart of zypper would be needed, 106 a repository could not be read and was left out.
DONE = (0, 102, 103, 106)


def read_zypper(text: str, rc: int) -> Simulation | str:
    """The answer, or what of it is not understood."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "it declares entities, which zypper never does"
    found = _SUMMARY.search(text)
    if found and rc in DONE:
        return _changes(found[1], found[2])
    problem = "\n".join(_OTHER_WAYS.sub("", html.unescape(error[1] or error[2])) for error in _ERROR.finditer(text))
    return Simulation(problem=problem) if problem else "neither changes nor an error"


def _changes(attributes: str, summary: str) -> Simulation | str:
    changes: list[Change] = []
    for kind, listed in _sections(summary):
        for solvable in map(_attributes, _SOLVABLE.findall(listed)):
            if solvable.get("type") != "package":
                continue
            name, version = solvable.get("name"), solvable.get("edition")
            if not name or not version:
                return f"a package in {kind} without a name or a version"
            if _FOREIGN.fullmatch(solvable.get("arch", "")):
                name = f"{name}.{solvable['arch']}"
            before = None if kind == "to-install" else solvable.get("edition-old", version)
            changes.append(Change(name, before, None if kind == "to-remove" else version))
    total = _attributes(attributes).get("packages-to-change", str(len(changes)))  # not before zypper 1.13.45
    if total != str(len(changes)):
        return f"its lists have {len(changes)} packages, its sum is another: {total}"
    return Simulation(merged(changes))


def _sections(summary: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (opened := _SECTION.search(summary, at)) and (end := summary.find(f"</{opened[1]}>", opened.end())) >= 0:
        yield opened[1], summary[opened.end() : end]
        at = end


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(double or single) for name, double, single in _ATTRIBUTE.findall(text)}
