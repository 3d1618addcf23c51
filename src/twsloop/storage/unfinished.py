"""A comparison with the gateway that began, and was never reported: its process was killed.

What the gateway had listed by then may be written down, and would be no news to the next process:
the question about it would be lost with the report. So the next process compares with how things
stood when the comparison began (`twsloop.events.ComparisonBegan`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import attrs

from twsloop.events import Fact, Fill, reconcile_story

from .order_state import OrderState
from .replay import Replay
from .rows import Entry

__all__ = ["Baseline", "Mark", "unfinished"]

_MARKS = """
SELECT seq, time, epoch FROM entry WHERE correlation_id = ? AND kind = 'ComparisonBegan'
ORDER BY seq DESC
"""
_REPORTS = "SELECT epoch FROM entry WHERE seq > ? AND kind = 'GapReport' ORDER BY seq"
#: What makes a difference to the next process.
_HEARD = """
SELECT epoch FROM entry WHERE seq > ?
AND (kind IN ('Fill', 'PositionsHeld') OR kind LIKE 'Order%') ORDER BY seq
"""


@attrs.frozen
class Mark:
    """Where a comparison began.

    Attributes:
        seq: The entry that says so.
        time: When.
    """

    seq: int
    time: str


def unfinished(
    journal: sqlite3.Connection, client_id: int, sessions: Collection[int]
) -> Mark | None:
    """The first comparison that was not reported, itself or with a later one.

    None if all were, or if nothing was heard since: then there is nothing to go back for.
    """
    found = None
    for seq, time, epoch in journal.execute(_MARKS, (reconcile_story(client_id),)):
        if epoch not in sessions:
            continue
        if _is_one_since(journal, _REPORTS, seq, sessions):
            break
        found = Mark(seq, time)
    if found is None or not _is_one_since(journal, _HEARD, found.seq, sessions):
        return None
    return found


def _is_one_since(
    journal: sqlite3.Connection, which: str, seq: int, sessions: Collection[int]
) -> bool:
    return any(epoch in sessions for (epoch,) in journal.execute(which, (seq,)))


class Baseline:
    """How the orders stood at a mark, and what was written since.

    Args:
        mark: Where the comparison began; None if none is open.

    Attributes:
        orders: The orders that might work then, if anything was written since.
        fills: The executions that were written since.
    """

    def __init__(self, mark: Mark | None) -> None:
        self._mark = mark
        self._known: frozenset[int] | None = None
        self.orders: tuple[OrderState, ...] = ()
        self.fills: list[Fill] = []

    def read(self, entry: Entry, fact: Fact, replay: Replay) -> None:
        """The next entry, before it is taken."""
        if self._mark is None or entry.seq < self._mark.seq:
            return
        if self._known is None:
            self._known = frozenset(map(id, replay.orders))
            self.orders = tuple(_copy(one) for one in replay.orders if one.may_be_working)
        if isinstance(fact, Fill):
            self.fills.append(fact)

    def appeared(self, replay: Replay) -> tuple[OrderState, ...]:
        """The orders that nobody meant, and that the gateway has shown since."""
        known = self._known
        if known is None:
            return ()
        return tuple(one for one in replay.orders if id(one) not in known and one.revision is None)


def _copy(state: OrderState) -> OrderState:
    return attrs.evolve(
        state,
        told=dict(state.told),
        fills=dict(state.fills),
        commissions=dict(state.commissions),
    )
