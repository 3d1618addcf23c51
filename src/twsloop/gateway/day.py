"""The end of a trading day and the audit of protection, of one connection."""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from twsloop.account.profit import ProfitRow
from twsloop.account.requests import AccountRequests
from twsloop.account.rows import Position
from twsloop.account.tag_rows import LedgerDrift
from twsloop.config import EndOfDayParams
from twsloop.connection.core import Core
from twsloop.errors import OrderError
from twsloop.event_loop import Future
from twsloop.events import (
    DayCount,
    DayDrift,
    DayOrder,
    DayResult,
    EndOfDayReport,
    ProtectionReport,
)
from twsloop.orders.desk import OrderDesk
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.orders.views import CompletedOrder
from twsloop.risk.day_clock import MARKET_ZONE, DayAlarm, OrderHold, day_began, next_run
from twsloop.risk.end_of_day import ORIGIN, Cleared, DayParts, DayTrade, EndOfDay, day_order
from twsloop.risk.open_orders import read_order, read_position
from twsloop.risk.protection import Price, audit_protection
from twsloop.session.state import State

__all__ = ["Drift", "TradingDay"]

logger = logging.getLogger(__name__)

#: Where a ledger and the broker's positions differ.
Drift = Callable[[Sequence[Position]], Awaitable[Iterable[LedgerDrift]]]


async def _no_drift(_held: Sequence[Position]) -> tuple[LedgerDrift, ...]:
    """Stands in where no ledger is kept."""
    return ()


def _no_price(_con_id: int) -> None:
    """Stands in where nobody knows prices."""


