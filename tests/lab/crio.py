"""CRI-O on one worker, from a folder of binaries that whoever runs the lab names: it is in no package archive that the lab reaches."""

import os
from pathlib import Path

from . import nodes
from .shell import LabError, run
from .spec import HERE, Node

BINARIES = ("crio", "pinns", "crictl")
VARIABLE = "LAB_CRIO_DIR"


def folder() -> Path:
    """The folder of LAB_CRIO_DIR; LabError when it is not named or lacks a binary."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        raise LabError(f"{VARIABLE} is not set: it names a folder with {', '.join(BINARIES)}, of CRI-O's official bundle or built by you")
    lacking = [name for name in BINARIES if not (Path(named) / name).is_file()]
    if lacking:
        raise LabError(f"{VARIABLE}={named} lacks {', '.join(lacking)}")
    return Path(named)


def install(node: Node) -> None:
    """Install CRI-O on a worker that is up, and leave it stopped; LabError when its binaries are not to be had."""
    found = folder()
    if nodes.state(node) != "running" or not nodes.whole(node):
        raise LabError(f"{node.name} is not up: `python3 -m tests.lab reset {node.name}` makes it")
    for name in BINARIES:
        run("docker", "cp", found / name, f"{node.name}:/usr/local/bin/{name}")
        nodes.inside(node, "chmod", "755", f"/usr/local/bin/{name}")
    nodes.inside(node, "sh", "-s", stdin=(HERE / "crio.sh").read_bytes())
    print(f"lab: {node.name} has {nodes.inside(node, 'crio', '--version').splitlines()[0]}, stopped", flush=True)
