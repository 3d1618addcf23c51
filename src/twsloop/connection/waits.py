"""The waits of an attempt: each has a deadline, and all of them end with the first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twsloop.clock import Clock
from twsloop.errors import ConnectionFailed

__all__ = ["Waits"]

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
        self.awaited = task
        if self.failure is not None:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if self.failure is not None:
                raise self.failure from None
            if expired:
                raise late() from None
            raise
        finally:
            timer.cancel()
            self.awaited = None

    def fail(self, error: ConnectionFailed) -> None:
        """The attempt under way, if one is, ends with this; the first reason counts."""
        if not self.attempting or self.failure is not None:
            return
        self.failure = error
        if self.awaited is not None:
            self.awaited.cancel()
