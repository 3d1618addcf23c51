"""A registered callback is called where it is wanted; it may raise, be slow, or be a coroutine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from twsloop.processors import CallbackQueue, Registry
from twsloop.processors.delivery import PROBATION, RUN_LENGTH, Delivery


class Bench:
    """A registry, and what its deliveries report."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, BaseException]] = []
        self.counted: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[Any]] = []
        self.registry = Registry(lambda where, error: self.reports.append((where, error)))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def count(self, counter: str) -> None:
        self.counted[counter] += 1

    def delivery(self, callback: Any, **options: Any) -> Delivery:
        return Delivery(
            callback,
            registry=self.registry,
            spawn=self.spawn,
            report=lambda where, error: self.reports.append((where, error)),
            count=self.count,
            **options,
        )


def test_at_once() -> None:
    seen: list[int] = []
    delivery = Bench().delivery(seen.append)
    delivery((1,))
    assert seen == [1]
    delivery.close()
    delivery((2,))
    assert seen == [1]


def test_what_it_raises_is_reported_by_its_name() -> None:
    def broken(_: int) -> None:
        raise KeyError("x")

    bench = Bench()
    bench.delivery(broken)((1,))
    ((where, error),) = bench.reports
    assert "broken" in where
    assert isinstance(error, KeyError)


def test_a_slow_call_is_counted() -> None:
    bench = Bench()
    pause = threading.Event()
    bench.delivery(lambda: pause.wait(0.06))(())
    assert bench.counted == {"callbacks_slow": 1}


def run_one(bench: Bench) -> None:
    """What ``run()`` does with the next entry of its queue."""
    assert bench.registry.queue is not None
    entry = bench.registry.queue.get()
    assert entry is not None
    bench.registry.call(entry.name, entry.functions, entry.args)


def test_with_the_callbacks_of_run() -> None:
    seen: list[int] = []
    bench = Bench()
    bench.registry.queue = CallbackQueue(100)
    delivery = bench.delivery(seen.append)
    for number in range(3):
        delivery((number,))
    assert seen == []
    assert len(bench.registry.queue) == 1  # one run takes all that waits
    run_one(bench)
    assert seen == [0, 1, 2]


def test_a_queue_that_a_new_session_cleared_does_not_silence_it() -> None:
    seen: list[int] = []
    bench = Bench()
    bench.registry.queue = CallbackQueue(100)
    delivery = bench.delivery(seen.append, latest=True)
    delivery((1,))
    bench.registry.queue.clear()
    delivery((2,))
    run_one(bench)
    assert seen == [2]


def test_latest_keeps_one_call_for_each_key() -> None:
    seen: list[Any] = []
    gate, started = threading.Event(), threading.Event()

    def show(value: Any) -> None:
        started.set()
        gate.wait(10)
        seen.append(value)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        delivery = Bench().delivery(show, where=executor, latest=True)
        delivery(("first",), "a")
        assert started.wait(10)
        for number in range(100):
            delivery((f"a{number}",), "a")
            delivery((f"b{number}",), "b")
        gate.set()
    assert seen == ["first", "a99", "b99"]


def test_without_latest_nothing_is_dropped() -> None:
    seen: list[int] = []
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        delivery = Bench().delivery(seen.append, where=executor)
        for number in range(1000):
            delivery((number,))
    assert seen == list(range(1000))


def test_a_closed_executor_is_reported_once() -> None:
    bench = Bench()
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    delivery = bench.delivery(lambda _: None, where=executor)
    delivery((1,))
    delivery((2,))
    assert len(bench.reports) == 1


async def test_coroutines_run_one_after_the_other() -> None:
    seen: list[str] = []

    async def show(value: str) -> None:
        seen.append(f"{value} in")
        await asyncio.sleep(0)
        if value == "b":
            raise ValueError(value)
        seen.append(f"{value} out")

    class Show:
        async def __call__(self, value: str) -> None:
            await show(value)

    for callback in (show, Show()):
        seen.clear()
        bench = Bench()
        delivery = bench.delivery(callback)
        for value in "abc":
            delivery((value,))
        await asyncio.gather(*bench.tasks)
        assert seen == ["a in", "a out", "b in", "c in", "c out"]
        assert [type(error) for _, error in bench.reports] == [ValueError]


