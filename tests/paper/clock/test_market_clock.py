"""The market's time: scaled, jumping, held; timers always at exactly their time, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import ManualClock, SystemClock
from twsloop.paper.clock.market_clock import MarketClock

START = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


async def test_it_stands_until_it_begins_and_shows_the_date_it_was_set_to() -> None:
    base = ManualClock()
    clock = MarketClock(base, start=START, speed=10)
    base.advance(5)
    assert clock.now() == START
    clock.begin()
    base.advance(6)
    assert clock.monotonic() == 60
    assert (clock.now() - START).total_seconds() == 60


async def test_scaled_timers_fire_at_exactly_their_market_time() -> None:
    base = ManualClock()
    clock = MarketClock(base, start=START, speed=10)
    clock.begin()
    fired: list[float] = []

    def note() -> None:
        fired.append(clock.monotonic())
        if len(fired) < 4:
            clock.call_later(2.5, note)

    clock.call_later(1, note)
    base.advance(0.0999)
    assert fired == []
    base.advance(10)
    await until(lambda: len(fired) == 4)
    assert fired == [1, 3.5, 6, 8.5]
    assert clock.monotonic() == pytest.approx(100.999)


async def test_time_does_not_pass_a_timer_that_has_not_fired() -> None:
    clock = MarketClock(SystemClock(), start=START, speed=1000)
    fired: list[float] = []
    clock.call_later(1, lambda: fired.append(clock.monotonic()))
    clock.begin()
    while clock.base.monotonic() - clock._anchor[0] < 0.003:  # type: ignore[index]
        assert clock.monotonic() <= 1
    await until(lambda: bool(fired))
    assert fired == [1]


async def test_at_full_speed_it_jumps_from_timer_to_timer() -> None:
    clock = MarketClock(ManualClock(), start=START, speed=None)
    clock.begin()
    fired: list[tuple[str, float]] = []

    def every(name: str, seconds: float, left: int) -> None:
        fired.append((name, clock.monotonic()))
        if left:
            clock.call_later(seconds, every, name, seconds, left - 1)

    clock.call_later(0, every, "hour", 3600, 2)
    clock.call_later(0, every, "half", 1800, 4)
    await until(lambda: clock.pending() == 0)
    assert fired == [
        ("hour", 0),
        ("half", 0),
        ("half", 1800),
        ("hour", 3600),
        ("half", 3600),
        ("half", 5400),
        ("hour", 7200),
        ("half", 7200),
    ]
    assert clock.monotonic() == 7200


async def test_while_it_is_held_nothing_happens() -> None:
    base = ManualClock()
    for clock in (MarketClock(base, speed=2), MarketClock(base, speed=None)):
        clock.begin()
        fired: list[float] = []
        clock.call_later(1, fired.append, 1.0)
        clock.hold("a")
        clock.hold("b")
        clock.hold("b")
        base.advance(100)
        await asyncio.sleep(0)
        clock.release("b")
        clock.release("b")
        base.advance(100)
        await asyncio.sleep(0)
        assert (fired, clock.monotonic(), clock.held) == ([], 0, True)
        clock.release("a")
        base.advance(1)
        await until(lambda of=fired: bool(of))  # type: ignore[misc]


async def test_it_is_held_at_a_time_after_all_else_of_that_time() -> None:
    clock = MarketClock(ManualClock(), speed=None)
    order: list[str] = []
    clock.hold_at(5, "me", lambda: order.append("held"))
    clock.call_later(5, order.append, "timer")
    clock.call_later(5.5, order.append, "later")
    clock.begin()
    await until(lambda: clock.held)
    await asyncio.sleep(0)
    assert (order, clock.monotonic()) == (["timer", "held"], 5)
    clock.release("me")
    await until(lambda: len(order) == 3)


async def test_a_timer_may_move_on_as_long_as_nothing_else_is_due() -> None:
    clock = MarketClock(ManualClock(), speed=None)
    seen: list[tuple[float, bool]] = []

    def pump() -> None:
        seen.extend((when, clock.reach(when)) for when in (1.5, 2.0, 2.5, 3.0))
        assert clock.monotonic() == 2.5

    clock.call_later(1, pump)
    gone = clock.call_later(1.7, pytest.fail)
    gone.cancel()
    clock.hold_at(2.75, "me", lambda: None)
    clock.begin()
    await until(lambda: bool(seen))
    assert seen == [(1.5, True), (2.0, True), (2.5, True), (3.0, False)]


async def test_a_scaled_timer_cannot_move_on_past_the_present() -> None:
    base = ManualClock()
    clock = MarketClock(base, speed=10)
    seen: list[bool] = []
    clock.call_later(1, lambda: seen.extend([clock.reach(1.5), clock.reach(4.0)]))
    clock.begin()
    base.advance(0.2)
    await until(lambda: bool(seen))
    # The base timer fired at 0.1 s, which is market second 1: nothing after it has come yet.
    assert seen == [False, False]


async def test_what_floats_cannot_show_does_not_stop_it() -> None:
    base = ManualClock()
    clock = MarketClock(base, speed=60)
    clock.begin()
    base.advance(10.0 / 3)
    origin, moves = clock.monotonic(), [0]

    def pump(due: float) -> None:
        while clock.reach(origin + due):
            moves[0] += 1
            due += 0.1
        clock.call_later(origin + due - clock.monotonic(), pump, due)

    pump(0.1)
    for _ in range(100):
        base.advance(0.1 / 3)
        await asyncio.sleep(0)
    assert moves[0] == pytest.approx(2000, abs=25)


async def test_a_failing_timer_is_reported_and_the_others_go_on() -> None:
    clock = MarketClock(ManualClock(), speed=None)
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    order: list[int] = []
    clock.call_later(1, lambda: 1 / 0)
    clock.call_later(2, order.append, 2)
    clock.begin()
    await until(lambda: order == [2])
    assert isinstance(told[0]["exception"], ZeroDivisionError)


async def test_halt_forgets_the_timers_and_begin_goes_on_from_there() -> None:
    base = ManualClock()
    clock = MarketClock(base, speed=1)
    clock.begin()
    clock.call_later(5, pytest.fail)
    base.advance(3)
    clock.halt()
    base.advance(100)
    assert (clock.monotonic(), clock.pending()) == (3, 0)
    clock.begin()
    base.advance(1)
    assert clock.monotonic() == 4


async def test_sleep() -> None:
    clock = MarketClock(ManualClock(), speed=None)
    clock.begin()
    await clock.sleep(0)
    await clock.sleep(86400)
    assert clock.monotonic() == 86400


async def test_the_sockets_get_their_turns() -> None:
    clock = MarketClock(ManualClock(), speed=None)
    clock.begin()
    count = [0]

    def again() -> None:
        count[0] += 1
        clock.call_later(0.001, again)

    again()
    for _ in range(5):
        await asyncio.sleep(0)
    assert 0 < count[0] < 5000
    clock.halt()


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_is_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        MarketClock(ManualClock(), speed=speed)


def test_a_start_has_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        MarketClock(ManualClock(), start=START.replace(tzinfo=None))


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=30),
    st.sets(st.integers(0, 29)),
    st.sampled_from([None, 0.5, 7.0]),
)
def test_timers_fire_in_order_each_at_its_time(
    delays: list[float], cancelled: set[int], speed: float | None
) -> None:
    async def run() -> list[tuple[float, float]]:
        base = ManualClock()
        clock = MarketClock(base, speed=speed)
        fired: list[tuple[float, float]] = []

        def note(due: float) -> None:
            fired.append((due, clock.monotonic()))

        timers = [clock.call_later(delay, note, delay) for delay in delays]
        for place in cancelled:
            if place < len(timers):
                timers[place].cancel()
        clock.begin()
        for _ in range(40):
            base.advance(10)
            await asyncio.sleep(0)
        return fired

    wanted = sorted(delay for place, delay in enumerate(delays) if place not in cancelled)
    fired = asyncio.run(run())
    assert [due for due, _ in fired] == wanted
    assert all(due == shown for due, shown in fired)
