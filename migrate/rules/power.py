"""D2C304, D2C305 and D2C309: pods with power over the host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.pod import PodContainer
from migrate.facts.pod_context import PodSecurityContext, SecurityContext
from migrate.facts.workload import Pointer
from migrate.rules import Severity
from migrate.rules.pod_security import APPARMOR
from migrate.rules.pod_security_table import ADDABLE
from migrate.rules.pods import of_control_plane, privileged, within
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule
from migrate.rules.workloads import of_docker

NEAR_PRIVILEGED = frozenset({"ALL", "SYS_ADMIN", "SYS_PTRACE"})
HOST_FOLDERS = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var")
NEAR_HOST_WORDS = (
    *("hostNetwork", "hostPath", "capabilities add", "unconfined", "Unconfined", "allowPrivilegeEscalation", "Unmasked", "hostProcess"),
)
PRIVILEGED_LINE = re.compile(r"\bprivileged[\"']?\s*:\s*true\b")
NEAR_PRIVILEGED_LINE = re.compile(r"\bhost(?:PID|IPC)[\"']?\s*:\s*true\b|\bSYS_ADMIN\b")


@workload_rule("D2C304", "privileged-pod", Severity.WARNING, words=("privileged",), lines=(PRIVILEGED_LINE,))
def privileged_pod(view: WorkloadView) -> Iterator[Sign]:
    """A container is privileged.

    Why: it can reach Docker without a mount (through the host's namespaces or devices), and no manifest shows whether it does.

    Remedy: Ask the owner of the workload, or search its logs for Docker; kube-proxy and CNI agents are privileged and do not use Docker:

        kubectl -n NAMESPACE logs POD | grep -i docker

    Sources: kubernetes.io, Pod Security Standards (Baseline, Privileged containers).
    """
    for at, container in view.containers:
        if privileged(container):
            yield Sign(f"container {container.name} is privileged", (*at, "securityContext", "privileged"))


@workload_rule(
    "D2C305", "near-privileged-pod", Severity.WARNING, words=("hostPID", "hostIPC", "capabilities add"), lines=(NEAR_PRIVILEGED_LINE,)
)
def near_privileged_pod(view: WorkloadView) -> Iterator[Sign]:
    """A pod shares the host's PID or IPC namespace, or has SYS_ADMIN or SYS_PTRACE.

    Why: it may watch or enter Docker's processes. A program that looks for containers as children of dockerd, or by cgroups named
    docker-*.scope, finds none.

    Remedy: Ask the owner of the workload whether it looks for processes or cgroups of Docker.

    Sources: kubernetes.io, Pod Security Standards (Baseline, Host namespaces and Capabilities); moby oci_linux.go; containerd
    getCgroupsPath; cri-o internal/config/cgmgr.
    """
    if not any(privileged(container) for _, container in view.containers):
        yield from _near_signs(view)


@workload_rule("D2C309", "pod-near-host", Severity.INFO, words=NEAR_HOST_WORDS)
def pod_near_host(view: WorkloadView) -> Iterator[Sign]:
    """A pod is not privileged, but has permissions on the host.

    Why: its permissions on the node stay the same on any runtime, but what it finds there does not: processes, cgroups, mounts and files of
    containers have other names and places. The static pods of the control plane are not reported: they look for nothing there.

    Remedy: Ask the owner of the workload what it does on the host; most of these are network and storage agents that never used Docker:

        docker2cri explain D2C305

    Sources: kubernetes.io, Pod Security Standards (Baseline); kubernetes.io, Volumes (hostPath).
    """
    if not any(privileged(container) for _, container in view.containers) and not of_control_plane(view.workload):
        yield from _pod_signs(view)
        yield from _container_signs(view)


def _near_signs(view: WorkloadView) -> Iterator[Sign]:
    spec = view.workload.spec
    if spec.host_pid:
        yield Sign("hostPID", ("spec", "hostPID"))
    if spec.host_ipc:
        yield Sign("hostIPC", ("spec", "hostIPC"))
    for at, container, added in _added(view):
        if close := added & NEAR_PRIVILEGED:
            yield Sign(f"container {container.name} adds {', '.join(sorted(close))}", (*at, "securityContext", "capabilities", "add"))


def _added(view: WorkloadView) -> Iterator[tuple[Pointer, PodContainer, set[str]]]:
    """Each container with the capabilities that it adds, upper case and without CAP_."""
    for at, container in view.containers:
        capabilities = container.security_context.capabilities if container.security_context else None
        if capabilities and capabilities.add:
            yield at, container, {name.upper().removeprefix("CAP_") for name in capabilities.add}


def _pod_signs(view: WorkloadView) -> Iterator[Sign]:
    spec = view.workload.spec
    if spec.host_network:
        yield Sign("hostNetwork", ("spec", "hostNetwork"))
    if spec.security_context:
        yield from _unconfined("the pod", ("spec", "securityContext"), spec.security_context)
    for key, value in sorted(view.workload.annotations.items()):
        if value == "unconfined" and (key.startswith(APPARMOR) or "seccomp.security.alpha.kubernetes.io/" in key):
            yield Sign(f"annotation {key}: {value}", ("metadata", "annotations", key))
    for mount in view.mounts:
        if mount.containers and not mount.read_only and _of_host(mount.path) and not of_docker(view.ground, mount.path):
            yield Sign(f"{mount.how}, writable", mount.at)


def _of_host(path: str) -> bool:
    return path == "/" or any(within(path, folder) for folder in HOST_FOLDERS)


def _container_signs(view: WorkloadView) -> Iterator[Sign]:
    for at, container, added in _added(view):
        if more := added - ADDABLE - NEAR_PRIVILEGED:
            yield Sign(f"container {container.name} adds {', '.join(sorted(more))}", (*at, "securityContext", "capabilities", "add"))
    for at, container in view.containers:
        if context := container.security_context:
            way = (*at, "securityContext")
            if context.allow_privilege_escalation:
                yield Sign(f"container {container.name} sets allowPrivilegeEscalation", (*way, "allowPrivilegeEscalation"))
            if context.proc_mount == "Unmasked":
                yield Sign(f"container {container.name} has /proc unmasked", (*way, "procMount"))
            yield from _unconfined(f"container {container.name}", way, context)


def _unconfined(who: str, at: Pointer, context: PodSecurityContext | SecurityContext) -> Iterator[Sign]:
    if context.windows_options and context.windows_options.host_process:
        yield Sign(f"{who} is a hostProcess", (*at, "windowsOptions", "hostProcess"))
    for key, profile in (("seccompProfile", context.seccomp_profile), ("appArmorProfile", context.app_armor_profile)):
        if profile and profile.type == "Unconfined":
            yield Sign(f"{who} sets {key} Unconfined", (*at, key, "type"))
