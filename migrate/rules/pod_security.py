"""Pod Security Standards: the strictest level whose every check a workload passes, with the checks of one Kubernetes version.

Source: kubernetes/pod-security-admission, policy/check_*.go, up to the checks of 1.37. Every check looks at init, ordinary and ephemeral
containers. A later version has the checks of 1.37, as an API server that does not know it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrate.facts.pod import PodContainer
from migrate.facts.pod_actions import ContainerProbe, Handler
from migrate.facts.pod_context import Profile, SecurityContext, SELinuxOptions
from migrate.facts.workload import Pointer, Workload
from migrate.rules.pod_security_table import ADDABLE, PROFILES, SECCOMP_ANNOTATIONS, selinux_types, sysctls
from migrate.rules.workload_rule import Sign

APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
BASELINE, RESTRICTED, PRIVILEGED = "baseline", "restricted", "privileged"
LEVELS = (RESTRICTED, BASELINE, PRIVILEGED)
LATEST = (1, 37)

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that keeps a workload from `level`; `check` is the admission controller's name for the check."""

    check: str
    level: str
    sign: Sign


@dataclass(frozen=True, slots=True)
class Level:
    """The level that a workload meets, one of LEVELS, and everything that keeps it from stricter ones."""

    name: str
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What a check is asked about; `contexts` are the containers' security contexts where they have one."""

    workload: Workload
    containers: tuple[tuple[Pointer, PodContainer], ...]
    contexts: tuple[tuple[str, Pointer, SecurityContext], ...]
    minor: Minor

    @property
    def relaxed(self) -> bool:
        """Whether a user namespace excuses root and unmasked /proc (1.35 and later)."""
        return self.minor >= (1, 35) and self.workload.spec.host_users is False

    @property
    def windows(self) -> bool:
        """Whether it is told to be a Windows pod, which has none of these fields (1.25 and later)."""
        return self.minor >= (1, 25) and self.workload.spec.os is not None and self.workload.spec.os.name == "windows"


Look = Callable[[Case], Iterator[Sign]]
POD: Pointer = ("spec", "securityContext")


def level(workload: Workload, minor: Minor | None = None) -> Level:
    """The level of a workload under the checks of a Kubernetes version, the latest ones when it is not known."""
    containers = workload.containers
    set_by = ((f"container {container.name}", (*at, "securityContext"), container.security_context) for at, container in containers)
    contexts = tuple((who, at, context) for who, at, context in set_by if context)
    case = Case(workload, containers, contexts, checks_of(minor))
    found = tuple(Violation(name, wanted, sign) for name, wanted, since, look in CHECKS if since <= case.minor for sign in look(case))
    levels = {violation.level for violation in found}
    return Level(PRIVILEGED if BASELINE in levels else BASELINE if levels else RESTRICTED, found)


def checks_of(minor: Minor | None) -> Minor:
    """The version whose checks a workload is judged by: the latest for one that is not known, or later."""
    return min(minor or LATEST, LATEST)


