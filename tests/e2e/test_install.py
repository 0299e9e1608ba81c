"""What a worker lacks for CRI-O, installed on the serving node: by real apt from packages that misbehave, and from a static tarball."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.tool import Tool, recap
from tests.lab import crio
from tests.lab.fixtures import Lab
from tests.lab.nodes import inside
from tests.lab.shell import run
from tests.lab.spec import HERE, Node

pytestmark = pytest.mark.lab

NODE = "lab-w8"
REAL = os.environ.get(crio.VARIABLE)
SERVING = ("kubelet.service", "docker.service", "docker.socket", "containerd.service")
STAND_IN = b'#!/bin/sh\ncase $1 in --version) echo "${0##*/} version 1.23.5" ;; config) ;; *) exec sleep 1000000 ;; esac\n'
UNIT = b"[Service]\nExecStart=/usr/local/bin/crio\n\n[Install]\nWantedBy=multi-user.target\n"


def serving(node: Node) -> dict[str, str]:
    """What must be the same before and after: processes, containers, networks, and nothing of ours beside them."""
    asked = {
        "processes": "; ".join(f"systemctl show -p MainPID -p ActiveEnterTimestampMonotonic {unit}" for unit in SERVING),
        # those of DaemonSets: what other nodes' workloads do here meanwhile is theirs
        "containers": "docker ps --no-trunc --format '{{.ID}} {{.Names}}' | grep -E '_(kube-system|ops)_' | sort",
        "networks": "ls -A /etc/cni/net.d; cat /etc/cni/net.d/*",
        "fence": "find /run/systemd/system -name 'docker2cri*'; ls /usr/sbin/policy-rc.d 2>&1; test $? -le 2",
        "owner": "cat /var/lib/docker2cri/current 2>&1; test $? -le 1",
    }
    return {name: on(node, script) for name, script in asked.items()}


def on(node: Node, script: str) -> str:
    """What a script on the node prints."""
    return inside(node, "sh", "-c", script)


def packaged(node: Node, kind: str) -> None:
    """A repository of its own on the node, with the real CRI-O where there is one."""
    if REAL:
        inside(node, "mkdir", "-p", "/opt/binaries")
        for name in crio.BINARIES:
            run("docker", "cp", f"{REAL}/{name}", f"{node.name}:/opt/binaries/{name}")
    inside(node, "sh", "-s", kind, stdin=(HERE / "repository.sh").read_bytes())


def tarball(folder: Path) -> Path:
    """An official static tarball's layout, with the real CRI-O where there is one; its published sum lies beside it."""
    path = folder / "cri-o.amd64.v1.23.5.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("crio", "pinns", "crictl", "conmon", "runc", "crio-status"):
            real = Path(REAL or "", name)
            add(tar, f"cri-o/bin/{name}", real.read_bytes() if REAL and real.is_file() else STAND_IN, 0o755)
        add(tar, "cri-o/contrib/crio.service", UNIT, 0o644)
        add(tar, "cri-o/contrib/10-crio-bridge.conf", b"{}", 0o644)
        add(tar, "cri-o/etc/crictl.yaml", b"runtime-endpoint: x\n", 0o644)
    path.with_name(f"{path.name}.sha256sum").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return path


def add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    tar.addfile(member, io.BytesIO(data))


def codes(plan: Path) -> set[str]:
    """The codes of a plan's findings about what the node lacks."""
    (node,) = json.loads(plan.read_text())["nodes"]
    return {one["code"] for one in node["findings"]} & {"D2C601", "D2C602", "D2C603", "D2C607"}


