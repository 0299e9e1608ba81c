"""OCI runtimes: runc, crun, Kata, gVisor, and others that only a configuration names (nvidia-container-runtime, youki)."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.parse.bounded import asked, clean
from migrate.facts.parse.runtimes.cri import OWNERS, is_crio, oci_name
from migrate.facts.parse.runtimes.scene import LINES, Scene
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

# name here -> probes that tell its version, probe that lists what it runs in its own state folder
KNOWN = {
    "runc": (("runc version",), "runc list"),
    "crun": (("crun version",), "crun list"),
    "gvisor": (("runsc version",), "runsc list"),
    "kata": (("kata-runtime version", "kata in /opt version"), None),
}
NOT_OCI = {"docker", "containerd", "containerd (Docker's)", "qemu"}
PROGRAMS = {"gvisor": "runsc", "kata": "kata-runtime"}
KATA_MARKS = ("/opt/kata", "/etc/kata-containers/configuration.toml")
STATES = ("created", "running", "stopped", "paused", "creating")


def found(seen: Scene, above: tuple[Runtime, ...]) -> Iterator[Runtime]:
    """Those that are installed, that run something, or that one of the runtimes `above` is configured to start."""
    links = [(one.name, link) for one in above for link in one.links]
    others = {one.name for one in above}
    named = {link.to for _, link in links} - others - NOT_OCI
    used = {oci_name(one.program) for one in seen.shims}
    for name in sorted({*KNOWN, *named, *used}):
        keys, listing = KNOWN.get(name, ((), None))
        version = seen.version(*keys)
        alone = _alone(seen, listing)
        runs = alone if isinstance(alone, Unreadable) else (*_beside(seen, name), *alone)
        marks = seen.exists(*KATA_MARKS) if name == "kata" else ()
        told = tuple(clean(f"{who}: {link.how}") for who, link in links if link.to == name)
        # runc and crun that only a default names and that are not there: nothing to tell
        if not (version or runs or marks or (told and name not in ("runc", "crun"))):
            continue
        shown = (f"{PROGRAMS.get(name, name)} --version",) if version else ("what it runs",) if runs else ()
        notes = ("no /dev/kvm: it cannot start its virtual machines",) if name == "kata" and not seen.exists("/dev/kvm") else ()
        below = (Link("qemu", "one machine a pod"),) if name == "kata" and "qemu" in others else ()
        yield Runtime(name, Role.OCI, version, (*shown, *marks, *told), KubernetesUse.COULD, links=below, runs=runs, notes=notes)


def _beside(seen: Scene, name: str) -> Iterator[Running]:
    """What others have it run: Docker tells the runtime of each container, the shims theirs; conmon names its own."""
    docker = seen.docker
    told = {one.id for one in docker.containers} if docker else set()
    for one in docker.containers if docker else ():
        if one.running and _of_docker(seen, one.runtime) == name:
            yield Running(clean(one.name), "container", clean(one.state), "docker")
    for shim in seen.shims:
        if shim.id not in told and oci_name(shim.program) == name:
            owner = OWNERS.get(shim.namespace, f"namespace {shim.namespace}")
            yield Running(clean(shim.id), "pod" if owner == "Kubernetes" else "container", "running", owner)
    for monitor in seen.running("conmon"):
        if oci_name(monitor.value("-r", "--runtime") or "") == name:
            owner = "cri-o" if is_crio(monitor) else "podman"
            yield Running(monitor.value("-n", "--name") or str(monitor.pid), "container", "running", owner)


def _of_docker(seen: Scene, runtime: str) -> str:
    """The OCI runtime behind a name that Docker knows."""
    info = seen.docker.info if seen.docker and seen.docker.info else {}
    entry = (info.get("Runtimes") or {}).get(runtime) if isinstance(info.get("Runtimes"), dict) else None
    path = str(entry.get("path") or "") if isinstance(entry, dict) else ""
    return oci_name(path or runtime)


def _alone(seen: Scene, listing: str | None) -> tuple[Running, ...] | Unreadable:
    """Its own list, without those that conmon tells of: what people or other programs started with it."""
    told = {one.value("-c", "--cid") for one in seen.running("conmon")}
    lines = asked(seen.reading, listing).splitlines()[1:LINES] if listing else ()
    if wrong := next((one for one in seen.reading.unreadable if one.what == listing), None):
        return wrong
    rows = (line.split() for line in lines)
    return tuple(Running(clean(one[0]), "container", one[2]) for one in rows if len(one) > 2 and one[0] not in told and one[2] in STATES)
