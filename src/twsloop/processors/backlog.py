"""Who is so far behind with what happened to orders that no new order may be placed.

Reports about orders are never dropped: beyond the bound of a queue they wait all the same. But a
program that has not heard of the last thousand fills must not place the next order by what it
believes; so new orders are refused then, by name, until it has caught up. Cancels always pass.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

__all__ = ["ORDER_FACTS", "Backlog"]

#: EWrapper's callbacks that say what happened to an order, without their protobuf twins.
ORDER_FACTS = frozenset(
    {
        "orderStatus",
        "openOrder",
        "execDetails",
        "commissionAndFeesReport",
        "completedOrder",
        "orderBound",
    }
)


class Backlog:
    """The callbacks and queues that are behind; from any thread.

    Attributes:
        spilled: How many order facts had to wait beyond the bound of their queue, so far.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._behind: dict[Hashable, tuple[str, int]] = {}
        self.spilled = 0

    def note(self, who: Hashable, name: str, waiting: int) -> None:
        """Another order fact waits beyond the bound.

        Args:
            who: The queue.
            name: What it is, in words.
            waiting: How many wait in it.
        """
        with self._lock:
            self.spilled += 1
            self._behind[who] = name, waiting

    def clear(self, who: Hashable) -> None:
        """It has caught up, or is gone."""
        with self._lock:
            self._behind.pop(who, None)

    @property
    def reason(self) -> str:
        """Why no new order may be placed; empty if there is no reason."""
        behind = next(iter(tuple(self._behind.values())), None)
        if behind is None:
            return ""
        name, waiting = behind
        return f"{name} is behind: {waiting} reports about orders wait for it"
