"""The Future: views, threads, and who learns of what."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LoopFactory
from twsloop.errors import WrongThread
from twsloop.event_loop import Future, IBKREventLoop


def test_every_view_gets_the_result() -> None:
    future: Future[int] = Future()
    view = future.view()
    assert future.set_result(7)
    assert (future.result(0), view.result(0), future.view().result(0)) == (7, 7, 7)


def test_every_view_gets_the_exception() -> None:
    future: Future[int] = Future()
    view = future.view()
    assert future.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        view.result(0)
    assert isinstance(future.exception(0), ValueError)


def test_the_second_outcome_is_ignored() -> None:
    future: Future[int] = Future()
    assert future.set_result(1)
    assert not future.set_result(2)
    assert not future.set_exception(ValueError())
    assert future.result(0) == 1


def test_a_timeout_cancels_nothing() -> None:
    abandoned: list[bool] = []
    future: Future[int] = Future(on_abandon=lambda: abandoned.append(True))
    with pytest.raises(TimeoutError):
        future.result(0)
    assert not future.done()
    assert future.set_result(3)
    assert (future.result(0), abandoned) == (3, [])


def test_only_the_last_view_that_leaves_abandons_the_work() -> None:
    abandoned: list[bool] = []
    future: Future[int] = Future(on_abandon=lambda: abandoned.append(True))
    view = future.view()
    assert view.cancel()
    assert abandoned == []
    assert not future.done()
    assert future.cancel()
    assert abandoned == [True]
    assert future.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(0)


def test_a_settled_future_cannot_be_cancelled() -> None:
    abandoned: list[bool] = []
    future: Future[int] = Future(on_abandon=lambda: abandoned.append(True))
    future.set_result(1)
    assert not future.cancel()
    assert abandoned == []


def test_done_callbacks_get_their_view() -> None:
    future: Future[int] = Future()
    seen: list[Future[int]] = []
    future.add_done_callback(seen.append)
    future.set_result(1)
    future.add_done_callback(seen.append)
    assert seen == [future, future]


async def test_it_can_be_awaited_in_any_loop() -> None:
    future: Future[int] = Future()
    threading.Timer(0, future.set_result, [5]).start()
    assert await future == 5
    assert await future == 5


async def test_a_cancelled_waiter_leaves_and_the_others_stay() -> None:
    abandoned: list[bool] = []
    future: Future[int] = Future(on_abandon=lambda: abandoned.append(True))

    async def wait(view: Future[int]) -> int:
        return await view

    first = asyncio.ensure_future(wait(future.view()))
    second = asyncio.ensure_future(wait(future.view()))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert abandoned == []
    future.set_result(9)
    assert await second == 9


async def test_the_last_cancelled_waiter_abandons_the_work() -> None:
    abandoned = asyncio.Event()
    future: Future[int] = Future(on_abandon=abandoned.set)

    async def wait() -> int:
        return await future

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert abandoned.is_set()


def test_result_on_the_loop_thread_raises_instead_of_hanging(loop_factory: LoopFactory) -> None:
    loop = IBKREventLoop(loop_factory=loop_factory)
    loop.start()
    try:
        never: Future[int] = Future(loop)

        def blocked() -> None:
            never.result()

        with pytest.raises(WrongThread, match="await"):
            loop.call(blocked, timeout=10)
        done: Future[int] = Future(loop)
        done.set_result(4)
        assert loop.call(done.result, timeout=10) == 4
    finally:
        loop.stop()


def test_abandoning_is_told_on_the_loop_thread(loop_factory: LoopFactory) -> None:
    loop = IBKREventLoop(loop_factory=loop_factory)
    loop.start()
    try:
        told: concurrent.futures.Future[bool] = concurrent.futures.Future()
        future: Future[int] = Future(loop, on_abandon=lambda: told.set_result(loop.in_loop()))
        future.cancel()
        assert told.result(10) is True
    finally:
        loop.stop()


def test_nothing_to_wait_with_is_made_before_somebody_waits() -> None:
    """A program keeps thousands of orders that are over, with two futures each."""
    many = 200
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [Future[int]() for _ in range(many)]
        for future in kept:
            future.set_result(7)
            assert future.view().result() == 7
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / many < 500, "bytes for each"


def test_looking_at_what_is_under_way_leaves_nothing_behind() -> None:
    """A program asks an order that works for days again and again whether it is done."""
    future: Future[int] = Future()

    def look() -> None:
        assert not future.view().done()
        with pytest.raises(TimeoutError):
            future.view().result(0)

    look()
    before = sum(type(each) is Future for each in gc.get_objects())
    for _ in range(50):
        look()
    gc.collect()
    assert sum(type(each) is Future for each in gc.get_objects()) <= before + 1
    assert future.set_result(7)
    assert future.view().result() == 7


def test_what_waits_by_itself_is_held() -> None:
    """Nobody has the view that a callback, or a task that nobody keeps, waits with."""
    future: Future[int] = Future()
    heard: list[int] = []
    future.view().add_done_callback(lambda done: heard.append(done.result()))

    async def wait(view: Future[int]) -> None:
        heard.append(await view)

    async def main() -> None:
        asyncio.get_running_loop().create_task(wait(future.view()))
        await asyncio.sleep(0)
        gc.collect()
        future.set_result(3)
        while len(heard) < 2:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert heard == [3, 3]


steps = st.tuples(st.sampled_from(["view", "cancel", "drop", "hear", "settle"]), st.integers(0, 9))


@given(st.lists(steps, max_size=30))
def test_whatever_views_come_and_go(walk: list[tuple[str, int]]) -> None:
    """The last one that is cancelled abandons the work; dropping one does not; callbacks hear."""
    abandoned: list[bool] = []
    told: list[int] = []
    future: Future[int] = Future(on_abandon=lambda: abandoned.append(True))
    views: list[Future[int]] = [future]
    here, given_up, settled, listening = 1, 0, False, 0
    for step, number in walk:
        view = views[number % len(views)] if views else None
        if step == "view":
            views.append(future.view())
            here += 1
        elif step == "settle":
            assert future.set_result(7) is not settled
            settled = True
        elif view is None:
            continue
        elif step == "drop":
            views.remove(view)
        elif step == "cancel":
            left = not view.cancelled()
            assert view.cancel() is not (settled and left)
            here -= left and not settled
            given_up += left and not settled and not here
        elif not view.cancelled():
            view.add_done_callback(lambda done: told.append(0 if done.cancelled() else 1))
            listening += 1
        assert len(abandoned) == given_up
    future.set_result(7)
    assert len(told) == listening
    assert all(view.cancelled() or view.result() == 7 for view in views)


def test_whoever_begins_to_wait_just_then_gets_the_outcome() -> None:
    for number in range(50):
        future: Future[int] = Future()
        views = [future.view() for _ in range(4)]
        start = threading.Barrier(len(views) + 1)
        heard: list[int] = []

        def wait(
            view: Future[int], start: threading.Barrier = start, heard: list[int] = heard
        ) -> None:
            start.wait(10)
            view.add_done_callback(lambda done: heard.append(done.result()))
            heard.append(view.result(10))

        threads = [threading.Thread(target=wait, args=(view,)) for view in views]
        for thread in threads:
            thread.start()
        start.wait(10)
        future.set_result(number)
        for thread in threads:
            thread.join(10)
        assert heard == [number] * 2 * len(views)


def test_joining_what_is_under_way_and_nothing_else() -> None:
    future: Future[int] = Future()
    joined = future.join()
    assert joined is not None
    future.cancel()
    joined.cancel()
    assert future.join() is None, "everybody has left"
    other: Future[int] = Future()
    other.set_result(1)
    assert other.join() is None, "it is there"


def test_it_says_how_it_is_waited_for_and_what_became_of_it() -> None:
    future: Future[int] = Future()
    assert repr(future) == "<Future, pending: wait with .result(timeout=...) or await>"
    with pytest.raises(TimeoutError, match="no result within 0 s; what was asked for goes on"):
        future.result(0)
    left = future.view()
    left.cancel()
    assert repr(left) == "<Future, cancelled>"
    future.set_result(7)
    assert repr(future) == "<Future, done: .result() returns int>"
    failed: Future[int] = Future()
    failed.set_exception(ValueError("no"))
    assert repr(failed) == "<Future, failed: ValueError('no')>"


def test_a_timeout_that_it_ended_with_keeps_its_own_words() -> None:
    future: Future[int] = Future()
    threading.Timer(0, future.set_exception, [TimeoutError("the gateway is silent")]).start()
    with pytest.raises(TimeoutError, match="the gateway is silent"):
        future.result(10)
