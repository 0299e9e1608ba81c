"""What every end-to-end test begins with: a lab that has recovered from the one before."""

from __future__ import annotations

import time

import pytest

from tests.lab.fixtures import Lab


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    """Wait until the lab's budget allows a disruption again: a node that was taken away has its pods elsewhere only after a while."""
    if request.node.get_closest_marker("lab") is None:
        return
    lab: Lab = request.getfixturevalue("lab")
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if lab.kubectl("-n", "shop", "get", "pdb", "web", "-o", "jsonpath={.status.disruptionsAllowed}").strip() not in ("", "0"):
            return
        time.sleep(1)
    pytest.fail("the lab's PodDisruptionBudget shop/web allowed no disruption for 180 s: make lab mends the lab", pytrace=False)
