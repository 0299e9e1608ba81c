"""More ways to one API server than reading: writing, following a watch, and exec over a WebSocket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from migrate.errors import ClusterUnreachable
from migrate.facts.redact import mask, printable
from migrate.formats import json_doc
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.client import CONNECT_SECONDS, KubeApi, shut
from migrate.run.kube.port import Said

LINE_LIMIT = 16 * 1024 * 1024  # bytes of one watch event; etcd's objects end at 1.5 MiB
TEXT_LIMIT = 4096
EXEC_PROTOCOL = "v4.channel.k8s.io"  # the error channel is JSON since v4 (1.4)
STDOUT, STDERR, ERROR = 1, 2, 3


class ApiStream:
    """An answer that comes line by line."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._shut = False
        self.status = int(response.status)

    def body(self) -> bytes:
        """All of it, for an answer that is no stream."""
        with self._response:
            data: bytes = self._response.read(LINE_LIMIT)
        return data

    def lines(self) -> Iterator[bytes]:
        """Whole lines as they come; ends when the server ends it or `shut` is called. Raises ConnectionError when it is cut or too long."""
        from urllib3.exceptions import HTTPError

        rest: list[bytes] = []
        size = 0
        try:
            with self._response:
                for chunk in self._response.stream(decode_content=False):
                    parts: list[bytes] = chunk.split(b"\n")
                    rest.append(parts[0])
                    size += len(parts[0])
                    if len(parts) > 1:
                        yield from filter(None, (b"".join(rest), *parts[1:-1]))
                        rest, size = [parts[-1]], len(parts[-1])
                    if size > LINE_LIMIT:
                        raise ConnectionError(f"a watch event of more than {LINE_LIMIT} bytes")
        except (HTTPError, OSError, ValueError, AttributeError) as wrong:  # the last two: a socket shut under its reader
            if not self._shut:
                raise ConnectionError(str(wrong)) from wrong

    def shut(self) -> None:
        """End it from another thread."""
        self._shut = True
        shut(self._response)


@dataclass(frozen=True, slots=True)
class ActingApi(KubeApi):
    """One API server; threads may share it."""

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> ListAnswer:
        """One request; raises ClusterUnreachable when no answer comes, else returns whatever status came.

        `body` is sent as JSON of content type `kind`.
        """
        headers = {**self._headers(), "Accept": accept, **({"Content-Type": kind} if body is not None else {})}
        return self._request(method, self._url(path, query), headers, None if body is None else json.dumps(body).encode())

    def open(self, path: str, query: Mapping[str, str], silence: float) -> ApiStream:
        """GET as a stream; `silence` is how many seconds may pass without a byte. Raises ClusterUnreachable when no answer comes."""
        from urllib3.exceptions import HTTPError
        from urllib3.util import Timeout

        headers = {**self._headers(), "Accept-Encoding": "identity"}
        try:
            response = self.pool.request(
                "GET",
                self._url(path, query),
                headers=headers,
                timeout=Timeout(connect=CONNECT_SECONDS, read=silence),
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as wrong:
            raise self._unreachable(wrong) from wrong
        return ApiStream(response)

    def execute(self, path: str, argv: tuple[str, ...], seconds: float = 30.0) -> Said:
        """POST-less exec: a WebSocket whose channels are read to their end; raises ClusterUnreachable when no answer comes in time.

        The runtime's own refusal (`executable file not found`) comes on the error channel or, before the upgrade, as an HTTP error.
        """
        query = urlencode([("stdout", "true"), ("stderr", "true"), *(("command", word) for word in argv)])
        found: list[Said | Exception] = []
        thread = threading.Thread(target=lambda: found.append(self._exec(f"{path}?{query}", seconds)), daemon=True, name="kube-exec")
        thread.start()
        thread.join(seconds)  # the client's handshake knows no time limit
        if not found:
            raise self._late(seconds)
        if isinstance(found[0], Exception):
            raise self._unreachable(found[0]) from found[0]
        return found[0]

    def _exec(self, target: str, seconds: float) -> Said | Exception:
        import kubernetes.stream.ws_client
        from websocket import ABNF, WebSocketBadStatusException, WebSocketException

        headers = {key.lower(): value for key, value in self._headers().items()} | {"sec-websocket-protocol": EXEC_PROTOCOL}
        url = "ws" + self.configuration.host.removeprefix("http") + target
        output, error = bytearray(), bytearray()
        client: Any = kubernetes.stream.ws_client  # untyped in every version
        try:
            socket = client.create_websocket(self.configuration, url, headers)
            try:
                socket.settimeout(seconds)
                while len(output) < TEXT_LIMIT and len(error) < TEXT_LIMIT:
                    code, frame = socket.recv_data()
                    if code == ABNF.OPCODE_CLOSE:
                        break
                    if frame[:1] in (bytes([STDOUT]), bytes([STDERR])):
                        output += frame[1:]
                    elif frame[:1] == bytes([ERROR]):
                        error += frame[1:]
            finally:
                socket.shutdown()  # `close` does nothing once the far end has closed
        except WebSocketBadStatusException as refused:
            return Said(int(refused.status_code), _status_message(refused.resp_body or b""))
        except (WebSocketException, OSError) as wrong:
            if not output and not error:
                return wrong
        return Said(101, " ".join(filter(None, (_text(bytes(output)), _status_message(bytes(error))))))

    def _late(self, seconds: float) -> ClusterUnreachable:
        return ClusterUnreachable(
            seen=f"{self.server}: no answer to an exec within {seconds:.0f} s",
            expected="an API server that reaches the node's kubelet on port 10250",
            next=f"{self.kubectl} get --raw /readyz",
        )


def _status_message(data: bytes | str) -> str:
    """The message of a Status, else the text as it is."""
    try:
        return _text(json_doc.text_at(data, "message"))
    except ValueError:
        return _text(data)


def _text(data: bytes | str) -> str:
    raw = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return mask(printable(" ".join(raw.split())))[:TEXT_LIMIT]