async def test_a_cancelled_wait_inside_a_coroutine_loses_no_other_call() -> None:
    seen: list[int] = []

    async def show(value: int) -> None:
        if value == 1:
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        seen.append(value)

    bench = Bench()
    delivery = bench.delivery(show)
    for value in (1, 2):
        delivery((value,))
    await asyncio.gather(*bench.tasks)
    delivery((3,))
    await asyncio.gather(*bench.tasks)
    assert seen == [2, 3]
    assert [type(error) for _, error in bench.reports] == [asyncio.CancelledError]


def test_a_closed_loop_is_reported_once_and_leaves_no_coroutine_behind() -> None:
    async def show(_: int) -> None:
        raise AssertionError

    loop = asyncio.new_event_loop()
    loop.close()
    bench = Bench()
    delivery = bench.delivery(show, where=loop)
    delivery((1,))
    delivery((2,))
    assert [type(error) for _, error in bench.reports] == [RuntimeError]


def test_an_exit_away_from_the_main_thread_is_reported() -> None:
    def leave(_: int) -> None:
        raise SystemExit(1)

    bench = Bench()
    thread = threading.Thread(target=bench.delivery(leave), args=((1,),))
    thread.start()
    thread.join(10)
    assert [type(error) for _, error in bench.reports] == [SystemExit]


def test_after_ctrl_c_in_run_it_goes_on() -> None:
    seen: list[int] = []

    def show(value: int) -> None:
        if value == 1:
            raise KeyboardInterrupt
        seen.append(value)

    bench = Bench()
    bench.registry.queue = CallbackQueue(10)
    delivery = bench.delivery(show)
    delivery((1,))
    with pytest.raises(KeyboardInterrupt):
        run_one(bench)
    delivery((2,))
    run_one(bench)
    assert seen == [2]


async def test_in_another_loop() -> None:
    here = threading.get_ident()
    seen: asyncio.Queue[bool] = asyncio.Queue()

    def show(_: int) -> None:
        seen.put_nowait(threading.get_ident() == here)

    async def show_later(value: int) -> None:
        show(value)

    loop = asyncio.get_running_loop()
    for callback in (show, show_later):
        delivery = Bench().delivery(callback, where=loop)
        await asyncio.to_thread(delivery, (1,))
        assert await asyncio.wait_for(seen.get(), 10)


