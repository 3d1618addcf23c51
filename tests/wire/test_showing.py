"""How IB's objects, and rows that hold them, are written in one short line."""

from __future__ import annotations

from datetime import date, tzinfo
from decimal import Decimal
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from ibapi.contract import ComboLeg, Contract
from ibapi.order import Order

from twsloop.orders.builders import limit_order, market_order, stop_limit_order
from twsloop.wire.showing import contract_words, order_words, short_row


class IntKind(IntEnum):
    """A number with a name."""

    LIVE = 1


def contract(**fields: Any) -> Contract:
    made = Contract()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            contract(symbol="AAPL", secType="STK", primaryExchange="NASDAQ", conId=265598),
            "<AAPL STK NASDAQ #265598>",
        ),
        (
            contract(symbol="ES", secType="FUT", lastTradeDateOrContractMonth="202612"),
            "<ES FUT 202612>",
        ),
        (
            contract(
                symbol="SPY",
                localSymbol="SPY   261218C00500000",
                lastTradeDateOrContractMonth="20261218",
                secType="OPT",
                exchange="SMART",
                currency="USD",
            ),
            "<SPY   261218C00500000 OPT SMART USD>",
        ),
        (
            contract(symbol="SPY", secType="BAG", comboLegs=[ComboLeg(), ComboLeg()]),
            "<SPY BAG 2 legs>",
        ),
        ("EUR.USD", "'EUR.USD'"),
        (None, "None"),
    ],
)
def test_a_contract_is_told_by_what_is_known_of_it(shown: Any, words: str) -> None:
    assert contract_words(shown) == words


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (limit_order("BUY", 100, "189.50"), "<BUY 100 LMT 189.5>"),
        (market_order("SELL", Decimal("0.5")), "<SELL 0.5 MKT>"),
        (stop_limit_order("SELL", 1, stop_price=10, limit_price=9), "<SELL 1 STP LMT 9 10>"),
        (Order(), "<>"),
        (None, "None"),
    ],
)
def test_an_order_is_told_by_what_is_set(order: Order | None, words: str) -> None:
    assert order_words(order) == words


@attrs.frozen
class Row:
    name: str
    price: Decimal | None = None
    parts: tuple[int, ...] = ()
    zero: int = 0
    hidden: str = attrs.field(default="secret", repr=False)
    held: Any = attrs.field(default=None, repr=contract_words)


def test_a_row_is_told_by_the_fields_that_say_something() -> None:
    assert short_row(Row("a")) == "Row(name='a', zero=0)"
    assert short_row(Row("", Decimal(1), (2,), held="X")) == (
        "Row(price=1, parts=(2,), zero=0, held='X')"
    )


@attrs.frozen
class Window:
    """A row of many things at once."""

    day: date
    zone: tzinfo
    kind: IntKind
    strikes: tuple[Decimal, ...] = ()
    rows: tuple[int, ...] = attrs.field(default=(), repr=lambda rows: str(len(rows)))

    __repr__ = short_row


def test_days_zones_words_and_long_tuples_are_written_as_people_write_them() -> None:
    strikes = tuple(Decimal(f"{strike}.0") for strike in range(100, 107))
    window = Window(date(2026, 1, 5), ZoneInfo("US/Eastern"), IntKind.LIVE, strikes)
    assert repr(window) == (
        "Window(day=2026-01-05, zone=US/Eastern, kind=LIVE, "
        "strikes=(100, 101, 102, 103, 104, ... 2 more), rows=0)"
    )
    assert "strikes=(100,)" in repr(attrs.evolve(window, strikes=strikes[:1]))
