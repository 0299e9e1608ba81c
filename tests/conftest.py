"""Fixtures for all tests: the lab (tests/lab/) where one is up, and the switch that writes golden files."""

import pytest

from tests.lab.fixtures import lab, lab_node, pytest_runtest_makereport

__all__ = ["lab", "lab_node", "pytest_runtest_makereport"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the expected texts of tests/test_scenarios.py again")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))
