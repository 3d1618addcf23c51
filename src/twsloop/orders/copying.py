"""Copies of what a caller may change after the call, and a raw protobuf order in IB's objects."""

from __future__ import annotations

import copy
import enum
from decimal import Decimal
from typing import Any

from ibapi.contract import Contract
from ibapi.decoder_utils import decodeContract, decodeOrder
from ibapi.order import Order

__all__ = ["copied", "decoded"]

#: What nobody can change: most of the 150 fields of an order.
_FIXED = frozenset({str, int, float, bool, Decimal, type(None)})


def copied(value: Any) -> Any:
    """A copy of an Order, a Contract or a protobuf message; other values as they are.

    What it is made of (lists, legs, conditions, tags) is copied too.
    """
    if hasattr(value, "CopyFrom"):
        made = type(value)()
        made.CopyFrom(value)
        return made
    if isinstance(value, list):
        return [copied(one) for one in value]
    if isinstance(value, enum.Enum) or not hasattr(value, "__dict__"):
        return value
    made = copy.copy(value)
    for name, held in vars(made).items():
        if type(held) not in _FIXED and (isinstance(held, list) or hasattr(held, "__dict__")):
            setattr(made, name, copied(held))
    return made


def decoded(request: Any) -> tuple[int, Contract, Order]:
    """A PlaceOrderRequest as order id, Contract and Order, by IB's own decoder."""
    contract = decodeContract(request.contract)
    order = decodeOrder(request.orderId, request.contract, request.order)
    return request.orderId, contract, order
