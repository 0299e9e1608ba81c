"""D2C135 and D2C140 to D2C145: other runtimes of the machine, and where they meet the migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule

# Docker has rules of its own, and systemd-nspawn comes with systemd: nothing to say of them while they are idle
SILENT_WHEN_IDLE = ("docker", "docker swarm", "systemd-nspawn")
SHARED_STORE = "/var/lib/containers"
BRIDGES = {
    "/sys/class/net/lxcbr0": "LXC",
    "/sys/class/net/lxdbr0": "LXD",
    "/sys/class/net/incusbr0": "Incus",
    "/sys/class/net/virbr0": "libvirt",
    "/sys/class/net/cni-podman0": "podman",
    "/sys/class/net/podman0": "podman",
}
SHIMS = {"gvisor": "io.containerd.runsc.v1", "kata": "io.containerd.kata.v2"}
# networks that these lay into the folder that Kubernetes reads, by the name inside
FOREIGN_NETWORKS = {"podman": "Podman", "crio": "CRI-O's package", "nerdctl": "nerdctl"}


@node_rule("D2C135", "other-runtime-present", Severity.INFO)
def other_runtime_present(view: NodeView) -> Iterator[Seen]:
    """Another container runtime is installed, and nothing runs in it.

    Why: the migration does not touch it. With several CRI sockets kubeadm and crictl need to be told which one to use; the migration writes
    crictl.yaml for that.

    Remedy: Nothing for the migration. Remove the runtime when nobody uses it.

    Sources: kubernetes/kubernetes PR 107317 (kubeadm with several sockets); cri-tools docs/crictl.md.
    """
    for runtime in _others(view):
        if not _own(runtime) and runtime.role is not Role.OCI and runtime.name not in SILENT_WHEN_IDLE:
            kept = len(runtime.runs) if isinstance(runtime.runs, tuple) else 0
            keeps = f"; it keeps {kept} that {'does' if kept == 1 else 'do'} not run" if kept else ""
            yield Seen(runtime.name, f"{_title(runtime)} ({', '.join(runtime.evidence[:3])}){keeps}")


@node_rule("D2C140", "other-runtime-runs", Severity.INFO)
def other_runtime_runs(view: NodeView) -> Iterator[Seen]:
    """Another runtime runs containers or virtual machines on the node.

    Why: neither the drain nor the switch touches them, and they keep running. They are not pods: Kubernetes does not count the memory and
    CPU that they use, and after a reboot only their own runtime starts them again.

    Remedy: Nothing for the migration. To see them, ask the runtime that the finding names:

        podman ps; lxc-ls -f; machinectl list; virsh list; runc list     # on the node

    Sources: podman-ps(1), lxc-ls(1), machinectl(1), virsh(1), runc-list(8).
    """
    for runtime in _others(view):
        if own := _own(runtime):
            yield Seen(runtime.name, f"{_title(runtime)}: {few(f'{of.kind} {of.name} ({of.state})' for of in own)}")


@node_rule("D2C141", "image-store-shared", Severity.WARNING)
def image_store_shared(view: NodeView) -> Iterator[Seen]:
    """Podman and CRI-O use the same store of images and containers.

    Why: each sees the images of the other. The kubelet's garbage collection removes images that no container uses, those of Podman
    included; `podman image prune --all` and `podman system reset` remove those of pods, and `podman rm --all --external` their containers.

    Remedy: Give Podman a store of its own, or forbid these commands on the node:

        podman --root /var/lib/podman images     # on the node; graphroot= in a storage.conf that only Podman gets

    Sources: containers-storage.conf(5), graphroot; podman-system-reset(1); podman-rm(1), --external.
    """
    podman = view.facts.runtime("podman")
    if podman and view.target.data_root.startswith(SHARED_STORE):
        yield Seen("podman", f"{_title(podman)}; {view.target.data_root} is the store of both")


@node_rule("D2C142", "bridge-behind-docker-firewall", Severity.WARNING)
def bridge_behind_docker_firewall(view: NodeView) -> Iterator[Seen]:
    """A bridge of another runtime depends on the FORWARD policy that Docker sets.

    Why: Docker sets it to DROP at each start and accepts only its own bridges. What accepts this bridge now (a rule in DOCKER-USER, a unit
    that runs after Docker) has no effect after the next boot without Docker, and what DROP blocked is accepted then.

    Remedy: Configure what may pass in the bridge's own firewall, before the next boot:

        iptables -S FORWARD; iptables -S DOCKER-USER     # on the node

    Sources: docs.docker.com, Docker on a router; documentation.ubuntu.com/lxd, firewall with Docker; docker/for-linux issue 103.
    """
    stops = view.on_docker and not view.target.keeps_source
    if stops and view.facts.firewall and view.facts.firewall.forward_policy == "DROP":
        for path, name in BRIDGES.items():
            if path in view.facts.marks:
                yield Seen(f"bridge {path.rpartition('/')[2]}", f"of {name}; the policy of FORWARD is DROP")


@node_rule("D2C143", "runtime-needs-its-shim", Severity.WARNING)
def runtime_needs_its_shim(view: NodeView) -> Iterator[Seen]:
    """Docker has a runtime that needs a shim or handler of its own, and the target has none for it.

    Why: for gVisor and Kata (2 and later) a path to their program is not enough, and a `runtimeType` of daemon.json is not carried over.
    Pods select such a runtime by a RuntimeClass, whose handler must be configured, or get it as Docker's default.

    Remedy: Install the shim, and add the handler to the target's configuration before the migration:

        systemctl cat UNIT     # on the node: which configuration it reads

    Sources: gvisor.dev, Containerd Quick Start; kata-containers docs/how-to/containerd-kata.md; cri-o crio.conf(5), crio.runtime.runtimes;
    docs.docker.com, Alternative runtimes.
    """
    docker, target = view.facts.runtime("docker"), view.facts.runtime(view.target.runtime)
    there = {link.to for link in target.links if link.to not in SHIMS or SHIMS[link.to] in link.how} if target else set()
    if view.on_docker and docker:
        typed = _typed(view)
        for link in docker.links:
            if link.to not in there and (link.to in SHIMS or _named(link) in typed):
                default = ", and it is Docker's default" if link.default else ""
                yield Seen(f"runtime {_named(link)}", f"{link.how}{default}; {view.target.title} has no handler of type {_type(link)}")


@node_rule("D2C144", "runtime-project-ended", Severity.INFO)
def runtime_project_ended(view: NodeView) -> Iterator[Seen]:
    """The project of an installed runtime has ended.

    Why: it gets no fixes any more, and no maintained kubelet works with it.

    Remedy: See whether anything runs in it, move that, and remove the runtime.

    Sources: the repositories rkt/rkt, kubernetes/frakti, kubernetes-retired/rktlet, automaticserver/lxe and Mirantis/virtlet.
    """
    for runtime in view.facts.runtimes:
        for note in runtime.notes:
            if note.startswith("the project has ended"):
                yield Seen(runtime.name, f"{_title(runtime)}: {note}")


@node_rule("D2C145", "pod-network-of-another-tool", Severity.WARNING)
def pod_network_of_another_tool(view: NodeView) -> Iterator[Seen]:
    """The CNI configuration in use is that of another tool for its own containers.

    Why: a CRI runtime uses the first file by name. Pods on such a network get addresses that the other nodes have no route to and that
    NetworkPolicies do not cover.

    Remedy: Move the file to another directory, and let the cluster's network agent write its own:

        ls /etc/cni/net.d     # on the node
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: containers/podman issue 2370; kubernetes/minikube issues 8480 and 11194; containernetworking/cni issue 878.
    """
    config = view.facts.cni.config
    if isinstance(config, Mapping) and (whose := FOREIGN_NETWORKS.get(str(config.get("name")))) and view.facts.cni.files:
        yield Seen(view.facts.cni.files[0], f"network {config.get('name')} of {whose} is the first of {len(view.facts.cni.files)} files")


def _others(view: NodeView) -> Iterator[Runtime]:
    """Every runtime that is not what Kubernetes uses now or will use; runc and containerd below these may still run others' containers."""
    of_migration = ("docker", view.target.runtime)
    for runtime in view.facts.runtimes:
        used = runtime.kubernetes is KubernetesUse.DIRECTLY or runtime.kubernetes.now or runtime.name in of_migration
        if not used or _own(runtime):
            yield runtime


def _own(runtime: Runtime) -> tuple[Running, ...]:
    """What it runs for nobody who is named elsewhere. Docker's containers without a pod have rules of their own."""
    if runtime.name in ("docker", "docker swarm"):
        return ()
    return tuple(of for of in runtime.live if of.owner is None or of.owner.startswith("namespace "))


def _title(runtime: Runtime) -> str:
    return f"version {runtime.version}" if runtime.version else "of unknown version"


def _typed(view: NodeView) -> frozenset[str]:
    """Docker's runtimes that are given by a type and no path."""
    found = view.facts.daemon_settings.get("runtimes")
    entries = found.items() if isinstance(found, Mapping) else ()
    return frozenset(
        str(name) for name, entry in entries if isinstance(entry, Mapping) and entry.get("runtimeType") and not entry.get("path")
    )


def _named(link: Link) -> str:
    """Docker's own name of a runtime: `runtime NAME: PROGRAM`."""
    return link.how.removeprefix("runtime ").partition(":")[0]


def _type(link: Link) -> str:
    return SHIMS.get(link.to) or link.how.partition(": ")[2]
