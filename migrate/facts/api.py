"""What every object of the Kubernetes API has in common."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode(data: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """The value of a JSON text of this shape; raises msgspec.DecodeError for every other text, also for one that is nested too deep."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError as wrong:
        raise msgspec.DecodeError("JSON is nested too deep") from wrong
    except UnicodeDecodeError as wrong:
        raise msgspec.DecodeError(f"JSON is not UTF-8: {wrong.reason}") from wrong


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A frozen value with the API's camelCase field names."""


class NamedReference(Model, frozen=True):
    """A reference to an object of the same namespace by its name."""

    name: str = ""


class Present(Model, frozen=True):
    """Something of which only the presence matters."""


class OwnerReference(Model, frozen=True):
    """A link to the object that owns this one; `controller` marks the managing one."""

    kind: str
    name: str
    controller: bool = False
    uid: str = ""


class Metadata(Model, frozen=True):
    """Object metadata; annotations are already filtered."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    deletion_timestamp: str | None = None

    def annotation(self, key: str) -> str | None:
        """The annotation's value, or None."""
        return (self.annotations or {}).get(key)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, or None."""
        for owner in self.owner_references or ():
            if owner.controller:
                return owner
        return None


class Condition(Model, frozen=True):
    """A status condition; times are RFC 3339."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_heartbeat_time: str | None = None
