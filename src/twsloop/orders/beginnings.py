"""How a gap begins: what is known then, and the mark that the journal gets. Loop thread.

The mark stands where the gateway is about to tell what was missed. If the process is killed before
that is reported, the next one compares anew, from the mark on (`storage.unfinished`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from twsloop.connection.core import Core
from twsloop.events import ComparisonBegan, reconcile_story

from .book import OrderBook
from .gaps import Gap, Standing, standing_of
from .holdings import Holdings
from .recording import Journal
from .restoring import Kept, Known, record_of
from .state import OrderRecord, OrderStatus, may_be_working

__all__ = ["Beginnings"]


class Beginnings:
    """Makes gaps.

    Args:
        core: The connection.
        book: Every order.
        journal: Gets the marks.
        held: The positions as they were last reported; None if nobody has asked for them.
    """

    def __init__(
        self, core: Core, book: OrderBook, journal: Journal, held: Callable[[], Holdings | None]
    ) -> None:
        self._core, self._book = core, book
        self._journal, self._held = journal, held

    def now(self, cause: str, reason: str) -> Gap:
        """One that begins now; where the link was lost, with the last byte."""
        core = self._core
        began = core.clock.now()
        if cause == "link" and core.heard_at is not None:
            began -= timedelta(seconds=core.clock.monotonic() - core.heard_at)
        return Gap(cause, reason, began, core.epoch, orders=self._standing(), held=self._held())

    def since(self, known: Known) -> Gap:
        """The one between the end of earlier processes and now.

        If the last one ended as it compared, what it had heard by then is what was missed.

        Args:
            known: What the journal tells; its orders are in the book, and the gateway has said
                nothing yet.
        """
        core, ended_at = self._core, known.ended_at
        reason = "another process was here before"
        if ended_at is None:
            reason, ended_at = "the journal knows of nothing before", core.clock.now()
        standing = self._standing()
        for strange in map(self._found, known.appeared):
            if strange is not None:
                standing.pop(strange, None)
        for before in known.before:
            record = self._found(before)
            if record is not None:
                standing[record] = standing_of(record_of(before, core.clock.now()))
        self.mark("start")
        gap = Gap("start", reason, ended_at, core.epoch, orders=standing)
        gap.executions.extend(known.unreported)
        return gap

    def mark(self, cause: str) -> None:
        """What is heard from now on may be what was missed, and is compared."""
        core = self._core
        self._journal.record(
            ComparisonBegan(
                time=core.clock.now(),
                correlation_id=reconcile_story(core.client_id),
                client_id=core.client_id,
                cause=cause,
            )
        )

    def _standing(self) -> dict[OrderRecord, Standing]:
        return {
            record: standing_of(record)
            for record in self._book
            # One that was not sent yet, nobody can have lost.
            if may_be_working(record) and record.status is not OrderStatus.CREATED
        }

    def _found(self, kept: Kept) -> OrderRecord | None:
        return self._book.find(kept.client_id, kept.order_id, kept.perm_id or 0)
