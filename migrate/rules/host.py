"""D2C130 to D2C134, D2C136, D2C163 to D2C165, D2C167, D2C168: what on the host depends on Docker, and what the migration needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from migrate.facts.model import HostUse, SocketUser
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.sources.table import source_of

DOCKER_UNITS = ("docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket")
RUNTIME_PACKAGES = ("cri-o", "cri-tools", "conmon", "containerd", "containerd.io", "crun", "docker", "moby", "runc")

# connected to Docker's socket as part of what is migrated
OWN_PROCESSES = ("kubelet", "dockerd", "cri-dockerd", "docker-proxy", "systemd")
OLDEST_SYSTEMD = 219
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
    """A script, cron job or unit of the host calls docker.

    Why: it fails once Docker is stopped, often unnoticed: a nightly `docker system prune` that no longer runs fills a disk weeks later.
    While docker.socket listens, any `docker ps` starts Docker again.

    Remedy: Replace the call. The kubelet removes unused images by itself, so a prune job can be deleted; to list containers and images, use
    crictl:

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

    Sources: kubernetes.io, Mapping from dockercli to crictl; reece.tech on the move from prune to crictl.
    """
    if not view.target.keeps_source:
        yield from calling(view)


def calling(view: NodeView) -> Iterator[Seen]:
    """The files of the host that call docker."""
    found: dict[str, list[HostUse]] = {}
    for use in view.facts.docker_uses:
        found.setdefault(use.path, []).append(use)
    for path, uses in found.items():
        lines = (f"{path}:{use.line}: {use.words}" for use in sorted(uses, key=lambda use: use.line))
        yield Seen(path, few(lines, joint="; "))


@node_rule("D2C131", "docker-group-members", Severity.INFO)
def docker_group_members(view: NodeView) -> Iterator[Seen]:
    """Users are members of the group docker.

    Why: they use Docker's socket without sudo, and lose that. The target's socket is for root alone, and a group that may use it has the
    permissions of root.

    Remedy: Inform them; crictl works with sudo:

        sudo crictl ps

    Sources: docs.docker.com, Linux post-installation steps; containerd `[grpc] gid`; crio.conf(5).
    """
    if view.facts.docker_group and not view.target.keeps_source:
        yield Seen("group docker", f"members: {few(view.facts.docker_group)}")


@node_rule("D2C132", "unit-requires-docker", Severity.WARNING)
def unit_requires_docker(view: NodeView) -> Iterator[Seen]:
    """A unit of the host requires Docker.

    Why: it is stopped by systemd together with Docker, and does not start while Docker is stopped.

    Remedy: See what the unit runs, and move that or remove the dependency:

        systemctl cat NAME     # on the node

    Sources: systemd.unit(5), Requires= and BindsTo=.
    """
    own = {*DOCKER_UNITS, "kubelet.service"}
    source = source_of(view.facts)
    stopped = DOCKER_UNITS if source is None or not view.target.keeps_source else source.own_units
    needs: dict[str, set[str]] = {}
    for name in stopped:
        if unit := view.facts.unit(name):
            for other in unit.required_by:
                needs.setdefault(other, set()).add(name)
    for unit in view.facts.units.values():
        needs.setdefault(unit.name, set()).update({*unit.requires, *unit.binds_to, *unit.part_of} & set(stopped))
    for other, docker in sorted(needs.items()):
        if docker and other not in own:
            yield Seen(other, f"requires {', '.join(sorted(docker))}", values={"NAME": shlex.quote(other)})


@node_rule("D2C133", "unit-not-reloaded", Severity.WARNING)
def unit_not_reloaded(view: NodeView) -> Iterator[Seen]:
    """The files of a unit have changed, and systemd has not reloaded them.

    Why: the migration reloads systemd, and the pending change takes effect. A rollback restores the files, not what systemd had in memory.

    Remedy: Read the change, then apply or revert it before the migration:

        systemctl cat NAME     # on the node
        systemctl daemon-reload && systemctl restart NAME

    Sources: systemctl(1), NeedDaemonReload.
    """
    for name, unit in sorted(view.facts.units.items()):
        if unit.need_daemon_reload:
            evidence = f"NeedDaemonReload=yes; its files: {', '.join(unit.files) or 'none'}"
            yield Seen(name, evidence, values={"NAME": shlex.quote(name)})


@node_rule("D2C134", "runtime-package-held", Severity.WARNING)
def runtime_package_held(view: NodeView) -> Iterator[Seen]:
    """A package of a container runtime is held at its version.

    Why: a held package is neither installed, upgraded nor removed, so that an installation of the target, or the later removal of Docker,
    stops there. Holding kubelet, kubeadm and kubectl is good practice and not reported.

    Remedy: Release the package before it is changed:

        apt-mark showhold     # on the node, with dpkg
        dnf versionlock list     # on the node, with rpm

    Sources: apt-mark(8); kubeone issue 1600.
    """
    for package in view.facts.packages:
        if package.held and package.name.startswith(RUNTIME_PACKAGES):
            yield Seen(f"package {package.name}", f"version {package.version} is held")


@node_rule("D2C136", "docker-login-on-host", Severity.INFO)
def docker_login_on_host(view: NodeView) -> Iterator[Seen]:
    """root has registry credentials of `docker login`.

    Why: the target does not read them. The kubelet still reads its own files (/var/lib/kubelet/config.json, and this file when its HOME is
    /root) and passes the credentials to any runtime; only pulls of the pause image, and pulls by hand, go without them.

    Remedy: When pods depend on it, put it where the kubelet always looks:

        install -m 600 /root/.docker/config.json /var/lib/kubelet/config.json     # on the node, when that file does not exist

    Sources: Kubernetes v1.20.2 pkg/credentialprovider/config.go; kubernetes issue 45487.
    """
    path = "/root/.docker/config.json"
    if path in view.facts.marks:
        also = (
            "/var/lib/kubelet/config.json exists too"
            if "/var/lib/kubelet/config.json" in view.facts.marks
            else "/var/lib/kubelet/config.json does not exist"
        )
        names = few(login.registry for login in view.facts.logins if login.path == path)
        yield Seen(path, f"it has credentials for {names}; {also}" if names else f"it exists; {also}")


@node_rule("D2C163", "process-on-docker-socket", Severity.WARNING)
def process_on_docker_socket(view: NodeView) -> Iterator[Seen]:
    """A process is connected to Docker's socket.

    Why: it is disconnected when Docker is stopped. Agents then report nothing or restart again and again, and a client that connects while
    docker.socket listens starts Docker. A process of a pod is reported too; D2C301 reports its workload.

    Remedy: Find out what it is, and configure it for the target's socket or for the kubelet's metrics:

        ps -o pid,user,args -p PID; cat /proc/PID/cgroup     # on the node; a line with kubepods belongs to a pod

    Sources: kubernetes.io, Check whether dockershim removal affects you (items 3 and 4); ss(8).
    """
    if not view.target.keeps_source:
        yield from connected(view)


def connected(view: NodeView) -> Iterator[Seen]:
    """The processes that are connected to Docker's socket."""
    found: dict[str, list[SocketUser]] = {}
    for user in view.facts.socket_users if view.on_docker else ():
        if user.process not in OWN_PROCESSES:
            found.setdefault(user.process, []).append(user)
    for process, users in found.items():
        sockets = ", ".join(dict.fromkeys(user.socket for user in users))
        pids = few(dict.fromkeys(str(user.pid) for user in users), joint=" ")
        yield Seen(f"process {process}", f"PID {pids} is connected to {sockets}")


