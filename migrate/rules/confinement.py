"""D2C306, D2C310 and D2C330 to D2C332: what confined containers under Docker, and what does then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.pod import PodContainer
from migrate.facts.pod_context import PodSecurityContext, SecurityContext
from migrate.facts.workload import Pointer
from migrate.rules import Severity
from migrate.rules.pod_security import APPARMOR
from migrate.rules.pods import of_control_plane, privileged
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule

SECCOMP = "seccomp.security.alpha.kubernetes.io/"
INITS = frozenset({"tini", "docker-init", "dumb-init", "catatonit", "init", "systemd", "s6-svscan", "tini-static", "my_init"})
PROFILE_LINE = re.compile(r"\blocalhost/docker-default\b")


@workload_rule("D2C306", "docker-apparmor-profile", Severity.WARNING, words=("docker-default",), lines=(PROFILE_LINE,))
def docker_apparmor_profile(view: WorkloadView) -> Iterator[Sign]:
    """A pod uses the AppArmor profile `docker-default`.

    Why: only dockerd loads that profile, at its start. After the first boot without Docker it does not exist, and the container does not
    start.

    Remedy: Use the runtime's default instead, or load a profile of your own on every node:

        container.apparmor.security.beta.kubernetes.io/CONTAINER: runtime/default
        appArmorProfile: {type: RuntimeDefault}     # Kubernetes 1.30 and later

    Sources: moby v20.10.24 daemon/apparmor_default.go; containerd container_create_linux.go (cri-containerd.apparmor.d); cri-o
    internal/config/apparmor (crio-default).
    """
    for key, value in sorted(view.workload.annotations.items()):
        if key.startswith(APPARMOR) and value == "localhost/docker-default":
            yield Sign(f"annotation {key}: {value}", ("metadata", "annotations", key))
    for who, at, context in contexts(view):
        profile = context.app_armor_profile
        if profile and profile.type == "Localhost" and profile.localhost_profile == "docker-default":
            yield Sign(f"{who} sets appArmorProfile docker-default", (*at, "appArmorProfile", "localhostProfile"))


@workload_rule("D2C310", "default-profile-changes", Severity.INFO, words=("RuntimeDefault", "runtime/default", "docker/default"))
def runtime_default_profile_changes(view: WorkloadView) -> Iterator[Sign]:
    """A pod uses the runtime's default profile, which differs between Docker and the target.

    Why: RuntimeDefault (and `docker/default`) is the runtime's own profile: seccomp lists differ in a few calls (containerd 2.0 refuses
    io_uring), and the AppArmor profile is cri-containerd.apparmor.d or crio-default in place of docker-default. A `seccomp-profile` of
    daemon.json, which is RuntimeDefault under Docker, has no effect. The static pods of the control plane that kubeadm writes run under
    every runtime's profile and are not reported.

    Remedy: Test the pod on the first node that moves. To keep a profile of your own, put it below /var/lib/kubelet/seccomp and name it:

        seccompProfile: {type: Localhost, localhostProfile: NAME.json}

    Sources: containerd docs/containerd-2.0.md; containerd container_create_linux.go; cri-o internal/config/apparmor; moby
    daemon/apparmor_default.go; Kubernetes v1.20.2 pkg/kubelet/dockershim/helpers.go.
    """
    if of_control_plane(view.workload):
        return
    own = f", now {view.ground.habits.seccomp}" if view.ground.habits.seccomp else ""
    armed = view.ground.habits.apparmor is not False
    fields = False  # the API server of 1.19 to 1.26 has a seccomp annotation's value in the field too
    for who, at, context in contexts(view):
        if context.seccomp_profile and context.seccomp_profile.type == "RuntimeDefault":
            fields = True
            yield Sign(f"{who} sets seccompProfile RuntimeDefault{own}", (*at, "seccompProfile", "type"))
        if armed and context.app_armor_profile and context.app_armor_profile.type == "RuntimeDefault":
            yield Sign(f"{who} sets appArmorProfile RuntimeDefault, now docker-default", (*at, "appArmorProfile", "type"))
    for key, value in sorted(view.workload.annotations.items()):
        if SECCOMP in key and value in ("runtime/default", "docker/default") and not fields:
            yield Sign(f"annotation {key}: {value}{own}", ("metadata", "annotations", key))
        elif armed and key.startswith(APPARMOR) and value == "runtime/default":
            yield Sign(f"annotation {key}: {value}, now docker-default", ("metadata", "annotations", key))


@workload_rule("D2C330", "init-process-lost", Severity.WARNING, words=None, applies=lambda ground: ground.habits.init)
def init_process_lost(view: WorkloadView) -> Iterator[Sign]:
    """Docker starts an init process in this pod's containers, and the target does not.

    Why: with `init` in daemon.json, tini is process 1 of each container: it reaps zombies and forwards signals. A program that does neither
    leaves zombies and ignores SIGTERM, so that each stop takes the whole grace period.

    Remedy: Add an init to the image (tini, dumb-init), or let the pause container reap:

        kubectl -n NAMESPACE patch deployment NAME -p '{"spec":{"template":{"spec":{"shareProcessNamespace":true}}}}'

    Sources: moby daemon/oci_linux.go (init); docs.docker.com, dockerd (init); kubernetes.io, Share process namespace.
    """
    spec = view.workload.spec
    if not spec.share_process_namespace and not spec.host_pid:
        for at, container in view.containers:
            words = container.command or container.args or ()
            if not words or words[0].rpartition("/")[2] not in INITS:
                yield Sign(f"container {container.name}: {f'process 1 is {words[0]}' if words else 'process 1 is that of its image'}", at)


@workload_rule("D2C331", "root-no-longer-remapped", Severity.WARNING, words=None, applies=lambda ground: bool(ground.habits.userns))
def root_no_longer_remapped(view: WorkloadView) -> Iterator[Sign]:
    """A container may run as root, which Docker remaps and the target does not.

    Why: with `userns-remap` in daemon.json, root of a container is an unprivileged user of the node. Under the target it is root of the
    node in everything but namespaces, and files that it left in hostPath or local volumes belong to another user.

    Remedy: Run it as another user, or give the pod a user namespace (Kubernetes 1.33 by default):

        hostUsers: false

    Sources: docs.docker.com, Isolate containers with a user namespace; kubernetes.io, User namespaces.
    """
    if view.workload.spec.host_users is not False:
        for at, container in view.containers:
            if _may_be_root(view, container):
                yield Sign(
                    f"container {container.name}: userns-remap is {view.ground.habits.userns}, and nothing makes it another user", at
                )


@workload_rule("D2C332", "no-new-privileges-lost", Severity.WARNING, words=None, applies=lambda ground: ground.habits.no_new_privileges)
def no_new_privileges_lost(view: WorkloadView) -> Iterator[Sign]:
    """A container may gain privileges, which Docker prevents.

    Why: with `no-new-privileges` in daemon.json, set-user-ID programs and file capabilities have no effect in any container. A CRI runtime
    sets that flag by the pod alone.

    Remedy: Set it in the pod:

        securityContext: {allowPrivilegeEscalation: false}

    Sources: moby daemon/daemon_unix.go (NoNewPrivileges); kubernetes.io, Configure a security context (allowPrivilegeEscalation).
    """
    for at, container in view.containers:
        context = container.security_context
        if not privileged(container) and (context is None or context.allow_privilege_escalation is not False):
            yield Sign(f"container {container.name} does not set allowPrivilegeEscalation: false", at)


def contexts(view: WorkloadView) -> Iterator[tuple[str, Pointer, PodSecurityContext | SecurityContext]]:
    """The security contexts of the pod and of each container that has one, with the way to it."""
    if view.workload.spec.security_context:
        yield "the pod", ("spec", "securityContext"), view.workload.spec.security_context
    for at, container in view.containers:
        if container.security_context:
            yield f"container {container.name}", (*at, "securityContext"), container.security_context


def _may_be_root(view: WorkloadView, container: PodContainer) -> bool:
    for context in (container.security_context, view.workload.spec.security_context):
        if context and (context.run_as_user is not None or context.run_as_non_root is not None):
            return not (context.run_as_non_root or (context.run_as_user or 0) > 0)
    return True
