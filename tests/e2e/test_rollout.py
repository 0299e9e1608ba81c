"""Four workers with one plan and one apply, and back with one rollback: no request of a user fails, no data is lost, no job runs twice."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest

from tests.e2e.rollout import CONTROL, FOUR, Rollout, asked, four_workers
from tests.e2e.tool import table
from tests.lab.fixtures import Lab

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skipif(os.environ.get("FULL") != "1", reason="four workers there and back, twice, take a quarter of an hour: FULL=1"),
]
RUNS = {"one at a time": "1", "two at once": "2"}


@pytest.fixture(scope="module")
def rollout(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    folder = tmp_path_factory.mktemp("rollout")
    with four_workers() as whole, asked(whole, folder) as probed:
        tale = Rollout(whole, probed=probed)
        tale.chapter("control")
        time.sleep(CONTROL)
        for name, at_once in RUNS.items():
            plan = str(folder / f"plan-{at_once}.json")
            tale.typed(f"plan, {name}", "plan", *FOUR, "--max-in-flight", at_once, "--out", plan)
            tale.typed(f"apply, {name}", "apply", plan, "--yes")
            tale.typed(f"rollback, {name}", "rollback", plan, "--yes")
        tale.chapter("end")
    return tale


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(("command", "state"), [("apply", "migrated"), ("rollback", "rolled back")])
def test_every_node_ends_as_it_should(rollout: Rollout, name: str, command: str, state: str) -> None:
    ran = rollout.ran[f"{command}, {name}"]
    assert (ran.code, [row[:3] for row in table(ran)[1:]]) == (0, [[node, state, "0"] for node in FOUR]), ran.err


@pytest.mark.parametrize("name", RUNS)
def test_all_run_on_containerd_between_and_on_docker_again(rollout: Rollout, name: str) -> None:
    chapters = list(rollout.runtimes)
    after = chapters[chapters.index(f"rollback, {name}") + 1]
    assert (set(rollout.runtimes[f"rollback, {name}"]), set(rollout.runtimes[after])) == ({"containerd"}, {"docker"})


@pytest.mark.parametrize("chapter", ["control", *(f"{command}, {name}" for name in RUNS for command in ("apply", "rollback"))])
def test_no_request_fails(rollout: Rollout, chapter: str) -> None:
    seen = rollout.seen(chapter)
    assert len(seen.requests) > 500
    assert seen.failed == (), str(seen)


def test_the_stateful_set_keeps_its_data(rollout: Rollout) -> None:
    starts = list(rollout.data.values())
    assert all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(starts))
    assert len(starts[-1]) == len(starts[0]) + 4  # there and back, twice


def test_the_job_finished_once(rollout: Rollout) -> None:
    assert len(set(rollout.job.values())) == 1
    assert rollout.job["control"].endswith(" 1 ")
