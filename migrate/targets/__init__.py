"""Where to: each target runtime is one `Target` value in a module of its own, listed in `migrate.targets.table.TARGETS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.facts.model import NodeFacts
from migrate.formats.version import Version
from migrate.targets.bundle import Layout


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file of one node; edits of the same path are composed in order into one write.

    `rewrite` makes the new text from the old one (None when the file does not exist) and answers the same text, or None for a file that
    need not exist, to leave it alone; it raises FormatError for a file that it cannot edit with certainty.
    `why` stands beside the diff; `base` is where the old text comes from when the file itself does not exist yet (a packaged unit file
    that a copy in /etc overrides); `mode` is for a file that is new. `early` files are put before the node is disturbed: the runtime
    needs them for its first start.
    """

    name: str
    path: str
    why: str
    rewrite: Callable[[str | None], str | None]
    base: str | None = None
    mode: str = "644"
    early: bool = False


def _none(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime to move to: what the rules judge by and the plan is made of.

    `title` is its name for people, `asked` how it is asked for on the command line, `runtime` its name among the runtimes of a machine
    and among the kubelet's endpoints; `prefix` starts a node's runtimeVersion and its container IDs; `endpoint` is what the kubelet,
    crictl and the node's annotation are given; `data_root` is where its images lie; `unsupported` says why a kubelet and a version of
    the runtime cannot work together; `edits` are all the file changes that one node needs (it raises FormatError where they are not
    certain). `node_part` is the part of the node program that knows it.

    What is known of it on a node: `read` gives what was read of it, None where it is not there, Unreadable where nobody knows; `installed`
    its version; `stored` the names of the images that it has, none where its store cannot be listed; `containers` how many it runs for
    Kubernetes, which `look` lists. `program` is its own, `packages` are the names that its package has, `package` the one that fits this
    node, `bundle` its official static tarball, `install` says how to install it by hand (the last line is the command); `tools` are
    other programs that the move needs, each with its package.

    Room: an image lies `copies` times in its store, and twice in `temporary` while it is copied there.

    What it does otherwise than Docker: `low_ports_from` is its first version that lets any process bind ports below 1024 and ping, None
    for none; `default_capabilities_dropped` are those that Docker gives and it does not; `takes_short_names` tells that an image name
    without a registry means Docker Hub; `own_defaults` are limits of its own that the plan leaves in force: what, and what comes of it.
    `leaves` is what of it a way back does not take away; `layer` tells what serves the kubelet in it, where it is more than that.
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
    stored: Callable[[NodeFacts], frozenset[str]]
    containers: Callable[[NodeFacts], int]
    look: str
    program: str
    packages: str
    package: Callable[[NodeFacts], str]
    bundle: Layout
    install: str
    unsupported: Callable[[Version, Version], str | None]
    edits: Callable[[NodeFacts], tuple[Edit, ...]]
    node_part: str
    tools: tuple[tuple[str, str], ...] = ()
    copies: int = 1
    temporary: str | None = None
    low_ports_from: tuple[int, int] | None = None
    default_capabilities_dropped: frozenset[str] = frozenset()
    takes_short_names: bool = True
    own_defaults: Callable[[NodeFacts], tuple[tuple[str, str], ...]] = _none
    leaves: tuple[str, ...] = ()
    layer: str = ""
