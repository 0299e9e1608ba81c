"""The answer to `migrate.facts.package_managers.question`: what an installation would change, or why it cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate.facts.package_managers import MANAGERS, OWNED_BY_NONE
from migrate.facts.parse.transaction.answer import Simulation
from migrate.facts.parse.transaction.apt import read_apt
from migrate.facts.parse.transaction.rpm import read_rpm
from migrate.facts.parse.transaction.zypper import read_zypper
from migrate.facts.redact import mask, printable
from migrate.facts.transaction import Transaction
from migrate.facts.values import Unreadable

LONGEST = 400  # characters kept of what a manager says
LOOKED_AT = 4000  # characters of it that are looked at: a secret is masked before the cut

_READERS: Mapping[str, Callable[[str, int], Simulation | str]] = {"apt": read_apt, "dnf": read_rpm, "yum": read_rpm, "zypper": read_zypper}


def transaction(stdout: str, rc: int) -> Transaction | Unreadable:
    """What the script printed and its exit code, as a transaction.

    Unreadable where no manager was found, and where one printed what is not understood: then nothing is known of what it would do.
    """
    name, _, text = stdout.partition("\n")
    if name not in MANAGERS:
        none = f"none of {', '.join(MANAGERS)} is on this machine"
        return Unreadable("package manager", none if rc == OWNED_BY_NONE else f"exit code {rc}: {_sentence(stdout) or 'no message'}")
    answer = _READERS[name](text, rc)
    if isinstance(answer, str):
        return Unreadable(f"simulated installation by {name}", f"{answer}; exit code {rc}: {_sentence(text) or 'no message'}")
    return Transaction(name, answer.changes, answer.held, _sentence(answer.problem))


def _sentence(text: str) -> str:
    return mask(printable(" ".join(text[:LOOKED_AT].split())))[:LONGEST]
