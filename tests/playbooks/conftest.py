"""The collection as it is installed, once for all tests of one process."""

from __future__ import annotations

import shutil

import pytest

from tests.playbooks.collection import Collection, installed


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    if shutil.which("ansible-galaxy") is None:
        pytest.skip("no ansible-galaxy here: install ansible-core")
    return installed(tmp_path_factory.mktemp("collection"))
