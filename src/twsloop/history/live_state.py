"""Bars that are kept up to date: what an answer, and each update, changes (pure).

IB tells the bars so far, then the bar under way every few seconds with the same time, until a later
one begins. After an interruption (10182, a lost link) the same request is made again, and tells
bars again that are known already. Put together, every bar is told as over exactly once, in order:
nothing twice, and no hole, as far as the new answer reaches back to what was known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs

from .rows import Bar

__all__ = ["BarUpdate", "LiveBars"]


@attrs.frozen
class BarUpdate:
    """What an update tells.

    Attributes:
        bar: The bar as it is now.
        over: Whether it is over: a later one began, and it will not change any more.
    """

    bar: Bar
    over: bool


#: How many bars are kept, the newest.
KEPT = 10_000


class LiveBars:
    """The bars of one stream; the newest ten thousand of them.

    Attributes:
        holes: How often an answer after an interruption did not reach back to what was known.
    """

    def __init__(self) -> None:
        self._over: deque[Bar] = deque(maxlen=KEPT - 1)
        self._current: Bar | None = None
        self._snapshot: tuple[Bar, ...] | None = None
        self.holes = 0

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars, the one under way last; a copy that does not change."""
        snapshot = self._snapshot
        if snapshot is None:
            current = () if self._current is None else (self._current,)
            snapshot = self._snapshot = (*self._over, *current)
        return snapshot

    @property
    def current(self) -> Bar | None:
        """The bar under way."""
        return self._current

    def answer(self, bars: Iterable[Bar]) -> list[BarUpdate]:
        """The bars so far, at the beginning or after an interruption; the last is under way."""
        told = sorted({bar.time: bar for bar in bars}.values(), key=lambda bar: bar.time)
        if not told:
            return []
        if self._current is not None and told[0].time > self._current.time:
            self.holes += 1
        found: list[BarUpdate] = []
        for bar in told:
            found += self.update(bar)
        return found

    def update(self, bar: Bar) -> list[BarUpdate]:
        """One bar; a bar before the one under way is known already, and changes nothing."""
        current = self._current
        if current is not None and (bar.time < current.time or bar == current):
            return []
        found: list[BarUpdate] = []
        if current is not None and bar.time > current.time:
            self._over.append(current)
            found.append(BarUpdate(current, over=True))
        self._current = bar
        self._snapshot = None
        found.append(BarUpdate(bar, over=False))
        return found
