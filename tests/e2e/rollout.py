"""Four workers of the lab as one job: made ready, asked by users all the while, moved and rolled back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.prober import Seen, Users, seen_in, users
from tests.e2e.story import runtime, shop
from tests.e2e.tool import Ran, Tool
from tests.lab import cluster
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.spec import MOST_WORKERS
from tests.lab.spec import nodes as members_of

FOUR = ("lab-w1", "lab-w3", "lab-w4", "lab-w5")  # lab-w1 has the StatefulSet's volume
NAMESPACE, PORT = "rollout", 30083
CONTROL = 15.0  # seconds of probing before anything is done: what fails here is the lab's own
SECONDS = 1800.0  # that one command may take


@dataclass
class Rollout:
    """What was typed and seen, by chapter; `at` is when each chapter began, by the machine's monotonic clock."""

    lab: Lab
    at: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    runtimes: dict[str, list[str]] = field(default_factory=dict)
    data: dict[str, list[str]] = field(default_factory=dict)
    job: dict[str, str] = field(default_factory=dict)
    probed: list[Users] = field(default_factory=list)

    def seen(self, chapter: str) -> Seen:
        """What users saw in one chapter."""
        return seen_in(self.probed, self.at, chapter)

    def chapter(self, name: str) -> None:
        """Begin a chapter with a look at everything."""
        self.at[name] = time.monotonic()
        self.runtimes[name] = [runtime(self.lab, node).partition("://")[0] for node in FOUR]
        self.data[name] = self.lab.kubectl("-n", "shop", "exec", "db-0", "--", "cat", "/data/starts").splitlines()
        fields = "{.metadata.uid} {.status.startTime} {.status.completionTime} {.status.succeeded} {.status.failed}"
        self.job[name] = self.lab.kubectl("-n", "shop", "get", "job", "migrate-schema", "-o", f"jsonpath={fields}")

    def typed(self, chapter: str, *argv: str) -> Ran:
        """Run the tool in a chapter of its own."""
        self.chapter(chapter)
        tool = Tool(self.lab)
        begun = time.monotonic()
        self.ran[chapter] = tool(*argv, *tool.reach(), seconds=SECONDS)
        self.took[chapter] = time.monotonic() - begun
        return self.ran[chapter]


@contextmanager
def four_workers() -> Iterator[Lab]:
    """The lab with these four on Docker, made again where they are not; those besides the lab's own are taken away afterwards."""
    wanted = [node for node in members_of(MOST_WORKERS) if node.name in FOUR]
    for node in wanted:
        with only_one(patience=PATIENCE):
            cluster.reset(node)
    try:
        yield Lab(cluster.members())
    finally:
        for node in wanted:
            if node.name != "lab-w1":
                with only_one(patience=PATIENCE):
                    cluster.dismiss(node)


@contextmanager
def asked(lab: Lab, folder: Path, workers: Sequence[str] = FOUR) -> Iterator[list[Users]]:
    """A web application on these workers whose users ask every one of them, and the control plane, every 20 ms."""
    shop(lab, folder, NAMESPACE, PORT, workers)
    names = {workers[0], *workers, lab.nodes[0].name}
    try:
        with users({node.name: f"{node.ip}:{PORT}/hostname" for node in lab.nodes if node.name in names}, folder) as found:
            yield [found]
    finally:
        lab.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
