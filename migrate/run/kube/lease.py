"""The one Lease of docker2cri in a cluster: read, and written only as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from migrate.errors import ClusterUnreachable
from migrate.plan.lease import COMPONENTS, LEASE_NAME, LEASE_NAMESPACE, ClusterLease, lease_body, lease_of
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
    delete = f"kubectl -n {LEASE_NAMESPACE} get lease {LEASE_NAME} -o yaml; then delete it"
    return _read(api, LEASE_NAME, "the Lease as docker2cri writes it", delete) or ClusterLease()


def component_leases(api: Insists) -> dict[str, str]:
    """When each of COMPONENTS renewed its Lease last (RFC 3339, UTC, microseconds); without those that have none."""
    look = f"kubectl -n {LEASE_NAMESPACE} get leases -o yaml"
    found = {name: _read(api, name, "a Lease as the control plane writes it", look) for name in COMPONENTS}
    return {name: lease.renewed for name, lease in found.items() if lease is not None}


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


def _read(api: Insists, name: str, expected: str, next: str) -> ClusterLease | None:
    """A Lease of kube-system; None where there is none."""
    path = below(LEASES, name)
    answer = api.insist(f"reading the Lease {name}", "GET", path)
    if answer.status == 404:
        return None
    try:
        return lease_of(api.good(answer, "GET", path).body)
    except msgspec.DecodeError as wrong:
        seen = f"the Lease {LEASE_NAMESPACE}/{name} cannot be read: {wrong}"
        raise ClusterUnreachable(seen=seen, expected=expected, next=next) from wrong
