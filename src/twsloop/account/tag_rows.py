"""What the ledger by tag says: rounds of a position, and where the broker says something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

import attrs

__all__ = ["CloseReason", "LedgerDrift", "Opened", "TagPosition"]

CloseReason = Literal["target", "stop", "manual", "other"]

_ZERO = Decimal(0)


@attrs.frozen(kw_only=True)
class Opened:
    """What was held before the first execution that is known.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        quantity: Negative is short.
        cost: Per unit and with the multiplier, as IB's average cost; None if nobody knows.
        time: Since when; executions before it are thought of as after it all the same.
        tag: Whose position it is.
        symbol: The contract in short, for people.
    """

    account: str
    con_id: int
    quantity: Decimal
    cost: Decimal | None = None
    time: datetime
    tag: str = ""
    symbol: str = ""


@attrs.frozen(kw_only=True)
class TagPosition:
    """One round of a tag in a contract: from flat until it is flat again.

    Amounts are in the contract's currency, with its multiplier; None where the multiplier, or the
    cost of what was held before, is not known.

    Attributes:
        tag: The user's own reference; empty for what has none.
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        currency: The contract's; empty until it is told.
        side: What was opened.
        number: Which round of this tag, account and contract, counted from 1.
        quantity: What is held now; negative is short, 0 is closed.
        entered: How many units were opened, in all.
        entry_price: Their average price, without commissions.
        left: How many units were closed.
        exit_price: Their average price.
        stop_price: The trigger of its stop: the one that works, or else the last that did.
        target_price: The limit of its profit taker, likewise.
        opened_at: The time of the first execution, UTC.
        closed_at: The time of the one that made it flat; None while it is open.
        close_reason: What closed most of it: a ``stop``, a ``target``, somebody by hand
            (``manual``), or any ``other`` order; None while nothing is closed.
        cost: What is held has cost, without commissions; negative is what a short one brought.
        gross: What the closed units earned, before commissions.
        commission: All commissions of it in the contract's currency, of open units, too.
        realized: What the closed units earned, after their commissions of opening and closing.
        other_commission: Commissions in other currencies, by currency.
        unreported: Executions whose commission is not reported yet; they count as free of it.
        orders: The orders that traded, by client id and order id, in their order.
    """

    tag: str
    account: str
    con_id: int
    symbol: str = ""
    currency: str = ""
    side: Literal["long", "short"] = "long"
    number: int = 1
    quantity: Decimal
    entered: Decimal
    entry_price: Decimal | None
    left: Decimal = _ZERO
    exit_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    opened_at: datetime
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None
    cost: Decimal | None = None
    gross: Decimal | None = None
    commission: Decimal = _ZERO
    realized: Decimal | None = None
    other_commission: Mapping[str, Decimal] = attrs.field(factory=dict, hash=False)
    unreported: int = 0
    orders: tuple[tuple[int, int], ...] = ()

    @property
    def open(self) -> bool:
        """Whether something is held."""
        return bool(self.quantity)


@attrs.frozen(kw_only=True)
class LedgerDrift:
    """A contract of which the ledger's tags together hold something else than the broker says.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        ledger: What all tags hold together.
        broker: What the broker says.
        tags: What each tag holds.
    """

    account: str
    con_id: int
    symbol: str = ""
    ledger: Decimal
    broker: Decimal
    tags: Mapping[str, Decimal] = attrs.field(factory=dict, hash=False)

    @property
    def difference(self) -> Decimal:
        """What the broker has more than the ledger."""
        return self.broker - self.ledger
