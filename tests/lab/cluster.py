"""The cluster: brought up from any state, reset node by node, taken down."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import access, balancer, images, keys, machine, nodes
from .cache import BUILDING, only_one
from .shell import Clock, LabError, attempt, run, together, until
from .spec import (
    ACCESS,
    CONTROL,
    CONTROLS,
    GATEWAY,
    HERE,
    JOINED,
    LABEL,
    MOST_WORKERS,
    NETWORK,
    PLACE,
    PORTAL,
    REGISTRY,
    SUBNET,
    Node,
)
from .spec import nodes as members_of

INIT = ("kubeadm", "init", "--config=/etc/kubernetes/kubeadm-init.yaml", "--ignore-preflight-errors=all", "--skip-phases=addon/coredns")
JOIN = ("kubeadm", "join", "--config=/etc/kubernetes/kubeadm-join.yaml", "--ignore-preflight-errors=all")
EVERYONE = members_of(MOST_WORKERS)
AUTHORITIES = "ca.crt ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key"


def up(workers: int) -> None:
    """Bring the lab up from whatever is there: what is whole is kept, what is half made is made again."""
    clock = Clock()
    clock.phase("packages")
    machine.install_packages()
    clock.phase("dockerd")
    machine.room_for_watchers()
    machine.start_dockerd()
    with only_one(BUILDING, 600):
        clock.phase("Kubernetes, node root, packages")
        binaries, _, _ = together(lambda build: build(), (images.kubernetes, images.root, images.debs))
        clock.phase("node image")
        image = images.node_image()
        clock.phase("workload images")
        archives = images.workload_images()
        shared = images.shared_images() if PLACE.etcdctl else None
    clock.phase("network, registry")
    keys.user_key()
    _network()
    nodes.start_registry(archives / "registry.tar")
    if shared and len(CONTROLS) > 1:
        balancer.start(shared / "balancer.tar")
    wanted = members(workers)
    if all(nodes.whole(node) for node in CONTROLS):
        try:
            _nodes_up(wanted, image, archives, shared, binaries, clock)
        except LabError as error:
            print(f"lab: what an earlier run left does not come up, so all of it is made again. It said: {error}", file=sys.stderr)
            nodes.forget(CONTROL)
    # a control plane that half joined is a member of etcd that its others wait for
    if not all(nodes.whole(node) for node in CONTROLS):
        together(nodes.remove, EVERYONE)
        _nodes_up(wanted, image, archives, shared, binaries, clock)
    clock.phase("everything ready")
    wait_ready(wanted, binaries)
    print(f"lab: up in {clock.total():.0f} s: {', '.join(node.name for node in wanted)}; {ACCESS}/ tells how to reach them", flush=True)


def refuse_if_lacking() -> None:
    """Raise LabError with all that the machine lacks."""
    missing = machine.lacks()
    if missing:
        raise LabError("this machine lacks what the lab needs; nothing was started:\n" + "\n".join(f"  - {item}" for item in missing))


def members(asked: int = PLACE.workers) -> tuple[Node, ...]:
    """The control planes and the workers that are asked for, and with them every other that exists, whatever its state."""
    return tuple(node for node in EVERYONE if node in members_of(asked) or nodes.state(node) != "absent")


def _network() -> None:
    code, said = attempt("docker", "network", "inspect", NETWORK)
    if code == 0:
        if json.loads(said)[0]["IPAM"]["Config"][0]["Subnet"] == SUBNET:
            return
        run("docker", "network", "rm", NETWORK)
    run("docker", "network", "create", "--label", LABEL, "--subnet", SUBNET, "--gateway", GATEWAY, NETWORK)


def _nodes_up(wanted: Sequence[Node], image: str, archives: Path, shared: Path | None, binaries: Path, clock: Clock) -> None:
    clock.phase("nodes booted")
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    started = [node for node in wanted if nodes.state(node) != "running"]
    fresh = [node for node in wanted if not nodes.whole(node)]
    together(nodes.remove, fresh)
    together(lambda node: nodes.create(node, image), fresh)
    together(nodes.boot, wanted)
    clock.phase("images loaded")
    together(lambda node: _furnish(node, archives, shared), fresh)
    clock.phase("control plane")
    if CONTROL in fresh:
        nodes.inside(CONTROL, *INIT)
    access.write_access(wanted, nodes.inside(CONTROL, "cat", "/etc/kubernetes/admin.conf"), binaries)
    until("the API server answers", 120, lambda: _api_up(binaries))
    if CONTROL in fresh:
        _assign_pods(CONTROL, binaries)
        nodes.mark_whole(CONTROL)
    for node in CONTROLS[1:]:  # one after the other: each is a new member of etcd
        if node in fresh:
            _share_authorities(node)
            _join(node, binaries)
    clock.phase("workers joined")
    together(lambda node: _join(node, binaries), [node for node in fresh if node not in CONTROLS])
    wait_nodes(wanted, binaries)
    clock.phase("workloads")
    _workloads(wanted, binaries)
    if started:
        clock.phase("pods started again")
        wait_restarted(started, since, binaries)


def _api_up(binaries: Path) -> bool:
    return attempt(binaries / "kubectl", "--kubeconfig", ACCESS / "kubeconfig", "get", "--raw", "/readyz", timeout=5)[0] == 0


def _furnish(node: Node, archives: Path, shared: Path | None = None) -> None:
    """What a booted node gets before it joins: keys, images, and from the control plane the push of the registry's one image."""
    nodes.authorize(node)
    nodes.load(node, archives / ("control.tar" if node in CONTROLS else "worker.tar"))
    if node in CONTROLS and shared:
        nodes.load(node, shared / "etcd.tar")
    if node == CONTROL:
        nodes.inside(node, "docker", "push", "-q", PORTAL)