class TradingDay:
    """Ends the day when it is told to, and at the time that ``[end_of_day]`` names.

    Args:
        core: The connection.
        desk: Everything about orders.
        account: Everything about accounts.
        hold: Refuses new orders; None if nobody asks it.
        backup: Copies the journal, and says where to; None if there is none.
        drift: Where a ledger by tag and the broker differ.
        price: What contracts cost now, where somebody knows.
    """

    def __init__(
        self,
        core: Core,
        desk: OrderDesk,
        account: AccountRequests,
        *,
        hold: OrderHold | None = None,
        backup: Callable[[], Awaitable[object]] | None = None,
        drift: Drift = _no_drift,
        price: Price = _no_price,
    ) -> None:
        self._core = core
        self._desk = desk
        self._account = account
        self._hold = hold
        self._backup = backup
        self._drift = drift
        self._price = price
        self._running = False
        planned = core.config.end_of_day.runs_at()
        self._zone = MARKET_ZONE if planned is None else planned[1]
        self._alarm: DayAlarm | None = None
        if planned is not None:
            days = core.config.end_of_day.weekdays()
            self._alarm = DayAlarm(
                core.clock, lambda now: next_run(now, *planned, days), self._at_its_time
            )

    def session(self, state: State, _reason: str) -> None:
        """A session that is READY waits for the configured time, however it was started."""
        if state is State.READY:
            self.run_by_itself()

    def run_by_itself(self) -> None:
        """Wait for the configured time, from now until the loop ends; on the loop thread."""
        if self._alarm is not None and self._alarm.next_at is None:
            self._alarm.start()
            self._core.event_loop.at_stop(self._alarm.stop)

    def protection(
        self, exempt: Iterable[str] = (), *, timeout: float | None = None
    ) -> Future[ProtectionReport]:
        """Ask for open orders and positions, and look how the positions are protected.

        Args:
            exempt: Kinds of contracts (IB's ``secType``) that need no stop.
            timeout: Seconds for each answer.
        """
        kinds = tuple(exempt)

        async def work() -> ProtectionReport:
            trades = await self._desk.all_open(timeout=timeout)
            orders = [read_order(trade) for trade in trades]
            held = [read_position(row) for row in await self._account.positions(timeout=timeout)]
            now = self._core.clock.now()
            return audit_protection(held, orders, now, exempt=kinds, price=self._price)

        return self._core.event_loop.submit(work)

    def end(
        self, params: EndOfDayParams | None = None, *, reason: str = "end of day, as asked"
    ) -> Future[EndOfDayReport]:
        """Go through the end-of-day routine now.

        Args:
            params: What it may do; as configured unless given.
            reason: Why, in your words.

        Returns:
            A Future of the report, which says of each step whether it was done. It fails with
            OrderError while another run is under way.
        """
        return self._core.event_loop.submit(self._run, params, reason)

    async def clear(self, params: EndOfDayParams, *, origin: str, reason: str) -> Cleared:
        """Only cancel orders and close positions, as asked for; loop thread.

        Args:
            params: What it may do.
            origin: What makes the closing orders.
            reason: Why, in words.
        """
        parts = attrs.evolve(self._parts(), close=functools.partial(self._close, origin, reason))
        return await EndOfDay(parts, params, self._core.clock.now(), reason).clear()

    # ---- inside --------------------------------------------------------------------------

    def _at_its_time(self) -> None:
        self._core.event_loop.submit(self._planned)

    async def _planned(self) -> None:
        try:
            await self._run(None, "end of day, as planned")
        except OrderError as error:
            logger.warning("end of day, as planned: %s", error)

    async def _run(self, params: EndOfDayParams | None, reason: str) -> EndOfDayReport:
        if self._running:
            msg = "the end of the day is under way already: wait for its report"
            raise OrderError(msg)
        chosen = params or self._core.config.end_of_day
        since = day_began(self._core.clock.now(), self._zone)
        self._running = True
        try:
            return await EndOfDay(self._parts(), chosen, since, reason).run()
        finally:
            self._running = False

    def _parts(self) -> DayParts:
        core = self._core
        return DayParts(
            now=core.clock.now,
            spent=core.clock.monotonic,
            orders=self._desk.all_open,
            positions=self._account.positions,
            until_over=self._until_over,
            close=functools.partial(self._close, ORIGIN, "end of day"),
            reconcile=self._desk.reconcile,
            count=self._count,
            hold=None if self._hold is None else self._hold.hold,
            backup=self._backup,
            tell=self._tell,
        )

    def _tell(self, report: EndOfDayReport) -> None:
        level = logging.INFO if report.complete else logging.ERROR
        logger.log(level, "end of day: %s", "; ".join(str(report).splitlines()))
        self._core.tell(report)

    async def _close(self, origin: str, reason: str, row: Any) -> DayTrade:
        contract = copy.copy(row.contract)
        contract.exchange = ""  # a position names the exchange of the listing, no way to send it
        trade: Trade = await self._desk.close_position(
            contract, account=row.account, cancel_open=True, origin=origin, reason=reason
        )
        return trade

    async def _until_over(self, trades: Sequence[Any], seconds: float) -> None:
        """Wait until all are over, or the time is."""
        if not trades:
            return
        ends = [asyncio.ensure_future(_end_of(trade)) for trade in trades]
        over = asyncio.ensure_future(self._core.clock.sleep(seconds))
        every: asyncio.Future[Any] = asyncio.gather(*ends)
        try:
            await asyncio.wait((every, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, over):
                task.cancel()
            await asyncio.gather(every, over, return_exceptions=True)

    async def _count(self, since: datetime) -> DayCount:
        fills = await self._desk.executions(since=since)
        results = await self._account.own_profit(by=("account", "symbol"), since=since)
        reports = [one for one in self._desk.gap_reports if one.ended >= since]
        drifts = await self._drift(await self._account.positions())
        return DayCount(
            fills=len(fills),
            results=tuple(map(_result, results)),
            rejected=tuple(await self._rejected()),
            gaps=sum(report.cause != "asked" for report in reports),
            unexplained=sum(not report.complete for report in reports),
            drift=tuple(map(_drifted, drifts)),
        )

    async def _rejected(self) -> list[DayOrder]:
        """Those that we refused, and those that the gateway lists as rejected."""
        refused = (OrderStatus.REFUSED, OrderStatus.REJECTED)
        found = [day_order(trade) for trade in self._desk.trades() if trade.status in refused]
        known = {order.perm_id for order in found if order.perm_id}
        completed = await self._desk.completed()
        rejected = [over for over in completed if over.status is OrderStatus.REJECTED]
        found += [_completed(over) for over in rejected if over.perm_id not in known]
        return found


async def _end_of(trade: Any) -> None:
    await trade.done


def _completed(over: CompletedOrder) -> DayOrder:
    return DayOrder(
        order_id=0,
        perm_id=over.perm_id or None,
        symbol=over.symbol,
        tag=over.tag,
        status=str(over.status),
        filled=over.filled,
        reason=over.why,
    )


def _result(row: ProfitRow) -> DayResult:
    return DayResult(
        account=row.account or "",
        symbol=row.symbol or "",
        currency=row.currency,
        bought=row.bought,
        sold=row.sold,
        gross=row.gross,
        commission=row.commission,
        realized=row.realized,
        unknown=row.unknown,
        unreported=row.unreported,
    )


def _drifted(one: LedgerDrift) -> DayDrift:
    return DayDrift(
        account=one.account,
        con_id=one.con_id,
        symbol=one.symbol,
        ledger=one.ledger,
        broker=one.broker,
    )
