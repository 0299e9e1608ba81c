"""The rules as text for people: docs/rules.md, and one rule's page for `docker2cri explain CODE`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from migrate.rules import Rule
from migrate.rules.table import RULES
from migrate.rules.text import OF_TARGET, PLACEHOLDER
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO

WIDTH = 100
FAMILIES = (
    ("D2C1", "The node, Docker and the host"),
    ("D2C2", "The kubelet and its installer"),
    ("D2C3", "Workloads"),
    ("D2C4", "Images and disk"),
    ("D2C5", "Network"),
    ("D2C6", "The target"),
    (("D2C70", "D2C71"), "Files"),
    (("D2C72", "D2C73"), "What a drain needs of the other nodes"),
    ("D2C8", "Docker hosts"),
    ("D2C9", "Removing Docker for good"),
)
_HEAD = """# Rules

Generated from `migrate/rules`; `make docs` writes it again. Each rule looks at one node and says what it saw, with its place.

A **blocker** stops the migration of its node. Those marked *acceptable* can be accepted, with a reason that plan and report keep:
`docker2cri plan TARGET --accept D2C301="builds moved to BuildKit" NODE --out plan.json`. All others must be fixed. A **warning** asks to
be read (one that is *acceptable* lets the plan do more once it is accepted);
an **info** is for the record. `docker2cri explain CODE` shows one rule. In remedies NODE is the node's name, TARGET is the
target as it is asked for (`--to containerd`, `--to crio`), and UNIT, ENDPOINT, SOCKET, PROGRAM and PACKAGES are its unit, CRI endpoint,
socket, program and packages; findings have them filled. Type lines that end in `# on the node` there, as root.
"""


def rules_page(rules: Iterable[Rule] = RULES) -> str:
    """All rules as one Markdown page: a table of contents, then each family with its rules."""
    rules = tuple(rules)
    parts = [_HEAD, "| code | rule | severity | what |\n|---|---|---|---|\n" + "".join(map(_row, rules))]
    for prefixes, title in FAMILIES:
        family = [rule for rule in rules if rule.code.startswith(prefixes)]
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
        f"Remedy\n{_indented(rule.remedy + _placeholders(rule.remedy))}",
        f"Sources\n{_indented(rule.sources)}",
    )
    return "\n\n".join(parts) + "\n"


def _placeholders(remedy: str) -> str:
    """What the placeholders of the target stand for, as a paragraph of its own; empty where there are nrule."""
    used = [name for name in PLACEHOLDER.findall(remedy) if name in OF_TARGET]
    told = (
        f"{name} is {' or '.join(dict.fromkeys(OF_TARGET[name](target) for target in (CONTAINERD, CRIO)))}" for name in dict.fromkeys(used)
    )
    return f"\n\n{'; '.join(told)}." if used else ""


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
