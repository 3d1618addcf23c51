"""Orders that hang on another one: families, stops that change, hedges, and presets.

A child waits at the gateway until its parent fills. `attach` makes a family of a parent and its
children, and ``gw.orders.family`` places one, with the ids linked::

    entry = limit_order("BUY", 100, "189.50")
    stop = adjust_stop(
        stop_order("SELL", 100, "185"), trigger_price="195", stop_price="190", trail_amount="2"
    )
    gw.orders.family([("AAPL", entry), ("AAPL", stop)])

Source: the pages "Attaching Orders", "Adjustable Stops" and "Hedging" of the TWS API; IBKR Campus
"Adding a Profit Taker and Stop Loss", and its lesson on pair trades (a hedge's parameter is the
bare number, whatever the comment in IB's class says).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .attributes import changed
from .builders import Family, new_order
from .inputs import Number, plain, to_number, to_positive, to_price, to_quantity
from .words import HedgeType

__all__ = [
    "adjust_stop",
    "attach",
    "beta_hedge",
    "delta_hedge",
    "fx_hedge",
    "pair_hedge",
    "with_presets",
]

#: The only word that the gateway takes for the type of an order from a preset.
PRESET = "PRESET"
#: What ``adjustableTrailingUnit`` says of an amount in percent.
IN_PERCENT = 100


def attach(parent: Order, *children: Order) -> Family:
    """A parent and its children, so that nothing works before the last of them has arrived.

    Returns:
        Copies: all but the last have ``transmit = False``.

    Raises:
        InvalidOrder: No child.
    """
    if not children:
        msg = "a family has at least one child; place a single order by itself"
        raise InvalidOrder(msg)
    *first, last = (parent, *children)
    held = (changed(order, transmit=False) for order in first)
    return Family((*held, changed(last, transmit=True)))


def adjust_stop(
    order: Order,
    *,
    trigger_price: Number,
    stop_price: Number,
    limit_price: Number | None = None,
    trail_amount: Number | None = None,
    trail_percent: Number | None = None,
) -> Order:
    """Let a stop become another stop once the market has come a way.

    It becomes a plain stop, a stop limit with ``limit_price``, or a trailing stop with one of the
    trailing distances.

    Args:
        order: The stop as it begins.
        trigger_price: Where it changes: above the market for a sale, below it for a purchase.
        stop_price: Its stop from then on.
        limit_price: Its limit from then on.
        trail_amount: How far it trails from then on, in money per unit.
        trail_percent: How far it trails from then on, in percent.

    Raises:
        InvalidOrder: More than one of the last three.
    """
    kinds = {"STP LMT": limit_price, "TRAIL": trail_amount, "TRAIL %": trail_percent}
    chosen = [kind for kind, value in kinds.items() if value is not None]
    if len(chosen) > 1:
        msg = "a stop becomes one kind of stop: give limit_price, trail_amount or trail_percent"
        raise InvalidOrder(msg)
    made = changed(
        order,
        triggerPrice=to_price(trigger_price, "trigger price"),
        adjustedOrderType=chosen[0].removesuffix(" %") if chosen else "STP",
        adjustedStopPrice=to_price(stop_price, "adjusted stop price"),
    )
    if limit_price is not None:
        made.adjustedStopLimitPrice = to_price(limit_price, "adjusted limit price")
    elif trail_amount is not None:
        made.adjustedTrailingAmount = to_positive(trail_amount, "trailing amount")
    elif trail_percent is not None:
        made.adjustedTrailingAmount = to_positive(trail_percent, "trailing percent")
        made.adjustableTrailingUnit = IN_PERCENT
    return made


def with_presets(
    order: Order, *, profit_taker_id: int | None = None, stop_loss_id: int | None = None
) -> Order:
    """Let the gateway attach a profit taker and a stop loss from the presets of its user.

    What they are is set up in TWS; the gateway makes them under the order ids given here, which
    are above all that were used. Server version 218 or newer: IB's client would send the order
    without them to an older one, so `checks.validate` refuses it.

    Raises:
        InvalidOrder: No id, or one that is not above 0.
    """
    if profit_taker_id is None and stop_loss_id is None:
        msg = "give the order id of the profit taker, of the stop loss, or of both"
        raise InvalidOrder(msg)
    made = changed(order)
    for name, order_id in (("pt", profit_taker_id), ("sl", stop_loss_id)):
        if order_id is None:
            continue
        if order_id <= 0:
            msg = f"{order_id} is not an order id; give one above all that were used"
            raise InvalidOrder(msg, code=10149)
        setattr(made, f"{name}OrderId", order_id)
        setattr(made, f"{name}OrderType", PRESET)
    return made


def delta_hedge(action: str, order_type: str = "MKT", **fields: Any) -> Order:
    """A child of an option order: stock for the delta of what fills."""
    return _hedge(HedgeType.DELTA, action, order_type, fields)


def beta_hedge(action: str, beta: Number, order_type: str = "MKT", **fields: Any) -> Order:
    """A child in another stock or index: for the value of what fills, times ``beta``."""
    made = _hedge(HedgeType.BETA, action, order_type, fields)
    made.hedgeParam = plain(to_number(beta, "beta"))
    return made


def fx_hedge(action: str, order_type: str = "MKT", **fields: Any) -> Order:
    """A child in a currency pair: for the money that a fill in a foreign currency takes."""
    return _hedge(HedgeType.FX, action, order_type, fields)


def pair_hedge(action: str, ratio: Number, order_type: str = "MKT", **fields: Any) -> Order:
    """A child in another instrument: ``ratio`` units for each unit of the parent that fills."""
    made = _hedge(HedgeType.PAIR, action, order_type, fields)
    made.hedgeParam = plain(to_quantity(ratio, "ratio"))
    return made


def _hedge(kind: HedgeType, action: str, order_type: str, fields: dict[str, Any]) -> Order:
    """Hedges have no size of their own: the parent's fills decide it (10032)."""
    own = {"totalQuantity": Decimal(0), "hedgeType": kind.value}
    return new_order(order_type, action, 1, fields | own)