def _host_process(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    if pod and pod.windows_options and pod.windows_options.host_process:
        yield Sign("the pod sets windowsOptions.hostProcess", (*POD, "windowsOptions", "hostProcess"))
    for who, at, context in case.contexts:
        if context.windows_options and context.windows_options.host_process:
            yield Sign(f"{who} sets windowsOptions.hostProcess", (*at, "windowsOptions", "hostProcess"))


def _host_namespaces(case: Case) -> Iterator[Sign]:
    spec = case.workload.spec
    for name, shared in (("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)):
        if shared:
            yield Sign(name, ("spec", name))


def _privileged(case: Case) -> Iterator[Sign]:
    for who, at, context in case.contexts:
        if context.privileged:
            yield Sign(f"{who} is privileged", (*at, "privileged"))


def _added(allowed: frozenset[str]) -> Look:
    def look(case: Case) -> Iterator[Sign]:
        for who, at, context in case.contexts:
            if context.capabilities and (added := sorted(set(context.capabilities.add or ()) - allowed)):
                yield Sign(f"{who} adds {', '.join(added)}", (*at, "capabilities", "add"))

    return look


def _host_paths(case: Case) -> Iterator[Sign]:
    for index, volume in enumerate(case.workload.spec.volumes or ()):
        if volume.host_path:
            yield Sign(f"volume {volume.name} is hostPath {volume.host_path.path}", ("spec", "volumes", index, "hostPath"))


def _host_ports(case: Case) -> Iterator[Sign]:
    for at, container in case.containers:
        for index, port in enumerate(container.ports or ()):
            if port.host_port:
                yield Sign(f"container {container.name} has hostPort {port.host_port}", (*at, "ports", index, "hostPort"))


def _other_hosts(case: Case) -> Iterator[Sign]:
    for at, container in case.containers:
        hooks = (("postStart", container.lifecycle.post_start), ("preStop", container.lifecycle.pre_stop)) if container.lifecycle else ()
        probes = (
            ("livenessProbe", container.liveness_probe),
            ("readinessProbe", container.readiness_probe),
            ("startupProbe", container.startup_probe),
        )
        for way, action in (*(((key,), probe) for key, probe in probes), *((("lifecycle", key), hook) for key, hook in hooks)):
            for key, host in _hosts(action):
                yield Sign(f"{way[-1]} of container {container.name} asks host {host}", (*at, *way, key, "host"))


def _hosts(action: ContainerProbe | Handler | None) -> Iterator[tuple[str, str]]:
    for key, net in (("httpGet", action.http_get), ("tcpSocket", action.tcp_socket)) if action else ():
        if net and net.host:
            yield key, net.host


def _apparmor(case: Case) -> Iterator[Sign]:
    yield from _bad_profiles(case, "appArmorProfile", lambda context: context.app_armor_profile)
    for key, value in sorted(case.workload.annotations.items()):
        if key.startswith(APPARMOR) and value not in ("", "runtime/default") and not value.startswith("localhost/"):
            yield Sign(f"annotation {key}: {value}", ("metadata", "annotations", key))


def _bad_profiles(case: Case, key: str, pick: Callable[..., Profile | None]) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    for who, at, context in (*((("the pod", POD, pod),) if pod else ()), *case.contexts):
        profile = pick(context)
        if profile and profile.type not in PROFILES:
            yield Sign(f"{who} sets {key} {profile.type}", (*at, key, "type"))


def _selinux(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    settings = [("the pod", POD, pod.se_linux_options)] if pod else list[tuple[str, Pointer, SELinuxOptions | None]]()
    settings += [(who, at, context.se_linux_options) for who, at, context in case.contexts]
    for who, at, options in settings:
        if options and (options.user or options.role or options.type not in selinux_types(case.minor)):
            shown = ", ".join(
                f"{name} {value}" for name, value in (("type", options.type), ("user", options.user), ("role", options.role)) if value
            )
            yield Sign(f"{who} sets seLinuxOptions {shown}", (*at, "seLinuxOptions"))


def _proc_mount(case: Case) -> Iterator[Sign]:
    for who, at, context in case.contexts:
        if context.proc_mount not in (None, "Default"):
            yield Sign(f"{who} sets procMount {context.proc_mount}", (*at, "procMount"))


def _seccomp(case: Case) -> Iterator[Sign]:
    if case.minor >= (1, 19):
        yield from _bad_profiles(case, "seccompProfile", lambda context: context.seccomp_profile)
        return
    own = {SECCOMP_ANNOTATIONS[1] + container.name for _, container in case.containers}
    for key, value in sorted(case.workload.annotations.items()):
        if (key == SECCOMP_ANNOTATIONS[0] or key in own) and not value.startswith(("localhost/", "runtime/default", "docker/default")):
            yield Sign(f"annotation {key}: {value}", ("metadata", "annotations", key))


def _sysctls(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    for index, sysctl in enumerate((pod.sysctls if pod else None) or ()):
        if sysctl.name not in sysctls(case.minor):
            yield Sign(f"sysctl {sysctl.name}", (*POD, "sysctls", index))


def _volumes(case: Case) -> Iterator[Sign]:
    for index, volume in enumerate(case.workload.spec.volumes or ()):
        if volume.refused:
            yield Sign(f"volume {volume.name} is of type {volume.refused}", ("spec", "volumes", index, volume.refused))


def _escalation(case: Case) -> Iterator[Sign]:
    for at, container in () if case.windows else case.containers:
        if container.security_context is None or container.security_context.allow_privilege_escalation is not False:
            yield Sign(f"container {container.name} does not set allowPrivilegeEscalation: false", at)


def _non_root(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    if case.relaxed:
        return
    if pod and pod.run_as_non_root is False:
        yield Sign("the pod sets runAsNonRoot: false", (*POD, "runAsNonRoot"))
    for at, container in case.containers:
        own = container.security_context.run_as_non_root if container.security_context else None
        if own is False:
            yield Sign(f"container {container.name} sets runAsNonRoot: false", (*at, "securityContext", "runAsNonRoot"))
        elif own is None and not (pod and pod.run_as_non_root):
            yield Sign(f"neither the pod nor container {container.name} sets runAsNonRoot: true", at)


def _user(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    for who, at, context in (*((("the pod", POD, pod),) if pod else ()), *case.contexts) if not case.relaxed else ():
        if context.run_as_user == 0:
            yield Sign(f"{who} sets runAsUser: 0", (*at, "runAsUser"))


def _seccomp_set(case: Case) -> Iterator[Sign]:
    pod = case.workload.spec.security_context
    covered = pod is not None and pod.seccomp_profile is not None and pod.seccomp_profile.type in PROFILES
    for at, container in () if case.windows or covered else case.containers:
        if container.security_context is None or container.security_context.seccomp_profile is None:
            yield Sign(f"neither the pod nor container {container.name} sets a seccompProfile", at)


def _drop_all(case: Case) -> Iterator[Sign]:
    for at, container in () if case.windows else case.containers:
        capabilities = container.security_context.capabilities if container.security_context else None
        if "ALL" not in ((capabilities.drop if capabilities else None) or ()):
            yield Sign(f"container {container.name} does not drop ALL capabilities", at)
        if capabilities and (added := sorted(set(capabilities.add or ()) - {"NET_BIND_SERVICE"})):
            yield Sign(f"container {container.name} adds {', '.join(added)}", (*at, "securityContext", "capabilities", "add"))


CHECKS: tuple[tuple[str, str, Minor, Look], ...] = (
    ("windowsHostProcess", BASELINE, (1, 0), _host_process),
    ("hostNamespaces", BASELINE, (1, 0), _host_namespaces),
    ("privileged", BASELINE, (1, 0), _privileged),
    ("capabilities_baseline", BASELINE, (1, 0), _added(ADDABLE)),
    ("hostPathVolumes", BASELINE, (1, 0), _host_paths),
    ("hostPorts", BASELINE, (1, 0), _host_ports),
    ("hostProbesAndHostLifecycle", BASELINE, (1, 34), _other_hosts),
    ("appArmorProfile", BASELINE, (1, 0), _apparmor),
    ("seLinuxOptions", BASELINE, (1, 0), _selinux),
    ("procMount", BASELINE, (1, 0), lambda case: iter(()) if case.relaxed else _proc_mount(case)),
    ("seccompProfile_baseline", BASELINE, (1, 0), _seccomp),
    ("sysctls", BASELINE, (1, 0), _sysctls),
    ("procMount_restricted", RESTRICTED, (1, 35), lambda case: _proc_mount(case) if case.relaxed else iter(())),
    ("restrictedVolumes", RESTRICTED, (1, 0), _volumes),
    ("allowPrivilegeEscalation", RESTRICTED, (1, 8), _escalation),
    ("runAsNonRoot", RESTRICTED, (1, 0), _non_root),
    ("runAsUser", RESTRICTED, (1, 23), _user),
    ("seccompProfile_restricted", RESTRICTED, (1, 19), _seccomp_set),
    ("capabilities_restricted", RESTRICTED, (1, 22), _drop_all),
)
