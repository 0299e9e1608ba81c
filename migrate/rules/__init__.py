"""What facts mean: a rule judges facts and makes findings; `migrate.rules.table.RULES` lists every rule.

Four kinds: a `NodeRule` judges a node, a `CleanupRule` what Docker left there, a `WorkloadRule` a pod template, a `FileRule` what files of
a repository say. What follows from a finding is an attribute of its rule, never its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import Containerd, Docker, Kubelet, NodeFacts, Place
from migrate.facts.pod import Pod
from migrate.facts.remains import Remains
from migrate.limits import DEFAULT
from migrate.rules.text import filled, rule_text, values_of
from migrate.sources.table import source_of
from migrate.targets import Target
from migrate.targets.table import TARGETS

if TYPE_CHECKING:
    from migrate.rules.workload_rule import WorkloadView

CODE = re.compile(r"D2C[1-9][0-9]{2}")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Severity(StrEnum):
    """How much a finding weighs: a blocker stops the node's migration, a warning asks to be read, info is for the record."""

    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the heaviest."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure a use of Docker is: itself `seen`, `could reach` it (a parent folder is mounted), or words of unread text (`text only`)."""

    SEEN = "seen"
    COULD_REACH = "could-reach"
    TEXT_ONLY = "text-only"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Confidence).index(self)


class Allow(StrEnum):
    """What an accepted finding allows: the drain (in kubectl's words where it has one), no smoke test, containers to be killed."""

    DELETE_EMPTYDIR_DATA = "delete-emptydir-data"
    FORCE = "force"
    LEAVE_RETURNING = "leave-returning"
    NO_SMOKE_POD = "no-smoke-pod"
    KILL = "kill"


@dataclass(frozen=True)
class NodeView:
    """One node as rules see it: facts, Node and pods (None and empty without the API), cluster, target, seconds, `remains` where asked."""

    facts: NodeFacts
    node: Node | None
    pods: tuple[Pod, ...]
    cluster: ClusterFacts | None
    target: Target
    next_kubernetes: tuple[int, int] | None = None
    stop_timeout: int = DEFAULT.stop
    remains: Remains | None = None

    def __post_init__(self) -> None:
        """The target as this node has it: what the machine says outranks the target's defaults."""
        object.__setattr__(self, "target", self.target.on(self.facts))

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
        return source_of(self.facts) is not None

    @property
    def on_other_runtime(self) -> bool:
        """Whether the kubelet is known to run its pods on another runtime than a source: then there is nothing to migrate."""
        return self.facts.endpoint.kind in {target.runtime for target in TARGETS}

    @property
    def source_unread(self) -> str | None:
        """Why the settings of the source are not known, None when they are: the plan takes pause image and CNI folders from them."""
        source = source_of(self.facts)
        return source.unread(self.facts) if source else None

    @cached_property
    def pod_views(self) -> tuple[tuple[Pod, WorkloadView], ...]:
        """Each live pod as rules about workloads see it."""
        from migrate.rules.workload_rule import pod_views  # which is built on this module

        return pod_views(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule saw: the `subject` it is about (`DaemonSet ns/name`, a path, a unit ...) and the evidence, with its place.

    `values` fill placeholders of the rule's remedy; what a node said is quoted for the shell in them. `remedy` replaces the rule's own
    when what to do depends on what was seen. `confidence` below `seen` makes a warning of a blocker.
    """

    subject: str
    evidence: str
    remedy: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence = Confidence.SEEN


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's word on one node (`node` is empty for a workload by itself); `accepted` holds the admin's reason when it was accepted.

    `severity` is that of its rule, but a blocker was seen itself: with less confidence it is a warning. `location` is where it stands in a
    file, for what was read from one. `allows`, `transient` and `forbids_install` are those of its rule.
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
    allows: Allow | None = None
    transient: bool = False
    forbids_install: bool = False
    confidence: Confidence = Confidence.SEEN

    @property
    def blocks(self) -> bool:
        """Whether it stops the node."""
        return self.severity is Severity.BLOCKER and self.accepted is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One named thing that is judged, its text, and what follows from its findings.

    `acceptable` blockers, and warnings that allow something, may be accepted by code with a reason. `allows` is what a plan may do then,
    `transient` tells that waiting alone may end it, `forbids_install` that nothing is installed on such a node either, `own_exit_code` that
    `--fail-on` does not count it because the command ends with another code for the same reason.

    Placeholders of a remedy: OF_TARGET's, NODE, what the rule fills (`Seen.values`); other words in capitals are the reader's to fill.
    """

    code: str
    slug: str
    severity: Severity
    what: str
    why: str
    remedy: str
    sources: str
    acceptable: bool = False
    allows: Allow | None = None
    transient: bool = False
    forbids_install: bool = False
    own_exit_code: bool = False

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code) or not SLUG.fullmatch(self.slug):
            raise ValueError(f"{self.code} {self.slug}: a rule is named D2Cnnn and a-slug")
        if self.acceptable and self.severity is not Severity.BLOCKER and not self.allows:
            raise ValueError(f"{self.code}: only blockers are accepted, and what allows something")
        if self.allows and not self.acceptable:
            raise ValueError(f"{self.code}: only what is accepted allows something")

    def asked_of(self, view: NodeView) -> bool:
        """Whether it judges this node: rules of the migration do not judge one that has nothing to migrate."""
        return not view.on_other_runtime

    def see(self, view: NodeView) -> Iterable[Seen]:
        """What it sees of a node."""
        return ()

    def finding(self, seen: Seen, values: Mapping[str, str], node: str = "", location: Place | None = None) -> Finding:
        """What it says of what was seen; `values` are those of every remedy here."""
        lowered = self.severity is Severity.BLOCKER and seen.confidence is not Confidence.SEEN
        return Finding(
            code=self.code,
            slug=self.slug,
            severity=Severity.WARNING if lowered else self.severity,
            acceptable=self.acceptable and not lowered,
            node=node,
            subject=seen.subject,
            evidence=seen.evidence,
            what=self.what,
            remedy=filled(seen.remedy or self.remedy, {**values, **seen.values}),
            location=location,
            allows=self.allows,
            transient=self.transient,
            forbids_install=self.forbids_install,
            confidence=seen.confidence,
        )


