"""A healthy worker on dockershim, in code: each case of a rule changes one thing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from migrate.facts.api import Metadata, OwnerReference
from migrate.facts.cluster import Budget, ClusterFacts, Node, Owner, PersistentVolume
from migrate.facts.model import (
    Cni,
    Container,
    Containerd,
    Docker,
    Endpoint,
    Filesystem,
    Image,
    Kernel,
    Kubelet,
    KubeletFlag,
    NodeFacts,
    OperatingSystem,
    Place,
    Unit,
)
from migrate.facts.pod import Pod
from migrate.rules import NodeView
from migrate.targets.containerd import CONTAINERD

FLAGS_FILE = "/var/lib/kubelet/kubeadm-flags.env"
CONFIG_FILE = "/var/lib/kubelet/config.yaml"
CONFLIST = {"cniVersion": "0.3.1", "name": "pods", "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}, {"type": "portmap"}]}
GIB = 2**30
RUNNING = ("/usr/bin/kubelet", f"--config={CONFIG_FILE}", "--network-plugin=cni", "--pod-infra-container-image=registry.k8s.io/pause:3.6")


def unit(name: str, **given: Any) -> Unit:
    """A unit that is active and enabled."""
    fields: dict[str, Any] = {
        "active": "active",
        "file_state": "enabled",
        "main_pid": 1,
        "files": (f"/lib/systemd/system/{name}",),
        "need_daemon_reload": False,
        "limit_nofile": "1048576",
        "started": "Mon 2024-01-01 00:00:00 UTC",
    }
    for key in ("environment_files", "requires", "binds_to", "part_of", "wants", "after", "required_by"):
        fields[key] = ()
    return Unit(name=name, **{**fields, **given})


def flag(name: str, value: str | None, place: Place | None = None) -> KubeletFlag:
    """A flag in kubeadm's variable, or elsewhere."""
    return KubeletFlag(name, value, place or Place(FLAGS_FILE, 1, "KUBELET_KUBEADM_ARGS"), True)


