"""The CI files that are published: each is run as its program runs it, with a stub in the place of pip."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes:\n    - name: s\n      hostPath: {path: /var/run/docker.sock}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "pod.yaml").write_text(SOCKET)
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "python3"
    stub.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/installed\n')
    stub.chmod(0o755)
    return tmp_path / "repo"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def sh(script: str, folder: Path, **variables: str) -> int:
    environment = {"PATH": f"{folder.parent}/bin:{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/nonexistent", **variables}
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env=environment, check=False).returncode


@pytest.mark.parametrize(("fail_on", "code"), [("blocker", 3), ("never", 0)])
def test_the_github_action(fail_on: str, code: int, repository: Path) -> None:
    action = loaded(ROOT / "docs" / "ci" / "action.yml")
    inputs = {name: given.get("default", "") for name, given in action["inputs"].items()} | {"source": "git+x", "fail-on": fail_on}
    codes = []
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # what a workflow gives is no script
        given = {name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text) for name, text in step["env"].items()}
        codes.append(sh(step["run"], repository, **given))
    assert codes == [0, code]
    assert (repository.parent / "installed").read_text() == "-m pip install --quiet --disable-pip-version-check git+x\n"
    [result] = json.loads((repository / "docker2cri.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "pod.yaml"


def test_the_gitlab_job(repository: Path) -> None:
    [job] = loaded(ROOT / "docs" / "ci" / "gitlab.yml").values()
    lines = "\n".join([*job["before_script"], *job["script"]])
    assert sh(lines, repository, DOCKER2CRI_SOURCE="git+x", **job["variables"]) == 3
    suites = ElementTree.parse(repository / job["artifacts"]["reports"]["junit"]).getroot()
    assert "D2C301" in ElementTree.tostring(suites, "unicode")


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        *(("a/pod.yaml", True), ("x.json", True), ("Dockerfile", True), ("a/Dockerfile.dev", True), ("run.sh", True)),
        *(("a.service", True), ("Jenkinsfile", True), ("README.md", False), ("main.go", False)),
    ],
)
def test_the_pre_commit_hook_takes(path: str, taken: bool) -> None:
    [hook] = loaded(ROOT / ".pre-commit-hooks.yaml")
    assert bool(re.search(hook["files"], path)) == taken


def test_the_pre_commit_hook_runs(repository: Path) -> None:
    [hook] = loaded(ROOT / ".pre-commit-hooks.yaml")
    assert hook["language"] == "python"
    assert sh(" ".join([hook["entry"], *hook["args"], "pod.yaml"]), repository) == 3


def test_the_ci_files_are_clean_themselves() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "docker2cri"), "scan", "docs/ci", ".pre-commit-hooks.yaml", "--info", "-o", "json"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["findings"] == []
