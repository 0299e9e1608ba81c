"""Sizes, thresholds and durations as Docker, Kubernetes and Go write them.

The same letters differ: `10m` is 10,000,000 bytes in Docker's log options, 10 MiB in its memory options, and a hundredth in Kubernetes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

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
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_PART = re.compile(r"([0-9]*\.?[0-9]*)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One eviction threshold: `signal` below `amount` (bytes, inodes or PIDs) or below `percent` (0 to 100) of the capacity."""

    signal: str
    amount: Fraction | None
    percent: Fraction | None


def docker_size(text: str) -> int:
    """Bytes of a Docker size in powers of 1000, such as the log option `max-size` (go-units FromHumanSize)."""
    return _docker(text, 1000)


def docker_memory(text: str) -> int:
    """Bytes of a Docker size in powers of 1024, such as `default-shm-size` (go-units RAMInBytes)."""
    return _docker(text, 1024)


def quantity(text: str) -> Fraction:
    """The exact value of a Kubernetes quantity such as "10Mi", "1.5G", "100m" (apimachinery resource.ParseQuantity)."""
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise FormatError(FORMAT, f"{text!r} is no Kubernetes quantity")
    number, suffix, exponent = Fraction(found[1].removesuffix(".")), found[2], found[3]
    if suffix in _BINARY:
        return number * _BINARY[suffix]
    return number * Fraction(10) ** (_DECIMAL[suffix] if suffix else int(exponent or 0))


def quantity_bytes(text: str) -> int:
    """A Kubernetes quantity in whole bytes, rounded up as Quantity.Value() does. FormatError below zero or beyond 64 bits."""
    whole = ceil(quantity(text))
    if quantity(text) < 0 or whole >= 2**63:
        raise FormatError(FORMAT, f"{text!r} is no size in bytes")
    return whole


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


def thresholds(values: Mapping[str, str]) -> tuple[Threshold, ...]:
    """The thresholds of an `evictionHard` mapping, those switched off left out."""
    return tuple(t for signal, value in values.items() if (t := threshold(signal, value)))


def threshold_map(text: str) -> dict[str, str]:
    """The value of `--eviction-hard` ("memory.available<100Mi,nodefs.available<10%") as the mapping that `evictionHard` holds."""
    found: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        signal, less, value = part.partition("<")
        if not less:
            raise FormatError(FORMAT, f"{part!r} is no threshold like memory.available<100Mi")
        found[signal.strip()] = value.strip()
    return found


def duration_ns(text: str) -> int:
    """Nanoseconds of a Go duration such as "1m30s" or "250ms" (time.ParseDuration), fractions of one cut off."""
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        raise FormatError(FORMAT, f"{text!r} is no duration like 1m30s")
    total = sum(int(Fraction(f"0{number.removesuffix('.')}") * _NANOSECONDS[unit]) for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total


def _docker(text: str, base: int) -> int:
    found = _DOCKER.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise FormatError(FORMAT, f"{text!r} is no Docker size like 10m")
    return int(Fraction(found[1]) * base ** ("bkmgtp".index((found[2] or "b").lower())))
