"""Quotes as rows and as a table."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from twsloop.cli.quotes import TICK_COLUMNS, quote_table, tick_row
from twsloop.clock import ManualClock
from twsloop.contracts.symbols import to_contract
from twsloop.errors import RequestError
from twsloop.market_data.state import Ticker


def ticker(symbol: str, clock: ManualClock, **values: Any) -> Ticker:
    made = Ticker(to_contract(symbol), symbol, clock)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def drawn(*tickers: Ticker, width: int = 200, caption: str = "") -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(quote_table(tickers, width=width, caption=caption))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_row_has_every_column_and_unset_is_none(clock: ManualClock) -> None:
    quote = ticker("AAPL", clock, bid=189.5, bid_size=Decimal(3), changed=("bid", "bid_size"))
    row = tick_row(quote)
    assert set(row) == set(TICK_COLUMNS)
    assert (row["symbol"], row["bid"], row["bid_size"]) == ("AAPL", 189.5, Decimal(3))
    assert row["changed"] == "bid bid_size"
    assert row["time"] is None
    assert row["last"] is None


def test_the_time_of_a_row_is_when_its_tick_came(clock: ManualClock) -> None:
    quote = ticker("AAPL", clock, received=clock.monotonic())
    came = clock.now()
    clock.advance(3)
    assert tick_row(quote)["time"] == came


def test_prices_have_the_decimals_of_the_contract(clock: ManualClock) -> None:
    text = drawn(
        ticker("AAPL", clock, bid=189.5, ask=190.0, min_tick=0.01),
        ticker("EUR.USD", clock, bid=1.1, ask=1.10005, min_tick=5e-05),
        ticker("ES 202612 CME", clock, bid=6000.25, min_tick=0.25),
        ticker("SPY", clock, bid=500.125),
    )
    for words in (" 189.50 ", " 190.00 ", " 1.10000 ", " 1.10005 ", " 6000.25 ", " 500.125 "):
        assert words in text


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ({"last": 110.0, "close": 100.0}, "+10.00%"),
        ({"last": 99.0, "close": 100.0, "bid": 5.0, "ask": 5.0}, "-1.00%"),
        ({"bid": 100.0, "ask": 102.0, "close": 100.0}, "+1.00%"),
        ({"last": 100.0, "close": 100.0}, " 0.00%"),
    ],
)
def test_the_change_against_the_close(
    clock: ManualClock, values: dict[str, float], change: str
) -> None:
    assert change in drawn(ticker("AAPL", clock, **values))


@pytest.mark.parametrize(
    ("last", "shown"),
    [(99.999, "0.00%"), (100.001, "0.00%"), (99.99, "-0.01%"), (100.01, "+0.01%")],
)
def test_a_change_of_nothing_is_neither_gain_nor_loss(
    clock: ManualClock, last: float, shown: str
) -> None:
    console = Console(width=200, force_terminal=True, color_system="standard", legacy_windows=False)
    with console.capture() as caught:
        console.print(quote_table([ticker("AAPL", clock, last=last, close=100.0)], width=200))
    text = caught.get()
    assert shown in text
    assert "-0.00" not in text
    assert "+0.00" not in text
    colour = {"-": "\x1b[31m", "+": "\x1b[32m"}.get(shown[0])
    if colour is None:
        assert "\x1b[31m" not in text
        assert "\x1b[32m" not in text
    else:
        assert f"{colour}{shown}" in text


def test_what_ended_as_it_should_is_not_dim(clock: ManualClock) -> None:
    quote = ticker("AAPL", clock, last=100.0)
    quote.stale = True
    for ended, dim in ((False, True), (True, False)):
        console = Console(width=200, force_terminal=True, color_system="standard")
        with console.capture() as caught:
            console.print(quote_table([quote], width=200, ended=ended))
        assert ("\x1b[2m" in caught.get()) is dim


def test_no_change_without_a_close(clock: ManualClock) -> None:
    assert "%" not in drawn(ticker("AAPL", clock, last=5.0))


def test_the_age(clock: ManualClock) -> None:
    quote = ticker("AAPL", clock, received=clock.monotonic())
    clock.advance(12.34)
    assert "12.3 s" in drawn(quote)


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (122, ("high", "age", "volume"), ()),
        (92, ("volume",), ("high",)),
        (80, ("bid size", "change"), ("vol",)),
        (76, ("bid size", "change"), ("vol",)),
        (60, ("bid", "ask", "last", "change"), ("size",)),
        (45, ("bid", "ask", "last"), ("change",)),
    ],
)
def test_a_narrow_terminal_has_fewer_columns_and_whole_words(
    clock: ManualClock, width: int, there: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    quote = ticker(
        "EUR.USD",
        clock,
        bid=1.16265,
        ask=1.1627,
        bid_size=Decimal(2100000),
        ask_size=Decimal(1600000),
        last=1.16265,
        last_size=Decimal(100),
        close=1.15,
        high=1.17,
        low=1.14,
        received=0.0,
        volume=Decimal(19838052),
        min_tick=5e-05,
    )
    text = drawn(quote, width=width)
    assert "…" not in text
    assert all(word in text for word in there)
    assert not any(word in text for word in gone)


def test_a_line_that_failed_is_told_below(clock: ManualClock) -> None:
    failed = ticker("XXQ", clock, error=RequestError("No security [definition]", code=200))
    text = drawn(ticker("AAPL", clock, bid=1.0), failed, caption="3 ticks")
    assert text.splitlines()[-2].strip() == "error 200: No security [definition]"
    assert text.splitlines()[-1].strip() == "3 ticks"
