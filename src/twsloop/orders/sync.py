"""Knowing the orders: open, completed and executed ones, fetched before each READY."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

import attrs
from ibapi.execution import ExecutionFilter
from ibapi.server_versions import MIN_SERVER_VER_COMPLETED_ORDERS

from twsloop.connection.core import Core
from twsloop.errors import RequestError, SessionError
from twsloop.event_loop import Future
from twsloop.events import Notice

from .book import Change, OrderBook
from .echoes import is_contradicted
from .executions import BookedFill
from .gaps import Standing, standing_of
from .state import REVOCABLE, OrderRecord
from .views import CompletedOrder, OrderView, read_completed, view_of

__all__ = ["Lists", "Sync"]

logger = logging.getLogger(__name__)

#: The share of ``ready_timeout`` that fetching may take: its failure is not the session's.
PATIENCE = 0.6


#: A read-only gateway says so (and others do, of what they are not set up for).
NOT_ALLOWED = 321
#: What tells the one from the others (error_texts_observed.csv).
_READ_ONLY = re.compile(r"read-?only\s+mode", re.IGNORECASE)

LOST_WITH_THE_LINK = "after the link was lost the gateway lists it neither open nor completed"


@attrs.frozen
class Lists:
    """What the gateway lists.

    Attributes:
        open: The orders that it lists as open, of all clients.
        errors: Why a list could not be had; empty if all of them were.
        revived: The orders whose end the list of open orders has contradicted, and how they stood.
    """

    open: tuple[OrderRecord, ...]
    errors: tuple[Exception, ...] = ()
    revived: Mapping[OrderRecord, Standing] = attrs.field(factory=dict)

    @property
    def whole(self) -> bool:
        """Whether what is in none of them is not there."""
        return not self.errors

    @property
    def unknown(self) -> tuple[str, ...]:
        """What could not be had, in words."""
        return tuple(dict.fromkeys(map(str, self.errors)))

    def require(self) -> None:
        """Raise the first error, if a list could not be had."""
        for error in self.errors:
            raise error

    def __contains__(self, record: OrderRecord) -> bool:
        """Whether an order is listed as open."""
        return record in self.open


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
        refused: The gateway will not tell them, as it is set up: asking again is of no use.
        read_only: The gateway has said in this session that it takes no orders, and what to do;
            else empty. The lists are still asked for, and ``known`` stays False.
    """

    def __init__(self, core: Core, book: OrderBook, announce: Callable[[Change], object]) -> None:
        self._core = core
        self._book = book
        self._announce = announce
        self.known = False
        self.decided = False
        self.refused = False
        self.reason = "no session yet"
        self.read_only = ""
        self._session = object()

    def forget(self, reason: str) -> None:
        """The session is over: what was known may be wrong now."""
        self.known = self.decided = self.refused = False
        self.reason = reason
        self.read_only = ""  # the next session finds out anew
        self._session = object()

    def heed(self, notice: Notice) -> None:
        """The gateway says something: that it is read-only, perhaps."""
        core = self._core
        if notice.code != NOT_ALLOWED or notice.local or not _READ_ONLY.search(notice.text):
            return
        if self.read_only or not core.connected or not core.role.sends_orders:
            return
        self.read_only = (
            f"the gateway is read-only ({notice.text.rstrip('. ')}): untick Read-Only API in its "
            "settings, and connect again"
        )
        self.known, self.refused, self.reason = False, True, self.read_only
        logger.warning("no order is sent in this session: %s", self.read_only)

    def skip(self, why: str) -> None:
        """They are not wanted: nothing is asked, and nobody waits for it."""
        self.known, self.decided, self.refused, self.reason = False, True, True, why

    async def fetch(self) -> Lists | None:
        """Ask for all three, and reconcile; a failure is no exception but ``known = False``.

        Returns:
            What is listed; None if the session ended meanwhile: the next one will ask again.
        """
        session = self._session
        lists = await self.ask_all()
        if session is not self._session:
            return None
        self.known, self.decided = lists.whole and not self.read_only, True
        self.reason = self.read_only or "; ".join(lists.unknown)
        not_allowed = any(getattr(error, "code", None) == NOT_ALLOWED for error in lists.errors)
        self.refused = not_allowed or bool(self.read_only)
        if lists.whole:
            self._judge(self._book.live(), lists, LOST_WITH_THE_LINK)
        return lists

    async def look(self, why: str, also: Collection[OrderRecord] = ()) -> Lists | None:
        """Ask again within a session; orders may be placed while the answers are under way.

        So only those are judged that the gateway had shown before.

        Args:
            why: Why an order that is not listed is UNCERTAIN.
            also: Orders to be judged although they were never shown.

        Returns:
            What is listed; None if the session ended meanwhile.
        """
        session = self._session
        asked = [record for record in self._book.live() if record.acknowledged or record in also]
        lists = await self.ask_all()
        if session is not self._session:
            return None
        if lists.whole:
            self.known, self.reason = not self.read_only, self.read_only
            self._judge([record for record in asked if not record.final], lists, why)
        return lists

    def _judge(self, records: Iterable[OrderRecord], lists: Lists, why: str) -> None:
        """An order that nothing tells of any more is UNCERTAIN."""
        for change in self._book.reconcile(records, lists.open, self._core.clock.now(), why):
            self._announce(change)

    async def look_again(self, record: OrderRecord) -> None:
        """The gateway says it does not know this order: does it list it anywhere?

        Only this one is judged: others may have been placed while the answers were under way.
        """
        lists = await self.ask_all()
        if lists.whole and not record.final:
            reason = f"{record.reason}; it is listed neither open nor completed".lstrip("; ")
            self._judge([record], lists, reason)

    async def ask_all(self) -> Lists:
        """Ask for open, completed and executed orders; the book hears of each.

        An order that was told to be over, and is listed as open all the same, lives again.
        """
        params = self._core.config.connection
        timeout = min(params.request_timeout, params.ready_timeout * PATIENCE)
        # Sent one behind the other, answered one after the other: one round trip for all three.
        moment: list[int] = []
        asked = [self.ask_open(timeout, moment=moment)]
        # An older gateway does not know the question: no end would ever come.
        if self._core.server_version >= MIN_SERVER_VER_COMPLETED_ORDERS:
            asked.append(self._ask_completed(timeout, gather=False))
        # What the book makes of each part is all that is wanted of them: the lists are of a day.
        asked.append(self.ask_executions(ExecutionFilter(), timeout, gather=False))
        answers: list[list[Any]] = []
        errors: list[Exception] = []
        for future in asked:
            try:
                answers.append(await future)
            except (RequestError, SessionError) as error:
                answers.append([])
                errors.append(error)
        records = (record for record in answers[0] if isinstance(record, OrderRecord))
        listed = tuple(dict.fromkeys(records))
        # A word that was on its way may look like a part of the list: the list of completed orders
        # has to be there, which then names the order, too.
        revived = self._revive(listed, moment[0]) if moment and not errors else {}
        return Lists(listed, tuple(errors), revived)

    def _revive(self, listed: Iterable[OrderRecord], asked: int) -> dict[OrderRecord, Standing]:
        """Show alive what a list shows open although it was told to be over before."""
        revived = {
            record: standing_of(record) for record in listed if is_contradicted(record, asked)
        }
        for record, before in revived.items():
            change = self._book.revive(record, self._core.clock.now())
            logger.warning(
                "order %d was told to be %s, and is open: it is %s",
                record.order_id,
                before.status,
                record.status,
            )
            self._announce(change)
        return revived

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
        self.must_hear("open orders")
        return await self._live(await self.ask_open(limit, ("open orders",) if share else None))

    async def bound(self, limit: float | None = None) -> list[OrderRecord]:
        """Our open orders; for client 0 those that were placed by hand become its own."""
        core = self._core
        self.must_hear("open orders to bind")
        records = await core.ask(
            lambda _id: core.reqOpenOrders(),
            request="open orders to bind",
            key="open_orders",
            timeout=limit,
            share=("open orders to bind",),
        )
        return await self._live(records)

    async def _live(self, listed: list[Any]) -> list[OrderRecord]:
        """The orders of a list that are live; what is said to be over is looked at once more."""
        if any(record.status in REVOCABLE for record in listed):
            await self.ask_all()
        return list(dict.fromkeys(record for record in listed if not record.final))

    async def completed(self, *, api_only: bool, limit: float | None) -> list[CompletedOrder]:
        """The orders of today that nothing can change any more."""
        self.must_hear("completed orders")
        share = ("completed orders", api_only)
        rows = await self._ask_completed(limit, api_only=api_only, share=share)
        return [read_completed(*row, symbol=self._book.label(row[0])) for row in rows]

    async def executions(
        self, wanted: ExecutionFilter, limit: float | None = None
    ) -> list[BookedFill]:
        """The executions that fit a filter, each with its commission."""
        self.must_hear("executions")
        share = ("executions", tuple(sorted(vars(wanted).items(), key=str)))
        rows = await self.ask_executions(wanted, limit, share=repr(share))
        return self._book.executions.listed_fills(rows)

    def must_hear(self, request: str) -> None:
        """Raise in a session whose role is to follow no orders.

        Raises:
            RequestError: The text says what to set.
        """
        role = self._core.role
        if not role.hears_orders:
            text = (
                f"the session's role is {role.value} ([session] role): orders are not followed. "
                "Set role = observer to read them"
            )
            raise RequestError(text, request=request)

    # ---- inside --------------------------------------------------------------------------

    def ask_open(
        self,
        timeout: float | None,
        share: Hashable = None,
        moment: list[int] | None = None,
    ) -> Future[list[Any]]:
        """Ask for all open orders; the book hears of each.

        Args:
            timeout: Seconds for the answer.
            share: What a list must be asked with that is on its way already, and will do.
            moment: Takes how many ends the book had heard of when the question was sent.
        """
        core = self._core

        def send(_id: int) -> None:
            if moment is not None:
                moment[:] = [self._book.ends_heard]
            core.reqAllOpenOrders()

        return core.ask(
            send,
            request="open orders",
            key="open_orders",
            timeout=timeout,
            share=share,
        )

    def _ask_completed(
        self,
        timeout: float | None,
        *,
        api_only: bool = False,
        share: Hashable = None,
        gather: bool = True,
    ) -> Future[list[Any]]:
        core = self._core
        return core.ask(
            lambda _id: core.reqCompletedOrders(api_only),
            request="completed orders",
            key="completed_orders",
            timeout=timeout,
            share=share,
            gather=gather,
        )

    def ask_executions(
        self,
        wanted: ExecutionFilter,
        timeout: float | None,
        share: Hashable = None,
        *,
        gather: bool = True,
    ) -> Future[list[Any]]:
        """Ask for executions; the book hears of each, and of its commission.

        Args:
            wanted: Which.
            timeout: Seconds for the answer.
            share: What a list must be asked with that is on its way already, and will do.
            gather: Whether they are the answer, too; else that is empty.
        """
        core = self._core
        return core.ask(
            lambda req_id: core.reqExecutions(req_id, wanted),
            request="executions",
            timeout=timeout,
            share=share,
            gather=gather,
        )
