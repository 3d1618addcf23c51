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
- a stop is triggered by the last price (IB's default for US stocks); where nothing trades in public
  (currencies) by the quote: a buy stop by the bid, a sell stop by the ask. Then it is a market or
  a limit order.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from .market import TopOfBook
from .orders import PaperOrder

__all__ = ["Liquidity", "Match", "decimal_price", "is_triggered", "match"]

ZERO = Decimal(0)


@attrs.frozen
class Match:
    """One possible fill.

    Attributes:
        quantity: How much.
        price: The opposite quote.
    """

    quantity: Decimal
    price: Decimal


def decimal_price(price: float | None) -> Decimal | None:
    """A tick's float as the decimal it was written as; None stays None."""
    return None if price is None else Decimal(repr(price))


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


def match(order: PaperOrder, liquidity: Liquidity) -> Match | None:
    """What the standing quote gives this order; None for nothing.

    Args:
        order: A live order; held ones (trigger, parent) give None.
        liquidity: The quote and what is left of it. It is not changed.
    """
    if not order.is_live or not order.elected or order.waits_for_parent:
        return None
    price, left = liquidity.opposite(order.is_buy)
    if price is None or left <= ZERO:
        return None
    limit = order.limit_price
    if limit is not None and (price > limit if order.is_buy else price < limit):
        return None
    quantity = min(order.remaining, left)
    return Match(quantity, price) if quantity > ZERO else None


def is_triggered(order: PaperOrder, top: TopOfBook) -> bool:
    """Whether the market has reached a stop order's trigger."""
    stop = order.stop_price
    if stop is None:
        return True
    if order.instrument.sec_type == "CASH":
        seen = decimal_price(top.bid if order.is_buy else top.ask)
    else:
        seen = decimal_price(top.last)
    if seen is None:
        return False
    return seen >= stop if order.is_buy else seen <= stop