Look = Callable[[NodeView], Iterable[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRule(Rule):
    """A rule about nodes: `look` judges one. `always` marks a rule that judges nodes on another runtime too."""

    look: Look
    always: bool = False

    def asked_of(self, view: NodeView) -> bool:
        """Whether it judges this node."""
        return self.always or not view.on_other_runtime

    def see(self, view: NodeView) -> Iterable[Seen]:
        """What it sees of a node."""
        return self.look(view)


def node_rule(
    code: str,
    slug: str,
    severity: Severity,
    *,
    acceptable: bool = False,
    always: bool = False,
    allows: Allow | None = None,
    transient: bool = False,
    forbids_install: bool = False,
    own_exit_code: bool = False,
) -> Callable[[Look], NodeRule]:
    """Make a NodeRule of a function with the docstring of `rule_text`; raises ValueError at import when something is not of its form."""

    def made(look: Look) -> NodeRule:
        return NodeRule(
            code=code,
            slug=slug,
            severity=severity,
            acceptable=acceptable,
            always=always,
            allows=allows,
            transient=transient,
            forbids_install=forbids_install,
            own_exit_code=own_exit_code,
            look=look,
            **rule_text(code, look.__doc__),
        )

    return made


def check(view: NodeView, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Every finding of every rule on one node, heaviest first, then by code and subject."""
    values = {**values_of(view.target), "NODE": view.name}
    asked = [rule for rule in rules if rule.asked_of(view)]
    findings = {rule.finding(seen, values, view.facts.host) for rule in asked for seen in rule.see(view)}
    return tuple(sorted(findings, key=lambda finding: (finding.severity.rank, finding.code, finding.subject, finding.evidence)))


def accept(findings: Iterable[Finding], reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings with acceptable ones of the given codes marked accepted; other findings stay as they are."""
    return tuple(
        replace(finding, accepted=reasons[finding.code]) if finding.acceptable and finding.code in reasons else finding
        for finding in findings
    )
