"""Builders for IB's further order types: auctions, touches, protection, combinations.

They are used like the ones of `twsloop.orders.builders`: IB's own ``Order`` comes back, every other
field of it can be given by its IB name, and prices are read through their decimal text. Which
instruments and venues take a type is the contract's to say (``ContractDetails.orderTypes``; see
`twsloop.orders.checks.validate`). Prices that follow the quote are in `twsloop.orders.pegged`.

Source of the fields that a type reads: IBKR Campus "Order Types", and the older page "Basic Orders"
of the TWS API.
"""

from __future__ import annotations

from typing import Any

from ibapi.order import Order

from .builders import limit_order, market_order, new_order, trailing
from .inputs import Number, given

__all__ = [
    "at_auction",
    "box_top",
    "limit_if_touched",
    "limit_market_combo",
    "limit_on_close",
    "limit_on_open",
    "market_if_touched",
    "market_on_close",
    "market_on_open",
    "market_to_limit",
    "market_with_protection",
    "relative_limit_combo",
    "relative_market_combo",
    "stop_with_protection",
    "trailing_if_touched",
]

# ---- the auctions ------------------------------------------------------------------------------


def market_on_close(action: str, quantity: Number, **fields: Any) -> Order:
    """As close to the closing price as possible (MOC); its time in force is DAY."""
    return new_order("MOC", action, quantity, fields)


def limit_on_close(action: str, quantity: Number, limit_price: Number, **fields: Any) -> Order:
    """At the close, if the closing price is at the limit or better (LOC)."""
    return new_order("LOC", action, quantity, fields, lmtPrice=limit_price)


def market_on_open(action: str, quantity: Number, **fields: Any) -> Order:
    """At the opening price: a market order with time in force OPG."""
    return market_order(action, quantity, tif="OPG", **fields)


def limit_on_open(action: str, quantity: Number, limit_price: Number, **fields: Any) -> Order:
    """At the opening price, if that is at the limit or better: a limit order with OPG."""
    return limit_order(action, quantity, limit_price, tif="OPG", **fields)


def at_auction(action: str, quantity: Number, limit_price: Number, **fields: Any) -> Order:
    """Into the pre-opening auction at its calculated price; what is left becomes a limit order."""
    return new_order("MTL", action, quantity, fields, tif="AUC", lmtPrice=limit_price)


# ---- touched, and protected --------------------------------------------------------------------


def market_if_touched(action: str, quantity: Number, trigger_price: Number, **fields: Any) -> Order:
    """A market order once the market has come to a better price (MIT)."""
    return new_order("MIT", action, quantity, fields, auxPrice=trigger_price)


def limit_if_touched(
    action: str,
    quantity: Number,
    trigger_price: Number,
    limit_price: Number,
    **fields: Any,
) -> Order:
    """A limit order once the market has come to a better price (LIT)."""
    prices = given(auxPrice=trigger_price, lmtPrice=limit_price)
    return new_order("LIT", action, quantity, fields, **prices)


def trailing_if_touched(
    action: str,
    quantity: Number,
    *,
    trigger_price: Number | None = None,
    limit_offset: Number | None = None,
    amount: Number | None = None,
    percent: Number | None = None,
    **fields: Any,
) -> Order:
    """A touch order whose trigger follows the market (TRAIL MIT; TRAIL LIT with a limit).

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        trigger_price: Where the trigger starts.
        limit_offset: How far the limit is from the trigger; None for a market order.
        amount: The distance as an amount of money per unit; this or ``percent``.
        percent: The distance in percent of the price.
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: Both distances, none, or one that is not above 0.
    """
    word = "TRAIL MIT" if limit_offset is None else "TRAIL LIT"
    prices = given(trailStopPrice=trigger_price, lmtPriceOffset=limit_offset)
    order = new_order(word, action, quantity, fields, **prices)
    return trailing(order, amount, percent)


def market_to_limit(action: str, quantity: Number, **fields: Any) -> Order:
    """A market order whose rest becomes a limit order at the price of the first fill (MTL)."""
    return new_order("MTL", action, quantity, fields)


def market_with_protection(action: str, quantity: Number, **fields: Any) -> Order:
    """A futures market order within a range that the exchange sets (MKT PRT)."""
    return new_order("MKT PRT", action, quantity, fields)


def stop_with_protection(action: str, quantity: Number, stop_price: Number, **fields: Any) -> Order:
    """A futures stop that becomes a market order with protection (STP PRT)."""
    return new_order("STP PRT", action, quantity, fields, auxPrice=stop_price)


def box_top(action: str, quantity: Number, **fields: Any) -> Order:
    """An option order for BOX: at the best price, the rest as a limit order there (BOX TOP)."""
    return new_order("BOX TOP", action, quantity, fields)


# ---- combinations ------------------------------------------------------------------------------


def relative_limit_combo(
    action: str, quantity: Number, limit_price: Number, **fields: Any
) -> Order:
    """A SMART combination: one leg relative, the other a limit order (REL + LMT)."""
    return new_order("REL + LMT", action, quantity, fields, lmtPrice=limit_price)


def relative_market_combo(action: str, quantity: Number, **fields: Any) -> Order:
    """A SMART combination: one leg relative, the other at the market (REL + MKT)."""
    return new_order("REL + MKT", action, quantity, fields)


def limit_market_combo(action: str, quantity: Number, limit_price: Number, **fields: Any) -> Order:
    """A SMART combination: one leg a limit order, the other at the market (LMT + MKT)."""
    return new_order("LMT + MKT", action, quantity, fields, lmtPrice=limit_price)
