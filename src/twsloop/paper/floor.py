"""The trading floor: orders that were sent to the market, until they end.

Pure. `Floor.transmit` sends an order, `Floor.work` looks whether the book gives it anything,
`Floor.cancel` ends it; each tells the owner by the scripts of the reference (see `engine`).

What an order's fate means for others:

- a parent's fill releases its children; its end without a fill cancels them;
- the members of an OCA group (children of one parent are one): a fill of one cancels the others
  (ocaType 1) or reduces them by what was filled (2 and 3), and those with nothing left end; the
  cancellation of one cancels the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from . import echo, validation
from .accounts import Account, Booking
from .instruments import VENUES, Catalogue
from .market import TopOfBook
from .matching import Liquidity, Match, is_triggered, match
from .orders import Execution, OrderEvent, PaperBook, PaperOrder, Status
from .outbox import Outbox
from .validation import Refusal
from .valuation import Valuation

__all__ = ["Floor"]

OUTSIDE_RTH_IGNORED = (
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order "
    "type and destination. PlaceOrder is now being processed."
)
CANCELLED_BY_USER = "Order Canceled - reason:"
CANCEL_ALL_MEMBERS = 1
#: First part of an execution id, as real gateways have it; the second counts up from a number of
#: the size they have.
EXEC_ID_FAMILY = "0000e0d5"
FIRST_EXEC_ID = 0x6AB9EA00


@attrs.define(eq=False)
class Floor:
    """Live orders and what the market does to them.

    Attributes:
        accounts: The accounts by name.
        books: Gives the top of book of an instrument.
        valuation: Prices, rates and margins.
        outbox: What is to be told.
        user: Shown as the submitter of orders.
        keeps_hours: Whether orders outside trading hours wait (399).
        orders: All orders of the server's life.
        executions: All fills, in order.
        touched: ``(account, conId)`` of the positions that changed, in order.
    """

    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    valuation: Valuation
    outbox: Outbox
    user: str = "paper"
    keeps_hours: bool = False
    orders: PaperBook = attrs.Factory(PaperBook)
    executions: list[Execution] = attrs.Factory(list)
    touched: list[tuple[str, int]] = attrs.Factory(list)
    _liquidity: dict[int, Liquidity] = attrs.Factory(dict)
    _groups: dict[tuple[str, str], list[PaperOrder]] = attrs.Factory(dict)

    def use_market(self, catalogue: Catalogue, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market."""
        self.books = books
        self.valuation = Valuation(catalogue, books)
        self._liquidity.clear()

    # ---- into the market -------------------------------------------------------------------

    def transmit_group(self, order: PaperOrder, now: datetime) -> None:
        """Send an order and the untransmitted members of its bracket, parent first."""
        root = order.parent or order
        group = [m for m in (root, *root.children) if m.status is Status.UNTRANSMITTED]
        for member in group:
            member.perm_id = self.orders.take_perm_id()
        for member in group:
            # What became of the members before it may have decided this one's fate already.
            if member.status is not Status.UNTRANSMITTED:
                continue
            if any(one.status is Status.FILLED for one in root.children if member.parent):
                self.cancel(member, now)
            else:
                self._transmit(member, now)

    def _transmit(self, order: PaperOrder, now: datetime) -> None:
        """Send an order to the market: accepted, or rejected by the broker."""
        if order.request.outsideRth and order.stop_price is not None:
            order.request.outsideRth = False
            self.outbox.order_error(order, Refusal(2109, OUTSIDE_RTH_IGNORED), now)
        if order.parent is not None and not order.oca_group:
            order.oca_group = str(order.parent.perm_id)
        echo.echo_order(order, self.user, now)
        reason = self._broker_reason(order)
        if reason is not None:
            self._reject(order, reason, now)
            return
        waits = self._closed_until(order, now)
        if waits is not None:
            self.outbox.order_error(order, Refusal(399, waits), now)
        if order.oca_group:
            self._groups.setdefault((order.account, order.oca_group), []).append(order)
        order.happen(OrderEvent.WORK if self._can_work(order, now) else OrderEvent.HOLD)
        self.orders.settle(order)
        self.report_and_work(order, now)

    def report_and_work(self, order: PaperOrder, now: datetime) -> None:
        """Tell an order as it stands, work it, and tell it again unless that changed it.

        A gateway tells every report of its server, changed or not; the second one comes so often
        that clients must be ready for it.
        """
        self.outbox.pair(order)
        before = (order.status, order.filled, order.elected)
        self.work(order, now)
        if before == (order.status, order.filled, order.elected):
            self.outbox.pair(order)

    def _broker_reason(self, order: PaperOrder) -> str | None:
        """Why the broker does not take it, None if it does."""
        if order.tif in validation.BROKER_REFUSED_TIFS:
            return (
                f"The time-in-force {order.tif} is invalid for this combination of exchange "
                "and security type"
            )
        signed = order.total if order.is_buy else -order.total
        account = self.accounts[order.account]
        return self.valuation.margin_refusal(account, order.instrument, signed)

    def _reject(self, order: PaperOrder, reason: str, now: datetime) -> None:
        order.happen(OrderEvent.REJECT)
        order.completed_at = now
        order.completed_status = reason
        self.outbox.pair(order)
        self.outbox.order_error(order, Refusal(201, f"Order rejected - reason:{reason}"), now)
        self.outbox.pair(order)
        for child in order.children:
            if not child.is_terminal:
                self.cancel(child, now)

    # ---- in the market ---------------------------------------------------------------------

    def on_market(self, con_id: int, now: datetime) -> None:
        """Look again at the live orders of an instrument whose book has changed."""
        for order in self.orders.live(con_id):
            if order.is_live:  # a fill before it may have ended it
                self.work(order, now)

    def _closed_until(self, order: PaperOrder, now: datetime) -> str | None:
        """The 399 of an order that waits for its market to open; None when it is open."""
        if self._is_open(order, now):
            return None
        instrument = order.instrument
        opens = instrument.hours.next_open(now)
        venue = f"{instrument.primary_exchange or instrument.exchange}.{instrument.trading_class}"
        return (
            f"Order Message:\n{order.request.action} {echo.plain(order.total)} "
            f"{instrument.symbol} {venue}\nWarning: your order will not be placed at the exchange "
            f"until {opens:%Y-%m-%d %H:%M:%S} {instrument.time_zone}"
        )

    def _is_open(self, order: PaperOrder, now: datetime) -> bool:
        if not self.keeps_hours:
            return True
        outside = order.request.outsideRth and order.order_type == "LMT"
        return bool(order.instrument.is_open(now, liquid=not outside))

    def _can_work(self, order: PaperOrder, now: datetime) -> bool:
        """Whether it goes to the exchange at once: nothing holds it and there is a quote."""
        if not order.elected or order.waits_for_parent or not self._is_open(order, now):
            return False
        con_id = order.instrument.con_id
        if self.books(con_id).halted:
            return False
        if order.order_type != "MKT":
            return True
        return self._fresh_liquidity(con_id).opposite(order.is_buy)[0] is not None

    def _fresh_liquidity(self, con_id: int) -> Liquidity:
        liquidity = self._liquidity.get(con_id)
        if liquidity is None:
            liquidity = self._liquidity[con_id] = Liquidity()
        liquidity.refresh(self.books(con_id))
        return liquidity

    def work(self, order: PaperOrder, now: datetime) -> None:
        """Trigger and fill an order as far as the book that stands allows."""
        con_id = order.instrument.con_id
        top = self.books(con_id)
        if top.halted or not self._is_open(order, now):
            return
        if not order.elected and not order.waits_for_parent and is_triggered(order, top):
            order.elected = True
            order.happen(OrderEvent.WORK)
            self.outbox.pair(order)
        liquidity = self._fresh_liquidity(con_id)
        found = match(order, liquidity)
        if found is not None:
            liquidity.take(order.is_buy, found.quantity)
            self._fill(order, found, now)
        if order.tif == "IOC" and order.is_live and order.elected and not order.waits_for_parent:
            order.happen(OrderEvent.ASK_CANCEL)
            self.outbox.pair(order)
            self.cancel(order, now)

    def _fill(self, order: PaperOrder, found: Match, now: datetime) -> None:
        """Book one fill and tell it by the script."""
        done = self._book(order, found, now)
        full = order.status is Status.FILLED
        if full:
            order.completed_at = now
            order.completed_status = f"Filled Size: {echo.plain(order.filled)}"
        self.orders.settle(order)
        self.outbox.tell(order, "execDetails", echo.execution_details(done))
        self.outbox.pair(order)
        if full:
            self.outbox.pair(order, commission=True)
        self.outbox.tell(order, "commissionReport", echo.commission_report(done))
        if full:
            for child in order.children:
                self._release(child, now)
        for other in self._others(order):
            if not other.is_live:
                continue  # cancelled with the one before
            if other.oca_type == CANCEL_ALL_MEMBERS or other.remaining <= done.quantity:
                self.cancel(other, now)
            else:
                other.total -= done.quantity
                other.request.totalQuantity = echo.plain(other.total)
                self.outbox.pair(other)

    def _book(self, order: PaperOrder, found: Match, now: datetime) -> Execution:
        """Move money and position, and make the execution."""
        instrument = order.instrument
        account = self.accounts[order.account]
        fee = self.valuation.charge(account, instrument, order.charges, found.quantity, found.price)
        order.fill(found.quantity, found.price)
        exec_id = f"{EXEC_ID_FAMILY}.{FIRST_EXEC_ID + len(self.executions):08x}.01.01"
        signed = found.quantity if order.is_buy else -found.quantity
        booking = Booking(
            exec_id, instrument, signed, found.price, fee.total, fee.rate, fee.currency
        )
        realized = self.valuation.book(account, booking, now)
        order.commission += fee.total
        done = Execution(
            exec_id=exec_id,
            order=order,
            time=now,
            quantity=found.quantity,
            price=found.price,
            cumulative=order.filled,
            average=order.average,
            exchange=self._venue(order),
            commission=fee.total,
            commission_currency=fee.currency,
            realized=realized,
        )
        self.executions.append(done)
        order.executions.append(done)
        self.touched.append((order.account, instrument.con_id))
        return done

    def _venue(self, order: PaperOrder) -> str:
        """The venue of the quote that filled it."""
        instrument = order.instrument
        if order.contract.exchange not in {"", "SMART", instrument.exchange}:
            return str(order.contract.exchange)
        top = self.books(instrument.con_id)
        letter = top.ask_exchange if order.is_buy else top.bid_exchange
        if letter in VENUES:
            return VENUES[letter]
        return str(instrument.primary_exchange or instrument.exchange)

    # ---- the end, and the others -----------------------------------------------------------

    def cancel(self, order: PaperOrder, now: datetime) -> None:
        """Cancel an order, its children and the rest of its OCA group."""
        order.happen(OrderEvent.CANCEL)
        order.completed_at = now
        order.completed_status = "Cancelled by Trader"
        self.orders.settle(order)
        self.outbox.tell(order, "orderStatus", echo.order_status(order))
        self.outbox.order_error(order, Refusal(202, CANCELLED_BY_USER), now)
        for other in (*order.children, *self._others(order)):
            if not other.is_terminal:
                self.cancel(other, now)

    def _others(self, order: PaperOrder) -> tuple[PaperOrder, ...]:
        """The live orders of the same OCA group."""
        members = self._groups.get((order.account, order.oca_group), ())
        return tuple(other for other in members if other is not order and other.is_live)

    def _release(self, child: PaperOrder, now: datetime) -> None:
        """A parent filled: its child works, or waits for its trigger alone."""
        child.waits_for_parent = False
        if not child.is_live:
            return
        if self._can_work(child, now):
            child.happen(OrderEvent.WORK)
        self.outbox.pair(child)
        self.work(child, now)
