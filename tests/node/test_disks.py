"""The node program in a scratch root whose file systems are full or read-only: mounted for the test, so only root can run these."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.node.conftest import Known
from tests.node.scratch import RUN, SHELLS, Scratch
from tests.node.test_there_and_back import is_old

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
Prepared = Callable[..., Scratch]


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """A file system at a place of the scratch root, with what lay there before in it."""
    subprocess.run(["mount", *options, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def small_disk(node: Scratch) -> Iterator[Path]:
    """The program's own folder on a disk of 1 MiB, as small as `fills_the_disk` needs it."""
    home = node.root / "var/lib/docker2cri"
    held = node.root / ".state/home"
    shutil.copytree(home, held)
    with mounted(home, "-t", "tmpfs", "-o", "size=1m,mode=700", "none"):
        shutil.copytree(held, home, dirs_exist_ok=True)
        yield home
        shutil.rmtree(held)
        shutil.copytree(home, held)
    shutil.rmtree(home)
    held.rename(home)


def fills_the_disk(node: Scratch, tool: str, when: str) -> None:
    """A tool that fills the disk before it does what it is asked for, once, when the kubelet is stopped."""
    place, inner = node.root / ".tools" / tool, node.root / ".tools/inner" / tool
    inner.parent.mkdir()
    place.rename(inner)
    filler = node.root / "var/lib/docker2cri/filler"
    kubelet = node.root / ".state/active/kubelet.service"
    fill = f"[ -e {kubelet} ] || [ -e {filler} ] || dd if=/dev/zero of={filler} bs=1024 2>/dev/null"
    place.write_text(f'#!/bin/sh\ncase "$*" in {when}) {fill} ;; esac\nexec {inner} "$@"\n')
    place.chmod(0o755)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("during", ["the pods' stop", "the reading of the configuration"])
def test_a_disk_that_fills_up_inside_switch_is_the_reason(during: str, shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    with small_disk(node) as home:
        fills_the_disk(node, *(("docker", "stop*") if during == "the pods' stop" else node.kind.reader))
        ended = node.verb("forward", "switch")
        full = f"the disk with {home} is full; make room there: df -h {home}; df -i {home}"
        assert ended.code == 5, ended
        failed = [entry.text for entry in node.entries() if entry.event == "failed"]
        assert [full in text for text in failed] == [True], failed
        assert full in node.status()["why"]
        assert full in (node.run / "exit.forward").read_text()
        (home / "filler").unlink()
    is_old(node, known)


@contextmanager
def etc_read_only(node: Scratch) -> Iterator[str]:
    """The scratch root's /etc mounted read-only; what every message says of that."""
    etc = node.root / "etc"
    with mounted(etc, "--bind", str(etc)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(etc)], check=True)
        yield f"the file system at {etc} is mounted read-only, expected was one to write to; fix it: mount -o remount,rw {etc}"


def in_etc(node: Scratch) -> list[str]:
    """The files in /etc that the program writes, in its order."""
    return [line.arguments[0] for line in node.program.lines if line.kind == "file" and line.arguments[0].startswith("/etc/")]


@pytest.mark.parametrize("shell", SHELLS)
def test_etc_that_is_read_only_is_seen_before_the_rollback_begins(shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    assert node.verb("forward", "switch").code == 0
    before = node.state(), node.tree(), node.entries()
    with etc_read_only(node) as why:
        back = node.verb("rollback")
        said = f"{RUN}: {node.root}{in_etc(node)[0]} cannot be written: {why}; nothing was changed: then the same again\n"
        assert (back.code, back.out, back.err) == (1, said, "")
        assert (node.run / "exit.rollback").read_text() == f"1 {said}"
    assert (node.state(), node.tree(), node.entries()) == before
    assert node.verb("rollback").code == 0
    is_old(node, known)


def test_etc_that_is_read_only_needs_attention_when_nobody_is_there(prepared: Prepared, known: Known) -> None:
    node = prepared()
    etc = node.root / "etc"
    assert node.verb("forward", "switch").code == 0
    with etc_read_only(node) as fixes:
        guard = node.verb("guard")
        why = node.status()["why"]
        assert (guard.code, guard.out.splitlines()[-1].startswith(f"{RUN}: needs attention: ")) == (6, True)
        begun = f"file: {node.root}{in_etc(node)[-1]} cannot be removed: {fixes}; the same for {etc}/"
        assert why.startswith(begun), why
        assert why.endswith(f", {node.root}{in_etc(node)[0]}; the kubelet stays stopped, its gate closed")
        assert why.count("read-only") == 1
        assert "kubelet.service" not in node.state()["units"]  # type: ignore[operator]
    assert node.verb("rollback").code == 0
    is_old(node, known)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_folder_of_its_own_that_is_read_only_changes_nothing_and_says_so(shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    assert node.verb("forward", "switch").code == 0
    home = node.root / "var/lib/docker2cri"
    with mounted(home, "--bind", str(home)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(home)], check=True)
        before = node.state(), node.tree()
        for verb, file in (("disarm", "lock"), ("rollback", "generation")):
            ended = node.verb(verb)
            assert (ended.code, ended.err) == (1, "")
            assert ended.out == (
                f"{RUN}: {home}/{file} cannot be written: the file system at {home} is mounted read-only, expected was one to write to; "
                f"fix it: mount -o remount,rw {home}; nothing was changed: then the same again\n"
            )
        assert (node.state(), node.tree()) == before
        subprocess.run(["mount", "-o", "remount,bind,rw", str(home)], check=True)
        assert node.verb("rollback").code == 0
    is_old(node, known)
