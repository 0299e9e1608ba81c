"""The snapshot of etcd: taken before anything is disturbed, proved by its own SHA-256, kept on the operator's machine alone."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from migrate.rules import node
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from tests.node.test_etcd import SNAPSHOT
from tests.run.engine import NODE, World, ended
from tests.run.plane import plane_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(node, "movable", lambda view: True)
    return plane_world(tmp_path)


def kept(world: World, name: str) -> Path:
    return world.state / "run-1" / f"{NODE}.{name}"


def test_it_is_kept_with_the_files_of_the_member_and_all_of_it_is_told(world: World) -> None:
    assert ended(apply(world.work())) == ("migrated", 0, "it runs on containerd and is verified")
    snapshot, files = kept(world, "etcd.db"), kept(world, "kubernetes.tar")
    assert snapshot.read_bytes() == SNAPSHOT
    assert [stat.filemode(path.stat().st_mode) for path in (snapshot, files)] == ["-rw-------"] * 2
    with tarfile.open(fileobj=io.BytesIO(files.read_bytes())) as archive:
        assert sorted(one.name for one in archive if one.isfile()) == ["manifests/etcd.yaml", "pki/ca.crt", "pki/etcd/ca.key"]
    assert not (world.scratch.run / "etcd.db").exists()
    lines = [event.text for event in world.told if event.type == "note" and "etcd" in event.text]
    assert lines == [
        f"kept {snapshot} (12.3 kB, verified by its SHA-256) and {files}: with all Secrets and keys of the cluster, unencrypted",
        f"docker2cri never deletes them; when the cluster is well: rm {snapshot} {files}",
        "if etcd is ever lost, it is restored on each control plane by: etcdctl snapshot restore etcd.db --name ha-cp3 --initial-cluster "
        "ha-cp3=https://10.214.0.20:2380,ha-cp2=https://10.214.0.19:2380,ha-cp1=https://10.214.0.10:2380 "
        "--initial-advertise-peer-urls https://10.214.0.20:2380 --data-dir /var/lib/etcd-restored",
    ]
    assert ended(rollback(world.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    assert snapshot.read_bytes() == SNAPSHOT


TORN = SNAPSHOT[:-1] + bytes([SNAPSHOT[-1] ^ 1])
UNWRITTEN = SNAPSHOT[:512] + b"x" + SNAPSHOT[513:]


@pytest.mark.parametrize("database", [TORN, UNWRITTEN, SNAPSHOT[:-512], b""], ids=["end", "middle", "shorter", "empty"])
def test_one_that_does_not_prove_itself_is_refused_and_the_node_left_as_it_was(world: World, database: bytes) -> None:
    world.scratch.write("/.state/etcd/db", database)
    state, code, text = ended(apply(world.work()))
    assert (state, code) == ("rolled back", 5)
    assert text.startswith("no snapshot of etcd: ")
    assert "it never left Docker" in text
    assert not kept(world, "etcd.db").exists()
    assert not (world.scratch.run / "etcd.db").exists()
    assert not world.cordoned()


def test_a_second_operator_takes_none_again(world: World) -> None:
    work = world.work()
    work.interrupt.wished.set()
    with pytest.raises(BaseException, match="interrupted"):
        apply(work)
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    first = kept(world, "etcd.db").stat().st_mtime_ns
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    assert kept(world, "etcd.db").stat().st_mtime_ns == first
