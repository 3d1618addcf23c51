"""The paper exchange and broker in one: orders in, IB's event scripts out.

Pure: time comes in as an argument, nothing is written to a socket. Every method leaves what is to
be told in `Engine.outbox`, in order; the server takes it (`Engine.take`) and sends it. Orders are
told to their owner only.

The scripts are those of the reference (``matching_engine.md`` 3), captured from real gateways::

    accepted        openOrder orderStatus, and the same pair again unless it fills at once
    full fill       execDetails  openOrder orderStatus (Filled)
                    openOrder with commission, orderStatus (Filled again)  commission report
    partial fill    execDetails  openOrder orderStatus  commission report
    user cancel     orderStatus (Cancelled)  error 202
    broker reject   openOrder orderStatus (Inactive)  error 201  the same pair again
    local refusal   one error and nothing else

The engine reads requests and decides what they ask; `floor` has the orders once they are sent.
Untransmitted orders wait unseen until a member of their bracket is sent with ``transmit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.ids import LAST_ID

from . import echo, validation
from .accounts import Account
from .commissions import OrderCharges, Rates
from .floor import Floor
from .instruments import Catalogue, Instrument
from .market import TopOfBook
from .orders import Execution, OrderEvent, PaperBook, PaperOrder, Status
from .outbox import Outbox, Outgoing
from .validation import Draft, Refusal
from .valuation import Valuation

__all__ = ["Engine"]

ZERO = Decimal(0)
TIF_WAS_SET = "Order TIF was set to DAY based on order preset."


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
        floor: The orders that were sent.
    """

    catalogue: Catalogue
    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    rates: Rates = attrs.Factory(Rates)
    user: str = "paper"
    keeps_hours: bool = False
    outbox: Outbox = attrs.Factory(Outbox)
    floor: Floor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.floor = Floor(
            accounts=self.accounts,
            books=self.books,
            valuation=Valuation(self.catalogue, self.books),
            outbox=self.outbox,
            user=self.user,
            keeps_hours=self.keeps_hours,
        )

    def use_market(self, catalogue: Catalogue, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market after a restart; orders and accounts stay."""
        self.catalogue = catalogue
        self.books = books
        self.floor.use_market(catalogue, books)

    # ---- facts -----------------------------------------------------------------------------

    @property
    def book(self) -> PaperBook:
        """All orders."""
        return self.floor.orders

    @property
    def executions(self) -> Sequence[Execution]:
        """All fills, in order."""
        return self.floor.executions

    @property
    def valuation(self) -> Valuation:
        """Prices, rates and margins."""
        return self.floor.valuation

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that this client id may use; it never goes back.

        One that has used the largest id of all is told that one again: there is none above it.
        """
        return min(self.book.highest_id(client_id) + 1, LAST_ID)

    def take(self) -> Sequence[Outgoing]:
        """Take what is to be told since the last call."""
        return self.outbox.take()

    def take_touched(self) -> Sequence[tuple[str, int]]:
        """Take the positions that changed since the last call, each once."""
        taken, self.floor.touched = list(dict.fromkeys(self.floor.touched)), []
        return taken

    @property
    def has_news(self) -> bool:
        """Whether `take` or `take_touched` would give anything."""
        return bool(self.outbox) or bool(self.floor.touched)

    # ---- requests --------------------------------------------------------------------------

    def place(self, client_id: int, request: Any, now: datetime) -> None:
        """Handle a placeOrder request: a new order, a change of one, or a what-if."""
        draft = validation.read(request.order)
        if isinstance(draft, Refusal):
            self.outbox.error(client_id, request.orderId, draft, now)
            return
        known = self.book.find(client_id, request.orderId)
        found = self._judge(client_id, request, draft, known)
        if isinstance(found, Refusal):
            self.outbox.error(client_id, request.orderId, found, now)
        elif request.order.whatIf:
            self._what_if(client_id, request, draft, found, now)
        elif known is not None:
            self._modify(known, draft, now)
        else:
            self._accept(self._draw(client_id, request, draft, found), draft, now)

    def cancel(self, client_id: int, order_id: int, now: datetime) -> None:
        """Handle a cancelOrder request; only the order's own client id can cancel it."""
        order = self.book.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self.outbox.error(client_id, order_id, Refusal(10147, text), now)
        elif order.is_terminal:
            text = (
                f"OrderId {order_id} that needs to be cancelled cannot be cancelled, "
                f"state: {order.status.value}."
            )
            self.outbox.order_error(order, Refusal(10148, text), now)
        else:
            self.floor.cancel(order, now)

    def cancel_all(self, client_id: int, now: datetime) -> None:
        """Handle reqGlobalCancel: every client's live orders; 161 for own terminal ones."""
        ended = {order.perm_id for order in self.book if order.is_terminal}
        for order in self.book:
            if not order.is_terminal:  # the one before may have ended it
                self.floor.cancel(order, now)
            elif order.client_id == client_id and order.perm_id in ended:
                text = (
                    "Cancel attempted when order is not in a cancellable state. "
                    f"Order permId ={order.perm_id}"
                )
                self.outbox.order_error(order, Refusal(161, text), now)

    def on_market(self, con_id: int, now: datetime) -> None:
        """Look again at the live orders of an instrument whose book has changed."""
        self.floor.on_market(con_id, now)

    # ---- what a placeOrder asks ------------------------------------------------------------

    def _judge(
        self, client_id: int, request: Any, draft: Draft, known: PaperOrder | None
    ) -> Instrument | Refusal:
        """The instrument of a request that can be done, or why it is refused here."""
        order_id = request.orderId
        refusal = validation.check_fields(draft, request.contract, tuple(self.accounts))
        if refusal is not None:
            return refusal
        if order_id <= 0 and known is None:  # those of bound orders are below 0
            return Refusal(10149, f"Invalid order id: {order_id}")
        if known is None and order_id <= self.book.highest_id(client_id):
            return Refusal(103, "Duplicate order id")
        if known is not None and not request.order.whatIf:
            refusal = validation.check_modification(known, draft, request.contract)
            if refusal is not None:
                return refusal
            instrument: Instrument = known.instrument
        else:
            found = self.catalogue.find(request.contract)
            if not found:
                return Refusal(200, validation.NO_DEFINITION)
            if len(found) > 1:
                text = validation.AMBIGUOUS.format(symbol=request.contract.symbol)
                return Refusal(200, text)
            instrument = found[0]
        refusal = validation.check_contract_rules(draft, instrument)
        if refusal is None and known is None:
            refusal = self._parent_missing(client_id, request.order.parentId)
        return refusal or instrument

    def _parent_missing(self, client_id: int, parent_id: int) -> Refusal | None:
        if not parent_id:
            return None
        parent = self.book.find(client_id, parent_id)
        if parent is not None and not parent.is_terminal:
            return None
        cause = f"Can't find order with id ={parent_id}"
        return Refusal(321, validation.VALIDATING.format(mark="bH", cause=cause))

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
            account=asked.account or next(iter(self.accounts)),
            instrument=instrument,
            contract=instrument.contract(exchange=exchange),
            request=asked,
            charges=OrderCharges(self.rates, instrument.sec_type, draft.action == "SELL"),
            total=draft.total,
            order_type=draft.worked_type or draft.order_type,
            limit_price=draft.limit_price,
            stop_price=draft.stop_price,
            tif=draft.tif,
            oca_group=asked.ocaGroup,
            oca_type=asked.ocaType or validation.DEFAULT_OCA_TYPE,
            elected=draft.stop_price is None,
        )

    def _accept(self, order: PaperOrder, draft: Draft, now: datetime) -> None:
        parent_id = order.request.parentId
        if parent_id:
            parent = self.book.find(order.client_id, parent_id)
            assert parent is not None
            order.parent = parent
            order.waits_for_parent = True
            parent.children.append(order)
        self.book.add(order)
        if draft.tif_was_empty:
            self.outbox.order_error(order, Refusal(10349, TIF_WAS_SET), now)
        if draft.request.transmit:
            self.floor.transmit_group(order, now)

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
        account = self.accounts[order.account]
        fee = self.valuation.preview_charge(
            account, instrument, order.charges, order.total, price or ZERO
        )
        self.valuation.preview_of(account, ((instrument, signed),), fee, message.orderState)
        self.outbox.post(client_id, "openOrder", message)

    def _modify(self, order: PaperOrder, draft: Draft, now: datetime) -> None:
        """Change a working order; there is no acknowledgement but its new values."""
        order.request.CopyFrom(draft.request)
        order.request.action = draft.action
        order.total = draft.total
        order.limit_price = draft.limit_price
        order.stop_price = draft.stop_price
        if order.status is not Status.UNTRANSMITTED:
            echo.echo_order(order, self.user, now)
            self.floor.report_and_work(order, now)
        elif draft.request.transmit:
            self.floor.transmit_group(order, now)
