"""The rules as text for people: docs/rules.md, and one rule's page for `docker2cri explain CODE`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

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
    ("D2C7", "Files"),
)
_HEAD = """# Rules

Generated from `migrate/rules`; `make docs` writes it again. Each rule looks at one node and says what it saw, with its place.

A **blocker** stops the migration of its node. Those marked *acceptable* can be accepted, with a reason that plan and report keep:
`docker2cri plan --to containerd --accept D2C301="builds moved to BuildKit" --out plan.json NODE`. All others must be fixed. A **warning**
asks to be read; an **info** is for the record. `docker2cri explain CODE` shows one rule. In remedies NODE is the node's name; lines that
end in `# on the node` are typed there, as root.
"""


def rules_page(rules: Iterable[Rule] = RULES) -> str:
    """All rules as one Markdown page: a table of contents, then each family with its rules."""
    rules = tuple(rules)
    parts = [_HEAD, "| code | rule | severity | what |\n|---|---|---|---|\n" + "".join(map(_row, rules))]
    for prefix, title in FAMILIES:
        family = [rule for rule in rules if rule.code.startswith(prefix)]
        if family:
            parts += [f"## {title}\n", *(_section(rule) for rule in family)]
    return "\n".join(parts)


def listing(rules: Iterable[Rule] = RULES) -> str:
    """All rules as a plain text table: code, severity, slug and what, one line each."""
    rows = [(rule.code, _severity(rule), rule.slug, rule.what) for rule in rules]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    return "".join(f"{code:{widths[0]}}  {severity:{widths[1]}}  {slug:{widths[2]}}  {what}\n" for code, severity, slug, what in rows)


def explain(rule: Rule) -> str:
    """One rule's page as plain text, wrapped for a terminal."""
    parts = (
        f"{rule.code} {rule.slug} ({_severity(rule)})",
        rule.what,
        f"Why\n{_indented(_sentence(rule.why))}",
        f"Remedy\n{_indented(rule.remedy)}",
        f"Sources\n{_indented(rule.sources)}",
    )
    return "\n\n".join(parts) + "\n"


def _row(rule: Rule) -> str:
    return (
        f"| [{rule.code}](#{rule.code.lower()}-{rule.slug}) | {rule.slug} | {_severity(rule)} | {rule.what.replace('|', chr(92) + '|')} |\n"
    )


def _section(rule: Rule) -> str:
    return "\n\n".join(
        (
            f"### {rule.code} {rule.slug}",
            f"*{_severity(rule)}.* {rule.what}",
            f"**Why.** {_sentence(rule.why)}",
            f"**Remedy.** {rule.remedy}",
            f"**Sources.** {rule.sources}",
            "",
        )
    )


def _severity(rule: Rule) -> str:
    return f"{rule.severity}, acceptable" if rule.acceptable else str(rule.severity)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _indented(text: str) -> str:
    """Indented by two and wrapped; paragraphs of commands keep their lines."""
    return "\n\n".join(_paragraph(paragraph) for paragraph in text.split("\n\n"))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return textwrap.indent(text, "  ")
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
