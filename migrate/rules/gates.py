"""The gates of a control plane: the rules that are asked again just before it stops, and until the next one begins."""

from __future__ import annotations

from migrate.rules import NodeView
from migrate.rules.control_planes import other_control_plane_not_ready
from migrate.rules.etcd import (
    etcd_alarm,
    etcd_learner,
    etcd_member_lags,
    etcd_member_unhealthy,
    etcd_members_disagree,
    etcd_nearly_full,
    etcd_no_quorum_meanwhile,
    etcd_not_read,
)

GATES = (
    etcd_not_read,
    etcd_no_quorum_meanwhile,
    etcd_member_unhealthy,
    etcd_members_disagree,
    etcd_learner,
    etcd_alarm,
    etcd_member_lags,
    etcd_nearly_full,
    other_control_plane_not_ready,
)


def unwell(view: NodeView) -> tuple[str, ...]:
    """What keeps this control plane from being stopped now, each with its code; empty where nothing does.

    They are asked whichever runtime the node is on: a rollback stops it too, and the next node begins after this one has moved.
    """
    return tuple(f"{seen.subject}: {seen.evidence} ({rule.code})" for rule in GATES for seen in sorted(rule.see(view), key=str))
