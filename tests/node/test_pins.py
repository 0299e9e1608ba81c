"""Images kept from the kubelet's garbage collection: by a label in containerd, by a drop-in for CRI-O, and both taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.model import PlannedStep
from migrate.plan.steps import CarryImage, PinImages
from tests.node.scratch import Scratch, planned

PIN = "io.cri-containerd.pinned=pinned"
FILE = "/etc/crio/crio.conf.d/99-docker2cri-pinned.conf"


def node_with_pins(root: Path, target: str, file: str = "", own: tuple[str, ...] = ()) -> tuple[Scratch, tuple[str, ...]]:
    """A node whose plan pins what it carries, before it validates."""
    plan, _ = planned(target)
    names = tuple(one.step.name for one in plan.steps if isinstance(one.step, CarryImage))
    pin = PlannedStep(segment="prepare", step=PinImages(title=target, names=(*own, *names), file=file, why="x"))
    last = max(at for at, one in enumerate(plan.steps) if isinstance(one.step, CarryImage)) + 1
    return Scratch(root, target=target, plan=replace(plan, steps=(*plan.steps[:last], pin, *plan.steps[last:]))), names


def labels(node: Scratch, name: str) -> str:
    return node.tool("ctr", "-n", "k8s.io", "images", "ls", f"name=={name}").split()[-1]


def test_every_carried_image_gets_the_label_and_a_rollback_takes_it_back(tmp_path: Path) -> None:
    node, names = node_with_pins(tmp_path / "root", "containerd")
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert {name: PIN in labels(node, name) for name in names} == dict.fromkeys(names, True)
    assert (node.run / "pinned").read_text().split() == list(names)
    assert node.verb("rollback").code == 0
    assert {name: labels(node, name) for name in names} == dict.fromkeys(names, "-")


def test_what_was_pinned_before_stays_pinned(tmp_path: Path) -> None:
    node, names = node_with_pins(tmp_path / "root", "containerd")
    flat = names[0].replace("/", "_")
    node.write(f"/.state/images/labels-{flat}", f"mine=x,{PIN}\n".encode())
    assert node.verb("forward", "prepare").code == 0
    assert node.verb("rollback").code == 0
    assert [PIN in labels(node, name) for name in names] == [True, *([False] * (len(names) - 1))]


def test_a_label_that_cannot_be_removed_is_told_and_the_node_is_rolled_back(tmp_path: Path) -> None:
    node, names = node_with_pins(tmp_path / "root", "containerd")
    assert node.verb("forward", "prepare").code == 0
    stub = node.root / ".tools/ctr"
    real = stub.readlink()
    stub.unlink()
    (node.root / ".tools/inner").mkdir()
    (node.root / ".tools/inner/ctr").symlink_to(real)
    stub.write_text(f'#!/bin/sh\ncase "$*" in *label*) echo refused >&2; exit 1 ;; esac\nexec {node.root}/.tools/inner/ctr "$@"\n')
    stub.chmod(0o755)
    assert node.verb("rollback").code == 0
    assert node.status()["state"] == "rolled-back"
    assert f"{names[0]} stays pinned in containerd: " in (node.run / "journal").read_text()


def test_a_drop_in_lists_them_behind_the_admin_s_own_and_goes_on_rollback(tmp_path: Path) -> None:
    node, names = node_with_pins(tmp_path / "root", "crio", FILE, ("registry.example/own*",))
    before = node.tree()
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    listed = ", ".join(f'"{name}"' for name in ("registry.example/own*", *names))
    assert node.tree()[FILE[1:]] == ("-rw-r--r--", f"[crio.image]\npinned_images = [{listed}]\n")
    assert node.verb("rollback").code == 0
    assert node.tree() == before


def test_a_drop_in_of_its_name_is_left_alone(tmp_path: Path) -> None:
    node, _ = node_with_pins(tmp_path / "root", "crio", FILE)
    node.write(FILE, b"mine\n")
    ended = node.verb("forward", "prepare")
    assert ended.code == 1
    assert f"{FILE} is there already, with other images; remove it, or move its list to another file" in ended.out
    assert node.verb("rollback").code == 0
    assert node.read(FILE) == b"mine\n"


@pytest.mark.parametrize("kill_at", range(2, 40, 4))
def test_killed_while_it_pins_nothing_stays_pinned(tmp_path: Path, kill_at: int) -> None:
    node, names = node_with_pins(tmp_path / "root", "containerd")
    node.verb("forward", "prepare", kill_at=kill_at)
    node.verb("forward", "prepare")
    assert node.verb("rollback").code == 0
    assert {name: labels(node, name) for name in names} == dict.fromkeys(names, "-")
