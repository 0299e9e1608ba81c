"""One node: made, started, asked, removed."""

import hashlib
import shutil
from pathlib import Path

from . import keys
from .machine import capabilities
from .shell import attempt, run, until
from .spec import (
    CACHE,
    CONTROLS,
    ENDPOINT,
    ETCD,
    HERE,
    JOINED,
    KUBERNETES,
    LABEL,
    MOST_WORKERS,
    NETWORK,
    PLACE,
    REGISTRY,
    REGISTRY_IP,
    USERS,
    VOLUMES,
    Node,
)
from .spec import nodes as members_of

AUTHORIZE = """
key=$(cat)
for user in "$@"; do
  keys=$(getent passwd "$user" | cut -d: -f6)/.ssh/authorized_keys
  printf '%s\\n' "$key" > "$keys"
  chown "$user:" "$keys"
  chmod 600 "$keys"
done
"""
# three members on two busy cores elect a leader again and again by etcd's defaults (100 ms and 1000 ms)
PATIENT = """\
    extraArgs:
      heartbeat-interval: "500"
      election-timeout: "5000"
"""


def state(node: Node) -> str:
    """`running`, `exited`, `created`, ... as Docker says, or `absent`."""
    code, said = attempt("docker", "container", "inspect", "--format", "{{.State.Status}}", node.name)
    return said.strip() if code == 0 else "absent"


def exists(kind: str, name: str) -> bool:
    """Whether Docker has a container, image, network or volume of that name."""
    return attempt("docker", kind, "inspect", name)[0] == 0


def inside(node: Node, *argv: str, stdin: bytes | None = None, timeout: float = 600) -> str:
    """Run a command in the node as root and give its output."""
    return run("docker", "exec", *(["-i"] if stdin is not None else []), node.name, *argv, stdin=stdin, timeout=timeout)


def whole(node: Node) -> bool:
    """Whether this very container had joined the cluster when the lab last worked on it."""
    code, identity = attempt("docker", "container", "inspect", "--format", "{{.Id}}", node.name)
    return code == 0 and _mark(node).exists() and _mark(node).read_text() == identity.strip()


def mark_whole(node: Node) -> None:
    """Remember that this container has joined the cluster."""
    _mark(node).parent.mkdir(parents=True, exist_ok=True)
    _mark(node).write_text(run("docker", "container", "inspect", "--format", "{{.Id}}", node.name).strip())


def forget(node: Node) -> None:
    """Remember that the node is not whole: the next `up` makes it again."""
    _mark(node).unlink(missing_ok=True)


def _mark(node: Node) -> Path:
    return JOINED / node.name


def remove(node: Node) -> None:
    """Remove the node's container and its volumes, whatever state they are in."""
    forget(node)
    if state(node) != "absent":
        run("docker", "rm", "--force", "--volumes", node.name)
    for volume in VOLUMES:
        if exists("volume", f"{node.name}-{volume}"):
            run("docker", "volume", "rm", "--force", f"{node.name}-{volume}")


def create(node: Node, image: str) -> None:
    """Make the node's container with its files laid in, and start it; an overlay cannot lie on one, so image stores are volumes."""
    words = [
        "--name",
        node.name,
        "--hostname",
        node.name,
        "--network",
        NETWORK,
        "--ip",
        node.ip,
        "--add-host",
        f"registry.lab:{REGISTRY_IP}",
    ]
    words += ["--label", LABEL, "--cgroupns=private", "--stop-signal=SIGRTMIN+3", "--tmpfs", "/run:exec", "--tmpfs", "/tmp:exec"]
    words += [f"--cap-add={name}" for name in capabilities()]
    words += [f"--security-opt={option}=unconfined" for option in ("seccomp", "apparmor", "systempaths")]
    words += ["--device-cgroup-rule", "a *:* rwm"]
    if Path("/lib/modules").is_dir():
        words += ["--volume", "/lib/modules:/lib/modules:ro"]
    for name in VOLUMES:
        run("docker", "volume", "create", "--label", LABEL, f"{node.name}-{name}")
        words += ["--volume", f"{node.name}-{name}:/var/lib/{name}"]
    run("docker", "create", *words, image)
    tree = CACHE / "draft" / f"files-{node.name}"
    shutil.rmtree(tree, ignore_errors=True)
    _files(node, tree)
    tar = tree.with_suffix(".tar")
    run("tar", "-C", tree, "--owner=0", "--group=0", "-cf", tar, ".")
    with tar.open("rb") as stream:
        run("docker", "cp", "-", f"{node.name}:/", stdin=stream)
    tar.unlink()
    shutil.rmtree(tree)
    run("docker", "start", node.name)


