"""Rows that hold IB's Contract or Order print in one short line, not in IB's own long texts."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from ibapi.contract import Contract, ContractDetails

import twsloop
from twsloop import limit_order, stock
from twsloop.errors import UnknownContract
from twsloop.events import Fill
from twsloop.orders.executions import BookedFill
from twsloop.orders.state import OrderRecord
from twsloop.storage.order_state import OrderState

#: Fields of these names, or of these types, hold IB's objects.
NAMES = frozenset({"contract", "order", "details", "asked", "sent"})
TYPES = re.compile(r"\b(Contract|ContractDetails|Order)\b")
#: Keys, numbers, functions, and IB's objects in plain types.
OTHERWISE = frozenset(
    {
        *(("SeriesKey", "contract"), ("DayFill", "contract"), ("OrderState", "contract")),
        *(("OrderState", "order"), ("OrderState", "meant"), ("Sources", "details")),
        *(("RequestStats", "asked"), ("Recalled", "asked")),
    }
)
NOW = datetime(2026, 9, 28, 14, 30, tzinfo=UTC)
#: With every field set; most rows leave out most of theirs.
LONGEST = 500


def rows() -> list[type]:
    """Each attrs class of the client that holds one of IB's objects in a field."""
    return [
        cls
        for module in modules()
        for cls in vars(module).values()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and attrs.has(cls)
        if any(holds(cls, field) for field in attrs.fields(cls))
    ]


def modules() -> Iterator[Any]:
    for told in pkgutil.walk_packages(twsloop.__path__, "twsloop."):
        if not told.name.startswith("twsloop.paper") and not told.name.endswith("__main__"):
            yield importlib.import_module(told.name)


def holds(cls: type, field: Any) -> bool:
    if (cls.__name__, field.name) in OTHERWISE:
        return False
    return field.name in NAMES or TYPES.search(str(field.type)) is not None


ROWS = rows()


def contract() -> Contract:
    made = stock("AAPL")
    made.conId = 265598
    return made


def details() -> ContractDetails:
    made = ContractDetails()
    made.contract = contract()
    return made


def fill() -> Fill:
    return Fill(
        time=NOW,
        exec_id="0000e0d5.6489cb7a.01.01",
        order_id=7,
        symbol="AAPL",
        side="BOT",
        shares=Decimal(100),
        price=Decimal("189.5"),
    )


#: What stands in a field, by its name, or else by the first word of its type.
BY_NAME: dict[str, Callable[[], Any]] = {
    "contract": contract,
    "asked": contract,
    "order": lambda: limit_order("BUY", 100, "189.50"),
    "sent": lambda: limit_order("BUY", 100, "189.50"),
    "details": details,
    "fill": fill,
}
BY_TYPE: dict[str, Callable[[], Any]] = {
    "str": lambda: "some text",
    "int": lambda: 7,
    "float": lambda: 189.51,
    "bool": lambda: True,
    "Decimal": lambda: Decimal("189.51"),
    "datetime": lambda: NOW,
    "tuple": tuple,
    "TwsLoopError": lambda: UnknownContract("no such contract"),
}


def value(field: Any) -> Any:
    kind = re.split(r"\W", str(field.type))[0]
    make = BY_NAME.get(field.name) or BY_TYPE.get(kind)
    return None if make is None else make()


def made(cls: Any) -> Any:
    """A row with all its fields, made without what its constructor checks."""
    row = cls.__new__(cls)
    for field in attrs.fields(cls):
        object.__setattr__(row, field.name, value(field))
    return row


@pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)
def test_a_row_prints_in_one_short_line_that_says_what_it_is(cls: type) -> None:
    shown = repr(made(cls))
    assert cls.__name__.lstrip("_") in shown
    assert "ConId:" not in shown, "IB's own text of a Contract"
    assert "\n" not in shown
    assert len(shown) <= LONGEST, shown


def test_the_rows_that_users_get_are_among_them() -> None:
    names = {cls.__name__ for cls in ROWS}
    assert {
        *("BookedFill", "OrderView", "CompletedOrder", "OrderPreview", "OrderRecord"),
        *("Position", "PortfolioItem", "PortfolioRow", "ModelPosition", "Quote", "ScanRow"),
        *("BarSeries", "TickSeries", "SymbolMatch", "Resolution", "ListedFuture"),
    } <= names


def test_an_execution_and_an_order_say_the_essential() -> None:
    booked = BookedFill(fill(), stock("AAPL"))
    assert repr(booked) == "<BookedFill 0000e0d5.6489cb7a.01.01: BOT 100 AAPL at 189.5>"
    record = OrderRecord(7, 1, stock("AAPL"), limit_order("BUY", 100, "189.50"), "AAPL")
    assert repr(record) == "<OrderRecord 7 of client 1 <BUY 100 LMT 189.5> AAPL: CREATED>"


def test_an_order_of_the_journal_says_the_essential() -> None:
    state = OrderState(order_id=7, client_id=1, created_at=NOW, updated_at=NOW)
    state.order = {"action": "BUY", "orderType": "LMT"}
    state.quantity, state.symbol, state.status = Decimal(100), "AAPL", "Submitted"
    said = "<OrderState 7 of client 1: BUY 100 LMT AAPL, Submitted, 0 filled>"
    assert repr(state) == said
    state.filled, state.average_price, state.tag = Decimal(40), Decimal("189.5"), "mean"
    assert repr(state) == said.replace(", 0 filled>", ", 40 filled at 189.5 (mean)>")
