"""Facts as people read them: one sentence each."""

from __future__ import annotations

from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    OrderCancelled,
    OrderCreated,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderSubmitted,
)

from .output import cell

__all__ = ["sentence"]

_STEPS: dict[type[OrderEvent], str] = {
    OrderCreated: "created",
    OrderSubmitted: "submitted",
    OrderPartiallyFilled: "partially filled",
    OrderFilled: "filled",
    OrderCancelled: "cancelled",
    OrderRejected: "rejected",
    OrderExpired: "expired",
}


def sentence(fact: Fact) -> str:
    """What happened, in words."""
    clock = f"{fact.time:%H:%M:%S.%f}"[:-3]
    if isinstance(fact, Fill):
        where = f" on {fact.exchange}" if fact.exchange else ""
        return f"{clock}  fill        {fact.side} {cell(fact.shares)} at {cell(fact.price)}{where}"
    if isinstance(fact, CommissionReported):
        # IB's own client makes a 0 of the profit that an opening trade has not.
        profit = f", realized {cell(fact.realized_pnl)}" if fact.realized_pnl else ""
        return f"{clock}  commission  {cell(fact.commission)} {fact.currency}{profit}"
    if isinstance(fact, OrderEvent):
        return f"{clock}  {_STEPS.get(type(fact), 'order'):<11} {_order(fact)}"
    return f"{clock}  {fact}"


def _order(fact: OrderEvent) -> str:
    price = "".join(
        f" {name} {cell(value)}"
        for name, value in (("limit", fact.limit_price), ("stop", fact.stop_price))
        if value
    )
    text = (
        f"order {fact.order_id}: {fact.action} {cell(fact.quantity)} {fact.symbol} "
        f"{fact.order_type}{price}"
    )
    if fact.filled:
        text += f", {cell(fact.filled)} filled at {cell(fact.average_price)}"
    if fact.status:
        text += f" [{fact.status}]"
    return f"{text}: {fact.reason}" if fact.reason else text
