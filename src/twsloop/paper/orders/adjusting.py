"""Adjustable stops: a stop that becomes another one when the market has come far enough its way.

Pure. ``order.triggerPrice`` says when: a sale's stop is adjusted when the price has risen to it, a
purchase's when it has fallen to it, seen by the order's trigger method. Then the order is what
``adjustedOrderType`` says, with the adjusted prices; it is told once more, and waits as before.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from twsloop.paper.market.vocabulary import TopOfBook

from .order_types import OrderType, Trigger, named
from .reading import Draft, is_set, number
from .refusals import Refusal, validating
from .triggers import method_of, prices_seen

__all__ = ["Adjustment", "adjust", "adjustment_of", "check_adjustment"]

#: What a stop may become.
BECOMES = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})


@attrs.frozen
class Adjustment:
    """What an order becomes, and when.

    Attributes:
        kind: The type it becomes.
        trigger: The price at which it does.
        stop: Its trigger from then on.
        limit: Its limit from then on.
        trail: How far its trigger follows from then on.
        in_percent: Whether that is in percent.
    """

    kind: OrderType
    trigger: Decimal
    stop: Decimal
    limit: Decimal | None
    trail: Decimal | None
    in_percent: bool


def check_adjustment(draft: Draft) -> Refusal | None:
    """Why an order cannot be adjusted as it says, None if it can, or asks for nothing."""
    order = draft.request
    if not is_set(order, "adjustedOrderType"):
        return Refusal(361, "Invalid trigger price.") if is_set(order, "triggerPrice") else None
    kind = named(order.adjustedOrderType.upper())
    stops = draft.kind is not None and draft.kind.trigger is Trigger.STOP
    if not stops or kind is None or kind.word not in BECOMES:
        return validating("Only a stop can be adjusted, and only to another kind of stop")
    if not is_set(order, "triggerPrice"):
        return Refusal(361, "Invalid trigger price.")
    if not is_set(order, "adjustedStopPrice"):
        return Refusal(362, "Invalid adjusted stop price.")
    if kind.limit and not is_set(order, "adjustedStopLimitPrice"):
        return Refusal(363, "Invalid adjusted stop limit price.")
    if kind.trails and not is_set(order, "adjustedTrailingAmount"):
        return Refusal(364, "Invalid adjusted trailing amount.")
    return None


def adjustment_of(draft: Draft) -> Adjustment | None:
    """What a checked order becomes; None for most."""
    order = draft.request
    kind = named(order.adjustedOrderType.upper())
    trigger, stop = number(order, "triggerPrice"), number(order, "adjustedStopPrice")
    if kind is None or not trigger or not stop:
        return None
    return Adjustment(
        kind=kind,
        trigger=trigger,
        stop=stop,
        limit=number(order, "adjustedStopLimitPrice") if kind.limit else None,
        trail=number(order, "adjustedTrailingAmount") if kind.trails else None,
        in_percent=is_set(order, "adjustableTrailingUnit"),
    )


def adjust(order: Any, top: TopOfBook) -> bool:
    """Make of an order what it becomes, if the market has come that far; whether it has."""
    change: Adjustment | None = order.adjustment
    if change is None:
        return False
    rises = not order.is_buy
    seen = prices_seen(method_of(order), top, is_rising=rises)
    if not any(price >= change.trigger if rises else price <= change.trigger for price in seen):
        return False
    order.adjustment = None
    order.kind, order.order_type = change.kind, change.kind.word
    order.request.orderType = order.order_type
    order.stop_price = order.given_stop = change.stop
    order.limit_price = change.limit
    order.amount, order.percent = (
        (None, change.trail) if change.in_percent else (change.trail, None)
    )
    order.limit_offset = None
    if change.kind.trails and change.limit is not None:
        away = change.limit - change.stop
        order.limit_offset = away if order.is_buy else -away
    order.streak = 0
    return True
