"""The real containerds that tests ask: the machine's own (Debian 12 has 1.6), and the releases that the lab has built."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture
from migrate.facts.containerd_config import CONFIG
from migrate.targets.compose import FileChange
from tests.captured import with_output
from tests.lab import containerd

RELEASES = ("1.6", *containerd.RELEASES)


def program(release: str) -> str:
    """The program of a release; the test is skipped where there is none."""
    if release in containerd.RELEASES:
        folder = containerd.kept(release)
        return str(folder / "containerd") if folder else pytest.skip(containerd.unbuilt(release))
    return shutil.which("containerd") or pytest.skip("apt-get install containerd")


def staged(capture: Capture, edited: Mapping[str, FileChange], folder: Path) -> Path:
    """containerd's files in a folder, with the planned ones in their place and imports led into the folder; the main one of them."""
    for path in {*capture.paths, *edited}:
        if path.startswith("/etc/containerd/") and path.endswith(".toml") and "certs.d" not in path:
            reading = capture.paths.get(path)
            text = edited[path].after.decode() if path in edited else reading.text if reading and reading.data is not None else None
            if text is not None:
                target = folder / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                for quote in "\"'":
                    text = text.replace(f"{quote}/etc/containerd/conf.d", f"{quote}{folder}/etc/containerd/conf.d")
                target.write_text(text)
    return folder / CONFIG.lstrip("/")


def dumped(name: str, config: Path) -> str:
    """What a program prints as the configuration that it would load; it must take the files."""
    done = subprocess.run([name, "-c", str(config), "config", "dump"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_by(name: str, capture: Capture, folder: Path) -> Capture:
    """The capture as if this program were the node's containerd: its version, and what it makes of the files that are there."""
    version = subprocess.run([name, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    text = dumped(name, staged(capture, {}, folder)).replace(str(folder), "")
    return with_output(with_output(capture, "containerd version", version), "containerd config dump", text)


def values_of(name: str, capture: Capture, edited: Mapping[str, FileChange], folder: Path) -> dict[str, Any]:
    """What a program makes of the files with the planned ones in their place."""
    return tomllib.loads(dumped(name, staged(capture, edited, folder)))
