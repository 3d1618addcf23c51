"""Calls a user's callbacks where the user wants them: on the loop thread, a loop, an executor.

`Callbacks.ask` waits for an answer, `Callbacks.tell` does not. Neither ever blocks the loop thread,
but for a plain function that is called there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
from collections.abc import Callable
from typing import Any

from twsloop.errors import LoopNotRunning
from twsloop.event_loop import IBKREventLoop
from twsloop.processors import Place

__all__ = ["Callbacks"]

logger = logging.getLogger(__name__)


class Callbacks:
    """Where a user's callbacks run.

    Args:
        loop: The gateway's; hears of what a callback that is only told has raised.
        where: None for the loop thread, an executor, or an asyncio loop.
    """

    def __init__(self, loop: IBKREventLoop, where: Place | None) -> None:
        self._loop = loop
        self._where = where

    def check(self, callback: object) -> None:
        """Refuse what cannot run there.

        Raises:
            TypeError: A coroutine function for an executor.
        """
        if _is_async(callback) and isinstance(self._where, concurrent.futures.Executor):
            msg = "a coroutine function runs on a loop, not in an executor"
            raise TypeError(msg)

    async def ask(self, callback: Callable[[Any], Any], argument: object) -> Any:
        """Call it, and wait for the answer; what it raises is raised here."""
        where = self._where
        if where is None:
            return await _there(callback, argument)
        if isinstance(where, asyncio.AbstractEventLoop):
            work = _there(callback, argument)
            try:
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, where))
            except RuntimeError:
                work.close()  # that loop is closed; nobody has begun it
                raise
        return await asyncio.wrap_future(where.submit(callback, argument))

    def tell(self, name: str, callback: Callable[[Any], object], argument: object) -> None:
        """Call it, and do not wait; what it raises is reported under its name."""
        where = self._where
        try:
            if isinstance(where, asyncio.AbstractEventLoop):
                where.call_soon_threadsafe(self._told, name, callback, argument)
            elif where is not None:
                where.submit(self._told, name, callback, argument)
            else:
                self._told(name, callback, argument)
        except Exception as error:  # noqa: BLE001  (the user's place: closed, or full)
            self._loop.report(name, error)

    def _told(self, name: str, callback: Callable[[Any], object], argument: object) -> None:
        try:
            result = callback(argument)
        except Exception as error:  # noqa: BLE001  (the user's callback; reported, never fatal)
            self._raised(name, error)
            return
        if inspect.iscoroutine(result):
            task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(result)
            task.add_done_callback(lambda done: self._told_async(name, done))

    def _told_async(self, name: str, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._raised(name, error)

    def _raised(self, name: str, error: BaseException) -> None:
        """Tell the gateway's loop, from whatever thread this is."""
        try:
            self._loop.post(self._loop.report, name, error)
        except LoopNotRunning:
            logger.error("%s raised %r", name, error, exc_info=error)


def _is_async(callback: object) -> bool:
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(callback, "__call__", None)  # noqa: B004  (its type matters, not that it is)
    )


async def _there(callback: Callable[[Any], Any], argument: object) -> Any:
    result = callback(argument)
    return await result if inspect.isawaitable(result) else result