@node_rule("D2C164", "pod-limits-change", Severity.WARNING)
def pod_limits_change(view: NodeView) -> Iterator[Seen]:
    """Containers get other ulimits from the target than they have now.

    Why: under CRI they inherit those of the runtime's own process. With too few open files databases and proxies fail; without a limit
    programs that iterate over or allocate all of it (older MySQL, Java, Erlang) are slow or use much memory.

    Remedy: Set the limits of Docker's containers for the target's unit, then inspect the node again:

        systemctl edit UNIT     # on the node: [Service] LimitNOFILE=SOFT:HARD
        systemctl restart UNIT
        docker2cri inspect NODE

    Sources: containerd issues 7566, 8924 and docs/containerd-2.0.md (LimitNOFILE); containerd pkg/cri/opts/spec_linux.go.
    """
    if view.on_docker and view.facts.pod_limits:
        then, where = _limits_then(view)
        planned = view.facts.daemon_settings.get("default-ulimits")
        for name, key in COMPARED.items():
            if name in then and not (isinstance(planned, Mapping) and key in planned):
                now = [(group.count, group.limits[name]) for group in view.facts.pod_limits if name in group.limits]
                if any(pair != then[name] for _, pair in now):
                    said = ", ".join(f"soft {soft} hard {hard} ({count} processes of pods)" for count, (soft, hard) in now)
                    target = f"under {view.target.title} soft {then[name][0]} hard {then[name][1]} ({where})"
                    yield Seen(f"limit {name}", f"now {said}; {target}")


