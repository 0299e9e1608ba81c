"""A chosen few of the faults that `make e2e-full` makes on real nodes (docs/faults.md has the results of all)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import fault_cases, fault_kills
from tests.e2e.fault_run import one
from tests.e2e.fault_runtimes import CONTAINERD
from tests.e2e.faults import Ground, dismissed, fresh
from tests.lab.fixtures import Lab

pytestmark = pytest.mark.lab

CHOSEN = (
    fault_kills.continued.__name__ + " journal 30",
    fault_cases.interrupted_drain.__name__,
)
WORKER = "lab-w4"


class Worker:
    """One worker for all of them: a case that passed leaves it as it was, after another it is made again."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ground: Ground | None = None

    def run(self, name: str) -> None:
        ground, self.ground = self.ground or fresh(self.lab, WORKER, CONTAINERD), None
        assert one(ground, name).passed
        self.ground = ground


@pytest.fixture(scope="module")
def worker(lab: Lab) -> Iterator[Worker]:
    yield Worker(lab)
    dismissed(WORKER)


@pytest.mark.parametrize("name", CHOSEN)
def test_fault(name: str, worker: Worker) -> None:
    worker.run(name)
