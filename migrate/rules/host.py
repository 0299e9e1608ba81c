"""D2C130 to D2C134, D2C136 and D2C163 to D2C165: what else on the host leans on Docker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from migrate.facts.model import HostUse, SocketUser
from migrate.rules import NodeView, Seen, Severity, node_rule

DOCKER_UNITS = ("docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket")
RUNTIME_PACKAGES = ("cri-o", "cri-tools", "conmon", "containerd", "containerd.io", "crun", "docker", "moby", "runc")

# connected to Docker's socket as part of what is migrated
OWN_PROCESSES = ("kubelet", "dockerd", "cri-dockerd", "docker-proxy", "systemd")
SHOWN = 8  # PIDs of one process
# as /proc/PID/limits names a limit -> as daemon.json's default-ulimits does, which the plan carries
COMPARED = {
    "open files": "nofile",
    "processes": "nproc",
    "locked memory": "memlock",
    "core file size": "core",
    "stack size": "stack",
}


@node_rule("D2C130", "docker-cli-on-host", Severity.WARNING)
def docker_cli_on_host(view: NodeView) -> Iterator[Seen]:
    """A script, cron job or unit of the host calls the docker command.

    Why: it fails once Docker is shelved, often unseen: a nightly `docker system prune` that no longer runs fills a disk weeks
    later. While docker.socket is not shelved, a mere `docker ps` even starts Docker again.

    Remedy: Replace the call. The kubelet collects unused images by itself, so a prune job can go; for looking, use crictl:

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

    Sources: kubernetes.io, Mapping from dockercli to crictl; reece.tech on the move from prune to crictl.
    """
    found: dict[str, list[HostUse]] = {}
    for use in view.facts.docker_uses:
        found.setdefault(use.path, []).append(use)
    for path, uses in found.items():
        yield Seen(path, "; ".join(f"{path}:{use.line}: {use.words}" for use in sorted(uses, key=lambda use: use.line)))


@node_rule("D2C131", "docker-group-members", Severity.INFO)
def docker_group_members(view: NodeView) -> Iterator[Seen]:
    """Users are in the docker group.

    Why: they may use Docker's socket without sudo, and lose that. containerd's socket is for root alone, and giving it to a group
    gives them root.

    Remedy: Tell them; crictl works with sudo:

        sudo crictl ps

    Sources: docs.docker.com, Linux post-installation steps; containerd `[grpc] gid`.
    """
    if view.facts.docker_group:
        yield Seen("group docker", f"members: {', '.join(view.facts.docker_group)}")


@node_rule("D2C132", "unit-requires-docker", Severity.WARNING)
def unit_requires_docker(view: NodeView) -> Iterator[Seen]:
    """Another service of the host requires Docker.

    Why: systemd stops it together with Docker and will not start it while Docker is shelved.

    Remedy: Look at the unit and move what it runs, or drop the dependency:

        systemctl list-dependencies --reverse docker.service docker.socket     # on the node

    Sources: systemd.unit(5), Requires= and BindsTo=.
    """
    own = {*DOCKER_UNITS, "kubelet.service"}
    needs: dict[str, set[str]] = {}
    for name in DOCKER_UNITS:
        if unit := view.facts.unit(name):
            for other in unit.required_by:
                needs.setdefault(other, set()).add(name)
    for unit in view.facts.units.values():
        needs.setdefault(unit.name, set()).update({*unit.requires, *unit.binds_to, *unit.part_of} & set(DOCKER_UNITS))
    for other, docker in sorted(needs.items()):
        if docker and other not in own:
            yield Seen(
                other,
                f"requires {', '.join(sorted(docker))}",
                f"Look at the unit and move what it runs:\n\n    systemctl cat {shlex.quote(other)}",
            )


@node_rule("D2C133", "unit-not-reloaded", Severity.WARNING)
def unit_not_reloaded(view: NodeView) -> Iterator[Seen]:
    """A unit's files were changed and systemd has not read them yet.

    Why: the migration reloads systemd, and that brings the waiting change into force as well. A rollback goes back to the files,
    not to what systemd had in memory.

    Remedy: Read the change, then bring it into force, or undo it, before the migration:

        systemctl cat UNIT     # on the node
        systemctl daemon-reload && systemctl restart UNIT

    Sources: systemctl(1), NeedDaemonReload.
    """
    for name, unit in sorted(view.facts.units.items()):
        if unit.need_daemon_reload:
            yield Seen(name, f"NeedDaemonReload=yes; its files: {', '.join(unit.files) or 'none'}")


@node_rule("D2C134", "runtime-package-held", Severity.WARNING)
def runtime_package_held(view: NodeView) -> Iterator[Seen]:
    """A package of a container runtime is held at its version.

    Why: a held package is neither installed, upgraded nor removed: an install of the new runtime or the later cleanup stops there.
    Holding kubelet, kubeadm and kubectl is good practice and not reported.

    Remedy: Release it when the time comes:

        apt-mark showhold     # dpkg
        dnf versionlock list     # rpm

    Sources: apt-mark(8); kubeone issue 1600.
    """
    for package in view.facts.packages:
        if package.held and package.name.startswith(RUNTIME_PACKAGES):
            yield Seen(f"package {package.name}", f"version {package.version} is held")


@node_rule("D2C136", "docker-login-on-host", Severity.INFO)
def docker_login_on_host(view: NodeView) -> Iterator[Seen]:
    """root has registry credentials of `docker login`.

    Why: containerd does not read them. The kubelet keeps reading its own places (/var/lib/kubelet/config.json, and this file when
    its HOME is /root) and hands them to any runtime; only pulls of the pause image, and pulls by hand, go without.

    Remedy: When pods rely on it, put it where the kubelet always looks:

        install -m 600 /root/.docker/config.json /var/lib/kubelet/config.json     # on the node, when there is none

    Sources: Kubernetes v1.20.2 pkg/credentialprovider/config.go; kubernetes issue 45487.
    """
    path = "/root/.docker/config.json"
    if path in view.facts.marks:
        also = (
            "/var/lib/kubelet/config.json exists too"
            if "/var/lib/kubelet/config.json" in view.facts.marks
            else "/var/lib/kubelet/config.json does not exist"
        )
        names = ", ".join(one.registry for one in view.facts.logins if one.path == path)
        yield Seen(path, f"it names {names}; {also}" if names else f"it exists; {also}")


@node_rule("D2C163", "process-on-docker-socket", Severity.WARNING)
def process_on_docker_socket(view: NodeView) -> Iterator[Seen]:
    """A process holds a connection to Docker's socket now.

    Why: it is cut off when Docker is shelved; agents then fall silent or restart for ever, and a client that connects again while
    docker.socket listens starts Docker. A process of a pod counts too: D2C301 names its workload.

    Remedy: See what it is, and give it containerd's socket or the kubelet's metrics instead:

        ps -o pid,user,args -p PID; cat /proc/PID/cgroup     # on the node; a line with kubepods is a pod's

    Sources: kubernetes.io, Check whether dockershim removal affects you (items 3 and 4); ss(8).
    """
    found: dict[str, list[SocketUser]] = {}
    for one in view.facts.socket_users if view.on_docker else ():
        if one.process not in OWN_PROCESSES:
            found.setdefault(one.process, []).append(one)
    for process, users in found.items():
        sockets = ", ".join(dict.fromkeys(one.socket for one in users))
        pids = " ".join(dict.fromkeys(str(one.pid) for one in users[:SHOWN]))
        more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
        yield Seen(f"process {process}", f"PID {pids}{more} is connected to {sockets}")


@node_rule("D2C164", "pod-limits-change", Severity.WARNING)
def pod_limits_change(view: NodeView) -> Iterator[Seen]:
    """Containers get other ulimits from the new runtime than they have now.

    Why: under CRI they inherit those of the runtime's own process. Too low a number of open files breaks databases and proxies; one
    without an end makes programs that walk or allocate all of it (older MySQL, Java, Erlang) slow or huge.

    Remedy: Give the runtime's unit the limits that Docker's containers have, then read the node again:

        systemctl edit containerd.service     # on the node: [Service] LimitNOFILE=SOFT:HARD
        systemctl restart containerd.service

    Sources: containerd issues 7566, 8924 and docs/containerd-2.0.md (LimitNOFILE); containerd pkg/cri/opts/spec_linux.go.
    """
    if view.on_docker and view.facts.pod_limits:
        then, where = _limits_then(view)
        planned = view.facts.daemon_settings.get("default-ulimits")
        remedy = pod_limits_change.remedy.replace("containerd.service", view.target.unit)
        for name, key in COMPARED.items():
            if name in then and not (isinstance(planned, Mapping) and key in planned):
                now = [(one.count, one.limits[name]) for one in view.facts.pod_limits if name in one.limits]
                if any(pair != then[name] for _, pair in now):
                    said = ", ".join(f"soft {soft} hard {hard} ({count} processes of pods)" for count, (soft, hard) in now)
                    yield Seen(f"limit {name}", f"now {said}; then soft {then[name][0]} hard {then[name][1]} ({where})", remedy)


@node_rule("D2C165", "docker-sysctl-lost", Severity.WARNING)
def docker_sysctl_lost(view: NodeView) -> Iterator[Seen]:
    """dockerd set fs.may_detach_mounts, and no file of the node does.

    Why: on RHEL 7 and its kin it is 0 after the next boot without Docker. Mounts that another process holds cannot be taken away
    then, and pods stay in Terminating with `device or resource busy`.

    Remedy: Set it for good:

        echo fs.may_detach_mounts=1 > /etc/sysctl.d/98-may-detach-mounts.conf     # on the node

    Sources: moby daemon/daemon_linux.go (setMayDetachMounts); containerd issue 6953.
    """
    name = "fs.may_detach_mounts"
    value = view.facts.kernel.sysctls.get(name)
    if view.on_docker and value == "1" and view.facts.kernel.boot_sysctls.get(name, ("", ""))[0] != "1":
        yield Seen(name, "it is 1 now, and neither /etc/sysctl.conf nor /etc/sysctl.d sets it")


def _limits_then(view: NodeView) -> tuple[Mapping[str, tuple[str, str]], str]:
    """The limits that containers would inherit: of the runtime's process where it runs, else LimitNOFILE of its unit."""
    unit = view.facts.unit(view.target.unit)
    if (running := view.facts.unit_limits.get(view.target.unit)) is not None:
        return running.limits, f"the running {view.target.unit}"
    if unit is None or not unit.limit_nofile:
        return {}, ""
    value = view.facts.kernel.sysctls.get("fs.nr_open", "unlimited") if unit.limit_nofile == "infinity" else unit.limit_nofile
    return {"open files": (value, value)}, f"LimitNOFILE={unit.limit_nofile} of {view.target.unit}"
