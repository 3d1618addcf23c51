"""How one order stands, as far as its facts tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import CommissionReported, Fill, RiskVerdict
from twsloop.events.execution_ids import is_leg

__all__ = ["CREATED", "FINAL", "OrderState"]

#: The words of an order of which nothing is to be waited for (``twsloop.orders.state``).
FINAL = frozenset(
    {
        "Filled",
        "Cancelled",
        "ApiCancelled",
        "Expired",
        "REJECTED",
        "REFUSED",
        "NOT_SENT",
        "SIMULATED",
    }
)
UNCERTAIN = "UNCERTAIN"
CREATED = "CREATED"


@attrs.define(kw_only=True, repr=False)
class OrderState:
    """One order, as far as the facts up to here tell of it. `Replay` changes it.

    Attributes:
        order_id: Its id within its client; 0 for one that was placed by hand.
        client_id: Whose order it is.
        perm_id: IB's permanent id; None until known.
        perm_ids: All permanent ids that it was ever seen under: more than one is an alarm.
        epoch: Which session of its process it was meant for first; None if we did not make it.
        token: Ours, in its reference; empty for an order that we did not make.
        tag: The user's own reference.
        origin: What made it.
        purpose: Why, in the program's words.
        symbol: The contract in short, for people.
        con_id: The contract's id, once known.
        account: The account it is for.
        contract: IB's Contract by the fields that are set.
        order: IB's Order by the fields that are set, as it was last sent or reported.
        meant: IB's Order as the latest intent has it.
        revision: How often a change of it was to leave; None without an intent.
        allowed: What the risk gate said of the latest intent, or why it refused the order.
        status: Where it is; empty before anything was told after its intent.
        ib_status: The gateway's last word.
        reason: Why it is where it is.
        error_code: IB's code of the error that ended it.
        quantity: The whole size; None for an order by cash quantity.
        filled: How much of it is filled.
        remaining: How much of it is open.
        average_price: Of what is filled.
        parent_id: The order that it is attached to; 0 for none.
        own: It was placed by our client id.
        acknowledged: The gateway has reported it.
        abandoned: It is uncertain for good.
        cancel_asked: We have asked the gateway to cancel it.
        changing: A change of it is not confirmed yet.
        told: All that its steps said, by name: the latest of each.
        fills: The executions, by the part of their id that a correction keeps.
        commissions: The commission reports of these, by execution id.
        created_at: When it was first told of.
        sent_at: When the socket took it first; None if it was never told.
        answered_at: When the gateway first told of it.
        ended_at: When it was over; None while it is not.
        updated_at: When it was last told of.
    """

    order_id: int
    client_id: int
    perm_id: int | None = None
    perm_ids: tuple[int, ...] = ()
    epoch: int | None = None
    token: str = ""
    tag: str = ""
    origin: str = ""
    purpose: str = ""
    symbol: str = ""
    con_id: int | None = None
    account: str = ""
    contract: Mapping[str, Any] = attrs.field(factory=dict)
    order: Mapping[str, Any] = attrs.field(factory=dict)
    meant: Mapping[str, Any] = attrs.field(factory=dict)
    revision: int | None = None
    allowed: RiskVerdict | None = None
    status: str = ""
    ib_status: str = ""
    reason: str = ""
    error_code: int | None = None
    quantity: Decimal | None = None
    filled: Decimal = Decimal(0)
    remaining: Decimal | None = None
    average_price: Decimal | None = None
    parent_id: int = 0
    own: bool = True
    acknowledged: bool = False
    abandoned: bool = False
    cancel_asked: bool = False
    changing: bool = False
    told: dict[str, Any] = attrs.field(factory=dict)
    fills: dict[str, Fill] = attrs.field(factory=dict)
    commissions: dict[str, CommissionReported] = attrs.field(factory=dict)
    created_at: datetime
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime

    def __repr__(self) -> str:
        order, price = self.order, self.average_price
        what = f"{order.get('action', '')} {_shown(self.quantity)} {order.get('orderType', '')}"
        done = f"{_shown(self.filled)} filled" + (f" at {_shown(price)}" if price else "")
        tag = f" ({self.tag})" if self.tag else ""
        which = f"{self.order_id} of client {self.client_id}"
        return f"<OrderState {which}: {what} {self.symbol}, {self.status}, {done}{tag}>"

    @property
    def final(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.status in FINAL or (self.status == UNCERTAIN and self.abandoned)

    @property
    def uncertain(self) -> bool:
        """Whether nobody knows if it is at the gateway: it was to leave, and no word came after."""
        return self.status == UNCERTAIN or (
            self.revision is not None and self.status in {"", CREATED}
        )

    @property
    def may_be_working(self) -> bool:
        """Whether there may be something to cancel."""
        return self.uncertain or not self.final

    @property
    def executed(self) -> Decimal:
        """What the executions add up to. A combo's legs are not the combo."""
        return sum((fill.shares for fill in self._counted()), Decimal(0))

    @property
    def commission(self) -> Decimal | None:
        """What its executions cost so far; None while no report has come."""
        if not self.commissions:
            return None
        return sum((report.commission for report in self.commissions.values()), Decimal(0))

    @property
    def realized_pnl(self) -> Decimal | None:
        """What its executions realized; None if none of them closed anything."""
        known = [r.realized_pnl for r in self.commissions.values() if r.realized_pnl is not None]
        return sum(known, Decimal(0)) if known else None

    def _counted(self) -> Iterable[Fill]:
        if self.contract.get("secType") != "BAG":
            return self.fills.values()
        return [fill for fill in self.fills.values() if not is_leg(fill.exec_id)]


def _shown(number: Decimal | None) -> str:
    return "?" if number is None else f"{number:f}"
