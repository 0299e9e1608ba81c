"""packages.sh with the real apt and dpkg in a scratch root: their database, their repository and their packages are made for each test."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.facts.package_managers import question
from migrate.facts.parse.transaction import transaction
from migrate.facts.transaction import Change, Transaction
from tests.facts.test_transaction_program import Ended, call

pytestmark = [
    pytest.mark.skipif(not all(map(shutil.which, ("apt-get", "dpkg", "dpkg-deb", "dpkg-query"))), reason="apt and dpkg are not here"),
    pytest.mark.skipif(os.geteuid() != 0, reason="dpkg sets owners, which needs root"),
]
CNI = "/etc/cni/net.d"
LEFT_OUT = (
    "left out: /etc/cni/net.d/100-crio.conflist; the next version of its package lays it there: "
    "dpkg-divert --no-rename --divert FILE.packaged FILE, or hold the package\n"
)
PLAN = ("cri-o=1.23.5~2", "conmon=2:2.1.2~0")
DOCKER = ("docker-ce=5:20.10.23~3-0", "containerd.io=1.6.15-1")
# what a package's script is started with; it fails as long as what it asks of systemd is refused
SCRIPT = """#!/bin/sh
set -e
beside=${DPKG_ROOT%/root}
echo "$DEBIAN_FRONTEND $NEEDRESTART_SUSPEND $NEEDRESTART_MODE $APT_LISTCHANGES_FRONTEND $UCF_FORCE_CONFFOLD" >"$beside/environment"
if [ -e "$beside/refused" ]; then
  echo 'Failed to restart docker.service: Operation refused' >&2
  exit 1
fi
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A scratch root with Docker in it, and a repository with what is to come."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def environment(self) -> dict[str, str]:
        admin = {"DPKG_ROOT": str(self.root), "DPKG_ADMINDIR": str(self.root / "var/lib/dpkg")}
        return {
            "PATH": f"{self.path}/bin:{os.environ['PATH']}",
            "APT_CONFIG": str(self.path / "apt.conf"),
            "D2C_ROOT": str(self.root),
            **admin,
        }

    def run(self, *words: str) -> str:
        ran = subprocess.run(words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def call(self, function: str, *words: str) -> Ended:
        return call(self.path / "run-1", self.environment, function, *words)

    def status(self) -> str:
        return (self.root / "var/lib/dpkg/status").read_text("utf-8")

    def begun(self) -> None:
        (self.path / "run-1" / "installing").touch()


def build(path: Path, repository: str, name: str, version: str, fields: str = "", files: tuple[str, ...] = (), script: str = "") -> None:
    """One package, with its line in the repository's index."""
    tree = path / "build" / f"{repository}-{name}"
    for file in files:
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        (tree / file).write_text(f"version = {version}\n", "utf-8")
    (tree / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@example.com>\n{fields}Description: {name}\n"
    (tree / "DEBIAN/control").write_text(control, "utf-8")
    (tree / "DEBIAN/conffiles").write_text("".join(f"/{file}\n" for file in files), "utf-8")
    if script:
        (tree / "DEBIAN/postinst").write_text(script, "utf-8")
        (tree / "DEBIAN/postinst").chmod(0o755)
    package = path / repository / f"{name}.deb"
    package.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(package)], check=True, capture_output=True)
    data = package.read_bytes()
    with (package.parent / "Packages").open("a", encoding="utf-8") as index:
        index.write(f"{control}Filename: ./{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories: `old` is what the node has, `new` what it knows of."""
    path = tmp_path_factory.mktemp("packages")
    build(path, "old", "docker-ce", "5:20.10.23~3-0", "Depends: containerd.io\n")
    build(path, "old", "containerd.io", "1.6.15-1", "Provides: containerd\nConflicts: containerd\nReplaces: containerd\n")
    build(path, "old", "conmon", "2.0.25+ds1-1", files=("etc/conmon.conf",))
    build(path, "new", "conmon", "2:2.1.2~0", files=("etc/conmon.conf",))
    build(path, "new", "containerd", "1.6.20~ds1-1")
    build(path, "new", "cri-o", "1.23.5~2", "Depends: conmon (>= 2:2.1)\n", ("etc/cni/net.d/100-crio.conflist",), SCRIPT)
    return path


@pytest.fixture
def node(packages: Path, tmp_path: Path) -> Node:
    made = Node(tmp_path)
    for directory in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (made.root / directory).mkdir(parents=True)
    for directory in ("var/log/apt", "etc/apt/apt.conf.d", "etc/apt/preferences.d"):
        (made.root / directory).mkdir(parents=True)
    (made.root / "var/lib/dpkg/status").touch()
    (made.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/new ./\n", "utf-8")
    options = (f"--root={made.root}", "--force-script-chrootless", "--force-not-root", f"--log={tmp_path}/dpkg.log")
    # each tool tells when it got the lock's descriptor; a package's scripts run outside of the root, as it has no shell
    (tmp_path / "bin").mkdir()
    for tool, words in {"apt-get": (), "dpkg-query": (), "dpkg": options}.items():
        told = f'case $(readlink /proc/$$/fd/9) in */run-1/lock) echo "{tool} $*" >>{tmp_path}/leaked ;; esac'
        script = f'#!/bin/sh\n{told}\nexec {" ".join((shutil.which(tool) or "", *words))} "$@"\n'
        (tmp_path / "bin" / tool).write_text(script, "utf-8")
        (tmp_path / "bin" / tool).chmod(0o755)
    (tmp_path / "apt.conf").write_text(
        f'Dir "{made.root}"; Dir::State::status "{made.root}/var/lib/dpkg/status";\n'
        f'Dir::Bin::dpkg "{tmp_path}/bin/dpkg"; Dir::Bin::methods "/usr/lib/apt/methods";\n'
        'APT::Sandbox::User "root"; APT::Architecture "amd64";\n',
        "utf-8",
    )
    shutil.copytree(packages / "old", tmp_path / "old")
    shutil.copytree(packages / "new", tmp_path / "new")
    made.run("dpkg", "-i", *(str(tmp_path / "old" / f"{name}.deb") for name in ("containerd.io", "docker-ce", "conmon")))
    made.run("apt-get", "update")
    (made.root / CNI[1:]).mkdir(parents=True)
    (tmp_path / "run-1").mkdir()
    return made


def test_what_was_planned_is_installed_and_nothing_lands_in_the_cni_directory(node: Node) -> None:
    (node.root / "etc/conmon.conf").write_text("mine\n", "utf-8")
    assert node.call("packages_there", "apt", *PLAN) == Ended(
        1, "cri-o is not installed at 1.23.5~2 as planned; its manager says: dpkg-query: no packages found matching cri-o", ""
    )
    assert node.call("packages_as_planned", "apt", *PLAN) == Ended(0, "", "")
    assert node.call("packages_install", "apt", CNI, *PLAN) == Ended(0, "", LEFT_OUT)
    assert not (node.path / "leaked").exists(), (node.path / "leaked").read_text("utf-8")
    assert node.call("packages_there", "apt", *PLAN, *DOCKER) == Ended(0, "", "")
    assert list((node.root / CNI[1:]).iterdir()) == []
    assert (node.root / "etc/conmon.conf").read_text("utf-8") == "mine\n"
    assert (node.path / "environment").read_text("utf-8") == "noninteractive 1 l none 1\n"
    assert node.call("packages_install", "apt", CNI, *PLAN) == Ended(0, "", LEFT_OUT)


def test_the_question_gives_what_packages_as_planned_takes(node: Node) -> None:
    script = question(["cri-o"]).replace("/var/lib/dpkg/status", str(node.root / "var/lib/dpkg/status"))
    found = transaction(node.run("sh", "-c", script), 0)
    assert found == Transaction("apt", (Change("conmon", "2.0.25+ds1-1", "2:2.1.2~0"), Change("cri-o", None, "1.23.5~2")))
    planned = (f"{change.name}={change.after}" for change in found.changes)
    assert node.call("packages_as_planned", "apt", *planned) == Ended(0, "", "")


def test_another_version_is_not_there(node: Node) -> None:
    assert node.call("packages_there", "apt", *DOCKER, "conmon=2:2.1.2~0") == Ended(
        1, "conmon is not installed at 2:2.1.2~0 as planned; its manager says: ii 2.0.25+ds1-1", ""
    )


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (PLAN[:1], "apt would install conmon=2:2.1.2~0, which the plan does not have; make a new plan"),
        (("containerd=1.6.20~ds1-1",), "apt would remove docker-ce, which the plan does not have; make a new plan"),
        (("cri-o=1.23.4~2",), "apt cannot install what was planned: E: Version '1.23.4~2' for 'cri-o' was not found"),
    ],
)
def test_what_is_not_planned_is_refused_and_nothing_changes(node: Node, plan: tuple[str, ...], reason: str) -> None:
    before = node.status()
    assert node.call("packages_as_planned", "apt", *plan) == Ended(1, reason, "")
    assert node.call("packages_install", "apt", CNI, *plan) == Ended(1, reason, "")
    assert node.status() == before


