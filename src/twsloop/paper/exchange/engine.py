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
from twsloop.paper.accounts.account import Account
from twsloop.paper.accounts.commissions import Rates
from twsloop.paper.accounts.valuation import Valuation
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders import echo
from twsloop.paper.orders.changes import check_change
from twsloop.paper.orders.contract_rules import check_contract
from twsloop.paper.orders.order import TERMINAL, Execution, OrderEvent, PaperOrder, Status
from twsloop.paper.orders.order_book import PaperBook
from twsloop.paper.orders.outbox import Outbox, Outgoing
from twsloop.paper.orders.reading import Draft, bad_number, read
from twsloop.paper.orders.refusals import Refusal
from twsloop.paper.orders.rules import OrderRules
from twsloop.paper.orders.validation import Asked, check_fields

from .acceptance import TIF_WAS_SET, refused_change, take_back_outside
from .drafting import Drafting, Found
from .floor import Floor
from .interventions import Interventions

__all__ = ["Engine"]

ZERO = Decimal(0)
#: Ids above this are taken with a warning: the numbers run out.
HIGH_ID = 2_000_000_000
ID_WARNING = "The order id is close to the largest one: reset the order id sequence."
#: States in which a cancel is no longer taken (10148).
PAST_CANCELLING = TERMINAL | {Status.PENDING_CANCEL}


