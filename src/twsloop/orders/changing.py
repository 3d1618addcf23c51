"""What a user says shall be different about an order, written into a copy of it. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .builders import to_price, to_quantity
from .checks import tidy
from .copying import copied

__all__ = ["changed_order"]

#: Friendly names of what is usually modified.
_CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "quantity": ("totalQuantity", to_quantity),
    "limit_price": ("lmtPrice", functools.partial(to_price, what="limit price")),
    "stop_price": ("auxPrice", functools.partial(to_price, what="stop price")),
}


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
