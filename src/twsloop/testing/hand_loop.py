"""An event loop without thread, selector and time, and an `IBKREventLoop` that runs on it.

Theory of operation. `HandLoop` is an asyncio loop that is nothing but a queue of callbacks. Handing
work in from outside runs the queue until it is empty, there and then, in the calling thread; so
when a call into it returns, everything that follows from it has happened. Its timers are a
`ManualClock`'s: they fire when the clock is advanced. Waiting for a result (`Future.result`)
advances the clock as far as the waiter would wait. Nothing ever blocks, and nothing depends on how
busy the machine is.

Connections are made by a function that is given the address, and returns a transport.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVarTuple

from twsloop.clock import Clock, ManualClock
from twsloop.errors import LoopError
from twsloop.event_loop import IBKREventLoop

__all__ = ["Connect", "HandDrivenLoop", "HandLoop"]

logger = logging.getLogger(__name__)

_Ts = TypeVarTuple("_Ts")

#: Makes the transport of a connection: the protocol, host and port in.
Connect = Callable[["HandLoop", asyncio.Protocol, str, int], asyncio.Transport]

#: Callbacks that beget callbacks for ever are a mistake of the program under test.
MOST_AT_ONCE = 1_000_000
#: How far `Future.result` without a timeout moves the clock before it gives up, seconds.
LONGEST_WAIT = 3600.0


class HandLoop(asyncio.AbstractEventLoop):
    """A loop that runs when it is handed work.

    Args:
        clock: Its time, and its timers'.
        connect: Makes connections.
    """

    def __init__(self, clock: Clock, connect: Connect) -> None:
        self._clock = clock
        self._connect = connect
        self._ready: deque[
            tuple[asyncio.Handle, Callable[..., Any], tuple[Any, ...], contextvars.Context]
        ] = deque()
        self._running = False
        self._closed = False
        self._debug = False

    # ---- running ---------------------------------------------------------------------------

    def run(self) -> None:
        """Run everything that is ready, and what comes of it.

        Raises:
            LoopError: There is no end to it.
        """
        if self._running:
            return
        before = asyncio._get_running_loop()  # noqa: SLF001 - meant for those who write a loop
        self._running = True
        asyncio._set_running_loop(self)  # noqa: SLF001 - meant for those who write a loop
        try:
            for _ in range(MOST_AT_ONCE):
                if not self._ready:
                    return
                handle, callback, args, context = self._ready.popleft()
                if not handle.cancelled():
                    self._call(handle, callback, args, context)
            msg = f"{MOST_AT_ONCE} callbacks in a row, and there is no end to it"
            raise LoopError(msg)
        finally:
            asyncio._set_running_loop(before)  # noqa: SLF001 - meant for those who write a loop
            self._running = False

    def _call(
        self,
        handle: asyncio.Handle,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context,
    ) -> None:
        try:
            context.run(callback, *args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as every asyncio loop does
            self.call_exception_handler(
                {"message": f"exception in {callback!r}", "exception": error, "handle": handle}
            )

    def is_running(self) -> bool:
        """Whether a callback runs now."""
        return self._running

    def is_closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._ready.clear()

    def stop(self) -> None:
        """Do nothing: it stops when there is nothing to do."""

    def get_debug(self) -> bool:
        """Whether asyncio checks more than usual."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Let asyncio check more than usual."""
        self._debug = enabled

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what nobody caught; a double that was not stopped is no trouble."""
        if "was destroyed but it is pending" in str(context.get("message")):
            return
        logger.error("%s", context.get("message"), exc_info=context.get("exception"))

    # ---- work ------------------------------------------------------------------------------

    def time(self) -> float:
        """The clock's time."""
        return self._clock.monotonic()

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run a callback after those that are ready."""
        context = context if context is not None else contextvars.copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        if self._closed:
            msg = "Event loop is closed"
            raise RuntimeError(msg)
        self._ready.append((handle, callback, args, context))
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """The door from outside: what is handed in has happened when this returns."""
        handle = self.call_soon(callback, *args, context=context)
        self.run()
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback when the clock has been advanced so far."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback when the clock shows that time."""
        context = context if context is not None else contextvars.copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def fire() -> None:
            if not handle.cancelled():
                self._call(handle, callback, args, context)

        self._clock.call_later(max(when - self.time(), 0.0), fire)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asked by asyncio when a timer is cancelled; its firing looks for itself."""

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # the stubs' signature differs between versions
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        """A task of this loop."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def run_in_executor(  # type: ignore[override]  # the result is there already
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a blocking function here and now: there is no other thread."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            future.set_exception(error)
        return future

    async def create_connection(  # type: ignore[override]  # of the many parameters, those we use
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        host: str = "",
        port: int = 0,
        **_options: Any,
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Make a connection by the function we were given."""
        protocol = protocol_factory()
        transport = self._connect(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


class HandDrivenLoop(IBKREventLoop):
    """An `IBKREventLoop` without a thread: work that is handed in is done when the call returns.

    Args:
        connect: Makes connections.
        **options: As for `IBKREventLoop`; ``loop_factory`` is not asked.
    """

    def __init__(self, connect: Connect, **options: Any) -> None:
        super().__init__(**options)
        self._connect = connect
        self._hand: HandLoop | None = None

    def in_loop(self) -> bool:
        """Whether this is called by a callback of the loop."""
        return self._hand is not None and self._hand.is_running()

    def start(self) -> None:
        """Take work from now on."""
        if self.running:
            return
        self._stopping = False
        self._hand = hand = HandLoop(self.clock, self._connect)  # type: ignore[abstract]  # what it has not, nobody here asks for
        hand.create_task(self._main(concurrent.futures.Future()))
        hand.run()

    def stop(self, timeout: float = 0.0) -> None:
        """Run the clean-up; asked for by a callback, it is run after that."""
        hand = self._hand
        if hand is None or not self.running:
            return
        self._ask_stop()
        if hand.is_running():
            return
        self._let_pass(lambda: not self.running, LONGEST_WAIT)
        hand.run()
        hand.close()
        self._hand = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """``run()`` begins: it can deliver what waits, but not wait for what nobody will send.

        Raises:
            LoopError: The session stands, so there would be no end to it.
        """
        if self.running:
            msg = (
                "run() waits for the end of the session, and there is no thread here that would "
                "end it: call the double's deliver() instead, or disconnect() first"
            )
            raise LoopError(msg)
        yield

    def let_time_pass(self, done: Callable[[], bool], timeout: float | None) -> float | None:
        """Somebody waits for a result: run, and move the clock for as long as he would wait.

        Raises:
            TimeoutError: He would wait for ever: nothing that is scripted answers this.
        """
        if self.in_loop():
            return timeout
        self._let_pass(done, LONGEST_WAIT if timeout is None else timeout)
        if timeout is None and not done():
            msg = f"no result within {LONGEST_WAIT:g} s of the double's time: nothing answers this"
            raise TimeoutError(msg)
        return 0.0

    def _let_pass(self, done: Callable[[], bool], timeout: float) -> None:
        if self._hand is not None:
            self._hand.run()
        clock, waited = self.clock, 0.0
        while not done() and waited < timeout and isinstance(clock, ManualClock):
            until = clock.until_next()
            step = timeout - waited if until is None else min(until, timeout - waited)
            clock.advance(step)
            waited += step
