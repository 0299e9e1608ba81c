"""`python3 -m tests.lab up|down|status|check|reset NODE|dismiss NODE|zoo NODE|crio NODE|cri-dockerd NODE|containerd [NODE]|logs DIR`."""

import argparse
import sys
from pathlib import Path

from . import cluster, containerd, cri_dockerd, crio, images, logs, machine, nodes, zoo
from .cache import only_one
from .shell import LabError
from .spec import ACCESS, CONTROLS, MOST_WORKERS, PLACE, Node, asked_workers
from .spec import nodes as members_of


def main() -> int:
    """Do what the command line asks; 0 when done, 1 with the reason on stderr when not."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab", description="A Kubernetes 1.23 cluster on dockershim, in containers.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "up",
        help="bring the lab up from whatever is there (LAB_WORKERS=N for more workers, LAB_CONTROL_PLANES=3 or single for another)",
    )
    commands.add_parser("down", help="remove its containers, volumes and network; what was built is kept")
    commands.add_parser("status", help="say what runs; 1 when the lab is not whole")
    commands.add_parser("check", help="say what this machine lacks, and change nothing")
    commands.add_parser("reset", help="make one worker again").add_argument("node")
    commands.add_parser("dismiss", help="take a worker out of the cluster and away").add_argument("node")
    zoo_command = commands.add_parser("zoo", help="install every runtime that Debian 12 packages on a worker, and make each run something")
    zoo_command.add_argument("node")
    zoo_command.add_argument("--idle", action="store_true", help="install only")
    commands.add_parser("crio", help="install CRI-O of LAB_CRIO_DIR on a worker, and leave it stopped").add_argument("node")
    commands.add_parser("cri-dockerd", help="put cri-dockerd of LAB_CRI_DOCKERD_DIR between a worker's kubelet and Docker").add_argument(
        "node"
    )
    containerd_command = commands.add_parser(
        "containerd", help="build a release of containerd, and put it under a worker's containerd.service"
    )
    containerd_command.add_argument("node", nargs="?")
    containerd_command.add_argument("--version", choices=[*containerd.RELEASES], default="2.3")
    commands.add_parser("logs", help="collect journals, containers and events").add_argument("folder", type=Path)
    asked = parser.parse_args()
    try:
        if asked.command == "status":
            return status()
        if asked.command == "check":
            cluster.refuse_if_lacking()
        elif asked.command == "logs":
            logs.collect(asked.folder, cluster.members(), images.kubernetes() / "kubectl")
        else:
            cluster.refuse_if_lacking()
            with only_one():
                if asked.command == "up":
                    cluster.up(asked_workers())
                elif asked.command == "down":
                    cluster.down()
                elif asked.command == "zoo":
                    zoo.populate(worker(asked.node), running=not asked.idle)
                elif asked.command == "crio":
                    crio.install(worker(asked.node))
                elif asked.command == "cri-dockerd":
                    cri_dockerd.install(worker(asked.node))
                elif asked.command == "containerd" and asked.node is None:
                    print(f"lab: {containerd.build(asked.version)}")
                elif asked.command == "containerd":
                    containerd.install(worker(asked.node), asked.version)
                elif asked.command == "dismiss":
                    cluster.dismiss(worker(asked.node))
                else:
                    cluster.reset(worker(asked.node))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def worker(name: str) -> Node:
    """The worker of that name, which need not exist yet."""
    for node in members_of(MOST_WORKERS)[len(CONTROLS) :]:
        if node.name == name:
            return node
    raise LabError(f"{name} is not a worker's name; workers are {PLACE.name}-w1 to {PLACE.name}-w{MOST_WORKERS}")


def status() -> int:
    """Print each node's state and what is not ready."""
    if not machine.docker_answers():
        print("lab: no dockerd answers; `make lab` starts one")
        return 1
    members = cluster.members(asked_workers())
    states = {node.name: nodes.state(node) for node in members}
    for node in members:
        print(f"{node.name}  {node.ip}  {node.role:8}{states[node.name]}{'' if nodes.whole(node) else ', not joined'}")
    if set(states.values()) != {"running"} or not all(nodes.whole(node) for node in members):
        print("lab: not whole; `make lab` brings it up")
        return 1
    short = cluster.unready(images.kubernetes())
    print(f"lab: up, {ACCESS}/ tells how to reach it" if not short else f"lab: up, not ready: {', '.join(short)}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
