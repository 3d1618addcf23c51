"""A callback that is slower than what comes: block, drop the oldest, or keep the latest."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop import Deliver
from twsloop.processors import CallbackQueue, DeliveryCounts, Policy, Registry
from twsloop.processors.delivery import Delivery

BOUND = 3


class Bench:
    """A registry, and what its deliveries report and count."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.counted: Counter[str] = Counter()
        self.registry = Registry(lambda where, _: self.reports.append(where))

    def delivery(self, callback: Callable[..., object], where: Any, **options: Any) -> Delivery:
        return Delivery(
            callback,
            registry=self.registry,
            spawn=lambda _: None,
            report=lambda where, _: self.reports.append(where),
            count=lambda counter: self.counted.update([counter]),
            where=where,
            **options,
        )


class Slow:
    """A callback that takes its first call and holds it until it is told to go on."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.started, self.gate = threading.Event(), threading.Event()
        self.calls = threading.Semaphore(0)

    def __call__(self, value: Any) -> None:
        self.started.set()
        assert self.gate.wait(10)
        self.seen.append(value)
        self.calls.release()


@contextmanager
def held(bench: Bench, deliver: Callable[[Any], Deliver]) -> Iterator[tuple[Delivery, Slow]]:
    """A delivery in an executor whose first call (0) is under way, and holds on."""
    slow = Slow()
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        delivery = bench.delivery(slow, deliver(executor))
        delivery((0,))
        assert slow.started.wait(10)
        yield delivery, slow
        slow.gate.set()


def test_drop_oldest_drops_what_waited_longest_and_counts_it() -> None:
    bench = Bench()
    with held(bench, lambda where: Deliver(where, BOUND, "drop_oldest")) as (delivery, slow):
        for number in range(1, 11):
            delivery((number,))
        assert delivery.counts == DeliveryCounts(
            delivery.name, delivered=1, waiting=BOUND, dropped=7, replaced=0
        )
    assert slow.seen == [0, 8, 9, 10]
    assert bench.counted == {"callbacks_dropped": 7}
    assert delivery.counts.delivered == 4


def test_latest_replaces_what_waits_for_the_same_key() -> None:
    bench = Bench()
    with held(bench, lambda where: Deliver(where, policy="latest")) as (delivery, slow):
        for number in range(10):
            delivery((f"a{number}",), "a")
            delivery((f"b{number}",), "b")
    assert slow.seen == [0, "a9", "b9"]
    assert delivery.counts.replaced == 18


def test_block_waits_for_room_and_loses_nothing() -> None:
    seen: list[int] = []
    turn = threading.Semaphore(0)

    def take(value: int) -> None:
        assert turn.acquire(timeout=10)
        seen.append(value)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        delivery = Bench().delivery(take, Deliver(executor, BOUND, patience=10))

        def feed() -> None:
            for number in range(100):
                delivery((number,))

        feeder = threading.Thread(target=feed)
        feeder.start()
        most = 0
        for _ in range(100):
            most = max(most, delivery.counts.waiting)
            turn.release()
        feeder.join(10)
        assert not feeder.is_alive()
    assert seen == list(range(100))
    assert most <= BOUND
    assert delivery.counts.dropped == 0


def test_block_waits_in_vain_once_then_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    deliver = lambda where: Deliver(where, BOUND, "block", patience=0.05)  # noqa: E731
    with caplog.at_level(logging.WARNING), held(bench, deliver) as (delivery, slow):
        for number in range(1, 101):
            delivery((number,))  # a wait for each would be 5 s
        assert delivery.counts.dropped == 97
    assert slow.seen == [0, 98, 99, 100]
    assert "of its calls dropped so far" in caplog.text
    assert len(caplog.records) < 10


def test_a_callback_that_came_back_is_waited_for_again() -> None:
    bench = Bench()
    deliver = lambda where: Deliver(where, 1, "block", patience=0.05)  # noqa: E731
    with held(bench, deliver) as (delivery, slow):
        delivery((1,))
        delivery((2,))  # waits in vain: 1 is dropped
        assert delivery._deliver is not None
        delivery._deliver = attrs.evolve(delivery._deliver, patience=10)  # from here on it has time
        slow.gate.set()
        for _ in (0, 2):
            assert slow.calls.acquire(timeout=10)
        for number in range(3, 50):
            delivery((number,))
    assert slow.seen == [0, *range(2, 50)]


def test_closing_lets_go_of_whoever_waits_for_room() -> None:
    with held(Bench(), lambda where: Deliver(where, 1, patience=60)) as (delivery, slow):
        delivery((1,))
        feeder = threading.Thread(target=delivery, args=((2,),))
        feeder.start()
        delivery.close()
        feeder.join(10)
        assert not feeder.is_alive()
    assert slow.seen == [0]


async def test_a_loop_never_waits_for_itself() -> None:
    seen: list[int] = []
    delivery = Bench().delivery(seen.append, Deliver(asyncio.get_running_loop(), 1, patience=60))
    for number in range(10):
        delivery((number,))
    await asyncio.sleep(0)
    assert seen == [9]
    assert delivery.counts.dropped == 9


async def test_coroutines_in_another_loop() -> None:
    done = asyncio.Event()
    seen: list[int] = []

    async def take(value: int) -> None:
        await asyncio.sleep(0)
        seen.append(value)
        if value == 99:
            done.set()

    delivery = Bench().delivery(take, Deliver(asyncio.get_running_loop(), BOUND, patience=10))

    def feed() -> None:
        for number in range(100):
            delivery((number,))

    await asyncio.gather(asyncio.to_thread(feed), done.wait())
    assert seen == list(range(100))


def test_on_the_loop_thread_a_function_is_called_at_once() -> None:
    seen: list[int] = []
    delivery = Bench().delivery(seen.append, Deliver(bound=1))
    for number in range(3):
        delivery((number,))
    assert seen == [0, 1, 2]
    assert delivery.counts == DeliveryCounts(
        delivery.name, delivered=3, waiting=0, dropped=0, replaced=0
    )


async def coroutine(_: int) -> None:
    """Nothing: only its kind matters."""


def test_the_loop_thread_cannot_wait_for_its_own_coroutine() -> None:
    with pytest.raises(ValueError, match="cannot wait for itself: give Deliver"):
        Bench().delivery(coroutine, Deliver(bound=5))
    Bench().delivery(coroutine, Deliver(policy="drop_oldest"))


def test_a_coroutine_function_is_refused_for_an_executor() -> None:
    with (
        concurrent.futures.ThreadPoolExecutor(1) as executor,
        pytest.raises(TypeError, match="coroutine is a coroutine function"),
    ):
        Bench().delivery(coroutine, executor)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"where": "thread"}, "'thread' is no place to call a callback"),
        ({"where": Deliver()}, "no other Deliver"),
        ({"policy": "newest"}, "one of 'block', 'drop_oldest', 'latest'"),
        ({"bound": 0}, "bound=0: how many calls may wait"),
        ({"bound": 1.5}, "bound=1.5"),
        ({"bound": True}, "bound=True"),
        ({"patience": 0}, "patience=0: seconds, more than 0"),
        ({"patience": float("inf")}, "never waits for ever"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        Deliver(**options)


def test_a_place_that_is_none_is_refused_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="no place to call a callback"):
        Bench().delivery(print, "thread")
    with pytest.raises(TypeError, match="no place to call a callback"):
        Registry(lambda *_: None).add(Heard(), where="thread")  # type: ignore[arg-type]


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=60))
def test_drop_oldest_is_a_deque_with_a_length(bound: int, steps: list[bool]) -> None:
    """Against the plainest model: True puts a call, False lets one be taken."""
    seen: list[int] = []
    bench = Bench()
    run = bench.registry.queue = CallbackQueue(10**6)
    delivery = bench.delivery(seen.append, Deliver(bound=bound, policy="drop_oldest"))
    model: deque[int] = deque(maxlen=bound)
    taken: list[int] = []
    for number, put in enumerate(steps):
        if put:
            delivery((number,))
            model.append(number)
        elif (entry := run.get()) is not None:
            bench.registry.call(entry.name, entry.functions, entry.args)
            taken += model
            model.clear()
        counts = delivery.counts
        assert seen == taken
        assert (counts.waiting, counts.delivered) == (len(model), len(taken))
        assert counts.dropped == sum(steps[: number + 1]) - len(model) - len(taken)


# ---- processors --------------------------------------------------------------------------


def hear(*_args: Any) -> None:
    """Nothing: only the entry matters."""


def contents(queue: CallbackQueue) -> list[tuple[Any, ...]]:
    found = []
    while (entry := queue.get()) is not None:
        found.append((entry.name, *entry.args))
    return found


def test_a_queue_drops_the_oldest_event_of_a_stream_and_no_order_fact() -> None:
    gone: list[str] = []
    queue = CallbackQueue(9, gone.append, Deliver(bound=BOUND, policy="drop_oldest"))
    queue.put("orderStatus", (hear,), (1,))
    queue.put("realtimeBar", (hear,), (1,))
    queue.put("updateMktDepth", (hear,), (2,))
    queue.put("updateMktDepth", (hear,), (3,))
    queue.put("orderStatus", (hear,), (4,))
    assert gone == ["realtimeBar"]
    assert contents(queue) == [
        ("orderStatus", 1),
        ("updateMktDepth", 2),
        ("updateMktDepth", 3),
        ("orderStatus", 4),
    ]
    assert queue.dropped == 1


def test_a_queue_full_of_order_facts_drops_none_of_them() -> None:
    queue = CallbackQueue(9, None, Deliver(bound=BOUND, policy="drop_oldest"))
    for number in range(BOUND):
        queue.put("orderStatus", (hear,), (number,))
    queue.put("realtimeBar", (hear,), (1,))
    assert [name for name, _ in contents(queue)] == ["orderStatus"] * BOUND + ["realtimeBar"]
    assert queue.dropped == 0


def test_a_queue_keeps_the_latest_of_ticks_from_the_start() -> None:
    queue = CallbackQueue(1000, None, Deliver(policy="latest"))
    for price in range(10):
        queue.put("tickPrice", (hear,), (1, 4, float(price), None))
        queue.put("orderStatus", (hear,), (price,))
    found = contents(queue)
    assert [entry for entry in found if entry[0] == "tickPrice"] == [("tickPrice", 1, 4, 9.0, None)]
    assert len(found) == 11


class Heard:
    """A processor that gathers bars, as fast as it is let."""

    def __init__(self) -> None:
        self.bars: list[int] = []
        self.turn = threading.Semaphore(0)

    def realtimeBar(self, reqId: int, *_rest: Any) -> None:
        assert self.turn.acquire(timeout=10)
        self.bars.append(reqId)


def test_a_processor_that_blocks_misses_nothing() -> None:
    registry, heard = Registry(lambda *_: None), Heard()
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        registry.add(heard, where=Deliver(executor, BOUND, "block", patience=10))

        def feed() -> None:
            for number in range(100):
                registry.fanout.realtimeBar(number)

        feeder = threading.Thread(target=feed)
        feeder.start()
        for _ in range(100):
            heard.turn.release()
        feeder.join(10)
        assert not feeder.is_alive()
    assert heard.bars == list(range(100))


def test_a_processor_that_is_stuck_is_waited_for_once(caplog: pytest.LogCaptureFixture) -> None:
    queue = CallbackQueue(9, None, Deliver(bound=BOUND, patience=0.05))
    with caplog.at_level(logging.WARNING):
        for number in range(100):
            queue.put("realtimeBar", (hear,), (number,))
    assert [number for _, number in contents(queue)] == [0, 1, 2]
    assert queue.dropped == 97
    assert caplog.text.count("waited 0.05 s for room") == 1


def test_a_processor_on_the_loop_thread_takes_a_deliver_too() -> None:
    registry, heard = Registry(lambda *_: None), Heard()
    registry.add(heard, where=Deliver(bound=1))
    heard.turn.release()
    registry.fanout.realtimeBar(5)
    assert heard.bars == [5]


def test_policies_are_words() -> None:
    assert Deliver(policy=Policy.LATEST) == Deliver(policy="latest")
    assert Deliver().policy is Policy.BLOCK
