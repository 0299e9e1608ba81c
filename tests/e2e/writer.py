"""A client of the API: one ConfigMap made and read back every 100 ms through an endpoint, and at the end which of them each API server has.

Open loop: a slow answer delays no later request. Connections are kept and never tried again: what fails is counted. It runs as a process of
its own (`python -m tests.e2e.writer KUBECONFIG OUT`); `writes()` starts and ends it, `kept()` asks one API server.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

EVERY = 0.1
NAMESPACE = "writes"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
AT_ONCE = 64


def pool(kubeconfig: Path) -> tuple[Any, str]:
    """A pool of connections with the kubeconfig's certificate, and the server."""
    from ruamel.yaml import YAML
    from urllib3 import PoolManager

    config = YAML(typ="safe").load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    folder = Path(tempfile.mkdtemp())
    for name, text in (
        ("ca", cluster["certificate-authority-data"]),
        ("cert", user["client-certificate-data"]),
        ("key", user["client-key-data"]),
    ):
        (folder / name).write_bytes(base64.b64decode(text))
        (folder / name).chmod(0o600)
    made = PoolManager(maxsize=AT_ONCE, ca_certs=str(folder / "ca"), cert_file=str(folder / "cert"), key_file=str(folder / "key"))
    return made, cluster["server"]


def write_on(kubeconfig: Path, out: Path) -> None:
    """Until SIGTERM: a line for each request that ended, as JSON: its number, when it was due, `wrote` and `read` or what went wrong."""
    connections, server = pool(kubeconfig)
    over, lock = threading.Event(), threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: over.set())

    def one(number: int, due: float) -> None:
        said: dict[str, object] = {"number": number, "due": due}
        try:
            body = json.dumps({"metadata": {"name": f"w-{number}"}, "data": {"n": str(number)}})
            made = connections.request("POST", server + CONFIG_MAPS, body=body, timeout=30, retries=False)
            said["wrote"] = made.status
            if made.status == 201:
                said["read"] = connections.request("GET", f"{server}{CONFIG_MAPS}/w-{number}", timeout=30, retries=False).status
        except Exception as wrong:
            said["wrong"] = f"{type(wrong).__name__}: {wrong}"
        with lock, out.open("a") as lines:
            lines.write(json.dumps({**said, "took": round(time.time() - due, 3)}) + "\n")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        begun, number = time.time(), 0
        while not over.is_set():
            due = begun + number * EVERY
            if not over.wait(max(0.0, due - time.time())):
                threads.submit(one, number, due)
                number += 1


@dataclass
class Written:
    """What came of it: `acked` are the names of what an API server said to have made, `failed` what ended in another way; `down` is the
    longest time in seconds in which nothing was acknowledged.
    """

    acked: set[str] = field(default_factory=set)
    failed: list[dict[str, Any]] = field(default_factory=list)
    down: float = 0.0

    def __str__(self) -> str:
        return f"{len(self.acked)} acknowledged, {len(self.failed)} failed {self.failed[:8]}, down for {self.down:.1f} s at most"


@contextmanager
def writes(kubeconfig: Path, out: Path) -> Iterator[Written]:
    """Write meanwhile; the value is filled at the end."""
    out.unlink(missing_ok=True)
    found = Written()
    with subprocess.Popen([sys.executable, "-m", "tests.e2e.writer", str(kubeconfig), str(out)]) as process:
        try:
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    made = sorted(one["due"] + one["took"] for one in lines if one.get("wrote") == 201)
    found.down = max((later - earlier for earlier, later in pairwise(made)), default=0.0)
    for one in lines:
        if one.get("wrote") == 201:
            found.acked.add(f"w-{one['number']}")
        if one.get("wrote") != 201 or one.get("read") != 200:
            found.failed.append(one)


def kept(kubeconfig: Path, server: str) -> set[str]:
    """The names that one API server has now; `server` is its own address."""
    connections, _ = pool(kubeconfig)
    found = connections.request("GET", f"{server}{CONFIG_MAPS}", timeout=60, retries=False)
    return {one["metadata"]["name"] for one in json.loads(found.data)["items"]}


if __name__ == "__main__":
    write_on(Path(sys.argv[1]), Path(sys.argv[2]))
