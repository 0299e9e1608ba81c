"""Times as the API writes them."""

from __future__ import annotations

from datetime import datetime


def seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; raises ValueError."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except OverflowError as wrong:
        raise ValueError(f"{text} is no time that a clock can show") from wrong
