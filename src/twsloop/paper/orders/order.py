"""Orders as the paper gateway holds them: their life as a table, and what is known of each.

The life (`TRANSITIONS`) has IB's status words as its states. An event that a state does not know is
a `StateError`: it would mean that the gateway itself is wrong, never the client, because what a
client may ask in which state is decided before (`validation`).

Order ids belong to a client id: clients 1 and 2 may both have an order 5. The permId belongs to the
account and is never used twice. `order_book` keeps the orders.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.errors import StateError
from twsloop.paper.accounts.commissions import OrderCharges

from .order_types import TYPES, OrderType

__all__ = [
    "TERMINAL",
    "TRANSITIONS",
    "Execution",
    "OrderEvent",
    "PaperOrder",
    "Status",
]

ZERO = Decimal(0)


class Status(enum.StrEnum):
    """IB's status words, and `UNTRANSMITTED` for what never shows on the wire."""

    UNTRANSMITTED = "Untransmitted"
    PENDING_SUBMIT = "PendingSubmit"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"


class OrderEvent(enum.Enum):
    """What can happen to an order."""

    SEND = "sent, its first report is under way"
    HOLD = "accepted, waits for a trigger, a parent or a quote"
    WORK = "accepted, works at the exchange"
    RECALL = "changed so that it waits again"
    PARTIAL_FILL = "filled in part"
    FULL_FILL = "filled to its end"
    ASK_CANCEL = "its cancellation is on the way"
    CANCEL = "cancelled"
    REJECT = "rejected by the broker"


#: In these states nothing changes any more.
TERMINAL = frozenset({Status.CANCELLED, Status.FILLED, Status.INACTIVE})

_HELD = {
    OrderEvent.HOLD: Status.PRE_SUBMITTED,
    OrderEvent.WORK: Status.SUBMITTED,
    OrderEvent.PARTIAL_FILL: Status.SUBMITTED,
    OrderEvent.FULL_FILL: Status.FILLED,
    OrderEvent.ASK_CANCEL: Status.PENDING_CANCEL,
    OrderEvent.CANCEL: Status.CANCELLED,
    OrderEvent.REJECT: Status.INACTIVE,
}

TRANSITIONS: Mapping[Status, Mapping[OrderEvent, Status]] = MappingProxyType(
    {
        Status.UNTRANSMITTED: {
            OrderEvent.SEND: Status.PENDING_SUBMIT,
            OrderEvent.HOLD: Status.PRE_SUBMITTED,
            OrderEvent.WORK: Status.SUBMITTED,
            OrderEvent.CANCEL: Status.CANCELLED,
            OrderEvent.REJECT: Status.INACTIVE,
        },
        Status.PENDING_SUBMIT: {
            OrderEvent.HOLD: Status.PRE_SUBMITTED,
            OrderEvent.WORK: Status.SUBMITTED,
            OrderEvent.ASK_CANCEL: Status.PENDING_CANCEL,
            OrderEvent.CANCEL: Status.CANCELLED,
            OrderEvent.REJECT: Status.INACTIVE,
        },
        Status.PRE_SUBMITTED: _HELD,
        Status.SUBMITTED: {
            **_HELD,
            OrderEvent.HOLD: Status.SUBMITTED,
            OrderEvent.RECALL: Status.PRE_SUBMITTED,
        },
        Status.PENDING_CANCEL: {
            OrderEvent.ASK_CANCEL: Status.PENDING_CANCEL,
            OrderEvent.HOLD: Status.PENDING_CANCEL,
            OrderEvent.WORK: Status.PENDING_CANCEL,
            OrderEvent.REJECT: Status.INACTIVE,
            OrderEvent.PARTIAL_FILL: Status.PENDING_CANCEL,
            OrderEvent.FULL_FILL: Status.FILLED,
            OrderEvent.CANCEL: Status.CANCELLED,
        },
        Status.CANCELLED: {},
        Status.FILLED: {},
        Status.INACTIVE: {},
    }
)


