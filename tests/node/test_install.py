"""Installing in a scratch root: a package whose scripts do what they must not, a cut in the middle, and what is proved afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.plan.install import install_plan
from migrate.plan.steps import InstalledPackage, InstallRuntime
from tests.node.scratch import RUN, SHELLS, Scratch
from tests.plan.test_install import view

STEP = InstallRuntime(
    title="CRI-O",
    unit="crio.service",
    cni_dir="/etc/cni/net.d",
    programs=("crio",),
    manager="apt",
    packages=(InstalledPackage(name="cri-o", before=None, after="1.23.5-1"),),
    why="beside Docker",
)
PLAN = install_plan(*view(), [STEP])
# In the place of the real package managers; the package starts its unit, enables it, restarts Docker and brings a network of its own
PACKAGES = """
packages_there() { [ -e "$root/.state/cri-o" ] || because "cri-o is not installed, planned was 1.23.5-1"; }
dpkg_whole() { :; }
packages_as_planned() { [ ! -e "$root/.state/other" ] || because "apt would install cri-o=1.24.1-1, planned was 1.23.5-1; plan again"; }
script() { "$@" >>"$root/.state/scripts" 2>&1; echo "$* exited with $?" >>"$root/.state/scripts"; }
packages_install() {
  packages_as_planned || return 1
  sh "$root/usr/sbin/policy-rc.d" || echo "policy-rc.d exited with $?" >>"$root/.state/scripts"
  [ ! -e "$root/.state/broken" ] || because "apt-get exited with 100: dpkg: error processing package cri-o" || return 1
  echo enabled >"$root/.state/enabled/crio.service"
  script systemctl enable crio.service
  script systemctl start crio.service
  script systemctl restart docker.service
  [ ! -e "$root/.state/kills" ] || echo 99 >"$root/.state/start-docker.service"
  echo '{}' >"$root/etc/cni/net.d/10-crio-bridge.conflist"
  ln -sf "$root/.tools/containerd" "$root/.tools/crio"
  printf 'cri-o 1.23.5\\n' >"$root/.state/cri-o"
}
crio() { echo 'crio version 1.23.5'; }
bundle_lay() { because 'no bundle here'; }
"""
REFUSED = "Operation refused, unit {0} may be requested by dependency only (it is configured to refuse manual start/stop)."
SCRIPTS = [
    "policy-rc.d exited with 101",
    "systemctl enable crio.service exited with 0",
    f"Failed to start crio.service: {REFUSED.format('crio.service')}",
    "systemctl start crio.service exited with 4",
    f"Failed to restart docker.service: {REFUSED.format('docker.service')}",
    "systemctl restart docker.service exited with 4",
]


@pytest.fixture
def node(tmp_path: Path) -> Callable[..., Scratch]:
    """Give a node that lacks CRI-O."""

    def give(shell: str = "dash") -> Scratch:
        return lacks_crio(Scratch(tmp_path / "root", SHELLS[shell], plan=PLAN, simulated=PACKAGES))

    return give


def lacks_crio(node: Scratch) -> Scratch:
    """The node with what an installation looks at."""
    node.write("/etc/cni/net.d/10-lab.conflist", b"{}\n")
    for folder in ("usr/sbin", "run/systemd/system"):
        (node.root / folder).mkdir(parents=True)
    return node


def scripts(node: Scratch) -> list[str]:
    return node.read("/.state/scripts").decode().splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_package_s_scripts_ask_for_is_refused_and_everything_else_is_as_before(shell: str, node: Callable[..., Scratch]) -> None:
    one = node(shell)
    tree, state = one.tree(), one.state()
    done = one.verb("forward", "prepare")
    kept = f"/etc/cni/net.d/10-crio-bridge.conflist came with the installation; it is kept in {one.run}/cni"
    assert (done.code, done.out, done.err) == (0, f"{kept}\n{RUN}: prepare is finished\n", "")
    assert scripts(one) == SCRIPTS
    assert one.tree() == tree
    assert one.state() == {**state, "enabled": {**state["enabled"], "crio.service": "disabled\n"}}  # type: ignore[dict-item]
    assert one.status()["state"] == "prepared"
    assert one.read(f"/var/lib/docker2cri/{RUN}/cni/10-crio-bridge.conflist") == b"{}\n"


def test_again_it_does_nothing_and_back_it_stays(node: Callable[..., Scratch]) -> None:
    one = node()
    one.verb("forward", "prepare")
    tree, state = one.tree(), one.state()
    again = one.verb("forward", "prepare")
    assert (again.code, again.out) == (0, f"{RUN}: nothing to do, prepare is finished\n")
    back = one.verb("rollback")
    assert (back.code, back.out, back.err) == (0, f"{RUN}: the node is rolled back\n", "")
    assert (one.tree(), one.state()) == (tree, state)
    assert len(scripts(one)) == len(SCRIPTS)


def test_a_policy_that_was_there_is_there_again(node: Callable[..., Scratch]) -> None:
    one = node()
    one.write("/usr/sbin/policy-rc.d", b"#!/bin/sh\nexit 0\n", 0o755)
    tree = one.tree()
    assert one.verb("forward", "prepare").code == 0
    assert (scripts(one)[0], one.tree()) == (SCRIPTS[0], tree)


def test_an_installation_that_fails_ends_with_its_reason_and_no_fence(node: Callable[..., Scratch]) -> None:
    one = node()
    tree, state = one.tree(), one.state()
    one.write("/.state/broken", b"")
    failed = one.verb("forward", "prepare")
    reason = "apt-get exited with 100: dpkg: error processing package cri-o"
    assert (failed.code, failed.out) == (1, f"{RUN}: step 1 install failed: {reason}\n" * 2)
    assert (one.tree(), one.state()) == (tree, {**state, "current": True, "volatile": ["docker2cri-install", "system", "systemd"]})
    assert one.verb("rollback").code == 0
    assert (one.tree(), one.state()) == (tree, state)


def test_another_answer_than_the_planned_one_installs_nothing(node: Callable[..., Scratch]) -> None:
    one = node()
    one.write("/.state/other", b"")
    failed = one.verb("forward", "prepare")
    reason = "apt would install cri-o=1.24.1-1, planned was 1.23.5-1; plan again"
    assert (failed.code, failed.out.splitlines()[0]) == (1, f"{RUN}: step 1 install failed: {reason}")
    assert not (one.root / ".state/scripts").exists()


def test_a_docker_that_is_another_process_now_is_told(node: Callable[..., Scratch]) -> None:
    one = node()
    one.write("/.state/kills", b"")
    failed = one.verb("forward", "prepare")
    reason = (
        "the installation disturbed docker.service: its main process is another one now; "
        f"look with: journalctl -u docker.service; cat {one.run}/install.out"
    )
    assert (failed.code, failed.out.splitlines()[1]) == (1, f"{RUN}: step 1 install failed: {reason}")
    assert not list((one.root / "run/systemd").rglob("*.conf"))


@pytest.mark.parametrize("point", range(1, 7))
def test_killed_at_every_point_and_again(point: int, node: Callable[..., Scratch]) -> None:
    one = node()
    tree, state = one.tree(), one.state()
    assert one.verb("forward", "prepare", kill_at=point).code == (-9 if point < 7 else 0)
    ended = one.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert (one.tree(), one.state()["units"]) == (tree, state["units"])


def test_killed_within_the_installation_and_put_back(node: Callable[..., Scratch]) -> None:
    """The fence stands when it is killed in the middle; the rollback removes it, and nothing of the package is undone."""
    one = node()
    tree, state = one.tree(), one.state()
    program = one.read(f"/var/lib/docker2cri/{RUN}/program.sh").decode()
    one.write(f"/var/lib/docker2cri/{RUN}/program.sh", program.replace("\nscript() {", "\nscript() { kill -9 $$;", 1).encode(), 0o700)
    assert one.verb("forward", "prepare").code == -9
    assert (one.root / "usr/sbin/policy-rc.d").exists()
    assert one.tool("systemctl", "restart", "docker.service") == ""
    back = one.verb("rollback")
    assert (back.code, back.err) == (0, "")
    assert (one.tree(), one.state()) == (tree, {**state, "enabled": {**state["enabled"], "crio.service": "disabled\n"}})  # type: ignore[dict-item]


def test_a_boot_in_the_middle_is_not_taken_for_a_disturbance(node: Callable[..., Scratch]) -> None:
    """/run is empty then: the fence is gone, and other processes serve the node by right."""
    one = node()
    tree = one.tree()
    program = one.read(f"/var/lib/docker2cri/{RUN}/program.sh").decode()
    one.write(f"/var/lib/docker2cri/{RUN}/program.sh", program.replace("\nscript() {", "\nscript() { kill -9 $$;", 1).encode(), 0o700)
    assert one.verb("forward", "prepare").code == -9
    one.write(f"/var/lib/docker2cri/{RUN}/program.sh", program.encode(), 0o700)
    one.reboot()
    (one.root / "run/systemd/system").mkdir(parents=True)
    ended = one.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert one.tree() == tree
    assert sorted(path.name for path in (one.root / "run").rglob("*.conf")) == []
