"""One step of one order: what an event makes of its record, and which fact that is. Pure.

Here is also how an error is judged (`ending`), because a wrong judgement is what shows a live order
dead. The rule is: what is ambiguous ends nothing. An error for an order whose change is under way,
or that repeats the refusal of an earlier change, may mean the change alone; whether the order died
with it, the next report tells, or the next reconcile.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

import attrs

from twsloop.errors import TwsLoopError
from twsloop.events import (
    Ends,
    Fact,
    Fill,
    Notice,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderSubmitted,
    order_story,
)
from twsloop.wire.times import read_time

from .checks import describe
from .reading import prices_of
from .state import OrderInput, OrderRecord, OrderStatus, next_status

__all__ = [
    "CANCELS",
    "TERMS",
    "Change",
    "Closed",
    "confirms",
    "describe_record",
    "ending",
    "fact_of",
    "is_working",
    "move",
    "nobody_knows",
    "partly_filled",
    "time_is_up",
    "visible",
]

#: What can be modified, and comes back in the gateway's echo.
TERMS = (
    "orderType",
    "totalQuantity",
    "lmtPrice",
    "auxPrice",
    "trailStopPrice",
    "trailingPercent",
    "tif",
    "goodTillDate",
    "outsideRth",
)
_terms_of = attrgetter(*TERMS)
#: IB's code for "the order is cancelled".
CANCELLED = 202
_ACCEPTED = frozenset({OrderStatus.PRE_SUBMITTED, OrderStatus.SUBMITTED})
#: The gateway's words for an order that was cancelled.
CANCELS = frozenset({OrderStatus.CANCELLED, OrderStatus.API_CANCELLED})
_REFUSED = frozenset(
    {
        OrderStatus.REJECTED,
        OrderStatus.REFUSED,
        OrderStatus.NOT_SENT,
        OrderStatus.SIMULATED,
    }
)
#: Times in force that end with a trading session.
_FOR_THE_DAY = frozenset({"", "DAY", "OPG", "AUC"})

#: Our clock, and that of the gateway's exchange, may differ by this.
SKEW = timedelta(seconds=5)

#: Whether trading in a contract is closed at a time, with or without the hours outside of the
#: regular session; None where nobody knows its hours.
Closed = Callable[[Any, datetime, bool], bool | None]


def nobody_knows(_contract: Any, _at: datetime, _outside_rth: bool) -> None:
    """Stands in for a `Closed` where trading hours cannot be known."""


@attrs.frozen
class Change:
    """What one report changed.

    Attributes:
        record: The order; None where the order is not known (yet).
        facts: What happened, in order.
        changed: Whether anything that can be read is different now.
        known: The report repeats what is known: nobody has to be told, and nothing looked at.
    """

    record: OrderRecord | None
    facts: tuple[Fact, ...] = ()
    changed: bool = False
    known: bool = False

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The executions among the facts."""
        return tuple(fact for fact in self.facts if isinstance(fact, Fill))


def is_working(record: OrderRecord) -> bool:
    """Whether an error for this order can be about a change of it: it was reported as working.

    An order that is Inactive is not: an error says that it will stay so.
    """
    return record.acknowledged and record.status is not OrderStatus.INACTIVE


def ending(record: OrderRecord, notice: Notice) -> Ends:
    """What an error with the order's id ends: the ErrorHandler's judgement, and what we know.

    Args:
        record: The order, before the error is written into it.
        notice: The error, sorted.
    """
    if notice.ends is not Ends.ORDER or notice.code == CANCELLED:
        return notice.ends
    if record.before_change is not None:
        return Ends.CHANGE
    if (notice.code, notice.text) in record.refused_changes:
        return Ends.NOTHING
    return Ends.CHANGE if record.overtaken else Ends.ORDER


