"""How rows that hold IB's objects print: one short line, where IB's own texts are long.

`contract_words` and `order_words` are for ``attrs.field(repr=...)``; `short_row` is for the
``__repr__`` of a row with many fields, of which most are None.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import attrs

from .values import decimal_or_none

__all__ = ["contract_words", "order_words", "short_row"]

#: So many parts of a long tuple (strikes, rows) are written.
MOST_PARTS = 5


def contract_words(contract: Any) -> str:
    """A contract in short: ``<AAPL STK NASDAQ USD #265598>``.

    Args:
        contract: An ibapi Contract; a text as it was typed, or None, is shown as it is.
    """
    if contract is None or isinstance(contract, str):
        return repr(contract)
    facts = [
        contract.localSymbol or contract.symbol,
        contract.secType,
        contract.lastTradeDateOrContractMonth if not contract.localSymbol else "",
        contract.exchange or contract.primaryExchange,
        contract.currency,
        f"#{contract.conId}" if contract.conId else "",
        f"{len(contract.comboLegs)} legs" if contract.comboLegs else "",
    ]
    return f"<{' '.join(str(fact) for fact in facts if fact)}>"


def order_words(order: Any) -> str:
    """An order in short: ``<BUY 100 LMT 189.5>``.

    Args:
        order: An ibapi Order, or None.
    """
    if order is None:
        return "None"
    numbers = (order.totalQuantity, order.lmtPrice, order.auxPrice)
    size, *prices = [
        _number(number) if (number := decimal_or_none(value)) else "" for value in numbers
    ]
    facts = [order.action, size, order.orderType, *prices]
    return f"<{' '.join(fact for fact in facts if fact)}>"


def short_row(row: Any) -> str:
    """A row of attrs with the fields that say something: ``Quote(symbol='AAPL', bid=189.5)``.

    Left out are those that are None, an empty text or an empty tuple, and those that the class
    does not show (``repr=False``). Numbers and times are written as people write them, of a long
    tuple its first parts and how many more there are.
    """
    shown = []
    for field in attrs.fields(type(row)):
        value = getattr(row, field.name)
        write = field.repr if callable(field.repr) else _plain
        empty = isinstance(value, str | tuple) and not value
        if field.repr is False or value is None or (empty and write is _plain):
            continue
        shown.append(f"{field.name}={write(value)}")
    return f"{type(row).__name__}({', '.join(shown)})"


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum | tzinfo):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    return _parts(value) if type(value) is tuple else repr(value)


def _parts(several: tuple[Any, ...]) -> str:
    shown = [_plain(one) for one in several[:MOST_PARTS]]
    if len(several) > MOST_PARTS:
        shown.append(f"... {len(several) - MOST_PARTS} more")
    return f"({', '.join(shown)}{',' * (len(several) == 1)})"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
