"""Struct types made ready for decoding in several threads.

msgspec 0.22 resolves a Struct's field types at its first decode and runs Python code meanwhile; a second thread that decodes the type then
reads types that are not there yet, and the process dies (SIGSEGV, seen on a loaded machine). An import runs in one thread.
"""

from __future__ import annotations

from typing import Any

import msgspec


def resolve(*shapes: Any) -> None:
    """Resolve types that are decoded by threads; called where they are defined, at import."""
    for shape in shapes:
        msgspec.json.Decoder(shape)
