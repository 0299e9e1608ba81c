"""Rules about workloads: one function judges a pod template wherever it was read, on a node, through the API or in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from re import Pattern

from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.model import Place
from migrate.facts.pod import Pod, PodContainer
from migrate.facts.workload import Pointer, Workload, pod_workload
from migrate.rules import Confidence, Finding, NodeView, Rule, Seen, Severity
from migrate.rules.ground import Ground, node_ground
from migrate.rules.mounts import HostMount, host_mounts
from migrate.rules.pods import by_owner, live
from migrate.rules.programs import programs
from migrate.rules.text import rule_text, values_of


@dataclass(frozen=True, slots=True)
class ImageName:
    """What an image is called: `grafana/promtail:2.9` is group `grafana`, last `promtail`, tag `2.9`; Docker's own group is `library`."""

    group: str
    last: str
    tag: str

    @property
    def path(self) -> str:
        """Group and last part."""
        return f"{self.group}/{self.last}"


DAEMONS = frozenset({"dockerd", "dockerd-entrypoint.sh"})


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """Words that run in a container: `what` is `command`, `args`, `liveness probe`, `preStop hook` ...; `at` leads to them.

    `argv` is what is started: of arguments the command with them, empty for a command whose arguments follow.
    """

    container: str
    what: str
    text: str
    at: Pointer
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkloadView:
    """One workload as rules see it, and the ground it stands on; what several rules ask is worked out once."""

    workload: Workload
    ground: Ground

    @cached_property
    def containers(self) -> tuple[tuple[Pointer, PodContainer], ...]:
        """Init, ordinary and ephemeral containers, each with the way to it from the pod template."""
        return self.workload.containers

    @cached_property
    def images(self) -> tuple[tuple[Pointer, PodContainer, ImageName], ...]:
        """Each container with what its image is called."""
        return tuple((at, container, image_name(container.image)) for at, container in self.containers)

    @cached_property
    def mounts(self) -> tuple[HostMount, ...]:
        """Every path of the host that its pods reach."""
        return tuple(host_mounts(self.workload, self.ground.cluster)) if self.workload.spec.volumes else ()

    @cached_property
    def own_daemons(self) -> tuple[tuple[Pointer, PodContainer], ...]:
        """The containers that are a Docker daemon inside the pod (docker:dind, or dockerd as command)."""
        return tuple(
            (at, container)
            for at, container, image in self.images
            if (image.last in ("docker", "dind") and "dind" in f"{image.last}:{image.tag}") or _starts_daemon(container)
        )

    @cached_property
    def commands(self) -> tuple[ContainerCommand, ...]:
        """Commands and arguments, exec probes and exec hooks of all containers."""
        return tuple(command for at, container in self.containers for command in _commands(at, container))

    def config_uses(self, use: ConfigUseKind) -> Iterator[ConfigUse]:
        """Lines of the ConfigMaps that its pods use (of itself, for a ConfigMap) that depend on Docker in one way."""
        if self.ground.config_uses:
            workload = self.workload
            names = (workload.name,) if workload.configures else sorted(workload.config_maps)
            for name in names:
                yield from (found for found in self.ground.config_uses.get((workload.namespace, name), ()) if found.use is use)


@dataclass(frozen=True, slots=True)
class Sign:
    """What a rule saw in a workload, and where: `at` leads there from the pod template (`("spec", "volumes", 0)`)."""

    evidence: str
    at: Pointer = ("spec",)
    confidence: Confidence = Confidence.SEEN


Locate = Callable[[Pointer], Place]
LookAt = Callable[[WorkloadView], Iterable[Sign]]


def _anywhere(ground: Ground) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRule(Rule):
    """A rule about workloads: `look` judges one pod template.

    `words` are Kubernetes' keys and parts of values without which it sees nothing in a document (words that must all be there stand in one
    text), None where it may see anything. `lines` find what it looks for in a line of a template that was not rendered. `applies` tells
    whether it may see anything on this ground.
    """

    look: LookAt
    words: tuple[str, ...] | None = None
    lines: tuple[Pattern[str], ...] = ()
    applies: Callable[[Ground], bool] = _anywhere

    def signs(self, view: WorkloadView) -> Iterable[Sign]:
        """What it sees in a workload."""
        return self.look(view) if self.applies(view.ground) else ()

    def see(self, view: NodeView) -> Iterable[Seen]:
        """What it sees in each live pod of a node, told by owner and confidence."""
        hits = [(pod, sign) for pod, workload in view.pod_views for sign in self.signs(workload)]
        for confidence in Confidence if hits else ():
            some = ((pod, sign.evidence) for pod, sign in hits if sign.confidence is confidence)
            yield from (replace(seen, confidence=confidence) for seen in by_owner(view, some))


