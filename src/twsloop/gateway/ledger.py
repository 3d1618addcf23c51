"""The ledger by tag of one connection: kept up to date from what is told, and from the journal."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from twsloop.account.ledger import TagLedger
from twsloop.account.profit import Booked
from twsloop.account.rows import Position
from twsloop.account.tag_rows import LedgerDrift, Opened, TagPosition
from twsloop.connection.core import Core
from twsloop.event_loop import Future
from twsloop.events import Fact
from twsloop.events.shown import OrderShown
from twsloop.events.statuses import ENDED
from twsloop.storage.queries import entries, fact_of

__all__ = ["LedgerDesk", "Reads"]

T = TypeVar("T")

#: The kinds of facts that a ledger is counted from.
_KINDS = ("CommissionReported", "Fill", "OrderIntent", "OrderStep")
#: How many facts are read at once.
_PAGE = 5000
_NEXT = f"WHERE seq > ? AND kind IN ({', '.join('?' * len(_KINDS))}) ORDER BY seq LIMIT {_PAGE}"


class Reads(Protocol):
    """A journal that can be read."""

    @property
    def active(self) -> bool:
        """Whether there is one."""
        ...

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of a function that reads the file, in a thread of its own."""
        ...


class LedgerDesk:
    """Positions as the program meant them: by tag, account and contract, from flat to flat.

    With a journal it knows everything that was written down, by whatever process; without one the
    orders and executions that are known here. It counts when it is asked, and costs nothing before.

    Args:
        core: The connection.
        journal: What was written down.
        executions: The executions that are known here, with their contracts.
        orders: The orders that are known here.
        positions: Asks for the positions of all accounts.
    """

    def __init__(
        self,
        core: Core,
        journal: Reads,
        *,
        executions: Callable[[], Iterable[Booked]],
        orders: Callable[[], Iterable[OrderShown]],
        positions: Callable[[], Awaitable[Sequence[Position]]],
    ) -> None:
        self._core = core
        self._journal = journal
        self._executions = executions
        self._orders = orders
        self._positions = positions
        self._ledger = TagLedger()
        self._read = 0
        #: The orders that are over, and were looked at since.
        self._over: set[tuple[int, int]] = set()

    def opened(self, *before: Opened) -> None:
        """Say what was held before the first execution that is known; from any thread."""
        self._core.event_loop.call(self._ledger.open, before)

    def positions(
        self,
        *,
        tag: str | None = None,
        account: str = "",
        con_id: int = 0,
        open_only: bool = False,
    ) -> Future[list[TagPosition]]:
        """The rounds, by the time they were opened; see `TagLedger.positions`."""

        async def work() -> list[TagPosition]:
            await self._catch_up()
            return self._ledger.positions(
                tag=tag, account=account, con_id=con_id, open_only=open_only
            )

        return self._core.event_loop.submit(work)

    def drift(self) -> Future[list[LedgerDrift]]:
        """Where the broker says something else than all tags together."""

        async def work() -> list[LedgerDrift]:
            return await self.drift_of(await self._positions())

        return self._core.event_loop.submit(work)

    async def drift_of(self, held: Sequence[Position]) -> list[LedgerDrift]:
        """The same for positions that were asked for already; loop thread."""
        await self._catch_up()
        for row in held:
            self._ledger.learn(row.contract)
        return self._ledger.drift(held)

    # ---- inside --------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Read what was written down since the last time."""
        for booked in self._executions():
            self._ledger.learn(booked.contract)
            self._ledger.take(booked.fill)
            if booked.commission is not None:
                self._ledger.take(booked.commission)
        if not self._journal.active:
            self._look_at_orders()
        while self._journal.active:
            since = self._read
            page = await self._journal.ask(functools.partial(_page, since))
            if self._read != since:
                continue  # somebody else read it meanwhile
            for seq, fact in page:
                self._ledger.take(fact)
                self._read = seq
            if len(page) < _PAGE:
                return

    def _look_at_orders(self) -> None:
        """Those that are over are kept folded, and looked at once."""
        for order in self._orders():
            key = order.client_id, order.order_id
            if key not in self._over:
                over = order.status in ENDED
                self._ledger.see(order)
                if over:
                    self._over.add(key)


def _page(since: int, file: sqlite3.Connection) -> list[tuple[int, Fact]]:
    found = entries(file, _NEXT, (since, *_KINDS))
    return [(entry.seq, fact_of(entry)) for entry in found]
