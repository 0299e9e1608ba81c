"""A cluster's workloads judged while its pages are read: of a pod nothing is kept but its name, its node and its owner.

The same workloads and findings as `migrate.rules.judge.judge_workloads`, without a ClusterFacts that holds every pod: a form is judged
when the first of its pods is seen, and gets its topmost owner's title when all owners are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from migrate.facts.api import Metadata
from migrate.facts.cluster import Node, NodeStatus, Owner, without_secrets
from migrate.facts.owners import Title, topmost
from migrate.facts.pod import Pod, PodSpec
from migrate.facts.workload import Workload, pod_workload
from migrate.rules import Finding
from migrate.rules.clean import Cleaner
from migrate.rules.ground import Ground
from migrate.rules.judge import JudgedWorkload
from migrate.rules.pod_security import level
from migrate.rules.workload_rule import WorkloadRule, WorkloadView, check_workload


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one form of pods, under whatever title."""

    pod_security: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Pods:
    """The live pods of one page that have one owner and one revision; `owner` is themselves for bare and static ones."""

    owner: Title
    revision: str
    judgement: Judgement
    names: tuple[str, ...]
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class OwnerLink:
    """An owner: who manages it, how many pods it wants, and what is said of its template (None where it has none, or pods that live)."""

    title: Title
    above: Title | None
    replicas: int | None
    judgement: Judgement | None


@dataclass(frozen=True, slots=True)
class Roll:
    """Pages in, small values out; threads may share it. `listed` are the kinds of owners that are read."""

    ground: Ground
    rules: tuple[WorkloadRule, ...]
    listed: frozenset[str]
    clean: Cleaner = field(default_factory=Cleaner)
    _names: dict[str, str] = field(default_factory=dict)  # of namespaces, owners and nodes: thousands of pods share one

    def pods(self, page: tuple[Pod, ...]) -> tuple[Pods, ...]:
        """The pods of a page, by owner and revision."""
        groups: dict[tuple[Title, str], list[Pod]] = {}
        for pod in page:
            if not pod.finished:
                labels = pod.metadata.labels or {}
                revision = labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""
                groups.setdefault((self._owner(pod), revision), []).append(pod)
        return tuple(self._pods(owner, revision, pods) for (owner, revision), pods in groups.items())

    def owners(self, kind: str, page: tuple[Owner, ...], living: frozenset[Title]) -> Iterator[OwnerLink]:
        """The owners of a page; a template is judged where nothing that is listed manages it and no pod of it is in `living`."""
        for owner in page:
            title = (self._same(owner.metadata.namespace), kind, self._same(owner.metadata.name))
            controller = owner.metadata.controller
            above = (title[0], controller.kind, self._same(controller.name)) if controller else None
            managed = above is not None and above[1] in self.listed
            template = None if managed or title in living else owner.template
            judgement = None
            if template:
                kept = without_secrets((owner,))[0].template
                assert kept is not None
                meta = kept.metadata
                judgement = self._judged(Workload(kind, title[0], title[2], kept.spec, meta.labels or {}, meta.annotations or {}))
            yield OwnerLink(title, above, owner.spec.replicas, judgement)

    def _pods(self, owner: Title, revision: str, pods: list[Pod]) -> Pods:
        judgement = self._judged(pod_workload(without_secrets(pods[:1])[0], owner))
        return Pods(
            owner, revision, judgement, tuple(pod.metadata.name for pod in pods), frozenset(self._same(pod.spec.node_name) for pod in pods)
        )

    def _owner(self, pod: Pod) -> Title:
        meta = pod.metadata
        controller = None if pod.mirror else meta.controller
        kind, name = (controller.kind, self._same(controller.name)) if controller else ("Pod", meta.name)
        return self._same(meta.namespace), kind, name

    def _same(self, name: str) -> str:
        return self._names.setdefault(name, name)

    def _judged(self, workload: Workload) -> Judgement:
        found = check_workload(WorkloadView(workload, self.ground), self.rules)
        return Judgement(level(workload, self.ground.kubernetes).name, tuple(self.clean.finding(finding) for finding in found))


def thin(page: tuple[Node, ...]) -> Iterator[Node]:
    """The nodes of a page with their names and what their kubelets tell of themselves."""
    for node in page:
        yield Node(metadata=Metadata(name=node.name), status=NodeStatus(node_info=node.status.node_info))


def rolled_up(pods: Iterable[Pods], links: Iterable[OwnerLink], nodes: Iterable[Node], clean: Cleaner) -> tuple[JudgedWorkload, ...]:
    """Every workload in namespace, kind, name order, one for each revision that lives; on nodes off Docker alone it has no findings."""
    known = {link.title: link for link in links}
    moved = {node.name: _off_docker(node) for node in nodes}
    all_moved = bool(moved) and all(moved.values())
    forms: dict[tuple[Title, str], list[Pods]] = {}
    for group in pods:
        forms.setdefault((_top(group.owner, known), group.revision), []).append(group)
    found = []
    for (title, _), parts in forms.items():
        names = tuple(sorted(name for part in parts for name in part.names))
        places = tuple(sorted(frozenset[str]().union(*(part.nodes for part in parts)) - {""}))
        has_moved = all(moved.get(node, False) for node in places) if places else all_moved
        found.append(_workload(title, known, parts[0].judgement, names, places, has_moved, clean))
    living = {title for title, _ in forms}
    idle = {title: link.judgement for link in known.values() if link.judgement and (title := _top(link.title, known)) not in living}
    found += [_workload(title, known, judgement, (), (), all_moved, clean) for title, judgement in idle.items()]
    return tuple(sorted(found, key=lambda judged: (judged.workload.namespace, judged.workload.kind, judged.workload.name)))


def _workload(
    title: Title,
    known: Mapping[Title, OwnerLink],
    judgement: Judgement,
    names: tuple[str, ...],
    nodes: tuple[str, ...],
    has_moved: bool,
    clean: Cleaner,
) -> JudgedWorkload:
    replicas = known[title].replicas if title in known else None
    workload = clean.workload(Workload(title[1], title[0], title[2], PodSpec(), replicas=replicas, pods=names, nodes=nodes))
    findings = () if has_moved else tuple(replace(finding, subject=workload.title) for finding in judgement.findings)
    return JudgedWorkload(workload, judgement.pod_security, findings)


def _off_docker(node: Node) -> bool:
    runtime = node.status.node_info.container_runtime_version
    return "://" in runtime and not runtime.startswith("docker://")


def _top(title: Title, known: Mapping[Title, OwnerLink]) -> Title:
    return topmost(title, lambda other: link.above if (link := known.get(other)) else None)
