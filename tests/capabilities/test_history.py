"""The history as a user asks for it, on any gateway: a day that is over, and the market now."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ibapi.contract import Contract

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway, forex, stock
from twsloop.connection.streams import StreamStatus
from twsloop.errors import NoHistory
from twsloop.history.live_state import BarUpdate
from twsloop.history.rows import MidpointTick, QuoteTick, TradeTick


@pytest.fixture(scope="module")
def day(gw: IBGateway) -> date:
    """A trading day of usual length, some days ago."""
    end = datetime.now(UTC) - timedelta(days=3)
    schedule = gw.history.schedule("AAPL", days=10, end=end).result(PATIENCE)
    usual = timedelta(hours=6, minutes=30)
    return [one.day for one in schedule.sessions if one.end - one.start == usual][-2]


@pytest.fixture(scope="module")
def noon(day: date) -> datetime:
    """A time of that day at which everybody trades."""
    return datetime(day.year, day.month, day.day, 17, tzinfo=UTC)


def test_bars_of_a_day(gw: IBGateway, day: date) -> None:
    bars = gw.history.bars("AAPL", start=day, end=day, bar_size="5 mins", check=True)
    series = bars.result(PATIENCE)
    assert len(series) == 78  # six and a half hours
    assert series.findings == ()
    assert all(bar.low <= bar.open <= bar.high and bar.volume for bar in series)
    assert all(b.time - a.time == timedelta(minutes=5) for a, b in itertools.pairwise(series))
    assert isinstance(series[0].close, Decimal)


async def ask(gw: IBGateway, day: date) -> Any:
    return await gw.history.bars("AAPL", start=day - timedelta(days=6), end=day, bar_size="1 day")


def test_bars_of_days_awaited(gw: IBGateway, day: date) -> None:
    series = asyncio.run(ask(gw, day))
    assert series[-1].day == day
    assert 3 <= len(series) <= 5


@pytest.mark.parametrize("what", ["BID", "ASK", "MIDPOINT", "BID_ASK"])
def test_bars_of_quotes(gw: IBGateway, noon: datetime, what: str) -> None:
    series = gw.history.bars(
        forex("EUR.USD"), end=noon, duration="2 hours", bar_size="15 mins", what=what
    ).result(PATIENCE)
    assert len(series) == 8
    assert {(bar.volume, bar.average, bar.count) for bar in series} == {(None, None, None)}


def test_no_data(gw: IBGateway, noon: datetime) -> None:
    with pytest.raises(NoHistory):
        gw.history.bars("EUR.USD", end=noon, duration="1 hour").result(PATIENCE)


def test_ticks_of_trades(gw: IBGateway, noon: datetime) -> None:
    end = noon + timedelta(minutes=1)
    series = gw.history.ticks("AAPL", start=noon, end=end).result(PATIENCE)
    assert len(series) > 5
    assert all(isinstance(tick, TradeTick) and noon <= tick.time < end for tick in series)
    assert all(a.time <= b.time for a, b in itertools.pairwise(series))


@pytest.mark.parametrize(("what", "kind"), [("BID_ASK", QuoteTick), ("MIDPOINT", MidpointTick)])
def test_ticks_of_quotes(gw: IBGateway, noon: datetime, what: str, kind: type) -> None:
    series = gw.history.ticks(
        "AAPL", start=noon, end=noon + timedelta(seconds=20), what=what
    ).result(PATIENCE)
    assert series.rows
    assert all(isinstance(tick, kind) for tick in series)


def test_the_first_time_with_data(gw: IBGateway) -> None:
    head = gw.history.head_timestamp("AAPL").result(PATIENCE)
    assert head.tzinfo is not None
    assert head.year < 2010


def test_a_histogram(gw: IBGateway) -> None:
    rows = gw.history.histogram("AAPL", "3 days").result(PATIENCE)
    assert len(rows) > 5
    assert all(a.price < b.price for a, b in itertools.pairwise(rows))
    assert all(row.size > 0 for row in rows)


def test_a_schedule(gw: IBGateway, day: date, noon: datetime) -> None:
    end = noon + timedelta(days=1)
    schedule = gw.history.schedule("AAPL", days=5, end=end).result(PATIENCE)
    assert schedule.zone in {"US/Eastern", "America/New_York"}
    assert len(schedule.sessions) == 5
    days = [session.day for session in schedule.sessions]
    assert day in days
    assert days == sorted(days)
    session = schedule.sessions[days.index(day)]
    assert session.end - session.start == timedelta(hours=6, minutes=30)


def test_live_bars(gw: IBGateway) -> None:
    heard = Heard()
    with gw.history.live_bars(
        forex("EUR.USD"),
        heard,
        bar_size="1 min",
        duration=timedelta(hours=2),
        what="MIDPOINT",
        rth=False,
    ) as stream:
        first: BarUpdate = heard.next(PATIENCE)
        assert isinstance(first.bar.close, Decimal)
        assert stream.status is StreamStatus.LIVE
        over = [update.bar.time for update in [first, *heard.rest()] if update.over]
        assert over == sorted(set(over))
        assert stream.state.bars[-1] == stream.state.current
    assert not stream.active


def test_a_contract_of_another_kind(gw: IBGateway, day: date) -> None:
    contract: Contract = stock("SPY", "SMART", "USD")
    series = gw.history.bars(contract, start=day, end=day, bar_size="1 hour", rth=False).result(
        PATIENCE
    )
    assert len(series) >= 14
