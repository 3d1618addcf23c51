"""IB's rows of the history, read: exact, aware, and None where there is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.common import (
    BarData,
    HistoricalSession,
    HistoricalTick,
    HistoricalTickBidAsk,
    HistoricalTickLast,
)
from ibapi.const import UNSET_DOUBLE

from twsloop.history.rows import (
    Bar,
    MidpointTick,
    QuoteTick,
    Session,
    TradeTick,
    read_bar,
    read_midpoint,
    read_quote,
    read_schedule,
    read_trade,
)
from twsloop.history.words import Show


def ib_bar(**fields: Any) -> BarData:
    bar = BarData()
    values: dict[str, Any] = {
        "date": "1767623400",
        "open": 189.5,
        "high": 189.75,
        "low": 189.25,
        "close": 189.6,
        "volume": Decimal(1200),
        "wap": Decimal("189.5512"),
        "barCount": 17,
    }
    for name, value in {**values, **fields}.items():
        setattr(bar, name, value)
    return bar


def test_a_bar_of_trades() -> None:
    bar = read_bar(ib_bar(), Show.TRADES)
    assert bar == Bar(
        datetime(2026, 1, 5, 14, 30, tzinfo=UTC),
        Decimal("189.5"),
        Decimal("189.75"),
        Decimal("189.25"),
        Decimal("189.6"),
        Decimal(1200),
        Decimal("189.5512"),
        17,
    )
    assert bar is not None
    assert bar.second == 1767623400


@pytest.mark.parametrize("show", [show for show in Show if not show.traded])
def test_what_shows_no_trades_has_no_volume(show: Show) -> None:
    bar = read_bar(ib_bar(volume=Decimal(-1), wap=Decimal(-1), barCount=-1), show)
    assert bar is not None
    assert (bar.volume, bar.average, bar.count) == (None, None, None)


def test_a_bar_of_a_day_carries_its_day() -> None:
    bar = read_bar(ib_bar(date="20260105"), Show.TRADES)
    assert bar is not None
    assert bar.day == date(2026, 1, 5)
    assert bar.time == datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["20260105 09:30:00 US/Eastern", "20260105-14:30:00", "20260105  09:30:00"]
)
def test_other_forms_of_its_time(text: str) -> None:
    bar = read_bar(ib_bar(date=text), Show.TRADES, "US/Eastern")
    assert bar is not None
    assert bar.time == datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong", [{"date": "20260105 09:30:00"}, {"date": ""}, {"close": UNSET_DOUBLE}]
)
def test_a_bar_that_cannot_be_read(wrong: dict[str, Any]) -> None:
    assert read_bar(ib_bar(**wrong), Show.TRADES) is None


@given(st.decimals(-1000, 1_000_000, places=4))
def test_prices_have_the_digits_they_were_sent_with(price: Decimal) -> None:
    bar = read_bar(ib_bar(open=float(price)), Show.TRADES)
    assert bar is not None
    assert bar.open == price


def test_a_trade() -> None:
    tick = HistoricalTickLast()
    tick.time, tick.price, tick.size = 1767623400, 189.51, Decimal(3)
    tick.exchange, tick.specialConditions = "ISLAND", "I"
    tick.tickAttribLast.unreported = True
    assert read_trade(tick) == TradeTick(
        datetime(2026, 1, 5, 14, 30, tzinfo=UTC),
        Decimal("189.51"),
        Decimal(3),
        "ISLAND",
        "I",
        unreported=True,
    )
    tick.time = 0
    assert read_trade(tick) is None


def test_a_quote_with_one_side() -> None:
    tick = HistoricalTickBidAsk()
    tick.time, tick.priceBid, tick.sizeBid = 1767623400, 189.5, Decimal(200)
    tick.priceAsk, tick.sizeAsk = 0.0, Decimal(0)
    tick.tickAttribBidAsk.bidPastLow = True
    assert read_quote(tick) == QuoteTick(
        datetime(2026, 1, 5, 14, 30, tzinfo=UTC),
        Decimal("189.5"),
        None,
        Decimal(200),
        None,
        bid_past_low=True,
    )
    tick.time = 0
    assert read_quote(tick) is None


def test_a_midpoint() -> None:
    tick = HistoricalTick()
    tick.time, tick.price = 1767623400, 1.08755
    assert read_midpoint(tick) == MidpointTick(
        datetime(2026, 1, 5, 14, 30, tzinfo=UTC), Decimal("1.08755")
    )
    tick.price = float("nan")
    assert read_midpoint(tick) is None


def test_a_schedule_over_the_change_to_summer_time() -> None:
    def session(day: str, start: str, end: str) -> HistoricalSession:
        made = HistoricalSession()
        made.refDate, made.startDateTime, made.endDateTime = day, start, end
        return made

    schedule = read_schedule(
        "US/Eastern",
        [
            session("20260309", "20260309-09:30:00", "20260309-16:00:00"),
            session("20260306", "20260306-09:30:00", "20260306-16:00:00"),
            session("20260310", "never", "20260310-16:00:00"),
        ],
    )
    assert schedule.sessions == (
        Session(
            date(2026, 3, 6),
            datetime(2026, 3, 6, 14, 30, tzinfo=UTC),
            datetime(2026, 3, 6, 21, tzinfo=UTC),
        ),
        Session(
            date(2026, 3, 9),
            datetime(2026, 3, 9, 13, 30, tzinfo=UTC),
            datetime(2026, 3, 9, 20, tzinfo=UTC),
        ),
    )
    assert (
        read_schedule(
            "Nowhere/Land", [session("20260309", "20260309-09:30:00", "20260309-16:00:00")]
        ).sessions
        == ()
    )
