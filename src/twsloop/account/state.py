"""The live tables of accounts: positions, summaries, values; what each report changes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from twsloop.events import PositionChanged, PositionClosed, PositionEvent, PositionOpened
from twsloop.wire.values import decimal_or_none

from .rows import (
    AccountValue,
    LedgerRow,
    ModelPosition,
    ModelValue,
    PortfolioItem,
    Position,
    SummaryRow,
)

__all__ = ["AccountTable", "ModelTable", "PositionTable", "SummaryTable", "ledger_rows"]


class PositionTable:
    """The positions as they were last reported; says what each report changes.

    Args:
        label: Writes a contract for people.
    """

    def __init__(self, label: Callable[[Any], str]) -> None:
        self._label = label
        self._rows: dict[tuple[str, int], Position] = {}

    def rows(self, account: str = "") -> list[Position]:
        """The positions that are not flat, of an account or of all."""
        return [row for row in self._rows.values() if row.quantity and account in {"", row.account}]

    def find(self, account: str, con_id: int) -> Position | None:
        """The position of an account in a contract; a flat one too, once it was reported."""
        return self._rows.get((account, con_id))

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

    def value(self, account: str, key: str, currency: str = "") -> AccountValue | None:
        """One value; None if it was not told."""
        return self._values.get((account, key, currency))

    def item(self, account: str, con_id: int) -> PortfolioItem | None:
        """What an account holds of a contract; None if it was not told."""
        return self._portfolio.get((account, con_id))

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

    def forget(self, account: str = "") -> None:
        """A whole image follows, of an account or, in another session, of any."""
        for value in self.values(account):
            del self._values[value.account, value.key, value.currency]
        for place in [place for place in self._portfolio if account in {"", place[0]}]:
            del self._portfolio[place]
        self.updated = None


class SummaryTable:
    """A summary, live: the newest value of each tag."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], SummaryRow] = {}

    def rows(self, account: str = "") -> list[SummaryRow]:
        """The values of an account, or of all, in the order they first came."""
        return [row for row in self._rows.values() if account in {"", row.account}]

    def get(self, tag: str, account: str = "", currency: str = "") -> SummaryRow | None:
        """The value of a tag, of the first account and currency that fit."""
        for row in self._rows.values():
            if row.tag == tag and account in {"", row.account} and currency in {"", row.currency}:
                return row
        return None

    def apply(self, row: SummaryRow) -> bool:
        """An accountSummary; whether it says something new."""
        key = row.account, row.tag, row.currency
        new = self._rows.get(key) != row
        self._rows[key] = row
        return new


class ModelTable:
    """Positions and values of accounts and models, live.

    Args:
        label: Writes a contract for people.
    """

    def __init__(self, label: Callable[[Any], str]) -> None:
        self._label = label
        self._positions: dict[tuple[str, str, int], ModelPosition] = {}
        self._values: dict[tuple[str, str, str, str], ModelValue] = {}

    def positions(self) -> list[ModelPosition]:
        """The positions that are not flat."""
        return [row for row in self._positions.values() if row.quantity]

    def values(self, account: str = "") -> list[ModelValue]:
        """The values of an account, or of all, in the order they first came."""
        return [row for row in self._values.values() if account in {"", row.account}]

    def value(
        self, account: str, key: str, currency: str = "", model: str = ""
    ) -> ModelValue | None:
        """One value; None if it was not told."""
        return self._values.get((account, model, key, currency))

    def clear(self) -> None:
        """Another image is on its way."""
        self._positions.clear()
        self._values.clear()

    def apply_position(
        self, account: str, model: str, contract: Any, quantity: Any, cost: Any
    ) -> ModelPosition:
        """A positionMulti."""
        size = decimal_or_none(quantity) or Decimal(0)
        label = self._label(contract)
        row = ModelPosition(account, model, contract, label, size, decimal_or_none(cost))
        self._positions[account, model, contract.conId] = row
        return row

    def apply_value(
        self, account: str, model: str, key: str, value: str, currency: str
    ) -> ModelValue:
        """An accountUpdateMulti."""
        row = ModelValue(account, model, key, value, currency, decimal_or_none(value))
        self._values[account, model, key, currency] = row
        return row


def ledger_rows(summary: list[SummaryRow]) -> list[LedgerRow]:
    """What is held in each currency, from the rows of a ``$LEDGER`` summary."""
    amounts: dict[tuple[str, str], dict[str, Decimal | None]] = {}
    for row in summary:
        amounts.setdefault((row.account, row.currency), {})[row.tag] = row.amount
    return [LedgerRow(account, currency, of) for (account, currency), of in amounts.items()]
