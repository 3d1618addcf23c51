"""What a user says shall be different about an order, written into a copy of it. Pure.

A change is sent as the whole order, so what it starts from counts: the order as we sent it, with
the size and the prices that the gateway has shown since. A group of orders that reduce each other
takes from an order what another one has filled, and the gateway's own user may have moved it; a
change of its stop must not give it its old size back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ibapi.order import Order

from twsloop.errors import InvalidOrder, OrderError

from .builders import to_price, to_quantity
from .checks import tidy
from .copying import copied
from .problems import is_set, says
from .state import OrderRecord

__all__ = ["as_it_stands", "changed_order"]

#: The types whose prices are the user's alone; those of other types follow the market.
_LIMITS = frozenset({"LMT", "STP LMT", "LIT", "LOC"})
_TRIGGERS = frozenset({"STP", "STP LMT", "MIT", "LIT"})
#: The gateway shows the limit of these and its offset, and takes only one of them.
_BOTH_SHOWN = frozenset({"TRAIL LIMIT", "TRAIL LIT"})

#: Friendly names of what is usually modified.
_CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "quantity": ("totalQuantity", to_quantity),
    "limit_price": ("lmtPrice", functools.partial(to_price, what="limit price")),
    "stop_price": ("auxPrice", functools.partial(to_price, what="stop price")),
}


def as_it_stands(record: OrderRecord) -> Order:
    """The order that a change starts from, as a copy.

    The gateway's echo alone is not enough: it leaves out some fields, and fills in others.

    Args:
        record: The order, live or over.
    """
    shown = record.order
    made: Order = copied(record.sent or shown)
    if record.sent is None and made.orderType in _BOTH_SHOWN and is_set(made.lmtPriceOffset):
        made.lmtPrice = Order().lmtPrice
    if record.sent is None or record.before_change is not None:
        return made
    if says(made.totalQuantity) and says(shown.totalQuantity) and not says(made.cashQty):
        made.totalQuantity = shown.totalQuantity
    if made.orderType == shown.orderType:
        if made.orderType in _LIMITS and is_set(shown.lmtPrice):
            made.lmtPrice = shown.lmtPrice
        if made.orderType in _TRIGGERS and is_set(shown.auxPrice):
            made.auxPrice = shown.auxPrice
    return made


def what_is_left(
    record: OrderRecord, parent: OrderRecord | None, *, all_known: bool = False
) -> Order:
    """The order that takes the place of a cancelled one, for what that one did not trade.

    Args:
        record: The order that was cancelled.
        parent: The order that it waited for, or was opened by; None if it is not known.
        all_known: All open orders are known, so that a parent which is not is over.

    Raises:
        OrderError: Its parent ended without a fill: there is nothing for it to close.
    """
    made = as_it_stands(record)
    made.permId = 0
    made.transmit = True  # the entry of a bracket was held back for orders that are gone
    left = record.remaining
    if parent is not None and parent.final:
        if not parent.filled:
            msg = (
                f"order {record.order_id} has lost its parent: order {parent.order_id} is "
                f"{parent.status}, and nothing of it filled"
            )
            raise OrderError(msg)
        left = left if says(made.hedgeType) else min(left, parent.filled)
    if all_known if parent is None else parent.final:
        made.parentId = 0  # the gateway would not know it any more (135)
    if not says(made.cashQty):
        made.totalQuantity = left
    return made


def changed_order(order: Any, changes: Mapping[str, Any]) -> Order:
    """A copy of an order with other values.

    Args:
        order: IB's Order.
        changes: ``quantity``, ``limit_price``, ``stop_price``, or any field by its IB name.

    Raises:
        InvalidOrder: A value that cannot be one, or a field that IB's Order does not have.
    """
    made = copied(order)
    for name, value in changes.items():
        field, read = _CHANGES.get(name, (name, lambda given: given))
        if not hasattr(made, field):
            msg = f"IB's Order has no field {name!r}"
            raise InvalidOrder(msg)
        setattr(made, field, read(value))
    changed: Order = tidy(made)
    return changed
