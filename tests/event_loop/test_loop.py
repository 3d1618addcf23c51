"""The loop thread: start, stop, doors, scheduled work, and a forgotten stop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import LoopFactory
from tests.support.processes import PATIENT
from twsloop.clock import ManualClock
from twsloop.errors import LoopError, LoopNotRunning, WrongThread
from twsloop.event_loop import Future, IBKREventLoop

Reports = list[tuple[str, BaseException]]


@pytest.fixture
def reports() -> Reports:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def loop(
    loop_factory: LoopFactory, clock: ManualClock, reports: Reports
) -> Iterator[IBKREventLoop]:
    loop = IBKREventLoop(
        name="test-loop",
        clock=clock,
        loop_factory=loop_factory,
        on_exception=lambda where, error: reports.append((where, error)),
    )
    loop.start()
    yield loop
    loop.stop()


def settle(loop: IBKREventLoop) -> None:
    """Let everything that was posted run."""
    loop.call(lambda: None, timeout=10)
    loop.call(asyncio.sleep, 0, timeout=10)


def test_start_returns_when_it_runs_on_a_thread_of_its_own(loop: IBKREventLoop) -> None:
    assert loop.running
    assert loop.call(lambda: threading.current_thread().name) == "test-loop"
    assert loop.call(loop.in_loop)
    assert not loop.in_loop()
    assert not loop.call(lambda: threading.current_thread().daemon)


def test_start_twice_and_stop_twice_do_nothing_more(loop: IBKREventLoop) -> None:
    thread = loop.call(threading.current_thread)
    loop.start()
    assert loop.call(threading.current_thread) is thread
    loop.stop()
    loop.stop()
    assert not thread.is_alive()


def test_it_can_be_started_again(loop: IBKREventLoop) -> None:
    loop.stop()
    loop.start()
    assert loop.call(lambda: 1) == 1


def test_start_raises_what_killed_the_loop() -> None:
    def broken() -> asyncio.AbstractEventLoop:
        raise OSError("no file handles left")

    with pytest.raises(LoopError, match="no file handles left"):
        IBKREventLoop(loop_factory=broken).start()


def test_doors_of_a_loop_that_is_not_running() -> None:
    loop = IBKREventLoop()
    for door in (loop.post, loop.submit, loop.call, loop.schedule_task):
        with pytest.raises(LoopNotRunning, match="start it first"):
            door(print)


def test_submit_takes_plain_and_async_work(loop: IBKREventLoop) -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    assert loop.submit(lambda: 1).result(10) == 1
    assert loop.submit(later, 2).result(10) == 2


def test_submit_hands_over_exceptions(loop: IBKREventLoop, reports: Reports) -> None:
    def plain() -> None:
        raise KeyError("plain")

    async def later() -> None:
        raise KeyError("later")

    for work in (plain, later):
        with pytest.raises(KeyError):
            loop.submit(work).result(10)
    assert reports == []


def test_cancelling_the_future_cancels_the_work(loop: IBKREventLoop) -> None:
    cancelled: concurrent.futures.Future[bool] = concurrent.futures.Future()
    started: concurrent.futures.Future[None] = concurrent.futures.Future()

    async def long() -> None:
        started.set_result(None)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set_result(True)
            raise

    future = loop.submit(long)
    started.result(10)
    future.cancel()
    assert cancelled.result(10)


def test_a_blocking_call_on_the_loop_thread_raises(loop: IBKREventLoop) -> None:
    def inside() -> None:
        loop.call(lambda: None)

    with pytest.raises(WrongThread):
        loop.call(inside, timeout=10)


def test_an_exception_of_posted_work_is_reported(loop: IBKREventLoop, reports: Reports) -> None:
    def boom() -> None:
        raise ValueError("boom")

    loop.post(boom)
    settle(loop)
    (report,) = reports
    assert "boom" in report[0]
    assert str(report[1]) == "boom"


def test_stop_from_the_loop_thread_ends_it(loop: IBKREventLoop) -> None:
    thread = loop.call(threading.current_thread)
    loop.call(loop.stop)
    thread.join(10)
    assert not thread.is_alive()
    assert not loop.running


def test_clean_up_runs_backwards_and_one_that_fails_skips_no_other(
    loop: IBKREventLoop, reports: Reports
) -> None:
    order: list[str] = []

    async def close() -> None:
        order.append("first")

    def broken() -> None:
        order.append("second")
        raise OSError("disk")

    loop.at_stop(close)
    loop.at_stop(broken)
    loop.stop()
    assert order == ["second", "first"]
    assert [str(error) for _, error in reports] == ["disk"]


def test_a_callback_that_does_not_return_is_named_by_stop(loop: IBKREventLoop) -> None:
    release = threading.Event()
    loop.post(release.wait, 30)
    with pytest.raises(LoopError, match="does not return"):
        loop.stop(timeout=0.05)
    release.set()
    loop.stop()


# ---- scheduled work -------------------------------------------------------------------


def test_a_delay(loop: IBKREventLoop, clock: ManualClock) -> None:
    handle = loop.schedule_task(lambda: "done", delay=5)
    settle(loop)
    clock.advance(4.9)
    assert (handle.runs, handle.done()) == (0, False)
    clock.advance(0.1)
    assert handle.future.result(10) == "done"
    assert handle.done()


def test_now_when_nothing_is_said(loop: IBKREventLoop, clock: ManualClock) -> None:
    handle = loop.schedule_task(lambda: 1)
    settle(loop)
    clock.advance(0)
    assert handle.future.result(10) == 1


def test_every_keeps_to_its_grid(loop: IBKREventLoop, clock: ManualClock) -> None:
    times: list[float] = []
    handle = loop.schedule_task(lambda: times.append(clock.monotonic()), every=2)
    settle(loop)
    clock.advance(7)
    assert times == [2, 4, 6]
    handle.cancel()
    settle(loop)
    clock.advance(10)
    assert times == [2, 4, 6]
    assert handle.done()
    assert handle.future.cancelled()


def test_delay_and_every(loop: IBKREventLoop, clock: ManualClock) -> None:
    times: list[float] = []
    loop.schedule_task(lambda: times.append(clock.monotonic()), delay=1, every=10)
    settle(loop)
    clock.advance(25)
    assert times == [1, 11, 21]


def test_a_time(loop: IBKREventLoop, clock: ManualClock) -> None:
    handle = loop.schedule_task(lambda: "bell", at=clock.now() + timedelta(hours=1))
    past = loop.schedule_task(lambda: "late", at=datetime(2000, 1, 1, tzinfo=UTC))
    settle(loop)
    clock.advance(0)
    assert past.future.result(10) == "late"
    assert not handle.done()
    clock.advance(3600)
    assert handle.future.result(10) == "bell"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"delay": -1}, "negative"),
        ({"every": 0}, "more than 0"),
        ({"at": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001  (the mistake itself)
        ({"at": datetime(2026, 1, 1, tzinfo=UTC), "delay": 1}, "not both"),
    ],
)
def test_mistakes_raise_at_once(
    loop: IBKREventLoop, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        loop.schedule_task(lambda: None, **arguments)  # type: ignore[arg-type]


def test_exceptions_are_reported_with_the_name_and_repetition_goes_on(
    loop: IBKREventLoop, clock: ManualClock, reports: Reports
) -> None:
    def bad() -> None:
        raise RuntimeError("again")

    handle = loop.schedule_task(bad, every=1, name="my task")
    settle(loop)
    clock.advance(3)
    assert handle.runs == 3
    assert [where for where, _ in reports] == ["scheduled task 'my task'"] * 3
    once = loop.schedule_task(bad, delay=0)
    settle(loop)
    clock.advance(0)
    with pytest.raises(RuntimeError, match="again"):
        once.future.result(10)


def test_async_runs_never_overlap(loop: IBKREventLoop, clock: ManualClock) -> None:
    gate = loop.call(asyncio.Event)
    handle = loop.schedule_task(gate.wait, every=1)
    settle(loop)
    clock.advance(3)
    assert handle.runs == 1
    loop.post(gate.set)
    settle(loop)
    clock.advance(1)
    assert handle.runs == 2


def test_it_can_be_scheduled_from_the_loop_thread(loop: IBKREventLoop, clock: ManualClock) -> None:
    handle = loop.call(lambda: loop.schedule_task(lambda: "inside", delay=1))
    clock.advance(1)
    assert handle.future.result(10) == "inside"


def test_stop_ends_what_is_pending(loop: IBKREventLoop) -> None:
    waiting = loop.schedule_task(lambda: None, delay=1000)
    under_way = loop.submit(asyncio.Event().wait)
    settle(loop)
    loop.stop()
    assert waiting.done()
    assert waiting.future.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        under_way.result(10)


def test_processors_go_to_the_registry(loop_factory: LoopFactory) -> None:
    class Registry:
        def __init__(self) -> None:
            self.added: list[object] = []

        def add(self, processor: object) -> None:
            self.added.append(processor)

    registry = Registry()
    processor = object()
    IBKREventLoop(loop_factory=loop_factory, registry=registry).add_message_processor(processor)
    assert registry.added == [processor]
    with pytest.raises(LoopError, match="registry"):
        IBKREventLoop(loop_factory=loop_factory).add_message_processor(processor)


FORGOTTEN = """
import asyncio
from twsloop.event_loop import IBKREventLoop
loop = IBKREventLoop()
loop.start()
async def close():
    await asyncio.sleep(0)
    print("journal closed", flush=True)