def test_who_shares_an_executor_has_a_turn_however_much_the_other_hears() -> None:
    """The other is told something new at each call, as of a ticker that never rests."""
    quiet_heard = threading.Event()
    bench, calls = Bench(), 0

    def never_rests(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            quiet(())
        if not quiet_heard.is_set() and calls < 100 * RUN_LENGTH:
            busy((calls,))

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        busy = bench.delivery(never_rests, where=executor)
        quiet = bench.delivery(quiet_heard.set, where=executor)
        busy((0,))
        assert quiet_heard.wait(10)
    assert calls <= 2 * RUN_LENGTH
    assert bench.reports == []


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
async def test_a_loop_of_the_user_goes_on_however_much_is_heard(kind: str) -> None:
    calls = 0
    turns: list[int] = []

    def hear(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # somebody else of this loop wants a turn from now on
            loop.call_soon(lambda: turns.append(calls))
        if not turns and calls < 100 * RUN_LENGTH:
            delivery((calls,))

    async def hear_later(value: int) -> None:
        hear(value)

    callback = hear if kind == "function" else hear_later
    loop = asyncio.get_running_loop()
    delivery = Bench().delivery(callback, where=loop)
    await asyncio.to_thread(delivery, (0,))
    while not turns:
        await asyncio.sleep(0)
    assert turns[0] <= 2 * RUN_LENGTH


def test_an_executor_that_is_closed_meanwhile_takes_what_waited() -> None:
    count, seen = 3 * RUN_LENGTH, list[int]()
    gate = threading.Event()

    def show(value: int) -> None:
        gate.wait(10)
        seen.append(value)

    executor = concurrent.futures.ThreadPoolExecutor(1)
    bench = Bench()
    delivery = bench.delivery(show, where=executor)
    for value in range(count):
        delivery((value,))
    executor.shutdown(wait=False)
    gate.set()
    executor.shutdown(wait=True)
    assert seen == list(range(count))
    assert bench.reports == []


@pytest.mark.parametrize("latest", [True, False])
def test_close_forgets_what_waits(latest: bool) -> None:
    seen: list[int] = []
    gate, started = threading.Event(), threading.Event()

    def show(value: int) -> None:
        started.set()
        gate.wait(10)
        seen.append(value)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        delivery = Bench().delivery(show, where=executor, latest=latest)
        delivery((1,), 1)
        assert started.wait(10)
        delivery((2,), 2)
        delivery.close()
        gate.set()
    assert seen == [1]


def test_one_argument_is_delivered_like_any_other_call() -> None:
    """The way of ticks: called at once, counted, guarded, named when it is slow, and closed."""
    bench, seen, pause = Bench(), list[object](), threading.Event()

    def show(item: object) -> None:
        seen.append(item)
        if item == "slow":
            pause.wait(0.06)
        if item == "broken":
            raise KeyError(item)

    delivery = bench.delivery(show)
    for item in ("quick", "broken", "slow"):
        delivery.one(item)
    assert seen == ["quick", "broken", "slow"]
    ((name, error),) = bench.reports
    assert "show" in name
    assert isinstance(error, KeyError)
    assert bench.counted == {"callbacks_slow": 1}
    assert delivery.counts.delivered == 3
    delivery.close()
    delivery.one("late")
    assert len(seen) == 3


def test_a_callback_that_was_quick_for_long_is_timed_again_after_a_batch_overran() -> None:
    bench, seen, pause = Bench(), list[object](), threading.Event()

    def show(item: object) -> None:
        seen.append(item)
        if item == "slow":
            pause.wait(0.06)
        if item == "broken":
            raise KeyError(item)

    delivery = bench.delivery(show)
    for number in range(PROBATION):
        assert delivery.quick is None
        delivery.one(number)
    assert delivery.quick is show
    delivery.one("broken")
    delivery.one("slow")
    assert (len(bench.reports), bench.counted) == (1, {})
    bench.registry.batch_took(1.0)
    delivery.one("slow")
    assert bench.counted == {"callbacks_slow": 1}
    assert delivery.counts.delivered == len(seen) == PROBATION + 3
    delivery.one("quick")
    assert delivery.quick is show
    bench.registry.queue = CallbackQueue(10)
    bench.registry.rebuild()
    delivery.one("queued")
    assert seen[-1] == "quick"
    bench.registry.queue = None
    bench.registry.rebuild()
    delivery.close()
    delivery.one("late")
    assert seen[-1] == "quick"


def test_one_argument_waits_by_its_key_or_by_itself() -> None:
    seen: list[str] = []
    bench = Bench()
    bench.registry.queue = CallbackQueue(100)
    by_itself, by_key = (bench.delivery(seen.append, latest=True) for _ in range(2))
    for item in ("a", "b", "a"):
        by_itself.one(item)
        by_key.one(item, None)
    assert seen == []
    assert (by_itself.counts.waiting, by_itself.counts.replaced) == (2, 1)
    assert (by_key.counts.waiting, by_key.counts.replaced) == (1, 2)
    run_one(bench)
    run_one(bench)
    assert seen == ["a", "b", "a"]


def test_what_ends_the_program_leaves_one_in_the_main_thread_only() -> None:
    def leave(_item: object) -> None:
        raise SystemExit(3)

    bench = Bench()
    delivery = bench.delivery(leave)
    with pytest.raises(SystemExit):
        delivery.one(1)
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        other.submit(delivery.one, 1).result(10)
    assert [type(error) for _, error in bench.reports] == [SystemExit]
