"""The operator's claim on a node: the script that really runs, in each shell, with clocks and files as they come."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from migrate.errors import NodeUnreadable
from migrate.run.ports import CommandResult
from migrate.run.remote import CLAIMS, Remote
from tests.fakes import FakeClock

SHELLS = [shell for shell in (("dash",), ("bash",), ("busybox", "sh")) if shutil.which(shell[0])]


class Shell:
    """A node that is one shell here."""

    name = "w1"

    def __init__(self, words: tuple[str, ...], folder: Path, path: str) -> None:
        self._words, self._folder, self._path = words, folder, path

    def run(self, script: bytes, *, timeout: float | None = None, limit: int = 0) -> CommandResult:
        text = script.decode().replace(CLAIMS, str(self._folder))
        done = subprocess.run(
            [shutil.which(self._words[0]) or "", *self._words[1:]],
            input=text.encode(),
            env={"PATH": self._path},
            capture_output=True,
            check=False,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


@pytest.fixture(params=SHELLS, ids=lambda words: words[0])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Remote]:
    def give(path: str = os.environ["PATH"]) -> Remote:
        return Remote("w1", "r1", lambda: Shell(request.param, tmp_path / "claims", path), FakeClock())  # type: ignore[arg-type]

    return give


def uptime() -> int:
    return int(float(Path("/proc/uptime").read_text().split()[0]))


def test_one_operator_at_a_time(node: Callable[..., Remote]) -> None:
    first, second = node(), node()
    assert first.holder() == ""
    assert first.claim("alice 1") is None
    assert first.claim("alice 1") is None
    assert second.claim("bob 2") == "alice 1"
    assert second.holder() == "alice 1"
    assert second.claim("bob 2", dead="alice 1") is None
    first.release("alice 1")
    assert first.holder() == "bob 2"
    second.release("bob 2")
    assert first.claim("alice 1") is None


@pytest.mark.parametrize("at", ["1795933896", "999999999", "-5", "08", "a[$(touch /tmp/d2c-never)]", "", "x"])
def test_a_claim_of_another_clock_holds_nobody_up(at: str, node: Callable[..., Remote], tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "claim").write_text(f"{at} alice 1\n")
    assert node().holder() == ""
    assert node().claim("bob 2") is None
    assert node().holder() == "bob 2"
    assert not Path("/tmp/d2c-never").exists()


@pytest.mark.parametrize(("age", "holder"), [(1, "alice 1"), (61, "")])
def test_a_claim_that_is_not_renewed_is_free(age: int, holder: str, node: Callable[..., Remote], tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "claim").write_text(f"{uptime() - age} alice 1\n")
    assert node().holder() == holder


def test_a_missing_flock_is_called_that(node: Callable[..., Remote], tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("mkdir", "sed", "cat"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    remote = node(str(tools))
    with pytest.raises(NodeUnreadable) as caught:
        remote.claim("alice 1")
    assert "the program flock does not exist; install util-linux" in caught.value.seen
