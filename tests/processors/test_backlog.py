"""Reports about orders are never dropped; who is behind with them is known by name."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processors.test_delivery import Bench
from tests.support.clients import PATIENCE, await_condition
from twsloop.processors import CallbackQueue, Deliver
from twsloop.processors.backlog import ORDER_FACTS, Backlog


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(1) as made:
        yield made


class Held:
    """A callback that waits until it is let go."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.go = threading.Event()
        self.began = threading.Event()

    def on_fill(self, value: int) -> None:
        self.began.set()
        assert self.go.wait(PATIENCE)
        self.seen.append(value)


@pytest.mark.parametrize("policy", ["plain", "drop_oldest", "block"])
def test_a_slow_consumer_of_order_facts_loses_none_and_is_named(
    pool: concurrent.futures.ThreadPoolExecutor, policy: str
) -> None:
    bench, held = Bench(), Held()
    where = pool if policy == "plain" else Deliver(pool, 5, policy, patience=0.01)
    delivery = bench.delivery(held.on_fill, where=where, bound=5, keep=True)
    for number in range(20):
        delivery((number,))
        assert held.began.wait(PATIENCE)
    backlog = bench.registry.backlog
    assert "on_fill" in backlog.reason
    assert "reports about orders wait for it" in backlog.reason
    assert (delivery.counts.dropped, delivery.counts.spilled) == (0, backlog.spilled)
    assert backlog.spilled == 14
    held.go.set()
    await_condition(lambda: len(held.seen) == 20)
    assert held.seen == list(range(20))
    assert backlog.reason == "", "it has caught up"


def test_everything_else_is_bounded_and_counted(
    pool: concurrent.futures.ThreadPoolExecutor,
) -> None:
    bench, held = Bench(), Held()
    delivery = bench.delivery(held.on_fill, where=pool, bound=5)
    delivery((0,))
    assert held.began.wait(PATIENCE)
    for number in range(1, 20):
        delivery((number,))
    assert (delivery.counts.waiting, delivery.counts.dropped) == (5, 14)
    assert bench.counted["callbacks_dropped"] == 14
    assert bench.registry.backlog.reason == ""
    held.go.set()
    await_condition(lambda: held.seen == [0, 15, 16, 17, 18, 19])


def test_one_that_is_closed_is_not_behind(pool: concurrent.futures.ThreadPoolExecutor) -> None:
    bench, held = Bench(), Held()
    delivery = bench.delivery(held.on_fill, where=pool, bound=1, keep=True)
    for number in range(5):
        delivery((number,))
        assert held.began.wait(PATIENCE)
    assert bench.registry.backlog.reason
    delivery.close()
    assert bench.registry.backlog.reason == ""
    held.go.set()


def test_a_queue_keeps_order_facts_beyond_its_bound_and_is_behind_with_them() -> None:
    backlog = Backlog()
    queue = CallbackQueue(3, backlog=backlog)
    for number in range(3):
        queue.put("orderStatus", (print,), (number,))
    assert backlog.reason == ""
    queue.put("execDetails", (print,), (3,))
    queue.put("tickPrice", (print,), (1, 2, 3.0))
    assert backlog.reason == "run() is behind: 4 reports about orders wait for it"
    queue.get()
    assert backlog.reason == ""
    queue.put("execDetails", (print,), (3,))
    assert backlog.reason
    queue.clear()
    assert backlog.reason == ""


names = st.sampled_from([*sorted(ORDER_FACTS), "tickPrice", "tickByTickAllLast", "openOrderEnd"])


@given(st.integers(1, 5), st.lists(st.one_of(names, st.none()), max_size=60))
def test_behind_means_more_order_facts_than_the_bound(bound: int, steps: list[str | None]) -> None:
    backlog = Backlog()
    queue = CallbackQueue(bound, backlog=backlog)
    model: list[str] = []
    kept = 0
    for number, name in enumerate(steps):
        if name is None:
            entry = queue.get()
            if entry is not None and entry.name in ORDER_FACTS:
                assert entry.name == model.pop(0)
        else:
            queue.put(name, (print,), (number,))
            if name in ORDER_FACTS:
                model.append(name)
                kept += 1
        assert bool(backlog.reason) == (len(model) > bound)
    assert kept >= len(model)
