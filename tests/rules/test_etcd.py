"""The gates of a control plane's etcd: D2C170 to D2C178. Each planted fault is refused with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrate.facts.etcd import Etcd, EtcdMember, EtcdStatus
from migrate.facts.model import Unreadable
from migrate.facts.pod import MIRROR
from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case

GIB = 2**30
LABELS = {"node-role.kubernetes.io/control-plane": ""}


def member(
    number: int, learner: bool = False, healthy: bool = True, answers: bool = True, name: str | None = None, **said: Any
) -> EtcdMember:
    """A member cpN with the ID 0xa0N that follows 0xa01."""
    status = {
        **{
            "version": "3.4.23",
            "leader": 0xA01,
            "raft_term": 2,
            "raft_index": 5000,
            "applied": 5000,
            "size": 3_000_000,
            "in_use": 2_000_000,
        },
        **{"errors": ()},
        **said,
    }
    called = f"cp{number}" if name is None else name
    return EtcdMember(
        0xA00 + number, called, (f"https://10.0.0.{number}:2379",), learner, EtcdStatus(**status) if answers else None, healthy
    )


HEALTHY = (member(1), member(2), member(3))


def view(*members: EtcdMember, alarms: tuple[tuple[int, str], ...] = (), planes: int = 3, flag: str = "") -> NodeView:
    """Control plane cp1 of so many; its own member is the first."""
    found = make.view(the_node=make.node(labels=LABELS))
    assert found.cluster is not None
    assert found.node is not None
    others = tuple(
        msgspec.structs.replace(found.node, metadata=msgspec.structs.replace(found.node.metadata, name=f"cp{number}"))
        for number in range(2, planes + 1)
    )
    container = {"name": "etcd", "command": ["etcd", "--data-dir=/var/lib/etcd", *([flag] if flag else [])]}
    pod = make.pod("etcd-w1", "kube-system", None, annotations={MIRROR: "x"}, container=container)
    return replace(
        found,
        facts=replace(found.facts, etcd=Etcd(own=0xA01, members=members, alarms=alarms)),
        cluster=msgspec.structs.replace(found.cluster, nodes=(found.node, *others)),
        pods=(pod,),
    )


WELL = view(*HEALTHY)
UNREAD = Unreadable("etcd members", "exit code 123: no such file")

CASES = (
    Case("D2C170", "no etcdctl", make.view(of=make.facts(etcd=UNREAD)), (("etcd members", "exit code 123: no such file"),)),
    Case("D2C170", "read", WELL),
    Case("D2C170", "a worker", make.view()),
    Case("D2C105", "one of three with a member of etcd each", WELL),
    Case(
        "D2C105",
        "one of two",
        view(member(1), member(2), planes=2),
        (("Node w1", "the Node carries a control-plane label or taint"),),
    ),
    Case("D2C105", "one alone with its own member", view(member(1), planes=1)),
    Case(
        "D2C105",
        "one alone, whose etcd has a member besides",
        view(member(1), member(2), planes=1),
        (("Node w1", "the Node carries a control-plane label or taint"),),
    ),
    Case(
        "D2C105",
        "two with one member between them",
        view(member(1), planes=2),
        (("Node w1", "the Node carries a control-plane label or taint"),),
    ),
    Case(
        "D2C105",
        "a learner is no voter",
        view(*HEALTHY[:2], member(3, learner=True)),
        (("Node w1", "the Node carries a control-plane label or taint"),),
    ),
    Case("D2C171", "three", WELL),
    Case(
        "D2C171",
        "two members",
        view(member(1), member(2), planes=2),
        (("etcd", "2 voters, the quorum is 2; healthy without this node's member: cp2 (a02)"),),
    ),
    Case("D2C171", "one member of the only control plane, which is D2C184", view(member(1), planes=1)),
    Case(
        "D2C171",
        "one member of two control planes",
        view(member(1), planes=2),
        (("etcd", "1 voter, the quorum is 1; healthy without this node's member: none"),),
    ),
    Case(
        "D2C171",
        "another one is down",
        view(member(1), member(2), member(3, healthy=False)),
        (("etcd", "3 voters, the quorum is 2; healthy without this node's member: cp2 (a02)"),),
    ),
    Case("D2C171", "the own one is down: it is not counted", view(member(1, healthy=False), member(2), member(3))),
    Case(
        "D2C171",
        "a learner is no voter",
        view(member(1), member(2), member(3, learner=True)),
        (("etcd", "2 voters, the quorum is 2; healthy without this node's member: cp2 (a02)"),),
    ),
    Case("D2C171", "five, one down", view(*HEALTHY, member(4), member(5, healthy=False), planes=5)),
    Case("D2C172", "well", WELL),
    Case(
        "D2C172",
        "it does not answer",
        view(member(1), member(2), member(3, healthy=False, answers=False)),
        (("etcd member cp3 (a03)", "it does not answer, or is not healthy, at https://10.0.0.3:2379"),),
    ),
    Case(
        "D2C172",
        "it answers and is not healthy",
        view(member(1), member(2), member(3, healthy=False)),
        (("etcd member cp3 (a03)", "it does not answer, or is not healthy, at https://10.0.0.3:2379"),),
    ),
    Case("D2C172", "it never started", view(*HEALTHY[:2], member(3, name="", healthy=False)), (("etcd member a03", "it never started"),)),
    Case(
        "D2C172",
        "it tells an error",
        view(*HEALTHY[:2], member(3, errors=("etcdserver: no leader",))),
        (("etcd member cp3 (a03)", "etcdserver: no leader"),),
    ),
    Case("D2C173", "one leader, one version", WELL),
    Case("D2C173", "two leaders", view(*HEALTHY[:2], member(3, leader=0xA02)), (("etcd", "leaders that its members name: a01, a02"),)),
    Case(
        "D2C173", "no leader", view(*(member(number, leader=0) for number in (1, 2, 3))), (("etcd", "leaders that its members name: none"),)
    ),
    Case("D2C173", "two versions", view(*HEALTHY[:2], member(3, version="3.5.6")), (("etcd", "versions of its members: 3.4.23, 3.5.6"),)),
    Case(
        "D2C173",
        "a member of a control plane that is gone",
        view(*HEALTHY, planes=2),
        (("etcd", "members: cp1, cp2, cp3; control planes: cp2, w1"),),
    ),
    Case("D2C174", "no learner", WELL),
    Case("D2C174", "a learner", view(*HEALTHY[:2], member(3, learner=True)), (("etcd member cp3 (a03)", "it is a learner"),)),
    Case("D2C175", "no alarm", WELL),
    Case(
        "D2C175",
        "alarms of a member and of nobody",
        view(*HEALTHY, alarms=((0xA02, "NOSPACE"), (0xBEEF, "CORRUPT"))),
        (("etcd member beef", "alarm CORRUPT"), ("etcd member cp2 (a02)", "alarm NOSPACE")),
    ),
    Case("D2C176", "a little behind", view(*HEALTHY[:2], member(3, raft_index=4000, applied=4000))),
    Case(
        "D2C176",
        "the log is behind",
        view(*HEALTHY[:2], member(3, raft_index=3999, applied=3999)),
        (("etcd member cp3 (a03)", "it is 1,001 entries behind, expected were at most 1,000"),),
    ),
    Case(
        "D2C176",
        "what is applied is behind",
        view(*HEALTHY[:2], member(3, applied=10)),
        (("etcd member cp3 (a03)", "it is 4,990 entries behind, expected were at most 1,000"),),
    ),
    Case("D2C177", "small", WELL),
    Case(
        "D2C177",
        "80 % of the default",
        view(*HEALTHY[:2], member(3, size=1_717_986_919)),
        (("etcd member cp3 (a03)", "1,717,986,919 of 2,147,483,648 bytes, 2,000,000 of them in use; expected were less than 80 %"),),
    ),
    Case("D2C177", "of a larger quota", view(*HEALTHY[:2], member(3, size=2 * GIB), flag=f"--quota-backend-bytes={8 * GIB}")),
    Case(
        "D2C177",
        "a quota of 0 is the default",
        view(*HEALTHY[:2], member(3, size=2 * GIB), flag="--quota-backend-bytes=0"),
        (("etcd member cp3 (a03)", "2,147,483,648 of 2,147,483,648 bytes, 2,000,000 of them in use; expected were less than 80 %"),),
    ),
    Case("D2C178", "3.4.23", WELL),
    Case(
        "D2C178",
        "3.5.1",
        view(member(1, version="3.5.1")),
        (("etcd member cp1 (a01)", "3.5.1 may lose committed writes when it is killed under load"),),
    ),
    Case(
        "D2C178",
        "3.4.21",
        view(member(1, version="3.4.21")),
        (("etcd member cp1 (a01)", "3.4.21 may have other revisions than its peers after a crash while it defragments"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()
