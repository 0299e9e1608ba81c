"""The mark on a Node: its text in both forms, and which run it tells of."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.facts.live import LiveMetadata, LiveNode
from migrate.plan.mark import MIGRATED_ANNOTATION, RUN_ANNOTATION, Mark, mark_of, record_of
from migrate.plan.steps import DrainPolicy

WHOLE = Mark(
    run="0123456789ab",
    cordoned_before=True,
    source="dockershim",
    target="crio+own-defaults",
    cri_socket="/var/run/docker,shim=1.sock",
    drain=DrainPolicy(delete_emptydir_data=True, force=True, leave_returning=True, timeout=90),
    image="registry.k8s.io/pause:3.6",
)
TEXT = (
    "0123456789ab,cordoned-before=true,source=dockershim,target=crio+own-defaults,"
    "drain=ignore-daemonsets+delete-emptydir-data+force,drain-timeout=90,leave-returning=true,"
    "cri-socket-before=/var/run/docker%2Cshim%3D1.sock,smoke-image=registry.k8s.io/pause:3.6"
)


def node(**annotations: str) -> LiveNode:
    keys = {"run": RUN_ANNOTATION, "migrated": MIGRATED_ANNOTATION}
    return LiveNode(metadata=LiveMetadata(name="w1", annotations={keys[key]: text for key, text in annotations.items()}))


def test_the_text_is_read_back() -> None:
    assert str(WHOLE) == TEXT
    assert mark_of(node(run=TEXT)) == WHOLE


@pytest.mark.parametrize(
    ("alone", "elsewhere", "word"), [(True, False, "alone"), (False, True, "etcd-elsewhere"), (True, True, "alone+etcd-elsewhere")]
)
def test_the_kind_of_control_plane_is_told(alone: bool, elsewhere: bool, word: str) -> None:
    mark = replace(WHOLE, alone=alone, etcd_elsewhere=elsewhere)
    assert str(mark) == f"{TEXT},control-plane={word}"
    assert mark_of(node(run=str(mark))) == mark


def test_the_form_of_earlier_versions_is_read() -> None:
    assert mark_of(node(run="run-1,cordoned-before=false")) == Mark(run="run-1", cordoned_before=False)
    assert str(Mark(run="run-1", cordoned_before=False)) == "run-1,cordoned-before=false"
    assert mark_of(node(run=TEXT.replace(",leave-returning=true", ""))) == replace(WHOLE, drain=replace(WHOLE.drain, leave_returning=False))


def test_a_word_of_a_later_version_is_passed_over() -> None:
    assert mark_of(node(run=f"{TEXT},colour=blue")) == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "by hand",
        "run-1",
        "../../etc,cordoned-before=true",
        "a/b,cordoned-before=true",
        "run-1,cordoned-before=maybe",
        "run-1,cordoned-before=true,source=dockershim,drain=everything",
        "run-1,cordoned-before=true,source=dockershim,drain-timeout=-1",
        "run-1,cordoned-before=true,source=dockershim,drain-timeout=²",
        "run-1,cordoned-before=true,source=dockershim,leave-returning=perhaps",
        "run-1,cordoned-before=true,source=dockershim,cri-socket-before=%1b]0;x%07",
    ],
)
def test_what_is_no_mark_is_told_as_it_is(text: str) -> None:
    assert mark_of(node(run=text)) == text
    assert record_of(node(run=text)) is None


def test_the_run_that_holds_the_cordon_is_told_before_the_one_that_migrated() -> None:
    before = "run-0,cordoned-before=false"
    assert record_of(node(run=TEXT, migrated=before)) == WHOLE
    assert record_of(node(migrated=TEXT)) == WHOLE
    assert record_of(node(run="by hand", migrated=TEXT)) is None
    assert record_of(node()) is None
