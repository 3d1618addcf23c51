"""Orders as the paper gateway holds them: their life as a table, and the book they stand in.

The life (`TRANSITIONS`) has IB's status words as its states. An event that a state does not know is
a `StateError`: it would mean that the gateway itself is wrong, never the client, because what a
client may ask in which state is decided before (`validation`).

Order ids belong to a client id: clients 1 and 2 may both have an order 5. The permId belongs to the
account and is never used twice. `PaperBook` finds orders by both, and keeps the live ones of each
instrument in the order of their arrival, which is the order they are matched in.
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

from .commissions import OrderCharges

__all__ = [
    "TERMINAL",
    "TRANSITIONS",
    "Execution",
    "OrderEvent",
    "PaperBook",
    "PaperOrder",
    "Status",
]

ZERO = Decimal(0)


class Status(enum.StrEnum):
    """IB's status words, and `UNTRANSMITTED` for what never shows on the wire."""

    UNTRANSMITTED = "Untransmitted"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"


class OrderEvent(enum.Enum):
    """What can happen to an order."""

    HOLD = "accepted, waits for a trigger, a parent or a quote"
    WORK = "accepted, works at the exchange"
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
            OrderEvent.HOLD: Status.PRE_SUBMITTED,
            OrderEvent.WORK: Status.SUBMITTED,
            OrderEvent.CANCEL: Status.CANCELLED,
            OrderEvent.REJECT: Status.INACTIVE,
        },
        Status.PRE_SUBMITTED: _HELD,
        Status.SUBMITTED: {**_HELD, OrderEvent.HOLD: Status.SUBMITTED},
        Status.PENDING_CANCEL: {
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

    @property
    def instrument(self) -> Any:
        """What was traded."""
        return self.order.instrument

    @property
    def is_buy(self) -> bool:
        """Whether it bought."""
        return self.order.is_buy


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
        oca_type: What a fill does to the others of the group: 1 cancels, 2 and 3 reduce them.
        elected: Whether a stop order's trigger has been met; True for other types.
        waits_for_parent: Whether it is a child whose parent has not filled yet.
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
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
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
    def why_held(self) -> str:
        """IB's words for what a held order waits for."""
        if self.is_terminal:
            return ""
        words = []
        if self.waits_for_parent:
            words.append("child")
        if not self.elected:
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


@attrs.define(eq=False)
class PaperBook:
    """All orders of the server's life.

    Attributes:
        next_perm_id: The permId of the next order.
    """

    next_perm_id: int = 1_000_000_001
    _by_id: dict[tuple[int, int], PaperOrder] = attrs.Factory(dict)
    _live: dict[int, dict[int, PaperOrder]] = attrs.Factory(dict)
    _highest: dict[int, int] = attrs.Factory(dict)

    def take_perm_id(self) -> int:
        """The next permId; those of orders sent together are consecutive."""
        taken = self.next_perm_id
        self.next_perm_id += 1
        return taken

    def add(self, order: PaperOrder) -> None:
        """Put an accepted order into the book."""
        self._by_id[order.client_id, order.order_id] = order
        self.use_id(order.client_id, order.order_id)

    def use_id(self, client_id: int, order_id: int) -> None:
        """Take note that this id has been used by this client id."""
        self._highest[client_id] = max(self._highest.get(client_id, 0), order_id)

    def highest_id(self, client_id: int) -> int:
        """The highest order id this client id has used; 0 for none."""
        return self._highest.get(client_id, 0)

    def rebind(self, order: PaperOrder, client_id: int, order_id: int) -> None:
        """Give an order to another client id, under another order id."""
        del self._by_id[order.client_id, order.order_id]
        order.client_id, order.order_id = client_id, order_id
        self._by_id[client_id, order_id] = order

    def find(self, client_id: int, order_id: int) -> PaperOrder | None:
        """The order of this client id with this id."""
        return self._by_id.get((client_id, order_id))

    def settle(self, order: PaperOrder) -> None:
        """Keep the index of live orders in step with the order's state."""
        live = self._live.setdefault(order.instrument.con_id, {})
        if order.is_live:
            live[order.perm_id] = order
        else:
            live.pop(order.perm_id, None)

    def live(self, con_id: int) -> tuple[PaperOrder, ...]:
        """The live orders of one instrument, oldest first."""
        found = self._live.get(con_id)
        return tuple(found.values()) if found else ()

    def has_live(self, con_id: int) -> bool:
        """Whether an instrument has live orders; cheap, asked for every quote."""
        return bool(self._live.get(con_id))

    def __iter__(self) -> Iterator[PaperOrder]:
        return iter(tuple(self._by_id.values()))

    def open_orders(self, client_id: int | None = None) -> tuple[PaperOrder, ...]:
        """The live orders of one client id, or of all, in the order of their permIds."""
        return tuple(
            order
            for order in self
            if order.is_live and (client_id is None or order.client_id == client_id)
        )

    def completed(self) -> tuple[PaperOrder, ...]:
        """The orders that came to their end; one that was never sent is none of them."""
        return tuple(order for order in self if order.is_terminal and order.perm_id)
