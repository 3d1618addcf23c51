"""What the gateway says of accounts: positions, summaries, values; immutable rows, live tables.

Pure. Money and sizes are Decimal; a value that is no number (``AccountType`` is "INDIVIDUAL") keeps
its text, and its amount is None. Account numbers are in full here, as IB sends them; logs and
printed tables shorten them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import PositionChanged, PositionClosed, PositionEvent, PositionOpened
from twsloop.wire.values import decimal_or_none

__all__ = [
    "AccountTable",
    "AccountValue",
    "PortfolioItem",
    "Position",
    "PositionTable",
    "SummaryRow",
]


@attrs.frozen
class Position:
    """A position of an account.

    Attributes:
        account: Whose.
        contract: IB's Contract.
        symbol: The contract as one would type it.
        quantity: Negative is short.
        average_cost: Per unit, with the multiplier, as IB counts it.
    """

    account: str
    contract: Any
    symbol: str
    quantity: Decimal
    average_cost: Decimal | None


@attrs.frozen
class SummaryRow:
    """One value of an account summary.

    Attributes:
        account: Whose; ``All`` for ledger rows of several accounts.
        tag: IB's tag (``NetLiquidation``).
        value: As IB wrote it.
        currency: Of the value; empty for what is no money.
        amount: The value as a number; None where it is none.
    """

    account: str
    tag: str
    value: str
    currency: str
    amount: Decimal | None


@attrs.frozen
class AccountValue:
    """One value of the account updates: the fields of `SummaryRow`, with IB's key."""

    account: str
    key: str
    value: str
    currency: str
    amount: Decimal | None


@attrs.frozen
class PortfolioItem:
    """A position with its market value, out of the account updates.

    Attributes:
        account: Whose.
        contract: IB's Contract; its exchange is the listing one.
        symbol: The contract as one would type it.
        quantity: Negative is short.
        market_price: What IB values it at.
        market_value: Quantity times price, with the multiplier.
        average_cost: Per unit, with the multiplier.
        unrealized_pnl: Of what is open.
        realized_pnl: Of what was closed today.
    """

    account: str
    contract: Any
    symbol: str
    quantity: Decimal
    market_price: Decimal | None
    market_value: Decimal | None
    average_cost: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None


class PositionTable:
    """The positions as they were last reported; says what each report changes.

    Args:
        label: Writes a contract for people.
    """

    def __init__(self, label: Callable[[Any], str]) -> None:
        self._label = label
        self._rows: dict[tuple[str, int], Position] = {}

    def rows(self) -> list[Position]:
        """The positions that are not flat."""
        return [row for row in self._rows.values() if row.quantity]

    def apply(
        self, account: str, contract: Any, quantity: Any, cost: Any, now: datetime
    ) -> tuple[Position, PositionEvent | None]:
        """A position was reported: the row, and the fact if it is not what it was."""
        size = decimal_or_none(quantity) or Decimal(0)
        row = Position(account, contract, self._label(contract), size, decimal_or_none(cost))
        key = account, contract.conId
        before = self._rows.get(key)
        self._rows[key] = row
        previous = before.quantity if before is not None else Decimal(0)
        if size == previous:
            return row, None
        kind: type[PositionEvent] = PositionChanged
        if not previous:
            kind = PositionOpened
        elif not size:
            kind = PositionClosed
        fact = kind(
            time=now,
            account=account,
            con_id=contract.conId,
            symbol=row.symbol,
            quantity=size,
            previous=previous,
            average_cost=row.average_cost if size else None,
        )
        return row, fact

    def keep_only(self, reported: set[tuple[str, int]], now: datetime) -> list[PositionEvent]:
        """A whole image has come: what was not in it is flat now."""
        facts = []
        for key, row in list(self._rows.items()):
            if key not in reported and row.quantity:
                _, fact = self.apply(row.account, row.contract, 0, None, now)
                if fact is not None:
                    facts.append(fact)
        return facts


class AccountTable:
    """The account updates of one account after the other: values and portfolio, live."""

    def __init__(self, label: Callable[[Any], str]) -> None:
        self._label = label
        self._values: dict[tuple[str, str, str], AccountValue] = {}
        self._portfolio: dict[tuple[str, int], PortfolioItem] = {}
        self.updated: str | None = None

    def values(self, account: str = "") -> list[AccountValue]:
        """The values of an account, or of all, in the order they first came."""
        return [row for row in self._values.values() if account in {"", row.account}]

    def portfolio(self, account: str = "") -> list[PortfolioItem]:
        """The positions of an account, or of all, that are not flat."""
        return [
            row for row in self._portfolio.values() if row.quantity and account in {"", row.account}
        ]

    def apply_value(self, key: str, value: str, currency: str, account: str) -> AccountValue:
        """An updateAccountValue."""
        row = AccountValue(account, key, value, currency, decimal_or_none(value))
        self._values[account, key, currency] = row
        return row

    def apply_item(
        self,
        contract: Any,
        *,
        account: str,
        quantity: Any,
        market_price: Any,
        market_value: Any,
        average_cost: Any,
        unrealized_pnl: Any,
        realized_pnl: Any,
    ) -> PortfolioItem:
        """An updatePortfolio."""
        row = PortfolioItem(
            account=account,
            contract=contract,
            symbol=self._label(contract),
            quantity=decimal_or_none(quantity) or Decimal(0),
            market_price=decimal_or_none(market_price),
            market_value=decimal_or_none(market_value),
            average_cost=decimal_or_none(average_cost),
            unrealized_pnl=decimal_or_none(unrealized_pnl),
            realized_pnl=decimal_or_none(realized_pnl),
        )
        self._portfolio[account, contract.conId] = row
        return row

    def forget(self) -> None:
        """Another session begins with a whole image."""
        self._values.clear()
        self._portfolio.clear()
        self.updated = None
