"""Fixtures for all tests: the lab (tests/lab/) where one is up, the switch that writes golden files, and what may not run side by side."""

import pytest

from tests.lab.fixtures import lab, lab_node, pytest_runtest_makereport

__all__ = ["lab", "lab_node", "pytest_runtest_makereport"]

SHARED = ("sudo_user", "resolver")  # fixtures that take a thing of which a machine has one


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the expected texts of tests/test_scenarios.py again")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the lab come last, in their order, in one process: they share one cluster and measure times on it.

    So do tests that share another thing of the machine: its user database, an address that a fixture listens on.
    """
    items.sort(key=lambda item: item.get_closest_marker("lab") is not None)
    for item in items:
        shared = ["lab"] if item.get_closest_marker("lab") else [name for name in SHARED if name in getattr(item, "fixturenames", ())]
        if shared:
            item.add_marker(pytest.mark.xdist_group(shared[0]))
