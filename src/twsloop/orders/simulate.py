"""What a disabled order would have done, from the live quote. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from twsloop.wire.values import decimal_or_none

from .checks import describe, is_set

__all__ = ["Quote", "simulate"]


class Quote(Protocol):
    """What of a ticker is looked at."""

    @property
    def bid(self) -> float | None:
        """The best bid."""
        ...

    @property
    def ask(self) -> float | None:
        """The best ask."""
        ...

    @property
    def age(self) -> float | None:
        """Seconds since the last tick."""
        ...


def simulate(order: Any, quote: Quote | None) -> tuple[Decimal | None, str]:
    """Whether the order would fill at once, and at what price.

    Market orders fill at the opposite quote; limit orders do if their limit reaches it (the rule of
    IB's own paper accounts); other types wait for their trigger.

    Returns:
        The price, or None if it would not fill at once; and the answer in words.
    """
    what = describe(order)
    if quote is None:
        return None, f"simulated: {what}; there is no quote to judge it by"
    buys = order.action == "BUY"
    side, opposite = ("ask", quote.ask) if buys else ("bid", quote.bid)
    age = "" if quote.age is None else f", {quote.age:.1f} s old"
    if opposite is None:
        return None, f"simulated: {what} would wait: there is no {side}"
    price = decimal_or_none(opposite)
    seen = f"({side} {price}{age})"
    if order.orderType == "MKT":
        return price, f"simulated: {what} would fill at {price} {seen}"
    if order.orderType == "LMT" and is_set(order.lmtPrice):
        reaches = order.lmtPrice >= opposite if buys else order.lmtPrice <= opposite
        if reaches:
            return price, f"simulated: {what} would fill at {price} {seen}"
        return None, f"simulated: {what} would rest {seen}"
    return None, f"simulated: {what} would wait for its condition {seen}"