def test_a_package_on_hold_stays(node: Node) -> None:
    (node.root / "var/lib/dpkg/status").write_text(
        node.status().replace("Package: conmon\nStatus: install ok", "Package: conmon\nStatus: hold ok"), "utf-8"
    )
    refused = Ended(1, "apt would unhold conmon, which the plan does not have; make a new plan", "")
    assert node.call("packages_install", "apt", CNI, *PLAN) == refused
    assert node.call("packages_there", "apt", "conmon=2.0.25+ds1-1") == Ended(0, "", "")


def test_what_this_run_left_unfinished_is_finished_and_what_others_left_is_refused(node: Node) -> None:
    (node.path / "refused").touch()
    failed = node.call("packages_install", "apt", CNI, *PLAN)
    assert failed.reason == (
        "apt exited with 100: Failed to restart docker.service: Operation refused dpkg: error processing package cri-o (--configure):"
        "; packages are left half configured, and their scripts would run with the next installation: apt-get remove, or "
        f"dpkg --configure -a; all of it: cat {node.path}/run-1/install.out"
    )
    assert node.call("packages_there", "apt", *PLAN) == Ended(
        1, "cri-o is not installed at 1.23.5~2 as planned; its manager says: iF 1.23.5~2", ""
    )
    (node.path / "refused").unlink()
    others = node.call("packages_install", "apt", CNI, *PLAN)
    assert others.reason.startswith("an earlier installation on this node is unfinished: The following packages are only half configured")
    assert others.reason.endswith("; finish it, then begin again: dpkg --configure -a")
    node.begun()
    assert node.call("packages_install", "apt", CNI, *PLAN) == Ended(0, "", LEFT_OUT)
    assert node.call("packages_there", "apt", *PLAN) == Ended(0, "", "")
    assert list((node.root / CNI[1:]).iterdir()) == []


def test_a_busy_database_is_waited_for(node: Node) -> None:
    held = [(node.root / "var/lib/dpkg" / name).open("w") for name in ("lock-frontend", "lock")]
    for file in held:
        fcntl.lockf(file, fcntl.LOCK_EX)
    release = threading.Timer(1.5, lambda: [file.close() for file in held])
    began = time.monotonic()
    release.start()
    assert node.call("packages_install", "apt", CNI, *PLAN) == Ended(0, "", LEFT_OUT)
    assert time.monotonic() - began > 1.5
