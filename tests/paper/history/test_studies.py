"""Bars of volatilities and fees."""

from __future__ import annotations

import itertools
import math
import statistics
from datetime import UTC, datetime
from typing import Any

import pytest
from ibapi.protobuf.HistoricalDataRequest_pb2 import HistoricalDataRequest

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.history.archive import History
from twsloop.paper.history.bars import Bar, Show
from twsloop.paper.history.query import BarQuery, parse_bar_query
from twsloop.paper.history.studies import study_bars

NOW = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
CATALOGUE = Catalogue.standard(NOW.date())
END = int(NOW.timestamp())
SPAN = (END - 30 * 86_400, END)


@pytest.fixture(scope="module")
def history() -> History:
    return History(SyntheticFeed(CATALOGUE, seed=1), lambda: NOW)


def query(show: Show, size: str = "1 day") -> BarQuery:
    fields: dict[str, Any] = {"duration": "1 M", "formatDate": 1, "useRTH": True}
    request = HistoricalDataRequest(whatToShow=show.value, barSizeSetting=size, **fields)
    return parse_bar_query(request, "US/Eastern", NOW)


def ask(history: History, symbol: str, show: Show, size: str = "1 day") -> list[Bar]:
    instrument = CATALOGUE.by_symbol(symbol)
    assert instrument is not None
    return study_bars(history.of(instrument), query(show, size), SPAN)


def test_historical_volatility_is_that_of_the_closes(history: History) -> None:
    stock = CATALOGUE.by_symbol("AAPL")
    assert stock is not None
    chronicle = history.of(stock)
    assert chronicle.past is not None
    bars = ask(history, "AAPL", Show.HISTORICAL_VOLATILITY)
    bar = bars[5]
    assert bar.day is not None
    days = [session.day for session in chronicle.calendar.between(END - 120 * 86_400, END)]
    place = days.index(bar.day)
    closes = [math.log(chronicle.past.close_ticks(day)) for day in days[place - 30 : place + 1]]
    gains = [later - before for before, later in itertools.pairwise(closes)]
    assert bar.close == pytest.approx(statistics.stdev(gains) * math.sqrt(252), abs=0.05)


@pytest.mark.parametrize("show", [Show.HISTORICAL_VOLATILITY, Show.OPTION_IMPLIED_VOLATILITY])
def test_studies_are_consistent_over_sizes(history: History, show: Show) -> None:
    days = ask(history, "AAPL", show)
    hours = ask(history, "AAPL", show, "1 hour")
    minutes = ask(history, "AAPL", show, "5 mins")
    assert min(bar.low for bar in days) == min(bar.low for bar in hours)
    assert max(bar.high for bar in hours) == max(bar.high for bar in minutes)
    assert (hours[0].open, hours[-1].close) == (minutes[0].open, minutes[-1].close)
    assert len(hours) > 6 * len(days)


def test_implied_volatility_costs_a_little_more(history: History) -> None:
    historical = ask(history, "AAPL", Show.HISTORICAL_VOLATILITY)
    implied = ask(history, "AAPL", Show.OPTION_IMPLIED_VOLATILITY)
    stock = CATALOGUE.by_symbol("AAPL")
    assert stock is not None
    for one, other in zip(historical, implied, strict=True):
        assert other.close == pytest.approx(1.1 * (one.close + stock.volatility) / 2, abs=1e-5)


def test_fees_stand_still(history: History) -> None:
    fees = ask(history, "AAPL", Show.FEE_RATE)
    assert len({bar.close for bar in fees}) == 1
    assert 0.2 < fees[0].close < 0.6


@pytest.mark.parametrize(
    ("symbol", "show"),
    [
        ("EUR.USD", Show.HISTORICAL_VOLATILITY),
        ("ESH6", Show.FEE_RATE),
        ("ESH6", Show.OPTION_IMPLIED_VOLATILITY),
    ],
)
def test_not_all_have_them(history: History, symbol: str, show: Show) -> None:
    assert ask(history, symbol, show) == []
