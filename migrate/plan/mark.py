"""What docker2cri writes on a Node: whose cordon it carries, and what a rollback through the API needs to know.

The mark is written in the PATCH that cordons the node, before anything else is changed through the API. In the PATCH that uncordons a
migrated node it moves from RUN_ANNOTATION to MIGRATED_ANNOTATION, and back when a rollback cordons the node again.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import msgspec

from migrate.facts.cluster import RUN_ANNOTATION as RUN_ANNOTATION
from migrate.facts.live import LiveNode
from migrate.plan.steps import SMOKE_CHECKS, DrainPolicy

MIGRATED_ANNOTATION = "docker2cri.io/migrated"
MANAGER = "docker2cri"  # our name in managedFields
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SAFE = "/:@._-+"  # left as they are in a value, which is else percent-encoded
_FLAGS = ("ignore-daemonsets", "delete-emptydir-data", "force")  # of DrainPolicy, as kubectl drain writes them
_BOOLEANS = ("true", "false")
_ALONE, _ELSEWHERE = "alone", "etcd-elsewhere"
_SECONDS = re.compile(r"[0-9]{1,9}")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The run that acts on a node, and how the run found it.

    `source` and `target` are names, `cri_socket` is kubeadm's annotation before the run (None: there was none), `drain` how pods leave,
    `image` that of the smoke pod and `smoke_failed` the checks of it that failed before anything was disturbed (None: nobody tried).
    `alone` is the only control plane, `etcd_elsewhere` one without a member of its own. A mark of an earlier version tells `run` and
    `cordoned_before` alone, `source` is empty in it.

    As text `RUN,cordoned-before=true,source=dockershim,target=containerd,drain=force,drain-timeout=600,leave-returning=true,
    cri-socket-before=...,smoke-image=...,smoke-failed=exec+cgroup,control-plane=alone+etcd-elsewhere`. Versions differ in words alone:
    those that are not known are passed over, and one that is missing has its default.
    """

    run: str
    cordoned_before: bool
    source: str = ""
    target: str = ""
    cri_socket: str | None = None
    drain: DrainPolicy = DrainPolicy()
    image: str = ""
    smoke_failed: tuple[str, ...] | None = None
    alone: bool = False
    etcd_elsewhere: bool = False

    def __str__(self) -> str:
        words = [("cordoned-before", str(self.cordoned_before).lower())]
        if self.source:
            flags = "+".join(flag for flag in _FLAGS if getattr(self.drain, _field(flag)))
            words += [("source", self.source), ("target", self.target), ("drain", flags), ("drain-timeout", str(self.drain.timeout))]
            words += [("leave-returning", "true")] if self.drain.leave_returning else []
            words += [] if self.cri_socket is None else [("cri-socket-before", self.cri_socket)]
            words += [("smoke-image", self.image)] if self.image else []
            words += [] if self.smoke_failed is None else [("smoke-failed", "+".join(self.smoke_failed))]
            plane = [word for word, said in ((_ALONE, self.alone), (_ELSEWHERE, self.etcd_elsewhere)) if said]
            words += [("control-plane", "+".join(plane))] if plane else []
        return ",".join((self.run, *(f"{key}={quote(value, safe=_SAFE)}" for key, value in words)))


def mark_of(node: LiveNode) -> Mark | str | None:
    """The mark of the run that holds the node's cordon, None when it has none, the text itself when it is none of ours."""
    return _read(node.metadata.annotation(RUN_ANNOTATION))


def record_of(node: LiveNode) -> Mark | None:
    """The mark of the run that holds the node's cordon, else that of the run that migrated it; None where there is neither."""
    found = mark_of(node)
    migrated = _read(node.metadata.annotation(MIGRATED_ANNOTATION)) if found is None else None
    return next((mark for mark in (found, migrated) if isinstance(mark, Mark)), None)


def stranger(node: LiveNode) -> str | None:
    """Who cordoned the node after us, as managedFields tell; None when it was us, or when the server keeps no managedFields.

    `kubectl cordon` of a cordoned node writes nothing; uncordoning it and cordoning it again does, and then it is theirs.
    """
    writer = node.writer_of("spec", "unschedulable")
    return None if writer in (None, MANAGER) else writer


def _read(text: str | None) -> Mark | str | None:
    if text is None:
        return None
    run, *words = text.split(",")
    said = {key: unquote(value) for key, _, value in (word.partition("=") for word in words)}
    flags = frozenset(said.get("drain", "ignore-daemonsets").split("+")) - {""}
    timeout = said.get("drain-timeout", str(DrainPolicy().timeout))
    checks = said.get("smoke-failed")
    returning = said.get("leave-returning", "false")
    plane = said.get("control-plane", "").split("+")
    told = (
        flags <= set(_FLAGS)
        and returning in _BOOLEANS
        and _SECONDS.fullmatch(timeout)
        and all(value.isprintable() for value in said.values())
    )
    if not RUN_NAME.fullmatch(run) or said.get("cordoned-before") not in _BOOLEANS or not told:
        return text
    drain = {_field(flag): flag in flags for flag in _FLAGS}
    return Mark(
        run=run,
        cordoned_before=said["cordoned-before"] == "true",
        source=said.get("source", ""),
        target=said.get("target", ""),
        cri_socket=said.get("cri-socket-before"),
        drain=DrainPolicy(timeout=int(timeout), leave_returning=returning == "true", **drain),
        image=said.get("smoke-image", ""),
        smoke_failed=None if checks is None else tuple(word for word in checks.split("+") if word in SMOKE_CHECKS),
        alone=_ALONE in plane,
        etcd_elsewhere=_ELSEWHERE in plane,
    )


def _field(flag: str) -> str:
    return flag.replace("-", "_")
