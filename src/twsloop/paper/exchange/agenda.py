"""What is due: times at which an order has to be looked at again.

Pure. The engine is told the time with each request and each event of the market; for what happens
by time alone (an expiry, an auction, a condition) whoever runs it asks `Agenda.next` and calls
`Engine.on_time` then. An entry says only when, and which order: what is to be done follows from the
order itself, so that entries need not be taken back.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from datetime import datetime

import attrs

from twsloop.paper.orders.order import PaperOrder

__all__ = ["Agenda"]


@attrs.define(eq=False)
class Agenda:
    """Times and orders, the earliest first; equal times in the order they were noted.

    A time is noted once for an order, however often it is told: orders are changed all day.
    """

    _heap: list[tuple[datetime, int, PaperOrder]] = attrs.Factory(list)
    _count: Iterator[int] = attrs.Factory(itertools.count)
    _noted: set[tuple[datetime, PaperOrder]] = attrs.Factory(set)

    def note(self, when: datetime | None, order: PaperOrder) -> None:
        """Look at this order then; None is never."""
        if when is not None and (when, order) not in self._noted:
            self._noted.add((when, order))
            heapq.heappush(self._heap, (when, next(self._count), order))

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next(self) -> datetime | None:
        """When something is due; None for nothing."""
        heap = self._heap
        while heap and heap[0][2].is_terminal:
            self._pop()
        return heap[0][0] if heap else None

    def due(self, now: datetime) -> Iterator[PaperOrder]:
        """The orders that are due, each entry once, also those noted meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            order = self._pop()
            if not order.is_terminal:
                yield order

    def _pop(self) -> PaperOrder:
        when, _, order = heapq.heappop(self._heap)
        self._noted.discard((when, order))
        return order
