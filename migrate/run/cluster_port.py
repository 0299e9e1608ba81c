"""What the rest of the program may ask of the Kubernetes API."""

from typing import Protocol

from migrate.facts.cluster import ClusterFacts


class Cluster(Protocol):
    """One cluster. Every call may raise ClusterUnreachable."""

    def read(self) -> ClusterFacts:
        """Read the whole of what rules and plans need, once; what is forbidden besides nodes and pods is named in `unreadable`."""
