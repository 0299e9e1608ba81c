"""The lab's captured nodes as a base for tests: a case is a real capture with one thing changed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec

from migrate.facts.capture import ABSENT, Capture, CommandReading, PathReading
from migrate.facts.cluster import ClusterFacts
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.run.store import load_directory

CLUSTERS = Path(__file__).resolve().parent.parent / "fixtures" / "clusters"
BUNDLE = CLUSTERS / "debian12-kubeadm-1.23-dockershim"
WITH_CRIO = CLUSTERS / "debian12-kubeadm-1.23-crio"  # lab-w8 on dockershim, CRI-O 1.23.5 installed and stopped

HIGHLY_AVAILABLE = CLUSTERS / "debian12-kubeadm-1.23-three-control-planes"  # ha-cp1 to ha-cp3 with stacked etcd 3.4.23, and ha-w1

WITH_CRI_DOCKERD = CLUSTERS / "debian12-kubeadm-1.23-cri-dockerd"  # lab-w7: Docker through cri-dockerd 0.4.3 without a flag
WITH_CONTAINERD_2 = CLUSTERS / "debian12-kubeadm-1.23-containerd-2.3"  # lab-w8 on dockershim, containerd 2.3.7 with its default file


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


def on_containerd(*, docker: bool = True) -> tuple[Capture, ClusterFacts]:
    """lab-w1 as someone else moved it to containerd by its kubelet's flags: Docker idles, or its packages are gone."""
    env, socket = "/var/lib/kubelet/kubeadm-flags.env", "/run/containerd/containerd.sock"
    flags = f"--container-runtime=remote --container-runtime-endpoint={socket}"
    capture = replaced(capture_of(), env, "--network-plugin=cni", flags)
    argv = capture.commands["cmdline kubelet.service"].text.replace("--network-plugin=cni", flags.replace(" ", "\0"))
    capture = with_output(with_output(capture, "cmdline kubelet.service", argv), "containerd tasks k8s.io", "0123abcd\n")
    if not docker:
        units = {
            key: CommandReading(0, b"", skipped="unit not loaded") for key in capture.commands if key.startswith("systemctl show docker")
        }
        asked = {
            key: CommandReading(0, b"", skipped="docker.service is not active") for key in capture.commands if key.startswith("docker ")
        }
        gone = {"dockerd version": CommandReading(127, b""), **units, **asked}
        paths = {path: ABSENT if path.startswith("/etc/docker/") else one for path, one in capture.paths.items()}
        capture = dataclasses.replace(capture, commands={**capture.commands, **gone}, paths=paths)
    return capture, reporting("containerd://1.6.20")


def reporting(runtime: str) -> ClusterFacts:
    """The lab's API, where the Node of lab-w1 reports this runtime."""
    api = cluster()
    nodes = tuple(
        node
        if node.name != "lab-w1"
        else msgspec.structs.replace(
            node,
            status=msgspec.structs.replace(
                node.status, node_info=msgspec.structs.replace(node.status.node_info, container_runtime_version=runtime)
            ),
        )
        for node in api.nodes
    )
    return msgspec.structs.replace(api, nodes=nodes)


def reported(capture: Capture, **changed: object) -> Capture:
    """The capture with other values in the answer of `docker info`."""
    info = json.loads(capture.commands["docker info"].text)
    return with_output(capture, "docker info", json.dumps({**info, **changed}))
