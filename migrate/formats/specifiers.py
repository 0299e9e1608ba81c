"""`%` in the values of unit files: systemd puts something in the place of each specifier, and `%%` stands for one `%`.

Sources: systemd.unit(5), src/shared/specifier.c, config_parse_environ and config_parse_exec in src/core/load-fragment.c; which letters are
known was asked of 252 (`systemd-analyze verify`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT = "unit file"
STRICT_SINCE = 236  # up to 235 a specifier that is not known stayed as it stands
# those that no release knows; D, F and others became known or went between releases
UNKNOWN = frozenset("0123456789FKOQXZekxz")
_PERCENT = re.compile(r"%([A-Za-z0-9%])")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value with `%%` resolved; `open` is the first specifier that only systemd on the node can fill, which stays as it stands."""

    text: str
    open: str = ""


def resolve(text: str, systemd: int = 0) -> Resolved | None:
    """The value as this release of systemd takes it (0: not known, taken for a recent one); None where it refuses the value."""
    strict = not 0 < systemd < STRICT_SINCE
    found = [match[1] for match in _PERCENT.finditer(text)]
    if strict and UNKNOWN.intersection(found):
        return None
    still = next((f"%{letter}" for letter in found if letter != "%" and letter not in UNKNOWN), "")
    return Resolved(_PERCENT.sub(lambda match: "%" if match[1] == "%" else match[0], text), still)
