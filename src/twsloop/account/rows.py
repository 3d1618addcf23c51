"""What is known of accounts, row by row: immutable, exact, with None for what is not known.

Money and sizes are Decimal; a value that is no number (``AccountType`` is "INDIVIDUAL") keeps its
text, and its amount is None. Account numbers are in full here, as IB sends them; logs and printed
tables shorten them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.wire.showing import short_row

__all__ = [
    "AccountProfit",
    "AccountValue",
    "FamilyCode",
    "LedgerRow",
    "ModelPosition",
    "ModelValue",
    "PortfolioItem",
    "PortfolioRow",
    "Position",
    "PositionProfit",
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
    contract: Any = attrs.field(repr=False)
    symbol: str
    quantity: Decimal
    average_cost: Decimal | None

    __repr__ = short_row


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

    __repr__ = short_row


@attrs.frozen
class AccountValue:
    """One value of the account updates: the fields of `SummaryRow`, with IB's key."""

    account: str
    key: str
    value: str
    currency: str
    amount: Decimal | None

    __repr__ = short_row


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
    contract: Any = attrs.field(repr=False)
    symbol: str
    quantity: Decimal
    market_price: Decimal | None
    market_value: Decimal | None
    average_cost: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None

    __repr__ = short_row


@attrs.frozen
class ModelPosition:
    """A position of an account and a model: the fields of `Position`, with the model's code."""

    account: str
    model: str
    contract: Any = attrs.field(repr=False)
    symbol: str
    quantity: Decimal
    average_cost: Decimal | None

    __repr__ = short_row


@attrs.frozen
class ModelValue:
    """One value of an account and a model: the fields of `AccountValue`, with the model's code."""

    account: str
    model: str
    key: str
    value: str
    currency: str
    amount: Decimal | None

    __repr__ = short_row


@attrs.frozen
class AccountProfit:
    """Profit and loss of an account, or of a model in it, as IB counts it (``reqPnL``).

    In the account's base currency. IB's TWS settings say when the day begins ("daily P&L").

    Attributes:
        account: Whose.
        model: Of which model; empty for all of the account.
        daily: Since the day began.
        unrealized: Of what is open.
        realized: Of what was closed since the day began.
        time: When it came, UTC.
    """

    account: str
    model: str
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    time: datetime

    __repr__ = short_row


@attrs.frozen
class PositionProfit:
    """Profit and loss of one position (``reqPnLSingle``); see `AccountProfit`.

    In which currency, IB does not document: the base currency or the contract's, where they differ.
    A paper gateway of ours tells the contract's.

    Attributes:
        account: Whose.
        model: Of which model; empty for all of the account.
        con_id: The contract's id.
        quantity: Negative is short, 0 is flat.
        daily: Since the day began.
        unrealized: Of what is open; None for a flat position.
        realized: Of what was closed since the day began.
        value: The market value; None for a flat position.
        time: When it came, UTC.
    """

    account: str
    model: str
    con_id: int
    quantity: Decimal
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    value: Decimal | None
    time: datetime

    __repr__ = short_row


@attrs.frozen
class PortfolioRow:
    """A position with its market value and its profit, joined from IB's several answers.

    Attributes:
        account: Whose.
        contract: IB's Contract.
        symbol: The contract as one would type it.
        quantity: Negative is short.
        average_cost: Per unit, with the multiplier, as IB counts it.
        market_price: The market value per unit, without the multiplier; None until it has come.
        market_value: As IB values it; in which currency, see `PositionProfit`.
        unrealized: Of what is open.
        realized: Of what was closed since the day began.
        daily: Since the day began.
        time: When the value came, UTC; None until it has.
    """

    account: str
    contract: Any = attrs.field(repr=False)
    symbol: str
    quantity: Decimal
    average_cost: Decimal | None
    market_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized: Decimal | None = None
    realized: Decimal | None = None
    daily: Decimal | None = None
    time: datetime | None = None

    __repr__ = short_row


@attrs.frozen
class LedgerRow:
    """What an account holds in one currency (IB's ``$LEDGER`` tags).

    Attributes:
        account: Whose; ``All`` where IB joins several.
        currency: The currency; ``BASE`` is the sum in the base currency.
        amounts: IB's tag (``CashBalance``, ``StockMarketValue``, ``ExchangeRate``) to amount.
    """

    account: str
    currency: str
    amounts: Mapping[str, Decimal | None]

    __repr__ = short_row


@attrs.frozen
class FamilyCode:
    """An account and the code of its family; empty where it has none."""

    account: str
    code: str