loop.at_stop(close)
{end}
"""


@pytest.mark.parametrize(
    ("end", "status"), [("", 0), ("raise SystemExit(3)", 3), ("raise RuntimeError('x')", 1)]
)
def test_a_program_that_forgets_to_stop_ends_with_its_clean_up_done(end: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN.format(end=end)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout == "journal closed\n"
    assert done.returncode == status


def test_started_again_right_after_a_stop_on_its_own_thread(loop: IBKREventLoop) -> None:
    for round_ in range(20):
        first = loop.call(threading.current_thread)
        loop.call(loop.stop)  # asks for the end, and returns before it
        loop.start()
        second = loop.call(threading.current_thread)
        assert second is not first, round_
        assert not first.is_alive()


def test_starting_it_on_its_own_thread_while_it_ends_raises(loop: IBKREventLoop) -> None:
    def stop_and_start() -> None:
        loop.stop()
        loop.start()

    with pytest.raises(WrongThread):
        loop.call(stop_and_start)


def test_a_thread_that_gets_a_dead_loop_s_number_is_not_taken_for_it(loop: IBKREventLoop) -> None:
    loop.call(loop.stop)
    assert loop._thread is not None
    loop._thread.join()
    seen: list[bool] = []
    for _ in range(50):  # the system hands a dead thread's number to the next one
        thread = threading.Thread(target=lambda: seen.append(loop.in_loop()))
        thread.start()
        thread.join()
    assert not any(seen)


def test_work_taken_at_the_last_moment_gets_an_answer(loop: IBKREventLoop) -> None:
    """Whoever waits for it must not wait for ever."""
    futures: list[Future[None]] = []

    def last() -> None:
        futures.append(loop.submit(asyncio.sleep, 1000))

    loop.at_stop(last)
    loop.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        futures[0].result(10)


def test_a_held_loop_outlives_the_main_thread_and_no_longer() -> None:
    program = """
import threading
from twsloop.event_loop import IBKREventLoop
class Watched(IBKREventLoop):
    def _is_held(self):
        looks.release()
        return super()._is_held()
looks, entered = threading.Semaphore(0), threading.Event()
loop = Watched()
loop.start()
def serve():
    with loop.held():
        entered.set()
        # The watcher has seen the main thread's end, left the loop alone, and looks again.
        assert looks.acquire(timeout=10)
        assert looks.acquire(timeout=10)
        print(loop.call(lambda: "alive"), flush=True)
threading.Thread(target=serve).start()
entered.wait()
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PATIENT + program],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
