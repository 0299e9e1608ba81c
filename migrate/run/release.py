"""Letting a node go as it stands, because a person has looked: nothing of a run acts on it any more, and it may be used again."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from migrate.errors import NodeUnreachable, NodeUnreadable, Refused
from migrate.facts.cluster import Node
from migrate.plan.mark import RUN_ANNOTATION, mark_of
from migrate.plan.state import RELEASED, UNREACHABLE, UNTOUCHED, NodeState, Reason
from migrate.run.identify import another_machine
from migrate.run.identity import Identity
from migrate.run.kube.port import ActingCluster
from migrate.run.remote import CLAIM, ROOT, Remote
from migrate.run.ssh.text import readable

# What a run lays into systemd, taken away where its own program does not lie there any more (migrate/node/units.sh)
LEFT = f"""
units=${{D2C_ROOT:-}}/etc/systemd/system
systemctl stop docker2cri-guard.timer 2>/dev/null
rm -f "$units"/docker2cri-guard.service "$units"/docker2cri-guard.timer "$units"/docker2cri-boot.service \\
    "$units"/multi-user.target.wants/docker2cri-boot.service "$units"/*.d/00-docker2cri-gate.conf
systemctl daemon-reload
rm -rf "${{D2C_ROOT:-}}/run/docker2cri"
rm -rf {ROOT}/current
"""


def release(node: Node, host: str, cluster: ActingCluster, remote: Callable[[str], Remote], reason: str, *, force: bool) -> NodeState:
    """Disarm guard, boot unit and gate, journal the reason, and take the mark and the cordon of ours away. It needs no plan.

    `force` lets go also of a node that cannot be reached: then the API alone is changed. Raises Refused where another operator works on
    the node, where machine and Node are not one, and where the mark is none of ours.
    """
    mark = mark_of(cluster.read_node(node.name))
    if isinstance(mark, str):
        raise Refused(
            node=host,
            seen=f"its annotation {RUN_ANNOTATION} is none of docker2cri: {mark!r}",
            expected="the mark of a run",
            next=f"kubectl annotate node {node.name} {RUN_ANNOTATION}-",
        )
    marked = mark.run if mark else ""
    try:
        runs, said = _on_the_node(node, host, marked, remote, reason)
    except NodeUnreachable as wrong:
        if not force:
            why = Reason(
                code="unreachable",
                seen=wrong.seen,
                expected="a connection to the node, whose guard may else roll it back later",
                next=f"docker2cri release {host} --reason TEXT --force, which changes the API alone",
            )
            return NodeState(node=host, state=UNREACHABLE, exit_code=wrong.exit_code, reason=why, run=marked)
        runs, said = (marked,) if marked else (), f"nothing was done on the node ({wrong.seen}): its guard may still roll it back"
    if not runs:
        return NodeState(
            node=host, state=UNTOUCHED, exit_code=0, reason=Reason(code="no-run", seen="nothing to do: no run holds this node")
        )
    stays = cluster.uncordon(node.name, marked) if marked else None
    now = "; ".join(text for text in (said, f"it stays cordoned: {stays}" if stays else "") if text)
    why = Reason(code="released", seen=f"run {' and '.join(runs)} was released: {reason}", now=now)
    return NodeState(node=host, state=RELEASED, exit_code=0, reason=why, run=runs[0], changed=True)


def _on_the_node(node: Node, host: str, marked: str, remote: Callable[[str], Remote], reason: str) -> tuple[tuple[str, ...], str]:
    """Have the node's own programs let it go; the runs that held it, and what they said."""
    me, looking = Identity.mine(), remote(marked)
    try:
        _refuse_another(node, host, looking)
        if (holder := looking.claim(me)) is not None and (not Identity.dead(holder) or looking.claim(me, dead=holder) is not None):
            raise Refused(
                node=host,
                seen=f"another operator works on it: {Identity.words(holder)}",
                expected="one operator at a time",
                next=f"docker2cri status {host}; the same command when that one has ended, or {CLAIM} s after it died",
            )
        try:
            owner = _owner(looking)
            runs = tuple(dict.fromkeys(run for run in (marked, owner) if run))
            said = [line for run in runs for line in _released(host, remote(run), reason)]
            if runs or looking.script(f"[ -e {ROOT}/current ]").rc == 0:
                looking.script(LEFT)
                runs = runs or ("unknown",)
        finally:
            looking.release(me)
        return runs, "; ".join(said)
    finally:
        looking.close()


def _owner(looking: Remote) -> str:
    """The run that owns the node by its own record; a record that names none is no obstacle here."""
    try:
        return looking.owner()
    except NodeUnreadable:
        return ""


def _refuse_another(node: Node, host: str, looking: Remote) -> None:
    told = node.status.node_info.machine_id
    if other := another_machine(host, looking.machine_id(), told, f"the Node {node.name} reports"):
        seen, expected = other
        raise Refused(
            node=host,
            seen=seen,
            expected=expected,
            next="kubectl get nodes -o wide, and compare it with the inventory and the kubeconfig",
        )


def _released(host: str, remote: Remote, reason: str) -> list[str]:
    """Have one run's program release the node; what it says is still to be done. None there is no obstacle."""
    try:
        program = f"{remote.home}/program.sh"
        done = remote.script(f"[ -e {program} ] || exit 9\nexec sh {program} release {shlex.quote(reason)}")
        lines = [readable(line) for line in done.stdout.splitlines() if line]
        if done.rc == 7:
            raise Refused(
                node=host,
                seen=lines[-1] if lines else "its program refuses",
                expected="a node on which nothing acts now",
                next=f"docker2cri status {host}; the same command when that has ended",
            )
        if done.rc == 9:
            return [f"nothing of run {remote.run} lies on the machine"]
        return lines[:-1] if done.rc == 0 else lines
    finally:
        remote.close()
