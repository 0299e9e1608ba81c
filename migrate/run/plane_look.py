"""Looking at control planes again and again, with a bound: the gates from fresh readings, and what the node's own parts say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from migrate.facts.cluster import ClusterFacts
from migrate.facts.etcd import Etcd
from migrate.facts.model import NodeFacts
from migrate.facts.parse.etcd import MEMBERS, EtcdUnread
from migrate.facts.values import Unreadable
from migrate.formats.listing import few
from migrate.rules import NodeView
from migrate.rules.gates import unwell
from migrate.run.etcd import before_of, read_etcd, read_through_others
from migrate.run.work import Work
from migrate.verify.judge import EtcdBefore

SOONEST, LATEST = 1.0, 6.0  # seconds between two looks; each is some questions to the node
OWN_READY, NOT_ASKED = "200", "unknown"  # what the node program says of /readyz


def until(work: Work, look: Callable[[], tuple[str, ...]], timeout: float, doing: str) -> tuple[str, ...]:
    """Look until nothing is missing, for `timeout` seconds: what is missing at the end."""
    begun, pause = work.clock.monotonic(), SOONEST
    while reasons := look():
        spent = work.clock.monotonic() - begun
        if spent >= timeout:
            break
        work.say("wait", f"{doing}: {few(reasons, joint='; ')}", data={"seconds": round(spent, 1), "bound": float(timeout)})
        work.heed()
        work.clock.sleep(pause)
        pause = min(LATEST, pause * 1.5)
    return reasons


def gates(work: Work, *, etcd: bool) -> Callable[[], tuple[str, ...]]:
    """What keeps this control plane from being stopped, read again each time; the machine itself is read once.

    `etcd`: its own member is asked, and another one where there are some.
    """
    facts = work.facts()

    def read() -> tuple[str, ...]:
        cluster = _planes(work)
        asked: list[Etcd | Unreadable | None] = [own_member(work) if etcd else None]
        if isinstance(own := asked[0], Etcd) and (others := before_of(own)).others:
            asked.append(_through_others(work, others))
        return tuple(dict.fromkeys(reason for found in asked for reason in unwell(_view(work, facts, cluster, found))))

    return read


def own_member(work: Work) -> Etcd | Unreadable:
    """What the node's own member of etcd tells, or why it does not."""
    try:
        return read_etcd(work)
    except EtcdUnread as wrong:
        return Unreadable(MEMBERS, str(wrong))


def own_member_down(work: Work) -> str:
    """Why the node's own member serves nobody; empty where it does."""
    found = own_member(work)
    if isinstance(found, Unreadable):
        return f"its own member of etcd does not answer: {found.reason}"
    own = found.member(found.own)
    return "" if own is not None and own.healthy and own.status else "its own member of etcd is not healthy"


def own_parts(work: Work) -> dict[str, str]:
    """What the node program says of its own API server (`own`), and where each part of the control plane runs: source, target, or none."""
    return work.remote.verb("readyz").values


def unready(said: dict[str, str], told: set[str]) -> tuple[str, ...]:
    """Why the node's own API server is not ready; that nothing on the node can ask it is added to `told`."""
    status, _, url = said.get("own", "").partition(" ")
    if status == NOT_ASKED:
        told.add("its own API server is judged by its pod alone: no curl, kubectl or openssl on the node can ask its /readyz")
        return ()
    return () if status == OWN_READY else (f"its own API server is not ready: {url or '/readyz'} answers {status or 'nothing'}",)


def _planes(work: Work) -> ClusterFacts:
    """The nodes, and the pods of the control planes alone: it is asked every few seconds."""
    nodes = work.cluster.every_node()
    pods = tuple(pod for node in nodes if node.control_plane for pod in work.cluster.pods_on(node.name))
    return ClusterFacts(server="", taken=int(work.clock.now().timestamp()), nodes=nodes, pods=pods)


def _view(work: Work, facts: NodeFacts, cluster: ClusterFacts, etcd: Etcd | Unreadable | None) -> NodeView:
    here = cluster.pods_on(work.node)
    return NodeView(dataclasses.replace(facts, etcd=etcd), cluster.node(work.node), here, cluster, work.target)


def _through_others(work: Work, before: EtcdBefore) -> Etcd | Unreadable:
    try:
        return read_through_others(work, before)
    except EtcdUnread as wrong:
        return Unreadable(MEMBERS, f"asked through {few(before.others)}: {wrong}")
