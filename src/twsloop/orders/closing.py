"""How much of a position may be closed now. Pure.

A closing order must never turn a position round. What limits it is not the position alone: orders
that are working already (a stop, a profit taker) close it too, and what they close when they fill
is not there any more for another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract

from twsloop.errors import OrderError
from twsloop.wire.values import decimal_or_none, float_or_none

from .state import OrderRecord
from .words import Right, SecType

__all__ = ["Closing", "closing_orders", "fits", "plan", "reserved", "route"]

_BUYS = frozenset({"BUY"})
#: Kinds that are routed by SMART. A position names the exchange of the listing, and an order that
#: goes straight there is discarded by a precaution of the gateway's (10329), or costs more.
_SMART_KINDS = frozenset(
    {SecType.STOCK, SecType.OPTION, SecType.CFD, SecType.WARRANT, SecType.STRUCTURED_PRODUCT}
)
#: Where a kind trades whose positions name no exchange.
_HOMES = {SecType.FOREX: "IDEALPRO"}


@attrs.frozen
class Closing:
    """The order that closes a position, or a part of it."""

    action: str
    quantity: Decimal

    def must_be_kept(self, order: Any) -> None:
        """Raise unless an order closes this much, or less.

        Raises:
            OrderError: It is for the other side, or for more.
        """
        size = decimal_or_none(order.totalQuantity)
        same_side = (order.action in _BUYS) == (self.action in _BUYS)
        if not same_side or size is None or not 0 < size <= self.quantity:
            msg = (
                f"{order.action} {order.totalQuantity} may turn the position round: the closing "
                f"order has to be {self.action} {self.quantity:f} (or less)"
            )
            raise OrderError(msg)


def route(asked: Contract, held: Any) -> str:
    """The exchange that a closing order goes to.

    Args:
        asked: The contract as people gave it.
        held: The contract of the position.
    """
    if asked.exchange:
        return str(asked.exchange)
    if held.secType in _SMART_KINDS:
        return "SMART"
    return str(held.exchange or held.primaryExchange or _HOMES.get(held.secType, ""))


def fits(asked: Contract, held: Any) -> bool:
    """Whether a position is in the contract that was asked for; what is not said, fits."""
    if asked.conId:
        return bool(asked.conId == held.conId)
    strike = float_or_none(asked.strike)
    if strike and strike != held.strike:
        return False
    if Right(asked.right) not in {"", Right(held.right)}:
        return False
    month = asked.lastTradeDateOrContractMonth
    if not str(held.lastTradeDateOrContractMonth).startswith(month):
        return False
    names = ("symbol", "secType", "currency", "localSymbol", "tradingClass")
    return all(getattr(asked, name) in {"", getattr(held, name)} for name in names)


def closing_orders(
    held: Decimal, contract: Any, orders: Iterable[OrderRecord]
) -> list[OrderRecord]:
    """The live orders that would close a position: same contract, other side.

    The children of a parent of which nothing is filled close what the parent will open, and do not
    count.

    Args:
        held: The position; negative is short.
        contract: What is held, with its id.
        orders: Live orders of the account; one that the gateway has not shown yet has no id.
    """
    live = list(orders)
    untouched = {
        (record.client_id, record.order_id)
        for record in live
        if record.order_id and not record.filled
    }
    return [
        record
        for record in live
        if fits(record.contract, contract)
        and record.remaining > 0
        and (record.order.action in _BUYS) == (held < 0)
        and (record.client_id, record.parent_id or record.order.parentId) not in untouched
    ]


def reserved(orders: Iterable[OrderRecord]) -> Decimal:
    """How much closing orders can close together: of those that cancel each other, the largest."""
    groups: dict[object, Decimal] = {}
    for record in orders:
        group: object = record.order.ocaGroup or record
        groups[group] = max(groups.get(group, Decimal(0)), record.remaining)
    return sum(groups.values(), Decimal(0))


def plan(held: Decimal, wanted: Decimal | None, working: Mapping[str, Decimal]) -> Closing:
    """What to order.

    Args:
        held: The position; negative is short.
        wanted: How much of it to close, above 0; None for all that is free.
        working: What open orders close already, by a name for each (their sum counts).

    Raises:
        OrderError: There is nothing to close, or that much would turn the position round.
    """
    if not held:
        msg = "the position is flat: there is nothing to close"
        raise OrderError(msg)
    taken = sum(working.values(), Decimal(0))
    free = abs(held) - taken
    names = ", ".join(working)
    if free <= 0:
        msg = (
            f"open orders close all of the position of {held:f} already ({names}); cancel them "
            "first, or give cancel_open=True"
        )
        raise OrderError(msg)
    if wanted is not None and wanted > free:
        reserved_text = f", of which open orders close {taken:f} ({names})" if taken else ""
        msg = (
            f"closing {wanted:f} would turn the position round: it is {held:f}{reserved_text}; "
            f"{free:f} can be closed"
        )
        raise OrderError(msg)
    return Closing("SELL" if held > 0 else "BUY", free if wanted is None else wanted)
