"""What is read of Docker's remains on a node before they are taken away, and the script made of it. Everything here only reads."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

HOME = "/var/lib/docker2cri"
# Docker's own packages by every name that they have had. Never containerd, runc or what the kubelet uses: those are not Docker alone.
PACKAGES = (
    "docker-ce docker-ce-cli docker-ce-rootless-extras docker-buildx-plugin docker-compose-plugin docker-model-plugin docker-scan-plugin "
    "docker.io docker-cli docker-buildx docker-compose docker-compose-v2 docker-engine moby-engine moby-cli moby-buildx moby-compose "
    "cri-dockerd"
)
OF_RPM = "docker docker-client docker-common docker-engine-selinux"  # in Debian `docker` is another program
# what Docker's static tarball and cri-dockerd's have of their own (containerd, ctr and runc are in the former too, and stay)
PROGRAMS = "docker dockerd docker-init docker-proxy cri-dockerd"
FOLDERS = "/usr/bin /usr/local/bin /usr/sbin /usr/local/sbin /opt/bin"
UNITS = ("docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket")
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system")  # those of packages lie elsewhere
SOCKETS = ("/run/docker.sock", "/run/dockershim.sock", "/run/cri-dockerd.sock")
FIREWALLS = ("ufw", "firewalld", "netfilter-persistent", "iptables", "nftables")
STATE = ("/run/docker", "/run/docker.pid")
LINK = "docker0"
SECONDS = 300  # sizes of large folders take their time

_NAMES = r'"Name":"/[^"]{1,200}"|"io\.kubernetes\.pod\.uid":|"com\.docker\.compose\.project":"[^"]{1,200}"'


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where to look: Docker's data root, and the socket of the containerd that may hold its namespace."""

    root: str
    socket: str


def candidates() -> tuple[str, ...]:
    """Every path that may be a remain of Docker without a package."""
    programs = [f"{folder}/{name}" for folder in FOLDERS.split() for name in PROGRAMS.split()]
    units = [f"{folder}/{unit}" for folder in UNIT_FOLDERS for unit in UNITS]
    links = [f"/etc/systemd/system/{wants}/{unit}" for wants in ("multi-user.target.wants", "sockets.target.wants") for unit in UNITS]
    return (*programs, *units, *links, *(f"/etc/systemd/system/{unit}.d" for unit in UNITS), *SOCKETS, *STATE)


def render_remains(fixed: str, marker: str, place: Whereabouts) -> str:
    """The whole script: the fixed part of the probe (migrate/node/probe.sh), then what is asked. `marker` is new for every run."""
    root, socket = shlex.quote(place.root), shlex.quote(place.socket)
    paths = " ".join(candidates())
    drop_ins = " ".join(f"/etc/systemd/system/{unit}.d" for unit in UNITS)
    calm = "exec nice -n 19 du -x -s -k --"

    def below(folder: str, script: str, *words: str) -> str:
        """A script in a folder, which is no part of its text."""
        return " ".join(("sh", "-c", shlex.quote(f'cd "$1" && {script}'), "sh", folder, *map(shlex.quote, words)))

    # a package may have it below / where /usr is merged
    merged = " ".join(path.removeprefix("/usr") for path in candidates() if path.startswith("/usr/"))
    ctr = f"ctr --address {socket} -n moby"
    asked = {
        "root": f"find {root} -mindepth 1 -maxdepth 1 -printf '%y %f\\n'",
        "root sizes": below(root, f"{calm} *"),
        "volumes": below(f"{root}/volumes", "find . -mindepth 3 -maxdepth 3 -path './*/_data/*' | cut -d/ -f2 | uniq | sort -u"),
        "volume sizes": below(f"{root}/volumes", f"{calm} */_data"),
        "mounts": "cut -d ' ' -f 2 /proc/mounts",
        "containers": below(f"{root}/containers", 'exec grep -s -o -E "$2" */config.v2.json', _NAMES),
        "iptables 4": "iptables-save",
        "iptables 6": "ip6tables-save",
        "firewall units": "systemctl is-active " + " ".join(f"{name}.service" for name in FIREWALLS),
        "attached": f"ls /sys/class/net/{LINK}/brif",
        "processes": "sh -c 'for each in dockerd docker-proxy cri-dockerd; do pgrep -l -x $each; done'",
        "group": "getent group docker",
        "paths": f"find {paths} -maxdepth 0 -printf '%y %p\\n'",
        "drop-ins": f"find {drop_ins} -mindepth 1 -maxdepth 1",
        "packages dpkg": f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Abbrev}} ${{Installed-Size}}\\n' {PACKAGES}",
        "packages rpm": f"rpm -q --qf '%{{NAME}} %|EPOCH?{{%{{EPOCH}}:}}|%{{VERSION}}-%{{RELEASE}} rpm %{{SIZE}}\\n' {PACKAGES} {OF_RPM}",
        "owned dpkg": f"dpkg-query -S {paths} {merged}",
        "owned rpm": f"sh -c 'for each in {paths}; do if [ -e $each ] && rpm -qf $each >/dev/null 2>&1; then echo $each; fi; done'",
        "namespaces": f"ctr --address {socket} namespaces ls -q",
        "moby containers": f"{ctr} containers ls -q",
        "moby tasks": f"{ctr} tasks ls -q",
        "moby images": f"{ctr} images ls -q",
        "runs": below(HOME, f"{calm} *"),
        "journals": below(HOME, 'exec grep -H -E "$2" */journal', "(rolled-back|needs-attention|released|undo-begin|note) "),
        "stopped": below(HOME, "exec grep -H . */standalone"),
    }
    lines = [f"marker={marker}", fixed]
    lines += [f"run '{key}' {SECONDS if 'sizes' in key else 60} {command}" for key, command in asked.items()]
    lines += [f"slurp {HOME}/{name}" for name in ("current", "docker-stopped", "source-kept")]
    lines += [f"look {path}" for path in (root, "/sys/class/net/docker0")]
    return "\n".join([*lines, "finish", ""])
