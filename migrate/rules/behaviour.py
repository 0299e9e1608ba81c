"""D2C307, D2C308, D2C325, D2C326, D2C328, D2C329 and D2C504: what differs on a CRI runtime."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.pod import PodContainer
from migrate.facts.workload import Pointer
from migrate.rules import Confidence, Severity
from migrate.rules.pods import privileged, within
from migrate.rules.programs import programs
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule

PORTS = "net.ipv4.ip_unprivileged_port_start"
PING = "net.ipv4.ping_group_range"
LOGS = ("/var/log/containers", "/var/log/pods")
CGROUPS = "/sys/fs/cgroup"
RUNTIME_CLASS_LINE = re.compile(r"\bruntimeClassName[\"']?\s*:\s*[\"']?[\w-]+")
GPU = "nvidia.com/"
DEVICES = frozenset({"NVIDIA_VISIBLE_DEVICES"})
# programs -> the capability that they need of those that Docker gives and some runtimes do not
NEEDS = {
    **dict.fromkeys(("ping", "ping6", "arping", "traceroute", "tcpdump", "nmap", "fping", "hping3", "mtr", "keepalived"), "NET_RAW"),
    **dict.fromkeys(("chroot", "sshd", "vsftpd"), "SYS_CHROOT"),
    "mknod": "MKNOD",
    "sudo": "AUDIT_WRITE",
    "setcap": "SETFCAP",
}
PINGS = frozenset({"ping", "ping6"})


@workload_rule("D2C307", "runtime-class-set", Severity.WARNING, words=("runtimeClassName",), lines=(RUNTIME_CLASS_LINE,))
def runtime_class_set(view: WorkloadView) -> Iterator[Sign]:
    """A pod uses a RuntimeClass.

    Why: dockershim knows only the handler `docker`. A CRI runtime looks the handler up in its configuration and does not start a pod whose
    handler is missing there.

    Remedy: Compare the handler of the class with the runtimes in the target's configuration:

        kubectl get runtimeclass

    Sources: kubernetes.io, Runtime Class; Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_sandbox.go.
    """
    if name := view.workload.spec.runtime_class_name:
        yield Sign(f"runtimeClassName {name}", ("spec", "runtimeClassName"))


@workload_rule("D2C308", "exec-probe-untimed", Severity.WARNING, words=("Probe exec",))
def exec_probe_untimed(view: WorkloadView) -> Iterator[Sign]:
    """An exec probe has a timeout of a second or less, which Docker did not enforce.

    Why: dockershim ignores the timeout of exec probes up to 1.19, and later with the gate ExecProbeTimeout off. Every CRI runtime enforces
    it: a slow check that always passed fails and restarts its container.

    Remedy: Measure the command and set a timeout that it meets:

        kubectl -n NAMESPACE exec POD -- time COMMAND

    Sources: kubernetes issues 94885, 94115; Kubernetes 1.20 release notes, ExecProbeTimeout; containerd/cri issue 971.
    """
    if view.ground.probes_untimed is not False:
        unknown = "" if view.ground.probes_untimed else "; up to kubelet 1.19, or with ExecProbeTimeout off, Docker does not enforce it"
        for at, container in view.containers:
            for kind, probe in (
                ("liveness", container.liveness_probe),
                ("readiness", container.readiness_probe),
                ("startup", container.startup_probe),
            ):
                if probe and probe.exec and probe.timeout_seconds <= 1:
                    said = f"{kind} probe of container {container.name}: exec, timeoutSeconds {probe.timeout_seconds}"
                    yield Sign(said + unknown, (*at, f"{kind}Probe"))


@workload_rule("D2C325", "log-files-read", Severity.WARNING, words=("hostPath",))
def log_files_read(view: WorkloadView) -> Iterator[Sign]:
    """A pod reads the log files of containers on the node.

    Why: lines change from Docker's JSON to the CRI format (`TIME stdout F message`, long lines in parts marked P), from the first line
    after the migration. A parser for JSON alone fails, or reports each line as an error and collects that too.

    Remedy: Configure it for both formats before the first node moves, and check what arrives from that node:

        ls -l /var/log/pods; tail -n 1 /var/log/containers/*.log     # on the node

    Sources: Kubernetes pkg/kubelet/kuberuntime/logs; amazon-cloudwatch-container-insights issue 116; fluent-bit issues 873, 2571.
    """
    for mount in view.mounts:
        itself = any(within(mount.path, folder) for folder in LOGS)
        parent = mount.path not in ("/", "/var") and any(within(folder, mount.path) for folder in LOGS)
        if mount.containers and (itself or parent):
            yield Sign(mount.how, mount.at, Confidence.SEEN if itself else Confidence.COULD_REACH)


@workload_rule("D2C326", "cgroup-files-read", Severity.INFO, words=("hostPath",), applies=lambda ground: ground.habits.scopes is not False)
def cgroup_files_read(view: WorkloadView) -> Iterator[Sign]:
    """A pod reads cgroups of the node.

    Why: the cgroups of containers have other names: docker-ID.scope becomes cri-containerd-ID.scope with containerd and crio-ID.scope with
    CRI-O. A program that looks for the old names finds none.

    Remedy: Check what it reads, after the first node:

        find /sys/fs/cgroup -path '*kubepods*' -name '*.scope' | head -n 3     # on the node

    Sources: moby daemon/oci_linux.go (scopePrefix); containerd getCgroupsPath; cri-o internal/config/cgmgr.
    """
    for mount in view.mounts:
        if mount.containers and (within(mount.path, CGROUPS) or mount.path == "/sys"):
            yield Sign(mount.how, mount.at, Confidence.SEEN if mount.path != "/sys" else Confidence.COULD_REACH)


@workload_rule("D2C328", "gpu-by-default-runtime", Severity.WARNING, words=None, applies=lambda ground: bool(ground.habits.runtime))
def gpu_by_default_runtime(view: WorkloadView) -> Iterator[Sign]:
    """A pod gets its GPU through Docker's default runtime.

    Why: it has no RuntimeClass, so it depends on the runtime that Docker uses for every container. The plan makes it the target's default
    when daemon.json names it; without it the device plugin finds no driver and the node offers no GPU.

    Remedy: Check that the plan sets it, and compare what the node offers before and after the migration:

        docker2cri plan TARGET NODE --out plan.json
        kubectl get node NODE -o jsonpath='{.status.allocatable}'

    Sources: NVIDIA/k8s-device-plugin issues 107, 314, 406; docs.nvidia.com, Container Toolkit (nvidia-ctk runtime configure).
    """
    runtime = view.ground.habits.runtime
    if not view.workload.spec.runtime_class_name:
        for at, container in view.containers:
            limits = (container.resources.limits if container.resources else None) or {}
            asked = sorted(name for name in limits if name.startswith(GPU))
            asked += [entry.name for entry in container.env or () if entry.name in DEVICES]
            if asked:
                yield Sign(f"container {container.name} has {asked[0]}, and Docker's default runtime is {runtime}", at)


@workload_rule(
    "D2C329",
    "capability-lost",
    Severity.WARNING,
    words=tuple(sorted(NEEDS)),
    applies=lambda ground: bool(ground.target.default_capabilities_dropped),
)
def capability_lost(view: WorkloadView) -> Iterator[Sign]:
    """A container calls a program that needs a capability which the target does not give by default.

    Why: Docker gives 14 capabilities to every container, CRI-O nine of them, without NET_RAW, SYS_CHROOT, MKNOD, SETFCAP and AUDIT_WRITE.
    Programs of the image that the pod does not name are not judged.

    Remedy: Add the capability to the pod, or give all containers Docker's list (default_capabilities in CRI-O):

        securityContext: {capabilities: {add: [NET_RAW]}}

    Sources: moby oci/caps/defaults.go; cri-o internal/config/capabilities; containerd/cri issue 1308.
    """
    lost = view.ground.target.default_capabilities_dropped
    has = {container.name: _added(container) for _, container in view.containers}
    for command in view.commands:
        for program in dict.fromkeys(programs(command.argv)):
            need = NEEDS.get(program)
            if need in lost and not {need, "ALL"} & has[command.container]:
                yield Sign(f"container {command.container} calls {program} in its {command.what}, which needs {need}", command.at)


@workload_rule("D2C504", "low-port-without-root", Severity.INFO, words=("runAs containerPort", "runAs ping"))
def low_port_without_root(view: WorkloadView) -> Iterator[Sign]:
    """A container that does not run as root uses a port below 1024, or ping.

    Why: Docker 20.10 and later allows any process of a pod to bind such ports and to use ping. containerd before 2.0 does so only with
    enable_unprivileged_ports and enable_unprivileged_icmp, which the plan sets unless the file sets them otherwise; CRI-O with
    default_sysctls, which the plan sets without --crio-defaults.

    Remedy: Check that the plan sets them, or set the sysctl in the pod:

        docker2cri plan TARGET NODE --out plan.json

    Sources: moby v20.10.24 daemon/oci_linux.go; containerd v1.6.20 sandbox_run_linux.go; crio.conf(5); containerd issue 2516; kubespray
    issue 9517.
    """
    docker, runtime, gives = view.ground.docker, view.ground.runtime, view.ground.target.low_ports_from
    spec = view.workload.spec
    if (docker and docker < (20, 10)) or (gives and runtime and runtime >= gives) or spec.host_network:
        return
    own = {sysctl.name for sysctl in (spec.security_context.sysctls if spec.security_context else None) or ()}
    for at, container in view.containers:
        if (user := _other_user(view, container)) and not privileged(container):
            yield from _low_ports(view, at, container, user) if PORTS not in own else ()
            yield from _pings(view, container, user) if PING not in own and "NET_RAW" not in _added(container) else ()


def _kept(view: WorkloadView, setting: str) -> str:
    """That the target of this node has the setting otherwise, and keeps it."""
    return next((f"; {stay.told}" for stay in view.ground.stays if stay.name == setting), "")


def _other_user(view: WorkloadView, container: PodContainer) -> str:
    """What makes the container run as another user than root, empty when nothing does."""
    for context in (container.security_context, view.workload.spec.security_context):
        if context and context.run_as_user is not None:
            return f"runAsUser {context.run_as_user}" if context.run_as_user else ""
        if context and context.run_as_non_root:
            return "runAsNonRoot"
    return ""


def _low_ports(view: WorkloadView, at: Pointer, container: PodContainer, user: str) -> Iterator[Sign]:
    for index, port in enumerate(container.ports or ()):
        if 0 < port.container_port < 1024:
            kept = _kept(view, "enable_unprivileged_ports")
            yield Sign(
                f"container {container.name}: {user}, containerPort {port.container_port}{kept}", (*at, "ports", index, "containerPort")
            )


def _pings(view: WorkloadView, container: PodContainer, user: str) -> Iterator[Sign]:
    for command in view.commands:
        if command.container == container.name and not PINGS.isdisjoint(programs(command.argv)):
            yield Sign(
                f"container {container.name}: {user}, ping in its {command.what}{_kept(view, 'enable_unprivileged_icmp')}", command.at
            )


def _added(container: PodContainer) -> frozenset[str]:
    """The capabilities that a container adds by itself, without CAP_; `ALL` for a privileged one."""
    capabilities = container.security_context.capabilities if container.security_context else None
    if privileged(container):
        return frozenset({"ALL"})
    return frozenset(name.upper().removeprefix("CAP_") for name in (capabilities.add if capabilities else None) or ())
