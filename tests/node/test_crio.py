"""What only CRI-O does: a sandbox whose making lost its caller is not listed, and the rollback ends it too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.node.scratch import SHELLS, Scratch

DISOWNED = "d1" * 32
STORE = "/var/lib/containers/storage/overlay-containers/containers.json"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_sandbox_that_is_not_listed_is_asked_for_again_and_stopped(shell: str, tmp_path: Path) -> None:
    node = Scratch(tmp_path / "root", SHELLS[shell], target="crio")
    before = node.state()
    for segment in ("prepare", "switch"):
        assert node.verb("forward", segment).code == 0
    node.write(f"/.state/k8s/{DISOWNED}", b"type=podsandbox\nuid=u-1\ngrace=\nname=POD\nrunning=yes\npolicy=disowned\n")
    node.write("/var/lib/cni/networks/lab/10.244.1.99", f"{DISOWNED}\r\neth0".encode())
    stored = [{"id": DISOWNED, "names": ["k8s_POD_tuner-x_ops_u-1_0"], "image": "pause"}, {"id": "e" * 64, "names": ["podman-1"]}]
    node.write(STORE, json.dumps(stored, separators=(",", ":")).encode())
    back = node.verb("rollback")
    assert (back.code, back.err) == (0, ""), back.out
    assert json.loads(node.read(f"{node.run.relative_to(node.root)}/sandbox.json")) == {
        "metadata": {"name": "tuner-x", "namespace": "ops", "uid": "u-1", "attempt": 0},
        "linux": {},
    }
    assert not (node.root / ".state/k8s" / DISOWNED).exists()
    assert node.state() == {**before, "current": False}
