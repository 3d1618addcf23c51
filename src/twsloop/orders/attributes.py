"""What an order can have besides its type: times, shown size, scales, allocations, prices of legs.

Each function takes an order and gives a changed copy, so that they can be put together::

    order = good_till(iceberg(limit_order("BUY", 5000, "189.50"), 200), tomorrow)

Attributes that are one flag of IB's ``Order`` need no function: every builder takes them by their
IB name (``hidden=True``, ``allOrNone=True``, ``sweepToFill=True``, ``outsideRth=True``...).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibapi.order import Order, OrderComboLeg
from ibapi.tag_value import TagValue

from twsloop.errors import InvalidOrder

from .builders import set_fields
from .copying import copied
from .inputs import (
    Number,
    plain,
    to_number,
    to_positive,
    to_price,
    to_quantity,
    to_time,
    to_whole,
)
from .words import Action, FaMethod

__all__ = [
    "active_between",
    "allocate",
    "by_cash",
    "changed",
    "discretionary",
    "good_after",
    "good_for",
    "good_till",
    "iceberg",
    "leg_prices",
    "non_guaranteed",
    "scale",
    "short_sale",
]


def changed(order: Order, **fields: Any) -> Order:
    """A copy of an order with some fields set, by their IB names.

    Raises:
        InvalidOrder: IB's ``Order`` has no such field.
    """
    made: Order = copied(order)
    set_fields(made, fields)
    return made


# ---- when --------------------------------------------------------------------------------------


def good_till(order: Order, when: datetime | str) -> Order:
    """Let it work until a time (GTD): a datetime with its zone, or a text in IB's form."""
    return changed(order, tif="GTD", goodTillDate=to_time(when, "good till"))


def good_for(order: Order, seconds: int) -> Order:
    """Let it work for some seconds after it was placed (GTD; server version 158 or newer)."""
    return changed(order, tif="GTD", duration=_count(seconds, "duration"))


def good_after(order: Order, when: datetime | str) -> Order:
    """Hold it back until a time: a datetime with its zone, or a text in IB's form."""
    return changed(order, goodAfterTime=to_time(when, "good after"))


def active_between(order: Order, start: datetime | str, stop: datetime | str) -> Order:
    """Let a GTC order work only between two times."""
    return changed(
        order, activeStartTime=to_time(start, "start"), activeStopTime=to_time(stop, "stop")
    )


# ---- how much ----------------------------------------------------------------------------------


def iceberg(order: Order, display_size: int) -> Order:
    """Show only a part of it in the book."""
    return changed(order, displaySize=_count(display_size, "display size"))


def by_cash(order: Order, amount: Number) -> Order:
    """Trade for an amount of money instead of a quantity: forex and crypto.

    The quantity becomes 0: IB's client writes an unset one as a number of 39 digits up to server
    version 202.
    """
    cash = to_positive(amount, "cash quantity")
    return changed(order, cashQty=cash, totalQuantity=Decimal(0))


def discretionary(order: Order, amount: Number) -> Order:
    """Let a limit order trade at a price worse by up to ``amount``; the book does not show it."""
    return changed(order, discretionaryAmt=to_positive(amount, "discretionary amount"))


def scale(
    order: Order,
    *,
    initial_size: int,
    increment: Number,
    subsequent_size: int | None = None,
    profit_offset: Number | None = None,
    auto_reset: bool = False,
    adjust: tuple[Number, int] | None = None,
    random_percent: bool = False,
) -> Order:
    """Split a limit order into parts at better and better prices.

    Args:
        order: The whole.
        initial_size: How much the first part has.
        increment: How much better each further part's price is, above 0.
        subsequent_size: How much the further parts have; None for as much as the first.
        profit_offset: How far each part's profit taker is from its fill; None for none.
        auto_reset: Whether a part begins anew once its profit was taken.
        adjust: By how much the starting price moves, and after how many seconds each time.
        random_percent: Whether the parts' sizes vary.

    Raises:
        InvalidOrder: A size or an increment that is not above 0.
    """
    made = changed(
        order,
        scaleInitLevelSize=_count(initial_size, "initial size"),
        scalePriceIncrement=to_positive(increment, "increment"),
        scaleAutoReset=auto_reset,
        scaleRandomPercent=random_percent,
    )
    if subsequent_size is not None:
        made.scaleSubsLevelSize = _count(subsequent_size, "subsequent size")
    if profit_offset is not None:
        made.scaleProfitOffset = to_positive(profit_offset, "profit offset")
    if adjust is not None:
        made.scalePriceAdjustValue = to_price(adjust[0], "price adjustment")
        made.scalePriceAdjustInterval = _count(adjust[1], "seconds of the price adjustment")
    return made


# ---- for whom ----------------------------------------------------------------------------------


def allocate(
    order: Order, group: str, method: str = "", *, percentage: Number | None = None
) -> Order:
    """Spread an advisor's order over the accounts of a group.

    Args:
        order: The whole.
        group: The group's name.
        method: How it is spread (`words.FaMethod`); "" for the group's own way.
        percentage: For `FaMethod.PERCENT_CHANGE`: by how much positions change, in percent.

    Raises:
        InvalidOrder: No group, or a percentage that its method has no use for.
    """
    if not group:
        msg = "an allocation names a group; reqFA lists them"
        raise InvalidOrder(msg, code=436)
    if (percentage is None) == (method == FaMethod.PERCENT_CHANGE):
        msg = f"a percentage goes with method {FaMethod.PERCENT_CHANGE}, and with no other"
        raise InvalidOrder(msg, code=10012)
    made = changed(order, faGroup=group, faMethod=str(method))
    if percentage is not None:
        made.faPercentage = plain(to_number(percentage, "percentage"))
    return made


def short_sale(order: Order, location: str = "") -> Order:
    """Mark an institution's sale as short: held by the broker, or delivered from ``location``."""
    return changed(
        order,
        action=Action.SHORT_SELL.value,
        shortSaleSlot=2 if location else 1,
        designatedLocation=location,
    )


# ---- combinations ------------------------------------------------------------------------------


def leg_prices(order: Order, prices: Sequence[Number | None]) -> Order:
    """Give each leg of a combination its price, in the order of the contract's legs.

    IB takes them for combinations of two legs that are `non_guaranteed` (10058).
    """
    legs = []
    for price in prices:
        leg = OrderComboLeg()
        if price is not None:
            leg.price = to_price(price, "leg price")
        legs.append(leg)
    return changed(order, orderComboLegs=legs)


def non_guaranteed(order: Order) -> Order:
    """Let SMART fill the legs of a combination one by one."""
    kept = [tag for tag in order.smartComboRoutingParams or () if tag.tag != _NON_GUARANTEED]
    return changed(order, smartComboRoutingParams=[*kept, TagValue(_NON_GUARANTEED, "1")])


_NON_GUARANTEED = "NonGuaranteed"


def _count(value: Number, what: str) -> int:
    """A whole number above 0."""
    return to_whole(to_quantity(value, what), what)
