"""What runs on the node itself: POSIX sh, shipped as package data."""

from importlib import resources

PARTS = (
    "base.sh",
    "journal.sh",
    "units.sh",
    "files.sh",
    "packages.sh",
    "bundle.sh",
    "install.sh",
    "verify.sh",
    "pods.sh",
    "images.sh",
    "steps.sh",
    "program.sh",
)
RUNTIME_AFTER = "images.sh"


def fixed_files(runtime: str) -> dict[str, bytes]:
    """The files of a node program that are the same for every node: `program.sh` (its parts in order), `restore.sh`, `README`.

    `runtime` names the part that knows the new runtime (`containerd.sh`, `crio.sh`): each defines the same functions.
    """
    here = resources.files(__name__)
    at = PARTS.index(RUNTIME_AFTER) + 1
    return {
        "program.sh": b"".join(here.joinpath(part).read_bytes() for part in (*PARTS[:at], runtime, *PARTS[at:])),
        "restore.sh": here.joinpath("restore.sh").read_bytes(),
        "README": here.joinpath("README.txt").read_bytes(),
    }
