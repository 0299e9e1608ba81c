"""Whether a container lies where its kubelet has it."""

from __future__ import annotations

import pytest

from migrate.plan.cgroup import misplaced

ID = "ab" * 32
POD = "podfae93f0d-1c5d-4d29-a9d4-6c5ddb26c4d2"
SLICE = f"kubepods-besteffort-{POD.replace('-', '_')}.slice"
IN_SLICE = f"/kubepods.slice/kubepods-besteffort.slice/{SLICE}"


@pytest.mark.parametrize(
    ("driver", "path"),
    [
        ("cgroupfs", f"/kubepods/besteffort/{POD}/{ID}"),
        ("cgroupfs", f"/custom/kubepods/{POD}/{ID}"),
        ("cgroupfs", f"/kubepods/besteffort/{POD}/crio-{ID}"),
        ("systemd", f"{IN_SLICE}/cri-containerd-{ID}.scope"),
        ("systemd", f"{IN_SLICE}/crio-{ID}.scope"),
        ("systemd", f"{IN_SLICE}/docker-{ID}.scope"),
    ],
)
def test_in_its_place(driver: str, path: str) -> None:
    assert misplaced(f"0::{path}\n", driver, ID) == ""
    assert misplaced(f"9:name=systemd:/else\n4:memory:{path}\n3:cpu,cpuacct:{path}\n0::/init.scope\n", driver, ID) == ""


@pytest.mark.parametrize(
    ("driver", "path", "wanted"),
    [
        ("systemd", f"/{SLICE}:cri-containerd:{ID}", "a scope of its pod's slice in kubepods.slice"),
        ("systemd", f"/kubepods/besteffort/{POD}/{ID}", "a scope of its pod's slice in kubepods.slice"),
        ("systemd", f"/system.slice/cri-containerd-{ID}.scope", "a scope of its pod's slice in kubepods.slice"),
        ("systemd", f"{IN_SLICE}/cri-containerd-{'cd' * 32}.scope", "a scope of its pod's slice in kubepods.slice"),
        ("cgroupfs", f"{IN_SLICE}/cri-containerd-{ID}.scope", "a directory of its pod's below kubepods"),
        ("cgroupfs", f"/system.slice/containerd.service/{ID}", "a directory of its pod's below kubepods"),
        ("cgroupfs", "/", "a directory of its pod's below kubepods"),
    ],
)
def test_out_of_its_place(driver: str, path: str, wanted: str) -> None:
    said = f"its cgroup is {path}, and by the kubelet's driver ({driver}) it is {wanted}"
    assert misplaced(f"0::{path}\n", driver, ID) == said


def test_what_is_no_cgroup() -> None:
    assert misplaced("nothing\n", "systemd", ID) == "its cgroup cannot be read from 'nothing'"
