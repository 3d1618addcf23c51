"""The calendars against dates that are publicly known."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.clock.hours import (
    CURRENCY,
    EQUITY,
    INDEX_FUTURE,
    Hours,
    Phase,
    early_close,
    holiday,
)

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "day",
    [
        *("2013-03-29", "2024-03-29", "2025-04-18", "2026-04-03", "2027-03-26"),  # Good Friday
        *("2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03"),
        *("2026-09-07", "2026-11-26", "2026-12-25", "2021-12-24", "2023-01-02", "2022-06-20"),
    ],
)
def test_holidays(day: str) -> None:
    assert holiday(date.fromisoformat(day))


@pytest.mark.parametrize(
    "day", ["2021-12-31", "2021-06-18", "2026-11-27", "2026-07-02", "2013-10-07"]
)
def test_trading_days(day: str) -> None:
    assert not holiday(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("day", "early"),
    [
        ("2026-11-27", True),
        ("2026-12-24", True),
        ("2024-07-03", True),
        ("2026-07-02", False),
        ("2026-07-03", False),  # the holiday itself
        ("2021-12-24", False),  # the holiday itself
        ("2026-11-21", False),
    ],
)
def test_early_closes(day: str, early: bool) -> None:
    assert bool(early_close(date.fromisoformat(day))) == early


def test_the_text_of_thanksgiving_week() -> None:
    now = datetime(2026, 11, 25, 15, tzinfo=UTC)
    assert EQUITY.text(now) == (
        "20261125:0400-20261125:2000;20261126:CLOSED;20261127:0400-20261127:1700;"
        "20261128:CLOSED;20261129:CLOSED;20261130:0400-20261130:2000"
    )
    assert EQUITY.text(now, liquid=True).split(";")[2] == "20261127:0930-20261127:1300"
    assert CURRENCY.text(now).startswith("20261124:1715-20261125:1700;20261125:1715-20261126:1700;")
    assert INDEX_FUTURE.text(now).startswith("20261124:1700-20261125:1600;")


def test_the_text_begins_with_the_day_where_the_exchange_is() -> None:
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)  # still the 23rd in New York
    assert EQUITY.text(now).startswith("20261123:0400-")


@pytest.mark.parametrize(
    ("local", "trading", "liquid"),
    [
        ("2026-11-23 03:59", False, False),
        ("2026-11-23 04:00", True, False),
        ("2026-11-23 09:30", True, True),
        ("2026-11-23 15:59", True, True),
        ("2026-11-23 16:00", True, False),
        ("2026-11-23 20:00", False, False),
        ("2026-11-21 12:00", False, False),
        ("2026-11-26 12:00", False, False),
    ],
)
def test_when_stocks_trade(local: str, trading: bool, liquid: bool) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=NEW_YORK)
    assert EQUITY.is_open(now) == trading
    assert EQUITY.is_open(now, liquid=True) == liquid


def test_currencies_trade_from_sunday_evening() -> None:
    sunday = datetime(2026, 11, 22, 17, 15, tzinfo=NEW_YORK)
    assert CURRENCY.is_open(sunday)
    assert not CURRENCY.is_open(sunday - timedelta(minutes=1))
    assert CURRENCY.next_open(sunday - timedelta(hours=1)) == sunday


def test_the_next_opening_skips_what_is_closed() -> None:
    wednesday = datetime(2026, 11, 25, 18, tzinfo=NEW_YORK)
    assert EQUITY.next_open(wednesday) == datetime(2026, 11, 27, 9, 30, tzinfo=NEW_YORK)


@given(
    st.sampled_from([EQUITY, CURRENCY, INDEX_FUTURE]),
    st.datetimes(datetime(2013, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_session_ends_at_the_next_roll_over(hours: Hours, when: datetime) -> None:
    ns = int(when.timestamp()) * 1_000_000_000
    end = hours.session_end(ns)
    assert 0 < end - ns <= 25 * 3600 * 1_000_000_000
    local = datetime.fromtimestamp(end // 1_000_000_000, ZoneInfo(hours.time_zone))
    assert local.time() == hours.rollover
    assert hours.session_end(end - 1) == end
    assert hours.session_end(end) > end


@given(
    st.sampled_from([EQUITY, CURRENCY, INDEX_FUTURE]),
    st.datetimes(datetime(1991, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_phase_stays_until_the_next_change(hours: Hours, now: datetime) -> None:
    change = hours.next_change(now)
    assert now < change <= now + timedelta(days=8)
    phase = hours.phase(now)
    assert hours.phase(change - timedelta(microseconds=1)) is phase
    assert hours.is_open(now) == (phase is not Phase.CLOSED)
    assert hours.is_open(now, liquid=True) == (phase is Phase.REGULAR)


@pytest.mark.parametrize(
    ("day", "close"),
    [("1992-11-27", 14), ("1996-07-05", 13), ("1999-12-31", 13), ("2026-11-27", 13)],
)
def test_the_hour_of_an_early_close(day: str, close: int) -> None:
    assert early_close(date.fromisoformat(day)) == time(close)


def test_good_friday_closes_index_futures_but_not_currencies() -> None:
    assert INDEX_FUTURE.session(date(2026, 4, 3)) is None
    assert CURRENCY.session(date(2026, 4, 3)) is not None


@pytest.mark.filterwarnings("ignore")  # pandas deprecates what the library uses
def test_every_day_from_1990_to_2030_is_as_exchange_calendars_has_it() -> None:
    calendars = pytest.importorskip("exchange_calendars", reason="the extra calendars")
    known = calendars.get_calendar("XNYS", start="1990-01-01", end="2030-12-31")
    closes = {
        day.date(): end.tz_convert("America/New_York").time() for day, end in known.closes.items()
    }
    day = date(1990, 1, 1)
    while day.year <= 2030:
        hours = EQUITY.session(day, liquid=True)
        assert (hours[1].time() if hours else None) == closes.get(day), day
        day += timedelta(days=1)
