"""Whether a container's cgroup lies where the kubelet's driver has it: else the kubelet limits an empty one, and nobody the pod."""

from __future__ import annotations

KUBEPODS = "kubepods"


def misplaced(cgroup: str, driver: str, container: str) -> str:
    """What is wrong with /proc/PID/cgroup of a pod's container (its ID, without prefix) under `systemd` or `cgroupfs`; empty when nothing.

    Sources: kubernetes pkg/kubelet/cm/cgroup_manager_linux.go (ToSystemd, ToCgroupfs); containerd pkg/cri getCgroupsPath: a parent that
    ends in `.slice` is written as `SLICE:cri-containerd:ID`, which a runc that is told cgroupfs takes for the name of one directory.
    """
    path = _path(cgroup)
    if not path:
        return f"its cgroup cannot be read from {cgroup.strip()[:200]!r}"
    *parents, last = path.strip("/").split("/")
    parent = parents[-1] if parents else ""
    if driver == "systemd":
        right = last.endswith(f"-{container}.scope") and parent.endswith(".slice") and KUBEPODS in parent
        wanted = "a scope of its pod's slice in kubepods.slice"
    else:
        # CRI-O puts its name before the ID
        right = (last == container or last.endswith(f"-{container}")) and parent.startswith("pod") and KUBEPODS in parents
        wanted = "a directory of its pod's below kubepods"
    return "" if right else f"its cgroup is {path[:300]}, and by the kubelet's driver ({driver}) it is {wanted}"


def _path(cgroup: str) -> str:
    """The path in the memory hierarchy, else in the unified one, else empty; lines are `NUMBER:CONTROLLERS:PATH`."""
    found: dict[str, str] = {}
    for line in cgroup.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found |= dict.fromkeys(controllers.split(","), path)
    return found.get("memory") or found.get("", "")
