"""A small Kubernetes API server on loopback: real HTTP, canned objects, paging, expiring continue tokens, refusals."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ALL = {
    path: []
    for path in (
        *("/api/v1/nodes", "/api/v1/pods", "/api/v1/persistentvolumes", "/apis/policy/v1/poddisruptionbudgets"),
        *("/apis/apps/v1/replicasets", "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets"),
        *("/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"),
    )
}


@dataclass
class ApiServer:
    """What is served: `lists` path -> objects; `objects` path -> one; `refuse` path -> (status, message); `expire` path -> how many
    continue tokens are refused.

    `token`, when set, is the only bearer token let in. `asked` is every request line that came, in order.
    """

    lists: dict[str, list[dict]] = field(default_factory=lambda: dict(ALL))
    objects: dict[str, dict] = field(default_factory=dict)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    expire: dict[str, int] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    version: bytes = b'{"major": "1", "minor": "23", "gitVersion": "v1.23.17"}'
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append(target)
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/version":
            return 200, self.version, {}
        if self.token is not None and authorization != f"Bearer {self.token}":
            return status(401, "Unauthorized")
        if self.busy.get(parts.path, 0) > 0:
            self.busy[parts.path] -= 1
            return *status(429, "Too many requests, please try again later.")[:2], {"Retry-After": "1"}
        if parts.path in self.refuse:
            return status(*self.refuse[parts.path])
        if parts.path in self.objects:
            return 200, json.dumps(self.objects[parts.path]).encode(), {}
        if parts.path not in self.lists:
            return 404, b"404 page not found\n", {}
        if "continue" in query and self.expire.get(parts.path, 0) > 0:
            self.expire[parts.path] -= 1
            return status(410, "The provided continue parameter is too old to display a consistent list result.")
        items = self.lists[parts.path]
        start = int(query.get("continue", 0))
        end = start + int(query["limit"]) if "limit" in query else len(items)
        meta = {"resourceVersion": "7"} | ({"continue": str(end), "remainingItemCount": len(items) - end} if end < len(items) else {})
        body = {"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[start:end] or None}
        return 200, json.dumps(body).encode(), {}


def status(code: int, message: str) -> tuple[int, bytes, dict[str, str]]:
    return code, json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}).encode(), {}


@contextmanager
def serving(server: ApiServer, certificate: Path | None = None) -> Iterator[ApiServer]:
    """Serve on a free port of loopback; `certificate` is a PEM with key and certificate, for TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            code, body, headers = server.answer(self.path, self.headers.get("Authorization"))
            self.send_response(code)
            for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.handle_error = lambda *args: None  # a client that refuses our certificate is no news
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server.url = f"http{'s' if certificate else ''}://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
