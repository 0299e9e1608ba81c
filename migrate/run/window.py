"""Nodes taken through stages: in each a sliding window, where a free slot takes the next node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

J = TypeVar("J")
S = TypeVar("S")


def slide(
    stages: Iterable[tuple[Sequence[J], int]],
    act: Callable[[J], S],
    ended: Callable[[S], str],
    gate: Callable[[Sequence[J], J], str],
    again: Callable[[S], bool] = lambda result: False,
) -> tuple[list[S], list[J], str]:
    """What came of each that was begun, those that were not, and why not.

    Before each one `gate` is asked, with those that are under way and with this one; `ended` is asked of each result. After a word of
    either no other is begun, and those under way end. One whose result is to be had `again` is the next one.
    """
    came: list[S] = []
    left: list[J] = []
    why = ""
    for members, at_once in stages:
        waiting = list(members)
        running: dict[Future[S], J] = {}
        with ThreadPoolExecutor(max(1, at_once)) as pool:
            while running or (waiting and not why):
                free = bool(waiting) and not why and len(running) < at_once
                if free:
                    why = gate(list(running.values()), waiting[0])  # which may take minutes, in which one may fail
                found = {future for future in running if future.done()} if free else wait(running, return_when=FIRST_COMPLETED).done
                back = []
                for future in found:
                    one = running.pop(future)
                    if again(future.result()):
                        back.append(one)
                        continue
                    came.append(future.result())
                    why = why or ended(came[-1])
                waiting = back + waiting
                if free and not why and not back:  # for those the gate is asked again
                    one = waiting.pop(0)
                    running[pool.submit(act, one)] = one
        left += waiting
    return came, left, why
