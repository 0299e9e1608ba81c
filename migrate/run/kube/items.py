"""Lists of small objects of the API."""

from __future__ import annotations

import msgspec

from migrate.facts.live import PodEvent, VolumeAttachment
from migrate.facts.resolve import resolve


class PodEvents(msgspec.Struct, frozen=True):
    """Events about a pod."""

    items: tuple[PodEvent, ...] | None = None


class Attachments(msgspec.Struct, frozen=True):
    """CSI volumes that are attached to nodes."""

    items: tuple[VolumeAttachment, ...] | None = None


resolve(Attachments, PodEvents)
