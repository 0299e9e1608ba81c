"""Every error owns an exit code of the public list, and says its whole text."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import migrate
from migrate import errors
from migrate.errors import MigrateError, NodeUnreachable, UsageError, worst


def kinds(root: type[MigrateError] = MigrateError) -> set[type[MigrateError]]:
    return {root}.union(*(kinds(kind) for kind in root.__subclasses__()))


def every_module() -> Iterator[str]:
    return (found.name for found in pkgutil.walk_packages(migrate.__path__, "migrate."))


def test_whole_text() -> None:
    error = NodeUnreachable(node="node01", seen="no route", expected="a route", next="ip route get 10.0.0.1")
    assert str(error) == "node01: no route\n  expected: a route\n  next: ip route get 10.0.0.1"
    assert str(UsageError(seen="no", expected="yes", next="say yes")) == "no\n  expected: yes\n  next: say yes"


def test_exit_codes_are_the_public_ones() -> None:
    public = {kind for kind in kinds() if kind.__module__ == errors.__name__}
    assert {kind.exit_code for kind in public} == {1, 2, 3, 4, 5, 6, 7, 8, 130}
    assert all(kind.__doc__ for kind in public)


def test_an_error_made_elsewhere_keeps_the_code_of_a_public_one() -> None:
    for name in every_module():
        importlib.import_module(name)
    elsewhere = {kind for kind in kinds() if kind.__module__.startswith("migrate.") and kind.__module__ != errors.__name__}
    assert elsewhere
    assert {kind.__name__ for kind in elsewhere if "exit_code" in vars(kind) or not kind.__doc__} == set()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((), 0), ((0, 0), 0), ((0, 4), 4), ((4, 3), 3), ((3, 7), 7), ((7, 8), 8), ((8, 5), 5), ((5, 6, 0), 6), ((1, 4), 4), ((130, 0), 130)],
)
def test_worst(codes: tuple[int, ...], expected: int) -> None:
    assert worst(codes) == expected
    assert worst(reversed(codes)) == expected


def test_worst_of_an_unknown_code() -> None:
    with pytest.raises(ValueError, match="42"):
        worst([0, 42])
