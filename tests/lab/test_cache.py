"""What is built is whole or absent, and made again when its recipe changes. No lab is needed."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from . import cache, keys, machine, spec
from .shell import LabError, attempt, run, until
from .spec import nodes


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    monkeypatch.setattr(keys, "CACHE", tmp_path)


def _write(draft: Path) -> None:
    (draft / "thing").write_text("whole")


def test_a_build_that_fails_leaves_nothing_and_is_done_again(tmp_path: Path) -> None:
    def half(draft: Path) -> None:
        (draft / "thing").write_text("ha")
        raise LabError("killed")

    key = cache.recipe("a")
    with pytest.raises(LabError, match="killed"):
        cache.built("things", key, half)
    assert not list(tmp_path.glob("things-*"))
    place = cache.built("things", key, _write)
    assert place == tmp_path / f"things-{key}"
    assert [file.name for file in place.iterdir()] == ["thing"]
    assert list((tmp_path / "draft").iterdir()) == []


def test_what_is_built_is_not_built_again_and_an_older_recipe_is_dropped(tmp_path: Path) -> None:
    def never(draft: Path) -> None:
        raise AssertionError(f"built again in {draft}")

    first = cache.built("things", cache.recipe("a"), _write)
    assert cache.built("things", cache.recipe("a"), never) == first
    second = cache.built("things", cache.recipe("b"), _write)
    assert sorted(tmp_path.glob("things-*")) == [second]


def test_a_recipe_follows_texts_names_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    file = folder / "script"
    file.write_text("one")
    file.chmod(0o644)
    seen = [cache.recipe(folder, "x")]
    file.chmod(0o755)
    seen.append(cache.recipe(folder, "x"))
    file.write_text("two")
    seen.append(cache.recipe(folder, "x"))
    file.rename(folder / "other")
    seen.append(cache.recipe(folder, "x"))
    assert len(set(seen)) == 4
    assert seen[3] == cache.recipe(folder, "x")


def test_the_second_of_two_commands_is_told_so() -> None:
    with cache.only_one(), pytest.raises(LabError, match="another lab command is at work"), cache.only_one():
        pass


def test_one_that_waits_gets_the_lock_when_the_other_has_ended() -> None:
    held = cache.only_one()
    held.__enter__()
    threading.Timer(0.3, held.__exit__, (None, None, None)).start()
    begun = time.monotonic()
    with cache.only_one(patience=10):
        assert 0.2 < time.monotonic() - begun < 5
    with cache.only_one(), pytest.raises(LabError, match="another lab command is at work"), cache.only_one(patience=0.3):
        pass


def test_host_keys_stay_the_same() -> None:
    node = nodes(2)[1]
    first = keys.host_key(node).read_bytes()
    assert keys.host_key(node).read_bytes() == first
    # A run killed between the two files: no public key, so the pair is made again.
    keys.host_key(node).with_suffix(".pub").unlink()
    assert keys.host_key(node).read_bytes() != first


def test_the_second_worker_is_the_dirty_one() -> None:
    assert [(node.name, node.role, node.ip, node.pods) for node in nodes(3)] == [
        ("lab-cp1", "control", "10.213.0.10", "10.244.0.0/24"),
        ("lab-w1", "clean", "10.213.0.11", "10.244.1.0/24"),
        ("lab-w2", "dirty", "10.213.0.12", "10.244.2.0/24"),
        ("lab-w3", "clean", "10.213.0.13", "10.244.3.0/24"),
    ]


@pytest.mark.parametrize("asked", ["1", "9", "two", ""])
def test_a_number_of_workers_that_cannot_be_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_WORKERS", asked)
    with pytest.raises(LabError, match="a number from 2 to 8 is expected"):
        spec.asked_workers()


def test_other_control_planes_are_other_labs_beside_the_usual_one() -> None:
    told = "from tests.lab.spec import *; from tests.lab.spec import nodes; "
    told += "print(NETWORK, SUBNET, ENDPOINT, ACCESS.name, JOINED.name, *(f'{n.name}:{n.ip}:{n.pods}' for n in nodes(1)))"
    for planes, said in {
        "1": "docker2cri-lab 10.213.0.0/24 10.213.0.10 .lab joined lab-cp1:10.213.0.10:10.244.0.0/24 lab-w1:10.213.0.11:10.244.1.0/24",
        "3": "docker2cri-lab-ha 10.214.0.0/24 10.214.0.4 .lab-ha joined-ha ha-cp1:10.214.0.10:10.244.0.0/24 "
        "ha-cp2:10.214.0.19:10.244.9.0/24 ha-cp3:10.214.0.20:10.244.10.0/24 ha-w1:10.214.0.11:10.244.1.0/24",
        "single": "docker2cri-lab-single 10.215.0.0/24 10.215.0.10 .lab-single joined-single single-cp1:10.215.0.10:10.244.0.0/24 "
        "single-w1:10.215.0.11:10.244.1.0/24",
    }.items():
        assert attempt(sys.executable, "-c", told, env=os.environ | {"LAB_CONTROL_PLANES": planes}) == (0, f"{said}\n")


def test_commands_give_their_code_words_and_limits() -> None:
    assert attempt("sh", "-c", "cat; echo err >&2; exit 3", stdin=b"in\n") == (3, "in\nerr\n")
    assert attempt("no-such-command") == (127, "no-such-command: not installed")
    assert attempt("sleep", "5", timeout=0.1)[0] == 124
    with pytest.raises(LabError, match="`sh -c exit 2` ended with 2"):
        run("sh", "-c", "exit 2")
    with pytest.raises(LabError, match="the sky is green: not so after 0 s"):
        until("the sky is green", 0.01, lambda: False, every=0.01)


def test_a_busybox_that_needs_libraries_counts_as_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = b"\x7fELF\x02" + bytes(27) + (64).to_bytes(8, "little") + bytes(14) + (56).to_bytes(2, "little") + (2).to_bytes(2, "little")
    for name, kinds in {"static": (1, 1), "dynamic": (1, 3)}.items():
        table = b"".join(kind.to_bytes(4, "little") + bytes(52) for kind in kinds)
        (tmp_path / name).write_bytes(header + bytes(64 - len(header)) + table)
    (tmp_path / "script").write_text("#!/bin/sh\n")
    found = {name: machine.is_static(tmp_path / name) for name in ("static", "dynamic", "script")}
    assert found == {"static": True, "dynamic": False, "script": False}
    for name, missing in {"static": [], "dynamic": ["busybox-static"]}.items():
        monkeypatch.setattr(machine, "PACKAGES", {"busybox-static": str(tmp_path / name)})
        assert machine._uninstalled() == missing
