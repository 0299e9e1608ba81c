"""Reading nodes: the probe sent, its answer decoded, over one host or a fleet."""

import secrets
from collections.abc import Callable, Sequence
from importlib import resources

from migrate.errors import MigrateError, NodeUnreadable
from migrate.facts.capture import Capture
from migrate.facts.frames import BrokenAnswer, decode
from migrate.facts.probes import render_probe
from migrate.facts.redact import mask
from migrate.run.fleet import map_hosts
from migrate.run.ports import Host, HostTarget
from migrate.run.ssh.text import readable

PROBE_LIMIT = 32 * 1024 * 1024  # bytes; a busy node's answer is some 300 KiB, a command's output is cut at 4 MiB


def probe(host: Host) -> Capture:
    """Read one node over its connection, without changing it.

    Raises NodeUnreachable, NodeTimeout or NodeUnreadable, also for an answer that is cut short or is not the probe's.
    """
    marker = f"d2c-{secrets.token_hex(16)}"  # new for every run: nothing that a node stored earlier can look like a frame
    script = render_probe(resources.files("migrate.node").joinpath("probe.sh").read_text(encoding="utf-8"), marker)
    result = host.run(script.encode(), limit=PROBE_LIMIT)
    try:
        return decode(result.stdout, marker, host.name)
    except BrokenAnswer as wrong:
        said = mask(readable(result.stderr)) or "nothing"
        raise NodeUnreadable(
            node=host.name,
            seen=f"the probe's answer of {len(result.stdout)} bytes cannot be used: {wrong}; exit code {result.rc}; on stderr: {said}",
            expected="a complete answer from a POSIX /bin/sh with head, base64, timeout and stat",
            next=f"docker2cri capture {host.name} --debug, and on the node: command -v head base64 timeout stat",
        ) from wrong


def gather_nodes(
    targets: Sequence[HostTarget], connect: Callable[[HostTarget], Host], *, forks: int = 20
) -> dict[str, Capture | MigrateError]:
    """Read every target, `forks` at a time; name -> its capture or why there is none, in the order given. Connections are closed."""

    def read(target: HostTarget) -> Capture:
        with connect(target) as host:
            return probe(host)

    return map_hosts(targets, read, forks=forks)
