"""The life of an order: one table from (state, event) to state, and the record of one order.

Theory of operation
-------------------
IB reports an order through several callbacks in no fixed order: a fill before the acknowledgement,
the same status four times, ``Filled`` twice, a fill after ``Cancelled``, an error with or without a
status. Two mistakes cost money: to show a live order dead (one sends it again), and to show a dead
one live for ever (one waits for it). So the table is total, no pair is an error, and it reads as a
lattice:

* FILLED is the top: nothing leaves it.
* CANCELLED and EXPIRED yield to a fill: the exchange may have filled what was being cancelled. No
  working word that is pushed revives them, for it may have been on its way. What does is a list of
  open orders that was asked for after the last word of the end, and shows the order, while nothing
  tells of its end again: then the gateway contradicts itself, and the later word counts
  (`OrderInput.LISTED` makes it UNCERTAIN, and the listed word is taken next).
* Among the working states the gateway's latest word wins.
* INACTIVE is a working state: the gateway may hold an order and let it live again (shares being
  located). Only together with an error that kills the order does it become REJECTED.
* REJECTED is our own judgement on an error, so a working status or a fill takes it back.
* UNCERTAIN (handed to the socket, then the link was lost before an answer) yields to any word.
* REFUSED and SIMULATED never left; NOT_SENT did not either, but yields to a status, because the
  gateway knows better.

The words are IB's own where IB has one. A future that was resolved with a final state stays
resolved if the order revives after all; `OrderRecord.status` tells the truth at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import attrs

from twsloop.events import CommissionReported, Fill
from twsloop.events.execution_ids import is_leg
from twsloop.wire.showing import order_words

from .folding import folded, unfolded
from .story import LOG_LENGTH, LogEntry, brief, without_repeats

__all__ = [
    "FINAL",
    "REVOCABLE",
    "TRANSITIONS",
    "WORDS",
    "WORKING",
    "LogEntry",
    "OrderInput",
    "OrderRecord",
    "OrderStatus",
    "may_be_working",
    "next_status",
    "word_of",
]


class OrderStatus(StrEnum):
    """Where an order is: IB's words, and ours in capitals for what IB has no word for."""

    CREATED = "CREATED"
    """It has an id and has not been handed to the socket."""
    PENDING_SUBMIT = "PendingSubmit"
    """Handed to the socket, no answer yet."""
    API_PENDING = "ApiPending"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    PRE_CANCELLED = "PreCancelled"
    WARN_STATE = "WarnState"
    INACTIVE = "Inactive"
    OTHER = "OTHER"
    """A word of the gateway that nobody knows; `OrderRecord.ib_status` has it."""
    UNCERTAIN = "UNCERTAIN"
    """It was handed to the socket, and the link was lost: it may be working, or may be nowhere."""
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    API_CANCELLED = "ApiCancelled"
    EXPIRED = "Expired"
    """Its time in force ended (a word that some gateways say; most report a cancellation)."""
    REJECTED = "REJECTED"
    """The gateway, IB or the exchange refused it (IB: an error, with ``Inactive`` or alone)."""
    REFUSED = "REFUSED"
    """The session may not place orders now; nothing was sent."""
    NOT_SENT = "NOT_SENT"
    """It was taken back before its first byte left."""
    SIMULATED = "SIMULATED"
    """Orders are disabled: it was answered from the live quote, and nothing was sent."""


class OrderInput(StrEnum):
    """What can happen to an order besides a status word of the gateway."""

    SENT = "sent"
    """Handed to the socket."""
    KILLED = "killed"
    """An error ended it."""
    CANCEL_NOTICE = "cancel notice"
    """Error 202."""
    ALL_FILLED = "all filled"
    """The executions add up to the whole size (market orders do not always get a status)."""
    DROPPED = "dropped"
    """Taken out of the queue before it left."""
    LINK_LOST = "link lost"
    """The session ended."""
    MISSING = "missing"
    """After a gap: not among the open orders, and nothing else tells of it."""
    LISTED = "listed"
    """Among the open orders of a list that was asked for after its end was told."""
    ABANDONED = "abandoned"
    """No further session will come that could tell."""
    REFUSED = "refused"
    SIMULATED = "simulated"


