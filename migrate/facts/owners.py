"""Who manages what: pods and controllers rolled up to their topmost known owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from migrate.facts.api import Metadata
from migrate.facts.values import Title as Title


class Managed(Protocol):
    """Anything that may have a controller and be one."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def metadata(self) -> Metadata:
        """Its name, namespace and owners."""


def topmost(title: Title, above: Callable[[Title], Title | None]) -> Title:
    """The end of the way up from `title`, also where owners own each other; `above` is None where nothing known manages one."""
    seen = {title}
    while (higher := above(title)) and higher not in seen:
        title = higher
        seen.add(title)
    return title


M = TypeVar("M", bound=Managed)


class Owners(Generic[M]):
    """Owners looked up in one table; what was found is kept, for thousands of pods have one owner."""

    def __init__(self, owners: Iterable[M]) -> None:
        self._known = {(owner.metadata.namespace, owner.kind, owner.metadata.name): owner for owner in owners}
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
            top = self._top[title] = topmost(title, self._above)
        return top

    def _above(self, title: Title) -> Title | None:
        known = self._known.get(title)
        controller = known.metadata.controller if known else None
        return (title[0], controller.kind, controller.name) if controller else None
