"""The runtimes that the faults are made with: what differs between them, as one value each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.looks import CRICTL
from tests.lab import crio
from tests.lab.spec import Node


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime to move to.

    `option` is what `--to` is given, `title` its name for people, `prefix` starts a node's runtimeVersion and its container IDs, `socket`
    is what the Node's annotation says in the end, `unit` its unit, `units` all whose state must be as before after a rollback. `running`
    is a script that prints the IDs of its containers and sandboxes that run, whole, and nothing where it does not run; `left` one that
    prints what of pods is in it, which is nothing on Docker. `needs` furnishes a fresh node; it raises LabError where that cannot be done.

    `applied` is the last line of a node's journal that a switch writes, `rolled_back` the lines of the rollback (first, last): they follow
    from the steps of the plan that the lab's clean workers get. A point that does not exist fails, so they cannot tell more than is.
    """

    option: str
    title: str
    prefix: str
    socket: str
    unit: str
    units: tuple[str, ...]
    running: str
    left: str
    needs: Callable[[Node], None]
    record: str
    applied: int
    rolled_back: tuple[int, int]


CONTAINERD = Runtime(
    option="containerd",
    title="containerd",
    prefix="containerd://",
    socket="unix:///run/containerd/containerd.sock",
    unit="containerd",
    units=("kubelet", "docker.socket", "docker", "containerd"),
    running="ctr -n k8s.io tasks ls 2>/dev/null | awk '$3 == \"RUNNING\" {print $1}'",
    left="ctr -n k8s.io tasks ls -q",
    needs=lambda node: None,
    record="faults.jsonl",
    applied=57,
    rolled_back=(60, 99),
)
CRIO = Runtime(
    option="crio",
    title="CRI-O",
    prefix="cri-o://",
    socket="unix:///var/run/crio/crio.sock",
    unit="crio",
    units=("kubelet", "docker.socket", "docker", "containerd", "crio"),
    running=f"if systemctl is-active -q crio; then {CRICTL} ps -q --no-trunc; {CRICTL} pods -q --no-trunc --state ready; fi; true",
    left="pgrep -a -x conmon; ls -d /run/crio/crio.sock /run/netns/* 2>/dev/null; iptables-save -t nat | grep KUBE-HP-; true",
    needs=crio.install,
    record="faults-crio.jsonl",
    applied=59,
    rolled_back=(62, 103),
)
RUNTIMES = (CONTAINERD, CRIO)
