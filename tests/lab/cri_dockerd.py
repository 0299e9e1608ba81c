"""cri-dockerd between the kubelet and Docker on one worker, from a folder that whoever runs the lab names."""

from . import access, binaries, cluster, images, nodes
from .spec import HERE, Node

BINARIES = ("cri-dockerd",)
VARIABLE = "LAB_CRI_DOCKERD_DIR"
ENDPOINT = "unix:///run/cri-dockerd.sock"
PAUSE = "registry.k8s.io/pause:3.10"
"""The sandbox image that cri-dockerd 0.4 takes by itself; the one that the kubelet's flag names is not there any more."""


def install(node: Node) -> None:
    """Put cri-dockerd under a worker's kubelet, without any flag, and make its pods again in it; LabError when it is not to be had."""
    found = binaries.folder(VARIABLE, BINARIES, "of cri-dockerd's release or built by you")
    binaries.lay(node, found, BINARIES)
    nodes.inside(node, "sh", "-s", ENDPOINT, PAUSE, stdin=(HERE / "cri_dockerd.sh").read_bytes())
    kubernetes = images.kubernetes()
    annotation = f"kubeadm.alpha.kubernetes.io/cri-socket={ENDPOINT}"
    access.kubectl(kubernetes, "annotate", "node", node.name, "--overwrite", annotation)
    cluster.wait_nodes([node], kubernetes)
    cluster.wait_ready([node], kubernetes)
    print(f"lab: {node.name} runs its pods in Docker through {nodes.inside(node, 'cri-dockerd', '--version').strip()}", flush=True)