@attrs.define(eq=False)
class Engine:
    """Orders, fills and accounts of one paper gateway.

    Attributes:
        catalogue: What can be traded.
        accounts: The accounts by name, the first is the default.
        books: Gives the top of book of an instrument.
        rates: The tariff.
        user: The name shown as the submitter of orders.
        keeps_hours: Whether orders outside trading hours wait (399), and end with their session.
        rules: The settings about orders.
        outbox: What is to be told, in order.
        interventions: What a test wants refused.
        floor: The orders that were sent.
    """

    catalogue: Catalogue
    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    rates: Rates = attrs.Factory(Rates)
    user: str = "paper"
    keeps_hours: bool = False
    rules: OrderRules = attrs.Factory(OrderRules)
    outbox: Outbox = attrs.Factory(Outbox)
    interventions: Interventions = attrs.Factory(Interventions)
    floor: Floor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.floor = Floor(
            accounts=self.accounts,
            books=self.books,
            valuation=Valuation(self.catalogue, self.books),
            outbox=self.outbox,
            user=self.user,
            keeps_hours=self.keeps_hours,
            rules=self.rules,
            interventions=self.interventions,
        )

    def use_market(self, catalogue: Catalogue, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market after a restart; orders that were sent and accounts stay."""
        self.catalogue = catalogue
        self.books = books
        self.book.forget_unsent()
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
        return min(self.book.highest_seen(client_id) + 1, LAST_ID)

    def take(self) -> Sequence[Outgoing]:
        """Take what is to be told since the last call."""
        return self.outbox.take()

    def take_touched(self) -> Sequence[tuple[str, int]]:
        """Take the positions that changed since the last call, each once."""
        ledger = self.floor.ledger
        taken, ledger.touched = list(dict.fromkeys(ledger.touched)), []
        return taken

    @property
    def next_due(self) -> datetime | None:
        """When `on_time` has something to do; None for nothing."""
        return self.floor.agenda.next

    @property
    def has_news(self) -> bool:
        """Whether `take` or `take_touched` would give anything."""
        return bool(self.outbox) or bool(self.floor.ledger.touched)

    # ---- requests --------------------------------------------------------------------------

    def place(self, client_id: int, request: Any, now: datetime) -> None:
        """Handle a placeOrder request: a new order, a change of one, or a what-if."""
        order_id = request.orderId
        draft = bad_number(request.contract) or read(request.order)
        known = self.book.find(client_id, order_id)
        found = draft if isinstance(draft, Refusal) else self._judge(client_id, request, draft, now)
        if known is None and not isinstance(found, Refusal) and not request.order.whatIf:
            found = self.interventions.local(request) or found
        if isinstance(found, Refusal):
            if known is None and order_id > 0 and not request.order.whatIf:
                self.book.see_id(client_id, order_id)
            self.outbox.error(client_id, order_id, found, now)
            return
        if request.order.whatIf:
            self._drafting().preview(client_id, request, found, now)
        elif known is not None:
            self._modify(known, found.draft, now)
        else:
            self._take(client_id, request, found, now)

    def cancel(self, client_id: int, order_id: int, now: datetime) -> None:
        """Handle a cancelOrder request; only the order's own client id can cancel it."""
        order = self.book.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self.outbox.error(client_id, order_id, Refusal(10147, text), now)
        elif order.status in PAST_CANCELLING:
            text = (
                f"OrderId {order_id} that needs to be cancelled cannot be cancelled, "
                f"state: {order.status.value}."
            )
            self.outbox.order_error(order, Refusal(10148, text), now)
        else:
            self.floor.cancel(order, now)

    def cancel_all(self, client_id: int, now: datetime) -> None:
        """Handle reqGlobalCancel: every client's live orders; 161 for own terminal ones."""
        ended = {order.perm_id for order in self.book if order.is_terminal and order.perm_id}
        for order in self.book:
            if order.status not in PAST_CANCELLING:  # the one before may have ended it
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

    def on_time(self, now: datetime) -> None:
        """Do what is due by now (see `next_due`)."""
        self.floor.on_time(now)

    # ---- what a placeOrder asks ------------------------------------------------------------

    def _drafting(self) -> Drafting:
        return Drafting(
            catalogue=self.catalogue,
            accounts=self.accounts,
            books=self.books,
            valuation=self.valuation,
            rates=self.rates,
            rules=self.rules,
            user=self.user,
            outbox=self.outbox,
            bound=self.floor.bound,
        )

    def _judge(self, client_id: int, request: Any, draft: Draft, now: datetime) -> Found | Refusal:
        """What a request asks for, if it can be done; or why it is refused here.

        The order of these checks is Gateway 10.40's (see `validation`).
        """
        known = self.book.find(client_id, request.orderId)
        parent = self._parent(client_id, draft)
        asked = Asked(
            draft,
            request.contract,
            tuple(self.accounts),
            is_new=known is None,
            parent=parent,
            attached=request.attachedOrders,
        )
        refusal = check_fields(asked) or self._flow(client_id, request, draft, known)
        if refusal is not None:
            return refusal
        if known is not None and not request.order.whatIf:
            refusal = check_change(known, draft, request.contract)
            if refusal is not None:
                return refusal
            parent = known.parent
        elif not request.order.whatIf:
            self.book.use_id(client_id, request.orderId)
        drafting = self._drafting()
        found = drafting.find(request, draft, known)
        if isinstance(found, Refusal):
            return found
        setting = drafting.setting(request, found, parent, now, is_new=known is None)
        return check_contract(setting) or found

    def _flow(
        self, client_id: int, request: Any, draft: Draft, known: PaperOrder | None
    ) -> Refusal | None:
        """The checks of ids."""
        order_id = request.orderId
        if order_id <= 0 and known is None:  # those of bound orders are below 0
            return Refusal(10149, f"Invalid order id: {order_id}")
        if known is None and order_id <= self.book.highest_id(client_id):
            return Refusal(103, "Duplicate order id")
        if known is not None and known.status is Status.PENDING_SUBMIT and not draft.request.whatIf:
            text = "Unable to modify this order as it is still being processed."
            return Refusal(2102, text)
        return None

    def _parent(self, client_id: int, draft: Draft) -> PaperOrder | None:
        """The parent that a request names, if it is one that lives."""
        parent_id = draft.request.parentId
        parent = self.book.find(client_id, parent_id) if parent_id else None
        return parent if parent is not None and not parent.is_terminal else None

    def _take(self, client_id: int, request: Any, found: Found, now: datetime) -> None:
        """A new order: it is in the book from now on, and sent if it says so."""
        draft = found.draft
        order = self._drafting().draw(client_id, request, found, now)
        if request.orderId > HIGH_ID:
            self.outbox.order_error(order, Refusal(2146, ID_WARNING), now)
        if self.rules.direct_routing == "discard" and order.is_directed:
            self._discard(order, now)
            return
        parent = self._parent(client_id, draft)
        if parent is not None:
            order.parent = parent
            order.waits_for_parent = True
            parent.children.append(order)
        self.book.add(order)
        if not draft.tif and self.rules.empty_tif == "notice":
            self.outbox.order_error(order, TIF_WAS_SET, now)
        if draft.request.transmit:
            self.floor.transmit_group(order, now)

    def _discard(self, order: PaperOrder, now: datetime) -> None:
        """The precaution about direct routing: it is as if the order had never been."""
        text = f"This order will be directly routed to {order.contract.exchange}."
        self.outbox.order_error(order, Refusal(10329, text), now)
        order.happen(OrderEvent.CANCEL)
        self.outbox.tell(order, "orderStatus", echo.order_status(order))
        self.outbox.order_error(order, Refusal(201, "Order was discarded."), now)

    def _modify(self, order: PaperOrder, draft: Draft, now: datetime) -> None:
        """Change a working order; there is no acknowledgement but its new values."""
        refusal = refused_change(order, draft, self.floor.bound, self.rules)
        if refusal is not None:
            self.outbox.order_error(order, refusal, now)
            self.outbox.pair(order)  # clients take a 201 for an order's end: it still works
            return
        self.book.unlist(order)
        keeps_place = self._drafting().revise(order, draft)
        if order.status is not Status.UNTRANSMITTED:
            for notice in take_back_outside(order):
                self.outbox.order_error(order, notice, now)
            self.floor.revised(order, now, keeps_place=keeps_place)
        elif draft.request.transmit:
            self.floor.transmit_group(order, now)
