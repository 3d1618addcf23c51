"""What takes several steps: close a position, replace an order, cancel everything. Loop thread.

Each step is an order, a cancel or a question like any other; nothing here sends by itself.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from twsloop.connection.core import Core
from twsloop.errors import NotConnected, OrderError, OrdersRefused
from twsloop.events.shown import PositionShown

from .changing import what_is_left
from .closing import closing_orders, fits, plan, reserved, route
from .gate import Answer
from .holdings import PositionsOf
from .intent import Intent
from .problems import says
from .requests import Orders
from .state import OrderRecord, OrderStatus
from .trade import Trade

__all__ = ["Actions", "CancelledAll"]

#: How long after the lists showed an order open they are asked for again, seconds.
LOOK_AGAIN = 1.0
#: Makes the closing order of an action and a quantity.
MakeOrder = Callable[[str, Decimal], Order]


@attrs.frozen
class CancelledAll:
    """What became of the orders that were live when everything was cancelled.

    Attributes:
        cancelled: These are cancelled, or never left.
        filled: These filled before the cancel reached them.
        ended: These ended otherwise (rejected, uncertain).
        live: Of these the gateway has not said the end in time.
    """

    cancelled: tuple[Trade, ...]
    filled: tuple[Trade, ...]
    ended: tuple[Trade, ...]
    live: tuple[Trade, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is live any more."""
        return not self.live


_CANCELLED = frozenset(
    {
        OrderStatus.CANCELLED,
        OrderStatus.API_CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.NOT_SENT,
    }
)


