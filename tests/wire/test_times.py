"""Every form of a time that IB sends, and the one that we send."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.wire.times import find_zone, from_millis, read_day, read_local, read_time, utc_text

EASTERN = ZoneInfo("US/Eastern")
ZONES = st.sampled_from(["US/Eastern", "US/Central", "Europe/London", "Asia/Tokyo", "UTC", "MET"])
#: Whole seconds, far enough from both ends of the calendar for any zone.
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(9999, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, fold=0)
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260928 09:32:25 US/Eastern", utc(2026, 9, 28, 13, 32, 25)),
        ("20260928  09:32:25 America/New_York", utc(2026, 9, 28, 13, 32, 25)),
        ("20231019 16:11:48 America/New_York", utc(2023, 10, 19, 20, 11, 48)),
        ("20250408 01:25:20 British Summer Time", utc(2025, 4, 8, 0, 25, 20)),
        ("20261231 22:00:00 Central European Standard Time", utc(2026, 12, 31, 21)),
        ("20250408 01:25:20 China Standard Time", utc(2025, 4, 7, 17, 25, 20)),
        ("20190820 15:25:04 JST", utc(2019, 8, 20, 6, 25, 4)),
        ("20260611-13:30:30", utc(2026, 6, 11, 13, 30, 30)),
        ("20260611-13:30:30Z", utc(2026, 6, 11, 13, 30, 30)),
        ("20260611-13:30:30 UTC", utc(2026, 6, 11, 13, 30, 30)),
        ("20260611 13:30:30 UTC", utc(2026, 6, 11, 13, 30, 30)),
        ("19801212-14:30:00", utc(1980, 12, 12, 14, 30)),
        ("20261218 08:30:00 US/Central", utc(2026, 12, 18, 14, 30)),
        ("20261218 08:30 CST", utc(2026, 12, 18, 14, 30)),
        ("20261218-08:30:00", utc(2026, 12, 18, 8, 30)),
        ("20261218-08:30:00-US/Central", utc(2026, 12, 18, 14, 30)),
        ("2026-09-28 09:30:00 US/Eastern", utc(2026, 9, 28, 13, 30)),
        ("2026-09-28T09:30:00.25Z", utc(2026, 9, 28, 9, 30, 0, 250_000)),
        (" 20260611-13:30:30\n", utc(2026, 6, 11, 13, 30, 30)),
        ("1790602345", utc(2026, 9, 28, 13, 32, 25)),
        ("1790602345678", utc(2026, 9, 28, 13, 32, 25, 678_000)),
        ("345479400", utc(1980, 12, 12, 14, 30)),
        ("-315619200", utc(1960, 1, 1)),
        (1790602345, utc(2026, 9, 28, 13, 32, 25)),
        (1790602345678, utc(2026, 9, 28, 13, 32, 25, 678_000)),
    ],
)
def test_a_time_that_says_where_it_is(text: str | int, time: datetime) -> None:
    assert read_time(text) == time
    assert read_time(text, "Asia/Tokyo") == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260928 09:32:25", utc(2026, 9, 28, 13, 32, 25)),
        ("20260928  09:32:25", utc(2026, 9, 28, 13, 32, 25)),
        ("2026-01-01 10:00:00.0", utc(2026, 1, 1, 15)),
        ("2026-01-01 10:00:00.123456789", utc(2026, 1, 1, 15, 0, 0, 123_456)),
        ("20260928", utc(2026, 9, 28, 4)),
    ],
)
def test_a_time_that_needs_a_zone(text: str, time: datetime) -> None:
    assert read_time(text) is None
    assert read_time(text, "US/Eastern") == time
    assert read_time(text, EASTERN) == time
    assert read_time(text, "Middle Earth Time") is None


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", 0, "0", 2147483647, "2147483647", 2**63 - 1, True),
        *("202612", "14:35", "86400", "20261218083000", "n/a", "Fri Nov 20", "٢٠٢٦١٢١٨"),
        *("20261311-13:30:30", "20260230", "20260928 25:00:00 UTC", "2026-0928 10:00:00 UTC"),
        *("20260611 13:30:30 Middle Earth Time", "20260611 13:30:30 ../../etc/passwd"),
        *("20260611 13:30:30 ��׼ʱ��", "00010101 00:00:00 Asia/Tokyo"),
    ],
)
def test_what_is_no_time_is_none(value: str | int | None) -> None:
    assert read_time(value, EASTERN) is None


def test_of_an_hour_that_comes_twice_it_is_the_first() -> None:
    assert read_time("20261101 01:30:00 US/Eastern") == utc(2026, 11, 1, 5, 30)


@given(MOMENTS, ZONES)
def test_the_written_forms_read_back(moment: datetime, name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    when = moment.replace(tzinfo=zone).astimezone(UTC)
    assert read_time(f"{moment:%Y%m%d %H:%M:%S} {name}") == when
    assert read_time(f"{moment:%Y%m%d  %H:%M:%S}", name) == when
    assert read_local(f"{moment:%Y%m%d-%H:%M:%S}", name) == when
    assert read_time(utc_text(moment.replace(tzinfo=zone))) == when
    assert read_time(utc_text(moment.replace(tzinfo=zone)) + "Z") == when


@given(st.integers(10**8, 10**10 - 1))
def test_numbers_read_back(seconds: int) -> None:
    when = utc(1970, 1, 1) + timedelta(seconds=seconds)
    if seconds == 2**31 - 1:
        when = None  # type: ignore[assignment]  # IB's "not set", in the year 2038
    assert read_time(seconds) == when
    assert read_time(str(seconds)) == when


@given(st.integers(10**11, 10**13 - 1))
def test_milliseconds_read_back(millis: int) -> None:
    when = utc(1970, 1, 1) + timedelta(milliseconds=millis)
    assert read_time(millis) == read_time(str(millis)) == from_millis(millis) == when


@pytest.mark.parametrize("number", [0, 2**31 - 1, 2**63 - 1, -(2**63), 10**15])
def test_milliseconds_of_no_calendar_are_none(number: int) -> None:
    assert from_millis(number) is None


def test_few_milliseconds_are_milliseconds() -> None:
    assert from_millis(1500) == utc(1970, 1, 1, 0, 0, 1, 500_000)


@given(st.text(max_size=40) | st.integers())
def test_nothing_breaks_it_and_what_comes_out_is_utc(value: str | int) -> None:
    texts = [value, f"20260611 13:30:30 {value}", f"20260611-13:30:30{value}", f"{value}-10:00:00"]
    for found in [*(read_time(text, "MET") for text in texts), read_local(str(value), "MET")]:
        assert found is None or found.utcoffset() == timedelta(0)
    read_day(str(value))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260928-09:30:00", utc(2026, 9, 28, 13, 30)),
        ("20260928:0930", utc(2026, 9, 28, 13, 30)),
        ("20260928 09:30", utc(2026, 9, 28, 13, 30)),
        ("20260928-09:30:00 UTC", utc(2026, 9, 28, 9, 30)),
        ("20260928:2460", None),
        ("20260928:CLOSED", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("zone", ["US/Eastern", EASTERN])
def test_a_time_whose_zone_stands_beside_it(
    text: str | None, time: datetime | None, zone: str | tzinfo
) -> None:
    assert read_local(text, zone) == time


def test_a_time_beside_an_unknown_zone_is_none() -> None:
    assert read_local("20260928-09:30:00", "Middle Earth Time") is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20261218", date(2026, 12, 18)),
        ("2026-12-18", date(2026, 12, 18)),
        ("20261218 08:30:00 US/Central", date(2026, 12, 18)),
        ("20261218-23:30:00-Asia/Tokyo", date(2026, 12, 18)),
        ("202612", None),
        ("20261232", None),
        ("NOEXP", None),
        ("", None),
        (None, None),
    ],
)
def test_days(text: str | None, day: date | None) -> None:
    assert read_day(text) == day


def test_what_we_send_is_utc() -> None:
    assert utc_text(datetime(2026, 9, 28, 9, 32, 25, 999_999, EASTERN)) == "20260928-13:32:25"
    assert utc_text(datetime(800, 1, 2, tzinfo=UTC)) == "08000102-00:00:00"


def test_a_time_without_a_zone_is_not_sent() -> None:
    with pytest.raises(ValueError, match="2026-09-28T09:32:25 has no time zone: write"):
        utc_text(datetime(2026, 9, 28, 9, 32, 25))  # noqa: DTZ001
