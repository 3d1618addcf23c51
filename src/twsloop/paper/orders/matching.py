"""When an order fills, at what price and how much: pure rules over the top of the book.

Theory of operation. IB's own paper accounts fill against the displayed top of book (reference
``matching_engine.md`` 1):

- an order is marketable when the OPPOSITE quote reaches it: a buy when the ask is at or below its
  limit, a sale when the bid is at or above it. Touching the own side fills nothing;
- it fills at the opposite quote, not at its limit;
- one fill is at most the displayed size. What is left waits for the next quote. `Liquidity`
  remembers what our fills took from the quote that stands, because the market's own feed does not
  know of them; a new price or size on a side is a new quote, with its whole size again;
- a market order without an opposite quote waits for one;
- a pegged order has a price that follows the quote, and fills when the opposite side reaches it;
- an all-or-none order waits for a quote that fills it whole;
- of our own orders the best price comes first, then the first.

`triggers` has what makes an order of a stop, `floor` when all this is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import attrs

from twsloop.paper.decimals import decimal_price
from twsloop.paper.market.vocabulary import TopOfBook

from .order import PaperOrder, Status
from .order_types import Peg
from .reading import is_set, number

__all__ = [
    "Liquidity",
    "Match",
    "Quoted",
    "match",
    "pegged_price",
    "precedence",
    "reached",
    "resting_mark",
    "takes",
    "worst_price",
]

ZERO = Decimal(0)
NO_LIMIT = Decimal("-Infinity")


class Quoted(Protocol):
    """Something with two sides to trade against: a quote, or the quotes of a combination."""

    def opposite(self, is_buy: bool) -> tuple[Decimal | None, Decimal]:
        """Price and remaining size of the side that a buy or a sale fills against."""

    def take(self, is_buy: bool, quantity: Decimal) -> None:
        """Remove what a fill took."""


@attrs.frozen
class Match:
    """One possible fill.

    Attributes:
        quantity: How much.
        price: The opposite quote.
    """

    quantity: Decimal
    price: Decimal


@attrs.define
class Liquidity:
    """What is left of one instrument's displayed sizes after our own fills.

    The two pairs are the quotes that stand; `bid_left` and `ask_left` shrink with our fills.
    """

    bid: tuple[float | None, Decimal | None] = (None, None)
    ask: tuple[float | None, Decimal | None] = (None, None)
    bid_left: Decimal = ZERO
    ask_left: Decimal = ZERO

    def refresh(self, top: TopOfBook) -> None:
        """Look at the book again; a side that changed shows its whole size."""
        bid = (top.bid, top.bid_size)
        if bid != self.bid:
            self.bid = bid
            self.bid_left = top.bid_size or ZERO
        ask = (top.ask, top.ask_size)
        if ask != self.ask:
            self.ask = ask
            self.ask_left = top.ask_size or ZERO

    def opposite(self, is_buy: bool) -> tuple[Decimal | None, Decimal]:
        """Price and remaining size of the side that a buy or a sale fills against."""
        if is_buy:
            return decimal_price(self.ask[0]), self.ask_left
        return decimal_price(self.bid[0]), self.bid_left

    def take(self, is_buy: bool, quantity: Decimal) -> None:
        """Remove what a fill took."""
        if is_buy:
            self.ask_left -= quantity
        else:
            self.bid_left -= quantity


def pegged_price(order: PaperOrder, top: TopOfBook) -> Decimal | None:
    """What a pegged order's price is now; None while the quote has not what it follows.

    The offset moves it towards the other side (REL, SNAP PRIM) or away from it (the others), and
    `PaperOrder.limit_price` caps it.
    """
    bid, ask = decimal_price(top.bid), decimal_price(top.ask)
    own, other = (bid, ask) if order.is_buy else (ask, bid)
    sign = 1 if order.is_buy else -1
    base: Decimal | None
    if order.kind.peg is Peg.OWN:
        base = own
    elif order.kind.peg is Peg.OTHER:
        base, sign = other, -sign
    else:
        base, sign = (bid + ask) / 2 if bid is not None and ask is not None else None, -sign
    if base is None:
        return None
    offset = base * order.percent / 100 if order.percent is not None else order.amount or ZERO
    price = base + sign * offset
    cap = order.limit_price
    if cap is None:
        return price
    return min(price, cap) if order.is_buy else max(price, cap)


def worst_price(order: PaperOrder) -> Decimal | None:
    """The worst price that an order takes now; None for any.

    A discretionary amount is what it takes beyond the limit that it shows.
    """
    if order.kind.peg is not Peg.NONE:
        return order.peg_price
    limit = order.limit_price
    if limit is None:
        return None
    amount = number(order.request, "discretionaryAmt") or ZERO
    return limit + amount if order.is_buy else limit - amount


def takes(order: PaperOrder, price: Decimal) -> bool:
    """Whether an order trades at this price."""
    worst = worst_price(order)
    if worst is None:
        return order.kind.peg is Peg.NONE
    return price <= worst if order.is_buy else price >= worst


def match(order: PaperOrder, liquidity: Quoted) -> Match | None:
    """What the standing quote gives this order; None for nothing.

    Args:
        order: A live order; held ones (trigger, parent, conditions) give None.
        liquidity: The quote and what is left of it. It is not changed.
    """
    is_accepted = order.accept_at is None and order.status is not Status.PENDING_SUBMIT
    if not order.is_live or order.is_held or not is_accepted:
        return None
    price, left = liquidity.opposite(order.is_buy)
    if price is None or left <= ZERO or not takes(order, price):
        return None
    quantity = min(order.remaining, left)
    if quantity <= ZERO or (order.request.allOrNone and quantity < order.remaining):
        return None
    least = order.request.minQty
    waits = is_set(order.request, "minQty") and order.filled < least
    if waits and quantity < min(least, order.remaining):
        return None
    return Match(quantity, price)


def resting_mark(order: PaperOrder) -> float | None:
    """What `PaperOrder.rests_at` is of an order that was just worked.

    A number if nothing but the opposite quote of its own instrument can do anything to it.
    """
    is_plain = (
        order.status is Status.SUBMITTED
        and order.elected
        and order.tif != "IOC"
        and order.kind.peg is Peg.NONE
        and not order.legs
        and not order.request.conditions
    )
    worst = worst_price(order) if is_plain else None
    if worst is None or worst <= ZERO:
        return None
    return float(worst) if order.is_buy else -float(worst)


def reached(orders: Sequence[PaperOrder], top: TopOfBook) -> list[PaperOrder]:
    """The orders that have to be looked at: not those that rest where this quote is not.

    Thousands may rest, and all are asked for each quote: nothing is converted here.
    """
    ask = top.ask if top.ask is not None else math.inf
    bid = -top.bid if top.bid is not None else math.inf
    return [
        order
        for order in orders
        if (mark := order.rests_at) is None or mark >= (ask if mark > 0 else bid)
    ]


def precedence(order: PaperOrder) -> Decimal:
    """Orders trade by price before time: the lower the sooner."""
    worst = worst_price(order)
    if worst is None:
        return NO_LIMIT
    return -worst if order.is_buy else worst
