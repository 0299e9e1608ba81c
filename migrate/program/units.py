"""The unit files that keep a node safe while it changes: the kubelet's gate, what keeps Docker stopped, the guard and the boot unit."""

from __future__ import annotations

from collections.abc import Sequence

GATE = "/run/docker2cri/kubelet-may-run"
STOPPED = "/var/lib/docker2cri/docker-stopped"
BOOT = "/run/docker2cri/boot"


def unit_files(directory: str, guard_seconds: int, runtimes: Sequence[str]) -> dict[str, str]:
    """Names in RUN/units/ and their texts; the node program lays them into /etc/systemd/system when `switch` or a rollback begins.

    The boot unit is ordered after `runtimes` (units), which it needs, and not before the kubelet, which it starts.
    """
    return {
        "gate.conf": f"# half a migration may lie behind this: see {directory}/README\n[Unit]\nConditionPathExists={GATE}\n",
        "stopped.conf": f"# Kubernetes left Docker: see {directory}/README\n[Unit]\nConditionPathExists=!{STOPPED}\n",
        "docker2cri-guard.service": _service("rolls the node back, its migration was not finished", directory, "guard"),
        "docker2cri-guard.timer": (
            "[Unit]\nDescription=docker2cri: rolls the node back without the heartbeat of the operator\n\n"
            f"[Timer]\nOnActiveSec={guard_seconds}\nAccuracySec=1s\nUnit=docker2cri-guard.service\n"
        ),
        "docker2cri-boot.service": _service(
            "rolls the node back, it was booted inside the switch",
            directory,
            "boot",
            f"ConditionPathExists=!{BOOT}\nAfter={' '.join(runtimes)}\n",
            "\n[Install]\nWantedBy=multi-user.target\n",
        ),
    }


def fence_files(directory: str) -> dict[str, str]:
    """Names in RUN/units/ and their texts that keep a package's scripts from starting or restarting anything.

    Sources: systemd.unit(5), RefuseManualStart=; Debian's invoke-rc.d, /usr/share/doc/init-system-helpers/README.policy-rc.d.
    """
    ends = f"if it was cut off, this goes with: sh {directory}/restore.sh"
    return {
        "install.conf": f"# docker2cri installs something: see {directory}/README\n[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n",
        "policy-rc.d": f"#!/bin/sh\n# docker2cri installs something; {ends}\nexit 101\n",
    }


def _service(what: str, directory: str, verb: str, unit: str = "", install: str = "") -> str:
    return (
        f"[Unit]\nDescription=docker2cri: {what}\nRequiresMountsFor={directory}\n{unit}\n"
        f"[Service]\nType=oneshot\nExecStart=/bin/sh {directory}/program.sh {verb}\nTimeoutStartSec=0\n{install}"
    )
