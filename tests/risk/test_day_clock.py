"""When a day ends: wall clocks, summer time, and a timer that may be late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import ManualClock
from twsloop.risk.day_clock import DayAlarm, OrderHold, day_began, next_run
from twsloop.risk.end_of_day import ORIGIN

NEW_YORK = ZoneInfo("America/New_York")
WORKDAYS = frozenset(range(5))
CLOSE = time(15, 55)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_the_next_time_of_a_wall_clock() -> None:
    monday = utc(2026, 1, 5, 12, 0)
    assert next_run(monday, CLOSE, NEW_YORK, WORKDAYS) == utc(2026, 1, 5, 20, 55)
    # At that very moment it is the next day's.
    assert next_run(utc(2026, 1, 5, 20, 55), CLOSE, NEW_YORK, WORKDAYS) == utc(2026, 1, 6, 20, 55)
    friday = utc(2026, 1, 9, 21, 0)
    assert next_run(friday, CLOSE, NEW_YORK, WORKDAYS) == utc(2026, 1, 12, 20, 55)
    assert next_run(friday, CLOSE, NEW_YORK, frozenset({4})) == utc(2026, 1, 16, 20, 55)
    assert next_run(friday, CLOSE, NEW_YORK, frozenset()) is None


def test_summer_time_moves_it() -> None:
    before = utc(2026, 3, 6, 21, 0)  # Friday; summer begins on Sunday, March 8
    assert next_run(before, CLOSE, NEW_YORK, WORKDAYS) == utc(2026, 3, 9, 19, 55)
    skipped = next_run(utc(2026, 3, 8, 0, 0), time(2, 30), NEW_YORK, frozenset({6}))
    assert skipped == utc(2026, 3, 8, 7, 30)
    twice = next_run(utc(2026, 11, 1, 0, 0), time(1, 30), NEW_YORK, frozenset({6}))
    assert twice == utc(2026, 11, 1, 5, 30)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["America/New_York", "Europe/Zurich", "Asia/Tokyo", "UTC"]),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_it_always_comes_and_never_too_early(
    now: datetime, at: time, zone: str, days: frozenset[int]
) -> None:
    found = next_run(now, at, ZoneInfo(zone), days)
    assert found is not None
    assert now < found <= now + timedelta(days=8, hours=2)
    local = found.astimezone(ZoneInfo(zone))
    assert local.weekday() in days or local.utcoffset() != (local - timedelta(hours=3)).utcoffset()


def test_the_day_began_at_midnight_there() -> None:
    assert day_began(utc(2026, 1, 5, 3, 0)) == utc(2026, 1, 4, 5, 0)
    assert day_began(utc(2026, 7, 5, 12, 0)) == utc(2026, 7, 5, 4, 0)


def test_orders_are_held_until_midnight() -> None:
    clock = ManualClock(start=utc(2026, 1, 5, 20, 55))
    hold = OrderHold(clock.now)
    assert hold.refuses() == ""
    hold.hold("end of day")
    assert hold.refuses() == "end of day: no new orders until 2026-01-06 05:00 UTC"
    assert hold.refuses(ORIGIN) == ""
    clock.advance(8 * 3600 + 4 * 60)
    assert hold.refuses() != ""
    clock.advance(60)
    assert hold.refuses() == ""
    hold.hold("again")
    hold.release()
    assert hold.refuses() == ""


def test_an_alarm_calls_once_a_day() -> None:
    async def work() -> None:
        clock = ManualClock(start=utc(2026, 1, 5, 20, 54))
        heard: list[datetime] = []
        alarm = DayAlarm(
            clock,
            lambda now: next_run(now, CLOSE, NEW_YORK, WORKDAYS),
            lambda: heard.append(clock.now()),
        )
        alarm.start()
        alarm.start()
        clock.advance(59)
        assert heard == []
        clock.advance(1)
        assert heard == [utc(2026, 1, 5, 20, 55)]
        clock.advance(24 * 3600)
        assert heard == [utc(2026, 1, 5, 20, 55), utc(2026, 1, 6, 20, 55)]
        alarm.stop()
        alarm.stop()
        clock.advance(24 * 3600)
        assert len(heard) == 2

    asyncio.run(work())


class Calendar(ManualClock):
    """A clock whose calendar can be put forward, as by a machine that slept."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_what_a_machine_slept_over_is_not_made_up_for() -> None:
    async def work() -> None:
        clock = Calendar(start=utc(2026, 1, 5, 20, 54, 30))
        heard: list[datetime] = []
        alarm = DayAlarm(
            clock,
            lambda now: next_run(now, CLOSE, NEW_YORK, WORKDAYS),
            lambda: heard.append(clock.now()),
        )
        alarm.start()
        clock.ahead = timedelta(hours=1)
        clock.advance(30)
        assert heard == []
        assert alarm.next_at == utc(2026, 1, 6, 20, 55)
        # And one that was put forward before it is on time, although its timer was set for longer.
        clock.ahead = timedelta(hours=23, minutes=59, seconds=30)
        clock.advance(60)
        assert heard == [clock.now()]

    asyncio.run(work())