def kubelet(**given: Any) -> Kubelet:
    """Kubelet 1.23 as kubeadm starts it."""
    config = {"kind": "KubeletConfiguration", "cgroupDriver": "systemd", "containerLogMaxSize": "10M", "containerLogMaxFiles": 3}
    drop_in = Place("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 3, "KUBELET_CONFIG_ARGS")
    flags = (
        flag("config", CONFIG_FILE, drop_in),
        flag("network-plugin", "cni"),
        flag("pod-infra-container-image", "registry.k8s.io/pause:3.6"),
    )
    fields: dict[str, Any] = {
        "version": "v1.23.17",
        "flags": flags,
        "start": Place("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 8),
        "variables": (Place(FLAGS_FILE, 1, "KUBELET_KUBEADM_ARGS"),),
        "config_path": CONFIG_FILE,
        "config": config,
        "running": RUNNING,
    }
    return Kubelet(**{**fields, **given})


def container(name: str, **given: Any) -> Container:
    """A standalone container that runs, without a restart policy."""
    fields: dict[str, Any] = {
        "id": name * 8,
        "image": "busybox:1.36",
        "image_id": "sha256:busybox",
        "state": "running",
        "restart": "no",
        "privileged": False,
        "network": "default",
        "binds": (),
        "runtime": "runc",
        "stop_timeout": None,
        "cap_add": (),
        "compose_project": None,
        "swarm_task": None,
        "pod": None,
        "sandbox": False,
    }
    return Container(name=name, **{**fields, **given})


WEB_IMAGE = Image("sha256:web", ("registry.example/web:1",), ("registry.example/web@sha256:" + "a" * 64,), GIB)
PAUSE_IMAGE = Image("sha256:pause", ("registry.k8s.io/pause:3.6",), ("registry.k8s.io/pause@sha256:" + "b" * 64,), GIB // 1024)


def docker(**given: Any) -> Docker:
    """Docker 20.10 with a driver for cgroups and log options of its own, two images, one pod's containers."""
    daemon_json = {"exec-opts": ["native.cgroupdriver=systemd"], "log-opts": {"max-size": "10m", "max-file": "3"}}
    info = {"CgroupDriver": "systemd", "DockerRootDir": "/var/lib/docker", "LoggingDriver": "json-file", "Driver": "overlay2"}
    web = ("shop", "web-1", "uid-web-1")
    fields: dict[str, Any] = {
        "version": "20.10.24",
        "daemon_json": daemon_json,
        "argv": ("/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"),
        "environment": (),
        "info": info,
        "cgroup_driver": "systemd",
        "data_root": "/var/lib/docker",
        "live_restore": False,
        "swarm": "inactive",
        "child_containerd": False,
        "containers": (
            container("k8s_POD_web-1", image="registry.k8s.io/pause:3.6", image_id="sha256:pause", pod=web, sandbox=True),
            container("k8s_web_web-1", image="sha256:web", image_id="sha256:web", pod=web),
        ),
        "images": (WEB_IMAGE, PAUSE_IMAGE),
    }
    return Docker(**{**fields, **given})


def containerd(**given: Any) -> Containerd:
    """containerd 1.6 with its CRI plugin on."""
    fields: dict[str, Any] = {
        "version": "1.6.20~ds1",
        "config_path": "/etc/containerd/config.toml",
        "file": {"version": 2},
        "loaded": {"version": 2, "disabled_plugins": []},
        "cri": "ok",
        "images": (),
        "tasks": 0,
    }
    return Containerd(**{**fields, **given})


def filesystem(mount: str = "/", available: int = 50 * GIB, size: int = 100 * GIB) -> Filesystem:
    """A disk of 100 GiB, half of it free."""
    return Filesystem(mount, "/dev/sda1", mount, size, available)


def facts(**given: Any) -> NodeFacts:
    """A healthy worker's facts."""
    units = [unit("kubelet.service"), unit("docker.service"), unit("docker.socket"), unit("containerd.service")]
    fields: dict[str, Any] = {
        "host": "w1",
        "taken": 1_700_000_000,
        "redacted": False,
        "root": True,
        "os": OperatingSystem("debian", "12", "Debian 12", "6.1", "x86_64", "w1", "m1", "p1", "v2", 252, "none"),
        "units": {one.name: one for one in units},
        "kubelet": kubelet(),
        "endpoint": Endpoint(
            "dockershim", "unix:///var/run/dockershim.sock", "kubelet v1.23.17: no --container-runtime is given and its default is docker"
        ),
        "docker": docker(),
        "containerd": containerd(),
        "runtimes": (),
        "inside": "a virtual machine of KVM",
        "sockets": {},
        "cni": Cni(
            "/etc/cni/net.d",
            ("/opt/cni/bin",),
            ("/etc/cni/net.d/10-pods.conflist",),
            CONFLIST,
            ("bridge", "host-local", "loopback", "portmap"),
            (),
        ),
        "kernel": Kernel({}, {}, {}),
        "filesystems": (filesystem(),),
        "packages": (),
        "listeners": (),
        "docker_uses": (),
        "docker_group": (),
        "marks": frozenset({"/etc/kubernetes/kubelet.conf"}),
        "crio": None,
        "crictl": None,
        "unreadable": (),
        "files": {},
    }
    return NodeFacts(**{**fields, **given})


def node(**given: Any) -> Node:
    """The Node object of a Ready worker, as the API sends it."""
    labels = given.pop("labels", {"kubernetes.io/hostname": "w1"})
    annotations = given.pop("annotations", {"kubeadm.alpha.kubernetes.io/cri-socket": "/var/run/dockershim.sock"})
    ready = given.pop("ready", {"type": "Ready", "status": "True", "reason": "KubeletReady"})
    version = given.pop("kubelet_version", "v1.23.17")
    document = {
        "metadata": {"name": "w1", "labels": labels, "annotations": annotations},
        "spec": given,
        "status": {"conditions": [ready], "nodeInfo": {"containerRuntimeVersion": "docker://20.10.24", "kubeletVersion": version}},
    }
    return msgspec.convert(document, Node)


W2 = msgspec.structs.replace(
    node(labels={"kubernetes.io/hostname": "w2"}), metadata=Metadata(name="w2", labels={"kubernetes.io/hostname": "w2"})
)


def owned(kind: str, name: str) -> tuple[OwnerReference, ...]:
    """The controller reference of a pod."""
    return (OwnerReference(kind=kind, name=name, controller=True),)


def pod(name: str = "web-1", namespace: str = "shop", owner: tuple[str, str] | None = ("ReplicaSet", "web-5d"), **given: Any) -> Pod:
    """A running pod of the Deployment `web`; spec fields by their API names, `labels`, `annotations`, `phase` and `container` apart."""
    container = {"name": "web", "image": "registry.example/web:1", "imagePullPolicy": "IfNotPresent", **given.pop("container", {})}
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "labels": given.pop("labels", {"app": "web"}),
        "annotations": given.pop("annotations", {}),
        "ownerReferences": [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else [],
    }
    if "deletion" in given:
        metadata["deletionTimestamp"] = given.pop("deletion")
    status = {"phase": given.pop("phase", "Running")}
    spec = {"nodeName": "w1", "containers": [container, *given.pop("more", [])], **given}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, Pod)


def host_path(path: str, type_: str = "", mount: str = "/mnt", **more: Any) -> dict[str, Any]:
    """A volume `v` of the host and its mount in the container, as arguments of `pod`."""
    source: dict[str, Any] = {"path": path, "type": type_} if type_ else {"path": path}
    return {
        "volumes": [{"name": "v", "hostPath": source}],
        "container": {"volumeMounts": [{"name": "v", "mountPath": mount, **more}]},
    }


def budget(name: str = "web", allowed: int = 1, expected: int = 3, labels: dict[str, str] | None = None) -> Budget:
    """A PDB over the pods of `web`."""
    document = {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": labels or {"app": "web"}}, "minAvailable": 2},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": expected, "desiredHealthy": 2, "expectedPods": expected},
    }
    return msgspec.convert(document, Budget)


def owner(kind: str, name: str, parent: tuple[str, str] | None = None, replicas: int | None = None, namespace: str = "shop") -> Owner:
    """A controller as listed."""
    metadata = Metadata(name=name, namespace=namespace, owner_references=owned(*parent) if parent else None)
    one = Owner(metadata=metadata, kind=kind)
    return msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, replicas=replicas))


OWNERS = (
    owner("Deployment", "web", replicas=3),
    owner("ReplicaSet", "web-5d", ("Deployment", "web"), 3),
    owner("DaemonSet", "agent"),
)


def view(*pods: Pod, of: NodeFacts | None = None, the_node: Node | None = None, **given: Any) -> NodeView:
    """The healthy worker with these pods (one of `web` when none are given), beside another node with a pod of `web`.

    `budgets`, `owners`, `volumes`, `others` (the other nodes), or `cluster` as a whole.
    """
    the_node = the_node or node()
    on_node = pods or (pod(),)
    volumes: tuple[PersistentVolume, ...] = given.pop("volumes", ())
    cluster = ClusterFacts(
        server="v1.23.17",
        taken=1_700_000_000,
        nodes=(the_node, *given.pop("others", (W2,))),
        pods=(*on_node, pod("web-9", nodeName="w2")),
        budgets=given.pop("budgets", ()),
        owners=given.pop("owners", OWNERS),
        volumes=volumes,
    )
    whole = NodeView(facts=of or facts(), node=the_node, pods=on_node, cluster=cluster, target=CONTAINERD)
    return replace(whole, **given)
