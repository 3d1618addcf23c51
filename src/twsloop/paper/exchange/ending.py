"""The end of orders: one, its children, and those that share its fate."""

from __future__ import annotations

from datetime import datetime

import attrs

from twsloop.paper.decimals import plain
from twsloop.paper.orders import echo
from twsloop.paper.orders.groups import CANCEL_ALL, Groups
from twsloop.paper.orders.order import OrderEvent, PaperOrder, Status
from twsloop.paper.orders.order_book import PaperBook
from twsloop.paper.orders.outbox import Outbox
from twsloop.paper.orders.refusals import Refusal

from .fills import Fill

__all__ = ["CANCELLED", "REJECTED", "Ending"]

#: How the texts of 202 and 201 begin.
CANCELLED = "Order Canceled - reason:"
REJECTED = "Order rejected - reason:"


@attrs.frozen(eq=False)
class Ending:
    """Ends orders, and tells it.

    Attributes:
        orders: All orders of the server's life.
        groups: The OCA groups.
        outbox: What is to be told.
    """

    orders: PaperBook
    groups: Groups
    outbox: Outbox

    def end(
        self, order: PaperOrder, now: datetime, reason: str = "", *, alone: bool = False
    ) -> None:
        """End an order, its children and (unless it ends alone) the rest of its OCA group.

        Each comes before those that it takes along. Groups may have thousands of members: each is
        looked through once, and parents that a child takes along come last.
        """
        waiting: list[PaperOrder] = []
        parents: list[PaperOrder] = []
        groups: set[tuple[str, str]] = set()
        one: PaperOrder | None = order
        while one is not None:
            was_sent, key = one.status is not Status.UNTRANSMITTED, (one.account, one.oca_group)
            takes_along = one is not order or not alone
            self._end_one(one, now, reason if one is order else "")
            if takes_along and was_sent and key not in groups:  # what was not sent is in no group
                groups.add(key)
                waiting += reversed(self.groups.others(one))
            waiting += reversed(one.children)
            if takes_along and one.request.autoCancelParent and one.parent is not None:
                parents.append(one.parent)
            one = None
            while one is None and (waiting or parents):
                found = waiting.pop() if waiting else parents.pop()
                one = None if found.is_terminal else found

    def reject(self, order: PaperOrder, reason: str, now: datetime) -> None:
        """The broker does not take an order; its children end with it."""
        order.happen(OrderEvent.REJECT)
        order.completed_at = now
        order.completed_status = reason
        self.orders.settle(order)
        self.outbox.pair(order)
        self.outbox.order_error(order, Refusal(201, f"{REJECTED}{reason}"), now)
        self.outbox.pair(order)
        for child in order.children:
            if not child.is_terminal:
                self.end(child, now)

    def turn_away(self, order: PaperOrder, reason: str, now: datetime) -> None:
        """Accept an order and cancel it at once: its price is out of bounds."""
        order.happen(OrderEvent.HOLD)
        self.outbox.pair(order)
        order.happen(OrderEvent.ASK_CANCEL)
        self.outbox.pair(order)
        self.end(order, now, reason)

    def share(self, fill: Fill) -> None:
        """What a fill does to the other members of the order's group."""
        self.groups.note_fill(fill.order)
        for other in self.groups.others(fill.order):
            if not other.is_live:
                continue  # cancelled with the one before
            if other.oca_type == CANCEL_ALL or other.remaining <= fill.quantity:
                # The one that was filled goes on with what is left of it.
                self.end(other, fill.time, alone=True)
            else:
                other.total -= fill.quantity
                other.request.totalQuantity = plain(other.total)
                if other.accept_at is None and other.status is not Status.PENDING_SUBMIT:
                    self.outbox.pair(other)

    def _end_one(self, order: PaperOrder, now: datetime, reason: str = "") -> None:
        order.happen(OrderEvent.CANCEL)
        order.silent = False
        order.completed_at = now
        order.completed_status = "Cancelled by Trader"
        self.orders.settle(order)
        self.outbox.tell(order, "orderStatus", echo.order_status(order))
        self.outbox.order_error(order, Refusal(202, f"{CANCELLED}{reason}"), now)
