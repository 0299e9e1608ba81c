"""What comes back from an API server, before anybody knows what it means."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.redact import mask, printable
from migrate.formats import json_doc


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """One HTTP answer; `retry_after` is the header's text, empty when there is none."""

    status: int
    body: bytes
    retry_after: str = ""

    @property
    def message(self) -> str:
        """The status and what the server says about it, on one line."""
        try:
            text = json_doc.text_at(self.body, "message")
        except ValueError:
            text = self.body[:200].decode("utf-8", "replace")
        line = mask(printable(" ".join(text.split())))
        return f"HTTP {self.status}: {line}" if line else f"HTTP {self.status}"
