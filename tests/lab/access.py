"""`.lab/` in the checkout: how to reach the lab from this machine."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import keys
from .shell import attempt, run
from .spec import ACCESS, CONTROLS, Node


def write_access(members: Sequence[Node], kubeconfig: str, binaries: Path) -> None:
    """Write kubeconfig, inventory.ini, ssh_config, id_ed25519 and known_hosts, with absolute paths, and a link to kubectl."""
    ACCESS.mkdir(exist_ok=True)
    _write(".gitignore", "*\n")
    _write("id_ed25519", keys.user_key().read_text(), 0o600)
    shutil.copy(keys.user_key().with_suffix(".pub"), ACCESS / "id_ed25519.pub")
    _write("known_hosts", "".join(f"{node.name},{node.ip} {_public(node)}\n" for node in members))
    _write("kubeconfig", kubeconfig, 0o600)
    _write("ssh_config", _ssh_config(members))
    _write("inventory.ini", _inventory(members))
    (ACCESS / "kubectl").unlink(missing_ok=True)
    (ACCESS / "kubectl").symlink_to(binaries / "kubectl")


def _write(name: str, text: str, mode: int = 0o644) -> None:
    draft = ACCESS / f".{name}"
    draft.write_text(text)
    draft.chmod(mode)
    os.replace(draft, ACCESS / name)


def _public(node: Node) -> str:
    return " ".join(keys.host_key(node).with_suffix(".pub").read_text().split()[:2])


def _ssh_config(members: Sequence[Node]) -> str:
    hosts = "".join(f"Host {node.name}\n  HostName {node.ip}\n\n" for node in members)
    return hosts + (
        f"Host {' '.join(node.name for node in members)}\n  User root\n  IdentityFile {ACCESS}/id_ed25519\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {ACCESS}/known_hosts\n  StrictHostKeyChecking yes\n"
    )


def _inventory(members: Sequence[Node]) -> str:
    def group(name: str, nodes: Sequence[Node]) -> str:
        return f"[{name}]\n" + "".join(f"{node.name} ansible_host={node.ip}\n" for node in nodes) + "\n"

    return (
        group("control_plane", [node for node in members if node in CONTROLS])
        + group("workers", [node for node in members if node not in CONTROLS])
        + f"[all:vars]\nansible_user=root\nansible_ssh_private_key_file={ACCESS}/id_ed25519\n"
        + f"ansible_ssh_common_args=-o UserKnownHostsFile={ACCESS}/known_hosts -o IdentitiesOnly=yes\n"
    )


def answers(node: Node, user: str = "root") -> bool:
    """Whether `user` can log in to the node over SSH with the lab's key and its pinned host key."""
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=5")
    return attempt("ssh", "-F", ACCESS / "ssh_config", *options, f"{user}@{node.name}", "hostname") == (0, f"{node.name}\n")


def kubectl(binaries: Path, *argv: str, stdin: bytes | None = None) -> str:
    """Run kubectl on this machine as the cluster's admin."""
    return run(binaries / "kubectl", "--kubeconfig", ACCESS / "kubeconfig", *argv, stdin=stdin)
