"""The lab's captured nodes as a base for tests: a case is a real capture with one thing changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from migrate.facts.capture import ABSENT, Capture, CommandReading, PathReading
from migrate.facts.cluster import ClusterFacts
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.run.store import load_directory

CLUSTERS = Path(__file__).resolve().parent.parent / "fixtures" / "clusters"
BUNDLE = CLUSTERS / "debian12-kubeadm-1.23-dockershim"
WITH_CRIO = CLUSTERS / "debian12-kubeadm-1.23-crio"  # lab-w8 on dockershim, CRI-O 1.23.5 installed and stopped


def capture_of(host: str = "lab-w1", bundle: Path = BUNDLE) -> Capture:
    """The capture of one lab node."""
    return next(one for one in load_directory(bundle)[0] if one.host == host)


def cluster(bundle: Path = BUNDLE) -> ClusterFacts:
    """The lab's API reading."""
    found = load_directory(bundle)[1]
    assert found is not None
    return found


def with_file(capture: Capture, path: str, text: str | None, *, mode: str = "644") -> Capture:
    """The capture with another content of a file; None takes the file away."""
    reading = ABSENT if text is None else PathReading("file", mode, "root:root", len(text.encode()), 0, None, text.encode())
    return dataclasses.replace(capture, paths={**capture.paths, path: reading})


def with_output(capture: Capture, key: str, text: str) -> Capture:
    """The capture with another output of a command."""
    return dataclasses.replace(capture, commands={**capture.commands, key: CommandReading(0, text.encode())})


def replaced(capture: Capture, key: str, old: str, new: str) -> Capture:
    """The capture with a text replaced in a command's output or, for a path, in a file; the old text must be there."""
    text = capture.paths[key].text if key in capture.paths else capture.commands[key].text
    assert old in text, f"{old!r} is not in {key}"
    return with_file(capture, key, text.replace(old, new)) if key in capture.paths else with_output(capture, key, text.replace(old, new))


def facts(capture: Capture) -> NodeFacts:
    """The facts of a capture."""
    return facts_from(capture)


def on_cri_dockerd(*arguments: str, unit: bool = True) -> Capture:
    """lab-w1 as its kubelet would reach Docker through cri-dockerd 0.3.4 with these arguments, which a unit started or nobody knows who."""
    env, socket = "/var/lib/kubelet/kubeadm-flags.env", "unix:///run/cri-dockerd.sock"
    capture = replaced(capture_of(), env, "--network-plugin=cni", f"--container-runtime=remote --container-runtime-endpoint={socket}")
    argv = ("/usr/bin/cri-dockerd", "--container-runtime-endpoint", "fd://", *arguments)
    processes = capture.commands["processes"].text + f"411 {' '.join(argv)}\n"
    capture = with_output(with_output(capture, "processes", processes), "cri-dockerd version", "cri-dockerd 0.3.4 (e88b1605)\n")
    if not unit:
        return capture
    path = "/lib/systemd/system/cri-docker.service"
    shown = f"ActiveState=active\nUnitFileState=enabled\nMainPID=411\nFragmentPath={path}\nAfter=docker.service\n"
    capture = with_output(capture, "systemctl show cri-docker.service", shown)
    capture = with_output(capture, "systemctl show cri-docker.socket", "ActiveState=active\nUnitFileState=enabled\nMainPID=0\n")
    capture = with_output(capture, "cmdline cri-docker.service", "\0".join(argv) + "\0")
    return with_file(capture, path, f"[Service]\nExecStart={' '.join(argv)}\n")
