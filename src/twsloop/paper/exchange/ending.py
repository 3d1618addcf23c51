"""The end of orders: one, its children, and those that share its fate."""

from __future__ import annotations

from datetime import datetime

import attrs

from twsloop.paper.orders import echo
from twsloop.paper.orders.groups import Groups
from twsloop.paper.orders.order import OrderEvent, PaperOrder, Status
from twsloop.paper.orders.order_book import PaperBook
from twsloop.paper.orders.outbox import Outbox
from twsloop.paper.orders.refusals import Refusal

__all__ = ["Ending"]

CANCELLED = "Order Canceled - reason:"


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

    def _end_one(self, order: PaperOrder, now: datetime, reason: str = "") -> None:
        order.happen(OrderEvent.CANCEL)
        order.silent = False
        order.completed_at = now
        order.completed_status = "Cancelled by Trader"
        self.orders.settle(order)
        self.outbox.tell(order, "orderStatus", echo.order_status(order))
        self.outbox.order_error(order, Refusal(202, f"{CANCELLED}{reason}"), now)
