"""Who is told when a session begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from twsloop.clock import ManualClock
from twsloop.paper.clock.hours import CURRENCY, EQUITY, INDEX_FUTURE, Phase
from twsloop.paper.clock.sessions import SessionChange, Sessions

NEW_YORK = ZoneInfo("US/Eastern")
HOUR = 3600.0


async def test_a_day_of_shares() -> None:
    clock = ManualClock(datetime(2026, 11, 25, 2, tzinfo=NEW_YORK).astimezone(UTC))
    sessions = Sessions(clock)
    told: list[SessionChange] = []
    sessions.listen(told.append)
    sessions.start([EQUITY, EQUITY])
    assert sessions.phase(EQUITY) is Phase.CLOSED
    clock.advance(24 * HOUR)
    assert [(one.at.strftime("%d %H:%M"), one.phase.value) for one in told] == [
        ("25 04:00", "pre"),
        ("25 09:30", "regular"),
        ("25 16:00", "post"),
        ("25 20:00", "closed"),
    ]
    assert [one.opens for one in told] == [False, True, False, False]
    assert [one.closes for one in told] == [False, False, True, False]
    assert [one.day_ends for one in told] == [False, False, False, True]
    told.clear()
    clock.advance(48 * HOUR)  # Thanksgiving, then the Friday that ends early
    assert [(one.at.strftime("%d %H:%M"), one.phase.value) for one in told] == [
        ("27 04:00", "pre"),
        ("27 09:30", "regular"),
        ("27 13:00", "post"),
        ("27 17:00", "closed"),
    ]
    assert all(one.hours is EQUITY for one in told)


async def test_the_week_of_currencies_and_the_break_of_futures() -> None:
    clock = ManualClock(datetime(2026, 9, 25, 12, tzinfo=NEW_YORK).astimezone(UTC))  # a Friday
    sessions = Sessions(clock)
    told: list[str] = []
    sessions.listen(lambda one: told.append(f"{one.at:%a %H:%M} {one.phase.value}"))
    sessions.start([CURRENCY])
    clock.advance(4 * 24 * HOUR)
    assert told == [
        "Fri 17:00 closed",
        "Sun 17:15 regular",
        "Mon 17:00 closed",
        "Mon 17:15 regular",
    ]
    told.clear()
    sessions.stop()
    sessions.start([INDEX_FUTURE])
    clock.advance(24 * HOUR)
    assert told == ["Tue 16:00 closed", "Tue 17:00 pre", "Wed 08:30 regular"]


async def test_nobody_is_told_after_the_end() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    told: list[SessionChange] = []
    end = sessions.listen(told.append)
    sessions.start([EQUITY])
    end()
    clock.advance(24 * HOUR)
    assert told == []
    sessions.listen(told.append)
    sessions.stop()
    clock.advance(24 * HOUR)
    assert told == []
    assert clock.pending() == 0
    # Nobody follows them: they are still known.
    assert sessions.phase(EQUITY) is Phase.REGULAR


async def test_everyone_is_written_to_after_a_change() -> None:
    clock = ManualClock()
    settled: list[int] = []
    sessions = Sessions(clock, lambda: settled.append(1))
    sessions.start([EQUITY])
    clock.advance(8 * HOUR)
    assert settled == [1]
