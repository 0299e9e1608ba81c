"""The control planes of a lab: etcd asked past docker2cri, and a client that writes while one of them moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.tool import Ran
from tests.e2e.writer import NAMESPACE, Written, kept, writes
from tests.lab.fixtures import Lab

PLANES = ("ha-cp1", "ha-cp2", "ha-cp3")
KEYS = "/etc/kubernetes/pki/etcd"
ETCDCTL = (
    *("etcdctl", "--cacert", f"{KEYS}/ca.crt", "--cert", f"{KEYS}/healthcheck-client.crt", "--key", f"{KEYS}/healthcheck-client.key"),
    *("--command-timeout", "20s", "-w", "json"),
)


@dataclass(frozen=True, slots=True)
class Members:
    """etcd at one moment: member IDs by name, the leader's name, the raft term, the members' hashes at one revision."""

    ids: dict[str, int]
    leader: str
    term: int
    hashes: frozenset[int]


def etcdctl(lab: Lab, node: str, *words: str) -> Any:
    """What etcdctl in a member's pod answers."""
    return json.loads(lab.kubectl("-n", "kube-system", "exec", f"etcd-{node}", "--", *ETCDCTL, *words))


def members(lab: Lab, through: str = "ha-cp1") -> Members:
    """etcd as one member tells of all."""
    listed = etcdctl(lab, through, "member", "list")["members"]
    status = etcdctl(lab, through, "endpoint", "status", "--cluster")
    revision = min(one["Status"]["header"]["revision"] for one in status)
    hashes = etcdctl(lab, through, "endpoint", "hashkv", "--cluster", f"--rev={revision}")
    names = {one["ID"]: one["name"] for one in listed}
    return Members(
        {one["name"]: one["ID"] for one in listed},
        names.get(status[0]["Status"]["leader"], ""),
        max(one["Status"]["raftTerm"] for one in status),
        frozenset(one["HashKV"]["hash"] for one in hashes),
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """One move: what the tool said, etcd before and after, what a client wrote meanwhile, and what each API server has of it."""

    ran: Ran
    before: Members
    after: Members
    written: Written
    lost: dict[str, list[str]]

    def __str__(self) -> str:
        terms = f"raft term {self.before.term} -> {self.after.term}, leader {self.before.leader} -> {self.after.leader}"
        same = f"IDs {'same' if self.before.ids == self.after.ids else 'DIFFER'}, hashes {len(self.after.hashes)}"
        return f"exit {self.ran.code}; {self.written}; lost {self.lost}; {terms}; {same}"


def while_writing(lab: Lab, folder: Path, act: Callable[[], Ran], planes: Sequence[str] = PLANES) -> Moved:
    """Do it while a client writes; at the end each of the control planes is asked what it has."""
    lab.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    lab.kubectl("create", "namespace", NAMESPACE)
    before = members(lab, planes[0])
    with writes(lab.kubeconfig, folder / "writes") as written:
        ran = act()
    after = members(lab, planes[0])
    servers = {name: f"https://{lab.node(name).ip}:6443" for name in planes}
    lost = {name: sorted(written.acked - kept(lab.kubeconfig, server)) for name, server in servers.items()}
    return Moved(ran, before, after, written, lost)
