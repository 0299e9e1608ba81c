"""A Kubernetes API server on loopback that can be written to and watched: real HTTP, versions, conflicts, streams, a WebSocket for exec."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

END = object()  # put into a stream: the server ends the watch


def status(code: int, message: str, **details: Any) -> tuple[int, Any]:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return code, body | ({"details": details} if details else {})


@dataclass
class Acting:
    """`nodes` by name; `lists` path -> objects; `answers` (method, path) -> what comes, one after the other, the last for ever."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    streams: dict[str, queue.Queue[Any]] = field(default_factory=dict)  # path -> events of its watches
    watched: list[tuple[str, str]] = field(default_factory=list)  # (path, resourceVersion) of each watch that was opened
    asked: list[tuple[str, str]] = field(default_factory=list)  # every request that came
    got: list[tuple[str, str, Any]] = field(default_factory=list)  # every write that came
    exec_frames: tuple[bytes, ...] = ()
    meddle: Any = None  # called before a PATCH is judged: somebody else writes
    version: int = 100
    deaf: bool = False  # see `refusing`
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""
    listen: Any = None

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens: new connections are refused, kept ones are closed at their next request; streams stay open, and quiet."""
        self.deaf = True
        self.listen(False)
        try:
            yield
        finally:
            self.deaf = False
            self.listen(True)

    def add_node(self, name: str, **spec: Any) -> None:
        meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "annotations": {"a": "b"}}
        self.nodes[name] = {"kind": "Node", "metadata": meta, "spec": spec, "status": {}}

    def answer(self, method: str, target: str, body: Any, headers: Any) -> tuple[int, Any]:
        path = urlsplit(target).path
        with self.lock:
            if method != "GET":
                self.got.append((method, target, body))
            canned = self.answers.get((method, path))
            if canned:
                return canned.pop(0) if len(canned) > 1 else canned[0]
            name = path.removeprefix("/api/v1/nodes/")
            if path.startswith("/api/v1/nodes/"):
                if name not in self.nodes:
                    return status(404, f'nodes "{name}" not found')
                return (200, self.nodes[name]) if method == "GET" else self._patch(name, target, body, headers)
            if method == "GET" and path in self.lists:
                return 200, {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": self.lists[path]}
        return status(404, f"the server could not find {path}")

    def _patch(self, name: str, target: str, patch: Any, headers: Any) -> tuple[int, Any]:
        assert headers["Content-Type"] == "application/merge-patch+json"
        if self.meddle is not None:
            self.meddle(self.nodes[name])
        node = json.loads(json.dumps(self.nodes[name]))
        if patch["metadata"]["resourceVersion"] != node["metadata"]["resourceVersion"]:
            return status(409, "the object has been modified; please apply your changes to the latest version and try again")
        manager = dict(parse_qsl(urlsplit(target).query))["fieldManager"]
        _merge(node, patch)
        node["metadata"]["resourceVersion"] = str(int(node["metadata"]["resourceVersion"]) + 1)
        if "unschedulable" in patch.get("spec", {}):
            node["metadata"]["managedFields"] = [owner(manager)]
        self.nodes[name] = node
        return 200, node


def owner(manager: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {"f:unschedulable": {}}}}


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


@contextmanager
def serving(server: Acting) -> Iterator[Acting]:
    """Serve on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            server.asked.append((self.command, self.path))
            if server.deaf:
                self.close_connection = True
                return None
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            if query.get("watch") == "true" and parts.path in server.streams:
                return self._stream(parts.path, query)
            if self.headers.get("Upgrade", "").lower() == "websocket" and server.exec_frames:
                return self._exec()
            code, answer = server.answer(self.command, self.path, body, self.headers)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            if code == 0:  # the connection breaks
                self.close_connection = True
                return None
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return None

        def _stream(self, path: str, query: dict[str, str]) -> None:
            server.watched.append((path, query["resourceVersion"]))
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (event := server.streams[path].get()) is not END:
                data = event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"
                for part in (data[:7], data[7:]):  # lines do not respect chunks
                    if part:
                        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def _exec(self) -> None:
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
            self.end_headers()
            for frame in server.exec_frames:
                assert len(frame) < 65536
                size = bytes([len(frame)]) if len(frame) < 126 else b"\x7e" + len(frame).to_bytes(2, "big")
                self.wfile.write(b"\x82" + size + frame)
            self.wfile.write(b"\x88\x02\x03\xe8")
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = _handle

        def log_message(self, *args: object) -> None:
            pass

    running: list[tuple[_Http, threading.Thread]] = []

    def listen(wanted: bool) -> None:
        if wanted:
            http = _Http(("127.0.0.1", int(server.url.rpartition(":")[2] or 0)), Handler)
            server.url = f"http://127.0.0.1:{http.server_port}"
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            running.append((http, thread))
        else:
            http, thread = running.pop()
            http.shutdown()
            http.server_close()
            thread.join()

    server.listen = listen
    listen(True)
    try:
        yield server
    finally:
        for stream in server.streams.values():
            for _ in range(8):
                stream.put(END)
        listen(False)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""
