"""Times as the API writes them."""

from __future__ import annotations

import pytest

from migrate.formats.rfc3339 import seconds


def test_a_time_is_seconds_since_the_epoch() -> None:
    assert seconds("2026-11-30T00:00:00Z") == 1795996800
    assert seconds("2026-11-30T02:00:00.5+02:00") == 1795996800.5


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month|clock|year"):
        seconds(text)
