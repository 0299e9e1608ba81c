"""Programs that are in no package archive that the lab reaches: from a folder that whoever runs the lab names, laid onto a worker."""

import os
from pathlib import Path

from . import nodes
from .shell import LabError, run
from .spec import Node


def folder(variable: str, names: tuple[str, ...], whose: str) -> Path:
    """The folder that the environment's `variable` names; LabError when it is not set or lacks one of the programs."""
    named = os.environ.get(variable, "")
    if not named:
        raise LabError(f"{variable} is not set: it names a folder with {', '.join(names)}, {whose}")
    lacking = [name for name in names if not (Path(named) / name).is_file()]
    if lacking:
        raise LabError(f"{variable}={named} lacks {', '.join(lacking)}")
    return Path(named)


def lay(node: Node, found: Path, names: tuple[str, ...]) -> None:
    """Lay the programs into /usr/local/bin of a worker that is up; LabError when it is not."""
    if nodes.state(node) != "running" or not nodes.whole(node):
        raise LabError(f"{node.name} is not up: `python3 -m tests.lab reset {node.name}` makes it")
    for name in names:
        run("docker", "cp", found / name, f"{node.name}:/usr/local/bin/{name}")
        nodes.inside(node, "chmod", "755", f"/usr/local/bin/{name}")
