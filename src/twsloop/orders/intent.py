"""What a program says of an order besides the order itself: who shall hear, and why."""

from __future__ import annotations

from typing import Any

import attrs

from twsloop.config.sections.orders import Validation
from twsloop.errors import InvalidOrder
from twsloop.processors import Where

from .trade import OnFill, OnUpdate

__all__ = ["Intent"]


@attrs.frozen
class Intent:
    """How an order is to be placed.

    Attributes:
        on_update: Called with the `Trade` after each change that can be seen.
        on_fill: Called with each `Fill`.
        where: Where the callbacks run.
        tag: The user's own reference, as in ``orderRef``; it is kept at the gateway.
        reason: Why the order is placed, in words; it is kept in this process.
        origin: What made it: the method, or what the caller says.
        validate: What it is checked against; as configured unless given.
    """

    on_update: OnUpdate | None = None
    on_fill: OnFill | None = None
    where: Where = None
    tag: str = ""
    reason: str = ""
    origin: str = "place_order"
    validate: Validation | None = None

    def reference(self, order: Any) -> str:
        """The user's reference of an order: the tag, or the ``orderRef`` that it came with.

        Raises:
            InvalidOrder: There are two.
        """
        if self.tag and order.orderRef and order.orderRef != self.tag:
            msg = f"the order has orderRef {order.orderRef!r} and the tag {self.tag!r}: give one"
            raise InvalidOrder(msg)
        return self.tag or str(order.orderRef)
