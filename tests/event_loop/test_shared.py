"""Work that answers all who want the same: once, until the last of them has left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.conftest import LoopFactory
from twsloop.event_loop import Future, IBKREventLoop, SharedWork


class Work:
    """Counts how often it is begun and given up, and ends when it is told to."""

    def __init__(self, loop: IBKREventLoop) -> None:
        self.loop = loop
        self.shared = SharedWork(loop)
        self.begun: list[str] = []
        self.given_up: list[str] = []
        self.result: asyncio.Future[int] | None = None

    async def do(self, name: str) -> int:
        self.begun.append(name)
        self.result = asyncio.get_running_loop().create_future()
        try:
            return await self.result
        except asyncio.CancelledError:
            self.given_up.append(name)
            raise

    def ask(self, key: str = "same", name: str = "a") -> Future[int]:
        future: Future[int] = self.loop.submit(self.shared.of, key, self.do, name)
        self.settle()
        return future

    def settle(self) -> None:
        for _ in range(4):
            self.loop.call(asyncio.sleep, 0, timeout=10)

    def answer(self, value: int | Exception) -> None:
        def tell() -> None:
            assert self.result is not None
            if isinstance(value, int):
                self.result.set_result(value)
            else:
                self.result.set_exception(value)

        self.loop.call(tell, timeout=10)


@pytest.fixture
def work(loop_factory: LoopFactory) -> Iterator[Work]:
    loop = IBKREventLoop(loop_factory=loop_factory)
    loop.start()
    yield Work(loop)
    loop.stop()


def test_the_same_is_done_once_for_all(work: Work) -> None:
    futures = [work.ask(name=name) for name in "abc"]
    work.answer(7)
    assert [future.result(10) for future in futures] == [7, 7, 7]
    assert work.begun == ["a"]


def test_another_key_is_other_work_and_what_is_over_begins_anew(work: Work) -> None:
    first = work.ask("one")
    work.answer(1)
    assert first.result(10) == 1
    work.ask("one", "b")
    work.ask("two", "c")
    assert work.begun == ["a", "b", "c"]


def test_an_error_is_told_to_all(work: Work) -> None:
    futures = [work.ask() for _ in range(2)]
    work.answer(ValueError("no"))
    for future in futures:
        with pytest.raises(ValueError, match="no"):
            future.result(10)


def test_it_is_given_up_when_the_last_one_leaves(work: Work) -> None:
    first, second = work.ask(), work.ask(name="b")
    first.cancel()
    third = work.ask(name="c")
    work.settle()
    assert (work.begun, work.given_up) == (["a"], [])
    second.cancel()
    third.cancel()
    work.settle()
    assert (work.begun, work.given_up) == (["a"], ["a"])
    work.ask(name="d")
    assert work.begun == ["a", "d"]
