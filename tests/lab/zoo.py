"""Every runtime that Debian packages at once on one worker, each with something in it; zoo.sh says which."""

from . import nodes
from .shell import LabError
from .spec import HERE, Node


def populate(node: Node, *, running: bool = True) -> None:
    """Install them all on a worker that is up and, unless only that is asked, run something in each; LabError when one does not."""
    if nodes.state(node) != "running" or not nodes.whole(node):
        raise LabError(f"{node.name} is not up: `python3 -m tests.lab reset {node.name}` makes it")
    if running and nodes.inside(node, "sh", "-c", "ls /var/lib/machines 2>/dev/null | head -n 1"):
        raise LabError(f"{node.name} has them already: `python3 -m tests.lab reset {node.name}` makes it again")
    script = (HERE / "zoo.sh").read_bytes()
    nodes.inside(node, "sh", "-s", "install", stdin=script)
    if running:
        nodes.inside(node, "sh", "-s", "run", stdin=script)
    print(f"lab: {node.name} has every runtime{', and something in each' if running else ''}", flush=True)
