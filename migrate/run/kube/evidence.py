"""What a node says of itself for verification: since when its kubelet runs, and which containers run in a runtime."""

from __future__ import annotations

from migrate.errors import NodeUnreadable
from migrate.plan.verify import Evidence
from migrate.run.ports import Host
from migrate.run.ssh.text import readable

# What lists running containers, full IDs in the first column. Docker is asked only while it runs: a touch of its socket would start it.
_RUNNING = {
    "docker://": "if systemctl is-active --quiet docker.service; then docker ps -q --no-trunc; fi",
    "containerd://": """tasks=$(ctr -n k8s.io tasks ls); printf '%s\\n' "$tasks" | awk '$3 == "RUNNING" { print $1 }'""",
    "cri-o://": "crictl ps -q --state running",
}
_SCRIPT = """
set -eu
systemctl show -p ExecMainStartTimestampMonotonic {unit}
printf 'uptime='; cut -d ' ' -f 1 /proc/uptime
printf 'now='; date +%s
printf 'containers\\n'
{running}
"""


def read_evidence(host: Host, prefix: str, unit: str = "kubelet.service") -> Evidence:
    """Ask a node, without changing it; `prefix` is the runtime to be seen (`containerd://`, `docker://`, `cri-o://`).

    The kubelet's start is by the node's own clock, in whole seconds rounded down, as the API's heartbeats are. Raises NodeUnreachable, and
    NodeUnreadable when the node cannot say.
    """
    result = host.run(_SCRIPT.format(unit=unit, running=_RUNNING[prefix]).encode())
    head, found, tail = result.stdout.decode("utf-8", "replace").partition("containers\n")
    told = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    try:
        if result.rc or not found:
            raise ValueError(readable(result.stderr) or f"exit code {result.rc}")
        since_boot = int(told["ExecMainStartTimestampMonotonic"]) / 1e6
        if not since_boot:
            raise ValueError(f"{unit} has not been started since the boot")
        started = int(told["now"]) - (float(told["uptime"]) - since_boot)
    except (KeyError, ValueError) as wrong:
        raise NodeUnreadable(
            node=host.name,
            seen=f"it does not say when its kubelet started and what runs: {wrong}",
            expected=f"the start of {unit} and the running containers of {prefix}",
            next=f"on the node: systemctl status {unit}",
        ) from wrong
    return Evidence(kubelet_started=float(int(started)), running=frozenset(tail.split()))
