"""OCI runtimes: runc, crun, Kata, gVisor, and others that only a configuration names (nvidia-container-runtime, youki)."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.parse.bounded import asked, clean
from migrate.facts.parse.runtimes.cri import is_crio, name_in, oci_name, owner_of
from migrate.facts.parse.runtimes.scene import LINES, Scene
from migrate.facts.runtime_table import CONTAINERD, CRIO, CRUN, DOCKER, DOCKERS_CONTAINERD, KATA, PODMAN, QEMU, RUNC, RUNTIMES, KnownRuntime
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

NOT_OCI = {DOCKER.name, CONTAINERD.name, DOCKERS_CONTAINERD.name, QEMU.name}
KATA_MARKS = ("/opt/kata", "/etc/kata-containers/configuration.toml")
STATES = ("created", "running", "stopped", "paused", "creating")


def found(seen: Scene, above: tuple[Runtime, ...]) -> Iterator[Runtime]:
    """Those that are installed, that run something, or that one of the runtimes `above` is configured to start."""
    links = [(runtime.name, link) for runtime in above for link in runtime.links]
    others = {runtime.name for runtime in above}
    named = {link.to for _, link in links} - others - NOT_OCI
    used = {oci_name(shim.program) for shim in seen.shims}
    known = {runtime.name: runtime for runtime in RUNTIMES if runtime.role is Role.OCI}
    for name in sorted({*known, *named, *used}):
        runtime = known.get(name) or KnownRuntime(name=name, title=name, role=Role.OCI)
        version = seen.version(*runtime.versions)
        alone = _alone(seen, runtime.listing)
        runs = alone if isinstance(alone, Unreadable) else (*_beside(seen, name), *alone)
        marks = seen.exists(*KATA_MARKS) if name == KATA.name else ()
        told = tuple(clean(f"{who}: {link.how}") for who, link in links if link.to == name)
        # runc and crun that only a default names and that are not there: nothing to tell
        if not (version or runs or marks or (told and name not in (RUNC.name, CRUN.name))):
            continue
        shown = (runtime.asked,) if version else ("what it runs",) if runs else ()
        notes = ("no /dev/kvm: it cannot start its virtual machines",) if name == KATA.name and not seen.exists("/dev/kvm") else ()
        below = (Link(QEMU.name, "one machine a pod"),) if name == KATA.name and QEMU.name in others else ()
        yield Runtime(name, Role.OCI, version, (*shown, *marks, *told), KubernetesUse.COULD, links=below, runs=runs, notes=notes)


def _beside(seen: Scene, name: str) -> Iterator[Running]:
    """What others have it run: Docker tells the runtime of each container, the shims theirs; conmon names its own."""
    docker = seen.docker
    told = {container.id for container in docker.containers} if docker else set()
    for container in docker.containers if docker else ():
        if container.running and _of_docker(seen, container.runtime) == name:
            yield Running(clean(container.name), "container", clean(container.state), DOCKER.name)
    for shim in seen.shims:
        if shim.id not in told and oci_name(shim.program) == name:
            owner = owner_of(shim)
            yield Running(clean(shim.id), "pod" if owner == "Kubernetes" else "container", "running", owner)
    for monitor in seen.running(*PODMAN.monitors):
        if oci_name(monitor.value("-r", "--runtime") or "") == name:
            owner = CRIO.name if is_crio(monitor) else PODMAN.name
            yield Running(name_in(monitor) or str(monitor.pid), "container", "running", owner)


def _of_docker(seen: Scene, runtime: str) -> str:
    """The OCI runtime behind a name that Docker knows."""
    info = seen.docker.info if seen.docker and seen.docker.info else {}
    entry = (info.get("Runtimes") or {}).get(runtime) if isinstance(info.get("Runtimes"), dict) else None
    path = str(entry.get("path") or "") if isinstance(entry, dict) else ""
    return oci_name(path or runtime)


def _alone(seen: Scene, listing: str | None) -> tuple[Running, ...] | Unreadable:
    """Its own list, without those that conmon tells of: what people or other programs started with it."""
    told = {monitor.value("-c", "--cid") for monitor in seen.running(*PODMAN.monitors)}
    lines = asked(seen.reading, listing).splitlines()[1:LINES] if listing else ()
    if wrong := next((unreadable for unreadable in seen.reading.unreadable if unreadable.what == listing), None):
        return wrong
    rows = (line.split() for line in lines)
    return tuple(Running(clean(row[0]), "container", row[2]) for row in rows if len(row) > 2 and row[0] not in told and row[2] in STATES)
