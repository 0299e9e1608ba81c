"""The wish that a run stops where it may: of the person at it, and of a pause or a lost Lease."""

from __future__ import annotations

import threading

from migrate.errors import Refused


class Interrupt:
    """Ctrl-C as a wish: it is honoured between steps before the switch, and after the node is finished or rolled back inside it.

    `held` is honoured alike: the error of a pause or of a lost Lease, while there is one.
    """

    def __init__(self) -> None:
        self.wished = threading.Event()
        self.held: Refused | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing is begun now."""
        return self.wished.is_set() or self.held is not None
