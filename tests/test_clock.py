"""Clocks: the machine's own, and the one that moves only when it is told to."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import Clock, ManualClock, SystemClock


def test_the_systems_clock() -> None:
    clock: Clock = SystemClock()
    first = clock.monotonic()
    assert clock.monotonic() >= first
    now = clock.now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


async def test_the_systems_timers() -> None:
    clock = SystemClock()
    fired: list[int] = []
    done = asyncio.Event()
    never = clock.call_later(0.001, fired.append, 1)
    never.cancel()
    clock.call_later(0.002, done.set)
    await asyncio.wait_for(done.wait(), 5)
    await clock.sleep(0)
    assert not fired


def test_a_timer_needs_a_running_loop() -> None:
    for clock in (SystemClock(), ManualClock()):
        with pytest.raises(RuntimeError):
            clock.call_later(1, print)


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock()
    assert clock.monotonic() == 0
    assert clock.now() == datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    clock.advance(90)
    assert clock.monotonic() == 90
    assert clock.now() == datetime(2026, 1, 5, 14, 31, 30, tzinfo=UTC)
    assert ManualClock(datetime(2030, 1, 1, tzinfo=UTC)).now().year == 2030


def test_a_manual_clock_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match=r"does not run backwards \(advance by -1\)"):
        ManualClock().advance(-1)


async def test_timers_fire_in_their_order_at_their_time() -> None:
    clock = ManualClock()
    fired: list[tuple[str, float]] = []

    def note(name: str) -> None:
        fired.append((name, clock.monotonic()))

    clock.call_later(3, note, "c")
    clock.call_later(1, note, "a")
    clock.call_later(1, note, "a2")
    clock.call_later(-5, note, "now")
    assert clock.pending() == 4
    clock.advance(0.5)
    assert fired == [("now", 0)]
    clock.advance(2.5)
    assert fired[1:] == [("a", 1), ("a2", 1), ("c", 3)]
    assert clock.pending() == 0


async def test_a_timer_that_starts_a_timer() -> None:
    clock = ManualClock()
    fired: list[float] = []

    def again() -> None:
        fired.append(clock.monotonic())
        if len(fired) < 4:
            clock.call_later(2, again)

    clock.call_later(2, again)
    clock.advance(100)
    assert fired == [2, 4, 6, 8]


async def test_a_cancelled_timer_does_not_fire() -> None:
    clock = ManualClock()
    fired: list[str] = []
    second = clock.call_later(2, fired.append, "second")
    clock.call_later(1, second.cancel)
    second.cancel()
    assert clock.pending() == 1
    clock.advance(5)
    assert not fired


async def test_a_sleeper_wakes_when_its_time_has_come() -> None:
    clock = ManualClock()
    woken: list[float] = []

    async def sleeper(delay: float) -> None:
        await clock.sleep(delay)
        woken.append(delay)

    tasks = [asyncio.create_task(sleeper(delay)) for delay in (0, 1, 2)]
    while clock.pending() < 2 or not woken:
        await asyncio.sleep(0)
    assert woken == [0]
    clock.advance(1)
    await tasks[1]
    assert woken == [0, 1]
    tasks[2].cancel()
    await asyncio.wait({tasks[2]})
    assert clock.pending() == 0


async def test_a_callback_that_raises_is_raised_to_who_moves_the_clock() -> None:
    clock = ManualClock()
    clock.call_later(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        clock.advance(2)


def test_a_clock_moved_from_another_thread_waits_for_the_callback() -> None:
    clock = ManualClock()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    seen: list[threading.Thread] = []
    try:

        async def start() -> None:
            clock.call_later(1, lambda: seen.append(threading.current_thread()))
            clock.call_later(2, lambda: 1 // 0)

        asyncio.run_coroutine_threadsafe(start(), loop).result(5)
        clock.advance(1)
        assert seen == [thread]
        with pytest.raises(ZeroDivisionError):
            clock.advance(1)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
    clock.advance(1)


def test_time_stands_still_until_a_loop_has_done_what_it_is_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What begins with a message that has left has begun, even if its reader moves the clock."""
    clock = ManualClock()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    left, wanted = threading.Event(), threading.Event()
    seen: list[float] = []
    fired: list[float] = []
    call = loop.call_soon_threadsafe

    def called(*args: Any) -> Any:
        wanted.set()
        return call(*args)

    def work() -> None:
        clock.call_later(9, print)  # the loop goes by this clock
        left.set()
        while not wanted.is_set() and not clock.monotonic():
            pass  # as long as nobody moves the clock, or wants to
        seen.append(clock.monotonic())
        clock.call_later(2, lambda: fired.append(clock.monotonic()))

    try:
        call(work)
        assert left.wait(5)
        monkeypatch.setattr(loop, "call_soon_threadsafe", called)
        clock.advance(2)
        assert (seen, fired) == ([0], [2])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def test_a_loop_that_is_held_up_for_long_does_not_hold_up_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    begun, moved = threading.Event(), threading.Event()
    monkeypatch.setattr("twsloop.clock.TURN_PATIENCE", 0.1)

    def work() -> None:
        clock.call_later(9, print)
        begun.set()
        moved.wait(30)

    try:
        loop.call_soon_threadsafe(work)
        assert begun.wait(5)
        clock.advance(5)
        assert clock.monotonic() == 5
    finally:
        moved.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def test_a_timer_of_a_closed_loop_is_dropped() -> None:
    clock = ManualClock()

    async def start() -> None:
        clock.call_later(1, lambda: 1 // 0)

    asyncio.run(start())
    clock.advance(2)
    assert clock.pending() == 0


@given(
    delays=st.lists(st.floats(0, 100), max_size=20),
    moves=st.lists(st.floats(0, 50), max_size=20),
)
def test_every_timer_fires_once_and_in_order(delays: list[float], moves: list[float]) -> None:
    clock = ManualClock()
    fired: list[float] = []

    async def run() -> None:
        for delay in delays:
            clock.call_later(delay, fired.append, delay)
        for move in moves:
            clock.advance(move)
            assert all(delay <= clock.monotonic() for delay in fired)
            assert all(d in fired for d in delays if d <= clock.monotonic())
        assert fired == sorted(fired)

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="a system without that clock")
def test_a_span_counts_the_sleep_of_the_machine() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    shown = SystemClock().monotonic()
    assert before <= shown <= time.clock_gettime(time.CLOCK_BOOTTIME)