def workload_rule(
    code: str,
    slug: str,
    severity: Severity,
    *,
    words: tuple[str, ...] | None,
    acceptable: bool = False,
    lines: tuple[Pattern[str], ...] = (),
    applies: Callable[[Ground], bool] = _anywhere,
) -> Callable[[LookAt], WorkloadRule]:
    """Make a WorkloadRule of a function with the docstring of `migrate.rules.rule_text`."""

    def made(look: LookAt) -> WorkloadRule:
        return WorkloadRule(
            code=code,
            slug=slug,
            severity=severity,
            acceptable=acceptable,
            words=words,
            lines=lines,
            applies=applies,
            look=look,
            **rule_text(code, look.__doc__),
        )

    return made


def pod_views(view: NodeView) -> tuple[tuple[Pod, WorkloadView], ...]:
    """Each live pod of a node as rules about workloads see it."""
    ground = node_ground(view)
    return tuple((pod, WorkloadView(pod_workload(pod), ground)) for pod in live(view))


def check_workload(
    view: WorkloadView, rules: Iterable[Rule], locate: Locate | None = None, most: Confidence = Confidence.SEEN
) -> tuple[Finding, ...]:
    """Every finding of every rule about workloads, heaviest first, then by code, place and evidence.

    With `locate` each sign is a finding of its own, with its place in the file; without it the signs of one rule and one confidence are.
    `most` is the highest confidence that any of them gets.
    """
    seeing = ((rule, tuple(_at_most(rule.signs(view), most))) for rule in rules if isinstance(rule, WorkloadRule))
    found = [finding for rule, signs in seeing if signs for finding in _findings(rule, signs, view, locate)]
    return tuple(sorted(found, key=_order)) if found else ()


def _at_most(signs: Iterable[Sign], most: Confidence) -> Iterable[Sign]:
    if most is Confidence.SEEN:
        return signs
    return (sign if sign.confidence.rank >= most.rank else replace(sign, confidence=most) for sign in signs)


def _findings(rule: WorkloadRule, signs: tuple[Sign, ...], view: WorkloadView, locate: Locate | None) -> Iterator[Finding]:
    workload, values = view.workload, values_of(view.ground.target)
    if locate:
        for sign in dict.fromkeys(signs):
            yield rule.finding(Seen(workload.title, sign.evidence, confidence=sign.confidence), values, location=locate(sign.at))
        return
    for confidence in Confidence:
        if said := dict.fromkeys(sign.evidence for sign in signs if sign.confidence is confidence):
            yield rule.finding(Seen(workload.title, "; ".join(said), confidence=confidence), values, location=workload.place)


def _order(finding: Finding) -> tuple[int, str, str, int, int, str]:
    place = finding.location or Place("")
    return finding.severity.rank, finding.code, place.path, place.line or 0, place.column or 0, finding.evidence


def image_name(image: str) -> ImageName:
    """The last two parts of an image's name and its tag, taken apart without a look at the grammar: this is asked of every container."""
    head, _, rest = image.partition("@")[0].rpartition("/")
    last, _, tag = rest.partition(":")
    group = head.rpartition("/")[2]
    return ImageName("library" if group in ("", "docker.io", "index.docker.io") else group, last, tag)


def _starts_daemon(container: PodContainer) -> bool:
    words = (*(container.command or ()), *(container.args or ()))
    return any("dockerd" in word for word in words) and not DAEMONS.isdisjoint(programs(words))


def _commands(at: Pointer, container: PodContainer) -> Iterator[ContainerCommand]:
    whole = (*(container.command or ()), *(container.args or ()))
    if not container.command and whole[:1] == ("-c",):  # the entrypoint of the image is a shell
        whole = ("sh", *whole)
    for what, words, argv in (("command", container.command, () if container.args else whole), ("args", container.args, whole)):
        if words:
            yield ContainerCommand(container.name, what, " ".join(words), (*at, what), argv)
    for name, key, probe in (
        ("liveness probe", "livenessProbe", container.liveness_probe),
        ("readiness probe", "readinessProbe", container.readiness_probe),
        ("startup probe", "startupProbe", container.startup_probe),
    ):
        if probe and probe.exec and probe.exec.command:
            yield _started(container, name, probe.exec.command, (*at, key, "exec", "command"))
    if container.lifecycle:
        for key, hook in (("postStart", container.lifecycle.post_start), ("preStop", container.lifecycle.pre_stop)):
            if hook and hook.exec and hook.exec.command:
                yield _started(container, f"{key} hook", hook.exec.command, (*at, "lifecycle", key, "exec", "command"))


def _started(container: PodContainer, what: str, words: tuple[str, ...], at: Pointer) -> ContainerCommand:
    return ContainerCommand(container.name, what, " ".join(words), at, words)
