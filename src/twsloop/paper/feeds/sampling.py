"""IB's sampling of market data: one set of changes per interval (pure).

IB does not send every change of US stocks but an image every 250 ms. Here the interval k of an
instrument holds its events with ``time_ns // interval_ns == k``: intervals are aligned to the
clock of the data, the same for all instruments. An interval ends when an event of a later one
comes, of whatever instrument, or the data ends. Then, for each instrument:

- of its quote changes the last one remains, whole;
- of its trades one remains: price, size, time and venue of the last; ``volume`` is the sum of all
  sizes; ``first``, ``high`` and ``low`` are those of the interval;
- of its halts the last one remains.

What remains comes in the order in which it happened, with its own time stamps. A quote that is
back where it was before the interval is a repeat for the book, and emits nothing.
"""

from __future__ import annotations

import attrs

from twsloop.paper.market.vocabulary import Event, Trade

__all__ = ["IB_INTERVAL_NS", "Sampler"]

#: IB's interval for US stocks, futures, bonds and indices: 250 ms.
IB_INTERVAL_NS = 250_000_000


class Sampler:
    """Folds events into one set per interval.

    Args:
        interval_ns: Length of an interval in nanoseconds of the data's time.
    """

    def __init__(self, interval_ns: int = IB_INTERVAL_NS) -> None:
        self._interval_ns = interval_ns
        self._interval = -1
        # Insertion order is the order of the last event of each kind: it is re-inserted each time.
        self._waiting: dict[tuple[int, type[Event]], Event] = {}

    def advance(self, time_ns: int) -> list[Event]:
        """The data's time is now this: what of the interval before remains, if it ended."""
        interval = time_ns // self._interval_ns
        if interval <= self._interval:
            return []
        self._interval = interval
        return self.flush()

    def add(self, event: Event) -> None:
        """Take an event of the current interval (call `advance` with its time first)."""
        key = (event.con_id, type(event))
        before = self._waiting.pop(key, None)
        if isinstance(event, Trade) and isinstance(before, Trade):
            event = _fold(before, event)
        self._waiting[key] = event

    def flush(self) -> list[Event]:
        """End the interval: what remains of it, in order."""
        remaining = list(self._waiting.values())
        self._waiting.clear()
        return remaining

    @property
    def ends_ns(self) -> int:
        """When the current interval ends."""
        return (self._interval + 1) * self._interval_ns


def _fold(before: Trade, last: Trade) -> Trade:
    first = before.price if before.first is None else before.first
    high = before.price if before.high is None else before.high
    low = before.price if before.low is None else before.low
    volume = before.size if before.volume is None else before.volume
    return attrs.evolve(
        last,
        volume=volume + (last.size if last.volume is None else last.volume),
        first=first,
        high=max(high, last.price if last.high is None else last.high),
        low=min(low, last.price if last.low is None else last.low),
    )
