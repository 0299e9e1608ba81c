"""Where from: each source is one `Source` value in a module of its own, listed in `migrate.sources.table.SOURCES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.facts.model import Container, Image, NodeFacts, Setting
from migrate.facts.origin import Origin


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket of a source, and the unit that makes it: what stands in its place before that unit starts is in its way."""

    path: str
    made_by: str


@dataclass(frozen=True, slots=True)
class Labels:
    """By which labels a source's containers are found: the pod's UID, and the kind with its two values."""

    pod: str
    kind: str
    container: str
    sandbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What runs the pods before a move, and again after a rollback.

    `name` is the kind of the kubelet's endpoint; `title` is for people, `engine` what they call the daemon that holds containers and
    images, `store` its image store; `runtime` is its name among the runtimes of a machine; `prefix` starts a node's runtimeVersion and
    its container IDs. `units` are stopped in this order, and started again in it; where the engine keeps running for its other users,
    `own_units` are, which serve Kubernetes alone, and `shared_units` keep running. `endpoint` is what the kubelet and the node's
    annotation are given where nobody says otherwise. `minors` are the first and the last minor of a kubelet that it serves, None for no
    last one. `node_part` is the part of the node program that knows it; `running` lists full IDs of running containers in the first
    column of what it prints and wakes nothing, `left` prints the names of those that a kubelet made, `pid` prints the process of the
    container `{id}`. `answers` says what a rollback waits for once the units are started. `word`: see Origin.

    `packages` is a pattern of the packages that it is, `beneath` those under it, which an installation may change only where they are
    asked for.

    What it is on a node: `version` of its daemon, None where it is not known; `data_root`; `images` of its store, `standalone` containers
    that the kubelet did not make, both empty also where the daemon was not asked; `keeps_digests`, whether images have the digests of their
    registries there; `configured`, the files that it reads; `sandbox_image` and `cgroup_driver`, None where nobody knows;
    `running_sandbox_images`, the names of those that run, the most frequent first; `cni`, the folders of configurations and plugins in
    force; `network`, its network plugin and what set it; `unread`, why what a plan needs of it is not known, None where all is.
    """

    name: str
    title: str
    engine: str
    store: str
    runtime: str
    prefix: str
    units: tuple[str, ...]
    own_units: tuple[str, ...]
    shared_units: tuple[str, ...]
    endpoint: str
    sockets: tuple[Socket, ...]
    minors: tuple[int, int | None]
    labels: Labels
    node_part: str
    running: str
    left: str
    pid: str
    answers: str
    word: str
    packages: str
    beneath: frozenset[str]
    version: Callable[[NodeFacts], str | None]
    data_root: Callable[[NodeFacts], str]
    images: Callable[[NodeFacts], tuple[Image, ...]]
    keeps_digests: Callable[[NodeFacts], bool]
    standalone: Callable[[NodeFacts], tuple[Container, ...]]
    configured: Callable[[NodeFacts], tuple[str, ...]]
    sandbox_image: Callable[[NodeFacts], str | None]
    running_sandbox_images: Callable[[NodeFacts], tuple[str, ...]]
    cgroup_driver: Callable[[NodeFacts], str | None]
    cni: Callable[[NodeFacts], tuple[str, tuple[str, ...]]]
    network: Callable[[NodeFacts], Setting]
    unread: Callable[[NodeFacts], str | None]

    @property
    def ready(self) -> str:
        """What a rollback waits for on the node, as the API shows it."""
        return f"the node Ready with {self.prefix} again"

    def serves(self, minor: int) -> bool:
        """Whether a kubelet of 1.`minor` can run its pods on it."""
        first, last = self.minors
        return first <= minor and (last is None or minor <= last)

    def present(self, facts: NodeFacts, names: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Its units on this node, of `names` where they are given, in order; a masked one is not there."""
        found = ((name, facts.unit(name)) for name in (self.units if names is None else names))
        return tuple(name for name, unit in found if unit and unit.file_state != "masked")

    def origin(self, facts: NodeFacts) -> Origin:
        """What a target is told of it."""
        config_dir, bin_dirs = self.cni(facts)
        return Origin(
            sandbox_image=self.sandbox_image(facts),
            cgroup_driver=self.cgroup_driver(facts),
            cni_config_dir=config_dir,
            cni_bin_dirs=bin_dirs,
            units=frozenset(self.units),
            word=self.word,
        )
