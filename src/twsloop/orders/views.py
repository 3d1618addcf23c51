"""What a question about orders is answered with: immutable, as of the moment of the answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .state import OrderRecord, OrderStatus

__all__ = ["OrderView", "view_of"]


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
    """

    order_id: int
    client_id: int
    perm_id: int | None
    account: str
    symbol: str
    contract: Any
    order: Any
    status: OrderStatus
    ib_status: str
    quantity: Decimal | None
    filled: Decimal
    remaining: Decimal
    average_price: Decimal | None
    why_held: str
    own: bool


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
    )
