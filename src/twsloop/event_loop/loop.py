"""The loop thread and its doors; the package's docstring has the theory of operation."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any, Protocol

from twsloop.clock import Clock, SystemClock
from twsloop.errors import LoopError, LoopNotRunning, WrongThread

from . import forks, switching
from .future import Future
from .tasks import TaskHandle, as_coroutine

__all__ = [
    "ExceptionReporter",
    "IBKREventLoop",
    "LoopFactory",
    "ProcessorRegistry",
    "TaskHandle",
    "default_loop_factory",
]

logger = logging.getLogger(__name__)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
#: Told of an exception that nobody waits for: where it happened, and the exception.
ExceptionReporter = Callable[[str, BaseException], object]

#: How long `IBKREventLoop.stop` waits for clean-up and for the thread, unless told otherwise, s.
STOP_TIMEOUT = 10.0
#: How often the watcher looks whether its loop has ended by itself, seconds.
WATCH_INTERVAL = 1.0
#: How often it looks whether a thread that holds the loop has ended, seconds.
HOLD_INTERVAL = 0.1


def default_loop_factory() -> LoopFactory:
    """Choose uvloop (winloop on Windows) where it is installed, else the standard asyncio loop."""
    try:
        import uvloop  # noqa: PLC0415  (optional: asyncio serves where it is missing)
    except ImportError:
        pass
    else:
        return uvloop.new_event_loop
    try:
        import winloop  # noqa: PLC0415  (the same loop for Windows)
    except ImportError:
        return asyncio.new_event_loop
    return winloop.new_event_loop  # type: ignore[no-any-return]


class ProcessorRegistry(Protocol):
    """What `IBKREventLoop.add_message_processor` hands its processors to."""

    def add(self, processor: object) -> None:
        """Let ``processor`` hear the callbacks it has methods for."""
        ...


class IBKREventLoop:
    """One event loop on a thread of its own.

    Args:
        name: The thread's name.
        clock: Where time and timers come from.
        loop_factory: Makes the loop; uvloop where it exists unless told otherwise.
        registry: Where `add_message_processor` hands its processors to.
        on_exception: Told of exceptions that nobody waits for; they are logged unless told
            otherwise.
        switch_interval: How often Python's threads change while it runs, seconds: of the whole
            process (see `switching`). It is left alone unless given.

    It can be started again after it was stopped.
    """

    def __init__(
        self,
        *,
        name: str = "twsloop",
        clock: Clock | None = None,
        loop_factory: LoopFactory | None = None,
        registry: ProcessorRegistry | None = None,
        on_exception: ExceptionReporter | None = None,
        switch_interval: float | None = None,
    ) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self._loop_factory = loop_factory or default_loop_factory()
        self._registry = registry
        self._on_exception = on_exception
        self._switch_interval = switch_interval
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        self._holders: set[threading.Thread] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = False
        self._hooks: list[Callable[[], Any]] = []
        self._handles: weakref.WeakSet[TaskHandle] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[Any]] = set()
        #: One for each work that was handed in and is not done; a deque, as any thread adds to it.
        self._handed: deque[None] = deque()
        self._lifecycle = threading.RLock()
        #: Whose it is, if this process was forked from that one; else 0.
        self._owner = 0

    # ---- life ----------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether work can be handed in."""
        return self._loop is not None

    @property
    def alive(self) -> bool:
        """Whether it runs, and was not told to stop."""
        return self._loop is not None and not self._stopping

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop itself.

        Raises:
            LoopNotRunning: It is not running.
        """
        loop = self._loop
        if loop is None:
            self._must_be_ours()
            msg = f"the loop {self.name!r} is not running: start it first"
            raise LoopNotRunning(msg)
        return loop

    def _must_be_ours(self) -> None:
        if self._owner:
            msg = (
                f"the loop {self.name!r} runs in process {self._owner}, which this one was forked "
                "from: make a gateway object of its own here"
            )
            raise LoopNotRunning(msg)

    def forked(self) -> object:
        """This is another process, and has no thread of ours; see `forks`."""
        kept = self._loop, self._thread, tuple(self._tasks)
        self._loop = self._thread = self._ident = None
        self._lifecycle = threading.RLock()  # whoever held it is not here
        self._owner = os.getppid()
        return kept

    def in_loop(self) -> bool:
        """Whether this is called on the loop's own thread."""
        # Not the thread object's ident: the system gives a dead thread's to a new one.
        return self._ident == threading.get_ident()

    def nothing_waits(self) -> bool:
        """Whether this is another thread, and all work that was handed in has been done.

        What such a thread does by itself does not overtake what it has handed in.
        """
        return not self._handed and self._loop is not None and not self.in_loop()

    def start(self) -> None:
        """Run the loop on its thread; returns when it runs. Starting twice does nothing.

        A loop that is just ending, because it was stopped on its own thread, is waited for.

        Raises:
            LoopError: The loop could not be made; the cause is attached.
            LoopNotRunning: It runs in the process that this one was forked from.
            WrongThread: Called on its own thread while it ends.
        """
        self._must_be_ours()
        with self._lifecycle:
            if self.running and not self._stopping:
                return
            if self._thread is not None:
                if self.in_loop():
                    msg = f"the loop {self.name!r} ends, and cannot wait for its own end"
                    raise WrongThread(msg)
                self._thread.join()
                self._thread = None
            self._stopping = False
            started: concurrent.futures.Future[None] = concurrent.futures.Future()
            thread = threading.Thread(target=self._run, args=(started,), name=self.name)
            self._thread = thread
            thread.start()
            try:
                started.result()
            except BaseException as error:
                thread.join()
                self._thread = None
                msg = f"the loop {self.name!r} could not be started: {error}"
                raise LoopError(msg) from error
            forks.watch(self)
            threading.Thread(
                target=_watch, args=(weakref.ref(self), thread), name=f"{self.name}-watch",
                daemon=True,
            ).start()  # fmt: skip

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """End the loop: scheduled work ends, clean-up runs, the thread is joined.

        Called on the loop's own thread it asks for the end and returns; called twice it does
        nothing more.

        Args:
            timeout: How long to wait for clean-up and the thread, in seconds.

        Raises:
            LoopError: The thread did not end in time (a callback that does not return).
        """
        if self.in_loop():
            self._ask_stop()
            return
        with self._lifecycle:
            thread, loop = self._thread, self._loop
            if thread is None:
                return
            if loop is not None:
                with contextlib.suppress(RuntimeError):  # it is closing already
                    loop.call_soon_threadsafe(self._ask_stop)
            thread.join(timeout)
            if thread.is_alive():
                msg = (
                    f"the loop {self.name!r} did not stop within {timeout:g} s: "
                    "a callback on its thread does not return"
                )
                raise LoopError(msg)
            self._thread = None

    def at_stop(self, clean_up: Callable[[], Any]) -> None:
        """Run ``clean_up`` (sync or async) on the loop before it ends; last given, first run."""
        self._hooks.append(clean_up)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While the calling thread is inside, the end of the main thread does not end the loop.

        For a thread that serves the loop and is no daemon: a program that leaves its work to such
        a thread, and lets its main thread end, has not forgotten anything.
        """
        thread = threading.current_thread()
        self._holders.add(thread)
        try:
            yield
        finally:
            self._holders.discard(thread)

    def _is_held(self) -> bool:
        return any(thread.is_alive() and not thread.daemon for thread in list(self._holders))

    def _ask_stop(self) -> None:
        self._stopping = True
        if self._stop is not None:
            self._stop.set()

    def _run(self, started: concurrent.futures.Future[None]) -> None:
        self._ident = threading.get_ident()
        try:
            with (
                switching.asked(self._switch_interval),
                asyncio.Runner(loop_factory=self._loop_factory) as runner,
            ):
                runner.run(self._main(started))
        except BaseException as error:  # noqa: BLE001  (handed to whoever waits in start)
            if not started.done():
                started.set_exception(error)
            else:
                self.report(f"loop {self.name!r}", error)
        finally:
            self._loop = None
            self._ident = None

    async def _main(self, started: concurrent.futures.Future[None]) -> None:
        self._stop = asyncio.Event()
        self._handed.clear()  # what the last run did not come to
        self._loop = asyncio.get_running_loop()
        started.set_result(None)
        await self._stop.wait()
        for handle in list(self._handles):
            handle.end()
        hooks, self._hooks = self._hooks, []
        for hook in reversed(hooks):
            try:
                result = hook()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001  (one clean-up must not skip the others)
                self.report("clean-up at stop", error)
        # From here on no new work is taken: doors raise LoopNotRunning. What was taken just before
        # still starts, so that whoever waits for it gets an answer.
        self._loop = None
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        pending = [task for task in self._tasks if not task.done()]
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.gather(*pending, return_exceptions=True)

    def _watched_main_end(self) -> None:
        # No join from the watcher: the interpreter joins the loop thread itself, and kills
        # daemon threads such as the watcher once it has.
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closing already
                loop.call_soon_threadsafe(self._ask_stop)

    # ---- doors ---------------------------------------------------------------------------

    def post(self, work: Callable[..., Any], *args: Any) -> None:
        """Run ``work(*args)`` on the loop thread soon; an exception of it is reported.

        Raises:
            LoopNotRunning: The loop is not running.
        """
        loop = self.loop
        self._handed.append(None)
        try:
            loop.call_soon_threadsafe(self._run_posted, work, args)
        except RuntimeError as error:
            with contextlib.suppress(IndexError):  # a loop that is driven by hand may have run it
                self._handed.pop()
            msg = f"the loop {self.name!r} is not running: it has just stopped"
            raise LoopNotRunning(msg) from error

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run ``work(*args)`` (sync or async) on the loop thread; its result is a `Future`.

        Raises:
            LoopNotRunning: The loop is not running.
        """
        task: list[asyncio.Task[Any]] = []
        future: Future[Any] = Future(self, on_abandon=lambda: task and task[0].cancel())

        def run() -> None:
            if future.cancelled():
                return
            try:
                result = work(*args)
            except BaseException as error:  # noqa: BLE001  (handed to whoever waits)
                future.set_exception(error)
                return
            if inspect.isawaitable(result):
                task.append(self._spawn(as_coroutine(result)))
                task[0].add_done_callback(lambda done: _hand_over(done, future))
            else:
                future.set_result(result)

        self.post(run)
        return future

    def call(self, work: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
        """Run ``work(*args)`` on the loop thread and wait for its result.

        Raises:
            WrongThread: Called on the loop's own thread.
            LoopNotRunning: The loop is not running.
            TimeoutError: No result within ``timeout`` seconds; the work goes on.
        """
        if self.in_loop():
            msg = "a blocking call on the loop's own thread would wait for itself for ever"
            raise WrongThread(msg)
        return self.submit(work, *args).result(timeout)

    def let_time_pass(self, _done: Callable[[], bool], timeout: float | None) -> float | None:
        """A thread is about to wait for a result; how long it has to wait: time passes by itself.

        A loop that is driven by hand (`twsloop.testing`) does its work here.
        """
        return timeout

    def schedule_task(
        self,
        work: Callable[[], Any],
        *,
        delay: float | None = None,
        every: float | None = None,
        at: datetime | None = None,
        name: str = "",
    ) -> TaskHandle:
        """Run ``work`` (sync or async) on the loop thread: now, later, at a time, or repeatedly.

        Args:
            work: Called without arguments.
            delay: Seconds until the first run.
            every: Seconds between the runs; the first one comes after ``delay`` or ``at`` if given,
                else after ``every``. Runs keep to that grid; missed ones are not made up for, and
                an async run that takes longer than ``every`` skips runs rather than overlap.
            at: The time of the first run, aware of its time zone; one that has passed runs now.
            name: What reports call it; the function's name unless told otherwise.

        Returns:
            A handle to cancel it, or to wait for its result. From any thread.

        Raises:
            LoopNotRunning: The loop is not running.
            ValueError: A negative span, a time without a zone, or both ``delay`` and ``at``.
        """
        first = self._first_delay(delay, every, at)
        handle = TaskHandle(self, name or getattr(work, "__name__", "task"))
        self._handles.add(handle)
        if self.in_loop():
            handle.arm(first, work, every)
        else:
            self.post(handle.arm, first, work, every)
        return handle

    def _first_delay(self, delay: float | None, every: float | None, at: datetime | None) -> float:
        if delay is not None and at is not None:
            msg = "schedule_task takes delay or at, not both"
            raise ValueError(msg)
        if every is not None and every <= 0:
            msg = f"every must be more than 0 seconds, not {every}"
            raise ValueError(msg)
        if at is not None:
            if at.tzinfo is None:
                msg = f"at={at} has no time zone: pass an aware datetime, e.g. with tzinfo=UTC"
                raise ValueError(msg)
            return max((at - self.clock.now()).total_seconds(), 0.0)
        if delay is None:
            return every or 0.0
        if delay < 0:
            msg = f"delay must not be negative, and is {delay}"
            raise ValueError(msg)
        return delay

    def add_message_processor(self, processor: object) -> None:
        """Let ``processor`` hear the EWrapper callbacks that it has methods for.

        Raises:
            LoopError: This loop was made without a registry of processors.
        """
        if self._registry is None:
            msg = f"the loop {self.name!r} has no registry of message processors"
            raise LoopError(msg)
        self._registry.add(processor)

    # ---- inside --------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task of this loop; its exception is reported. Loop thread only."""
        task = self._spawn(work)
        task.add_done_callback(lambda done: self._report_task(done, name))
        return task

    def report(self, where: str, error: BaseException) -> None:
        """Report an exception that nobody waits for."""
        if self._on_exception is None:
            logger.error("%s raised %r", where, error, exc_info=error)
            return
        try:
            self._on_exception(where, error)
        except Exception:  # a reporter that fails must not hide what it was to report
            logger.exception("%s raised %r, and its reporter failed", where, error)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _report_task(self, task: asyncio.Task[Any], name: str) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report(name, error)

    def _run_posted(self, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001  (nobody waits for it; reported)
            self.report(getattr(work, "__qualname__", repr(work)), error)
        finally:
            self._handed.pop()


def _hand_over(task: asyncio.Task[Any], future: Future[Any]) -> None:
    if task.cancelled():
        future.set_exception(concurrent.futures.CancelledError())
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def _watch(loop: weakref.ref[IBKREventLoop], thread: threading.Thread) -> None:
    """Stop a forgotten loop when the program's main thread has ended."""
    main = threading.main_thread()
    while thread.is_alive():
        main.join(WATCH_INTERVAL)
        if main.is_alive():
            continue
        alive = loop()
        if alive is None:
            return
        if not alive._is_held():  # noqa: SLF001  (our own watcher)
            alive._watched_main_end()  # noqa: SLF001
            return
        del alive
        thread.join(HOLD_INTERVAL)
