"""containerd of one release on a worker, beside the distribution's, as the official tarball lies there; built from Go modules on demand."""

import shutil
from pathlib import Path

from . import binaries, nodes
from .cache import built, place, recipe
from .shell import run
from .spec import HERE, Node

RELEASES = {"1.7": "1.7.35", "2.3": "2.3.7", "2.4": "2.4.2"}
RUNC = "1.4.3"
PROGRAMS = ("containerd", "ctr", "containerd-shim-runc-v2")


def kept(minor: str) -> Path | None:
    """The folder of that release's programs when it was built before: nothing builds it by itself."""
    folder = place(*_named(minor))
    return folder if folder.exists() else None


def unbuilt(minor: str) -> str:
    """Why a test that needs that release is skipped, empty where it was built."""
    return "" if kept(minor) else f"containerd {minor} is not built: `python3 -m tests.lab containerd --version {minor}` builds it"


def build(minor: str) -> Path:
    """The folder with containerd, ctr, its shim and its unit file of a release, built from its Go module (a minute or two)."""
    return built(*_named(minor), lambda draft: _made("build-containerd.sh", RELEASES[minor], draft))


def _named(minor: str) -> tuple[str, str]:
    return f"containerd-{RELEASES[minor]}", recipe(HERE / "build-containerd.sh")


def _runc() -> Path:
    script = "build-runc.sh"
    return built(f"runc-{RUNC}", recipe(HERE / script), lambda draft: _made(script, RUNC, draft)) / "runc"


def _made(script: str, version: str, draft: Path) -> None:
    run("bash", HERE / script, version, draft, timeout=3600)
    shutil.rmtree(draft / f".build-{version}")


def install(node: Node, minor: str) -> None:
    """Put a release under a worker's containerd.service, with the configuration that it prints by default; Docker goes on in it."""
    found = build(minor)
    binaries.lay(node, found, PROGRAMS)
    run("docker", "cp", found / "containerd.service", f"{node.name}:/usr/local/lib/containerd.service")
    # below the lab's wrapper of /usr/sbin/runc, which every runtime of the node starts
    run("docker", "cp", _runc(), f"{node.name}:/usr/sbin/runc.real")
    nodes.inside(node, "sh", "-s", stdin=(HERE / "containerd.sh").read_bytes())
    print(f"lab: {node.name} has {nodes.inside(node, 'containerd', '--version').strip()}", flush=True)
