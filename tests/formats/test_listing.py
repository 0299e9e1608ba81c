"""Lists in one line."""

from __future__ import annotations

import pytest

from migrate.formats.listing import few


@pytest.mark.parametrize(
    ("names", "said"),
    [(0, ""), (1, "p1"), (5, "p1, p2, p3, p4, p5"), (6, "p1, p2, p3, p4, p5 and 1 more"), (1048, "p1, p2, p3, p4, p5 and 1,043 more")],
)
def test_five_are_named_and_the_rest_is_counted(names: int, said: str) -> None:
    assert few(f"p{number + 1}" for number in range(names)) == said


def test_another_joint_and_number() -> None:
    assert few(["a; b", "c", "d"], 2, joint="; ") == "a; b; c and 1 more"
