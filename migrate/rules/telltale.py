"""Words without which a rule about workloads has nothing to see in a document: what holds none of them need not be parsed.

A rule without words (`WorkloadRule.words`) may see anything, so that every document is parsed for it. The words are Kubernetes' keys and
parts of values that YAML never splits; a text that may hold escapes (`\\x64ocker`) is taken for one that holds them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.rules import Rule
from migrate.rules.ground import Ground
from migrate.rules.workload_rule import WorkloadRule

# What other kinds are read for: scripts, PersistentVolumes, Compose services
OTHERS = ("docker", "services image", "services build", "services extends")
_ESCAPED = re.compile(r"\\[xuU/\r\n]")


@dataclass(frozen=True, slots=True)
class Telltale:
    """What to look for: `pattern` finds each alternative's first word, `more` has the words that must be there too (none: it is enough)."""

    pattern: re.Pattern[str]
    more: Mapping[str, tuple[tuple[str, ...], ...]]

    def tells(self, text: str, start: int, end: int) -> bool:
        """Whether `text[start:end]` may hold something to see."""
        at = start
        while found := self.pattern.search(text, at, end):
            others = self.more.get(found[0])
            if others is None or any(all(text.find(word, start, end) >= 0 for word in words) for words in others):
                return True
            at = found.start() + 1
        return text.find("\\", start, end) >= 0 and _ESCAPED.search(text, start, end) is not None


def telltale(rules: Iterable[Rule], ground: Ground) -> Telltale | None:
    """The words of all the rules that apply, those of other kinds too; None when a rule may see anything."""
    words = [rule.words for rule in rules if isinstance(rule, WorkloadRule) and rule.applies(ground)]
    if None in words:
        return None
    found = {tuple(text.split()) for text in (*OTHERS, *(text for texts in words for text in texts or ()))}
    single = {first for first, *more in found if not more}
    more = {first: tuple(tuple(rest) for other, *rest in sorted(found) if other == first) for first, *rest in found if first not in single}
    every = {*single, *more}
    firsts = sorted(
        (word for word in every if not any(shorter in word for shorter in single - {word})), key=lambda word: (-len(word), word)
    )
    return Telltale(re.compile("|".join(map(re.escape, firsts))), more)
