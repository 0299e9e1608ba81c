"""The roles as they are printed."""

from __future__ import annotations

import pytest

from migrate.run.kube.rights import roles_of

from .test_commands import run


@pytest.mark.parametrize("name", ["inspect", "scan", "pause", "apply"])
def test_the_roles_of_a_command_are_printed(name: str) -> None:
    assert run("rbac", name) == (0, roles_of(name), "")


def test_all_are_printed_and_another_word_is_refused() -> None:
    assert run("rbac") == (0, "---\n".join(map(roles_of, ("scan", "inspect", "pause", "apply"))), "")
    assert run("rbac", "nodes")[0] == 2
