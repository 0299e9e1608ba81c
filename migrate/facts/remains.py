"""What Docker has left on a node that runs its pods on another runtime: frozen values, each as it was found."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.transaction import Transaction
from migrate.facts.values import Unreadable

# What dockerd makes in its data root (moby daemon/, v1.13 to v29). Devicemapper, zfs and btrfs hold devices, datasets and subvolumes that
# are no files, so they are not in it.
ENTRIES = frozenset(
    "aufs builder buildkit containerd containers engine-id fuse-overlayfs image network nuke-graph-directory.sh nuked overlay overlay2 "
    "plugins rootfs runtimes swarm tmp tmp-old trust vfs volumes".split()
)
# package -> what its own removal lays into the data root (Debian's docker.io.prerm)
LAID_BY_REMOVAL = {"docker.io": "nuke-graph-directory.sh"}
VOLUMES = "volumes"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder: its name or path, and its size in bytes, None where it is not known."""

    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class DataRoot:
    """Docker's data root: what lies in it, its volumes that hold something, and the mount points on and below it."""

    path: str
    entries: tuple[Leftover, ...]
    volumes: tuple[Leftover, ...]
    mounts: tuple[str, ...]

    @property
    def known(self) -> tuple[Leftover, ...]:
        """What Docker made of it."""
        return tuple(entry for entry in self.entries if entry.name in ENTRIES)

    @property
    def others(self) -> tuple[Leftover, ...]:
        """What Docker did not make, or what is more than files."""
        return tuple(entry for entry in self.entries if entry.name not in ENTRIES)


@dataclass(frozen=True, slots=True)
class LeftContainer:
    """A container of Docker that no kubelet made: its name, and its Compose project, empty where it has none."""

    name: str
    project: str


@dataclass(frozen=True, slots=True)
class LeftRun:
    """A run of docker2cri that lies on the node: whether its migration was verified there, how it ended else, and what it takes in bytes.

    `ended` is a word of its journal: `released`, `rolled-back`, `needs-attention`, `undo-begin`; empty for one that goes forward. `cleaned`
    tells that it took Docker away. `stopped` are the names of standalone containers that its migration stopped.
    """

    name: str
    verified: bool
    ended: str
    size: int | None
    cleaned: bool = False
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """What docker2cri left on the node: its runs, the one that holds the node, and those that stopped Docker or kept it running."""

    runs: tuple[LeftRun, ...] = ()
    owner: str = ""
    stopped_by: str = ""
    kept_by: str = ""

    @property
    def held(self) -> LeftRun | None:
        """The run that holds the node, None where none does, or where it does not lie there."""
        return next((run for run in self.runs if run.name == self.owner), None)


@dataclass(frozen=True, slots=True)
class ChainRule:
    """A rule of a table, without its `-A`: `FORWARD -o docker0 -j DOCKER`; `family` is `4` or `6`."""

    family: str
    table: str
    rule: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of a table."""

    family: str
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Chains:
    """Docker's part of iptables.

    `rules` are its rules in chains of others, `chains` its own, both to be removed; `kept` are (what, why) of others that lean on them;
    `policy` are the families whose FORWARD policy is DROP beside Docker's own rules there. `unread` is why nobody knows, per family.
    """

    rules: tuple[ChainRule, ...] = ()
    chains: tuple[Chain, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    policy: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """Docker's namespace in a containerd: how many containers, tasks that run, and images it holds."""

    socket: str
    containers: int
    tasks: int
    images: int


@dataclass(frozen=True, slots=True)
class LeftPackage:
    """An installed package, its version as its manager writes it, and its size in bytes."""

    name: str
    version: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Remains:
    """Everything of Docker on one node.

    `paths` are its files that no package owns: programs of a static tarball, units, drop-ins, sockets. `link` tells that docker0 is there
    with nothing attached, `attached` what is attached to it. `processes` are those of Docker that run. `firewall` are tools that own the
    node's rules and may have set a policy (`ufw`). `removal` is what the package manager would do, None where nothing is to be removed.
    `group` is whether a group `docker` exists.
    """

    root: DataRoot | None = None
    containers: tuple[LeftContainer, ...] = ()
    packages: tuple[LeftPackage, ...] = ()
    paths: tuple[str, ...] = ()
    chains: Chains = Chains()
    firewall: tuple[str, ...] = ()
    namespace: Namespace | None = None
    link: bool = False
    attached: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    group: bool = False
    records: Records = Records()
    removal: Transaction | Unreadable | None = None
    unreadable: tuple[Unreadable, ...] = ()
