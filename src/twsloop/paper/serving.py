"""What listens on a port: on a thread of its own (``with``), or the running loop (``async with``).

The paper gateway, the one that plays scripts and the recorder start and stop in the same way, which
stands here once. What they do with a connection is theirs: `open` and `close`.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Any, Protocol, Self

from twsloop.clock import Clock, SystemClock
from twsloop.errors import ListenError, PaperError
from twsloop.event_loop import IBKREventLoop

__all__ = ["Serving", "all_ended", "close_door"]


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


class Ending(Protocol):
    """A connection that is being ended."""

    def buffered(self) -> int:
        """How many bytes wait to be sent."""

    def abort(self, reason: str) -> None:
        """End it at once."""


async def all_ended(connections: Collection[Ending]) -> None:
    """Wait until all connections have ended that were closed; those who do not read are cut."""
    # A connection that was accepted just now, and a transport's end, are told in later turns of
    # the loop.
    quiet = 0
    while connections or quiet < QUIET_TURNS:
        await asyncio.sleep(0)
        quiet = 0 if connections else quiet + 1
        for connection in tuple(connections):
            if connection.buffered():
                connection.abort("the gateway stops and it does not read")


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
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

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

    def call(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run ``work(*args)`` on its own loop, and wait for it.

        Raises:
            PaperError: It does not run on a thread of its own.
        """
        if self._thread is None:
            msg = "it does not run on a thread of its own: start it with start(), or with"
            raise PaperError(msg)
        return self._thread.call(work, *args)

    def on_loop(self, work: Callable[[], Any]) -> Any:
        """Run ``work()`` on its loop: its own thread's, or the one this runs on."""
        if self._thread is None or self._thread.in_loop():
            return work()
        return self._thread.call(work)

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

    def _turn(self) -> asyncio.Lock:
        """The lock of who begins or ends serving: one after the other, on the running loop."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = (loop, asyncio.Lock())
        return self._turns[1]

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
