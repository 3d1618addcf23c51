"""The end of a trading day: what was done, what is left, and what the day brought."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

import attrs

from .basis import aware, in_utc
from .gaps import GapReport
from .orders import OrderFact
from .protection import ProtectionReport
from .statuses import ENDED

__all__ = [
    "DayClosing",
    "DayCount",
    "DayDrift",
    "DayOrder",
    "DayResult",
    "DayStep",
    "EndOfDayReport",
]


@attrs.frozen(kw_only=True)
class DayStep:
    """One step of the routine.

    Attributes:
        name: Which.
        outcome: ``done``, ``skipped`` (not asked for, or nothing to do) or ``failed``.
        text: What was done, or why not.
        took: How long it took, seconds.
    """

    name: str
    outcome: Literal["done", "skipped", "failed"]
    text: str = ""
    took: float = 0.0


@attrs.frozen(kw_only=True)
class DayOrder:
    """An order that the routine dealt with, or found.

    Attributes:
        order_id: Its id within its client id; 0 for one that was placed by hand.
        client_id: Whose it is.
        perm_id: IB's permanent id, once known.
        symbol: The contract in short, for people.
        tag: The user's own reference.
        status: How it stands at the end of the routine.
        filled: How much of it is filled.
        remaining: How much of it is open.
        reason: Why, where somebody said so.
    """

    order_id: int
    client_id: int = 0
    perm_id: int | None = None
    symbol: str = ""
    tag: str = ""
    status: str = ""
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    reason: str = ""

    def __str__(self) -> str:
        name = f"order {self.order_id}" if self.order_id else f"order with permId {self.perm_id}"
        left = "not traded" if self.status in ENDED else "open"
        rest = f", {self.remaining:f} {left}" if self.remaining else ""
        return f"{name} {self.symbol} [{self.status}{rest}]"


@attrs.frozen(kw_only=True)
class DayClosing:
    """A position that was to be closed.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: What was held; negative is short.
        order_id: The closing order; None if none was placed.
        status: How that ended, or stands; empty if none was placed.
        filled: How much of it is filled.
        reason: Why nothing was placed, or why it did not fill.
    """

    account: str
    con_id: int
    symbol: str = ""
    quantity: Decimal
    order_id: int | None = None
    status: str = ""
    filled: Decimal = Decimal(0)
    reason: str = ""

    @property
    def closed(self) -> bool:
        """Whether all that was held is closed."""
        return self.filled >= abs(self.quantity)

    def __str__(self) -> str:
        end = self.reason or f"{self.filled:f} filled [{self.status}]"
        return f"{self.quantity:f} {self.symbol}: {end}"


@attrs.frozen(kw_only=True)
class DayResult:
    """What the executions of the day earned in one contract and currency.

    Attributes:
        account: Whose.
        symbol: What was traded.
        currency: Of the amounts.
        bought: Units bought.
        sold: Units sold.
        gross: Realized, before commissions.
        commission: All commissions.
        realized: Realized, after commissions of opening and closing.
        unknown: Units closed whose cost nobody knows: they are in none of the amounts.
        unreported: Executions without a commission report yet.
    """

    account: str
    symbol: str = ""
    currency: str = ""
    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    unknown: Decimal = Decimal(0)
    unreported: int = 0


@attrs.frozen(kw_only=True)
class DayDrift:
    """A contract of which the ledger by tag holds something else than the broker says.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        ledger: What all tags hold together.
        broker: What the broker says.
    """

    account: str
    con_id: int
    symbol: str = ""
    ledger: Decimal
    broker: Decimal


@attrs.frozen(kw_only=True)
class DayCount:
    """What the day brought.

    Attributes:
        fills: How many executions.
        results: What they earned, by account and contract.
        rejected: The orders that were refused: by us, by the gateway, or by the exchange.
        gaps: How often something may have been missed.
        unexplained: After how many of these something is still not known.
        drift: Where the ledger by tag and the broker differ.
    """

    fills: int = 0
    results: tuple[DayResult, ...] = ()
    rejected: tuple[DayOrder, ...] = ()
    gaps: int = 0
    unexplained: int = 0
    drift: tuple[DayDrift, ...] = ()

    def totals(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What was realized, and all commissions, by currency."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for row in self.results:
            realized, commission = sums.get(row.currency, (Decimal(0), Decimal(0)))
            sums[row.currency] = realized + row.realized, commission + row.commission
        return sums


@attrs.frozen(kw_only=True)
class EndOfDayReport(OrderFact):
    """What the end-of-day routine did, what is left open, and what the day brought.

    Attributes:
        since: From when on the day is counted, UTC.
        began: When the routine began, UTC.
        steps: Its steps, in their order.
        cancelled: The orders that it asked to cancel, as they ended.
        closed: The positions that it was to close.
        left: The orders that are open at its end, of all clients.
        count: What the day brought; None if it could not be counted.
        protection: How what is still held is protected; None if that could not be asked for.
        gap: What reconciling found; None if it was not done.
        backup: Where the copy of the journal is; empty if none was made.
    """

    since: datetime = attrs.field(converter=in_utc, validator=aware)
    began: datetime = attrs.field(converter=in_utc, validator=aware)
    steps: tuple[DayStep, ...] = ()
    cancelled: tuple[DayOrder, ...] = ()
    closed: tuple[DayClosing, ...] = ()
    left: tuple[DayOrder, ...] = ()
    count: DayCount | None = None
    protection: ProtectionReport | None = None
    gap: GapReport | None = None
    backup: str = ""

    @property
    def complete(self) -> bool:
        """Whether every step that was asked for was done."""
        return all(step.outcome != "failed" for step in self.steps)

    def __str__(self) -> str:
        """The report for people, in lines."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for step in self.steps:
            yield f"{step.name}: {step.outcome}" + (f": {step.text}" if step.text else "")
        yield from (f"  cancelled: {order}" for order in self.cancelled)
        yield from (f"  closed: {one}" for one in self.closed)
        if self.count is not None:
            yield f"executions: {self.count.fills}"
            for currency, (realized, commission) in self.count.totals().items():
                costs = f"after commissions of {_short(commission)}"
                yield f"  realized {_short(realized)} {currency} {costs}"
            for row in self.count.results:
                yield (
                    f"  {row.symbol} ({row.currency}): bought {row.bought:f}, sold {row.sold:f}, "
                    f"realized {_short(row.realized)}"
                )
            yield f"orders rejected: {len(self.count.rejected)}"
            yield from (f"  {order}: {order.reason}" for order in self.count.rejected)
            yield f"gaps: {self.count.gaps}, with open questions: {self.count.unexplained}"
            for drift in self.count.drift:
                yield f"  {drift.symbol}: ledger {drift.ledger:f}, broker {drift.broker:f}"
        yield f"orders open: {len(self.left)}"
        yield from (f"  {order}" for order in self.left)
        if self.protection is not None:
            yield f"protection: {self.protection}"
            yield from (f"  {finding}" for finding in self.protection.findings)
        if self.backup:
            yield f"journal copied to {self.backup}"


def _short(amount: Decimal) -> str:
    """An amount without needless zeros."""
    return f"{amount.normalize():f}"
