"""What can be said of an order before it leaves: fields that contradict each other, or miss.

Only what the gateway is known to refuse is refused here (its checks are listed in the error table
under 321, 463 and 10060); what depends on the instrument or on the account is the gateway's to say.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .builders import ACTIONS, to_price

__all__ = ["check_order", "describe", "is_set", "tidy"]

#: The sizes the gateway takes (321 otherwise).
LARGEST = Decimal(999_999_999)

_NEEDS_LIMIT = frozenset({"LMT", "STP LMT", "LIT", "LOC"})
_NEEDS_STOP = frozenset({"STP", "STP LMT", "MIT", "LIT"})
_PRICES = (
    "lmtPrice",
    "auxPrice",
    "trailStopPrice",
    "trailingPercent",
    "lmtPriceOffset",
    "cashQty",
)
_TRAILS = frozenset({"TRAIL", "TRAIL LIMIT"})


def is_set(value: object) -> bool:
    """Whether a number of IB's Order was set (it marks unset ones with huge values)."""
    return value is not None and value not in {UNSET_DOUBLE, UNSET_DECIMAL}


def tidy(order: Any) -> Any:
    """Bring prices and sizes that were set as text or Decimal into the types that IB encodes.

    Raises:
        InvalidOrder: A text that is no number.
    """
    for name in _PRICES:
        value = getattr(order, name, None)
        if isinstance(value, (str, Decimal)):
            setattr(order, name, to_price(value, name))
    size = getattr(order, "totalQuantity", None)
    if size is not None and not isinstance(size, Decimal):
        try:
            order.totalQuantity = Decimal(str(size))
        except ArithmeticError:
            msg = f"totalQuantity {size!r} is not a number"
            raise InvalidOrder(msg) from None
    return order


def check_order(contract: Any, order: Any) -> None:
    """Refuse an order that the gateway is known to refuse.

    Raises:
        InvalidOrder: The text says what is wrong, and with which field.
    """
    if not isinstance(contract, Contract):
        msg = f"the contract is not an ibapi Contract: {contract!r}"
        raise InvalidOrder(msg)
    if not isinstance(order, Order):
        msg = f"the order is not an ibapi Order: {order!r}"
        raise InvalidOrder(msg)
    problem = (
        _contract_problem(contract)
        or _size_problem(order)
        or _price_problem(order)
        or _purpose_problem(order)
    )
    if problem:
        msg = f"{describe(order)}: {problem}"
        raise InvalidOrder(msg)


def describe(order: Any) -> str:
    """An order in short, for error texts and logs: ``BUY 100 LMT 189.5``."""
    size = f"{Decimal(str(order.totalQuantity)):f}" if is_set(order.totalQuantity) else "?"
    prices = [
        f"{name} {price!r}" if name else repr(price)
        for name, price in (("", order.lmtPrice), ("stop", order.auxPrice))
        if is_set(price) and price
    ]
    return " ".join([order.action or "?", size, order.orderType or "?", *prices])


def _contract_problem(contract: Any) -> str:
    if not contract.exchange:
        return "the contract has no exchange (SMART, or the one to route to)"
    if contract.conId:
        return ""
    if not contract.secType:
        return "the contract has neither a conId nor a secType"
    if contract.secType == "BAG" and len(contract.comboLegs or ()) < 2:
        return "a combo has at least two legs"
    if not (contract.symbol or contract.localSymbol or contract.secId):
        return "the contract has neither a conId nor a symbol"
    return ""


def _size_problem(order: Any) -> str:
    if order.action not in ACTIONS:
        return f"action {order.action!r} is none of {', '.join(sorted(ACTIONS))}"
    if not is_set(order.totalQuantity):
        return "" if is_set(order.cashQty) else "neither totalQuantity nor cashQty is set"
    size = Decimal(str(order.totalQuantity))
    if is_set(order.cashQty) and size == 0:
        return ""
    if not size.is_finite() or not 0 < size <= LARGEST:
        return f"totalQuantity {size} is not in 0 < size <= {LARGEST}"
    return ""


def _price_problem(order: Any) -> str:
    kind = order.orderType
    if not kind:
        return "orderType is empty"
    if kind in _NEEDS_LIMIT and not is_set(order.lmtPrice):
        return f"{kind} needs lmtPrice"
    if kind in _NEEDS_STOP and not is_set(order.auxPrice):
        return f"{kind} needs auxPrice, the trigger"
    if kind in _TRAILS:
        by_amount = is_set(order.auxPrice) and order.auxPrice != 0
        by_percent = is_set(order.trailingPercent) and order.trailingPercent != 0
        if by_amount == by_percent:
            return f"{kind} needs auxPrice (an amount) or trailingPercent, and not both"
    if kind == "TRAIL LIMIT" and is_set(order.lmtPrice) == is_set(order.lmtPriceOffset):
        return "TRAIL LIMIT needs lmtPrice or lmtPriceOffset, and not both"
    for name in ("lmtPrice", "auxPrice", "trailStopPrice"):
        price = getattr(order, name)
        if is_set(price) and not Decimal(str(price)).is_finite():
            return f"{name} {price!r} is not a number"
    return ""


def _purpose_problem(order: Any) -> str:
    if order.tif == "GTD" and not (order.goodTillDate or order.duration < 2**31 - 1):
        return "tif GTD needs goodTillDate or duration"
    if order.whatIf:
        return "a what-if order has no life to follow; ask with placeOrder and read openOrder"
    return ""