def test_packages_that_misbehave_disturb_nothing(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    node = lab_node(NODE)
    tool, plan = Tool(lab), tmp_path / "plan.json"
    inside(node, "apt-get", "purge", "-y", "-qq", "skopeo")
    packaged(node, "greedy")
    to = ("--to", "crio", "--install", "packages", *tool.reach(), "--out", str(plan))
    refused = tool("plan", NODE, *to)
    assert refused.code == 3, refused.err
    assert "D2C601 apt would remove docker.io to install cri-o skopeo cri-tools" in " ".join(refused.out.split())

    packaged(node, "plain")
    before = serving(node)
    planned = tool("plan", NODE, *to)
    assert planned.code == 0, planned.out + planned.err
    assert "Plan to CRI-O: 0 of 1 nodes can be migrated, 1 first get what they lack, 0 refused" in planned.out
    assert codes(plan) == {"D2C601", "D2C607"}
    ran = tool("apply", str(plan), "--yes", *tool.reach())
    assert (ran.code, recap(ran)) == (0, [NODE, "installed", "0", "it has CRI-O now; Docker was not disturbed"]), ran.err
    assert serving(node) == before
    assert on(node, "cat /var/log/cri-o.postinst").splitlines() == [
        "systemctl daemon-reload exited with 0",
        "systemctl enable crio.service exited with 0",
        "systemctl start crio.service exited with 4",
        "systemctl restart docker.service exited with 4",
        "systemctl try-restart kubelet.service exited with 4",
        "deb-systemd-invoke restart docker.service exited with 0",
        "invoke-rc.d docker restart exited with 0",
    ]
    assert on(node, "stat -c %a /var/log/cri-o.postinst") == "644\n"  # packages make files for everybody
    state = "systemctl is-active crio.service; systemctl is-enabled crio.service; crio --version | head -n 1; skopeo --version"
    assert on(node, f"{state}; :").splitlines() == ["inactive", "disabled", "crio version 1.23.5", "skopeo version 1.9.3"]

    again = tool("plan", NODE, "--to", "crio", *tool.reach(), "--out", str(plan))
    assert (again.code, codes(plan)) == (0, set()), again.out
    assert "1 of 1 nodes can be migrated" in again.out
    back = tool("rollback", NODE, "--yes", *tool.reach())
    stays = "what was installed of CRI-O stays, stopped and disabled; /var/lib/docker2cri keeps the record of the run"
    assert (back.code, recap(back)) == (0, [NODE, "rolled back", "0", f"it never left Docker; {stays}"]), back.err
    assert serving(node) == before
    assert on(node, f"{state}; :").splitlines()[:2] == ["inactive", "disabled"]


def test_a_tarball_lays_its_own_files_and_overwrites_none(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    node = lab_node(NODE)
    tool, plan, path = Tool(lab), tmp_path / "plan.json", tarball(tmp_path)
    inside(node, "sh", "-c", "apt-get purge -y -qq skopeo && apt-get update -qq")
    to = ("--to", "crio", *tool.reach(), "--out", str(plan))
    alone = tool("plan", NODE, "--install", str(path), *to)
    assert alone.code == 3
    assert "D2C607 skopeo: not in the tarballs that were named" in " ".join(alone.out.split())
    before = serving(node)
    inside(node, "sh", "-c", "echo other >/usr/local/bin/conmon")
    assert tool("plan", NODE, "--install", str(path), "--install", "packages", *to).code == 0
    held_up = tool("apply", str(plan), "--yes", *tool.reach())
    assert (held_up.code, recap(held_up)[:3]) == (5, [NODE, "rolled back", "5"]), held_up.err
    assert "/usr/local/bin/conmon is there already with hash" in held_up.err
    assert (
        on(node, "ls /usr/local/bin; cat /usr/local/bin/conmon; test ! -e /usr/local/lib/systemd/system/crio.service") == "conmon\nother\n"
    )
    assert serving(node) == before

    inside(node, "rm", "/usr/local/bin/conmon")
    assert tool("plan", NODE, "--install", str(path), "--install", "packages", *to).code == 0
    ran = tool("apply", str(plan), "--yes", *tool.reach())
    seen = "it has CRI-O and skopeo now; Docker was not disturbed"
    assert (ran.code, recap(ran)) == (0, [NODE, "installed", "0", seen]), ran.err
    assert serving(node) == before
    laid = "find /usr/local/bin /usr/local/lib/systemd -type f -printf '%p %m %u:%g\\n' | sort"
    assert on(node, laid).splitlines() == [
        "/usr/local/bin/conmon 755 root:root",
        "/usr/local/bin/crictl 755 root:root",
        "/usr/local/bin/crio 755 root:root",
        "/usr/local/bin/pinns 755 root:root",
        "/usr/local/lib/systemd/system/crio.service 644 root:root",
    ]
    assert on(node, "systemctl is-active crio.service; systemctl is-enabled crio.service; :").split() == ["inactive", "disabled"]
    assert (tool("plan", NODE, *to).code, codes(plan)) == (0, set())


def test_a_containerd_that_is_too_old_is_upgraded_and_runs_on(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    """The upgrade replaces the program under Docker's running containerd, which is not restarted; the move restarts it."""
    node = lab_node(NODE)
    tool, plan = Tool(lab), tmp_path / "plan.json"
    packaged(node, "containerd")
    old = "mv /usr/bin/containerd /usr/bin/containerd.real && printf '%s\n' '#!/bin/sh' "
    old += "'[ \"$1\" != --version ] || { echo containerd github.com/containerd/containerd 1.5.9 x; exit; }' 'exec containerd.real \"$@\"'"
    inside(node, "sh", "-c", f"{old} >/usr/bin/containerd && chmod 755 /usr/bin/containerd")
    to = ("--to", "containerd", *tool.reach(), "--out", str(plan))
    assert (tool("plan", NODE, *to).code, codes(plan)) == (3, {"D2C602"})
    before = serving(node)
    planned = tool("plan", NODE, *to, "--install", "packages")
    assert planned.code == 0, planned.out + planned.err
    assert re.search(r"containerd 1\.6\.20~ds1-1\+deb12u\d -> 1\.6\.20~ds1-1\+deb12u99", planned.out)
    ran = tool("apply", str(plan), "--yes", *tool.reach())
    assert (ran.code, recap(ran)[:3]) == (0, [NODE, "installed", "0"]), ran.err
    assert serving(node) == before
    assert on(node, "cat /var/log/containerd.postinst").splitlines() == [
        "systemctl daemon-reload exited with 0",
        "systemctl restart containerd.service exited with 4",
        "deb-systemd-invoke restart containerd.service exited with 0",
    ]
    state = "systemctl is-active containerd.service; systemctl is-enabled containerd.service; containerd --version | cut -d' ' -f3"
    assert on(node, state).split() == ["active", "enabled", "1.6.20~ds1"]
    assert (tool("plan", NODE, *to).code, codes(plan)) == (0, set())


@pytest.mark.skipif(not REAL, reason=f"{crio.VARIABLE} is not set: it names a folder with CRI-O's binaries")
def test_cri_o_from_a_tarball_takes_the_node_and_gives_it_back(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    node = lab_node(NODE)
    tool, plan, path = Tool(lab), tmp_path / "plan.json", tarball(tmp_path)
    # without a sandbox process CRI-O would make cgroups in hierarchies that a node in a container may not write to
    inside(node, "sh", "-c", "mkdir -p /etc/crio && printf '[crio.runtime]\\ndrop_infra_ctr = false\\n' >/etc/crio/crio.conf")
    to = (NODE, "--to", "crio", *tool.reach(), "--out", str(plan))
    ended = []
    for more in (("--install", str(path)), ()):
        planned = tool("plan", *to, *more)
        assert planned.code == 0, planned.out + planned.err
        ran = tool("apply", str(plan), "--yes", *tool.reach(), seconds=600)
        assert ran.code == 0, ran.err
        ended.append(recap(ran)[1:])
    back = tool("rollback", NODE, "--yes", *tool.reach(), seconds=600)
    assert (back.code, [*ended, recap(back)[1:]]) == (
        0,
        [
            ["installed", "0", "it has CRI-O now; Docker was not disturbed"],
            ["migrated", "0", "it runs on CRI-O and is verified"],
            ["rolled back", "0", "it runs on Docker as before and is verified"],
        ],
    )
    assert on(node, "systemctl is-active crio.service docker.service; systemctl is-enabled crio.service; :").split() == [
        "inactive",
        "active",
        "disabled",
    ]
