"""The end-of-day routine: what it does, in which order, and what it says about it. Pure.

Its steps: hold new orders; let working orders go on for a while; cancel; close positions; reconcile
with the gateway; look what is left and how it is protected; count the day; copy the journal. Each
is made only if it was asked for, and one that fails does not stop those behind it: what is
dangerous is a day that half ends and says nothing.

What it needs it is handed (`DayParts`); it waits for nothing but these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

import attrs

from twsloop.config import EndOfDayParams
from twsloop.events import (
    DayClosing,
    DayCount,
    DayOrder,
    DayStep,
    EndOfDayReport,
    GapReport,
    ProtectionReport,
)
from twsloop.events.shown import OrderShown, PositionShown

from .open_orders import (
    HeldPosition,
    OpenOrder,
    read_order,
    read_position,
    sort_orders,
)
from .protection import audit_protection

__all__ = ["ORIGIN", "Cleared", "DayOrders", "DayParts", "DayTrade", "EndOfDay", "day_order"]

#: What made the orders that the routine places: nobody who holds orders may hold these.
ORIGIN = "end_of_day"


class DayTrade(OrderShown, Protocol):
    """An order that can be cancelled if it is ours, as the orders slice hands it out."""

    @property
    def own(self) -> bool:
        """Whether our client placed it."""
        ...

    @property
    def active(self) -> bool:
        """Whether it is not over."""
        ...

    @property
    def tag(self) -> str:
        """The user's own reference."""
        ...

    @property
    def reason(self) -> str:
        """Why it is where it is, where somebody said so."""
        ...

    def cancel(self) -> object:
        """Ask the gateway to cancel it."""
        ...


def _untold(_report: EndOfDayReport) -> None:
    """Stands in where nobody hears of a report."""


@attrs.frozen(kw_only=True)
class DayParts:
    """What the routine works with; all of it is called on the loop thread.

    Attributes:
        now: The time, UTC.
        spent: Seconds that only ever grow.
        orders: Asks for the open orders of all clients.
        positions: Asks for the positions of all accounts.
        until_over: Waits until orders are over, or for so many seconds.
        close: Orders what closes a position, after cancelling our orders that would close it, too;
            gives the order, or raises why there is none.
        reconcile: Compares what is known here with what the gateway lists.
        count: What the day brought, from a time on.
        hold: Refuses new orders from now on, for a reason in words; orders whose origin is
            `ORIGIN` may leave. None if nobody can.
        backup: Copies the journal; says where the copy is, or None if none is written. None if
            there is no journal.
        tell: Hears the report.
    """

    now: Callable[[], datetime]
    spent: Callable[[], float]
    orders: Callable[[], Awaitable[Sequence[DayTrade]]]
    positions: Callable[[], Awaitable[Sequence[PositionShown]]]
    until_over: Callable[[Sequence[DayTrade], float], Awaitable[object]]
    close: Callable[[PositionShown], Awaitable[DayTrade]]
    reconcile: Callable[[], Awaitable[GapReport]]
    count: Callable[[datetime], Awaitable[DayCount]]
    hold: Callable[[str], object] | None = None
    backup: Callable[[], Awaitable[object]] | None = None
    tell: Callable[[EndOfDayReport], object] = _untold


#: A step of the routine: its name, and what does it.
_Step = tuple[str, Callable[[], Awaitable[str]]]


@attrs.frozen
class Cleared:
    """What became of orders and positions.

    Attributes:
        steps: What was to be done, and its end.
        cancelled: The orders that were cancelled.
        closed: The positions that were to be closed.
    """

    steps: tuple[DayStep, ...]
    cancelled: tuple[DayOrder, ...]
    closed: tuple[DayClosing, ...]


class _Skipped(Exception):
    """There is nothing to do in a step; the text says why."""


@attrs.frozen
class DayOrders:
    """The open orders with the positions, as they were asked for together."""

    trades: tuple[DayTrade, ...]
    orders: tuple[OpenOrder, ...]
    rows: tuple[PositionShown, ...]
    held: tuple[HeldPosition, ...]

    def own(self, chosen: Iterable[OpenOrder]) -> list[DayTrade]:
        """Those of these orders that can be cancelled by us."""
        wanted = {id(order) for order in chosen}
        pairs = zip(self.orders, self.trades, strict=True)
        return [trade for order, trade in pairs if id(order) in wanted and trade.own]


