"""How much of a position may be closed now. Pure.

A closing order must never turn a position round. What limits it is not the position alone: orders
that are working already (a stop, a profit taker) close it too, and what they close when they fill
is not there any more for another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import attrs

from twsloop.errors import OrderError

from .state import OrderRecord

__all__ = ["Closing", "closing_orders", "plan", "reserved"]

_BUYS = frozenset({"BUY"})


@attrs.frozen
class Closing:
    """The order that closes a position, or a part of it."""

    action: str
    quantity: Decimal


def closing_orders(held: Decimal, con_id: int, orders: Iterable[OrderRecord]) -> list[OrderRecord]:
    """The live orders that would close a position: same contract, other side.

    The children of a parent that is still working close what the parent opens, and do not count.

    Args:
        held: The position; negative is short.
        con_id: Its contract.
        orders: Live orders of the account.
    """
    live = list(orders)
    parents = {(record.client_id, record.order_id) for record in live if record.order_id}
    return [
        record
        for record in live
        if record.contract.conId == con_id
        and record.remaining > 0
        and (record.order.action in _BUYS) == (held < 0)
        and (record.client_id, record.parent_id or record.order.parentId) not in parents
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
