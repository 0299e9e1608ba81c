"""Whether a cluster is as well as it was before a run: nodes and workloads that were well then, and are not now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from migrate.facts.cluster import ClusterFacts
from migrate.facts.values import Title

ENDS = ("Job", "CronJob")  # their pods come and go


def unwell(now: ClusterFacts) -> tuple[str, ...]:
    """What is not well before anything is done: told, and not demanded later."""
    nodes = [f"node {node.name} is not Ready" for node in now.nodes if node.ready != "True"]
    ready, live = _counts(now)
    return (*nodes, *(f"{_named(title)} has {ready[title]} of {count} pods Ready" for title, count in live.items() if ready[title] < count))


def ailing(before: ClusterFacts, now: ClusterFacts, away: Collection[str]) -> tuple[str, ...]:
    """What was well and is not; `away` are nodes that are being changed. While there are some, pods are on their way and not counted."""
    well = {node.name for node in before.nodes if node.ready == "True"} - set(away)
    nodes = [f"node {node.name} is not Ready" for node in now.nodes if node.name in well and node.ready != "True"]
    if away:
        return tuple(nodes)
    (had, _), (ready, live) = _counts(before), _counts(now)
    less = ((title, _wanted(now, title, count)) for title, count in live.items() if ready[title] < had[title])
    lost = [
        f"{_named(title)} has {ready[title]} of {wanted} pods Ready, {had[title]} before the run"
        for title, wanted in less
        if ready[title] < wanted
    ]
    gone = [title for title in had if title not in live and (_wanted(now, title, 0)) > 0]
    return (*nodes, *lost, *(f"{_named(title)} has no pod, {had[title]} were Ready before the run" for title in gone))


def _counts(facts: ClusterFacts) -> tuple[Counter[Title], Counter[Title]]:
    """The Ready pods and all live pods of each owner that goes on."""
    ready, live = Counter[Title](), Counter[Title]()
    for pod in facts.pods:
        if pod.metadata.controller is not None and not pod.mirror and not pod.finished and pod.metadata.deletion_timestamp is None:
            title = facts.ownership.of("Pod", pod.metadata)
            if title[1] not in ENDS:
                live[title] += 1
                ready[title] += pod.ready
    return ready, live


def _wanted(now: ClusterFacts, title: Title, live: int) -> int:
    """How many pods the owner wants now: it may have been scaled meanwhile."""
    owner = now.ownership.known(title)
    return owner.spec.replicas if owner is not None and owner.spec.replicas is not None else live


def _named(title: Title) -> str:
    return f"{title[1]} {title[0]}/{title[2]}"
