"""A refused request, in words: who lacks which permission, and how to see it."""

from __future__ import annotations

from typing import Protocol

from migrate.errors import ClusterUnreachable
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.rights import missing


class NamedError(Protocol):
    """A server and the kubectl command that reaches it."""

    @property
    def server(self) -> str:
        """The URL."""

    @property
    def kubectl(self) -> str:
        """For example `kubectl --context lab`."""

    @property
    def role(self) -> str:
        """Whose roles the command needs: `scan`, `inspect` or `apply`."""


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
            lacks = missing(method, path)
            namespace, (resource,), (verb,) = lacks.within, lacks.resources, lacks.verbs
            where = f" -n {namespace}" if namespace else " --all-namespaces" if method == "LIST" else ""
            place = f" in {namespace}" if namespace else " in all namespaces" if method == "LIST" else ""
            return NotAllowed(
                seen=seen,
                expected=f"permission to {verb} {resource}{place}: a role with {lacks}",
                next=f"docker2cri rbac {api.role}, which prints the roles; {api.kubectl} auth can-i {verb} {resource}{where}",
            )
        case _:
            return ClusterUnreachable(
                seen=seen,
                expected="HTTP 200" if http == "GET" else "HTTP 200 or 201",
                next=f"{api.kubectl} get --raw {path if method == 'LIST' or path == '/version' else '/readyz?verbose'}",
            )
