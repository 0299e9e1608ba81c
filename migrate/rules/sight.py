"""Rules about workloads: one function judges a pod template wherever it was read, on a node, through the API or in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.model import Place
from migrate.facts.pod import Pod, PodContainer
from migrate.facts.workload import CONFIG_MAP, Pointer, Workload, pod_workload
from migrate.rules import Finding, NodeView, Rule, Seen, Severity, rule
from migrate.rules.ground import Ground, node_ground
from migrate.rules.mounts import HostMount, host_mounts
from migrate.rules.pods import by_owner, live


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


@dataclass(frozen=True, slots=True)
class Command:
    """Words that run in a container: `what` is `command`, `args`, `liveness probe`, `preStop hook` ...; `at` leads to them."""

    container: str
    what: str
    text: str
    at: Pointer


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
        return tuple((at, one, image_name(one.image)) for at, one in self.containers)

    @cached_property
    def mounts(self) -> tuple[HostMount, ...]:
        """Every path of the host that its pods reach."""
        return tuple(host_mounts(self.workload, self.ground.cluster)) if self.workload.spec.volumes else ()

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """Commands and arguments, exec probes and exec hooks of all containers."""
        return tuple(command for at, one in self.containers for command in _commands(at, one))

    def config_uses(self, use: ConfigUseKind) -> Iterator[ConfigUse]:
        """Lines of the ConfigMaps that its pods use (of itself, for a ConfigMap) that lean on Docker in one way."""
        if self.ground.config_uses:
            workload = self.workload
            names = (workload.name,) if workload.kind == CONFIG_MAP else sorted(workload.config_maps)
            for name in names:
                yield from (one for one in self.ground.config_uses.get((workload.namespace, name), ()) if one.use is use)


@dataclass(frozen=True, slots=True)
class Sign:
    """What a rule saw in a workload, and where: `at` leads there from the pod template (`("spec", "volumes", 0)`)."""

    evidence: str
    at: Pointer = ("spec",)


Sight = Callable[[WorkloadView], Iterable[Sign]]
Locate = Callable[[Pointer], Place]


def workload_rule(code: str, slug: str, severity: Severity, *, acceptable: bool = False) -> Callable[[Sight], Rule]:
    """Make a Rule about workloads; the docstring is as `migrate.rules.rule` wants it. On a node it judges each live pod, told by owner."""

    def made(sight: Sight) -> Rule:
        def see(view: NodeView) -> Iterator[Seen]:
            yield from by_owner(view, ((pod, sign.evidence) for pod, one in view.pod_views for sign in sight(one)))

        see.__doc__ = sight.__doc__
        return replace(rule(code, slug, severity, acceptable=acceptable)(see), sight=sight)

    return made


def pod_views(view: NodeView) -> tuple[tuple[Pod, WorkloadView], ...]:
    """Each live pod of a node as rules about workloads see it."""
    ground = node_ground(view)
    return tuple((pod, WorkloadView(pod_workload(pod), ground)) for pod in live(view))


def check_workload(view: WorkloadView, rules: Iterable[Rule], locate: Locate | None = None) -> tuple[Finding, ...]:
    """Every finding of every rule about workloads, heaviest first, then by code, place and evidence.

    With `locate` each sign is a finding of its own, with its place in the file; without it the signs of one rule are one finding.
    """
    found = [finding for one in rules if one.sight and (signs := tuple(one.sight(view))) for finding in _findings(one, signs, view, locate)]
    return tuple(sorted(found, key=_order)) if found else ()


def _findings(one: Rule, signs: tuple[Sign, ...], view: WorkloadView, locate: Locate | None) -> Iterator[Finding]:
    if locate:
        yield from (_finding(one, view.workload, sign.evidence, locate(sign.at)) for sign in dict.fromkeys(signs))
    else:
        yield _finding(one, view.workload, "; ".join(dict.fromkeys(sign.evidence for sign in signs)), view.workload.place)


def _finding(one: Rule, workload: Workload, evidence: str, location: Place | None) -> Finding:
    return Finding(one.code, one.slug, one.severity, one.acceptable, "", workload.title, evidence, one.what, one.remedy, location=location)


def _order(finding: Finding) -> tuple[int, str, str, int, int, str]:
    place = finding.location or Place("")
    return finding.severity.rank, finding.code, place.path, place.line or 0, place.column or 0, finding.evidence


def image_name(image: str) -> ImageName:
    """The last two parts of an image's name and its tag, taken apart without a look at the grammar: this is asked of every container."""
    head, _, rest = image.partition("@")[0].rpartition("/")
    last, _, tag = rest.partition(":")
    group = head.rpartition("/")[2]
    return ImageName("library" if group in ("", "docker.io", "index.docker.io") else group, last, tag)


def _commands(at: Pointer, one: PodContainer) -> Iterator[Command]:
    for what, words in (("command", one.command), ("args", one.args)):
        if words:
            yield Command(one.name, what, " ".join(words), (*at, what))
    for name, key, probe in (
        ("liveness probe", "livenessProbe", one.liveness_probe),
        ("readiness probe", "readinessProbe", one.readiness_probe),
        ("startup probe", "startupProbe", one.startup_probe),
    ):
        if probe and probe.exec and probe.exec.command:
            yield Command(one.name, name, " ".join(probe.exec.command), (*at, key, "exec", "command"))
    if one.lifecycle:
        for key, hook in (("postStart", one.lifecycle.post_start), ("preStop", one.lifecycle.pre_stop)):
            if hook and hook.exec and hook.exec.command:
                yield Command(one.name, f"{key} hook", " ".join(hook.exec.command), (*at, "lifecycle", key, "exec", "command"))
