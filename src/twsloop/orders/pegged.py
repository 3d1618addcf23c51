"""Builders for orders whose price follows something: the quote, another instrument, a volatility.

They are used like the ones of `twsloop.orders.builders`; the price that an order follows to is
bounded by its cap (``lmtPrice``), where it has one.

Source of the fields that a type reads: IBKR Campus "Order Types", and the older pages "Basic
Orders", "IBKRATS" and "Pegged to Benchmark" of the TWS API.
"""

from __future__ import annotations

import math
from typing import Any

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .builders import new_order
from .inputs import Number, given, to_positive, to_price
from .words import ReferencePriceType, VolatilityType

__all__ = [
    "midprice",
    "passive_relative",
    "pegged_to_benchmark",
    "pegged_to_best",
    "pegged_to_market",
    "pegged_to_midpoint",
    "pegged_to_stock",
    "relative",
    "retail_price_improvement",
    "snap_to_market",
    "snap_to_midpoint",
    "snap_to_primary",
    "volatility_order",
]

# ---- prices that follow the quote --------------------------------------------------------------


def midprice(
    action: str,
    quantity: Number,
    *,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """At the middle of the quote or better (MIDPRICE): US stocks, SMART, regular hours.

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        price_cap: The worst price you take; None for any.
        fields: Any other field of IB's ``Order``, by its IB name.
    """
    prices = given(lmtPrice=price_cap)
    return new_order("MIDPRICE", action, quantity, fields, **prices)


def relative(
    action: str,
    quantity: Number,
    *,
    offset: Number | None = None,
    percent_offset: Number | None = None,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """Pegged to the own side of the quote, and better by an offset (REL, "pegged to primary").

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        offset: How much better, in money per unit; this or ``percent_offset``.
        percent_offset: How much better, as a part of the price (0.01 is 1 %).
        price_cap: The worst price you take; None for any.
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: Both offsets, or none.
    """
    if (offset is None) == (percent_offset is None):
        msg = "a relative order needs offset or percent_offset, and not both"
        raise InvalidOrder(msg)
    prices = given(auxPrice=offset, percentOffset=percent_offset, lmtPrice=price_cap)
    return new_order("REL", action, quantity, fields, **prices)


def passive_relative(
    action: str,
    quantity: Number,
    offset: Number,
    *,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """Pegged to the own side of the quote, and worse by an offset (PASSV REL)."""
    prices = {"auxPrice": offset, **given(lmtPrice=price_cap)}
    return new_order("PASSV REL", action, quantity, fields, **prices)


def pegged_to_market(
    action: str,
    quantity: Number,
    offset: Number,
    *,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """Pegged to the other side of the quote, away from it by an offset (PEG MKT)."""
    prices = {"auxPrice": offset, **given(lmtPrice=price_cap)}
    return new_order("PEG MKT", action, quantity, fields, **prices)


def pegged_to_midpoint(
    action: str,
    quantity: Number,
    *,
    offset: Number | None = None,
    price_cap: Number | None = None,
    mid_offsets: tuple[Number, Number] | None = None,
    **fields: Any,
) -> Order:
    """Pegged to the middle of the quote (PEG MID).

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        offset: How far from the middle, in money per unit.
        price_cap: The worst price you take.
        mid_offsets: For IBKRATS: the offset where the middle is a whole cent, and where it is half
            a cent (server version 170 or newer).
        fields: Any other field of IB's ``Order``; for IBKRATS ``notHeld=True``, ``minTradeQty``.
    """
    prices = given(auxPrice=offset, lmtPrice=price_cap, **_middle(mid_offsets))
    return new_order("PEG MID", action, quantity, fields, **prices)


def pegged_to_best(
    action: str,
    quantity: Number,
    *,
    offset: Number | None = None,
    mid_offsets: tuple[Number, Number] | None = None,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """Competes with the best quote for a place ahead of it (PEG BEST); for IBKRATS.

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        offset: How much better than the best quote, a multiple of a cent; None competes up to the
            middle, and then ``mid_offsets`` are needed.
        mid_offsets: The offset where the middle is a whole cent, and where it is half a cent.
        price_cap: The worst price you take.
        fields: Any other field of IB's ``Order``: ``minTradeQty`` is the smallest trade,
            ``minCompeteSize`` the smallest quote to compete with.

    Raises:
        InvalidOrder: Up to the middle without mid offsets, or mid offsets beside an offset.
    """
    if (offset is None) == (mid_offsets is None):
        msg = "PEG BEST needs an offset, or mid_offsets to compete up to the middle; not both"
        raise InvalidOrder(msg)
    prices = given(lmtPrice=price_cap, **_middle(mid_offsets))
    fields.setdefault("notHeld", True)
    order = new_order("PEG BEST", action, quantity, fields, **prices)
    # IB's mark for "up to the middle" (COMPETE_AGAINST_BEST_OFFSET_UP_TO_MID).
    order.competeAgainstBestOffset = math.inf if offset is None else to_positive(offset, "offset")
    return order


def snap_to_market(action: str, quantity: Number, offset: Number, **fields: Any) -> Order:
    """At the other side of the quote as it is now, away from it by an offset (SNAP MKT)."""
    return new_order("SNAP MKT", action, quantity, fields, auxPrice=offset)


def snap_to_midpoint(action: str, quantity: Number, offset: Number, **fields: Any) -> Order:
    """At the middle of the quote as it is now, away from it by an offset (SNAP MID)."""
    return new_order("SNAP MID", action, quantity, fields, auxPrice=offset)


def snap_to_primary(action: str, quantity: Number, offset: Number, **fields: Any) -> Order:
    """At the own side of the quote as it is now, better by an offset (SNAP PRIM)."""
    return new_order("SNAP PRIM", action, quantity, fields, auxPrice=offset)


def retail_price_improvement(
    action: str,
    quantity: Number,
    offset: Number,
    *,
    price_cap: Number | None = None,
    **fields: Any,
) -> Order:
    """A hidden order for retail flow, better than the quote by an offset (RPI)."""
    prices = {"auxPrice": offset, **given(lmtPrice=price_cap)}
    return new_order("RPI", action, quantity, fields, **prices)


# ---- prices that follow another instrument -----------------------------------------------------


def pegged_to_stock(
    action: str,
    quantity: Number,
    *,
    delta: Number,
    starting_price: Number,
    stock_reference_price: Number | None = None,
    stock_range: tuple[Number | None, Number | None] = (None, None),
    **fields: Any,
) -> Order:
    """An option order that moves with its underlying (PEG STK).

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        delta: How much of the underlying's move the price follows, in percent: 1 to 100.
        starting_price: The option's price at the reference price.
        stock_reference_price: From where the underlying's move counts; None for the middle now.
        stock_range: The underlying's lowest and highest price; outside, the order is cancelled.
        fields: Any other field of IB's ``Order``, by its IB name.
    """
    prices = given(
        delta=delta,
        startingPrice=starting_price,
        stockRefPrice=stock_reference_price,
        stockRangeLower=stock_range[0],
        stockRangeUpper=stock_range[1],
    )
    return new_order("PEG STK", action, quantity, fields, **prices)


def pegged_to_benchmark(
    action: str,
    quantity: Number,
    *,
    reference: Contract,
    starting_price: Number,
    change: Number,
    reference_change: Number,
    reference_price: Number | None = None,
    reference_range: tuple[Number | None, Number | None] = (None, None),
    **fields: Any,
) -> Order:
    """An order that moves by ``change`` for each ``reference_change`` of another contract.

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        reference: The other contract, with its ``conId`` and exchange (PEG BENCH).
        starting_price: The order's price at the reference price.
        change: By how much the order's price moves (below 0: the other way)...
        reference_change: ...for each such move of the other contract, above 0.
        reference_price: From where the other's moves count; None for its price now.
        reference_range: The other's lowest and highest price; outside, the order is cancelled.
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: A change of 0, or a reference without its ``conId`` and exchange.
    """
    if not reference.conId or not reference.exchange:
        msg = "PEG BENCH needs the conId and the exchange of its reference; resolve the contract"
        raise InvalidOrder(msg)
    prices = given(
        startingPrice=starting_price,
        stockRefPrice=reference_price,
        stockRangeLower=reference_range[0],
        stockRangeUpper=reference_range[1],
    )
    order = new_order("PEG BENCH", action, quantity, fields, **prices)
    order.referenceContractId = reference.conId
    order.referenceExchangeId = reference.exchange
    moves = to_price(change, "change")
    order.peggedChangeAmount = to_positive(abs(moves), "change")
    order.isPeggedChangeAmountDecrease = moves < 0
    order.referenceChangeAmount = to_positive(reference_change, "reference change")
    return order


def volatility_order(
    action: str,
    quantity: Number,
    volatility: Number,
    *,
    volatility_type: int = VolatilityType.ANNUAL,
    follow: int | None = None,
    **fields: Any,
) -> Order:
    """An option order whose price is a volatility (VOL).

    Args:
        action: ``BUY`` or ``SELL``.
        quantity: How much, above 0.
        volatility: In percent.
        volatility_type: Whether that counts for a day or for a year (`words.VolatilityType`).
        follow: Keep the price in step with the underlying, and by which of its prices
            (`words.ReferencePriceType`); None sets it once.
        fields: Any other field of IB's ``Order``: ``deltaNeutralOrderType`` and
            ``deltaNeutralAuxPrice`` ask for an order in the underlying that balances the delta.

    Raises:
        InvalidOrder: A volatility that is not above 0, or another type.
    """
    order = new_order("VOL", action, quantity, fields)
    order.volatility = to_positive(volatility, "volatility")
    try:
        order.volatilityType = int(VolatilityType(volatility_type))
        if follow is not None:
            order.continuousUpdate = True
            order.referencePriceType = int(ReferencePriceType(follow))
    except ValueError as error:
        raise InvalidOrder(str(error)) from None
    return order


def _middle(offsets: tuple[Number, Number] | None) -> dict[str, Number]:
    """The two fields of the offsets from the middle of the quote."""
    if offsets is None:
        return {}
    return {"midOffsetAtWhole": offsets[0], "midOffsetAtHalf": offsets[1]}