@node_rule("D2C165", "docker-sysctl-lost", Severity.WARNING)
def docker_sysctl_lost(view: NodeView) -> Iterator[Seen]:
    """dockerd has set fs.may_detach_mounts, and no file of the node sets it.

    Why: on RHEL 7 and its derivatives it is 0 after the next boot without Docker. Mounts that another process holds cannot be removed then,
    and pods stay in Terminating with `device or resource busy`.

    Remedy: Set it permanently:

        echo fs.may_detach_mounts=1 > /etc/sysctl.d/98-may-detach-mounts.conf     # on the node

    Sources: moby daemon/daemon_linux.go (setMayDetachMounts); containerd issue 6953.
    """
    name = "fs.may_detach_mounts"
    value = view.facts.kernel.sysctls.get(name)
    if view.on_docker and not view.target.keeps_source and value == "1" and view.facts.kernel.boot_sysctls.get(name, ("", ""))[0] != "1":
        yield Seen(name, "it is 1 now, and neither /etc/sysctl.conf nor /etc/sysctl.d sets it")


@node_rule("D2C167", "systemd-too-old", Severity.BLOCKER, forbids_install=True)
def systemd_too_old(view: NodeView) -> Iterator[Seen]:
    """The node's systemd is older than the oldest supported version.

    Why: the node program stops and starts units, sets drop-ins and runs its guard as a timer of systemd, which is tested from 219 on
    (RHEL 7).

    Remedy: Upgrade the distribution of the node, or replace the node:

        systemctl --version     # on the node

    Sources: systemd NEWS, version 219.
    """
    found = view.facts.os.systemd
    if found < OLDEST_SYSTEMD:
        yield Seen("systemd", f"version {found or 'unknown'}, {OLDEST_SYSTEMD} or later is supported")


@node_rule("D2C168", "flock-missing", Severity.BLOCKER, forbids_install=True)
def flock_missing(view: NodeView) -> Iterator[Seen]:
    """The program flock is not installed.

    Why: the node program holds a lock while it acts, so that the guard, a rollback and an operator never act at the same time.

    Remedy: Install it, and inspect the node again:

        apt-get install util-linux || dnf install util-linux     # on the node
        docker2cri inspect NODE

    Sources: flock(1).
    """
    if view.facts.tools.get("flock", "") is None:
        yield Seen("flock", "the program flock does not exist")


def _limits_then(view: NodeView) -> tuple[Mapping[str, tuple[str, str]], str]:
    """The limits that containers would inherit: of the runtime's process where it runs, else LimitNOFILE of its unit."""
    unit = view.facts.unit(view.target.unit)
    if (running := view.facts.unit_limits.get(view.target.unit)) is not None:
        return running.limits, f"the running {view.target.unit}"
    if unit is None or not unit.limit_nofile:
        return {}, ""
    value = view.facts.kernel.sysctls.get("fs.nr_open", "unlimited") if unit.limit_nofile == "infinity" else unit.limit_nofile
    return {"open files": (value, value)}, f"LimitNOFILE={unit.limit_nofile} of {view.target.unit}"
