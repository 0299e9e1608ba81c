"""Paths of the API, built of whole segments: whoever gave a name, it names one object and no other path."""

from __future__ import annotations

from urllib.parse import quote

from migrate.errors import Refused
from migrate.facts.names import is_segment

NODES = "/api/v1/nodes"
PODS = "/api/v1/pods"


def below(path: str, *segments: str) -> str:
    """A path below another; raises Refused for a segment that is more than one, or none."""
    for segment in segments:
        if not is_segment(segment):
            raise Refused(
                seen=f"{segment!r} cannot stand in a path of the API, below {path}",
                expected="a name as Kubernetes allows it",
                next="look where the name comes from: the node, the plan file, or the API server",
            )
    return "/".join((path, *(quote(segment, safe="") for segment in segments)))


def node_path(name: str) -> str:
    """A Node."""
    return below(NODES, name)


def pod_path(namespace: str, name: str) -> str:
    """A pod."""
    return below("/api/v1/namespaces", namespace, "pods", name)


def in_namespace(path: str, namespace: str) -> str:
    """The list of one namespace: `/apis/apps/v1/replicasets` -> `/apis/apps/v1/namespaces/NAMESPACE/replicasets`."""
    group, plural = path.rsplit("/", 1)
    return below(group, "namespaces", namespace, plural)
