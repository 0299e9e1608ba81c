"""What the control plane's own pods say of how it is run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from migrate.facts.pod import Pod
from migrate.formats import version

FLAG = "--node-monitor-grace-period"
# kube-controller-manager: 40 s, 50 s since 1.32 (kubernetes PR 126287)
SINCE_1_32, BEFORE = 50, 40
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})(?:\.[0-9]{0,9})?s)?")


def node_monitor_grace(pods: Iterable[Pod], server: str | None) -> tuple[int, str]:
    """How many seconds the control plane waits for a kubelet, and what says so; `server` is the API server's version."""
    for pod in pods:
        words = [word for container in pod.spec.containers for word in (*(container.command or ()), *(container.args or ()))]
        for word in words:
            found = _DURATION.fullmatch(word.partition("=")[2]) if word.startswith(f"{FLAG}=") else None
            if found and any(found.groups()):
                hours, minutes, seconds = (int(part or 0) for part in found.groups())
                return 3600 * hours + 60 * minutes + seconds, f"{word} of {pod.metadata.name}"
    known = version.known(server)
    return (SINCE_1_32 if known and known.release >= (1, 32) else BEFORE), f"the default of {FLAG}"
