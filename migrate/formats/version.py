"""Versions of Kubernetes, container runtimes and kernels, with whatever a distribution appended."""

import re
from dataclasses import dataclass, field

from migrate.formats import FormatError

FORMAT = "version"
_VERSION = re.compile(r"(?:[0-9]+:)?v?([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})([-+~.][0-9A-Za-z.+~_:-]*)?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Three numbers, by which alone versions compare, and the rest as written ("-gke.3200", "~ds1", "-rc.1", "")."""

    major: int
    minor: int
    patch: int
    suffix: str = field(default="", compare=False)

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor, such as (1, 24)."""
        return self.major, self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{self.suffix}"


def parse(text: str) -> Version:
    """A version such as "v1.24.9-gke.3200", "20.10.24+dfsg1", "5:20.10.21~3-0~ubuntu"; `v` and a package epoch are dropped.

    Raises FormatError for anything without three numbers in front.
    """
    found = _VERSION.fullmatch(text)
    if not found:
        raise FormatError(FORMAT, f"{text!r} does not start with three numbers like 1.23.17")
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "")


def known(text: str | None) -> Version | None:
    """The version that `parse` reads, None for none and for a text that is no version."""
    try:
        return parse(text) if text else None
    except FormatError:
        return None