def _share_authorities(node: Node) -> None:
    """Give a further control plane what all of them share (kubernetes.io, "Manual certificate distribution")."""
    packed = nodes.inside(CONTROL, "sh", "-c", f"tar -C /etc/kubernetes/pki -c {AUTHORITIES} | base64 -w 0")
    nodes.inside(node, "sh", "-c", "mkdir -p /etc/kubernetes/pki && base64 -d | tar -C /etc/kubernetes/pki -x", stdin=packed.encode())


def _join(node: Node, binaries: Path) -> None:
    # kubeadm refuses a name that is in the API and Ready, and the pods of an earlier machine of this name would be waited for.
    _forget_in_api(node, binaries)
    nodes.inside(node, *JOIN)
    _assign_pods(node, binaries)
    nodes.mark_whole(node)


def _forget_in_api(node: Node, binaries: Path) -> None:
    """Delete the Node, then its pods at once: in the other order each DaemonSet would put a new one there in between."""
    access.kubectl(binaries, "delete", "node", node.name, "--ignore-not-found")
    of_node = ("--all-namespaces", f"--field-selector=spec.nodeName={node.name}", "--force", "--grace-period=0")
    access.kubectl(binaries, "delete", "pods", *of_node)


def _assign_pods(node: Node, binaries: Path) -> None:
    """Say the node's pod subnet in its Node object; it follows from the node's number, so no controller hands them out."""
    access.kubectl(binaries, "patch", "node", node.name, "-p", json.dumps({"spec": {"podCIDR": node.pods, "podCIDRs": [node.pods]}}))


def _workloads(wanted: Sequence[Node], binaries: Path) -> None:
    # a claim of theirs is bound to the first worker by its name
    texts = [file.read_text().replace("lab-w1", f"{PLACE.name}-w1") for file in sorted((HERE / "manifests").glob("*.yaml"))]
    access.kubectl(binaries, "apply", "-f", "-", stdin="\n---\n".join(texts).encode())
    for node in wanted:
        if node.role == "dirty":
            nodes.inside(node, "sh", "-s", stdin=(HERE / "standalone.sh").read_bytes())


