"""Copies of what a caller may change after the call, and a raw protobuf order in IB's objects."""

from __future__ import annotations

import copy
from typing import Any

from ibapi.contract import Contract
from ibapi.decoder_utils import decodeContract, decodeOrder
from ibapi.order import Order

__all__ = ["copied", "decoded"]


def copied(value: Any) -> Any:
    """A copy of an Order, a Contract or a protobuf message; other values as they are.

    Lists in it are copied too; what stands in the lists (legs, conditions) is not.
    """
    if hasattr(value, "CopyFrom"):
        made = type(value)()
        made.CopyFrom(value)
        return made
    if not hasattr(value, "__dict__"):
        return value
    made = copy.copy(value)
    for name, held in vars(made).items():
        if isinstance(held, list):
            setattr(made, name, list(held))
    return made


def decoded(request: Any) -> tuple[int, Contract, Order]:
    """A PlaceOrderRequest as order id, Contract and Order, by IB's own decoder."""
    contract = decodeContract(request.contract)
    order = decodeOrder(request.orderId, request.contract, request.order)
    return request.orderId, contract, order
