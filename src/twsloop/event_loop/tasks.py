"""Scheduled work: once, later, at a time, or again and again."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from twsloop.clock import Clock, Timer
from twsloop.errors import LoopNotRunning

from .future import Future

__all__ = ["TaskHandle", "as_coroutine"]

T = TypeVar("T")


class Loop(Protocol):
    """What a handle needs to know of the loop its work runs on."""

    clock: Clock

    def in_loop(self) -> bool:
        """Whether this is called on the loop's own thread."""
        ...

    def post(self, work: Callable[..., Any], *args: Any) -> None:
        """Run ``work(*args)`` on the loop thread soon."""
        ...

    def let_time_pass(self, done: Callable[[], bool], timeout: float | None) -> float | None:
        """A thread is about to wait for so long, or until ``done``; how long it then has to."""
        ...

    def report(self, where: str, error: BaseException) -> None:
        """Report an exception that nobody waits for."""
        ...


class TaskHandle:
    """Scheduled work: cancel it, ask whether it is done, wait for it.

    Attributes:
        name: What the work was called.
        future: Its result; for repeated work, the end of it (cancelled when it is ended).
        runs: How often it has run.
    """

    def __init__(self, loop: Loop, name: str) -> None:
        self.name = name
        self.runs = 0
        self.future: Future[Any] = Future(loop)
        self._loop = loop
        self._timer: Timer | None = None
        self._task: asyncio.Task[Any] | None = None
        self._ended = False

    def cancel(self) -> None:
        """Do not run (again); from any thread. A run under way is cancelled if it is async."""
        if self._ended:
            return
        if self._loop.in_loop():
            self.end()
        else:
            try:
                self._loop.post(self.end)
            except LoopNotRunning:
                self.end()

    def done(self) -> bool:
        """Whether it has ended: run once, cancelled, or ended with its loop."""
        return self._ended

    def end(self) -> None:
        """End it here and now; on the loop thread, or when there is none any more."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self.future.cancel()

    # ---- on the loop thread --------------------------------------------------------------

    def arm(self, delay: float, work: Callable[[], Any], every: float | None) -> None:
        """Run ``work`` after ``delay`` seconds, and every ``every`` seconds then; loop thread."""
        if not self._ended:
            due = self._loop.clock.monotonic() + delay
            self._timer = self._loop.clock.call_later(delay, self._fire, due, work, every)

    def _fire(self, due: float, work: Callable[[], Any], every: float | None) -> None:
        if self._ended:
            return
        if every is not None:
            # Keep to the grid of the first run; runs that were missed are not made up for.
            late = self._loop.clock.monotonic() - due
            self.arm(every - (late % every), work, every)
            if self._task is not None and not self._task.done():
                return  # the last run still goes on; two at once would surprise its author
        self.runs += 1
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  (the user's code; reported, never fatal)
            self._finish(error, once=every is None)
            return
        if inspect.isawaitable(result):
            self._task = asyncio.ensure_future(as_coroutine(result))
            self._task.add_done_callback(lambda task: self._task_done(task, once=every is None))
        elif every is None:
            self._ended = True
            self.future.set_result(result)

    def _task_done(self, task: asyncio.Task[Any], *, once: bool) -> None:
        if task.cancelled():
            if once:
                self.end()
        elif (error := task.exception()) is not None:
            self._finish(error, once=once)
        elif once:
            self._ended = True
            self.future.set_result(task.result())

    def _finish(self, error: BaseException, *, once: bool) -> None:
        self._loop.report(f"scheduled task {self.name!r}", error)
        if once:
            self._ended = True
            self.future.set_exception(error)


async def as_coroutine(awaitable: Awaitable[T]) -> T:
    """Wait for any awaitable, as a coroutine that a Task can run."""
    return await awaitable
