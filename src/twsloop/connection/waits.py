"""The waits of an attempt: each has a deadline, and all of them end with the first failure."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twsloop.clock import Clock
from twsloop.errors import ConnectionFailed

__all__ = ["Waits", "aside"]

T = TypeVar("T")


class Waits:
    """One attempt's waits, one after the other; loop thread only.

    Args:
        clock: For the deadlines.

    Attributes:
        clock: It.
        attempting: Whether an attempt is under way.
        failure: What ended it from elsewhere; the first reason counts.
        awaited: What is waited for just now.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.attempting = False
        self.failure: ConnectionFailed | None = None
        self.awaited: asyncio.Future[Any] | None = None

    async def within(
        self, seconds: float, work: Awaitable[T], late: Callable[[], ConnectionFailed]
    ) -> T:
        """Await ``work`` for at most ``seconds`` of the clock, then raise ``late()``."""
        task = asyncio.ensure_future(work)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = self.clock.call_later(seconds, expire)
        try:
            return await self.until_done(task)
        except asyncio.CancelledError:
            if expired:
                raise late() from None
            raise
        finally:
            timer.cancel()

    async def until_done(self, work: Awaitable[T]) -> T:
        """Await ``work``, which has a deadline of its own."""
        task = asyncio.ensure_future(work)
        self.awaited = task
        if self.failure is not None:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if self.failure is not None:
                raise self.failure from None
            raise
        finally:
            self.awaited = None

    def fail(self, error: ConnectionFailed) -> None:
        """The attempt under way, if one is, ends with this; the first reason counts."""
        if not self.attempting or self.failure is not None:
            return
        self.failure = error
        if self.awaited is not None:
            self.awaited.cancel()


async def aside(name: str, work: Callable[[], T]) -> T:
    """Do what may hang in a call of the system, in a daemon thread that nobody has to wait for.

    An event loop that ends waits for the threads of its own executor, and a program for those that
    are no daemons; whoever gives up on this one just leaves.

    Args:
        name: What it is for; of the thread.
        work: Done there; what it raises is raised here.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(error: BaseException | None, result: Any) -> None:
        if answer.done():
            return  # given up meanwhile
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    def do() -> None:
        error, result = None, None
        try:
            result = work()
        except BaseException as failed:  # noqa: BLE001  (raised where it is waited for)
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, error, result)

    threading.Thread(target=do, name=f"twsloop-{name}", daemon=True).start()
    return await answer
