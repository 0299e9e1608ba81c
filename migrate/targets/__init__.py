"""Where to: each target runtime is one `Target` value in a module of its own, listed in `migrate.targets.table.TARGETS`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from migrate.facts.model import NodeFacts
from migrate.facts.origin import Origin
from migrate.formats.version import Version
from migrate.targets.bundle import Layout
from migrate.targets.docker_keys import Key
from migrate.targets.releases import Release, Retired

JOIN = "+"  # between a target's name and those of its options: `crio+own-defaults`


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file of one node; edits of the same path are composed in order into one write.

    `rewrite` makes the new text from the old one (None when the file does not exist) and answers the same text, or None for a file that
    need not exist, to leave it alone; it raises FormatError for a file that it cannot edit with certainty.
    `why` stands beside the diff; `base` is where the old text comes from when the file itself does not exist yet (a packaged unit file
    that a copy in /etc overrides); `mode` is for a file that is new; `instead` is what to do where the file is in a place that is not
    written; `values` must be found in what the runtime makes of its files afterwards. `early` files are put before the node is disturbed:
    the runtime needs them for its first start.
    """

    name: str
    path: str
    why: str
    rewrite: Callable[[str | None], str | None]
    base: str | None = None
    mode: str = "644"
    early: bool = False
    instead: str = ""
    values: Mapping[tuple[str, ...], Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stay:
    """A setting that the target has of its own and keeps, though Docker was told, or did, something else.

    `docker_key` is the key of Docker's that is not carried for that, empty for what Docker does by itself; `value` stands in `path`, and
    `otherwise` is what comes of it. `lost` tells that something depends on Docker's value.
    """

    docker_key: str
    name: str
    value: Any
    path: str
    otherwise: str
    lost: bool = True

    @property
    def told(self) -> str:
        """It as a sentence, without secrets."""
        value = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        return f"{self.name} = {value} in {self.path} stays: {self.otherwise}"


@dataclass(frozen=True, slots=True)
class TargetOption:
    """Something that may be asked for with a target: `name` in a plan, `asked` and `help` on the command line, what it makes of it."""

    name: str
    asked: str
    help: str
    made: Callable[[Target], Target]


KEEP_SOURCE = TargetOption(
    "keep-docker",
    "--keep-docker",
    "Docker keeps running for its other users: Kubernetes alone leaves it.",
    lambda target: replace(target, keeps_source=True),
)


@dataclass(frozen=True, slots=True)
class Pinning:
    """How a target keeps images from the kubelet's garbage collection: by a label of each image, or by a drop-in at `file`.

    `own` are the patterns that its files have already, as they stand between the quotes of a TOML string: the drop-in repeats them.
    """

    file: str = ""
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A runtime to move to: what the rules judge by and the plan is made of.

    `title` is its name for people, `asked` how it is asked for on the command line, `options` what may be asked for with it; `runtime`
    its name among the runtimes of a machine and among the kubelet's endpoints; `prefix` starts a node's runtimeVersion and its container
    IDs; `endpoint` is what the kubelet, crictl and the node's annotation are given; `data_root` is where its images lie; `unsupported`
    says why a kubelet and a version of the runtime cannot work together; `edits` are all the file changes that one node needs, of its
    facts and of what the source gives now (it raises FormatError where they are not certain). `node_part` is the part of the node program
    that knows it; `running` lists full IDs of running containers in the first column of what it prints, `pid` is a format that prints the
    process of the container `{id}`.

    What is known of it on a node: `read` gives what was read of it, None where it is not there, Unreadable where nobody knows; `installed`
    its version; `configured` the files that it is configured by; `stored` the names of the images that it has, none where its store
    cannot be listed; `containers` how many it runs for Kubernetes, which `look` lists. `decisive` are the readings without which its plan
    would be a guess. `program` is its own, `packages` are the names that its package has, `package` the one that fits this node, `bundle`
    its official static tarball, `install` says how to install it by hand (the last line is the command); `tools` are other programs that
    the move needs, each with its package.

    Room: an image lies `copies` times in its store, and twice in `temporary` while it is copied there.

    What it does otherwise than Docker: `low_ports_from` is its first version that lets any process bind ports below 1024 and ping, None
    for none; `default_capabilities_dropped` are those that Docker gives and it does not; `takes_short_names` tells that an image name
    without a registry means Docker Hub; `takes_digests` that images can be copied into its store with their digests; `own_defaults` are
    limits of its own that the plan leaves in force: what, and what comes of it.
    `docker_keys` tell what becomes of each key that Docker was told, those of another name are unknown.
    `situated` is the target as one node has it: where it listens and keeps its data there. `state` is where it keeps what runs; `addressed`
    is the variable by which its programs find another socket than their default; `reads` are the files that it makes its configuration of,
    the main one first, empty where that does not matter; `holds` tells whether a planned value is in a dump of it, `stays` what it has
    of its own that the plan leaves. `pinning` tells how its version keeps images from the kubelet's garbage collection, None where it
    cannot, and `pins_since` which versions can. `ends` are the last days on which its project supports a release, `retired` the settings in
    its files that some release no longer reads.
    `hosts` is the folder that gets a hosts.toml for each registry, None where it reads Docker's own certs.d. `leaves` is what of it a
    rollback does not take away; `layer` tells what serves the kubelet in it, where it is more than that, and `shim` what holds each
    container: its name, and how the runtime speaks to it.
    `keeps_source`: the daemon that runs the pods now keeps running for its other users, only Kubernetes leaves it.
    """

    name: str
    title: str
    asked: str
    runtime: str
    prefix: str
    unit: str
    socket: str
    endpoint: str
    data_root: str
    minimum: Version
    read: Callable[[NodeFacts], object]
    installed: Callable[[NodeFacts], str | None]
    configured: Callable[[NodeFacts], tuple[str, ...]]
    stored: Callable[[NodeFacts], frozenset[str]]
    containers: Callable[[NodeFacts], int]
    look: str
    decisive: tuple[str, ...]
    program: str
    packages: str
    package: Callable[[NodeFacts], str]
    bundle: Layout
    install: str
    unsupported: Callable[[Version, Version], str | None]
    edits: Callable[[NodeFacts, Origin], tuple[Edit, ...]]
    node_part: str
    running: str
    pid: str
    shim: tuple[str, str]
    docker_keys: Mapping[str, Key]
    options: tuple[TargetOption, ...] = (KEEP_SOURCE,)
    tools: tuple[tuple[str, str], ...] = ()
    copies: int = 1
    temporary: str | None = None
    hosts: Callable[[NodeFacts], str] | None = None
    low_ports_from: tuple[int, int] | None = None
    default_capabilities_dropped: frozenset[str] = frozenset()
    takes_short_names: bool = True
    takes_digests: bool = True
    own_defaults: Callable[[NodeFacts], tuple[tuple[str, str], ...]] = lambda facts: ()
    leaves: tuple[str, ...] = ()
    layer: str = ""
    state: str = ""
    addressed: str = ""
    situated: Callable[[Target, NodeFacts], Target] = lambda target, facts: target
    reads: Callable[[NodeFacts], tuple[str, ...]] = lambda facts: ()
    holds: Callable[[Mapping[str, Any], tuple[str, ...], Any], bool] = lambda dump, key, value: True
    stays: Callable[[NodeFacts], tuple[Stay, ...]] = lambda facts: ()
    pinning: Callable[[NodeFacts], Pinning | None] = lambda facts: None
    pins_since: str = ""
    ends: Mapping[Release, date] = field(default_factory=dict)
    retired: tuple[Retired, ...] = ()
    keeps_source: bool = False

    def on(self, facts: NodeFacts) -> Target:
        """The target as this node has it."""
        return self.situated(self, facts)


def with_options(target: Target, chosen: Collection[str]) -> Target:
    """The target as it is with these of its options, its name and the way to ask for it with them; raises ValueError for another option."""
    if unknown := sorted(set(chosen) - {option.name for option in target.options}):
        raise ValueError(f"{target.title} has no option {', '.join(unknown)}")
    made = target
    for option in target.options:
        if option.name in chosen:
            made = replace(option.made(made), name=f"{made.name}{JOIN}{option.name}", asked=f"{made.asked} {option.asked}")
    return made
