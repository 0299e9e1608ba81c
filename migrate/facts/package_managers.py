"""The package managers that can be asked what an installation would change, and the question: one sh script, which changes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INSTALLED = "== installed"  # the line before rpm's list, which tells what an upgraded package was before: dnf and yum do not
OWNED_BY_NONE = 3  # the question's exit code on a machine without any of these managers


@dataclass(frozen=True, slots=True)
class Manager:
    """One package manager: its name in a plan, whether it is there (a sh condition), the words of a simulated installation and removal.

    `closing` are sh commands after the simulation, whose output belongs to the answer.
    """

    name: str
    there: str
    words: str
    removal: str
    closing: tuple[str, ...] = ()

    def simulate(self, packages: Sequence[str], *, remove: bool = False) -> str:
        """One sh command line that tells what an installation of these, or their removal, would change; it changes and asks nothing.

        With what the machine knows of its repositories already; zypper alone fetches metadata where it never had any.
        """
        return f"LC_ALL=C {self.removal if remove else self.words} {shlex.join(packages)}"


_RPM_LIST = (f"echo {shlex.quote(INSTALLED)}", r"rpm -qa --qf '%{NAME} %{ARCH} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'")

# In the order in which they are looked for: a machine may have the tools of another family beside its own.
# What a simulation says has to hold for packages_install of migrate/node/packages.sh, which gives the same words.
# yum 3 knows no weak dependencies. A removal (packages_remove there) leaves what came with a package and may serve others now.
MANAGERS: Mapping[str, Manager] = {
    manager.name: manager
    for manager in (
        Manager(
            "apt",
            "[ -s /var/lib/dpkg/status ] && command -v apt-get",
            "apt-get -s -q --no-install-recommends -o APT::Install-Suggests=false install --",
            "apt-get -s -q -o APT::Get::AutomaticRemove=false remove --",
        ),
        Manager(
            "dnf",
            "command -v dnf",
            "dnf -C --color=never --assumeno --setopt=exit_on_lock=True --setopt=strict=True --setopt=install_weak_deps=False install --",
            "dnf -C --color=never --assumeno --setopt=exit_on_lock=True --setopt=clean_requirements_on_remove=False remove --",
            _RPM_LIST,
        ),
        Manager(
            "yum",
            "command -v yum",
            "yum -C --color=never --assumeno --setopt=exit_on_lock=True install --",
            "yum -C --color=never --assumeno --setopt=exit_on_lock=True --setopt=clean_requirements_on_remove=0 remove --",
            _RPM_LIST,
        ),
        Manager(
            "zypper",
            "command -v zypper",
            "zypper --xmlout --non-interactive --no-refresh install --dry-run --no-recommends --no-force-resolution --",
            "zypper --xmlout --non-interactive --no-refresh remove --dry-run --no-clean-deps --",
        ),
    )
}


def question(packages: Sequence[str], *, remove: bool = False) -> str:
    """A POSIX sh script: the name of the manager that owns this machine on a line, then its simulation, stderr among stdout.

    The simulation is of the installation of these packages, or of their removal.

    It exits as the manager does, and with `OWNED_BY_NONE` where there is none. `migrate.facts.parse.transaction` reads the answer.
    """
    lines = ["exec 2>&1 </dev/null"]
    for word, manager in zip(("if", *["elif"] * (len(MANAGERS) - 1)), MANAGERS.values(), strict=True):
        lines += [
            f"{word} {{ {manager.there}; }} >/dev/null; then",
            f"  echo {manager.name}",
            f"  {manager.simulate(packages, remove=remove)}",
            "  code=$?",
        ]
        lines += [f"  {command}" for command in manager.closing]
    return "\n".join((*lines, "else", f"  exit {OWNED_BY_NONE}", "fi", 'exit "$code"', ""))
