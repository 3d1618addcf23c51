"""IB's hours as sessions: every form, zones of all ages, days clocks change, what is unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import ContractDetails

from twsloop.contracts.hours import TradingHours, hours_of, read_hours
from twsloop.errors import ContractError

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
TOKYO = ZoneInfo("Asia/Tokyo")
WEEK = "20260928:0930-20260928:1600;20260929:0930-20260929:1600;20260930:CLOSED"


def utc(day: int, hour: int, minute: int = 0, month: int = 9) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_a_week_of_a_stock() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    assert [(one.start, one.end) for one in hours] == [
        (utc(28, 13, 30), utc(28, 20)),
        (utc(29, 13, 30), utc(29, 20)),
    ]
    assert len(hours) == 2
    assert hours.sessions[0].length == timedelta(hours=6.5)
    assert hours.known_from == utc(28, 4)
    assert hours.known_until == utc(1, 4, month=10)


def test_open_closed_and_unknown() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    assert hours.is_open(utc(28, 13, 30)) is True
    assert hours.is_open(utc(28, 19, 59)) is True
    assert hours.is_open(utc(28, 20)) is False  # the end is no part of it
    assert hours.is_open(utc(30, 15)) is False
    assert hours.is_open(utc(28, 13, 29)) is False
    assert hours.is_open(utc(28, 3, 59)) is None  # nobody told of that day
    assert hours.is_open(utc(5, 15, month=10)) is None


def test_what_comes_next() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    assert hours.next_open(utc(28, 15)) == utc(29, 13, 30)
    assert hours.next_open(utc(28, 13, 30)) == utc(29, 13, 30)
    assert hours.next_close(utc(28, 15)) == utc(28, 20)
    assert hours.next_close(utc(28, 20)) == utc(29, 20)
    assert hours.next_open(utc(29, 15)) is None
    assert hours.next_close(utc(29, 20)) is None


def test_a_session_that_begins_the_evening_before() -> None:
    text = "20260927:1700-20260928:1600;20260928:1700-20260929:1600"
    hours = read_hours(text, CHICAGO)
    monday, tuesday = hours.sessions
    assert (monday.day, tuesday.day) == (date(2026, 9, 28), date(2026, 9, 29))
    assert monday.start == utc(27, 22)
    assert hours.is_open(utc(28, 3)) is True
    assert hours.is_open(utc(28, 21, 30)) is False  # the hour between
    assert hours.of_day(date(2026, 9, 28)) == (monday,)


def test_a_break_at_noon() -> None:
    text = "20260928:0900-20260928:1130,20260928:1230-20260928:1500"
    hours = read_hours(text, TOKYO)
    assert [one.day for one in hours] == [date(2026, 9, 28)] * 2
    assert hours.is_open(utc(28, 3)) is False
    assert hours.next_open(utc(28, 3)) == utc(28, 3, 30)


def test_the_form_before_970() -> None:
    hours = read_hours("20180323:0930-1130,1300-1600;20180324:CLOSED", NEW_YORK)
    assert [one.start.astimezone(NEW_YORK).hour for one in hours] == [9, 13]
    late = read_hours("20180323:1700-1600", CHICAGO)
    assert late.sessions[0].day == date(2018, 3, 24)
    assert late.sessions[0].length == timedelta(hours=23)


def test_sessions_without_a_break_between_them_go_on() -> None:
    text = "20260928:0930-20260928:1200,20260928:1200-20260928:1600;20260929:0930-20260929:1600"
    hours = read_hours(text, NEW_YORK)
    assert len(hours) == 3
    assert hours.next_close(utc(28, 14)) == utc(28, 20)
    assert hours.next_open(utc(28, 14)) == utc(29, 13, 30)
    assert hours.is_open(utc(28, 16)) is True


def test_midnight_belongs_to_the_day_that_ends() -> None:
    for text in ("20260928:0000-20260928:2400", "20260928:0000-20260929:0000"):
        (session,) = read_hours(text, NEW_YORK)
        assert session.day == date(2026, 9, 28)
        assert session.length == timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "hours"), [("20260308", 23), ("20261101", 25)], ids=["spring", "autumn"]
)
def test_a_day_on_which_clocks_change(day: str, hours: int) -> None:
    whole = read_hours(f"{day}:0000-{day}:2400", NEW_YORK).sessions[0]
    assert whole.length == timedelta(hours=hours)
    closed = read_hours(f"{day}:CLOSED", NEW_YORK)
    assert closed.known_from is not None
    assert closed.known_until is not None
    assert closed.known_until - closed.known_from == timedelta(hours=hours)


def test_the_hour_that_comes_twice() -> None:
    (session,) = read_hours("20261101:0130-20261101:0145", NEW_YORK)
    assert session.start == utc(1, 5, 30, month=11)
    assert session.end == utc(1, 6, 45, month=11)


def test_what_is_told_twice_is_one() -> None:
    once = read_hours(WEEK, NEW_YORK)
    assert read_hours(f"{WEEK};{WEEK}", NEW_YORK) == once
    overlapping = read_hours("20260928:0930-20260928:1600,20260928:1500-20260928:1700", NEW_YORK)
    assert len(overlapping) == 1
    assert overlapping.sessions[0].end == utc(28, 21)


def test_nothing_told_is_nothing_known() -> None:
    hours = read_hours("", NEW_YORK)
    assert len(hours) == 0
    assert hours.is_open(utc(28, 15)) is None
    assert hours.next_open(utc(28, 15)) is None


@pytest.mark.parametrize(
    "text",
    ["20260931:0930-20260931:1600", "20260928", "20260928:0930-20260928:2560", "tomorrow",
     "20260928:1600-20260928:0930", "20260928:0930"],
)  # fmt: skip
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ContractError, match=text):
        read_hours(text, NEW_YORK)


def test_a_time_without_a_zone_is_refused() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    naive = datetime(2026, 9, 28, 15)  # noqa: DTZ001
    for ask in (hours.is_open, hours.next_open, hours.next_close, hours.session_at):
        with pytest.raises(ContractError, match="no time zone"):
            ask(naive)


# ------------------------------------------------------------------------------- of a contract
def details(zone: str, trading: str = WEEK, liquid: str = "") -> ContractDetails:
    made = ContractDetails()
    made.contract.symbol = "AAPL"
    made.timeZoneId, made.tradingHours, made.liquidHours = zone, trading, liquid
    return made


@pytest.mark.parametrize(
    "zone", ["US/Eastern", "America/New_York", "EST", "EST5EDT", "EST (Eastern Standard Time)"]
)
def test_zones_of_all_ages(zone: str) -> None:
    hours = hours_of(details(zone))
    assert hours.sessions[0].start == utc(28, 13, 30)  # in summer, whatever it is called


def test_liquid_hours_are_their_own() -> None:
    one = details("US/Eastern", "20260928:0400-20260928:2000", "20260928:0930-20260928:1600")
    assert hours_of(one).sessions[0].start == utc(28, 8)
    assert hours_of(one, "liquid").sessions[0].start == utc(28, 13, 30)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ContractError, match=f"AAPL: its time zone '{zone}' is unknown"):
        hours_of(details(zone))


# ---------------------------------------------------------------------------------- properties
@st.composite
def weeks(draw: st.DrawFn) -> TradingHours:
    """Some days of any year, each closed or with up to two sessions."""
    day = draw(st.dates(date(2000, 1, 1), date(2037, 1, 1)))
    zone = ZoneInfo(draw(st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Tokyo"])))
    parts = []
    for offset in range(draw(st.integers(1, 6))):
        name = f"{day + timedelta(days=offset):%Y%m%d}"
        clocks = sorted(draw(st.lists(st.integers(0, 47), max_size=4, unique=True)))
        texts = [f"{half // 2:02}{half % 2 * 30:02}" for half in clocks]
        pairs = list(zip(texts[::2], texts[1::2], strict=False))
        parts.append(",".join(f"{name}:{a}-{name}:{b}" for a, b in pairs) or f"{name}:CLOSED")
    return read_hours(";".join(parts), zone)


@given(weeks(), st.integers(0, 8 * 24 * 60))
def test_the_questions_agree(hours: TradingHours, minutes: int) -> None:
    assert hours.known_from is not None
    at = hours.known_from - timedelta(hours=12) + timedelta(minutes=minutes)
    is_open, opens, closes = hours.is_open(at), hours.next_open(at), hours.next_close(at)
    assert (is_open is None) == (not hours.knows(at))
    if is_open:
        assert closes is not None
        assert hours.is_open(closes - timedelta(microseconds=1)) is True
        assert opens is None or opens > closes
    elif opens is not None:
        assert hours.is_open(opens) is True
        assert hours.is_open(opens - timedelta(microseconds=1)) is not True
        assert closes is not None
        assert closes > opens
    starts = [one.start for one in hours]
    assert starts == sorted(starts)
    assert all(one.start < one.end for one in hours)
