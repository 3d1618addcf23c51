"""What the gate remembers from one order to the next. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import attrs

from .breaker import Breaker
from .counters import DayCount, Duplicates, SlidingCount
from .reservations import Key, Reservations
from .sources import Sources
from .values import ZERO

__all__ = ["DayBook", "Memory"]

#: So many refused orders are remembered, for the orders that are attached to them.
_REFUSED = 10_000


@attrs.define
class _Day:
    day: date
    peak: Decimal = ZERO
    latched: set[str] = attrs.field(factory=set)


class DayBook:
    """What counts for one day: the highest profit, and limits that were reached, by account."""

    def __init__(self) -> None:
        self._days: dict[str, _Day] = {}

    def note(self, account: str, profit: Decimal, day: date) -> None:
        """The profit of an account is this now."""
        row = self._of(account, day)
        row.peak = max(row.peak, profit)

    def peak(self, account: str, day: date) -> Decimal:
        """The highest profit of the day; 0 at least."""
        row = self._days.get(account)
        return row.peak if row is not None and row.day == day else ZERO

    def latch(self, account: str, name: str, day: date) -> None:
        """A limit was reached: it counts as reached for the rest of the day."""
        self._of(account, day).latched.add(name)

    def latched(self, account: str, name: str, day: date) -> bool:
        """Whether a limit was reached on that day, and nobody released it."""
        row = self._days.get(account)
        return row is not None and row.day == day and name in row.latched

    def names(self, day: date) -> list[tuple[str, str]]:
        """All (account, limit) that are latched on a day."""
        rows = ((account, row) for account, row in self._days.items() if row.day == day)
        return sorted((account, name) for account, row in rows for name in row.latched)

    def release(self, account: str, name: str) -> bool:
        """The limit counts as reached no more. False if it did not."""
        row = self._days.get(account)
        if row is None or name not in row.latched:
            return False
        row.latched.discard(name)
        return True

    def _of(self, account: str, day: date) -> _Day:
        row = self._days.get(account)
        if row is None or row.day < day:
            row = self._days[account] = _Day(day)
        return row


class Memory:
    """Working orders, counts and latches.

    Args:
        sources: What is known.
    """

    def __init__(self, sources: Sources) -> None:
        self.working = Reservations(sources)
        self.second = SlidingCount(1.0)
        self.minute = SlidingCount(60.0)
        self.of_day = DayCount()
        self.duplicates = Duplicates()
        self.days = DayBook()
        self.breaker = Breaker()
        #: Refused orders, and what each is attached to.
        self._refused: dict[Key, Key | None] = {}
        self._broken: dict[Key, set[Key]] = {}

    def refuse(self, key: Key, parent: Key | None) -> None:
        """An order may not leave: nor may what is attached to it, or waits with it.

        Args:
            key: Which.
            parent: What it is attached to, while that waits for what is attached to leave.
        """
        if not key[1]:
            return
        self.let_pass(key)
        self._refused[key] = parent
        if parent is not None:
            self._broken.setdefault(parent, set()).add(key)
        if len(self._refused) > _REFUSED:
            self.let_pass(next(iter(self._refused)))

    def leave(self) -> None:
        """Another login answers, whose orders may have the same ids: every order is forgotten.

        What counts for an account stays, as it may be back, and what counts for the program does.
        """
        self.working.leave()
        self._refused.clear()
        self._broken.clear()

    def let_pass(self, key: Key) -> None:
        """An order of this id may leave after all."""
        parent = self._refused.pop(key, None)
        if parent is not None:
            broken = self._broken[parent]
            broken.discard(key)
            if not broken:
                del self._broken[parent]

    def was_refused(self, key: Key) -> bool:
        """Whether an order of this id was refused last."""
        return key in self._refused

    def broken(self, parent: Key, key: Key) -> bool:
        """Whether another one than ``key`` was refused that was to leave with its parent."""
        return bool(self._broken.get(parent, set()) - {key})
