"""What a question about orders is answered with: immutable, as of the moment of the answer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.wire.showing import order_words, short_row
from twsloop.wire.times import read_time
from twsloop.wire.values import decimal_or_none

from .reference import split_reference
from .state import OrderRecord, OrderStatus, word_of

__all__ = ["CompletedOrder", "OrderView", "read_completed", "view_of"]


@attrs.frozen
class OrderView:
    """An order as it stood when it was asked for.

    Attributes:
        order_id: Its id within its client; 0 for one made by hand.
        client_id: Whose it is.
        perm_id: IB's permanent id; None until known.
        account: The account it is for.
        symbol: The contract as one would type it.
        contract: IB's Contract.
        order: IB's Order.
        status: Where it is.
        ib_status: The gateway's own word.
        quantity: The whole size; None for an order by cash.
        filled: How much is filled.
        remaining: How much is open.
        average_price: Of what is filled.
        why_held: What it waits for.
        own: Placed with our client id.
        tag: The user's own reference.
        origin: What made it.
    """

    order_id: int
    client_id: int
    perm_id: int | None
    account: str
    symbol: str
    contract: Any = attrs.field(repr=False)
    order: Any = attrs.field(repr=order_words)
    status: OrderStatus
    ib_status: str
    quantity: Decimal | None
    filled: Decimal
    remaining: Decimal
    average_price: Decimal | None
    why_held: str
    own: bool
    tag: str
    origin: str

    __repr__ = short_row


def view_of(record: OrderRecord) -> OrderView:
    """A record as it stands now."""
    return OrderView(
        order_id=record.order_id,
        client_id=record.client_id,
        perm_id=record.perm_id or None,
        account=record.order.account,
        symbol=record.symbol,
        contract=record.contract,
        order=record.order,
        status=record.status,
        ib_status=record.ib_status,
        quantity=record.total,
        filled=record.filled,
        remaining=record.remaining,
        average_price=record.average_price,
        why_held=record.why_held,
        own=record.own,
        tag=record.tag,
        origin=record.origin,
    )


@attrs.frozen
class CompletedOrder:
    """An order of today that nothing can change any more: filled, cancelled or rejected.

    Attributes:
        perm_id: IB's permanent id; completed orders are listed without their order ids.
        account: The account it was for.
        symbol: The contract as one would type it.
        contract: IB's Contract.
        order: IB's Order.
        status: How it ended; a completed order that is ``Inactive`` was rejected.
        ib_status: The gateway's own word.
        quantity: The whole size; None for an order by cash.
        filled: How much was filled.
        completed_at: When, UTC; None where the gateway's text cannot be placed.
        why: The gateway's words about the end.
        tag: The user's own reference.
        token: Ours, behind it; empty for an order that twsloop did not place.
    """

    perm_id: int
    account: str
    symbol: str
    contract: Any = attrs.field(repr=False)
    order: Any = attrs.field(repr=order_words)
    status: OrderStatus
    ib_status: str
    quantity: Decimal | None
    filled: Decimal
    completed_at: datetime | None
    why: str
    tag: str
    token: str

    __repr__ = short_row


def read_completed(contract: Any, order: Any, state: Any, *, symbol: str) -> CompletedOrder:
    """A completedOrder of IB's, typed."""
    status = word_of(state.status)
    tag, token = split_reference(order.orderRef)
    return CompletedOrder(
        perm_id=order.permId,
        account=order.account,
        symbol=symbol,
        contract=contract,
        order=order,
        status=OrderStatus.REJECTED if status is OrderStatus.INACTIVE else status,
        ib_status=state.status,
        quantity=decimal_or_none(order.totalQuantity) or None,
        filled=decimal_or_none(order.filledQuantity) or Decimal(0),
        completed_at=read_time(state.completedTime),
        why=state.completedStatus,
        tag=tag,
        token=token,
    )
