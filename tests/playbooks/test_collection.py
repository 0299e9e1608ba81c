"""The collection as others take it: it builds, installs from its tarball, and its pages say what its plugins take."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import __version__
from migrate.run.inventory.variables import READ
from tests.playbooks.collection import COMMANDS, NAME, ROOT, Collection, util

ROLES = ("inspect", "migrate", "rollback", "verify")
PLAYBOOKS = ("inspect", "migrate", "rollback", "rollout", "verify")


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def test_it_is_installed_whole_and_nothing_else(collection: Collection) -> None:
    assert collection.tarball.name == f"docker2cri-docker2cri-{__version__}.tar.gz"
    files = {path.relative_to(collection.root).as_posix() for path in collection.root.rglob("*") if path.is_file()}
    assert files == {
        *("README.md", "CHANGELOG.md", "MANIFEST.json", "FILES.json", "meta/runtime.yml"),
        *(f"playbooks/{name}.yml" for name in PLAYBOOKS),
        *(f"plugins/{kind}/{name}.py" for kind in ("action", "modules") for name in COMMANDS),
        *(f"plugins/plugin_utils/{name}.py" for name in ("action", "commands", "inventory")),
        "plugins/doc_fragments/common.py",
        *(f"roles/{role}/{file}" for role in ROLES for file in ("README.md", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml")),
        *(f"tests/sanity/ignore-{version}.txt" for version in ("2.14", "2.15", "2.16", "2.17", "2.18", "2.19")),
    }


def test_its_modules_are_one_group_for_module_defaults() -> None:
    assert loaded(ROOT / "meta" / "runtime.yml")["action_groups"] == {"docker2cri": list(COMMANDS)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_documents_the_arguments_that_it_takes(collection: Collection, name: str) -> None:
    said = collection.run("ansible-doc", "-t", "module", "-j", f"{NAME}.{name}")
    options: Mapping[str, Mapping[str, Any]] = json.loads(said.stdout)[f"{NAME}.{name}"]["doc"]["options"]
    keys = ("type", "elements", "required", "default", "choices")
    told = {option: {key: one[key] for key in keys if one.get(key) is not None} for option, one in options.items()}
    assert told == util("commands").ARGUMENTS[name]


def test_every_connection_variable_that_the_command_reads_is_handed_on() -> None:
    assert {name for names in util("inventory").CONNECTION for name in names} == READ


@pytest.mark.parametrize("role", ROLES)
def test_a_role_describes_the_variables_that_it_uses(role: str) -> None:
    folder = ROOT / "roles" / role
    used = set(re.findall(r"docker2cri_\w+", (folder / "tasks" / "main.yml").read_text()))
    described = loaded(folder / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (folder / "README.md").read_text(), re.MULTILINE))
    assert used == set(described)
    assert rows == {name: one["description"][0] for name, one in described.items()}


def test_its_plugins_know_the_command_and_nothing_of_its_code() -> None:
    for path in (ROOT / "plugins").rglob("*.py"):
        assert re.search(r"^\s*(from|import) migrate", path.read_text("utf-8"), re.MULTILINE) is None, path


def test_nothing_drains_by_another_tool() -> None:
    """kubernetes.core.k8s_drain gives up when a budget answers 429."""
    for path in ROOT.rglob("*.yml"):
        assert "k8s_drain" not in path.read_text("utf-8"), path


@pytest.mark.skipif(shutil.which("ansible-lint") is None, reason="no ansible-lint here: pip install ansible-lint")
def test_ansible_lint_finds_nothing(collection: Collection, tmp_path: Path) -> None:
    copy = tmp_path / "ansible_collections" / "docker2cri" / "docker2cri"
    shutil.copytree(ROOT, copy)
    subprocess.run(["git", "init", "-q", str(copy)], check=True)
    done = collection.run("ansible-lint", "--project-dir", str(copy), ANSIBLE_COLLECTIONS_PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