def wait_nodes(wanted: Sequence[Node], binaries: Path) -> None:
    """Wait until every node is Ready."""
    access.kubectl(binaries, "wait", "--for=condition=Ready", "--timeout=120s", *[f"node/{node.name}" for node in wanted])


def wait_ready(wanted: Sequence[Node], binaries: Path) -> None:
    """Wait until every node is Ready and everything that should run on them does."""
    wait_nodes(wanted, binaries)
    until("every workload is ready", 180, lambda: not unready(binaries), every=1)


def wait_restarted(started: Sequence[Node], since: str, binaries: Path) -> None:
    """Wait for the pods of nodes that were started at `since`: the API tells of the time before until the kubelets speak."""
    names = {node.name for node in started}

    def done() -> bool:
        pods = json.loads(access.kubectl(binaries, "get", "pods", "--all-namespaces", "-o", "json"))["items"]
        running = [pod["status"] for pod in pods if pod["spec"].get("nodeName") in names and pod["status"]["phase"] == "Running"]
        containers = [container for status in running for container in status["containerStatuses"]]
        return all(one["ready"] and one["state"].get("running", {}).get("startedAt", "") >= since for one in containers)

    until(f"every pod of {', '.join(sorted(names))} is ready again", 120, done, every=1)


def unready(binaries: Path) -> list[str]:
    """The workloads whose ready count is not what they ask for, as KIND/NAMESPACE/NAME."""
    found = json.loads(access.kubectl(binaries, "get", "deployments,daemonsets,statefulsets", "--all-namespaces", "-o", "json"))["items"]
    short: list[str] = []
    for item in found:
        kind, meta, status = item["kind"], item["metadata"], item.get("status", {})
        wanted = status.get("desiredNumberScheduled", 0) if kind == "DaemonSet" else item["spec"]["replicas"]
        ready = status.get("numberReady", 0) if kind == "DaemonSet" else status.get("readyReplicas", 0)
        if ready < wanted or status.get("observedGeneration", 0) < meta["generation"]:
            short.append(f"{kind}/{meta['namespace']}/{meta['name']}")
    return short


def reset(node: Node) -> None:
    """Make one worker again, or for the first time, and join it: nothing of an earlier test is left on it."""
    if node in CONTROLS or not nodes.whole(CONTROL):
        raise LabError(f"{node.name} cannot be reset: only a worker of a lab that is up can (`make lab` for all of it)")
    clock = Clock()
    clock.phase(f"{node.name} removed")
    binaries, archives, image = images.kubernetes(), images.workload_images(), images.node_image()
    nodes.remove(node)
    clock.phase("booted")
    nodes.create(node, image)
    nodes.boot(node)
    clock.phase("images loaded")
    _furnish(node, archives)
    clock.phase("joined")
    _join(node, binaries)
    access.write_access(members(), (ACCESS / "kubeconfig").read_text(), binaries)
    clock.phase("node and workloads ready")
    wait_nodes([node], binaries)
    _workloads([node], binaries)
    wait_ready([node], binaries)
    print(f"lab: {node.name} is new, {clock.total():.0f} s", flush=True)


def dismiss(node: Node) -> None:
    """Take a worker that was asked for besides out of the cluster and away."""
    nodes.remove(node)
    _forget_in_api(node, ACCESS)
    access.write_access(members(), (ACCESS / "kubeconfig").read_text(), (ACCESS / "kubectl").resolve().parent)


def down() -> None:
    """Remove the lab's containers, volumes and network; the cache and dockerd stay."""
    machine.start_dockerd()
    together(nodes.remove, EVERYONE)
    balancer.remove()
    if nodes.exists("container", REGISTRY):
        run("docker", "rm", "--force", REGISTRY)
    if nodes.exists("network", NETWORK):
        run("docker", "network", "rm", NETWORK)
    shutil.rmtree(ACCESS, ignore_errors=True)
    shutil.rmtree(JOINED, ignore_errors=True)