def day_order(trade: DayTrade) -> DayOrder:
    """An order as a report names it."""
    return DayOrder(
        order_id=trade.order_id,
        client_id=trade.client_id,
        perm_id=trade.perm_id or None,
        symbol=trade.symbol,
        tag=trade.tag,
        status=str(trade.status),
        filled=trade.filled,
        remaining=trade.remaining,
        reason=trade.reason,
    )


@attrs.define
class _Day:
    """What has been gathered for the report."""

    steps: list[DayStep] = attrs.Factory(list)
    cancelled: list[DayTrade] = attrs.Factory(list)
    closed: list[DayClosing] = attrs.Factory(list)
    left: tuple[DayOrder, ...] = ()
    count: DayCount | None = None
    protection: ProtectionReport | None = None
    gap: GapReport | None = None
    backup: str = ""


class EndOfDay:
    """The routine, for one run.

    Args:
        parts: What it works with.
        params: What it may do.
        since: From when on the day is counted.
        reason: Why it runs, in words.
    """

    def __init__(
        self, parts: DayParts, params: EndOfDayParams, since: datetime, reason: str
    ) -> None:
        self._parts = parts
        self._params = params
        self._since = since
        self._reason = reason
        self._day = _Day()

    async def run(self) -> EndOfDayReport:
        """Go through all steps; never raises for one that fails."""
        parts, day = self._parts, self._day
        began = parts.now()
        await self._go(
            ("hold new orders", self._hold),
            ("wait for working orders", self._wait),
            *self._clearing,
            ("reconcile", self._reconcile),
            ("look what is left", self._look),
            ("count the day", self._count),
            ("copy the journal", self._backup),
        )
        report = EndOfDayReport(
            time=parts.now(),
            since=self._since,
            began=began,
            steps=tuple(day.steps),
            cancelled=tuple(day_order(trade) for trade in day.cancelled),
            closed=tuple(day.closed),
            left=day.left,
            count=day.count,
            protection=day.protection,
            gap=day.gap,
            backup=day.backup,
        )
        parts.tell(report)
        return report

    async def clear(self) -> Cleared:
        """Only cancel orders and close positions, as asked for; never raises."""
        await self._go(*self._clearing)
        day = self._day
        cancelled = tuple(day_order(trade) for trade in day.cancelled)
        return Cleared(tuple(day.steps), cancelled, tuple(day.closed))

    @property
    def _clearing(self) -> tuple[_Step, ...]:
        return ("cancel orders", self._cancel), ("close positions", self._flatten)

    async def _go(self, *steps: _Step) -> None:
        for name, step in steps:
            await self._do(name, step)

    async def _do(self, name: str, step: Callable[[], Awaitable[str]]) -> None:
        """One step, with its end and its time."""
        started = self._parts.spent()
        outcome: Literal["done", "skipped", "failed"] = "done"
        try:
            text = await step()
        except _Skipped as skipped:
            text, outcome = str(skipped), "skipped"
        except Exception as error:  # noqa: BLE001  (told in the report; the next step has to come)
            text, outcome = _words(error), "failed"
        took = round(self._parts.spent() - started, 6)
        self._day.steps.append(DayStep(name=name, outcome=outcome, text=text, took=took))

    # ---- the steps -----------------------------------------------------------------------

    async def _hold(self) -> str:
        if not self._params.hold:
            raise _Skipped("not asked for")
        if self._parts.hold is None:
            raise _Skipped("nobody here can hold orders")
        self._parts.hold(self._reason)
        return "no new orders until the day is over"

    async def _wait(self) -> str:
        if not self._params.wait:
            raise _Skipped("not asked for")
        own = [trade for trade in (await self._ask()).trades if trade.own]
        if not own:
            raise _Skipped("no orders of ours are open")
        await self._parts.until_over(own, self._params.wait)
        open_still = sum(trade.active for trade in own)
        return f"{len(own) - open_still} of {len(own)} ended by themselves"

    async def _cancel(self) -> str:
        if self._params.cancel == "none":
            raise _Skipped("not asked for")
        known = await self._ask()
        chosen, kept = known.orders, 0
        if self._params.cancel == "entries":
            found = sort_orders(known.orders, known.held)
            closed = [order for order in found.entangled if self._closes(order.sec_type)]
            chosen, kept = (*found.entries, *closed), len(found.entangled) - len(closed)
        own = known.own(chosen)
        others = len(chosen) - len(own)
        notes = [f"{others} of other clients are left"] if others else []
        if kept:
            notes.append(f"{kept} left, because protection would end with it")
        if not own:
            raise _Skipped("; ".join(["no orders of ours to cancel", *notes]))
        self._day.cancelled = own
        for trade in own:
            try:
                trade.cancel()
            except Exception as error:  # noqa: BLE001  (told; the others have to be cancelled)
                notes.append(f"order {trade.order_id}: {_words(error)}")
        await self._parts.until_over(own, self._params.timeout)
        ended = sum(not trade.active for trade in own)
        text = "; ".join([f"{ended} of {len(own)} ended", *notes])
        if ended < len(own):
            msg = f"{text}; the gateway has not said the end of the others"
            raise TimeoutError(msg)
        return text

    async def _flatten(self) -> str:
        if not self._params.flatten:
            raise _Skipped("not asked for")
        rows = [
            row
            for row in await self._parts.positions()
            if row.quantity and self._closes(row.contract.secType)
        ]
        if not rows:
            raise _Skipped("no position is open")
        orders: list[DayTrade | str] = []
        for row in rows:
            try:
                orders.append(await self._parts.close(row))
            except Exception as error:  # noqa: BLE001  (told; the other positions have to be closed)
                orders.append(_words(error))
        waiting = [order for order in orders if not isinstance(order, str)]
        await self._parts.until_over(waiting, self._params.timeout)
        self._day.closed = [_closing(row, order) for row, order in zip(rows, orders, strict=True)]
        done = sum(one.closed for one in self._day.closed)
        text = f"{done} of {len(rows)} closed"
        if done < len(rows):
            raise RuntimeError(text)
        return text

    async def _reconcile(self) -> str:
        self._day.gap = await self._parts.reconcile()
        return str(self._day.gap)

    async def _look(self) -> str:
        known = await self._ask()
        self._day.left = tuple(day_order(trade) for trade in known.trades)
        self._day.protection = audit_protection(
            known.held, known.orders, self._parts.now(), exempt=self._params.exempt or ()
        )
        return str(self._day.protection)

    async def _count(self) -> str:
        self._day.count = await self._parts.count(self._since)
        return f"since {self._since:%Y-%m-%d %H:%M} UTC"

    async def _backup(self) -> str:
        if not self._params.backup:
            raise _Skipped("not asked for")
        if self._parts.backup is None:
            raise _Skipped("there is no journal")
        copied = await self._parts.backup()
        if copied is None:
            raise _Skipped("no journal is written")
        self._day.backup = str(copied)
        return self._day.backup

    # ---- helpers -------------------------------------------------------------------------

    async def _ask(self) -> DayOrders:
        """The orders first: what fills in between is then missed in neither."""
        trades = tuple(trade for trade in await self._parts.orders() if trade.active)
        rows = tuple(await self._parts.positions())
        return DayOrders(
            trades,
            tuple(map(read_order, trades)),
            rows,
            tuple(map(read_position, rows)),
        )

    def _closes(self, kind: str) -> bool:
        """Whether positions in contracts of a kind are to be closed."""
        exempt = {name.upper() for name in self._params.exempt or ()}
        return self._params.flatten and kind not in exempt


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _closing(row: PositionShown, order: DayTrade | str) -> DayClosing:
    """What became of one position."""
    made = DayClosing(
        account=row.account,
        con_id=row.contract.conId,
        symbol=row.symbol,
        quantity=row.quantity,
    )
    if isinstance(order, str):
        return attrs.evolve(made, reason=order)
    return attrs.evolve(
        made,
        order_id=order.order_id,
        status=str(order.status),
        filled=Decimal(order.filled),
        reason=order.reason,
    )
