"""Indices move with their funds, options with the model, also in the past."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.feeds.derived import DerivedFeed
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.history.archive import History
from twsloop.paper.history.bars import BAR_SIZES, Bar, Show
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.ticks import Ticks, ticks_after

NOW = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
SECOND = int(NOW.timestamp())
CATALOGUE = Catalogue.standard(NOW.date())
DAY, MINUTE = BAR_SIZES["1 day"], BAR_SIZES["1 min"]
WEEK = (SECOND - 7 * 86_400, SECOND)


@pytest.fixture(scope="module")
def history() -> History:
    return History(DerivedFeed(SyntheticFeed(CATALOGUE, seed=4)), lambda: NOW)


def index(symbol: str) -> Instrument:
    (found,) = CATALOGUE.find(Contract(symbol=symbol, secType="IND"))
    return found


def option(right: str, strike: float = 270.0, symbol: str = "AAPL") -> Instrument:
    wanted = Contract(symbol=symbol, secType="OPT", exchange="SMART", right=right, strike=strike)
    return sorted(CATALOGUE.find(wanted), key=lambda one: one.last_trade_date)[4]


def shape(bars: list[Bar]) -> tuple[object, ...]:
    bars = [bar for bar in bars if bar.count] or bars
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.count for bar in bars),
    )


@pytest.mark.parametrize(("symbol", "fund", "falls"), [("SPX", "SPY", False), ("VIX", "SPY", True)])
def test_an_index_moves_with_its_fund(
    history: History, symbol: str, fund: str, falls: bool
) -> None:
    source = CATALOGUE.by_symbol(fund)
    assert source is not None
    own, other = history.of(index(symbol)), history.of(source)
    levels = own.bars(Show.TRADES, DAY, WEEK, regular=True)
    prices = other.bars(Show.TRADES, DAY, WEEK, regular=True)
    assert [bar.day for bar in levels] == [bar.day for bar in prices]
    assert {bar.volume for bar in levels} == {0}
    moves = [
        (later.close > before.close) == (after.close > first.close)
        for before, later, first, after in zip(levels, levels[1:], prices, prices[1:], strict=False)
    ]
    assert all(moves) is not falls
    ratio = index(symbol).reference_price / source.reference_price
    if not falls:
        for level, price in zip(levels, prices, strict=True):
            assert level.high == pytest.approx(price.high * ratio, abs=0.01)
            assert level.close == pytest.approx(price.close * ratio, abs=0.01)


@pytest.mark.parametrize("instrument", [index("SPX"), index("VIX"), option("C"), option("P")])
@pytest.mark.parametrize("show", [Show.TRADES, Show.MIDPOINT, Show.ASK])
def test_its_days_are_made_of_its_minutes_and_seconds(
    history: History, instrument: Instrument, show: Show
) -> None:
    chronicle = history.of(instrument)
    for day in chronicle.bars(show, DAY, WEEK, regular=True):
        assert day.day is not None
        session = chronicle.calendar.session(day.day)
        assert session is not None
        span = session.start, min(session.end, SECOND)
        minutes = chronicle.bars(show, MINUTE, span, regular=True)
        assert shape([day]) == shape(minutes)
        hours = chronicle.bars(show, BAR_SIZES["1 hour"], span, regular=True)
        assert shape(hours) == shape(minutes)
        first = (session.start, session.start + 600)
        assert shape(chronicle.bars(show, BAR_SIZES["5 secs"], first, regular=True)) == shape(
            chronicle.bars(show, BAR_SIZES["10 mins"], first, regular=True)
        )


def closes(chronicle: Chronicle) -> list[float]:
    span = SECOND - 40 * 86_400, SECOND
    return [bar.close for bar in chronicle.bars(Show.MIDPOINT, DAY, span, regular=True)]


def test_options_move_with_their_underlying(history: History) -> None:
    stock = CATALOGUE.by_symbol("AAPL")
    assert stock is not None
    span = SECOND - 40 * 86_400, SECOND
    prices = [bar.close for bar in history.of(stock).bars(Show.TRADES, DAY, span, regular=True)]
    calls, puts = closes(history.of(option("C"))), closes(history.of(option("P")))
    assert len(calls) == len(puts) == len(prices)
    for call, put, price in zip(calls, puts, prices, strict=True):
        # Parity, as far as two different roundings, carry and early exercise allow.
        assert call - put == pytest.approx(price - 270.0, abs=4.0)
        assert call >= max(price - 270.0, 0.0) - 0.02
        assert put >= max(270.0 - price, 0.0) - 0.02


def test_an_option_has_no_history_before_it_was_listed(history: History) -> None:
    own = option("C")
    expiry = date.fromisoformat(own.last_trade_date)
    days = history.of(own).bars(Show.BID, DAY, (SECOND - 700 * 86_400, SECOND), regular=True)
    assert days[0].day is not None
    assert 250 <= (expiry - days[0].day).days <= 275


def test_an_option_is_traded_now_and_then(history: History) -> None:
    chronicle = history.of(option("P"))
    near = chronicle.bars(Show.TRADES, DAY, WEEK, regular=True)
    assert all(0 < bar.volume < 5000 for bar in near)
    far = history.of(option("P", strike=option("P").strike - 60))
    away = far.bars(Show.TRADES, DAY, WEEK, regular=True)
    assert sum(int(bar.volume) for bar in away) < sum(int(bar.volume) for bar in near)
    day = near[-2]
    ticks = ticks_after(chronicle, Ticks.TRADES, day.start, 1000, regular=True, ignore_size=False)
    assert sum(tick.size for tick in ticks) == day.volume
    assert len(ticks) == day.count


def test_nobody_follows_a_feed_without_a_past() -> None:
    class Replayed(SyntheticFeed):
        """A feed whose past is unknown."""

    feed = Replayed(CATALOGUE, seed=4)
    del feed.seed
    history = History(feed, lambda: NOW)
    assert history.of(index("SPX")).past is None
    assert not history.of(option("C")).bars(Show.MIDPOINT, DAY, WEEK, regular=True)


@pytest.mark.parametrize("start", ["2026-11-21", "2026-09-28", "2026-01-05", "2026-07-03"])
def test_the_first_day_of_every_expiry_is_a_trading_day(start: str) -> None:
    now = datetime.fromisoformat(f"{start}T16:00:00+00:00")
    catalogue = Catalogue.standard(now.date())
    chronicles = History(DerivedFeed(SyntheticFeed(catalogue, seed=4)), lambda: now)
    chains = catalogue.chains
    assert chains is not None
    seen = 0
    for line in chains.lines:
        chain = chains._chain(line)
        if chain is None:
            continue
        for expiry in chain.expiries:
            made = chain.option(expiry, chain.places[len(chain.places) // 2], "C")
            chronicle = chronicles.of(made)
            assert chronicle.past is not None
            first = chronicle.calendar.session(chronicle.past.listed)
            assert first is not None
            assert chronicle.oldest() == first.runs(regular=True)[0][0]
            assert 265 <= (expiry - chronicle.past.listed).days <= 270
            seen += 1
    assert seen > 100
