"""Who manages what: pods and controllers rolled up to their topmost known owner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from migrate.facts.api import Metadata

Title = tuple[str, str, str]
"""Namespace, kind, name: what a workload is called and ordered by."""


class Managed(Protocol):
    """Anything that may have a controller and be one."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def metadata(self) -> Metadata:
        """Its name, namespace and owners."""


M = TypeVar("M", bound=Managed)


class Owners(Generic[M]):
    """Owners looked up in one table; what was found is kept, for thousands of pods have one owner."""

    def __init__(self, owners: Iterable[M]) -> None:
        self._known = {(one.metadata.namespace, one.kind, one.metadata.name): one for one in owners}
        self._top: dict[Title, Title] = {}

    def known(self, title: Title) -> M | None:
        """The owner of that title, None for one of a kind that is not listed."""
        return self._known.get(title)

    def of(self, kind: str, meta: Metadata) -> Title:
        """The topmost known owner, the object itself when nothing manages it."""
        controller = meta.controller
        return (
            (meta.namespace, kind, meta.name) if controller is None else self._topmost((meta.namespace, controller.kind, controller.name))
        )

    def _topmost(self, title: Title) -> Title:
        top = self._top.get(title)
        if top is None:
            top, seen = title, {title}
            while (known := self._known.get(top)) and (controller := known.metadata.controller):
                above = (top[0], controller.kind, controller.name)
                if above in seen:  # owners that own each other
                    break
                seen.add(above)
                top = above
            self._top[title] = top
        return top
