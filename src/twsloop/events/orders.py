"""An order's way, its executions, and what they cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from .basis import Fact

__all__ = [
    "AcknowledgementLate",
    "CommissionLate",
    "CommissionReported",
    "Fill",
    "OrderCancelled",
    "OrderCreated",
    "OrderEvent",
    "OrderExpired",
    "OrderFact",
    "OrderFilled",
    "OrderPartiallyFilled",
    "OrderRejected",
    "OrderSubmitted",
]


@attrs.frozen(kw_only=True)
class OrderFact(Fact):
    """Something about orders; whoever observes it is told all of it, however slow (nothing drops).

    Every fact that a program may need to know its orders derives from it.
    """


@attrs.frozen(kw_only=True)
class OrderEvent(OrderFact):
    """A step on an order's way; the subclasses say which.

    Attributes:
        order_id: The id within its client id.
        client_id: Whose order it is.
        perm_id: IB's permanent id, once known.
        account: The account it is for.
        con_id: The contract's id, once known.
        symbol: The contract in short, for people.
        action: ``BUY`` or ``SELL``.
        order_type: ``MKT``, ``LMT``...
        quantity: The whole size.
        filled: How much of it is filled.
        remaining: How much of it is open.
        average_price: Of what is filled; None while nothing is.
        limit_price: The limit, where it has one.
        stop_price: The trigger, where it has one.
        status: IB's status word, or one of ours (REFUSED, NOT_SENT, SIMULATED).
        reason: Why, where somebody said so; of a new order, why the program placed it.
        tag: The user's own reference.
        origin: What made the order.
    """

    order_id: int
    client_id: int = 0
    perm_id: int | None = None
    account: str = ""
    con_id: int | None = None
    symbol: str = ""
    action: str = ""
    order_type: str = ""
    quantity: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    average_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    status: str = ""
    reason: str = ""
    tag: str = ""
    origin: str = ""


@attrs.frozen(kw_only=True)
class OrderCreated(OrderEvent):
    """We made it; it has an id, and is on its way to the gateway."""


@attrs.frozen(kw_only=True)
class OrderSubmitted(OrderEvent):
    """The gateway reports it as accepted or working."""


@attrs.frozen(kw_only=True)
class OrderPartiallyFilled(OrderEvent):
    """A part of it is filled, and the rest is working."""


@attrs.frozen(kw_only=True)
class OrderFilled(OrderEvent):
    """It is filled completely."""


@attrs.frozen(kw_only=True)
class OrderCancelled(OrderEvent):
    """It is cancelled; ``filled`` says what was traded before."""


@attrs.frozen(kw_only=True)
class OrderRejected(OrderEvent):
    """It was refused: by us, by the gateway, or by the exchange."""


@attrs.frozen(kw_only=True)
class OrderExpired(OrderEvent):
    """Its time in force ended."""


@attrs.frozen(kw_only=True)
class AcknowledgementLate(OrderEvent):
    """It was handed to the socket, and the gateway has said nothing of it for too long.

    It is looked for in the gateway's lists, and never sent again.

    Attributes:
        waited: Seconds since it left.
    """

    waited: float


@attrs.frozen(kw_only=True)
class Fill(OrderFact):
    """One execution.

    Attributes:
        exec_id: IB's execution id, four segments (five for a combo's leg).
        order_id: The order's id within its client id; 0 for orders made elsewhere.
        client_id: Whose order it is.
        perm_id: The order's permanent id; None for trades from outside IB.
        account: Where it was booked.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        side: ``BOT`` or ``SLD``.
        shares: How much.
        price: At what price.
        exchange: The venue that filled it.
        executed_at: The exchange's time, UTC, where it could be read.
        cumulative: How much of the order is filled with it.
        average_price: Of the order up to here.
        corrects: The execution id that this one replaces, or None.
        tag: The user's own reference of the order.
    """

    exec_id: str
    order_id: int
    client_id: int = 0
    perm_id: int | None = None
    account: str = ""
    con_id: int | None = None
    symbol: str = ""
    side: str
    shares: Decimal
    price: Decimal
    exchange: str = ""
    executed_at: datetime | None = None
    cumulative: Decimal | None = None
    average_price: Decimal | None = None
    corrects: str | None = None
    tag: str = ""

    def __repr__(self) -> str:
        order = f"order {self.order_id}" + (f", {self.tag}" if self.tag else "")
        what = f"{self.side} {self.shares} {self.symbol} at {self.price}"
        return f"<Fill {self.exec_id}: {what} ({order})>"


@attrs.frozen(kw_only=True)
class CommissionReported(OrderFact):
    """What one execution cost.

    Attributes:
        exec_id: The execution.
        commission: The amount; negative for a rebate.
        currency: Of the amount.
        realized_pnl: The closed profit or loss; None where the trade opened a position.
        order_id: The order's id, where the execution is known.
    """

    exec_id: str
    commission: Decimal
    currency: str = ""
    realized_pnl: Decimal | None = None
    order_id: int | None = None


@attrs.frozen(kw_only=True)
class CommissionLate(OrderFact):
    """An execution's commission report has not come for too long; it is asked for.

    Attributes:
        exec_id: The execution.
        order_id: Its order's id.
        waited: Seconds since the execution was reported.
    """

    exec_id: str
    order_id: int
    waited: float
