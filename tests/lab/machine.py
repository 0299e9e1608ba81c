"""What the lab wants of the machine: rights, room, packages and a running dockerd."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from .shell import LabError, attempt, run, until
from .spec import CACHE

PACKAGES = {
    "docker.io": "/usr/sbin/dockerd",
    "debootstrap": "/usr/sbin/debootstrap",
    "golang-1.19-go": "/usr/lib/go-1.19/bin/go",
    "golang-1.19-src": "/usr/share/go-1.19/src/fmt/print.go",
    "iptables": "/usr/sbin/iptables",
    "iproute2": "/usr/sbin/ip",
    "busybox-static": "/bin/busybox",
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/lib/x86_64-linux-gnu/libc.a",
    "openssh-client": "/usr/bin/ssh-keygen",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
}
# another package may have put a program there that needs libraries (busybox in place of busybox-static)
STATIC = frozenset({"busybox-static"})
CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW
IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
"""
ROOM_GIB = 15
ROOM_ONCE_BUILT_GIB = 5
MEMORY_GIB = 6
WATCHERS = 8192
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")


def lacks() -> list[str]:
    """What this machine lacks to run the lab, a sentence each; nothing is changed."""
    missing: list[str] = []
    if os.geteuid() != 0:
        missing.append("root: nodes are containers that mount and set up networks; run this as root")
    release = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    if not re.search(r'^VERSION_ID="?12"?$', release, re.M) or not re.search(r"^ID=debian$", release, re.M):
        missing.append("Debian 12: binaries and libraries for the images are taken from bookworm; this is another system")
    if os.uname().machine != "x86_64":
        missing.append(f"x86_64: the lab was proven on that only; this machine is {os.uname().machine}")
    mounts = Path("/proc/mounts").read_text()
    absent = [name for name in CONTROLLERS if not Path("/sys/fs/cgroup", name).is_dir()]
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        missing.append(
            "cgroup v1: only the unified hierarchy is here, the lab was proven on v1 (boot with systemd.unified_cgroup_hierarchy=0)"
        )
    elif absent or " cgroup " not in mounts:
        missing.append(f"cgroup controllers under /sys/fs/cgroup: {', '.join(absent)} not mounted")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text() and not _modules():
        missing.append("overlay: the kernel has no overlay file system and /lib/modules has no module to load for it")
    if not Path("/proc/sys/net/bridge").exists() and not _modules():
        missing.append("br_netfilter: not in this kernel, and /lib/modules has no module to load for it")
    room = ROOM_ONCE_BUILT_GIB if any(CACHE.glob("kubernetes-*")) else ROOM_GIB
    place = next(folder for folder in (CACHE, *CACHE.parents) if folder.exists())
    for folder in {place, Path("/var/lib")}:
        free = shutil.disk_usage(folder).free / 2**30
        if free < room:
            missing.append(f"disk space: {free:.0f} GiB are free at {folder}, {room} are needed")
    memory = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0]) / 2**20
    if memory < MEMORY_GIB:
        missing.append(f"memory: {memory:.0f} GiB, {MEMORY_GIB} are needed")
    if not shutil.which("apt-get") and _uninstalled():
        missing.append(f"apt-get: {', '.join(_uninstalled())} must be installed and there is no apt to do it")
    return missing


def _modules() -> bool:
    return Path("/lib/modules", os.uname().release).is_dir()


def _uninstalled() -> list[str]:
    return [package for package, file in PACKAGES.items() if not Path(file).exists() or (package in STATIC and not is_static(Path(file)))]


def is_static(program: Path) -> bool:
    """Whether an ELF program of 64 bits asks for no loader (PT_INTERP): the lab's images have no libraries (elf(5))."""
    data = program.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        return False
    offset, size, count = int.from_bytes(data[32:40], "little"), *(int.from_bytes(data[at : at + 2], "little") for at in (54, 56))
    kinds = [int.from_bytes(data[at : at + 4], "little") for at in range(offset, offset + size * count, size or 1)]
    return bool(kinds) and 3 not in kinds


def install_packages() -> None:
    """Install the Debian packages that are missing. A maintainer script starts no service: the lab starts dockerd itself."""
    wanted = _uninstalled()
    if not wanted:
        return
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=env)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted, env=env, timeout=1200)
    still = _uninstalled()
    if still:
        places = ", ".join(PACKAGES[name] for name in still)
        raise LabError(f"apt-get installed {', '.join(wanted)}, yet these are not in place, or not static: {places}")


def room_for_watchers() -> None:
    """Allow the inotify instances that many nodes on one kernel need: a kubelet that gets none ends."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) < WATCHERS:
        limit.write_text(f"{WATCHERS}\n")


def docker_answers() -> bool:
    """Whether a Docker daemon answers the docker command."""
    return attempt("docker", "info", "--format", "{{.ServerVersion}}", timeout=20)[0] == 0


def start_dockerd() -> None:
    """Start dockerd when none answers, in a session of its own; a pid file that a killed one left is removed first."""
    if docker_answers():
        return
    if _modules():
        for module in ("overlay", "br_netfilter"):
            run("modprobe", module)
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "start", "docker")
        return
    pidfile = Path("/var/run/docker.pid")
    if pidfile.exists():
        pid = pidfile.read_text().strip()
        if _is_dockerd(pid):
            # It may be on its way up or down (another start, a slow stop).
            deadline = time.monotonic() + 20
            while _is_dockerd(pid) and time.monotonic() < deadline:
                if docker_answers():
                    return
                time.sleep(1)
        if _is_dockerd(pid):
            raise LabError(
                f"dockerd runs (pid {pid}) but does not answer; look at its log, stop it with `kill {pid}`, then `make lab` again"
            )
        pidfile.unlink()
    log = CACHE / "log" / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        daemon = subprocess.Popen(
            ["/usr/sbin/dockerd"], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/"
        )
    (CACHE / "dockerd.pid").write_text(f"{daemon.pid}\n")

    def up() -> bool:
        if daemon.poll() is not None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            raise LabError(f"dockerd ended at once with {daemon.returncode}; its log {log} ends:\n{tail}")
        return docker_answers()

    until("dockerd answers", 90, up)


def _is_dockerd(pid: str) -> bool:
    command = Path("/proc", pid, "comm")
    return pid.isdigit() and command.exists() and command.read_text().strip() == "dockerd"


def capabilities() -> list[str]:
    """Every capability this process may hand on, as Docker names them; `--privileged` fails where one is missing."""
    bounding = int(re.findall(r"CapBnd:\s+(\w+)", Path("/proc/self/status").read_text())[0], 16)
    return [name for bit, name in enumerate(CAPABILITIES.split()) if bounding >> bit & 1]
