"""What the lab's nodes and its API say, written into a folder for a person to read."""

from pathlib import Path

from .shell import attempt, together
from .spec import ACCESS, Node

NODE_COMMANDS = {
    "kubelet.log": ("journalctl", "-u", "kubelet", "--no-pager", "-n", "3000"),
    "docker.log": ("journalctl", "-u", "docker", "--no-pager", "-n", "2000"),
    "containerd.log": ("journalctl", "-u", "containerd", "--no-pager", "-n", "2000"),
    "units.txt": ("systemctl", "list-units", "--all", "--no-pager"),
    "docker-ps.txt": ("docker", "ps", "--all", "--no-trunc"),
    "ctr.txt": ("ctr", "--namespace", "k8s.io", "containers", "list"),
    "processes.txt": ("ps", "axfww", "-o", "pid,ppid,lstart,args"),
    "network.txt": ("sh", "-c", "ip address; ip route; iptables-save"),
}
API_COMMANDS = {
    "all.txt": ("get", "all", "--all-namespaces", "-o", "wide"),
    "nodes.yaml": ("get", "nodes", "-o", "yaml"),
    "pods.yaml": ("get", "pods", "--all-namespaces", "-o", "yaml"),
    "events.txt": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
}


def collect(folder: Path, members: tuple[Node, ...], kubectl: Path) -> None:
    """Write DIR/NODE/*, DIR/api/*; a command that fails leaves its words and its exit code in its file."""

    def of_node(node: Node) -> None:
        for name, argv in NODE_COMMANDS.items():
            _save(folder / node.name / name, "docker", "exec", node.name, *argv)

    together(of_node, members)
    for name, argv in API_COMMANDS.items():
        _save(folder / "api" / name, kubectl, "--kubeconfig", ACCESS / "kubeconfig", "--request-timeout=10s", *argv)
    _save(folder / "containers.txt", "docker", "ps", "--all", "--filter", "label=docker2cri-lab")


def _save(file: Path, *argv: str | Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    code, output = attempt(*argv, timeout=60)
    file.write_text(output if code == 0 else f"{output}\n(ended with {code})\n")
