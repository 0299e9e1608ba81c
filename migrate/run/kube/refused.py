"""A refused request, in words: who lacks which permission, and how to see it."""

from __future__ import annotations

from typing import Protocol

from migrate.errors import ClusterUnreachable
from migrate.run.kube.lists import ListAnswer

_VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete", "LIST": "list", "WATCH": "watch"}


class NamedError(Protocol):
    """A server and the kubectl command that reaches it."""

    @property
    def server(self) -> str:
        """The URL."""

    @property
    def kubectl(self) -> str:
        """For example `kubectl --context lab`."""


class NotAllowed(ClusterUnreachable):
    """401 or 403: waiting does not help."""


def refusal(api: NamedError, method: str, path: str, answer: ListAnswer) -> ClusterUnreachable:
    """The error for an answer that is none; `method` is an HTTP method, or LIST or WATCH for a GET of that kind."""
    http = "GET" if method in ("LIST", "WATCH") else method
    seen = f"{api.server} answers {http} {path} with {answer.message}"
    match answer.status:
        case 401:
            return NotAllowed(
                seen=seen,
                expected="credentials that the API server accepts",
                next=f"renew them (log in again, or `kubeadm certs renew admin.conf` on a control plane), then {api.kubectl} get nodes",
            )
        case 403:
            namespace, resource = _resource(path)
            where = f"-n {namespace}" if namespace else "--all-namespaces"
            return NotAllowed(
                seen=seen,
                expected=f"permission to {_VERBS[method]} {resource}" + (f" in {namespace}" if namespace else ""),
                next=f"{api.kubectl} auth can-i {_VERBS[method]} {resource}" + (f" {where}" if namespace or method == "LIST" else ""),
            )
        case _:
            return ClusterUnreachable(
                seen=seen, expected="HTTP 200" if http == "GET" else "HTTP 200 or 201", next=f"{api.kubectl} get --raw /readyz?verbose"
            )


def _resource(path: str) -> tuple[str, str]:
    """Namespace (empty when there is none) and `resource` or `resource/subresource` of an API path."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    parts = parts[2 if parts[0] == "api" else 3 :]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    return namespace, "/".join((parts[0], *parts[2:3]))
