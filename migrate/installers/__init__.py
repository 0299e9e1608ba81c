"""Who owns a node's files: each installer is one `Installer` value, listed in `migrate.installers.table.INSTALLERS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.facts.cluster import Node
from migrate.facts.model import Docker, Kubelet, NodeFacts

Detect = Callable[[NodeFacts, Node | None], str | None]


@dataclass(frozen=True, slots=True)
class Installer:
    """What made a node and may make it again.

    `detect` answers the evidence that this node is its work, or None. An installer that is not `supported` has a `way_out`: how its nodes
    leave Docker, commands indented by four. `aftercare` says what the next run of a supported one would undo; both may hold NODE.
    """

    name: str
    supported: bool
    detect: Detect
    way_out: str = ""
    aftercare: str = ""


def exists(facts: NodeFacts, path: str) -> bool:
    """Whether something lies at a path that was looked at or read."""
    reading = facts.files.get(path)
    return path in facts.marks or (reading is not None and reading.kind != "absent")


def marked(*paths: str) -> Detect:
    """Detect by a path that exists."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        return next((f"{path} exists" for path in paths if exists(facts, path)), None)

    return detect


def labelled(*keys: str) -> Detect:
    """Detect by a label of the Node object, or by the same label in the kubelet's --node-labels where the API was not read."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        labels = (node.metadata.labels if node else None) or {}
        given = _node_labels(facts)
        return next(
            (
                f"Node label {key}={labels[key]}" if key in labels else f"kubelet flag --node-labels has {key}={given[key]}"
                for key in keys
                if key in labels or key in given
            ),
            None,
        )

    return detect


def _node_labels(facts: NodeFacts) -> dict[str, str]:
    flag = facts.kubelet.flag("node-labels") if isinstance(facts.kubelet, Kubelet) else None
    return dict(part.partition("=")[::2] for part in (flag.value or "").split(",") if part) if flag else {}


def holding(path: str, *texts: str) -> Detect:
    """Detect by a file that was read and holds one of these texts, given as they stand in the file."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        reading = facts.files.get(path)
        return next((f"{path} has {text}" for text in texts if reading is not None and text in reading.text), None)

    return detect


def versioned(part: str) -> Detect:
    """Detect by what an installer's own builds append to the kubelet's version (`-eks-`, `+k3s`)."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        versions = [facts.kubelet.version] if isinstance(facts.kubelet, Kubelet) else []
        versions += [node.status.node_info.kubelet_version] if node else []
        return next((f"kubelet version {version}" for version in versions if part in version), None)

    return detect


def unit_loaded(*names: str) -> Detect:
    """Detect by a unit that systemd has loaded."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        return next((f"{name} is loaded" for name in names if facts.unit(name)), None)

    return detect


def provided_by(scheme: str) -> Detect:
    """Detect by the Node's providerID, or by the kubelet's --provider-id where the API was not read."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        if node and node.spec.provider_id.startswith(scheme):
            return f"providerID {node.spec.provider_id}"
        flag = facts.kubelet.flag("provider-id") if isinstance(facts.kubelet, Kubelet) else None
        return f"kubelet flag --provider-id={flag.value}" if flag and (flag.value or "").startswith(scheme) else None

    return detect


def container_named(name: str) -> Detect:
    """Detect by a Docker container that no kubelet made."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        containers = facts.docker.standalone if isinstance(facts.docker, Docker) else ()
        return next((f"Docker container {container.name} ({container.image})" for container in containers if container.name == name), None)

    return detect


def without_kubelet(detect_further: Detect) -> Detect:
    """Detect only where no kubelet.service runs: what is left of an installer of the past is no sign of the present one."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        unit = facts.unit("kubelet.service")
        return None if unit and unit.running else detect_further(facts, node)

    return detect


def any_of(*ways: Detect) -> Detect:
    """Detect by the first of several ways that answers."""

    def detect(facts: NodeFacts, node: Node | None) -> str | None:
        return next((seen for way in ways if (seen := way(facts, node)) is not None), None)

    return detect
