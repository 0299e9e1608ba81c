"""The collection of playbooks/: built and installed by a real ansible-galaxy, and its pure modules for tests without Ansible."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2] / "playbooks"
PROGRAM = Path(sys.executable).parent / "docker2cri"
NAME = "docker2cri.docker2cri"
COMMANDS = ("inspect", "plan", "apply", "verify", "rollback")

needs_ansible = pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="no ansible-playbook here: install ansible-core")


def util(name: str) -> ModuleType:
    """A module of plugins/plugin_utils that needs no Ansible."""
    spec = importlib.util.spec_from_file_location(f"docker2cri_{name}", ROOT / "plugins" / "plugin_utils" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Collection:
    """Where the collection is installed; `tarball` is what it was installed from."""

    path: Path
    tarball: Path

    @property
    def root(self) -> Path:
        """The folder of the installed collection."""
        return self.path / "ansible_collections" / "docker2cri" / "docker2cri"

    def run(self, *argv: str, seconds: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        """A program of Ansible that finds this collection and no other, and nothing of this machine's user."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DOCKER2CRI_", "KUBE"))}
        given = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.path),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_HOME": str(self.path / "home"),
            "HOME": str(self.path / "home"),
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=own | given | environment, timeout=seconds, check=False
        )

    def play(self, name: str, *argv: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """A playbook of the collection, by its name there."""
        given = {"docker2cri_executable": str(PROGRAM), **variables}
        return self.run("ansible-playbook", f"{NAME}.{name}", "-e", json.dumps(given), *argv)


def installed(folder: Path) -> Collection:
    """The collection, built into a tarball and installed from it, without a network."""
    collection = Collection(folder / "installed", folder / "unbuilt")
    (collection.path / "home").mkdir(parents=True)
    built = collection.run("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT))
    assert built.returncode == 0, built.stderr
    (tarball,) = folder.glob("*.tar.gz")
    done = collection.run("ansible-galaxy", "collection", "install", "--offline", "-p", str(collection.path), str(tarball))
    assert done.returncode == 0, done.stderr
    return Collection(collection.path, tarball)
