"""What a node printed, made fit for a message."""

import re

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)", re.DOTALL)


def readable(data: bytes, limit: int = 400) -> str:
    """Give the text on one line: escapes and control characters out, lines joined by `; `, its last `limit` characters kept."""
    plain = _ESCAPE.sub("", data[-8 * limit :].decode(errors="replace"))
    lines = ("".join(letter for letter in line if letter.isprintable()).strip() for line in plain.splitlines())
    text = "; ".join(line for line in lines if line)
    return text if len(text) <= limit else "…" + text[-limit:]
