"""What stays unknown is asked for again, a bounded number of times a session. Loop thread.

Orders that are UNCERTAIN, and lists that did not come: five times, each wait three times as long as
the one before ([orders] look_again is the first). The next session asks for everything anyhow, and
begins anew.
"""

from __future__ import annotations

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.session.state import State

from .book import OrderBook
from .state import OrderRecord, OrderStatus
from .sync import Sync

__all__ = ["FACTOR", "LOOKS", "SERVING", "STILL_MISSING", "AskingAgain"]

#: How often it is asked again within a session, and by how much longer each wait is.
LOOKS, FACTOR = 5, 3
STILL_MISSING = "the gateway lists it neither open nor completed"

#: The states in which lists can be asked for.
SERVING = frozenset({State.READY, State.DEGRADED})


class AskingAgain:
    """Asks for what is unknown, as long as something is.

    Args:
        core: The connection.
        book: Every order.
        sync: Asks the gateway.
    """

    def __init__(self, core: Core, book: OrderBook, sync: Sync) -> None:
        self._core = core
        self._book = book
        self._sync = sync
        self._looks = 0
        self._timer: Timer | None = None

    def plan(self) -> None:
        """Ask again in a while, if something is unknown that asking may tell."""
        core = self._core
        first = core.config.orders.look_again
        if (
            not first
            or self._timer is not None
            or self._looks >= LOOKS
            or not core.supervised
            or not core.connected
        ):
            return
        if self._uncertain() or self._lists_are_missing():
            self._timer = core.clock.call_later(first * FACTOR**self._looks, self._look_soon)

    def stop(self) -> None:
        """The session is over."""
        self._looks = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _uncertain(self) -> list[OrderRecord]:
        return [
            record for record in self._book if record.own and record.status is OrderStatus.UNCERTAIN
        ]

    def _lists_are_missing(self) -> bool:
        sync = self._sync
        return sync.decided and not sync.known and not sync.refused

    def _look_soon(self) -> None:
        self._timer = None
        self._core.event_loop.spawn(self._look(), name="uncertain orders")

    async def _look(self) -> None:
        if self._core.state not in SERVING:
            return
        self._looks += 1
        lists = await self._sync.look(STILL_MISSING)
        if lists is None:
            return
        now = self._core.clock.now()
        text = f"asked again ({self._looks} of {LOOKS} times)"
        text += f": {'; '.join(lists.unknown) or STILL_MISSING}"
        for record in self._uncertain():
            record.note(now, "uncertain", text, once=True)
        self.plan()
