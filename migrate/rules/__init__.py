"""What facts mean: `Rule` -> `Finding`. A rule is one decorated function; `migrate.rules.table.RULES` lists them all."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import Containerd, Docker, Kubelet, NodeFacts, Place
from migrate.facts.pod import Pod
from migrate.targets import Target

if TYPE_CHECKING:
    from migrate.manifests.model import Problem, Use
    from migrate.rules.sight import Sign, WorkloadView

CODE = re.compile(r"D2C[1-9][0-9]{2}")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NODE = re.compile(r"\bNODE\b")
DOCSTRING = re.compile(r"(.+?)\n\nWhy: (.+?)\n\nRemedy: (.+?)\n\nSources: (.+)", re.DOTALL)


class Severity(StrEnum):
    """How much a finding weighs: a blocker stops the node's migration, a warning asks to be read, info is for the record."""

    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the heaviest."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class NodeView:
    """One node as rules see it: its facts, its Node object and pods (None and empty when the API was not read), the cluster, the
    target.
    """

    facts: NodeFacts
    node: Node | None
    pods: tuple[Pod, ...]
    cluster: ClusterFacts | None
    target: Target
    next_kubernetes: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The node's name in the cluster, the inventory's where the cluster does not know it."""
        return self.node.name if self.node else self.facts.host

    @property
    def kubelet(self) -> Kubelet | None:
        """The kubelet; None when there is none or it could not be read (which is a finding of its own)."""
        return self.facts.kubelet if isinstance(self.facts.kubelet, Kubelet) else None

    @property
    def docker(self) -> Docker | None:
        """Docker; None when there is none or it could not be read (which is a finding of its own)."""
        return self.facts.docker if isinstance(self.facts.docker, Docker) else None

    @property
    def containerd(self) -> Containerd | None:
        """containerd; None when there is none or it could not be read (which is a finding of its own)."""
        return self.facts.containerd if isinstance(self.facts.containerd, Containerd) else None

    @property
    def on_docker(self) -> bool:
        """Whether the kubelet is known to run its pods on Docker."""
        return self.facts.endpoint.kind in ("dockershim", "cri-dockerd")

    @property
    def settled(self) -> bool:
        """Whether the kubelet is known to run its pods on another runtime already: then there is nothing to migrate."""
        return self.facts.endpoint.kind in ("containerd", "cri-o")

    @cached_property
    def pod_views(self) -> tuple[tuple[Pod, WorkloadView], ...]:
        """Each live pod as rules about workloads see it."""
        from migrate.rules.sight import pod_views  # which is built on this module

        return pod_views(self)


See = Callable[[NodeView], "Iterable[Seen]"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule saw: the `subject` it is about (`DaemonSet ns/name`, a path, a unit ...) and the evidence, with its place.

    `remedy` replaces the rule's own when the command to type depends on what was seen; what a node said is quoted for the shell in it.
    """

    subject: str
    evidence: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One named thing that is judged. `acceptable` blockers may be accepted by code with a reason; the others never.

    A rule of the migration is not asked about a node that has nothing to migrate; `always` marks those that are. A rule about
    workloads has a `sight` too (migrate.rules.sight), one about files `reads` (migrate.rules.files).
    """

    code: str
    slug: str
    severity: Severity
    acceptable: bool
    always: bool
    what: str
    why: str
    remedy: str
    sources: str
    see: See
    sight: Callable[[WorkloadView], Iterable[Sign]] | None = None
    reads: Callable[[Use | Problem], bool] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's word on one node (`node` is empty for a workload by itself); `accepted` holds the admin's reason when it was accepted.

    `location` is where it stands in a file, for what was read from one.
    """

    code: str
    slug: str
    severity: Severity
    acceptable: bool
    node: str
    subject: str
    evidence: str
    what: str
    remedy: str
    accepted: str | None = None
    location: Place | None = None

    @property
    def blocks(self) -> bool:
        """Whether it stops the node."""
        return self.severity is Severity.BLOCKER and self.accepted is None


def rule(code: str, slug: str, severity: Severity, *, acceptable: bool = False, always: bool = False) -> Callable[[See], Rule]:
    """Make a Rule of a function whose docstring says what, `Why:`, `Remedy:` and `Sources:`, in this order, each after a blank line.

    Lines indented by four more are commands and keep their form; all others are joined. `NODE` in a remedy becomes the node's name.
    Raises ValueError at import when code, slug or docstring are not of that form.
    """

    def made(see: See) -> Rule:
        if not CODE.fullmatch(code) or not SLUG.fullmatch(slug):
            raise ValueError(f"{code} {slug}: a rule is named D2Cnnn and a-slug")
        if acceptable and severity is not Severity.BLOCKER:
            raise ValueError(f"{code}: only blockers are accepted")
        first, _, rest = (see.__doc__ or "").strip().partition("\n")
        found = DOCSTRING.fullmatch(f"{first}\n{textwrap.dedent(rest)}")
        if found is None:
            raise ValueError(f"{code}: the docstring lacks what, Why:, Remedy: or Sources:")
        what, why, remedy, sources = (_reflow(part) for part in found.groups())
        return Rule(code, slug, severity, acceptable, always, what, why, remedy, sources, see)

    return made


def _reflow(text: str) -> str:
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(one if one.startswith("    ") else " ".join(one.split()) for one in paragraphs)


def check(view: NodeView, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Every finding of every rule on one node, heaviest first, then by code and subject."""
    findings = {finding for one in rules if one.always or not view.settled for finding in _findings(one, view)}
    return tuple(sorted(findings, key=lambda finding: (finding.severity.rank, finding.code, finding.subject, finding.evidence)))


def _findings(one: Rule, view: NodeView) -> Iterator[Finding]:
    for seen in one.see(view):
        remedy = NODE.sub(lambda _: view.name, seen.remedy or one.remedy)
        yield Finding(one.code, one.slug, one.severity, one.acceptable, view.facts.host, seen.subject, seen.evidence, one.what, remedy)


def accept(findings: Iterable[Finding], reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings with acceptable blockers of the given codes marked accepted; other findings stay as they are."""
    return tuple(
        replace(finding, accepted=reasons[finding.code]) if finding.acceptable and finding.code in reasons else finding
        for finding in findings
    )
