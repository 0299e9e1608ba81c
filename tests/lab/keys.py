"""SSH keys of the lab, made once and kept in the cache: a node has the same host key however often it is rebuilt."""

from pathlib import Path

from .shell import run
from .spec import CACHE, Node


def _key(name: str, comment: str) -> Path:
    path = CACHE / "keys" / name
    if not path.with_suffix(".pub").exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
    return path


def host_key(node: Node) -> Path:
    """The private host key of a node; the public one lies beside it with `.pub`."""
    return _key(node.name, f"root@{node.name}")


def user_key() -> Path:
    """The private key that logs in to every node."""
    return _key("id_ed25519", "docker2cri-lab")
