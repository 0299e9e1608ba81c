"""The one Lease of docker2cri in a cluster: read, and written only as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from migrate.errors import ClusterUnreachable
from migrate.plan.lease import LEASE_NAME, LEASE_NAMESPACE, ClusterLease, lease_body, lease_of
from migrate.plan.mark import MANAGER
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.paths import below

LEASES = below("/apis/coordination.k8s.io/v1/namespaces", LEASE_NAMESPACE, "leases")
LEASE = below(LEASES, LEASE_NAME)
MERGE_PATCH = "application/merge-patch+json"


class Insists(Protocol):
    """An API server that is waited for; `good` raises for an answer that is none."""

    def insist(self, doing: str, method: str, path: str, body: Mapping[str, Any] | None = None, **how: Any) -> ListAnswer:
        """One request that may be sent again."""

    def good(self, answer: ListAnswer, method: str, path: str, verb: str = "") -> ListAnswer:
        """The answer, where it is a good one."""


def read_lease(api: Insists) -> ClusterLease:
    """The Lease as it stands; one without a version where there is none. Raises ClusterUnreachable."""
    answer = api.insist("reading the Lease", "GET", LEASE)
    if answer.status == 404:
        return ClusterLease()
    try:
        return lease_of(api.good(answer, "GET", LEASE).body)
    except msgspec.DecodeError as wrong:
        raise ClusterUnreachable(
            seen=f"the Lease {LEASE_NAMESPACE}/{LEASE_NAME} cannot be read: {wrong}",
            expected="the Lease as docker2cri writes it",
            next=f"kubectl -n {LEASE_NAMESPACE} get lease {LEASE_NAME} -o yaml; then delete it",
        ) from wrong


def write_lease(api: Insists, wanted: ClusterLease) -> bool:
    """Write the Lease, if it still has the version that it was judged by; whether it was written."""
    if wanted.version:
        answer = api.insist("writing the Lease", "PATCH", LEASE, lease_body(wanted), query={"fieldManager": MANAGER}, kind=MERGE_PATCH)
        path, method = LEASE, "PATCH"
    else:
        answer = api.insist("making the Lease", "POST", LEASES, lease_body(wanted), query={"fieldManager": MANAGER})
        path, method = LEASES, "POST"
    if answer.status in (404, 409):  # deleted, changed, or made by another client meanwhile
        return False
    api.good(answer, method, path)
    return True
