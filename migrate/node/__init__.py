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
    "cleanup.sh",
    "verify.sh",
    "pods.sh",
    "etcd.sh",
    "images.sh",
    "steps.sh",
    "evidence.sh",
    "program.sh",
)
PARTS_AFTER = "images.sh"  # the parts of the source and of the target follow


def fixed_files(target: str, source: str = "docker.sh") -> dict[str, bytes]:
    """The files of a node program that are the same for every node: `program.sh` (its parts in order), `restore.sh`, `README`.

    `target` and `source` name the parts that know one runtime each (`containerd.sh`, `crio.sh`; `docker.sh`): all of a kind define
    the same functions.
    """
    here = resources.files(__name__)
    at = PARTS.index(PARTS_AFTER) + 1
    return {
        "program.sh": b"".join(here.joinpath(part).read_bytes() for part in (*PARTS[:at], source, target, *PARTS[at:])),
        "restore.sh": here.joinpath("restore.sh").read_bytes(),
        "README": here.joinpath("README.txt").read_bytes(),
    }
