"""D2C130 to D2C136: what else on the host leans on Docker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from migrate.facts.model import HostUse
from migrate.rules import NodeView, Seen, Severity, rule

DOCKER_UNITS = ("docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket")
OTHER_RUNTIMES = (("crio", "cri-o"), ("cri-dockerd", "cri-dockerd"), ("podman", "podman"))
RUNTIME_PACKAGES = ("cri-o", "cri-tools", "conmon", "containerd", "containerd.io", "crun", "docker", "moby", "runc")


@rule("D2C130", "docker-cli-on-host", Severity.WARNING)
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


@rule("D2C131", "docker-group-members", Severity.INFO)
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


@rule("D2C132", "unit-requires-docker", Severity.WARNING)
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


@rule("D2C133", "unit-not-reloaded", Severity.WARNING)
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


@rule("D2C134", "runtime-package-held", Severity.WARNING)
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


@rule("D2C135", "other-runtime-present", Severity.INFO)
def other_runtime_present(view: NodeView) -> Iterator[Seen]:
    """Another container runtime is installed on the host.

    Why: the migration leaves it alone. Several CRI sockets at once make kubeadm and crictl ask which one is meant; docker2cri
    writes crictl.yaml for that.

    Remedy: Nothing, or remove it when nobody uses it.

    Sources: kubernetes/kubernetes PR 107317 (kubeadm with several sockets); cri-tools docs/crictl.md.
    """
    in_use = (view.facts.endpoint.kind, view.target.name)
    for program, name in OTHER_RUNTIMES:
        if program in view.facts.other_runtimes and name not in in_use:
            yield Seen(name, f"{program} {view.facts.other_runtimes[program]}")


@rule("D2C136", "docker-login-on-host", Severity.INFO)
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
        yield Seen(path, f"it exists; {also}")
