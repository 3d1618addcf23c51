"""What a program says of an order besides the order itself: who shall hear, and why."""

from __future__ import annotations

from typing import Any, Self, TypedDict

import attrs

from twsloop.config.sections.orders import Validation
from twsloop.errors import InvalidOrder
from twsloop.processors import Where

from .reference import split_reference
from .trade import OnFill, OnUpdate

__all__ = ["Intent", "Placing"]


class Placing(TypedDict, total=False):
    """What every method that places an order takes besides the order, by name.

    Attributes:
        on_update: Called with the `Trade` after each change that can be seen.
        on_fill: Called with each `Fill`.
        where: Where the callbacks run: None for the loop thread; an executor; an asyncio loop; a
            `Deliver`.
        tag: Your own reference (``orderRef``): the gateway keeps it, statements show it.
        reason: Why, in your words; kept in this process (`Trade.placed_because`).
        origin: What made it (`Trade.origin`); the method unless given.
        validate: ``cached`` checks it with what is in memory about the contract, ``strict`` asks
            for that first, ``off`` checks the order alone; as configured unless given.
    """

    on_update: OnUpdate | None
    on_fill: OnFill | None
    where: Where
    tag: str
    reason: str
    origin: str
    validate: Validation | None


@attrs.frozen
class Intent:
    """How an order is to be placed.

    The attributes are those of `Placing`.
    """

    on_update: OnUpdate | None = None
    on_fill: OnFill | None = None
    where: Where = None
    tag: str = ""
    reason: str = ""
    origin: str = ""
    validate: Validation | None = None

    @classmethod
    def of(cls, method: str, how: Placing) -> Self:
        """What the caller of a method gave; the order's origin is the method unless given."""
        made = cls(**how)
        return made if made.origin else attrs.evolve(made, origin=method)

    def reference(self, order: Any) -> str:
        """The user's reference of an order: the tag, or the ``orderRef`` that it came with.

        The token of an earlier order is not part of it: each order has one of its own.

        Raises:
            InvalidOrder: There are two.
        """
        own, _ = split_reference(str(order.orderRef))
        if self.tag and own and own != self.tag:
            msg = f"the order has orderRef {order.orderRef!r} and the tag {self.tag!r}: give one"
            raise InvalidOrder(msg)
        return self.tag or own
