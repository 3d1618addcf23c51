"""What listens on a port: on a thread of its own (``with``), or the running loop (``async with``).

The paper gateway, the one that plays scripts and the recorder start and stop in the same way, which
stands here once. What they do with a connection is theirs: `open` and `close`.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from twsloop.clock import Clock, SystemClock
from twsloop.errors import ListenError
from twsloop.event_loop import IBKREventLoop

__all__ = ["QUIET_TURNS", "Serving", "close_door"]


#: So many turns of the loop without a connection, and all that were accepted have been told.
QUIET_TURNS = 5


async def close_door(server: asyncio.Server) -> None:
    """Accept no more, but let what was accepted get its transport first.

    asyncio up to 3.11 loses (and leaks) a connection whose transport is made after Server.close.
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        with contextlib.suppress(NotImplementedError):  # Windows' proactor has no readers
            loop.remove_reader(sock.fileno())
    for _ in range(QUIET_TURNS):
        await asyncio.sleep(0)
    server.close()


class Serving(abc.ABC):
    """A server's life; a subclass says in `open` and `close` what is served.

    Args:
        thread: The name of the thread that `start` makes.
        host: The address to listen on.
        port: The port; 0 picks a free one, and keeps it over a restart.
        clock: Where time comes from.
        loop_factory: Makes the loop of `start`; uvloop where it exists unless told otherwise.
    """

    def __init__(
        self,
        thread: str,
        *,
        host: str,
        port: int,
        clock: Clock | None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.clock: Clock = clock or SystemClock()
        self._thread_name = thread
        self._loop_factory = loop_factory
        self._thread: IBKREventLoop | None = None
        self._server: asyncio.Server | None = None

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    # ---- on a thread of its own ------------------------------------------------------------

    def start(self) -> None:
        """Serve on an own thread; returns when the port is open, or raises what `open` does."""
        if self._thread is not None:
            return
        thread = IBKREventLoop(
            name=self._thread_name, clock=self.clock, loop_factory=self._loop_factory
        )
        thread.start()
        try:
            thread.call(self.open)
        except BaseException:
            thread.stop()
            raise
        # A program that forgets to stop ends with its sockets closed, too.
        thread.at_stop(self.close)
        self._thread = thread

    def stop(self) -> None:
        """End all connections and the thread. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # ---- on the running loop ---------------------------------------------------------------

    @abc.abstractmethod
    async def open(self) -> None:
        """Begin to listen, on the running loop.

        Raises:
            ListenError: The port cannot be opened.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """End all connections. Idempotent."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _listen(self, made: Awaitable[asyncio.Server]) -> asyncio.Server:
        """A server that was made for our host and port; `port` is not touched yet.

        Raises:
            ListenError: The port cannot be opened.
        """
        try:
            return await made
        except OSError as error:
            msg = f"cannot listen on {self.host}:{self.port}: {error.strerror or error}"
            raise ListenError(msg) from error

    def _listens(self, server: asyncio.Server) -> None:
        """From now on it runs, on the port that the system gave."""
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
