"""What a worker lacks for CRI-O, installed by real dnf and real zypper on the serving node, from packages that misbehave.

The lab's nodes are Debian's: on a throw-away one the manager is installed, and dpkg's database put aside so that nobody takes it for apt's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_install import STAND_IN, codes, on, serving
from tests.e2e.tool import Tool, recap
from tests.lab.fixtures import Lab
from tests.lab.shell import run
from tests.lab.spec import Node

TOOLS = ("rpmbuild", "createrepo_c")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skipif(os.environ.get("FULL") != "1", reason="dnf and zypper on real nodes: FULL=1"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"{' or '.join(TOOLS)} is not here"),
]

NODE = "lab-w8"
ASKED = (
    "systemctl daemon-reload",
    "systemctl enable crio.service",
    "systemctl start crio.service",
    "systemctl restart docker.service",
    "systemctl try-restart kubelet.service",
)
HOSTILE = "".join(f'{one} </dev/null >/dev/null 2>&1; echo "{one} exited with $?" >>/var/log/cri-o.post\n' for one in ASKED)
SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: {name}
License: none
AutoReqProv: no
{fields}

%description
{name}

%install
cp -a {tree}/. %{{buildroot}}/

%files
{files}

{scripts}
"""
MANAGERS = {
    "dnf": (
        "dnf",
        "mkdir -p /etc/yum.repos.d && printf '[lab]\\nname=lab\\nbaseurl=file:///opt/rpms\\ngpgcheck=0\\n' >/etc/yum.repos.d/lab.repo && "
        "dnf -q -y install base",
    ),
    "zypper": (
        "zypper",
        "zypper -q -n addrepo --no-gpgcheck dir:///opt/rpms lab && zypper -q -n --no-gpg-checks refresh && zypper -q -n install base",
    ),
}


def built(folder: Path) -> Path:
    """A repository of rpm packages: a base that provides a shell, CRI-O whose scripts misbehave, and crictl."""
    repository = folder / "rpms"
    repository.mkdir()
    unit = b"[Service]\nExecStart=/usr/bin/crio\n\n[Install]\nWantedBy=multi-user.target\n"
    packages = {
        "base": ("1", "Provides: /bin/sh", {}, ""),
        "cri-o": (
            "1.23.5",
            "",
            {
                "/usr/bin/crio": STAND_IN,
                "/usr/lib/systemd/system/crio.service": unit,
                "/etc/cni/net.d/00-crio-bridge.conflist": b'{"cniVersion": "0.3.1", "name": "crio", "plugins": [{"type": "bridge"}]}\n',
            },
            f"%post\n{HOSTILE}",
        ),
        "cri-tools": ("1.23.0", "", {"/usr/bin/crictl": STAND_IN}, ""),
    }
    for name, (version, fields, files, scripts) in packages.items():
        tree = folder / name
        tree.mkdir()
        for path, data in files.items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            place.chmod(0o755 if path.startswith("/usr/bin") else 0o644)
        spec = folder / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, version=version, fields=fields, tree=tree, files="\n".join(files), scripts=scripts))
        run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/top", "--define", f"_rpmdir {repository}", spec)
    run("createrepo_c", "--quiet", repository)
    return repository


@pytest.mark.parametrize("manager", MANAGERS)
def test_packages_that_misbehave_disturb_nothing(manager: str, lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    node = lab_node(NODE)
    tool, plan = Tool(lab), tmp_path / "plan.json"
    package, prepare = MANAGERS[manager]
    run("docker", "cp", built(tmp_path), f"{node.name}:/opt/rpms")
    on(node, f"export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends {package} rpm")
    on(node, "mkdir -p /etc/rpm && echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros")  # Debian's rpm has its own in a home directory
    on(node, f"{prepare} && mv /var/lib/dpkg/status /var/lib/dpkg/status.away && rm -f /usr/bin/crictl")
    before = serving(node)
    to = (NODE, "--to", "crio", *tool.reach(), "--out", str(plan))
    planned = tool("plan", *to, "--install", "packages")
    assert planned.code == 0, planned.out + planned.err
    assert f"install CRI-O with {manager}: cri-o 1.23.5-1, cri-tools 1.23.0-1" in " ".join(planned.out.split())
    ran = tool("apply", str(plan), "--yes", *tool.reach())
    assert (ran.code, recap(ran)) == (0, [NODE, "installed", "0", "it has CRI-O now; Docker was not disturbed"]), ran.err
    assert serving(node) == before
    assert on(node, "cat /var/log/cri-o.post").splitlines() == [
        f"{one} exited with {0 if 'daemon-reload' in one or 'enable' in one else 4}" for one in ASKED
    ]
    state = "systemctl is-active crio.service; systemctl is-enabled crio.service; ls /var/lib/docker2cri/*/cni"
    assert on(node, f"{state}; :").splitlines() == ["inactive", "disabled", "00-crio-bridge.conflist"]
    assert (tool("plan", *to).code, codes(plan)) == (0, set())
    back = tool("rollback", NODE, "--yes", *tool.reach())
    assert (back.code, recap(back)[1:3]) == (0, ["rolled back", "0"]), back.err
    assert serving(node) == before
