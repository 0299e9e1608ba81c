"""packages.sh with the real dnf and zypper in a scratch root. The packages of its repository have no scripts: nothing runs in the root."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.facts.package_managers import question
from migrate.facts.parse.transaction import transaction
from migrate.facts.transaction import Change, Transaction
from tests.facts.test_transaction_program import Ended, call

TOOLS = ("rpm", "rpmbuild", "createrepo_c")
pytestmark = [
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"not all of {', '.join(TOOLS)} are here"),
    pytest.mark.skipif(os.geteuid() != 0, reason="dnf and zypper install as root only"),
]
PLAN = ("cri-o=1.23.5-12.1.el8", "conmon=2:2.1.2~rc1-2.el8")
DOCKER = ("docker=2:1.13.1-209.el7", "containerd=1.2.6-1.el7")
DNF = "--noplugins --releasever=8 --setopt=reposdir={path} --setopt=cachedir={path}/cache --setopt=logdir={path}"
WRAPPED = {
    "rpm": "{real} --root {root}",
    "dnf": f"{{real}} --installroot={{root}} {DNF}",
    "zypper": "{real} --root {root} --reposd-dir {path} --cache-dir {path}/cache",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A scratch root with Docker in it, and the manager that is asked."""

    path: Path
    manager: str

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.path}/bin:{os.environ['PATH']}", "HOME": str(self.path), "D2C_ROOT": str(self.path / "root")}

    def call(self, function: str, *words: str) -> Ended:
        return call(self.path / "run-1", self.environment, function, *words)

    def ask(self, *packages: str) -> object:
        script = question(packages).replace("/var/lib/dpkg/status", str(self.path / "none"))
        if self.manager == "zypper":
            script = script.replace("command -v dnf", "false").replace("command -v yum", "false")
        ran = subprocess.run(["sh", "-c", script], env=self.environment, capture_output=True, text=True, check=False)
        return transaction(ran.stdout, ran.returncode)


def build(path: Path, repository: str, name: str, evr: str, *fields: str) -> None:
    epoch, _, rest = f"0:{evr}".removeprefix("0:" if ":" in evr else "").partition(":")
    version, release = rest.rsplit("-", 1)
    spec = path / f"{repository}-{name}.spec"
    lines = [f"Name: {name}", f"Epoch: {epoch}" if epoch != "0" else "", f"Version: {version}", f"Release: {release}", f"Summary: {name}"]
    lines += ["License: none", "AutoReqProv: no", "BuildArch: noarch", *fields, "%description", name, "%files", ""]
    spec.write_text("\n".join(lines), "utf-8")
    defined = [word for key, to in (("_topdir", "build"), ("_rpmdir", repository)) for word in ("--define", f"{key} {path / to}")]
    subprocess.run(
        ["rpmbuild", "-bb", "--quiet", *defined, str(spec)], check=True, capture_output=True, env={**os.environ, "HOME": str(path)}
    )


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packages")
    build(path, "old", "docker", "2:1.13.1-209.el7", "Requires: containerd")
    build(path, "old", "containerd", "1.2.6-1.el7")
    build(path, "old", "conmon", "2:2.1.2~beta-1.el8")
    build(
        path,
        "new",
        "containerd.io",
        "1.6.21-3.1.el8",
        "Provides: containerd = 1.6.21",
        "Obsoletes: containerd",
        "Obsoletes: docker < 2:1.13.2",
    )
    build(path, "new", "conmon", "2:2.1.2~rc1-2.el8")
    build(path, "new", "cri-tools", "1.23.0-0")
    build(path, "new", "cri-o", "1.23.5-12.1.el8", "Requires: conmon >= 2:2.1.2~rc1", "Recommends: cri-tools")
    build(path, "new", "podman-docker", "2:4.0.2-6.el8", "Conflicts: docker")
    subprocess.run(["createrepo_c", "-q", str(path / "new")], check=True, capture_output=True)
    return path


@pytest.fixture(params=["dnf", "zypper"])
def node(request: pytest.FixtureRequest, packages: Path, tmp_path: Path) -> Node:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not here")
    made = Node(tmp_path, request.param)
    (tmp_path / "bin").mkdir()
    (tmp_path / "root/var/lib/rpm").mkdir(parents=True)
    for tool in ("rpm", request.param):
        wrapped = WRAPPED[tool].format(real=shutil.which(tool), root=tmp_path / "root", path=tmp_path)
        (tmp_path / "bin" / tool).write_text(f'#!/bin/sh\nexec {wrapped} "$@"\n', "utf-8")
        (tmp_path / "bin" / tool).chmod(0o755)
    # Debian's rpm keeps its database in a home directory
    (tmp_path / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n", "utf-8")
    (tmp_path / "made.repo").write_text(f"[made]\nname=made\nbaseurl=file://{packages}/new\nenabled=1\ngpgcheck=0\n", "utf-8")
    old = sorted(map(str, (packages / "old").rglob("*.rpm")))
    refresh = {"dnf": ["dnf", "-q", "makecache"], "zypper": ["zypper", "-n", "refresh"]}[request.param]
    for words in (["rpm", "-i", "--force-debian", *old], refresh):
        subprocess.run(words, env=made.environment, check=True, capture_output=True)
    return made


def test_what_was_planned_is_installed_and_nothing_else(node: Node) -> None:
    assert node.ask("cri-o") == Transaction(
        node.manager, (Change("conmon", "2:2.1.2~beta-1.el8", "2:2.1.2~rc1-2.el8"), Change("cri-o", None, "1.23.5-12.1.el8"))
    )
    assert node.call("packages_there", node.manager, *PLAN) == Ended(
        1, "cri-o is not installed at 1.23.5-12.1.el8 as planned; its manager says: package cri-o is not installed", ""
    )
    assert node.call("packages_as_planned", node.manager, *PLAN) == Ended(0, "", "")
    assert node.call("packages_install", node.manager, "/etc/cni/net.d", *PLAN) == Ended(0, "", "")
    assert node.call("packages_there", node.manager, *PLAN, *DOCKER) == Ended(0, "", "")
    assert node.call("packages_install", node.manager, "/etc/cni/net.d", *PLAN) == Ended(0, "", "")
    assert node.ask("cri-o") == Transaction(node.manager, ())


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (PLAN[:1], "MANAGER would install conmon=2:2.1.2~rc1-2.el8, which the plan does not have; make a new plan"),
        (("containerd.io=1.6.21-3.1.el8",), "MANAGER would remove containerd, which the plan does not have; make a new plan"),
    ],
)
def test_what_is_not_planned_is_refused_and_nothing_changes(node: Node, plan: tuple[str, ...], reason: str) -> None:
    refused = Ended(1, reason.replace("MANAGER", node.manager), "")
    assert node.call("packages_as_planned", node.manager, *plan) == refused
    assert node.call("packages_install", node.manager, "/etc/cni/net.d", *plan) == refused
    assert node.call("packages_there", node.manager, *DOCKER, "conmon=2:2.1.2~beta-1.el8") == Ended(0, "", "")


def test_a_version_that_is_not_to_be_had_is_told_in_the_managers_words(node: Node) -> None:
    said = {
        "dnf": "No match for argument: cri-o-1.23.4-1 Error: Unable to find a match: cri-o-1.23.4-1",
        "zypper": "No provider of 'cri-o=1.23.4-1' found.",
    }
    reason = f"{node.manager} cannot install what was planned: {said[node.manager]}"
    assert node.call("packages_as_planned", node.manager, "cri-o=1.23.4-1") == Ended(1, reason, "")
