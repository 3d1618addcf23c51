"""The queue on the way to another thread: what conflates, what drops, what never does."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clients import Background, await_condition
from twsloop.processors import CALLBACKS, CallbackQueue, Deliver
from twsloop.processors.queue import _CONFLATE, _DROP, Courier

BOUND = 10


def hear(*_args: Any) -> None:
    """Nothing: only the entry matters."""


def names(queue: CallbackQueue) -> list[tuple[Any, ...]]:
    found = []
    while (entry := queue.get()) is not None:
        found.append((entry.name, *entry.args))
    return found


def fill(queue: CallbackQueue) -> None:
    for number in range(BOUND):
        queue.put("orderStatus", (hear,), (number, "Submitted"))


def test_below_the_bound_every_tick_is_kept() -> None:
    queue = CallbackQueue(BOUND)
    for price in range(BOUND):
        queue.put("tickPrice", (hear,), (1, 4, float(price), None))
    assert len(queue) == BOUND
    assert [args[3] for args in names(queue)] == [float(price) for price in range(BOUND)]
    assert queue.conflated == 0


def test_at_the_bound_ticks_conflate_to_the_newest_of_their_kind() -> None:
    queue = CallbackQueue(BOUND)
    fill(queue)
    for price in range(1000):
        queue.put("tickPrice", (hear,), (price % 3, 4, float(price), None))
        queue.put("tickSize", (hear,), (price % 3, 5, price))
    assert len(queue) == BOUND + 6, "one for each line and kind"
    assert queue.conflated == 2000 - 6
    ticks = [args for args in names(queue) if args[0] == "tickPrice"]
    assert {args[1]: args[3] for args in ticks} == {0: 999.0, 1: 997.0, 2: 998.0}


def test_order_facts_and_end_markers_never_drop() -> None:
    queue = CallbackQueue(BOUND)
    fill(queue)
    never = ["orderStatus", "openOrder", "execDetails", "commissionAndFeesReport", "error",
             "openOrderEnd", "positionEnd", "position", "historicalData", "historicalDataEnd",
             "connectionClosed", "nextValidId", "managedAccounts"]  # fmt: skip
    for name in never * 100:
        queue.put(name, (hear,), ())
    assert len(queue) == BOUND + 100 * len(never)
    assert queue.dropped == 0


def test_single_events_of_streams_drop_counted_and_told() -> None:
    told: list[str] = []
    queue = CallbackQueue(BOUND, told.append)
    fill(queue)
    for _ in range(5):
        queue.put("tickByTickAllLast", (hear,), (1,))
    assert len(queue) == BOUND
    assert queue.dropped == 5
    assert told == ["tickByTickAllLast"] * 5


def test_what_conflates_or_drops_are_callbacks_with_such_a_key() -> None:
    assert set(_CONFLATE) | _DROP <= set(CALLBACKS)
    assert not set(_CONFLATE) & _DROP
    for name, width in _CONFLATE.items():
        assert width <= len(CALLBACKS[name].parameters) - 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["tickPrice", "orderStatus", "tickByTickBidAsk", "GET"]),
                  st.integers(0, 4)),
        max_size=200,
    )
)  # fmt: skip
def test_facts_come_all_and_in_order_ticks_end_with_the_newest(
    plan: list[tuple[str, int]],
) -> None:
    queue = CallbackQueue(BOUND)
    out: list[tuple[Any, ...]] = []
    newest: dict[int, int] = {}
    for serial, (name, key) in enumerate(plan):
        if name == "GET":
            entry = queue.get()
            if entry is not None:
                out.append((entry.name, *entry.args))
            continue
        queue.put(name, (hear,), (key, 4, serial))
        if name == "tickPrice":
            newest[key] = serial
        assert len(queue) <= BOUND + 5 + sum(name == "orderStatus" for name, _ in plan)
    out += names(queue)
    facts = [args[3] for args in out if args[0] == "orderStatus"]
    assert facts == [s for s, (name, _) in enumerate(plan) if name == "orderStatus"]
    last = {args[1]: args[3] for args in out if args[0] == "tickPrice"}
    assert last == newest


def test_the_end_of_a_message_is_marked_on_its_last_callback() -> None:
    queue = CallbackQueue(BOUND)
    queue.put("tickPrice", (hear,), (1, 4, 1.0, None))
    queue.put("tickSize", (hear,), (1, 5, 100))
    queue.end_message(always=False)
    queue.end_message(always=False)
    first, second = queue.get(), queue.get()
    assert first is not None
    assert second is not None
    assert (first.ends_message, second.ends_message) == (False, True)
    assert queue.get() is None


def test_marks_of_unheard_messages_do_not_grow_beyond_the_bound() -> None:
    queue = CallbackQueue(BOUND)
    for _ in range(1000):
        queue.end_message(always=True)
    assert len(queue) == BOUND


def test_one_can_be_taken_out_of_its_turn() -> None:
    queue = CallbackQueue(BOUND)
    fill(queue)
    queue.put("connectionClosed", (hear,), ())
    entry = queue.take("connectionClosed")
    assert entry is not None
    assert queue.take("connectionClosed") is None
    assert len(queue) == BOUND


def test_who_left_hears_nothing_of_what_waits() -> None:
    queue = CallbackQueue(BOUND)
    other = print
    queue.put("error", (hear, other), (1,))
    queue.forget(frozenset({hear}))
    entry = queue.get()
    assert entry is not None
    assert entry.functions == (other,)


def test_get_waits_for_a_put_and_can_be_woken() -> None:
    queue = CallbackQueue(BOUND)
    assert queue.get(0.01) is None
    thread = threading.Thread(target=lambda: queue.put("error", (hear,), ()))
    thread.start()
    entry = queue.get(10)
    thread.join()
    assert entry is not None
    sleeper = Background(queue.get, None)
    await_condition(lambda: bool(queue._ready._waiters))  # type: ignore[attr-defined]
    queue.wake()
    assert sleeper.result() is None


# ---- the courier ---------------------------------------------------------------------------------


def call(_name: str, functions: tuple[Any, ...], args: tuple[Any, ...]) -> None:
    for function in functions:
        function(*args)


def test_an_executor_gets_them_in_order_one_at_a_time() -> None:
    done = threading.Event()
    seen: list[int] = []
    running = threading.Lock()

    def listen(number: int) -> None:
        assert running.acquire(blocking=False), "two at once"
        seen.append(number)
        running.release()
        if number == 999:
            done.set()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        courier = Courier(pool, 10_000, call)
        for number in range(1000):
            courier.put("execDetails", (listen,), (number,))
        assert done.wait(10)
    assert seen == list(range(1000))


async def test_an_asyncio_loop_gets_them_and_its_own_work_goes_on() -> None:
    loop = asyncio.get_running_loop()
    courier = Courier(loop, 100_000, call)
    thread = threading.current_thread()
    seen: list[int] = []
    turns: list[int] = []
    done = asyncio.Event()

    def listen(number: int) -> None:
        assert threading.current_thread() is thread
        seen.append(number)
        if number == 4999:
            done.set()

    def turn() -> None:
        turns.append(len(seen))
        if not done.is_set():
            loop.call_soon(turn)

    for number in range(5000):
        courier.put("execDetails", (listen,), (number,))
    loop.call_soon(turn)
    await asyncio.wait_for(done.wait(), 10)
    assert seen == list(range(5000))
    assert len(turns) > 10, "a burst must not hold the user's loop to its end"


async def test_a_slow_loop_s_ticks_conflate() -> None:
    courier = Courier(asyncio.get_running_loop(), BOUND, call)
    seen: list[float] = []
    for price in range(1000):
        courier.put(
            "tickPrice", (lambda _i, _t, p, _a: seen.append(p),), (1, 4, float(price), None)
        )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(seen) == BOUND
    assert seen[-1] == 999.0


def test_a_closed_executor_is_told_of_once_and_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.shutdown()
    courier = Courier(pool, BOUND, call)
    for _ in range(100):
        courier.put("error", (hear,), ())
    assert len(courier.queue) == 0
    assert [r.message for r in caplog.records if "not delivered" in r.message] != []
    assert len(caplog.records) == 1


#: A bound that is often reached, and often half empty.
FEW = 4


class Model:
    """The rules in their plainest form: what is newest is looked for among all that wait."""

    def __init__(self, *, latest: bool) -> None:
        self.waiting: list[list[Any]] = []
        self.latest = latest
        self.conflated = self.dropped = 0

    def put(self, name: str, *args: Any) -> None:
        full = len(self.waiting) >= FEW
        width = _CONFLATE.get(name)
        if width is not None and (full or self.latest):
            for entry in reversed(self.waiting):
                if entry[0] == name and entry[1][:width] == args[:width]:
                    entry[1] = args
                    self.conflated += 1
                    return
        if full and name in _DROP:
            self.dropped += 1
            return
        self.waiting.append([name, args])

    def get(self) -> list[Any] | None:
        return self.waiting.pop(0) if self.waiting else None


#: What is put, mostly of one key; or how many are taken.
_STEPS = st.lists(
    st.sampled_from(
        ["tickPrice", "tickPrice", "tickSize", "tickByTickAllLast", "orderStatus", 1, 2]
    ),
    max_size=60,
)


@pytest.mark.parametrize("latest", [False, True])
@given(steps=_STEPS)
def test_what_waits_is_what_the_plainest_form_of_the_rules_keeps(
    latest: bool, steps: list[Any]
) -> None:
    deliver = Deliver(policy="latest", bound=FEW) if latest else None
    queue, model = CallbackQueue(FEW, deliver=deliver), Model(latest=latest)
    for number, step in enumerate(steps):
        if isinstance(step, int):
            for _ in range(step):
                entry, expected = queue.get(), model.get()
                assert (entry and [entry.name, entry.args]) == expected
            continue
        queue.put(step, (hear,), (1, 4, number))
        model.put(step, 1, 4, number)
        assert len(queue) == len(model.waiting)
        assert (queue.conflated, queue.dropped) == (model.conflated, model.dropped)
    while (entry := queue.get()) is not None:
        assert [entry.name, entry.args] == model.get()
    assert model.get() is None