@attrs.frozen
class Execution:
    """One fill; it never changes.

    Attributes:
        exec_id: IB's form, ``xxxxxxxx.yyyyyyyy.01.01``, unique.
        order: The order it belongs to.
        time: When, in UTC.
        quantity: How much.
        price: The price of one unit, in the contract's currency.
        cumulative: How much of the order had filled with it.
        average: The order's average price with it.
        exchange: The venue.
        commission: Commission and fees, in `commission_currency`.
        commission_currency: The account's base currency.
        realized: What it realized, in the base currency; None for a fill that closed nothing.
        leg: Of a combination's leg, the leg (`combos.ComboLeg`); else None.
        is_summary: Whether it is the combination's own: its legs make the positions and pay.
    """

    exec_id: str
    order: PaperOrder
    time: datetime
    quantity: Decimal
    price: Decimal
    cumulative: Decimal
    average: Decimal
    exchange: str
    commission: Decimal
    commission_currency: str
    realized: Decimal | None
    leg: Any = None
    is_summary: bool = False

    @property
    def instrument(self) -> Any:
        """What was traded: the leg of a combination, else what the order trades."""
        return self.order.instrument if self.leg is None else self.leg.instrument

    @property
    def is_buy(self) -> bool:
        """Whether it bought: a combination's sold leg is sold when it is bought."""
        return self.order.is_buy if self.leg is None else self.leg.is_buy == self.order.is_buy


