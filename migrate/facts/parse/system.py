"""The machine: operating system, disks, kernel, packages, ports, and who on the host calls docker."""

from __future__ import annotations

import re

from migrate.facts.capture import NOT_FOUND
from migrate.facts.model import Filesystem, HostUse, Kernel, Listener, Mount, OperatingSystem, Package
from migrate.facts.parse.actors import calls
from migrate.facts.parse.reading import Reading
from migrate.facts.probes import LOOKS
from migrate.formats.number import whole

# What a migration may need, and the exit codes of an answer: busybox's flock knows no --version
TOOLS = {"crictl": (0,), "skopeo": (0,), "flock": (0, 1)}

SYSCTLS = {
    "net.ipv4.ip_forward": "/proc/sys/net/ipv4/ip_forward",
    "net.bridge.bridge-nf-call-iptables": "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables": "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
}
# not in captures of earlier versions; may_detach_mounts exists in kernels of RHEL 7 only
LATER_SYSCTLS = {"fs.nr_open": "/proc/sys/fs/nr_open", "fs.may_detach_mounts": "/proc/sys/fs/may_detach_mounts"}


def operating_system(reading: Reading) -> OperatingSystem:
    """os-release(5), uname and identifiers; a missing identifier is an empty string."""
    release = _shell_values(_text(reading, "/etc/os-release"))
    kernel, arch = [*(reading.output("uname") or "").split()[1:3], "", ""][:2]
    return OperatingSystem(
        id=release.get("ID", ""),
        version=release.get("VERSION_ID", ""),
        name=release.get("PRETTY_NAME", ""),
        kernel=kernel,
        arch=arch,
        hostname=(reading.output("hostname") or "").strip(),
        machine_id=_text(reading, "/etc/machine-id").strip(),
        product_uuid=_text(reading, "/sys/class/dmi/id/product_uuid").strip().lower(),
        cgroup="v2" if (reading.output("cgroup filesystem") or "").strip() == "cgroup2fs" else "v1",
        systemd=systemd_version(reading),
        virtualization=(reading.output("virtualization", (0, 1)) or "").strip(),
    )


def systemd_version(reading: Reading) -> int:
    """The number of its release, 0 where it is not known."""
    found = re.match(r"systemd ([0-9]{1,9})", reading.output("systemd version") or "")
    return int(found[1]) if found else 0


def tools(reading: Reading) -> dict[str, str | None]:
    """Programs that a move may need -> the first line of their `--version`, None where there is none; without those that did not answer."""
    found: dict[str, str | None] = {}
    for name, codes in TOOLS.items():
        asked = reading.capture.commands.get(f"{name} version")
        if asked is not None and asked.rc == NOT_FOUND:
            found[name] = None
        elif asked is not None and (text := reading.output(f"{name} version", codes)) is not None:
            found[name] = text.partition("\n")[0]
    return found


def filesystems(reading: Reading) -> tuple[Filesystem, ...]:
    """`df -P -k` of the paths that matter, one entry a mount."""
    found: dict[str, Filesystem] = {}
    for fields in _table(reading.output("df")):
        if len(fields) < 6:
            continue
        device, size, available, mount = fields[0], whole(fields[1]), whole(fields[3]), " ".join(fields[5:])
        if size is None or available is None:  # `-`: a file system without a size, such as a FUSE mount
            reading.note("df", f"{mount} of {device} has no size: {fields[1]} blocks, {fields[3]} available")
            continue
        found[mount] = Filesystem(mount, device, mount, size * 1024, available * 1024)
    return tuple(found.values())


def kernel(reading: Reading) -> Kernel:
    """Sysctl values now, and what /etc/modules-load.d and /etc/sysctl.d will set at the next boot, with the file."""
    sysctls = {}
    for name, path in (SYSCTLS | {name: path for name, path in LATER_SYSCTLS.items() if path in reading.capture.paths}).items():
        value = reading.file(path)
        if isinstance(value, str):
            sysctls[name] = value.strip()
    boot_modules: dict[str, str] = {}
    for path, _ in reading.capture.under("/etc/modules-load.d/"):
        for line in _lines(_text(reading, path)):
            boot_modules[line.split()[0]] = path
    boot_sysctls: dict[str, tuple[str, str]] = {}
    for path, _ in (*reading.capture.under("/etc/sysctl.d/"), *reading.capture.under("/etc/sysctl.conf")):
        for line in _lines(_text(reading, path)):
            name, equals, value = line.partition("=")
            if equals:
                boot_sysctls[name.strip().lstrip("-").replace("/", ".")] = (value.strip(), path)
    return Kernel(sysctls=sysctls, boot_modules=boot_modules, boot_sysctls=boot_sysctls)


def packages(reading: Reading) -> tuple[Package, ...]:
    """Installed packages of interest, from dpkg or rpm (both exit 1 when one of the names is not installed)."""
    held = set((reading.output("holds dpkg") or "").split())
    for path in ("/etc/yum/pluginconf.d/versionlock.list", "/etc/dnf/plugins/versionlock.list"):
        held |= {re.sub(r"^\d+:", "", line).rsplit("-", 2)[0] for line in _lines(_text(reading, path))}
    text = (reading.output("packages dpkg", (0, 1)) or "") + (reading.output("packages rpm", range(128)) or "")
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[2].startswith(("ii", "hi")):
            found.append(Package(fields[0], fields[1], fields[0] in held or fields[2].startswith("hi")))
    return tuple(sorted(found, key=lambda package: package.name))


def listeners(reading: Reading) -> tuple[Listener, ...]:
    """`ss -H -l -n -t -p` as address, port and process name."""
    found = []
    for fields in _table(reading.output("listening"), header=False):
        if len(fields) < 4:
            continue
        address, _, port = fields[3].rpartition(":")
        process = re.search(r'\(\("([^"]+)"', " ".join(fields[4:]))
        if (number := whole(port)) is not None:
            found.append(Listener(address.split("%")[0], number, process[1] if process else ""))
    return tuple(sorted(set(found), key=lambda listener: (listener.port, listener.address, listener.process)))


def docker_uses(reading: Reading) -> tuple[HostUse, ...]:
    """Lines of cron tables, profile scripts, units and init scripts that run the docker CLI.

    grep exits 1 for none, and xargs 123 then; earlier captures have 2 for a missing folder.
    """
    return calls(reading.output("docker users", (0, 1, 2, 123)) or "")


def docker_group(reading: Reading) -> tuple[str, ...]:
    """Members of the docker group (getent exits 2 when there is none)."""
    line = (reading.output("docker group", (0, 2)) or "").strip()
    return tuple(member for member in line.rpartition(":")[2].split(",") if member)


def mounts(reading: Reading) -> tuple[Mount, ...]:
    """Mount points near the root; of two at one place the later is seen. Empty where an earlier version's capture did not ask."""
    text = reading.output("mounts", (0, 1)) if "mounts" in reading.capture.commands else None
    found = {fields[1]: fields[3].startswith("rw") for line in (text or "").splitlines() if len(fields := line.split()) >= 4}
    return tuple(Mount(path, writable) for path, writable in found.items())


def marks(reading: Reading) -> frozenset[str]:
    """Which of the looked-at paths exist."""
    return frozenset(path for path in LOOKS if reading.exists(path))


def _text(reading: Reading, path: str) -> str:
    value = reading.file(path)
    return value if isinstance(value, str) else ""


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]


def _table(text: str | None, *, header: bool = True) -> list[list[str]]:
    return [line.split() for line in (text or "").splitlines()[1 if header else 0 :]]


def _shell_values(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(text))
    return {key: value.strip("\"'") for key, _, value in pairs}
