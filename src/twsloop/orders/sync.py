"""Knowing the orders: open, completed and executed ones, fetched before each READY."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from typing import Any

from ibapi.execution import ExecutionFilter
from ibapi.server_versions import MIN_SERVER_VER_COMPLETED_ORDERS

from twsloop.connection.core import Core
from twsloop.errors import RequestError, SessionError
from twsloop.event_loop import Future

from .book import Change, OrderBook
from .executions import BookedFill
from .state import OrderInput, OrderRecord
from .views import CompletedOrder, OrderView, read_completed, view_of

__all__ = ["Sync"]

#: The share of ``ready_timeout`` that fetching may take: its failure is not the session's.
PATIENCE = 0.6


class Sync:
    """Fetches what the gateway knows of orders, and says whether we know it.

    Args:
        core: The connection.
        book: Where the answers go (the processor puts them there).
        announce: Told of each change that reconciling makes.

    Attributes:
        known: Whether open, completed and executed orders were fetched in this session.
        decided: Whether that was tried, so that ``known`` is the last word on it.
        reason: Why they are not known.
    """

    def __init__(self, core: Core, book: OrderBook, announce: Callable[[Change], object]) -> None:
        self._core = core
        self._book = book
        self._announce = announce
        self.known = False
        self.decided = False
        self.reason = "no session yet"
        self._session = object()

    def forget(self, reason: str) -> None:
        """The session is over: what was known may be wrong now."""
        self.known = self.decided = False
        self.reason = reason
        self._session = object()

    async def fetch(self) -> None:
        """Ask for all three, and reconcile; a failure is no exception but ``known = False``."""
        session = self._session
        try:
            records = await self.ask_all()
        except (RequestError, SessionError) as error:
            if session is self._session:
                self.known, self.decided, self.reason = False, True, str(error)
            return
        if session is not self._session:
            return  # that one is over; what it did not tell is the next one's to say
        self.known, self.decided, self.reason = True, True, ""
        for change in self._book.reconcile(records, self._core.clock.now()):
            self._announce(change)

    async def look_again(self, record: OrderRecord) -> None:
        """The gateway says it does not know this order: does it list it anywhere?

        Only this one is judged: others may have been placed while the answers were under way.
        """
        with contextlib.suppress(RequestError, SessionError):
            if record not in await self.ask_all() and not record.final:
                reason = f"{record.reason}; it is listed neither open nor completed".lstrip("; ")
                now = self._core.clock.now()
                change = self._book.apply_input(record, OrderInput.MISSING, now, reason)
                self._announce(change)

    async def ask_all(self) -> set[OrderRecord]:
        """Ask for open, completed and executed orders; those that are open."""
        params = self._core.config.connection
        timeout = min(params.request_timeout, params.ready_timeout * PATIENCE)
        # Sent one behind the other, answered one after the other: one round trip for all three.
        asked = [self.ask_open(timeout)]
        # An older gateway does not know the question: no end would ever come.
        if self._core.server_version >= MIN_SERVER_VER_COMPLETED_ORDERS:
            asked.append(self._ask_completed(timeout))
        asked.append(self.ask_executions(ExecutionFilter(), timeout))
        answers = [await future for future in asked]
        return {record for record in answers[0] if isinstance(record, OrderRecord)}

    # ---- questions of users --------------------------------------------------------------

    async def open_orders(self) -> list[OrderView]:
        """All open orders of all clients, as the gateway lists them now."""
        return [view_of(record) for record in await self.open_records()]

    async def open_records(
        self, limit: float | None = None, *, share: bool = True
    ) -> list[OrderRecord]:
        """The open orders of all clients, as the gateway lists them now.

        Args:
            limit: Seconds for the answer.
            share: Whether a list that is on its way already will do.
        """
        records = await self.ask_open(limit, share=("open orders",) if share else None)
        return list(dict.fromkeys(record for record in records if not record.final))

    async def bound(self, limit: float | None = None) -> list[OrderRecord]:
        """Our open orders; for client 0 those that were placed by hand become its own."""
        core = self._core
        records = await core.ask(
            lambda _id: core.reqOpenOrders(),
            request="open orders to bind",
            key="open_orders",
            timeout=limit,
            share=("open orders to bind",),
        )
        return list(dict.fromkeys(record for record in records if not record.final))

    async def completed(self, *, api_only: bool, limit: float | None) -> list[CompletedOrder]:
        """The orders of today that nothing can change any more."""
        share = ("completed orders", api_only)
        rows = await self._ask_completed(limit, api_only=api_only, share=share)
        return [read_completed(*row, symbol=self._book.label(row[0])) for row in rows]

    async def executions(
        self, wanted: ExecutionFilter, limit: float | None = None
    ) -> list[BookedFill]:
        """The executions that fit a filter, each with its commission."""
        share = ("executions", tuple(sorted(vars(wanted).items(), key=str)))
        rows = await self.ask_executions(wanted, limit, share=repr(share))
        return self._book.executions.listed_fills(rows)

    # ---- inside --------------------------------------------------------------------------

    def ask_open(self, timeout: float | None, share: Hashable = None) -> Future[list[Any]]:
        """Ask for all open orders; the book hears of each."""
        core = self._core
        return core.ask(
            lambda _id: core.reqAllOpenOrders(),
            request="open orders",
            key="open_orders",
            timeout=timeout,
            share=share,
        )

    def _ask_completed(
        self, timeout: float | None, *, api_only: bool = False, share: Hashable = None
    ) -> Future[list[Any]]:
        core = self._core
        return core.ask(
            lambda _id: core.reqCompletedOrders(api_only),
            request="completed orders",
            key="completed_orders",
            timeout=timeout,
            share=share,
        )

    def ask_executions(
        self, wanted: ExecutionFilter, timeout: float | None, share: Hashable = None
    ) -> Future[list[Any]]:
        """Ask for executions; the book hears of each, and of its commission."""
        core = self._core
        return core.ask(
            lambda req_id: core.reqExecutions(req_id, wanted),
            request="executions",
            timeout=timeout,
            share=share,
        )