#: Nothing is to be waited for in these.
FINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.API_CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
        OrderStatus.REFUSED,
        OrderStatus.NOT_SENT,
        OrderStatus.SIMULATED,
    }
)
#: The ends that a list of open orders can contradict. (NOT_SENT yields to any word.)
REVOCABLE = frozenset(
    {
        OrderStatus.CANCELLED,
        OrderStatus.API_CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)
#: The gateway's words for an order that may still trade.
WORKING = frozenset(
    {
        OrderStatus.PENDING_SUBMIT,
        OrderStatus.API_PENDING,
        OrderStatus.PRE_SUBMITTED,
        OrderStatus.SUBMITTED,
        OrderStatus.PENDING_CANCEL,
        OrderStatus.PRE_CANCELLED,
        OrderStatus.WARN_STATE,
        OrderStatus.INACTIVE,
        OrderStatus.OTHER,
    }
)
#: The gateway's words; an unknown one is OTHER.
WORDS: dict[str, OrderStatus] = {
    status.value: status for status in OrderStatus if not status.value.isupper()
}

_BY_CAPITALS = {word.upper(): status for word, status in WORDS.items()}


def word_of(text: str) -> OrderStatus:
    """A word of the gateway, however it is spelt; OTHER for one that nobody knows."""
    return _BY_CAPITALS.get(text.upper(), OrderStatus.OTHER)


Event = OrderStatus | OrderInput

_CANCELS = (OrderStatus.CANCELLED, OrderStatus.API_CANCELLED, OrderStatus.EXPIRED)
#: Events that only speak of an order which did not leave yet.
_BEFORE_SENT: dict[Event, OrderStatus] = {
    OrderInput.SENT: OrderStatus.PENDING_SUBMIT,
    OrderInput.REFUSED: OrderStatus.REFUSED,
    OrderInput.SIMULATED: OrderStatus.SIMULATED,
    OrderInput.DROPPED: OrderStatus.NOT_SENT,
    OrderInput.LINK_LOST: OrderStatus.NOT_SENT,
    OrderInput.MISSING: OrderStatus.NOT_SENT,
    OrderInput.ABANDONED: OrderStatus.NOT_SENT,
    OrderInput.KILLED: OrderStatus.REJECTED,
    OrderInput.CANCEL_NOTICE: OrderStatus.CANCELLED,
    OrderInput.ALL_FILLED: OrderStatus.FILLED,
}
#: The same events for an order that is, or may be, at the gateway; what is not here changes
#: nothing.
_AFTER_SENT: dict[Event, OrderStatus] = {
    OrderInput.KILLED: OrderStatus.REJECTED,
    OrderInput.CANCEL_NOTICE: OrderStatus.CANCELLED,
    OrderInput.ALL_FILLED: OrderStatus.FILLED,
    OrderInput.MISSING: OrderStatus.UNCERTAIN,
    OrderInput.ABANDONED: OrderStatus.UNCERTAIN,
}


def _row(state: OrderStatus) -> dict[Event, OrderStatus]:
    """What each event makes of one state; the module's docstring gives the reasons."""
    words = (*WORDS.values(), OrderStatus.OTHER)
    stay: dict[Event, OrderStatus] = dict.fromkeys((*words, *OrderInput), state)
    follow: dict[Event, OrderStatus] = {word: word for word in words}
    if state in {OrderStatus.FILLED, OrderStatus.REFUSED, OrderStatus.SIMULATED}:
        return stay
    fills: dict[Event, OrderStatus] = {
        OrderStatus.FILLED: OrderStatus.FILLED,
        OrderInput.ALL_FILLED: OrderStatus.FILLED,
    }
    listed: dict[Event, OrderStatus] = {OrderInput.LISTED: OrderStatus.UNCERTAIN}
    if state in _CANCELS:
        return stay | fills | listed
    if state is OrderStatus.REJECTED:
        kept = dict.fromkeys((*_CANCELS, OrderStatus.INACTIVE, OrderStatus.PENDING_SUBMIT), state)
        return stay | follow | kept | fills | listed
    if state is OrderStatus.NOT_SENT:
        return stay | follow | fills
    if state is OrderStatus.CREATED:
        return stay | follow | _BEFORE_SENT
    after: dict[Event, OrderStatus] = dict(_AFTER_SENT)
    if state is OrderStatus.PENDING_SUBMIT:
        after[OrderInput.LINK_LOST] = OrderStatus.UNCERTAIN
    return stay | follow | after


#: The table: every state with every event.
TRANSITIONS: dict[tuple[OrderStatus, Event], OrderStatus] = {
    (state, event): new for state in OrderStatus for event, new in _row(state).items()
}


def next_status(state: OrderStatus, event: Event) -> OrderStatus:
    """Where an order is after an event."""
    return TRANSITIONS[state, event]


@attrs.define(eq=False)
class OrderRecord:
    """All that is known of one order. The loop thread changes it; equality is identity.

    Once nothing is awaited of it, it is kept small (`lighten`): what it says stays the same, but
    ``order`` is then made anew each time it is read.

    Attributes:
        order_id: Its id within its client id; 0 for orders made by hand.
        client_id: Whose order it is.
        contract: What is traded, as it was sent or as the gateway reports it.
        order: The order as it was last sent or reported.
        status: Where it is.
        ib_status: The gateway's last word.
        perm_id: IB's permanent id; 0 until known.
        status_filled: How much is filled, as the gateway counts.
        status_average: At what average price, as the gateway counts.
        status_remaining: How much is open, as the gateway counts.
        fills: The executions, by the part of their id that a correction keeps.
        commissions: The commission reports, by execution id.
        acknowledged: The gateway has reported it at least once.
        abandoned: UNCERTAIN for good: nothing will come any more that could tell.
        own: It was placed through this connection, or with its client id.
        reason: Why it is where it is, where somebody said so.
        error_code: IB's code of the error that ended it.
        before_change: The order in force while a modification of it is not confirmed yet.
        before_sent: What ``sent`` was before it.
        pending: The modifications that are not answered yet, the oldest first.
        overtaken: How many modifications a later report passed by without a word of their own: the
            refusals of these may still come.
        largest: The largest size it ever had, or was asked to have. Only when that much has traded
            is it known by its executions to be over: a late report may show a size that is not in
            force any more, a modification may be refused, and a filled order is never looked at
            again.
        sent: The order as we last sent it; None if another process did.
        simulated_price: What a SIMULATED order would have been filled at; None if not at once.
        state: IB's OrderState of the latest openOrder.
        advanced_reject: IB's JSON about why it was rejected, as it came.
        refused_changes: The errors (code, text) that refused a change of it.
        cancel_asked: We have asked the gateway to cancel it.
        expired: It ended because its time in force did.
        ended_at: How many ends of orders the book had heard of when this one's end was last told.
        completed_as: What the last completedOrder said of it, hashed.
        asked: The contract as the program gave it, by which more is known of it; None if another
            process placed the order.
        tag: The user's own reference: the front of its ``orderRef``.
        token: Ours, behind it; empty for an order that we did not make.
        origin: What made it: one of our methods, a raw call, another client, somebody by hand.
        purpose: Why it was placed, where the program said so.
        intents: How often it, or a change of it, was about to leave.
        told: What the journal knows of it (see `recording`); None if that is to be told whole.
        log: What happened to it, in order (see `story` for what is left out of a long one).
    """

    order_id: int
    client_id: int
    contract: Any
    _order: Any
    symbol: str = ""
    status: OrderStatus = OrderStatus.CREATED
    ib_status: str = ""
    perm_id: int = 0
    parent_id: int = 0
    why_held: str = ""
    status_filled: Decimal = Decimal(0)
    status_average: Decimal | None = None
    status_remaining: Decimal | None = None
    last_fill_price: Decimal | None = None
    cap_price: Decimal | None = None
    fills: dict[str, Fill] = attrs.field(factory=dict)
    commissions: dict[str, CommissionReported] = attrs.field(factory=dict)
    acknowledged: bool = False
    abandoned: bool = False
    own: bool = True
    reason: str = ""
    error_code: int | None = None
    before_change: Any = None
    before_sent: Any = None
    pending: list[Any] = attrs.field(factory=list)
    overtaken: int = 0
    largest: Decimal = Decimal(0)
    _sent: Any = None
    simulated_price: Decimal | None = None
    state: Any = None
    advanced_reject: str = ""
    refused_changes: frozenset[tuple[int | None, str]] = frozenset()
    cancel_asked: bool = False
    expired: bool = False
    ended_at: int = 0
    completed_as: int | None = None
    asked: Any = None
    tag: str = ""
    token: str = ""
    origin: str = ""
    purpose: str = ""
    intents: int = 0
    told: dict[str, Any] | None = None
    log: list[LogEntry] = attrs.field(factory=list)

    def __repr__(self) -> str:
        what = f"{order_words(self.order)} {self.symbol}"
        return f"<OrderRecord {self.order_id} of client {self.client_id} {what}: {self.status}>"

    @property
    def order(self) -> Any:
        """The order as it was last sent or reported."""
        return unfolded(self._order)

    @order.setter
    def order(self, order: Any) -> None:
        self._order = order

    @property
    def sent(self) -> Any:
        """The order as we last sent it; None if another process did."""
        return unfolded(self._sent)

    @sent.setter
    def sent(self, order: Any) -> None:
        self._sent = order

    @property
    def total(self) -> Decimal | None:
        """The whole size; None for an order by cash quantity."""
        return _size(self.order.totalQuantity)

    @property
    def executed(self) -> Decimal:
        """What the executions add up to. A combo's legs are not the combo."""
        if not self.fills:
            return _NONE
        return sum((fill.shares for fill in self.counted()), Decimal(0))

    @property
    def filled(self) -> Decimal:
        """How much is filled: by executions or by the gateway's count, whichever came first."""
        known = max(self.status_filled, self.executed) if self.fills else self.status_filled
        if self.status is not OrderStatus.FILLED:
            return known
        total = self.total
        if total is None:
            return known
        # The gateway's own last count says it; a size may be one that a late change asked for, or
        # one that was in force before.
        counted = self.status_remaining == 0 and self.status_filled > 0
        return known if known and (counted or self.before_change is not None) else total

    @property
    def remaining(self) -> Decimal:
        """How much is open (of a cancelled order: what was not traded)."""
        if self.status is OrderStatus.FILLED:
            return Decimal(0)
        total = self.total
        if total is not None:
            return max(total - self.filled, Decimal(0))
        return self.status_remaining or Decimal(0)

    @property
    def average_price(self) -> Decimal | None:
        """Of what is filled; exact when all executions are known, else as the gateway says."""
        executed = self.executed
        if executed > 0 and executed >= self.status_filled:
            return sum((f.shares * f.price for f in self.counted()), Decimal(0)) / executed
        return self.status_average if self.status_filled > 0 else None

    @property
    def commission(self) -> Decimal | None:
        """What its executions cost so far; None while no report has come."""
        if not self.commissions:
            return None
        return sum((report.commission for report in self.commissions.values()), Decimal(0))

    @property
    def unreported(self) -> bool:
        """Whether an execution waits for its commission report. A combo pays by its legs."""
        fills: Iterable[Fill] = self.fills.values()
        if self.contract.secType == "BAG":
            fills = [fill for fill in fills if is_leg(fill.exec_id)] or fills
        return any(fill.exec_id not in self.commissions for fill in fills)

    @property
    def final(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.status in FINAL or (self.status is OrderStatus.UNCERTAIN and self.abandoned)

    @property
    def settled(self) -> bool:
        """Final, every share that was traded has its execution, and every execution its report."""
        if not self.final:
            return False
        if self.abandoned:
            return True
        return not self.unreported and self.executed >= self.filled

    def counted(self) -> Iterable[Fill]:
        """The executions of the order itself."""
        if self.contract.secType != "BAG":
            return self.fills.values()
        return [fill for fill in self.fills.values() if not is_leg(fill.exec_id)]

    def sized(self, order: Any) -> None:
        """Take note of the size that an order has, or is asked to have."""
        self.largest = max(self.largest, _size(order.totalQuantity) or Decimal(0))

    def note(self, time: datetime, source: str, text: str, *, once: bool = False) -> None:
        """Write a line into its log; ``once``: in the place of the last one from that source.

        So what may be said of it for ever takes one line, if nothing else happens in between.
        """
        entry = LogEntry(time, source, text)
        if once and self.log and self.log[-1].source == source:
            self.log[-1] = entry
            return
        self.log.append(entry)
        if len(self.log) > LOG_LENGTH and len(self.log) % _LOG_STEP == 0:
            self.log = without_repeats(self.log, LOG_LENGTH)

    def lighten(self, one_of: Callable[[Any], Any]) -> None:
        """Nothing is awaited of it: keep what can be asked for, small.

        What happened to one that nobody can tell of is all kept: it may live.

        Args:
            one_of: The contract that stands for all that are equal to one.
        """
        self._order, self._sent = folded(self._order), folded(self._sent)
        self.contract = one_of(self.contract)
        self.asked = None if self.asked is None else one_of(self.asked)
        self.state = self.told = None
        if self.before_change is None:  # else what is filled is told by it
            self.before_sent, self.pending = None, []
        if self.status is not OrderStatus.UNCERTAIN:
            self.log = brief(self.log)


#: A long log is looked through for repeats once in so many entries.
_LOG_STEP = 100


def may_be_working(record: OrderRecord) -> bool:
    """Whether there may be something to cancel: it is live, or nobody knows what became of it."""
    return not record.final or record.status is OrderStatus.UNCERTAIN


def _size(value: Any) -> Decimal | None:
    size = value if type(value) is Decimal or value is None else Decimal(str(value))
    return size if size is not None and _NONE < size < UNSET_SIZE else None


_NONE = Decimal(0)
#: IB's mark for a size that is not set (ibapi.const.UNSET_DECIMAL).
UNSET_SIZE = Decimal(2**127 - 1)