class Actions:
    """The desk's work on the loop thread.

    Args:
        core: The connection.
        orders: Places and cancels.
        positions: Asks for all positions, within so many seconds; None if nobody can.
    """

    def __init__(self, core: Core, orders: Orders, positions: PositionsOf | None) -> None:
        self._core = core
        self._orders = orders
        self._positions = positions
        self._closing = asyncio.Lock()
        self._replacing: set[OrderRecord] = set()
        core.on_down(self._renew)

    def _renew(self) -> None:
        """A lock belongs to the loop it was waited for on; the next session may have another."""
        self._closing = asyncio.Lock()

    # ---- cancelling ----------------------------------------------------------------------

    async def cancel_all(self, limit: float | None) -> CancelledAll:
        """Cancel every order of every client and by hand, and wait for the ends.

        Raises:
            NotConnected: There is no session to cancel in; what had not left never will.
        """
        orders = self._orders
        if not self._core.connected:
            orders.way_out.take_back_all()
            msg = "cancel all: not connected; what the gateway has may be working"
            raise NotConnected(msg)
        live = orders.book.live()
        trades = [orders.board.of(record) for record in live]
        for record in live:
            record.cancel_asked = True
            record.note(self._core.clock.now(), "cancel", "asked for, with all others")
        orders.cancel_everything()
        until = self._core.clock.monotonic() + self._seconds(limit)
        await self._wait([trade.done for trade in trades if trade.own], limit)
        await self._look_until([trade for trade in trades if not trade.own], until)
        by_end: dict[str, list[Trade]] = {"cancelled": [], "filled": [], "ended": [], "live": []}
        for trade in trades:
            if trade.active:
                by_end["live"].append(trade)
            elif trade.status is OrderStatus.FILLED:
                by_end["filled"].append(trade)
            else:
                by_end["cancelled" if trade.status in _CANCELLED else "ended"].append(trade)
        return CancelledAll(**{end: tuple(found) for end, found in by_end.items()})

    async def cancel_replace(
        self, trade: Trade, change: Callable[[Order], Order], intent: Intent, limit: float | None
    ) -> Trade:
        """Cancel an order, wait for its end, and place another one for what is left of it.

        Raises:
            OrderError: It filled, or its end is not known: nothing was placed.
            NotConnected: There is no session: nothing was cancelled either.
        """
        record = trade.record
        if not self._core.connected:
            msg = f"order {record.order_id} is left as it is: not connected"
            raise NotConnected(msg)
        if record.final:  # it ended between the call and here: by another replacement, perhaps
            msg = f"order {record.order_id} is {record.status}: nothing was placed in its stead"
            raise OrderError(msg)
        if record in self._replacing:
            msg = f"order {record.order_id} is being replaced already: one order takes its place"
            raise OrderError(msg)
        self._must_leave(record.order.account)
        self._replacing.add(record)
        try:
            self._orders.way_out.cancel(record, OrderCancel())
            await self._wait([trade.done], limit)
            if record.status in _CANCELLED:
                return self._replace(record, change, intent)
        finally:
            self._replacing.discard(record)
        msg = (
            f"order {record.order_id} is {record.status} ({record.filled:f} filled), not "
            "cancelled: nothing was placed in its stead"
        )
        raise OrderError(msg)

    def _replace(
        self, record: OrderRecord, change: Callable[[Order], Order], intent: Intent
    ) -> Trade:
        parent = self._orders.book.find(record.client_id, record.order.parentId)
        order = what_is_left(record, parent, all_known=self._orders.sync.known)
        order.orderRef = intent.tag or record.tag
        new = change(order)
        if record.filled and says(new.cashQty) and new.cashQty == order.cashQty:
            msg = (
                f"order {record.order_id} is {record.status}, and {record.filled:f} of it filled: "
                "what is left of its cashQty is not known, so nothing was placed; give a cashQty"
            )
            raise OrderError(msg)
        return self._orders.place_order(record.contract, new, intent)

    # ---- closing a position --------------------------------------------------------------

    async def close_position(
        self,
        asked: Contract,
        quantity: Decimal | None,
        *,
        account: str,
        make: MakeOrder,
        cancel_open: bool,
        intent: Intent,
        limit: float | None,
    ) -> Trade:
        """Order what closes a position, or a part of it; see `OrderDesk.close_position`."""
        async with self._closing:  # the next one has to see the order of this one
            open_now, held = await self._look(asked, account, limit)
            working = closing_orders(held.quantity, held.contract, open_now)
            contract = copy.copy(held.contract)
            contract.exchange = route(asked, contract)

            def draft(taken: Mapping[str, Decimal]) -> Order:
                closing = plan(held.quantity, quantity, taken)
                order = make(closing.action, closing.quantity)
                closing.must_be_kept(order)
                order.account = held.account
                return order

            if cancel_open and working:
                # What cannot be closed keeps the orders that protect it.
                self._orders.check(contract, draft({}), intent)
                self._must_leave(held.account)
                await self._cancel_own(working, limit)
                open_now, held = await self._look(asked, account, limit)
                working = closing_orders(held.quantity, held.contract, open_now)
            names = ", ".join(f"order {one.order_id or one.perm_id}" for one in working)
            taken = {names: reserved(working)} if working else {}
            return self._orders.place_order(contract, draft(taken), intent)

    def _must_leave(self, account: str) -> None:
        """Raise unless an order would be sent now: nothing is cancelled for one that would not.

        Raises:
            OrdersRefused: Why not.
        """
        verdict = self._orders.way_out.judge(account)
        if verdict.answer is not Answer.SEND:
            msg = f"nothing was cancelled, for its new order would not be sent: {verdict.reason}"
            raise OrdersRefused(msg)

    async def _look(
        self, asked: Contract, account: str, limit: float | None
    ) -> tuple[list[OrderRecord], PositionShown]:
        """The open orders first, then the position.

        What fills in between is missing from the position, and still counted among the orders: the
        other way round it would be counted nowhere, and be closed twice.
        """
        if self._positions is None:
            msg = "nobody here can ask for positions: place the closing order yourself"
            raise OrderError(msg)
        listed = await self._orders.sync.open_records(limit, share=False)
        mine = [record for record in self._orders.book.live() if record.own]
        open_now = [copy.copy(record) for record in dict.fromkeys([*listed, *mine])]
        held = [
            position
            for position in await self._positions(limit)
            if position.quantity
            and fits(asked, position.contract)
            and account in {"", position.account}
        ]
        if not held:
            msg = (
                f"there is no position in {asked.symbol or asked.conId}: there is nothing to close"
            )
            raise OrderError(msg)
        if len(held) > 1:
            each = "; ".join(
                f"{p.quantity:f} {p.contract.localSymbol or p.contract.symbol} in {p.account}"
                for p in held
            )
            msg = f"several positions fit: {each}. Name the account, or give the contract whole"
            raise OrderError(msg)
        (one,) = held
        return [r for r in open_now if r.order.account in {"", one.account}], one

    async def _cancel_own(self, working: Iterable[OrderRecord], limit: float | None) -> None:
        """Cancel those that are ours, and wait for their ends."""
        own = [
            record
            for one in working
            if (record := self._orders.book.find(one.client_id, one.order_id)) and record.own
        ]
        for record in own:
            self._orders.way_out.cancel(record, OrderCancel())
        await self._wait([self._orders.board.of(record).done for record in own], limit)

    # ---- waiting -------------------------------------------------------------------------

    def _seconds(self, limit: float | None) -> float:
        return self._core.config.connection.request_timeout if limit is None else limit

    async def _look_until(self, trades: Sequence[Trade], until: float) -> None:
        """Ask for the lists until none of these is open, or the time is over.

        The gateway reports what becomes of another client's order to that client alone.
        """
        clock = self._core.clock
        while any(trade.active for trade in trades):
            left = until - clock.monotonic()
            if left <= 0:
                return
            look = self._orders.sync.look("it is open no more after all orders were cancelled")
            await self._wait([asyncio.ensure_future(look)], left)
            left = until - clock.monotonic()
            if any(trade.active for trade in trades):
                await clock.sleep(max(min(LOOK_AGAIN, left), 0))

    async def _wait(self, futures: Sequence[Awaitable[Any]], limit: float | None) -> None:
        """Wait until all are done, or the time is over; who waits cancels nothing."""
        if not futures:
            return
        every = asyncio.ensure_future(_all(futures))
        over = asyncio.ensure_future(self._core.clock.sleep(self._seconds(limit)))
        try:
            await asyncio.wait([every, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (every, over):
                task.cancel()
            await asyncio.gather(every, over, return_exceptions=True)


async def _all(futures: Iterable[Awaitable[Any]]) -> None:
    for future in futures:
        await future
