"""What pods have on the runtime that they run on now, and must have again on another one. A source computes it, a target takes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a target is told of the source. None: nobody knows.

    `cgroup_driver` is `systemd` or `cgroupfs`; `units` are the source's, which stay stopped; `word` stands in every value of a kubelet's
    flag that leads to the source.
    """

    sandbox_image: str | None
    cgroup_driver: str | None
    cni_config_dir: str
    cni_bin_dirs: tuple[str, ...]
    units: frozenset[str] = frozenset()
    word: str = ""

    def named_by(self, value: str | None) -> bool:
        """Whether a flag's value leads to the source."""
        return bool(self.word) and self.word in (value or "")
