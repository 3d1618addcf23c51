"""What elects stops, touches and trailing orders: which prices count, and how a trigger follows.

Pure. IB's trigger methods (``order.triggerMethod``):

=  =================================================================================
0  the instrument's own: last for stocks and futures, double bid/ask for options,
   bid/ask for what has quotes alone (currencies, combos)
1  double bid/ask: two quotes in a row
2  last
3  double last: two trades in a row
4  bid/ask: a rise is seen at the bid, a fall at the ask
7  last or bid/ask
8  the middle of the quote
=  =================================================================================

A trigger that trails follows the price that would elect it: that of a sale's stop rises with the
market and never falls, a buy's falls and never rises. A trailing touch is the same from the other
side: that of a sale is above the market and follows it down.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twsloop.paper.decimals import decimal_price
from twsloop.paper.market.vocabulary import TopOfBook

from .order_types import Trigger
from .price_steps import to_step

__all__ = [
    "METHODS",
    "follow",
    "is_rising",
    "is_triggered",
    "method_of",
    "prices_seen",
]

#: The trigger methods that exist.
METHODS = frozenset({0, 1, 2, 3, 4, 7, 8})
DEFAULT, DOUBLE_QUOTE, LAST, DOUBLE_LAST, QUOTE, LAST_OR_QUOTE, MIDDLE = 0, 1, 2, 3, 4, 7, 8
_DOUBLE = frozenset({DOUBLE_QUOTE, DOUBLE_LAST})
_QUOTED = frozenset({"CASH", "BAG"})
_OPTIONS = frozenset({"OPT", "FOP"})
HUNDRED = Decimal(100)


def method_of(order: Any) -> int:
    """The trigger method of an order; never `DEFAULT`."""
    method = int(order.request.triggerMethod)
    if method != DEFAULT:
        return method
    sec_type = order.instrument.sec_type
    if sec_type in _OPTIONS:
        return DOUBLE_QUOTE
    return QUOTE if sec_type in _QUOTED else LAST


def is_rising(order: Any) -> bool:
    """Whether a rise elects it (else a fall)."""
    return bool(order.is_buy) == (order.kind.trigger is Trigger.STOP)


def prices_seen(method: int, top: TopOfBook, *, is_rising: bool) -> tuple[Decimal, ...]:
    """The prices that a trigger method looks at; empty where the market has none."""
    if method == DEFAULT:
        method = QUOTE if top.quote_driven else LAST
    side = decimal_price(top.bid if is_rising else top.ask)
    last = decimal_price(top.last)
    if method in {QUOTE, DOUBLE_QUOTE}:
        found = (side,)
    elif method == LAST_OR_QUOTE:
        found = (last, side)  # type: ignore[assignment]
    elif method == MIDDLE:
        bid, ask = decimal_price(top.bid), decimal_price(top.ask)
        found = ((bid + ask) / 2 if bid is not None and ask is not None else None,)
    else:
        found = (last,)
    return tuple(price for price in found if price is not None)


def _observation(method: int, top: TopOfBook) -> object:
    """What tells one trade (or quote) from the next: two equal ones are one."""
    if method == DOUBLE_LAST:
        return (top.last, top.last_time, top.volume)
    return (top.bid, top.bid_size, top.ask, top.ask_size)


def is_triggered(order: Any, top: TopOfBook) -> bool:
    """Whether the market has reached an order's trigger.

    Of the double methods each call may be one observation: the order keeps count (`streak`).
    """
    stop = order.stop_price
    if stop is None:
        return not order.kind.trails
    method, rising = method_of(order), is_rising(order)
    seen = prices_seen(method, top, is_rising=rising)
    reached = any(price >= stop if rising else price <= stop for price in seen)
    if method not in _DOUBLE:
        return reached
    observed = _observation(method, top)
    if not reached:
        order.streak, order.observed = 0, observed
    elif observed != order.observed:
        order.streak, order.observed = order.streak + 1, observed
    return bool(order.streak > 1)


def follow(order: Any, top: TopOfBook) -> None:
    """Let a trailing order's trigger (and its limit) follow the market."""
    seen = prices_seen(method_of(order), top, is_rising=is_rising(order))
    if not seen or not order.kind.trails:
        return
    rising = is_rising(order)
    market = min(seen) if rising else max(seen)
    if order.percent is not None:
        distance = market * order.percent / HUNDRED
    else:
        distance = order.amount or Decimal(0)
    wanted = to_step(order.instrument, market + distance if rising else market - distance)
    stop = order.stop_price
    if stop is None or (wanted < stop if rising else wanted > stop):
        order.stop_price = wanted
    if order.limit_offset is not None:
        away = order.limit_offset if order.is_buy else -order.limit_offset
        order.limit_price = order.stop_price + away
