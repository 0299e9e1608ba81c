"""What docker2cri writes on its Lease, one in each cluster: who runs a rollout, and that a person has paused all operators.

Both lie on one object (coordination.k8s.io/v1, Kubernetes 1.14), so one write that is judged by its resourceVersion decides between them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from migrate.facts.api import Model, decode
from migrate.facts.live import LiveMetadata
from migrate.facts.resolve import resolve
from migrate.formats.rfc3339 import seconds

LEASE_NAME = "docker2cri"
LEASE_NAMESPACE = "kube-system"
# the control plane's, by which these elect their leaders (1.20; written from 1.17 on)
COMPONENTS = ("kube-controller-manager", "kube-scheduler")
LEASE_SECONDS = 900  # an operator that did not renew for so long is taken over from
PAUSED_ANNOTATION = "docker2cri.io/paused"
ROLLOUT_ANNOTATION = "docker2cri.io/rollout"
APPROVED_ANNOTATION = "docker2cri.io/approved"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """That a person has paused all operators: who, when (RFC 3339), and why."""

    by: str
    at: str
    why: str


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a person has approved the stages of the plan `digest`: up to number `stage`, or all (0); who and when (RFC 3339)."""

    digest: str
    by: str
    at: str
    stage: int = 0

    def holds(self, digest: str, stage: int) -> bool:
        """Whether it is for this stage of this plan."""
        return self.digest == digest and (self.stage == 0 or stage <= self.stage)


class ClusterLease(msgspec.Struct, frozen=True, kw_only=True):
    """The Lease: `holder` is an Identity (empty: nobody runs a rollout), `run` its run, times are RFC 3339, `version` the object's own.

    `version` is empty where there is no such object yet.
    """

    holder: str = ""
    run: str = ""
    since: str = ""
    renewed: str = ""
    transitions: int = 0
    paused: Pause | None = None
    approved: Approval | None = None
    version: str = ""

    @property
    def expires(self) -> datetime:
        """When it may be taken over; the epoch for a time that is none."""
        return _time(self.renewed) + timedelta(seconds=LEASE_SECONDS)

    def live(self, now: datetime) -> bool:
        """Whether its holder counts still. A time that lies further ahead than it lasts is no clock's of ours."""
        return bool(self.holder) and abs((now - _time(self.renewed)).total_seconds()) < LEASE_SECONDS

    def taken(self, me: str, run: str, now: datetime) -> ClusterLease:
        """The Lease as `me` holds it from now on, or renews it."""
        if (self.holder, self.run) == (me, run):
            return replace(self, renewed=stamp(now))
        approved = self.approved if self.approved and self.approved.digest.removeprefix("sha256:").startswith(run) else None
        changed = {"holder": me, "run": run, "since": stamp(now), "renewed": stamp(now), "approved": approved}
        return replace(self, **changed, transitions=self.transitions + bool(self.version))

    def released(self, now: datetime) -> ClusterLease:
        """The Lease as nobody holds it."""
        return replace(self, holder="", run="", renewed=stamp(now))


def stamp(when: datetime) -> str:
    """A time as a Lease has it (metav1.MicroTime)."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def lease_of(body: bytes) -> ClusterLease:
    """The Lease of an API server's answer; raises msgspec.DecodeError. A pause that cannot be read is one all the same."""
    found = decode(body, _Lease)
    text = found.metadata.annotation(PAUSED_ANNOTATION)
    return ClusterLease(
        holder=found.spec.holder_identity or "",
        run=found.metadata.annotation(ROLLOUT_ANNOTATION) or "",
        since=found.spec.acquire_time or "",
        renewed=found.spec.renew_time or "",
        transitions=found.spec.lease_transitions or 0,
        paused=None if text is None else _pause(text),
        approved=_approval(found.metadata.annotation(APPROVED_ANNOTATION)),
        version=found.metadata.resource_version,
    )


def lease_body(lease: ClusterLease) -> dict[str, Any]:
    """The object, or the merge patch of one that is there; with the version that it was judged by."""
    paused = None if lease.paused is None else msgspec.json.encode(lease.paused).decode()
    approved = None if lease.approved is None else msgspec.json.encode(lease.approved).decode()
    annotations = {PAUSED_ANNOTATION: paused, ROLLOUT_ANNOTATION: lease.run or None, APPROVED_ANNOTATION: approved}
    kept = annotations if lease.version else {key: value for key, value in annotations.items() if value is not None}
    version = {"resourceVersion": lease.version} if lease.version else {}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE_NAME, "namespace": LEASE_NAMESPACE, "annotations": kept, **version},
        "spec": {
            "holderIdentity": lease.holder or None,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": lease.since or None,
            "renewTime": lease.renewed or None,
            "leaseTransitions": lease.transitions,
        },
    }


class _Spec(Model, frozen=True):
    holder_identity: str | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(Model, frozen=True):
    metadata: LiveMetadata
    spec: _Spec = _Spec()


def _pause(text: str) -> Pause:
    try:
        return decode(text, Pause)
    except msgspec.DecodeError:
        return Pause(by="an unknown person", at="", why=text)


def _approval(text: str | None) -> Approval | None:
    """None too for a text that is none: what cannot be read approves nothing."""
    try:
        return decode(text, Approval) if text is not None else None
    except msgspec.DecodeError:
        return None


def _time(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds(text), UTC)
    except (ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


resolve(_Lease)
