"""Sizes and thresholds as Docker and Kubernetes write them.

The same letters differ: `10m` is 10,000,000 bytes in Docker's log options and a hundredth in Kubernetes.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from migrate.formats import FormatError

FORMAT = "quantity"
SIGNALS = frozenset(
    {
        "memory.available",
        "nodefs.available",
        "nodefs.inodesFree",
        "imagefs.available",
        "imagefs.inodesFree",
        "containerfs.available",
        "containerfs.inodesFree",
        "allocatableMemory.available",
        "pid.available",
    }
)
_LONGEST = 64
_DOCKER = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_QUANTITY = re.compile(r"([+-]?(?:[0-9]++(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One eviction threshold: `signal` below `amount` (bytes, inodes or PIDs) or below `percent` (0 to 100) of the capacity."""

    signal: str
    amount: Fraction | None
    percent: Fraction | None


def docker_size(text: str) -> int:
    """Bytes of a Docker size in powers of 1000, such as the log option `max-size` (go-units FromHumanSize)."""
    found = _DOCKER.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise FormatError(FORMAT, f"{text!r} is no Docker size like 10m")
    return int(Fraction(found[1]) * 1000 ** ("bkmgtp".index((found[2] or "b").lower())))


def quantity(text: str) -> Fraction:
    """The exact value of a Kubernetes quantity such as "10Mi", "1.5G", "100m" (apimachinery resource.ParseQuantity)."""
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise FormatError(FORMAT, f"{text!r} is no Kubernetes quantity")
    number, suffix, exponent = Fraction(found[1].removesuffix(".")), found[2], found[3]
    if suffix in _BINARY:
        return number * _BINARY[suffix]
    return number * Fraction(10) ** (_DECIMAL[suffix] if suffix else int(exponent or 0))


def as_quantity(count: int) -> str:
    """Bytes as the shortest Kubernetes quantity that is exactly as much: 10000000 is "10M", 10485760 "10Mi"."""
    units = {**_BINARY, **{unit: 10**power for unit, power in _DECIMAL.items() if power > 0}}
    exact = [f"{count // size}{unit}" for unit, size in units.items() if count and count % size == 0]
    return min([str(count), *exact], key=len)


def threshold(signal: str, value: str) -> Threshold | None:
    """One entry of `evictionHard` or `evictionSoft`; None for "0%" and "100%", which switch a signal off.

    Raises FormatError for what the kubelet refuses: an unknown signal, nothing or less, more than 100 %. (pkg/kubelet/eviction/helpers.go)
    """
    if signal not in SIGNALS:
        raise FormatError(FORMAT, f"{signal!r} is no eviction signal")
    if value in ("0%", "100%"):
        return None
    if found := _PERCENT.fullmatch(value[:_LONGEST]):
        if Fraction(found[1]) > 100:
            raise FormatError(FORMAT, f"the eviction threshold {signal} is above 100 %: {value}")
        return Threshold(signal, None, Fraction(found[1]))
    amount = quantity(value)
    if amount <= 0:
        raise FormatError(FORMAT, f"the eviction threshold {signal} must be positive: {value}")
    return Threshold(signal, amount, None)


def threshold_map(text: str) -> dict[str, str]:
    """The value of `--eviction-hard` ("memory.available<100Mi,nodefs.available<10%") as the mapping that `evictionHard` holds."""
    found: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        signal, less, value = part.partition("<")
        if not less:
            raise FormatError(FORMAT, f"{part!r} is no threshold like memory.available<100Mi")
        found[signal.strip()] = value.strip()
    return found


def size(count: int) -> str:
    """Bytes for people: `1.2 GB`, `340 MB`, `12 kB` (decimal, as docker prints them)."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
