"""A control plane in the engine's world: the scratch root runs its static pods, and its etcd answers as a real member did."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec.structs import replace

from migrate.facts.pod import MIRROR
from migrate.limits import Limits
from migrate.plan.api_steps import Passage, Plane
from migrate.plan.drain import DrainPolicy
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import HOST, VerifyNode, kind_of
from migrate.sources.table import source_named
from tests.node.scratch import Scratch, planned
from tests.node.test_etcd import furnish
from tests.run.engine import NODE, World

PARTS = {"etcd": 2, "kube-apiserver": 5, "kube-controller-manager": 5, "kube-scheduler": 5}
PROCESS = "4242"
LIMITS = Limits(planes_well=15, verify_node=30)  # each look is many shells
OTHERS = ("cp2", "cp3")
# of the captured ha-cp3, which follows ha-cp2
OWN, LEADER, THIRD = MEMBERS = (0x9C052F4B85D2CFBA, 0x9E307DFAA7A5E21D, 0xEBB5E7F5ABE315D2)


def with_plane(plan: NodePlan, scratch_target: str = "containerd", plane: Plane | None = None) -> NodePlan:
    """The plan with the steps through the API that a control plane has, in their places."""
    source = source_named(plan.source)
    assert source is not None
    image = next(one.step.image for one in plan.steps if isinstance(one.step, VerifyNode))
    from migrate.targets.table import target_named

    target = target_named(scratch_target)
    assert target is not None
    passage = Passage(source, target, False, "/var/run/dockershim.sock", DrainPolicy(), image, LIMITS, plane=plane or Plane())
    on_node = {
        name: [one for one in plan.steps if one.segment == name and kind_of(one.step).where == HOST] for name in ("prepare", "switch")
    }

    def through(segment: str, steps: tuple[object, ...]) -> list[PlannedStep]:
        return [PlannedStep(segment=segment, step=step) for step in steps]  # type: ignore[arg-type]

    steps = [
        *on_node["prepare"],
        *through("drain", passage.drain),
        *through("switch", passage.switch),
        *on_node["switch"],
        *through("rejoin", passage.rejoin),
    ]
    return replace(plan, steps=tuple(steps))


def scratch_plane(root: Path, plane: Plane | None = None) -> Scratch:
    """A node whose kubelet runs a control plane besides its pods."""
    node = Scratch(root, plan=with_plane(planned()[0], plane=plane))
    pods = node.read("/.state/pods").decode() + "".join(f"pod-{name} {grace} {name}\n" for name, grace in PARTS.items())
    node.write("/.state/pods", pods.encode())
    for verb in ("stop", "start"):
        node.tool("systemctl", verb, "kubelet.service")
    furnish(node, PROCESS)
    for path in ("pki/ca.crt", "pki/etcd/ca.key", "manifests/etcd.yaml"):
        node.write(f"/etc/kubernetes/{path}", path.encode())
    return node


def plane_world(tmp_path: Path) -> World:
    """The world of one control plane of three: its own member follows, all have the same keys, its apiserver is ready."""
    world = World(tmp_path / "root", tmp_path / "state", made=scratch_plane)
    labelled(world, NODE)
    for name in OTHERS:
        world.cluster.add_node(name)
        labelled(world, name)
    write_keys(world, dict.fromkeys(MEMBERS, 0xC0FFEE))
    write_ready(world, "200")
    with_parts(world)
    return world


def external_world(tmp_path: Path, *, alone: bool) -> World:
    """The world of a control plane without a member of etcd: nothing on the node answers for one."""
    world = World(tmp_path / "root", tmp_path / "state", made=lambda root: scratch_plane(root, Plane(alone=alone, etcd=False)))
    labelled(world, NODE)
    for name in () if alone else OTHERS:
        world.cluster.add_node(name)
        labelled(world, name)
    (world.root / ".state/etcd/members").unlink()
    write_ready(world, "200")
    with_parts(world)
    return world


def single_world(tmp_path: Path) -> World:
    """The world of the only control plane, whose etcd has one member."""
    world = World(tmp_path / "root", tmp_path / "state", made=lambda root: scratch_plane(root, Plane(alone=True)))
    labelled(world, NODE)
    members, status, health = said(world, "members"), status_of(world, leader=OWN), said(world, "health")
    assert isinstance(members, dict)
    own = [one for one in members["members"] if one["ID"] == OWN]  # type: ignore[attr-defined]
    write(world, "members", {**members, "members": own})
    write(world, "status", [one for one in status if one["Status"]["header"]["member_id"] == OWN])  # type: ignore[index]
    write(world, "health", [one for one in health if one["endpoint"] in own[0]["clientURLs"]])  # type: ignore[index]
    write_keys(world, {OWN: 0xC0FFEE})
    write_ready(world, "200")
    with_parts(world)
    return world


def with_parts(world: World) -> None:
    """The mirror pods of what the node's kubelet runs of a control plane."""
    for name in PARTS:
        world.cluster.uids[f"pod-{name}"] = world.cluster.add_pod(
            f"kube-system/{name}-{NODE}", NODE, annotations={MIRROR: "x"}
        ).metadata.uid
    world.cluster.sync()


def said(world: World, name: str) -> list[dict[str, object]] | dict[str, object]:
    """What etcdctl answers to one question now."""
    found: list[dict[str, object]] | dict[str, object] = json.loads(world.scratch.read(f"/.state/etcd/{name}"))
    return found


def labelled(world: World, name: str) -> None:
    """The Node is one of a control plane."""
    node = world.cluster.nodes[name]
    labels = {**(node.metadata.labels or {}), "node-role.kubernetes.io/control-plane": ""}
    world.cluster.nodes[name] = replace(node, metadata=replace(node.metadata, labels=labels))


def write(world: World, name: str, value: object) -> None:
    """What etcdctl answers to one question from now on."""
    world.scratch.write(f"/.state/etcd/{name}", json.dumps(value).encode())


def write_keys(world: World, hashes: dict[int, int]) -> None:
    """What the keys of each member hash to."""
    write(
        world, "hashkv", [{"HashKV": {"header": {"member_id": one}, "hash": found, "compact_revision": 7}} for one, found in hashes.items()]
    )


def write_ready(world: World, status: str) -> None:
    """What the own /readyz answers."""
    tool = world.root / ".tools/curl"
    tool.write_text(f"#!/bin/sh\nprintf {status}\n")
    tool.chmod(0o755)


def status_of(world: World, **changed: object) -> list[dict[str, object]]:
    """What the members tell of themselves, all with something else."""
    found = said(world, "status")
    assert isinstance(found, list)
    return [{**one, "Status": {**one["Status"], **changed}} for one in found]  # type: ignore[dict-item]


def lag(world: World, member: int, entries: int) -> None:
    """One member is so far behind."""
    found = status_of(world)
    for one in found:
        told = one["Status"]
        assert isinstance(told, dict)
        if told["header"]["member_id"] == member:
            told |= {"raftIndex": told["raftIndex"] - entries, "raftAppliedIndex": told["raftAppliedIndex"] - entries}
    write(world, "status", found)
