"""CRI-O on one worker, from a folder of binaries that whoever runs the lab names."""

from . import binaries, nodes
from .spec import HERE, Node

BINARIES = ("crio", "pinns", "crictl")
VARIABLE = "LAB_CRIO_DIR"


def install(node: Node) -> None:
    """Install CRI-O on a worker that is up, and leave it stopped; LabError when its binaries are not to be had."""
    binaries.lay(node, binaries.folder(VARIABLE, BINARIES, "of CRI-O's official bundle or built by you"), BINARIES)
    nodes.inside(node, "sh", "-s", stdin=(HERE / "crio.sh").read_bytes())
    print(f"lab: {node.name} has {nodes.inside(node, 'crio', '--version').splitlines()[0]}, stopped", flush=True)
