"""Fixtures for all tests: the lab (tests/lab/), where one is up."""

from tests.lab.fixtures import lab, lab_node, pytest_runtest_makereport

__all__ = ["lab", "lab_node", "pytest_runtest_makereport"]
