"""The paper exchange and broker in one: orders in, IB's event scripts out.

Pure: time comes in as an argument, nothing is written to a socket. Every method leaves what is to
be told in `Engine.outbox`, in order, as ``(client id, message name, protobuf message)``; the server
takes it (`Engine.take`) and sends it. Orders are told to their owner only.

The scripts are those of the reference (``matching_engine.md`` 3), captured from real gateways::

    accepted        openOrder orderStatus, and the same pair again unless it fills at once
    full fill       execDetails  openOrder orderStatus (Filled)
                    openOrder with commission, orderStatus (Filled again)  commission report
    partial fill    execDetails  openOrder orderStatus  commission report
    user cancel     orderStatus (Cancelled)  error 202
    broker reject   openOrder orderStatus (Inactive)  error 201  the same pair again
    local refusal   one error and nothing else

A bracket is parent, children and nothing more here: untransmitted orders wait unseen until a member
is sent with ``transmit``; children wait for their parent's fill; a child's fill cancels its
siblings; the parent's cancellation cancels its children.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from google.protobuf.message import Message

from . import echo, validation
from .accounts import Account, Booking, unit_of
from .commissions import OrderCharges, Rates
from .instruments import VENUES, Catalogue, Instrument
from .market import TopOfBook
from .matching import Liquidity, Match, is_triggered, match
from .orders import Execution, OrderEvent, PaperBook, PaperOrder, Status
from .validation import Draft, Refusal
from .valuation import Valuation

__all__ = ["Engine", "Outgoing"]

ZERO = Decimal(0)
TIF_WAS_SET = "Order TIF was set to DAY based on order preset."
OUTSIDE_RTH_IGNORED = (
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order "
    "type and destination. PlaceOrder is now being processed."
)
CANCELLED_BY_USER = "Order Canceled - reason:"
#: First part of an execution id, as real gateways have it; the second counts up.
EXEC_ID_FAMILY = "0000e0d5"

Outgoing = tuple[int, str, Message]


@attrs.define(eq=False)
class Engine:
    """Orders, fills and accounts of one paper gateway.

    Attributes:
        catalogue: What can be traded.
        accounts: The accounts by name, the first is the default.
        books: Gives the top of book of an instrument.
        rates: The tariff.
        user: The name shown as the submitter of orders.
        keeps_hours: Whether orders outside trading hours wait (399).
        outbox: What is to be told, in order.
        touched: ``(account, conId)`` of the positions that changed, in order.
    """

    catalogue: Catalogue
    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    rates: Rates = attrs.Factory(Rates)
    user: str = "paper"
    keeps_hours: bool = False
    book: PaperBook = attrs.Factory(PaperBook)
    executions: list[Execution] = attrs.Factory(list)
    outbox: list[Outgoing] = attrs.Factory(list)
    touched: list[tuple[str, int]] = attrs.Factory(list)
    first_exec_id: int = 0x6AB9EA00
    valuation: Valuation = attrs.field(init=False)
    _liquidity: dict[int, Liquidity] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        self.valuation = Valuation(self.catalogue, self.books)

    def use_market(self, catalogue: Catalogue, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market after a restart; orders and accounts stay."""
        self.catalogue = catalogue
        self.books = books
        self.valuation = Valuation(catalogue, books)
        self._liquidity.clear()

    # ---- what is told ----------------------------------------------------------------------

    def take(self) -> Sequence[Outgoing]:
        """Take what is to be told since the last call."""
        taken, self.outbox = self.outbox, []
        return taken

    def take_touched(self) -> Sequence[tuple[str, int]]:
        """Take the positions that changed since the last call, each once."""
        taken, self.touched = list(dict.fromkeys(self.touched)), []
        return taken

    def _tell(self, order: PaperOrder, name: str, message: Message) -> None:
        self.outbox.append((order.client_id, name, message))

    def _pair(self, order: PaperOrder, *, commission: bool = False) -> None:
        self._tell(order, "openOrder", echo.open_order(order, commission=commission))
        self._tell(order, "orderStatus", echo.order_status(order))

    def _error(self, client_id: int, ident: int, refusal: Refusal, now: datetime) -> None:
        message = echo.error(ident, refusal.code, refusal.text, now)
        self.outbox.append((client_id, "errMsg", message))

    # ---- requests --------------------------------------------------------------------------

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that this client id may use; it never goes back."""
        return self.book.highest_id(client_id) + 1

    def place(self, client_id: int, request: Any, now: datetime) -> None:
        """Handle a placeOrder request: a new order, a change of one, or a what-if."""
        order_id = request.orderId
        draft = validation.read(request.order)
        refusal: Refusal | None
        if isinstance(draft, Refusal):
            self._error(client_id, order_id, draft, now)
            return
        refusal = validation.check_fields(draft, request.contract, tuple(self.accounts))
        if refusal is None and order_id <= 0:
            refusal = Refusal(10149, f"Invalid order id: {order_id}")
        known = self.book.find(client_id, order_id)
        if refusal is None and known is None and order_id <= self.book.highest_id(client_id):
            refusal = Refusal(103, "Duplicate order id")
        if refusal is None and known is not None and not request.order.whatIf:
            refusal = validation.check_modification(known, draft, request.contract)
        instrument = known.instrument if known else None
        if refusal is None and instrument is None:
            instrument, refusal = self._find(request.contract)
        if refusal is None:
            refusal = validation.check_contract_rules(draft, instrument)
        if refusal is not None and not refusal.by_broker:
            self._error(client_id, order_id, refusal, now)
            return
        assert instrument is not None
        if request.order.whatIf:
            self._what_if(client_id, request, draft, instrument, now)
        elif known is not None:
            self._modify(known, draft, now)
        else:
            self._accept(client_id, request, draft, instrument, now)

    def cancel(self, client_id: int, order_id: int, now: datetime) -> None:
        """Handle a cancelOrder request; only the order's own client id can cancel it."""
        order = self.book.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._error(client_id, order_id, Refusal(10147, text), now)
        elif order.is_terminal:
            text = (
                f"OrderId {order_id} that needs to be cancelled cannot be cancelled, "
                f"state: {order.status.value}."
            )
            self._error(client_id, order_id, Refusal(10148, text), now)
        else:
            self._cancel(order, now)

    def cancel_all(self, client_id: int, now: datetime) -> None:
        """Handle reqGlobalCancel: every client's live orders; 161 for own terminal ones."""
        for order in self.book:
            if not order.is_terminal:
                self._cancel(order, now)
            elif order.client_id == client_id:
                text = (
                    "Cancel attempted when order is not in a cancellable state. "
                    f"Order permId ={order.perm_id}"
                )
                self._error(client_id, order.order_id, Refusal(161, text), now)

    def on_market(self, con_id: int, now: datetime) -> None:
        """Look again at the live orders of an instrument whose book has changed."""
        if not self.book.has_live(con_id):
            return
        for order in self.book.live(con_id):
            if order.is_live:  # a fill before it may have ended it
                self._work(order, now)

    # ---- a new order -----------------------------------------------------------------------

    def _find(self, contract: Any) -> tuple[Instrument | None, Refusal | None]:
        found = self.catalogue.find(contract)
        if len(found) == 1:
            return found[0], None
        if not found:
            return None, Refusal(200, validation.NO_DEFINITION)
        return None, Refusal(200, validation.AMBIGUOUS.format(symbol=contract.symbol))

    def _draw(
        self, client_id: int, request: Any, draft: Draft, instrument: Instrument
    ) -> PaperOrder:
        """Make the order of a request, not yet in the book."""
        asked = type(request.order)()
        asked.CopyFrom(request.order)
        asked.action = draft.action
        exchange = request.contract.exchange or instrument.exchange
        return PaperOrder(
            client_id=client_id,
            order_id=request.orderId,
            perm_id=0,
            account=request.order.account or next(iter(self.accounts)),
            instrument=instrument,
            contract=instrument.contract(exchange=exchange),
            request=asked,
            charges=OrderCharges(self.rates, instrument.sec_type, draft.action == "SELL"),
            total=draft.total,
            order_type=draft.worked_type or draft.order_type,
            limit_price=draft.limit_price,
            stop_price=draft.stop_price,
            tif=draft.tif,
            elected=draft.stop_price is None,
            transmit=request.order.transmit,
        )

    def _accept(
        self, client_id: int, request: Any, draft: Draft, instrument: Instrument, now: datetime
    ) -> None:
        order = self._draw(client_id, request, draft, instrument)
        parent_id = request.order.parentId
        if parent_id:
            parent = self.book.find(client_id, parent_id)
            if parent is None or parent.is_terminal:
                cause = f"Can't find order with id ={parent_id}"
                text = validation.VALIDATING.format(mark="bH", cause=cause)
                self._error(client_id, order.order_id, Refusal(321, text), now)
                return
            order.parent = parent
            order.waits_for_parent = True
            parent.children.append(order)
        self.book.add(order)
        if draft.tif_was_empty:
            self._error(client_id, order.order_id, Refusal(10349, TIF_WAS_SET), now)
        if order.transmit:
            self._transmit_group(order, now)

    def _transmit_group(self, order: PaperOrder, now: datetime) -> None:
        """Send an order and the untransmitted members of its bracket, parent first."""
        root = order.parent or order
        group = [m for m in (root, *root.children) if m.status is Status.UNTRANSMITTED]
        for member in group:
            member.transmit = True
            member.perm_id = self.book.take_perm_id()
        for member in group:
            self._transmit(member, now)

    def _transmit(self, order: PaperOrder, now: datetime) -> None:
        """Send an order to the market: accepted, or rejected by the broker."""
        held_outside = order.request.outsideRth and order.order_type in {"STP", "STP LMT"}
        if held_outside:
            order.request.outsideRth = False
            refusal = Refusal(2109, OUTSIDE_RTH_IGNORED)
            self._error(order.client_id, order.order_id, refusal, now)
        echo.echo_order(order, self.user, now)
        reason = self._broker_reason(order)
        if reason is not None:
            self._reject(order, reason, now)
            return
        opens_at = self._closed_until(order, now)
        if opens_at is not None:
            self._error(order.client_id, order.order_id, Refusal(399, opens_at), now)
        order.happen(OrderEvent.WORK if self._can_work(order, now) else OrderEvent.HOLD)
        self.book.settle(order)
        self._pair(order)
        before = (order.status, order.filled, order.elected)
        self._work(order, now)
        if before == (order.status, order.filled, order.elected):
            self._pair(order)  # every report of the server is told, changed or not

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
        self._pair(order)
        refusal = Refusal(201, f"Order rejected - reason:{reason}")
        self._error(order.client_id, order.order_id, refusal, now)
        self._pair(order)
        self._end_of(order, now)

    def _what_if(
        self, client_id: int, request: Any, draft: Draft, instrument: Instrument, now: datetime
    ) -> None:
        """Answer a what-if: one openOrder with margins and commission, and nothing is placed."""
        order = self._draw(client_id, request, draft, instrument)
        echo.echo_order(order, self.user, now)
        order.happen(OrderEvent.HOLD)
        message = echo.open_order(order)
        signed = order.total if order.is_buy else -order.total
        price = draft.limit_price or draft.stop_price or self.valuation.price(instrument.con_id)
        value = order.total * (price or ZERO) * unit_of(instrument)
        value *= self.valuation.rate(instrument.currency)
        charge = order.charges.preview(order.total, value)
        account = self.accounts[order.account]
        self.valuation.preview(account, instrument, signed, charge.total, message.orderState)
        self.outbox.append((client_id, "openOrder", message))

    def _modify(self, order: PaperOrder, draft: Draft, now: datetime) -> None:
        """Change a working order; there is no acknowledgement but its new values."""
        asked = order.request
        asked.CopyFrom(draft.request)
        asked.action = draft.action
        order.total = draft.total
        order.limit_price = draft.limit_price
        order.stop_price = draft.stop_price
        if order.status is Status.UNTRANSMITTED:
            if draft.request.transmit:
                self._transmit_group(order, now)
            return
        echo.echo_order(order, self.user, now)
        self._pair(order)
        before = (order.status, order.filled, order.elected)
        self._work(order, now)
        if before == (order.status, order.filled, order.elected):
            self._pair(order)

    # ---- work ------------------------------------------------------------------------------

    def _closed_until(self, order: PaperOrder, now: datetime) -> str | None:
        """The 399 of an order that waits for its market to open; None when it is open."""
        if self._is_open(order, now):
            return None
        instrument = order.instrument
        opens = instrument.hours.next_open(now)
        venue = f"{instrument.primary_exchange or instrument.exchange}.{instrument.trading_class}"
        request = order.request
        return (
            f"Order Message:\n{request.action} {echo.plain(order.total)} {instrument.symbol} "
            f"{venue}\nWarning: your order will not be placed at the exchange until "
            f"{opens:%Y-%m-%d %H:%M:%S} {instrument.time_zone}"
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
        if order.order_type != "MKT":
            return True
        return self._fresh_liquidity(order.instrument.con_id).opposite(order.is_buy)[0] is not None

    def _fresh_liquidity(self, con_id: int) -> Liquidity:
        liquidity = self._liquidity.get(con_id)
        if liquidity is None:
            liquidity = self._liquidity[con_id] = Liquidity()
        liquidity.refresh(self.books(con_id))
        return liquidity

    def _work(self, order: PaperOrder, now: datetime) -> None:
        """Trigger and fill an order as far as the book that stands allows."""
        if not self._is_open(order, now):
            return
        con_id = order.instrument.con_id
        top = self.books(con_id)
        if not order.elected and not order.waits_for_parent and is_triggered(order, top):
            order.elected = True
            order.happen(OrderEvent.WORK)
            self._pair(order)
        liquidity = self._fresh_liquidity(con_id)
        found = match(order, liquidity)
        if found is not None:
            liquidity.take(order.is_buy, found.quantity)
            self._fill(order, found, now)
        if order.tif == "IOC" and order.is_live and order.elected and not order.waits_for_parent:
            order.happen(OrderEvent.ASK_CANCEL)
            self._pair(order)
            self._cancel(order, now)

    def _fill(self, order: PaperOrder, found: Match, now: datetime) -> None:
        """Book one fill and tell it by the script."""
        instrument = order.instrument
        rate = self.valuation.rate(instrument.currency)
        value = found.quantity * found.price * unit_of(instrument)
        charge = order.charges.add(found.quantity, value * rate)
        order.fill(found.quantity, found.price)
        exec_id = f"{EXEC_ID_FAMILY}.{self.first_exec_id + len(self.executions):08x}.01.01"
        signed = found.quantity if order.is_buy else -found.quantity
        booking = Booking(exec_id, instrument, signed, found.price, charge.total, rate)
        account = self.accounts[order.account]
        realized = account.book(booking)
        order.commission += charge.total
        done = Execution(
            exec_id=exec_id,
            order=order,
            time=now,
            quantity=found.quantity,
            price=found.price,
            cumulative=order.filled,
            average=order.average,
            exchange=self._venue(order),
            commission=charge.total,
            commission_currency=account.currency,
            realized=realized,
        )
        self.executions.append(done)
        order.executions.append(done)
        self.touched.append((order.account, instrument.con_id))
        full = order.status is Status.FILLED
        if full:
            order.completed_at = now
            order.completed_status = f"Filled Size: {echo.plain(order.filled)}"
        self.book.settle(order)
        self._tell(order, "execDetails", echo.execution_details(done))
        self._pair(order)
        if full:
            self._pair(order, commission=True)
        self._tell(order, "commissionReport", echo.commission_report(done))
        if full:
            self._end_of(order, now)

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

    # ---- the end of an order ---------------------------------------------------------------

    def _cancel(self, order: PaperOrder, now: datetime, text: str = CANCELLED_BY_USER) -> None:
        order.happen(OrderEvent.CANCEL)
        order.completed_at = now
        order.completed_status = "Cancelled by Trader"
        self.book.settle(order)
        self._tell(order, "orderStatus", echo.order_status(order))
        self._error(order.client_id, order.order_id, Refusal(202, text), now)
        self._end_of(order, now)

    def _end_of(self, order: PaperOrder, now: datetime) -> None:
        """What an order's end means for the other members of its bracket."""
        others: list[PaperOrder] = []
        if order.status is Status.FILLED:
            for child in order.children:
                self._release(child, now)
        else:
            others += order.children
        if order.parent is not None and order.status is not Status.INACTIVE:
            others += order.parent.children  # they are one OCA group
        for other in others:
            if other is not order and not other.is_terminal:
                self._cancel(other, now)

    def _release(self, child: PaperOrder, now: datetime) -> None:
        """A parent filled: its child works, or waits for its trigger alone."""
        child.waits_for_parent = False
        if not child.is_live:
            return
        if child.elected:
            child.happen(OrderEvent.WORK)
        self._pair(child)
        self._work(child, now)
