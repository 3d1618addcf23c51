"""What people write for a span of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from twsloop.errors import HistoryError
from twsloop.history.chunks import labels
from twsloop.history.spans import Span
from twsloop.history.when import length_of, needs_zone, span_of
from twsloop.history.words import bar_size_of

NOW = datetime(2026, 6, 1, 15, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
MINUTE, DAY = bar_size_of("1 min"), bar_size_of("1 day")


def span(**asked: Any) -> Span:
    given: dict[str, Any] = {"start": None, "end": None, "duration": None, "size": MINUTE}
    given |= {"now": NOW, "zone": NEW_YORK, **asked}
    return span_of(
        given["start"],
        given["end"],
        given["duration"],
        size=given["size"],
        now=given["now"],
        zone=given["zone"],
    )


def utc(*parts: int) -> int:
    return int(datetime(2026, *parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


def test_times() -> None:
    asked = span(
        start=datetime(2026, 5, 29, 9, 30, tzinfo=NEW_YORK),
        end=datetime(2026, 5, 29, 20, tzinfo=UTC),
    )
    assert asked == Span(utc(5, 29, 13, 30), utc(5, 29, 20))
    now = span(start=datetime(2026, 6, 1, 15, tzinfo=UTC))
    assert now == Span(utc(6, 1, 15), utc(6, 1, 15, 30))


def test_days_are_whole_and_where_it_trades() -> None:
    asked = span(start=date(2026, 3, 7), end=date(2026, 3, 8))  # summer time begins on the 8th
    assert asked == Span(utc(3, 7, 5), utc(3, 9, 4))
    assert asked.seconds == 47 * 3600


def test_bars_of_days_go_by_their_days() -> None:
    wanted = labels(date(2026, 3, 2), date(2026, 3, 6))
    assert span(start=date(2026, 3, 2), end=date(2026, 3, 6), size=DAY) == wanted
    start = datetime(2026, 3, 2, 23, tzinfo=NEW_YORK)  # there, it is still the second
    assert span(start=start, end=datetime(2026, 3, 7, tzinfo=NEW_YORK), size=DAY) == wanted
    assert span(duration="5 D", end=date(2026, 3, 6), size=DAY) == wanted
    assert span(start=date(2026, 6, 1), size=DAY) == labels(date(2026, 6, 1), date(2026, 6, 2))


@pytest.mark.parametrize(
    ("duration", "start"),
    [
        (timedelta(hours=1), utc(6, 1, 14, 30)),
        ("90", utc(6, 1, 15, 28, 30)),
        ("30 S", utc(6, 1, 15, 29, 30)),
        ("5 mins", utc(6, 1, 15, 25)),
        ("2 hours", utc(6, 1, 13, 30)),
        ("3 days", utc(5, 29, 15, 30)),
        ("2 W", utc(5, 18, 15, 30)),
        ("3 M", utc(3, 1, 15, 30)),
        ("4 months", utc(2, 1, 15, 30)),
        ("1 Y", int(datetime(2025, 6, 1, 15, 30, tzinfo=UTC).timestamp())),
    ],
)
def test_durations_go_by_the_calendar(duration: str | timedelta, start: int) -> None:
    assert span(duration=duration) == Span(start, utc(6, 1, 15, 30))


def test_a_month_before_the_last_day_of_a_longer_one() -> None:
    assert span(end=datetime(2026, 3, 31, tzinfo=UTC), duration="1 M").start == utc(2, 28)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({}, "say from when"),
        ({"start": date(2026, 1, 5), "duration": "1 D"}, "say from when"),
        ({"start": datetime(2026, 1, 5)}, r"start=2026-01-05T00:00:00 has no time zone"),  # noqa: DTZ001
        ({"duration": "1 D", "end": datetime(2026, 1, 5), "size": DAY}, "end=.* has no time"),  # noqa: DTZ001
        ({"start": NOW}, "not before it ends"),
        ({"start": date(2026, 6, 4), "size": DAY}, "after it ends on 2026-06-02"),
        ({"duration": "soon"}, "'soon' is no duration"),
        ({"duration": "0 D"}, "'0 D' is no duration"),
        ({"duration": timedelta()}, "longer than nothing"),
        ({"duration": "9000 Y"}, "beyond the calendar"),
    ],
)
def test_what_cannot_be_meant(asked: dict[str, Any], text: str) -> None:
    with pytest.raises(HistoryError, match=text):
        span(**asked)


def test_only_days_of_short_bars_need_a_zone() -> None:
    assert needs_zone(date(2026, 1, 5), None, MINUTE)
    assert needs_zone(NOW, date(2026, 1, 5), None)
    assert not needs_zone(NOW, None, MINUTE)
    assert not needs_zone(date(2026, 1, 5), None, DAY)


@pytest.mark.parametrize(
    ("duration", "length"),
    [("1800 S", timedelta(minutes=30)), ("1 M", timedelta(days=31)), (timedelta(1), timedelta(1))],
)
def test_how_long_a_duration_is(duration: timedelta | str, length: timedelta) -> None:
    assert length_of(duration, NOW) == length


def test_what_is_no_duration_has_no_length() -> None:
    with pytest.raises(HistoryError, match="'1 fortnight' is no duration"):
        length_of("1 fortnight", NOW)


def test_what_is_neither_a_time_nor_a_text() -> None:
    with pytest.raises(HistoryError, match="1 is no duration: write"):
        span(duration=1)
    with pytest.raises(HistoryError, match="start='2026-01-05' is no time: give datetime"):
        span(start="2026-01-05")
