"""Sessions in seconds, and dates that reach back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsloop.paper.clock.hours import CURRENCY, EQUITY, INDEX_FUTURE, Hours
from twsloop.paper.history.calendar import Session, Span, calendar_of, months_back

EQUITIES = calendar_of(EQUITY)


def second(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


def test_a_stock_day_has_three_spans() -> None:
    session = EQUITIES.session(date(2026, 1, 5))
    assert session == Session(
        date(2026, 1, 5),
        (
            Span(second(2026, 1, 5, 9), second(2026, 1, 5, 14, 30), regular=False),
            Span(second(2026, 1, 5, 14, 30), second(2026, 1, 5, 21), regular=True),
            Span(second(2026, 1, 5, 21), second(2026, 1, 6, 1), regular=False),
        ),
    )
    assert session.runs(regular=False) == [(second(2026, 1, 5, 9), second(2026, 1, 6, 1))]
    assert session.runs(regular=True) == [(second(2026, 1, 5, 14, 30), second(2026, 1, 5, 21))]


def test_closed_days_have_no_session() -> None:
    for day in (date(2026, 1, 3), date(2026, 1, 1), date(2025, 12, 25)):
        assert EQUITIES.session(day) is None


def test_a_session_over_midnight_carries_the_later_date() -> None:
    session = calendar_of(CURRENCY).session(date(2026, 1, 5))
    assert session is not None
    assert session.start == second(2026, 1, 4, 22, 15)
    assert session.end == second(2026, 1, 5, 22)


@settings(deadline=None)
@given(
    st.sampled_from([EQUITY, CURRENCY, INDEX_FUTURE]),
    st.integers(second(1995, 1, 1), second(2030, 1, 1)),
    st.integers(0, 20 * 86_400),
)
def test_sessions_between_and_before_agree(hours: Hours, start: int, length: int) -> None:
    calendar, end = calendar_of(hours), start + length
    between = list(calendar.between(start, end))
    assert [one.start for one in between] == sorted({one.start for one in between})
    assert all(one.end > start and one.start < end for one in between)
    before = []
    for one in calendar.before(end):
        if one.end <= start:
            break
        before.append(one)
    assert before[::-1] == between
    for one in between:
        assert calendar.session(one.day) == one
        assert calendar.day_of((one.start + one.end) // 2) == one.day
        assert all(span.start < span.end for span in one.spans)
        assert all(one.spans[n].end <= one.spans[n + 1].start for n in range(len(one.spans) - 1))


def test_offsets_follow_summer_time() -> None:
    assert EQUITIES.offset(second(2026, 1, 5)) == -5 * 3600
    assert EQUITIES.offset(second(2026, 7, 5)) == -4 * 3600


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 5, 5), 0, date(2026, 5, 5)),
    ],
)
def test_months_back(day: date, count: int, expected: date) -> None:
    assert months_back(day, count) == expected
