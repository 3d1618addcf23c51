"""The timer that follows a time."""

from __future__ import annotations

from datetime import timedelta

from twsloop.clock import ManualClock
from twsloop.paper.clock.alarm import Alarm


async def test_it_rings_at_what_was_set_last() -> None:
    clock, rings = ManualClock(), []
    start = clock.now()
    alarm = Alarm(clock, lambda: rings.append((clock.now() - start).total_seconds()))
    alarm.set(start + timedelta(seconds=5))
    alarm.set(start + timedelta(seconds=5))
    alarm.set(start + timedelta(seconds=2))
    clock.advance(10)
    assert rings == [2]
    alarm.set(start + timedelta(seconds=1))  # long past: at once
    clock.advance(0)
    assert rings == [2, 10]
    alarm.set(start + timedelta(seconds=20))
    alarm.set(None)
    clock.advance(30)
    assert rings == [2, 10]


async def test_it_may_be_set_again_while_it_rings() -> None:
    clock, rings = ManualClock(), []
    start = clock.now()

    def ring() -> None:
        rings.append(clock.now())
        if len(rings) < 3:
            alarm.set(clock.now() + timedelta(seconds=1))

    alarm = Alarm(clock, ring)
    alarm.set(start + timedelta(seconds=1))
    clock.advance(10)
    assert [(when - start).total_seconds() for when in rings] == [1, 2, 3]


async def test_what_is_far_away_is_looked_at_daily() -> None:
    clock, rings = ManualClock(), []
    far = clock.now() + timedelta(days=2.5)

    def ring() -> None:
        rings.append(clock.now())
        alarm.set(far if clock.now() < far else None)

    alarm = Alarm(clock, ring)
    alarm.set(far)
    clock.advance(4 * 86_400)
    assert [(far - when) / timedelta(days=1) for when in rings] == [1.5, 0.5, 0]


async def test_stopped_it_rings_no_more() -> None:
    clock, rings = ManualClock(), []
    alarm = Alarm(clock, lambda: rings.append(1))
    alarm.set(clock.now() + timedelta(seconds=1))
    alarm.stop()
    alarm.set(clock.now() + timedelta(seconds=1))
    clock.advance(5)
    assert rings == []
    assert clock.pending() == 0
