"""Windows that refuse orders: the answer of the calendar, at any time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from twsloop.orders.windows import Windows
from twsloop.session.calendar import Calendar, Restart

CALENDARS = [
    Calendar("none"),
    Calendar("america"),
    Calendar("asia", refuses="resets"),
    Calendar("europe", Restart(time(23, 45), ZoneInfo("America/New_York"))),
    Calendar("america", Restart(time(0, 50), ZoneInfo("America/New_York")), "resets"),
]
BEGAN = datetime(2026, 3, 6, tzinfo=UTC)  # before summer time begins in New York


@given(st.sampled_from(CALENDARS), st.lists(st.integers(0, 5 * 24 * 60), min_size=1))
def test_what_is_remembered_is_what_the_calendar_says(calendar: Calendar, at: list[int]) -> None:
    windows = Windows(calendar)
    for minutes in at:  # forwards and back
        now = BEGAN + timedelta(minutes=minutes)
        window = calendar.window(now)
        refuses = window is not None and window.refuses_orders
        assert windows.refusing(now) == (str(window) if refuses else "")