def confirms(record: OrderRecord, echo: Any) -> bool:
    """Whether the gateway's echo shows that no modification is under way any more.

    Those that it answers are taken out of ``pending``. Compared is what they change: an echo of how
    the order stood before answers none (it was under way when we modified the order, and comes
    again with each partial fill), one that equals a modification answers it and all before it, and
    one that equals none says that the gateway, or its user, has had the last word.
    """
    in_force, pending = record.before_change, record.pending
    if in_force is None:
        return True
    changed = [
        name
        for name in TERMS
        if any(getattr(order, name) != getattr(in_force, name) for order in pending)
    ]

    def same(order: Any) -> bool:
        return all(getattr(echo, name) == getattr(order, name) for name in changed)

    if changed and same(in_force):
        return False
    answered = next((n for n, order in enumerate(pending, 1) if same(order)), len(pending))
    record.overtaken += answered - 1
    del pending[:answered]
    return not pending


def time_is_up(record: OrderRecord, now: datetime, closed: Closed) -> bool:
    """Whether an order that was cancelled just now ended because its time in force did.

    IB has no word for it: it reports a cancellation that nobody asked for.
    """
    if record.cancel_asked:
        return False
    order, at = record.order, now + SKEW
    if order.tif == "GTD":
        until = read_time(order.goodTillDate)
        return until is not None and until <= at
    if order.tif not in _FOR_THE_DAY:
        return False
    try:
        return bool(closed(record.asked or record.contract, at, bool(order.outsideRth)))
    except TwsLoopError:  # hours that cannot be read must not keep a report from being heard
        return False


def move(
    record: OrderRecord,
    event: OrderStatus | OrderInput,
    now: datetime,
    source: str,
    reason: str = "",
    *,
    closed: Closed = nobody_knows,
) -> Change:
    """Take one step in the table, and say which fact that makes."""
    old, new = record.status, next_status(record.status, event)
    if new is old:
        return Change(record)
    record.status = new
    record.note(now, source, f"{old} -> {new}{f': {reason}' if reason else ''}")
    kind: type[OrderEvent] | None = None
    if new is OrderStatus.FILLED:
        kind = OrderFilled
    elif new is OrderStatus.EXPIRED:
        kind = OrderExpired
    elif new in CANCELS:
        kind = OrderExpired if time_is_up(record, now, closed) else OrderCancelled
    elif new in _REFUSED:
        kind = OrderRejected
    elif new in _ACCEPTED and old not in _ACCEPTED:
        kind = OrderSubmitted
    record.expired = kind is OrderExpired
    facts = () if kind is None else (fact_of(kind, record, now),)
    return Change(record, facts, changed=True)


def partly_filled(record: OrderRecord, was_filled: Decimal, now: datetime) -> tuple[Fact, ...]:
    """The fact that more of it is filled, if more is, and not all."""
    if record.filled <= was_filled or record.status is OrderStatus.FILLED:
        return ()
    return (fact_of(OrderPartiallyFilled, record, now),)


def visible(record: OrderRecord) -> tuple[Any, ...]:
    """What a user would notice; the order's echo is compared by what can be modified."""
    order = record.order
    return (
        record.status,
        record.ib_status,
        record.order_id,
        record.perm_id,
        record.status_filled,
        record.status_remaining,
        record.status_average,
        record.why_held,
        record.cap_price,
        record.before_change is None,
        *_terms_of(order),
    )


def fact_of(
    kind: type[OrderEvent],
    record: OrderRecord,
    now: datetime,
    *,
    reason: str | None = None,
    **more: Any,
) -> OrderEvent:
    """A step on the order's way, with the order as it stands now.

    Args:
        kind: Which step.
        record: The order.
        now: The time.
        reason: Why; the order's own reason unless given.
        more: The kind's own fields.
    """
    order = record.order
    limit, stop = prices_of(order)
    return kind(
        time=now,
        correlation_id=order_story(record.client_id, record.order_id),
        order_id=record.order_id,
        client_id=record.client_id,
        perm_id=record.perm_id or None,
        account=order.account,
        con_id=record.contract.conId or None,
        symbol=record.symbol,
        action=order.action,
        order_type=order.orderType,
        quantity=record.total or Decimal(0),
        filled=record.filled,
        remaining=record.remaining,
        average_price=record.average_price,
        limit_price=limit,
        stop_price=stop,
        status=str(record.status),
        reason=record.reason if reason is None else reason,
        tag=record.tag,
        origin=record.origin,
        **more,
    )


def describe_record(record: OrderRecord) -> str:
    """The order in short: ``BUY 100 LMT 189.5 AAPL``."""
    return f"{describe(record.order)} {record.symbol}".strip()