@attrs.define(eq=False)
class PaperOrder:
    """One order and what became of it.

    Attributes:
        client_id: The client id that placed it.
        order_id: Its id, unique within that client id.
        perm_id: Its permanent id, unique in the account.
        account: The account it trades in.
        instrument: What it trades (`instruments.Instrument`).
        contract: The contract as echoed (``ibapi.protobuf.Contract``).
        request: The order as echoed (``ibapi.protobuf.Order``).
        charges: Its running commission.
        total: How much it shall buy or sell.
        oca_group: The name of its one-cancels-all group, "" for none.
        kind: The type as this gateway works it.
        limit_price: Its limit; of a pegged order the worst price it may have, None for none.
        stop_price: Its trigger now; a trailing one moves.
        given_stop: Where its trigger began, if the client said so.
        amount: How far a trailing trigger or a pegged price is from what it follows.
        percent: The same in percent.
        limit_offset: How far a trailing limit is from its trigger.
        peg_price: A pegged order's price now.
        adjustment: What a stop becomes when the market has come far enough
            (`adjusting.Adjustment`).
        oca_type: What a fill does to the others of the group: 1 cancels, 2 and 3 reduce them.
        elected: Whether a stop order's trigger has been met; True for other types.
        waits_for_parent: Whether it is a child whose parent has not filled yet.
        awaits_conditions: Whether its conditions have not been met yet.
        condition_times: When its time conditions are, by their place.
        starts: Not before then (``goodAfterTime``).
        ends: It expires then.
        auction_at: It waits for the auction at that time.
        accept_at: Its first report comes then.
        cancel_at: Its cancellation arrives then.
        placed_at: When it came.
        draft: The request that it was last given (`reading.Draft`).
        asked_tif: The time in force as sent, where the gateway made another of it.
        silent: Nothing is told of it until it fills or ends (MOC and LOC in the session).
        legs: The legs of a combination.
        leg_charges: Their running commissions.
        queued: Its turn among orders of one price.
        reports: How many pairs were told.
        streak: How many observations in a row met its trigger (double trigger methods).
        observed: The last of them.
        rests_at: Of a limit order that just rests: its limit, a sale's negative (see
            `matching.reached`); None: it has to be looked at.
    """

    client_id: int
    order_id: int
    perm_id: int
    account: str
    instrument: Any
    contract: Any
    request: Any
    charges: OrderCharges
    total: Decimal
    order_type: str
    kind: OrderType = attrs.Factory(lambda self: TYPES[self.order_type], takes_self=True)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    given_stop: Decimal | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    limit_offset: Decimal | None = None
    peg_price: Decimal | None = None
    adjustment: Any = None
    tif: str = "DAY"
    parent: PaperOrder | None = None
    children: list[PaperOrder] = attrs.Factory(list)
    elected: bool = True
    waits_for_parent: bool = False
    oca_group: str = ""
    oca_type: int = 3
    status: Status = Status.UNTRANSMITTED
    filled: Decimal = ZERO
    turnover: Decimal = ZERO
    last_price: Decimal | None = None
    commission: Decimal = ZERO
    executions: list[Execution] = attrs.Factory(list)
    completed_at: datetime | None = None
    completed_status: str = ""
    awaits_conditions: bool = False
    condition_times: dict[int, datetime] = attrs.Factory(dict)
    starts: datetime | None = None
    ends: datetime | None = None
    auction_at: datetime | None = None
    accept_at: datetime | None = None
    cancel_at: datetime | None = None
    placed_at: datetime | None = None
    draft: Any = None
    asked_tif: str = ""
    silent: bool = False
    legs: tuple[Any, ...] = ()
    leg_charges: tuple[OrderCharges, ...] = ()
    queued: int = 0
    reports: int = 0
    streak: int = 0
    observed: object = None
    rests_at: float | None = None

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return bool(self.request.action == "BUY")

    @property
    def remaining(self) -> Decimal:
        """How much has not filled; a cancelled order keeps its open size."""
        return self.total - self.filled

    @property
    def average(self) -> Decimal:
        """The average price of its fills; 0 before the first."""
        return self.turnover / self.filled if self.filled else ZERO

    @property
    def commission_currency(self) -> str:
        """What its commissions are charged in; the dollar before the first."""
        return self.executions[-1].commission_currency if self.executions else "USD"

    @property
    def is_live(self) -> bool:
        """Whether it is known to the market (transmitted) and not at its end."""
        return self.status not in TERMINAL and self.status is not Status.UNTRANSMITTED

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in TERMINAL

    @property
    def is_held(self) -> bool:
        """Whether something of its own keeps it from the exchange (the market aside)."""
        return (
            not self.elected
            or self.waits_for_parent
            or (self.awaits_conditions and not self.request.conditionsCancelOrder)
            or self.starts is not None
            or self.auction_at is not None
        )

    @property
    def is_directed(self) -> bool:
        """Whether it is a stock order that names an exchange instead of IB's routing."""
        exchange = self.contract.exchange
        return self.instrument.sec_type == "STK" and exchange not in {"SMART", "OVERNIGHT"}

    def family(self) -> Iterator[PaperOrder]:
        """It, then its children, each with its own children after it."""
        waiting = [self]
        while waiting:  # a chain of children may be longer than calls can nest
            one = waiting.pop()
            yield one
            waiting += reversed(one.children)

    @property
    def signed(self) -> tuple[tuple[Any, Decimal], ...]:
        """What it would change in the account: instruments and quantities, sold ones negative."""
        total = self.total if self.is_buy else -self.total
        if not self.legs:
            return ((self.instrument, total),)
        return tuple((leg.instrument, total * leg.sign * leg.ratio) for leg in self.legs)

    @property
    def why_held(self) -> str:
        """IB's words for what a held order waits for."""
        if self.is_terminal:
            return ""
        words = []
        if self.waits_for_parent:
            words.append("child")
        if not self.elected and self.kind.shows_trigger:
            words.append("trigger")
        return ",".join(words)

    def happen(self, event: OrderEvent) -> None:
        """Move on to the state that the table says.

        Raises:
            StateError: The table does not know this event in this state.
        """
        following = TRANSITIONS[self.status].get(event)
        if following is None:
            raise StateError("paper order", self.status.name, event.name)
        self.rests_at = None
        self.status = following

    def fill(self, quantity: Decimal, price: Decimal) -> None:
        """Count one fill.

        Raises:
            ValueError: It is not above zero, or larger than what remains.
        """
        if not ZERO < quantity <= self.remaining:
            msg = f"a fill of {quantity} does not fit the remaining {self.remaining}"
            raise ValueError(msg)
        self.happen(OrderEvent.FULL_FILL if quantity == self.remaining else OrderEvent.PARTIAL_FILL)
        self.filled += quantity
        self.turnover += quantity * price
        self.last_price = price
