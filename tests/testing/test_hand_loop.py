"""A loop that runs when it is handed work: no thread, no selector, no time of its own."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from typing import Any

import pytest

from twsloop.clock import ManualClock
from twsloop.errors import LoopError, LoopNotRunning, WrongThread
from twsloop.testing import hand_loop
from twsloop.testing.hand_loop import HandDrivenLoop, HandLoop


def refuse(_loop: HandLoop, _protocol: asyncio.Protocol, host: str, port: int) -> Any:
    raise ConnectionRefusedError(111, f"{host}:{port}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def driven(clock: ManualClock) -> HandDrivenLoop:
    loop = HandDrivenLoop(refuse, name="driven", clock=clock)
    loop.start()
    return loop


def test_work_is_done_when_the_call_returns(driven: HandDrivenLoop) -> None:
    done: list[int] = []

    async def work() -> str:
        done.append(1)
        await asyncio.sleep(0)
        done.append(2)
        return "result"

    threads = threading.active_count()
    future = driven.submit(work)
    assert done == [1, 2]
    assert future.result(0) == "result"
    assert driven.call(lambda: 5) == 5
    assert threading.active_count() == threads
    assert not driven.in_loop()
    assert driven.call(driven.in_loop) is True


def test_an_error_comes_back(driven: HandDrivenLoop) -> None:
    with pytest.raises(ZeroDivisionError):
        driven.call(lambda: 1 / 0)


def test_timers_are_the_clock_s(driven: HandDrivenLoop, clock: ManualClock) -> None:
    fired: list[float] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(5, lambda: fired.append(clock.monotonic()))
        gone = loop.call_at(loop.time() + 6, fired.append, -1.0)
        gone.cancel()
        await asyncio.sleep(10)
        fired.append(clock.monotonic())

    future = driven.submit(work)
    clock.advance(4)
    assert fired == []
    clock.advance(7)
    assert fired == [5.0, 10.0]
    assert future.done()


def test_waiting_for_a_result_moves_the_clock(driven: HandDrivenLoop, clock: ManualClock) -> None:
    future = driven.submit(lambda: asyncio.sleep(30, "awake"))
    with pytest.raises(TimeoutError):
        future.result(10)
    assert clock.monotonic() == 10
    assert future.result(60) == "awake"
    assert clock.monotonic() == 30
    with pytest.raises(TimeoutError, match="nothing answers this"):
        driven.submit(lambda: asyncio.get_running_loop().create_future()).result()


def test_asyncio_s_own_tools_work(driven: HandDrivenLoop) -> None:
    async def work() -> list[Any]:
        async with asyncio.timeout(5):
            first = await asyncio.gather(asyncio.sleep(1, "a"), asyncio.sleep(2, "b"))
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon(event.set)
        await event.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(100), 1)
        return list(first)

    assert driven.submit(work).result(30) == ["a", "b"]


def test_blocking_functions_run_here(driven: HandDrivenLoop) -> None:
    async def work() -> tuple[str, str]:
        name = await asyncio.to_thread(lambda: threading.current_thread().name)
        try:
            await asyncio.to_thread(lambda: 1 / 0)
        except ZeroDivisionError:
            return name, "raised"
        return name, ""

    assert driven.submit(work).result(1) == (threading.current_thread().name, "raised")


def test_connections_are_made_by_the_function(driven: HandDrivenLoop) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(asyncio.Protocol, "nowhere", 7)

    with pytest.raises(ConnectionRefusedError, match="nowhere:7"):
        driven.submit(work).result(1)


def test_what_nobody_caught_is_logged(
    driven: HandDrivenLoop, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)

    with caplog.at_level(logging.ERROR):
        driven.call(work)
    assert "ZeroDivisionError" in caplog.text


def test_callbacks_without_end_are_an_error(
    driven: HandDrivenLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_loop, "MOST_AT_ONCE", 100)

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    with pytest.raises(LoopError, match="100 callbacks in a row"):
        driven.post(again)


def test_context_is_kept(driven: HandDrivenLoop) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")
    seen: list[str] = []

    def work() -> None:
        name.set("inner")
        asyncio.get_running_loop().call_soon(lambda: seen.append(name.get()))

    driven.call(work)
    assert seen == ["inner"]
    assert name.get() == "none"


def test_life(clock: ManualClock) -> None:
    loop = HandDrivenLoop(refuse, name="life", clock=clock)
    with pytest.raises(LoopNotRunning):
        loop.post(print)
    loop.start()
    loop.start()
    cleaned: list[str] = []
    loop.at_stop(lambda: cleaned.append("sync"))

    async def slowly() -> None:
        await asyncio.sleep(5)
        cleaned.append("async")

    loop.at_stop(slowly)
    loop.stop()
    loop.stop()
    assert cleaned == ["async", "sync"]
    assert not loop.running
    with pytest.raises(LoopNotRunning):
        loop.post(print)
    loop.start()
    assert loop.call(lambda: "again") == "again"


def test_it_is_stopped_from_inside(driven: HandDrivenLoop) -> None:
    driven.call(driven.stop)
    assert not driven.running
    with pytest.raises((LoopNotRunning, LoopError, WrongThread)):
        driven.call(print)


async def test_inside_another_loop(driven: HandDrivenLoop) -> None:
    here = asyncio.get_running_loop()
    future = driven.submit(lambda: asyncio.sleep(1, "inner"))
    assert asyncio.get_running_loop() is here
    driven.clock.advance(2)  # type: ignore[attr-defined]
    assert await future == "inner"
