"""The rules as text for people: docs/rules.md, and one rule's page for `docker2cri explain CODE`."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable

from migrate.errors import UsageError
from migrate.rules import Rule
from migrate.rules.table import RULES

WIDTH = 100
FAMILIES = (
    ("D2C1", "The node, Docker and the host"),
    ("D2C2", "The kubelet and its installer"),
    ("D2C3", "Workloads"),
    ("D2C4", "Images and disk"),
    ("D2C5", "Network"),
    ("D2C6", "The new runtime"),
)
_HEAD = """# Rules

Generated from `migrate/rules`; `make docs` writes it again. Each rule looks at one node and says what it saw, with its place.

A **blocker** stops the migration of its node. Those marked *acceptable* can be accepted, with a reason that plan and report keep:
`docker2cri plan --to containerd --accept D2C301="builds moved to BuildKit" NODE`. All others must be mended. A **warning** asks to be
read; an **info** is for the record. `docker2cri explain CODE` shows one rule. In remedies NODE is the node's name; lines that end in
`# on the node` are typed there, as root.
"""


def rules_page(rules: Iterable[Rule] = RULES) -> str:
    """All rules as one Markdown page: a table of contents, then each family with its rules."""
    rules = tuple(rules)
    parts = [_HEAD, "| code | rule | severity | what |\n|---|---|---|---|\n" + "".join(map(_row, rules))]
    for prefix, title in FAMILIES:
        family = [one for one in rules if one.code.startswith(prefix)]
        if family:
            parts += [f"## {title}\n", *(_section(one) for one in family)]
    return "\n".join(parts)


def explain(code: str, rules: Iterable[Rule] = RULES) -> str:
    """One rule's page as plain text, by its code or its slug; raises UsageError for a name that no rule has."""
    rules = tuple(rules)
    found = next((one for one in rules if code.upper() == one.code or code.lower() == one.slug), None)
    if found is None:
        names = [name for one in rules for name in (one.code, one.slug)]
        near = difflib.get_close_matches(code.upper() if code.upper().startswith("D2C") else code.lower(), names, n=3)
        meant = f"docker2cri explain {near[0]}" if near else "docs/rules.md lists all rules"
        raise UsageError(seen=f"explain {code}: no rule has this code", expected="a code such as D2C301", next=meant)
    parts = (
        f"{found.code} {found.slug} ({_severity(found)})",
        found.what,
        f"Why\n{_indented(_sentence(found.why))}",
        f"Remedy\n{_indented(found.remedy)}",
        f"Sources\n{_indented(found.sources)}",
    )
    return "\n\n".join(parts) + "\n"


def _row(one: Rule) -> str:
    return f"| [{one.code}](#{one.code.lower()}-{one.slug}) | {one.slug} | {_severity(one)} | {one.what.replace('|', chr(92) + '|')} |\n"


def _section(one: Rule) -> str:
    return "\n\n".join(
        (
            f"### {one.code} {one.slug}",
            f"*{_severity(one)}.* {one.what}",
            f"**Why.** {_sentence(one.why)}",
            f"**Remedy.** {one.remedy}",
            f"**Sources.** {one.sources}",
            "",
        )
    )


def _severity(one: Rule) -> str:
    return f"{one.severity}, acceptable" if one.acceptable else str(one.severity)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _indented(text: str) -> str:
    """Indented by two and wrapped; paragraphs of commands keep their lines."""
    return "\n\n".join(_paragraph(one) for one in text.split("\n\n"))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return textwrap.indent(text, "  ")
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
