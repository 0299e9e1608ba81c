"""Waivers in files: what they are about, and what is no waiver."""

from __future__ import annotations

from datetime import date

import pytest

from migrate.manifests.model import Problem
from migrate.manifests.text import Text
from migrate.manifests.waivers import Waiver, waivers

LONG = "expected a comment `docker2cri: ignore CODE reason (until YYYY-MM-DD)`"


def found(text: str) -> list[Waiver | Problem]:
    return list(waivers(Text("x", text)))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("a: 1 # docker2cri: ignore D2C301 moves\nb: 2\n", 1, 1),
        ("x: 1\n# docker2cri: ignore D2C301 moves\n# more\n- name: a\n  path: b\n\n  deep:\n    c: d\n- name: e\n", 4, 8),
        ("# docker2cri: ignore D2C301 moves\nx: 1\ny: 2\n", 1, 4),
        ("---\n# docker2cri: ignore D2C301 moves\nx: 1\ny: 2\n", 1, 5),
        ("#!/bin/sh\n# docker2cri: ignore D2C301 moves\ndocker ps\n", 1, 4),
        ("x: 1\n# docker2cri: ignore D2C301 moves\n", 2, 2),
        ("a: 1\n{{- /* docker2cri: ignore D2C301 moves */ -}}\nb: 2\nc: 3\n", 3, 3),
        ("{{/* docker2cri: ignore D2C301 moves */}}\nb: 2\nc: 3\n", 1, 4),
        ("a: 1\n  {#- docker2cri: ignore D2C301 moves -#}\n  b: 2\nc: 3\n", 3, 3),
        ("pipeline {\n  // docker2cri: ignore D2C301 moves\n  sh 'a'\n  sh 'b'\n}\n", 3, 3),
    ],
)
def test_what_a_waiver_is_about(text: str, first: int, last: int) -> None:
    [waiver] = found(text)
    assert isinstance(waiver, Waiver)
    assert (waiver.codes, waiver.reason, waiver.until, waiver.first, waiver.last) == (("D2C301",), "moves", None, first, last)


def test_codes_reason_and_day() -> None:
    [waiver] = found("a: 1\nb: 1 # docker2cri: ignore D2C301, D2C304: moves to BuildKit (until 2027-01-31)\n")
    assert waiver == Waiver(("D2C301", "D2C304"), "moves to BuildKit", date(2027, 1, 31), "x", 2, 2, 2)


@pytest.mark.parametrize(
    ("comment", "lacks"),
    [
        ("# docker2cri: ignore D2C301", "gives no reason"),
        ("# docker2cri: ignore D2C301 (until 2027-01-31)", "gives no reason"),
        ("# docker2cri: ignore the builder moves", "names no code"),
        ("# docker2cri: ignore", "names no code"),
        ("# docker2cri: ignore D2C301 moves (until next week)", "has no day"),
        ("# docker2cri: ignore D2C301 moves (until 2027-02-31)", "has no day"),
    ],
)
def test_an_incomplete_waiver_is_told(comment: str, lacks: str) -> None:
    [waiver] = found(f"a: 1\n  {comment}\nb: 1\n")
    assert isinstance(waiver, Problem)
    assert (waiver.why, str(waiver.place)) == (f"it {lacks}; {LONG}", "x:2:3")


@pytest.mark.parametrize("text", ["docker2cri: ignore D2C301 x\n", "# docker2cri: look\n", "# ignore D2C301 x\n"])
def test_what_is_no_waiver(text: str) -> None:
    assert found(text) == []
