"""What etcdctl says of a control plane's etcd, from the capture of a real one."""

from __future__ import annotations

import dataclasses
import json

import pytest

from migrate.facts.capture import CommandReading
from migrate.facts.etcd import Etcd, EtcdHash
from migrate.facts.parse.etcd import hashes_of
from migrate.facts.values import Unreadable
from tests import captured

PLANE = captured.capture_of("ha-cp1", captured.HIGHLY_AVAILABLE)
CP1, CP2, CP3 = 16984736612034483666, 11398749172382687773, 11242444046214549434


def test_three_members_follow_one_leader() -> None:
    found = captured.facts(PLANE).etcd
    assert isinstance(found, Etcd)
    assert (found.own, found.quorum, found.alarms) == (CP1, 2, ())
    assert [(one.id, one.name, one.urls, one.learner, one.healthy) for one in found.members] == [
        (CP3, "ha-cp3", ("https://10.214.0.20:2379",), False, True),
        (CP2, "ha-cp2", ("https://10.214.0.19:2379",), False, True),
        (CP1, "ha-cp1", ("https://10.214.0.10:2379",), False, True),
    ]
    assert {one.status.version for one in found.members if one.status} == {"3.4.23"}
    assert len({one.status.leader for one in found.members if one.status}) == 1
    assert [one.name for one in found.others] == ["ha-cp3", "ha-cp2"]
    assert found.members[0].called == "ha-cp3 (9c052f4b85d2cfba)"


def test_a_worker_has_none() -> None:
    assert captured.facts(captured.capture_of("ha-w1", captured.HIGHLY_AVAILABLE)).etcd is None


def test_a_capture_that_did_not_ask_says_nothing() -> None:
    facts = captured.facts(captured.capture_of("lab-cp1"))
    assert (facts.etcd, [one.what for one in facts.unreadable if "etcd" in one.what]) == (None, [])


def test_a_member_that_does_not_answer_is_there_and_not_healthy() -> None:
    status = json.loads(PLANE.commands["etcd status"].text)
    health = json.loads(PLANE.commands["etcd health"].text)
    for one in health:
        one["health"] = one["endpoint"] != "https://10.214.0.20:2379"
    changed = {
        "etcd status": CommandReading(123, json.dumps([one for one in status if "0.20" not in one["Endpoint"]]).encode()),
        "etcd health": CommandReading(123, json.dumps(health).encode()),
    }
    found = captured.facts(dataclasses.replace(PLANE, commands={**PLANE.commands, **changed})).etcd
    assert isinstance(found, Etcd)
    assert [(one.name, one.healthy, one.status is None) for one in found.members] == [
        ("ha-cp3", False, True),
        ("ha-cp2", True, False),
        ("ha-cp1", True, False),
    ]
    assert [one.name for one in found.others] == ["ha-cp2"]


NO_SHAPE = "it is no answer of etcdctl: "
MANY = json.dumps({"header": {}, "members": [{"ID": number} for number in range(65)]})


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("etcd members", "", "no container of etcd answers"),
        ("etcd members", "Error: context deadline exceeded", NO_SHAPE),
        ("etcd members", "[" * 100_000, NO_SHAPE),
        ("etcd members", '{"header": {}, "members": []}', "it tells of 0 members and 0 alarms"),
        ("etcd members", MANY, "it tells of 65 members and 0 alarms"),
        ("etcd members", '{"header": {}, "members": [{"ID": -1}]}', NO_SHAPE),
        ("etcd members", '{"header": {}, "members": [{"ID": 1e300}]}', NO_SHAPE),
        ("etcd members", '{"header": {}, "members": [{"ID": 1, "name": ["x"]}]}', NO_SHAPE),
        ("etcd status", '{"Endpoint": "x"}', NO_SHAPE),
        ("etcd health", "null", NO_SHAPE),
        ("etcd alarms", '{"alarms": [{"memberID": "1"}]}', NO_SHAPE),
    ],
)
def test_what_is_no_answer_is_unreadable(key: str, text: str, reason: str) -> None:
    facts = captured.facts(captured.with_output(PLANE, key, text))
    assert isinstance(facts.etcd, Unreadable)
    assert facts.etcd.what == key
    assert facts.etcd.reason.startswith(reason)
    assert facts.etcd in facts.unreadable


def test_a_command_that_fails_is_unreadable_with_its_words() -> None:
    failed = CommandReading(123, b"", b"OCI runtime exec failed: exec failed: no such file\n")
    found = captured.facts(dataclasses.replace(PLANE, commands={**PLANE.commands, "etcd members": failed})).etcd
    assert found == Unreadable("etcd members", "exit code 123: OCI runtime exec failed: exec failed: no such file")


def test_names_are_shown_on_one_line() -> None:
    hostile = json.loads(PLANE.commands["etcd members"].text)
    hostile["members"][0]["name"] = "x\n\x1b[31m" + "y" * 500
    found = captured.facts(captured.with_output(PLANE, "etcd members", json.dumps(hostile))).etcd
    assert isinstance(found, Etcd)
    assert (len(found.members[0].name), found.members[0].name.isprintable()) == (200, True)


def test_the_keys_of_a_young_cluster_were_never_compacted() -> None:
    """As a member said two minutes after kubeadm init."""
    said = '[{"Endpoint":"https://127.0.0.1:2379","HashKV":{"header":{"member_id":7,"revision":9},"hash":5,"compact_revision":-1}}]'
    assert hashes_of(said) == (EtcdHash(7, 5, -1),)
