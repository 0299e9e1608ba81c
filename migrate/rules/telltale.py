"""Words without which a rule about workloads has nothing to see in a document: what holds none of them need not be parsed.

A rule that is not listed may see anything, so that every document is parsed for it. The words are Kubernetes' keys and parts of values that
YAML never splits; a text that may hold escapes (`\\x64ocker`) is taken for one that holds them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.rules import Rule
from migrate.rules.agents_table import AGENTS, Agent
from migrate.rules.behaviour import NEEDS
from migrate.rules.ground import Ground
from migrate.rules.habits import Habits
from migrate.rules.workloads import TOOLS

# What other kinds are read for: scripts, PersistentVolumes, Compose services
OTHERS = ("docker", "services image", "services build", "services extends")
_ESCAPED = re.compile(r"\\[xuU/\r\n]")


def _stems(agents: Iterable[Agent]) -> tuple[str, ...]:
    """A part of each image's name: its owner where he has several, else the name. What Docker Hub leaves out is left out."""
    images = [image.removeprefix("library/") for agent in agents for image in agent.images.split()]
    owners = Counter(image.rpartition("/")[0] for image in images)
    return tuple(f"{owner}/" if owner and owners[owner] > 1 else image for image in images for owner in [image.rpartition("/")[0]])


# Words that must all be there stand in one text. Rules that need habits of Docker to be known see nothing without.
WORDS: Mapping[str, tuple[str, ...]] = {
    "docker-socket-mounted": ("hostPath", "DOCKER_"),
    "docker-data-mounted": ("hostPath",),
    "docker-tool-in-pod": ("docker", *sorted(TOOLS)),
    "privileged-pod": ("privileged",),
    "near-privileged-pod": ("hostPID", "hostIPC", "capabilities add"),
    "docker-apparmor-profile": ("docker-default",),
    "runtime-class-set": ("runtimeClassName",),
    "exec-probe-untimed": ("Probe exec",),
    "pod-near-host": (
        *("hostNetwork", "hostPath", "capabilities add", "unconfined", "Unconfined", "allowPrivilegeEscalation", "Unmasked", "hostProcess"),
    ),
    "default-profile-changes": ("RuntimeDefault", "runtime/default", "docker/default"),
    "docker-daemon-in-pod": ("docker", "dind"),
    "agent-too-old": _stems(agent for agent in AGENTS if agent.copes),
    "agent-of-containers": _stems(AGENTS),
    "log-parser-for-docker": ("ocker", "<source> json"),
    "docker-in-config-map": ("docker",),
    "docker-names-in-queries": ("docker", "k8s_", "container_label_", "engine_daemon_"),
    "log-files-read": ("hostPath",),
    "cgroup-files-read": ("hostPath",),
    "short-image-name": ("image",),
    "gpu-by-default-runtime": (),
    "capability-lost": tuple(sorted(NEEDS)),
    "init-process-lost": (),
    "root-no-longer-remapped": (),
    "no-new-privileges-lost": (),
    "image-pinned-by-digest": ("sha256:",),
    "low-port-without-root": ("runAs containerPort", "runAs ping"),
}


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
    """The words of all the rules, those of other kinds too; None when a rule may see anything."""
    silent = {"short-image-name"} if ground.target.takes_short_names else set()
    silent |= set() if ground.target.default_capabilities_dropped else {"capability-lost"}
    seeing = [one.slug for one in rules if one.sight and one.slug not in silent]
    if ground.habits != Habits() or any(slug not in WORDS for slug in seeing):
        return None
    found = {tuple(one.split()) for one in (*OTHERS, *(word for slug in seeing for word in WORDS[slug]))}
    single = {first for first, *more in found if not more}
    more = {first: tuple(tuple(rest) for one, *rest in sorted(found) if one == first) for first, *rest in found if first not in single}
    firsts = sorted(
        (one for one in {*single, *more} if not any(other in one for other in single - {one})), key=lambda one: (-len(one), one)
    )
    return Telltale(re.compile("|".join(map(re.escape, firsts))), more)