def _files(node: Node, tree: Path) -> None:
    """Lay out what this node has of its own: node/all, node/ROLE, for a further control plane node/joined, with @NAMES@; its host key."""
    values = {"NODE": node.name, "IP": node.ip, "N": str(node.n), "ROLE": node.role}
    values |= {"ENDPOINT": ENDPOINT, "KUBERNETES": KUBERNETES, "ETCD": ETCD, "NET": PLACE.net}
    shared = len(CONTROLS) > 1
    values["SHARED"] = f'controlPlaneEndpoint: "{ENDPOINT}:6443"\n' if shared else ""
    values["PATIENT"] = PATIENT if shared else ""
    values["ROUTES"] = "\n".join(f"{one.pods} {one.ip}" for one in members_of(MOST_WORKERS))
    for part in ("all", node.role, *(["joined"] if node in CONTROLS[1:] else [])):
        for source in sorted((HERE / "node" / part).rglob("*")):
            if source.is_file():
                target = tree / source.relative_to(HERE / "node" / part)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = source.read_text()
                for name, value in values.items():
                    text = text.replace(f"@{name}@", value)
                target.write_text(text)
                target.chmod(0o600 if source.name == "config.json" else 0o644)
    (tree / "root").chmod(0o700)
    (tree / "root/.docker").chmod(0o700)
    # Left to itself systemd takes the one of the machine that they all share.
    (tree / "etc/machine-id").write_text(hashlib.sha256(node.name.encode()).hexdigest()[:32] + "\n")
    host = keys.host_key(node)
    (tree / "etc/ssh").mkdir(parents=True)
    for key in (host, host.with_suffix(".pub")):
        shutil.copy(key, tree / "etc/ssh" / key.name.replace(node.name, "ssh_host_ed25519_key"))


def boot(node: Node) -> None:
    """Start the node if it does not run, and wait for systemd, Docker and sshd in it."""
    if state(node) != "running":
        run("docker", "start", node.name)
    until(f"{node.name} has booted", 120, lambda: _units_up(node), every=1)


def _units_up(node: Node) -> bool:
    return attempt("docker", "exec", node.name, "systemctl", "is-active", "docker", "containerd", "ssh", "pod-routes")[0] == 0


def authorize(node: Node) -> None:
    """Let the lab's key log in as each of the users."""
    public = keys.user_key().with_suffix(".pub").read_bytes()
    inside(node, "sh", "-c", AUTHORIZE, "sh", *USERS, stdin=public)


def load(node: Node, archive: Path) -> None:
    """Load a docker-save archive into the node's Docker."""
    with archive.open("rb") as stream:
        run("docker", "exec", "-i", node.name, "docker", "load", "-q", stdin=stream)


def start_registry(archive: Path) -> None:
    """Run the lab's image registry (Debian's docker-registry) as one more container; its store outlives the cluster."""
    if not exists("image", f"{LABEL}/registry"):
        with archive.open("rb") as stream:
            run("docker", "load", "-q", stdin=stream)
    code, status = attempt("docker", "container", "inspect", "--format", "{{.State.Status}}", REGISTRY)
    if code == 0 and status.strip() == "running":
        return
    attempt("docker", "rm", "--force", REGISTRY)
    words = ("--name", REGISTRY, "--network", NETWORK, "--ip", REGISTRY_IP, "--label", LABEL, "-v", f"{REGISTRY}:/var/lib/docker-registry")
    run("docker", "run", "-d", *words, f"{LABEL}/registry", "serve", "/config.yml")
