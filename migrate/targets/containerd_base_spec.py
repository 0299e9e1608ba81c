"""`base_runtime_spec`: containerd's own default specification, with the limits that Docker gave each container.

Without it containers inherit the limits of containerd itself. Sources: containerd docs/cri/config.md (base_runtime_spec: `ctr oci spec`),
oci/spec.go at v1.6.20 to v2.3.4 (populateDefaultUnixSpec, the same in all but one masked path), pkg/cri/server/container_create_linux.go
(what CRI replaces of it).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from migrate.targets import Edit
from migrate.targets.ulimits import UNLIMITED, Ulimit

PATH = "/etc/containerd/docker2cri-base-spec.json"
RLIM_INFINITY = 2**64 - 1
CAPABILITIES = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
MOUNTS = (
    ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
    ("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
    ("/run", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
)
MASKED = (
    "/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug "
    "/sys/firmware /sys/devices/virtual/powercap /proc/scsi"
)
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"


def base_spec_edit(limits: Sequence[Ulimit]) -> Edit:
    """The file that `base_runtime_spec` names."""
    content = _text(base_spec(limits)) + "\n"
    names = ", ".join(limit.name for limit in limits)
    why = f"containers keep Docker's default-ulimits ({names}); containerd.service keeps its own limits"
    return Edit("base-spec", PATH, why, lambda text: content)


def base_spec(limits: Sequence[Ulimit]) -> dict[str, Any]:
    """The specification that `ctr oci spec` prints, with these limits in place of its own one."""
    capabilities = [f"CAP_{name}" for name in CAPABILITIES.split()]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "rlimits": [
                {"type": f"RLIMIT_{limit.name.upper()}", "hard": _value(limit.hard), "soft": _value(limit.soft)} for limit in limits
            ],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": place, "type": kind, "source": source, "options": options.split(",")} for place, kind, source, options in MOUNTS
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "cgroupsPath": "/default",
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
            "maskedPaths": MASKED.split(),
            "readonlyPaths": READ_ONLY.split(),
        },
    }


def _text(value: Any, depth: int = 0) -> str:
    """JSON with a line for each part of a part: a plan shows this file."""
    if depth == 2 or not isinstance(value, (dict, list)):
        return json.dumps(value)
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key)}: {_text(part, depth + 1)}" for key, part in value.items()]
    else:
        parts = [inner + _text(part, depth + 1) for part in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n" + ",\n".join(parts) + f"\n{'  ' * depth}{closed}"


def _value(limit: int) -> int:
    return RLIM_INFINITY if limit == UNLIMITED else limit
