"""What a pod asks of a node, as the scheduler counts it.

Source: kubernetes/component-helpers resource/helpers.go (PodRequests), kubernetes pkg/scheduler/framework/plugins/noderesources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import ceil

from migrate.facts.pod import PodContainer, PodSpec
from migrate.formats.quantity import quantity

PODS = "pods"  # of which each pod takes one
CPU, MEMORY = "cpu", "memory"
Amounts = Mapping[str, int]  # by resource name: cpu in thousandths of a core, all others in their own unit (bytes, pieces)


def amounts(named: Mapping[str, str | int | float] | None) -> dict[str, int]:
    """Quantities as numbers, rounded up; raises FormatError for what is no quantity."""
    return {name: _number(str(text), 1000 if name == CPU else 1) for name, text in (named or {}).items()}


def demand(spec: PodSpec) -> dict[str, int]:
    """What one pod asks for: its containers together, or more where init containers ask for more, its overhead, and its own place."""
    running, beside, highest = _sum(spec.containers), dict[str, int](), dict[str, int]()
    for container in spec.init_containers or ():
        asks = amounts(container.resources.requests if container.resources else None)
        if container.restart_policy == "Always":  # it goes on beside all that come later
            beside = _plus(beside, asks)
            asks = beside
        else:
            asks = _plus(asks, beside)
        highest = {name: max(highest.get(name, 0), asks.get(name, 0)) for name in {*highest, *asks}}
    running = _plus(running, beside)
    together = {name: max(running.get(name, 0), highest.get(name, 0)) for name in {*running, *highest}}
    if spec.overhead:
        together = _plus(together, amounts(spec.overhead))
    together[PODS] = 1
    return together


def told(resource: str, amount: int) -> str:
    """An amount as Kubernetes writes it: `500m`, `512Mi`."""
    if resource == CPU:
        return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
    if resource == MEMORY or resource.startswith(("ephemeral-storage", "hugepages-")):
        return f"{amount // 2**20}Mi" if abs(amount) >= 2**20 else str(amount)
    return str(amount)


def _sum(containers: Iterable[PodContainer]) -> dict[str, int]:
    found: dict[str, int] = {}
    for container in containers:
        if container.resources and container.resources.requests:
            found = _plus(found, amounts(container.resources.requests))
    return found


def _plus(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{name: one.get(name, 0) + amount for name, amount in other.items()}}


@lru_cache(4096)
def _number(text: str, times: int) -> int:
    return ceil(quantity(text) * times)
