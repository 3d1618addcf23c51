"""The facts: what happened, as immutable objects that can be kept, journaled and handed around.

Ticks are not here. They travel as IB's own callbacks, without an object each. What is here happens
seldom and must not be lost: a notice of the gateway, a change of the session, an order's way, a
fill, its commission, a position, a gap in a stream.

Every fact carries the time at which we learned of it (UTC, and aware of it) and a correlation id,
which ties together the facts of one story: the same order, the same request, the same session. The
three functions `order_story`, `request_story` and `session_story` make these ids, so that all parts
spell them alike.

Money and sizes are `decimal.Decimal`; what is not known is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import attrs

__all__ = [
    "AcknowledgementLate",
    "CommissionLate",
    "CommissionReported",
    "Ends",
    "Fact",
    "Fill",
    "GapEnded",
    "GapStarted",
    "HeartbeatMissed",
    "HeartbeatRestored",
    "Notice",
    "OrderCancelled",
    "OrderCreated",
    "OrderEvent",
    "OrderExpired",
    "OrderFilled",
    "OrderPartiallyFilled",
    "OrderRejected",
    "OrderSubmitted",
    "PositionChanged",
    "PositionClosed",
    "PositionEvent",
    "PositionOpened",
    "SessionChanged",
    "order_story",
    "request_story",
    "session_story",
    "to_record",
]


def order_story(client_id: int, order_id: int) -> str:
    """The correlation id of everything about one order."""
    return f"order-{client_id}-{order_id}"


def request_story(req_id: int) -> str:
    """The correlation id of everything about one request."""
    return f"request-{req_id}"


def session_story(client_id: int, epoch: int) -> str:
    """The correlation id of everything about one session; ``epoch`` counts the sessions."""
    return f"session-{client_id}-{epoch}"


class Ends(StrEnum):
    """What a notice brings to its end."""

    NOTHING = "nothing"
    """Everything goes on; the text is news or a warning."""
    REQUEST = "request"
    """The request that the id names gets no (further) answer."""
    ORDER = "order"
    """The order is not working any more, or never was."""
    CHANGE = "change"
    """A modification or a cancel was refused; the order itself stays as it was."""
    SESSION = "session"
    """The connection closes, or never came about."""


def _aware(instance: object, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    """Refuse a time without a zone: nobody could compare it with the others."""
    if value.tzinfo is None:
        msg = f"{type(instance).__name__}.{attribute.name} needs a time zone: {value!r}"
        raise ValueError(msg)


def _in_utc(value: datetime) -> datetime:
    """The same instant in UTC; a naive time is left for the validator to refuse."""
    return value if value.tzinfo is None else value.astimezone(UTC)


@attrs.frozen(kw_only=True)
class Fact:
    """What every fact has.

    Attributes:
        time: When we learned of it, UTC.
        correlation_id: The story that it belongs to; empty where it stands alone.
    """

    time: datetime = attrs.field(converter=_in_utc, validator=_aware)
    correlation_id: str = ""


# ------------------------------------------------------------------ what the gateway says
@attrs.frozen(kw_only=True)
class Notice(Fact):
    """What came through IB's ``error`` callback, sorted; or what went wrong on our own side.

    Attributes:
        req_id: The request's or order's id; -1 for what concerns the whole session.
        code: IB's code; None for what has none (a user's callback that raised).
        text: IB's text, as it came.
        category: As in ``error_codes.csv``; ``unknown`` for a code that is not there, ``callback``
            for a user's callback that raised.
        severity: ``info``, ``warning``, ``error`` or ``fatal``.
        scope: ``order``, ``request``, ``connection`` or ``system``.
        retry: ``no``, ``yes`` or ``after_reconnect``: whether asking again can help.
        what_happens_next: What to expect, and what to do.
        ends: What it brings to its end.
        advanced_reject: IB's JSON text about a rejected order, or empty.
        local: It was raised on our side and never crossed the wire.
    """

    req_id: int = -1
    code: int | None
    text: str
    category: str = "unknown"
    severity: str = "error"
    scope: str = "system"
    retry: str = "no"
    what_happens_next: str = ""
    ends: Ends = Ends.NOTHING
    advanced_reject: str = ""
    local: bool = False

    def __str__(self) -> str:
        """One line for people: severity, code, text."""
        code = f" {self.code}" if self.code is not None else ""
        about = f" (id {self.req_id})" if self.req_id >= 0 else ""
        return f"{self.severity}{code}{about}: {self.text}"


# ----------------------------------------------------------------------------- the session
@attrs.frozen(kw_only=True)
class SessionChanged(Fact):
    """The session went from one state of its table to another.

    Attributes:
        old: The state's name before.
        new: The state's name now.
        reason: Why, in words.
        epoch: Which session of this connection it is, counted from 1.
    """

    old: str
    new: str
    reason: str = ""
    epoch: int = 0


@attrs.frozen(kw_only=True)
class HeartbeatMissed(Fact):
    """The gateway has been silent for too long; it is asked for a sign of life now.

    Attributes:
        silence: Seconds since its last byte.
    """

    silence: float


@attrs.frozen(kw_only=True)
class HeartbeatRestored(Fact):
    """The gateway was heard again after HeartbeatMissed.

    Attributes:
        silence: How long it had been silent, seconds.
    """

    silence: float


# --------------------------------------------------------------------------------- orders
@attrs.frozen(kw_only=True)
class OrderEvent(Fact):
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
class Fill(Fact):
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
class CommissionReported(Fact):
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
class CommissionLate(Fact):
    """An execution's commission report has not come for too long; it is asked for.

    Attributes:
        exec_id: The execution.
        order_id: Its order's id.
        waited: Seconds since the execution was reported.
    """

    exec_id: str
    order_id: int
    waited: float


# ------------------------------------------------------------------------------ positions
@attrs.frozen(kw_only=True)
class PositionEvent(Fact):
    """A position is not what it was; the subclasses say how.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: What it is now; negative is short.
        previous: What it was.
        average_cost: Per unit, with the multiplier, as IB counts it; None while flat.
    """

    account: str
    con_id: int
    symbol: str = ""
    quantity: Decimal
    previous: Decimal = Decimal(0)
    average_cost: Decimal | None = None


@attrs.frozen(kw_only=True)
class PositionOpened(PositionEvent):
    """It was flat."""


@attrs.frozen(kw_only=True)
class PositionChanged(PositionEvent):
    """It was another size, or turned its side."""


@attrs.frozen(kw_only=True)
class PositionClosed(PositionEvent):
    """It is flat now."""


# ----------------------------------------------------------------------------------- gaps
@attrs.frozen(kw_only=True)
class GapStarted(Fact):
    """From here on a stream may have missed something.

    Attributes:
        stream: Which stream, as people call it (``AAPL``), or ``*`` for all of a session.
        reason: Why.
    """

    stream: str
    reason: str = ""


@attrs.frozen(kw_only=True)
class GapEnded(Fact):
    """The stream is whole again from here on.

    Attributes:
        stream: Which stream.
        started: When the gap began, UTC.
        reason: What ended it.
    """

    stream: str
    started: datetime = attrs.field(converter=_in_utc, validator=_aware)
    reason: str = ""

    @property
    def duration(self) -> timedelta:
        """How long it lasted."""
        return self.time - self.started


def to_record(fact: Fact) -> dict[str, Any]:
    """A fact as plain JSON types: ``event`` (its class), then its fields in their order.

    Times become ISO 8601 with their zone, decimals become strings (a JSON number would round
    them), and what is not known stays None.
    """
    record: dict[str, Any] = {"event": type(fact).__name__}
    for field in attrs.fields(type(fact)):
        record[field.name] = _plain(getattr(fact, field.name))
    return record


def _plain(value: Any) -> Any:
    """One value as a JSON type."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
