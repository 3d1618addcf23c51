"""One registered callback: called where its owner wants it, guarded, and timed.

A callback that a user registers with a subscription or an order runs

* on the loop thread, at once (``where=None``), or with ``run()``'s callbacks if those are queued;
* in an executor, or in another asyncio loop (``where=...``);
* as a task, if it is a coroutine function: of that asyncio loop, or of the loop thread.

Away from the loop thread, one delivery is under way at a time, in order. With ``latest`` only the
newest call of each key waits (a ticker is live: what it shows is never old), so that a slow
callback makes nothing grow; else at most ``bound`` calls wait, and the oldest is dropped for one
more. A `Deliver` says what else happens at the bound. Reports about orders (``keep``) are never
dropped: beyond the bound they wait all the same, and new orders are refused (`Backlog`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from time import perf_counter
from typing import Any, Protocol

from .policy import Deliver, DeliveryCounts, Policy, check_where
from .registry import SLOW_CALL, Registry, Where, describe

__all__ = ["Delivery", "Spawn", "delivery_for"]

logger = logging.getLogger(__name__)

#: Runs a coroutine as a task of the loop thread.
Spawn = Callable[[Coroutine[Any, Any, Any]], object]
#: How many calls are made away from the loop thread before others there have their turn.
RUN_LENGTH = 100
#: After so many calls, none of them slow just now, a tick's callback is timed only after a read
#: batch overran.
PROBATION = 100
#: The key of an item that is its own.
_ITSELF = object()


class Delivery:
    """Calls one callback.

    Args:
        callback: A function, or a coroutine function.
        registry: Reports what it raises, and knows whether callbacks wait for ``run()``.
        spawn: Runs a coroutine on the loop thread.
        report: Told of an exception: the callback's name, and what it raised.
        count: Counts, by the name of the counter: ``callbacks_slow`` for a call that held the loop
            thread for long, ``callbacks_dropped`` for one that was given up. Both are logged.
        where: None, an executor, a running asyncio loop, or a `Deliver`.
        latest: Only the newest call of each key waits, unless a `Deliver` says otherwise.
        patience: A call that holds the loop thread for longer is slow, seconds.
        bound: How many calls may wait, unless a `Deliver` says otherwise; None for any number.
        keep: Nothing is dropped: it is about orders.

    Raises:
        TypeError: A callback that cannot be called; ``where`` is none of these; a coroutine
            function for an executor.
        ValueError: The loop thread would have to wait for a coroutine that runs on it.
    """

    #: Fixed places: a tick looks at five of them, and the compiled form finds them by their place.
    __slots__ = (
        "__weakref__",
        "_async",
        "_bound",
        "_closed",
        "_count",
        "_deliver",
        "_direct",
        "_dropped",
        "_keep",
        "_latest",
        "_lock",
        "_patience",
        "_queue",
        "_queued_in",
        "_replaced",
        "_report",
        "_room",
        "_spawn",
        "_spilled",
        "_stuck",
        "_under_way",
        "_waiting",
        "_where",
        "callback",
        "delivered",
        "name",
        "quick",
        "registry",
        "slow",
    )

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        callback: Callable[..., object],
        *,
        registry: Registry,
        spawn: Spawn,
        report: Callable[[str, BaseException], object],
        count: Callable[[str], object],
        where: Where = None,
        latest: bool = False,
        patience: float = SLOW_CALL,
        bound: int | None = None,
        keep: bool = False,
    ) -> None:
        if not callable(callback):
            msg = f"{callback!r} cannot be called back: give a function, or a coroutine function"
            raise TypeError(msg)
        self.callback = callback
        self.name = describe(callback)
        self.registry = registry
        self._spawn = spawn
        self._report = report
        self._count = count
        check_where(where)
        self._deliver = where if isinstance(where, Deliver) else None
        self._where = where.where if isinstance(where, Deliver) else where
        self._latest = latest if self._deliver is None else self._deliver.policy is Policy.LATEST
        self._patience = patience
        self._bound = bound if self._deliver is None else self._deliver.bound
        self._keep = keep
        #: The callback, once it was called often enough without being slow: as long as the registry
        #: calls `at_once`, it may be called without the time being taken.
        self.quick: Callable[..., object] | None = None
        #: Told of a slow call, its name and what it took, in place of counting and logging it.
        self.slow: Callable[[str, float], object] | None = None
        self._async = inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
            getattr(callback, "__call__", None)  # noqa: B004  (its type matters, not that it is)
        )
        self._direct = where is None and not self._async
        self._check_place()
        self._lock = threading.Lock()
        #: Told that there is room again; of the same lock.
        self._room = threading.Condition(self._lock)
        #: The loop thread waited for room in vain, and no call was taken since.
        self._stuck = False
        self._waiting: dict[Hashable, tuple[Any, ...]] = {}
        self._queue: deque[tuple[Any, ...]] = deque()
        self._under_way = False
        #: The queue of ``run()`` that our drain waits in, and how often it had been cleared then.
        self._queued_in: tuple[object, int] | None = None
        self._closed = False
        self.delivered = self._dropped = self._replaced = self._spilled = 0

    def _check_place(self) -> None:
        if self._async and isinstance(self._where, concurrent.futures.Executor):
            msg = (
                f"{self.name} is a coroutine function: it runs on an asyncio loop, not in an "
                "executor; give where=asyncio.get_running_loop(), or a plain function"
            )
            raise TypeError(msg)
        block = self._deliver is not None and self._deliver.policy is Policy.BLOCK
        if self._async and self._where is None and block:
            msg = (
                f"{self.name} is a coroutine function on the loop thread, which cannot wait for "
                "itself: give Deliver(where=...), or the policy 'drop_oldest' or 'latest'"
            )
            raise ValueError(msg)

    @property
    def counts(self) -> DeliveryCounts:
        """What became of its calls so far."""
        with self._lock:
            waiting = len(self._queue) + len(self._waiting)
            return DeliveryCounts(
                self.name, self.delivered, waiting, self._dropped, self._replaced, self._spilled
            )

    def __call__(self, args: tuple[Any, ...], key: Hashable = None) -> None:
        """Deliver one call; loop thread only."""
        if self._closed:
            return
        if self._direct and self.registry.queue is None:
            self._call(args)
            return
        with self._lock:
            dropped = self._dropped
            if self._latest:
                self._replaced += key in self._waiting
                self._waiting[key] = args
            else:
                self._make_room()
                if self._closed:
                    return
                self._queue.append(args)
            dropped = self._dropped - dropped
            start = not self._under_way or self._forgotten()
            self._under_way = True
        if dropped:
            self._tell_of_drop()
        if start:
            self._start()

    def one(self, item: Any, key: Hashable = _ITSELF) -> None:
        """Deliver a call with one argument, which is its key unless one is given; loop thread only.

        This is the way of ticks: a callback of the loop thread is called at once, and nothing is
        made for it.
        """
        if self.quick is not None and self.registry.at_once:
            self.delivered += 1
            try:
                self.quick(item)
            except BaseException as error:  # noqa: BLE001  (judged there)
                self.failed(error)
        elif not self._direct or self.registry.queue is not None:
            self((item,), item if key is _ITSELF else key)
        elif not self._closed:
            self.delivered += 1
            start = perf_counter()
            try:
                self.callback(item)
            except BaseException as error:  # noqa: BLE001  (judged there)
                self.failed(error)
            took = perf_counter() - start
            if took > self._patience:
                self.quick = None
                self._was_slow(took)
            elif self.delivered >= PROBATION and not self._closed:
                self.quick = self.callback

    def close(self) -> None:
        """Deliver nothing any more, not even what waits."""
        self._closed = True
        self.quick = None
        with self._lock:
            self._waiting.clear()
            self._queue.clear()
            self._room.notify_all()
        self._caught_up()

    # ---- inside --------------------------------------------------------------------------

    def _make_room(self) -> None:
        """See that one more call may wait; the lock is held, and let go while it waits."""
        deliver, queue, bound = self._deliver, self._queue, self._bound
        if bound is None or len(queue) < bound:
            return
        block = deliver is not None and deliver.policy is Policy.BLOCK
        if deliver is not None and block and not self._stuck and not self._here():
            room = self._room.wait_for(
                lambda: len(queue) < deliver.bound or self._closed, deliver.patience
            )
            if room:
                return
            self._stuck = True
        if self._keep:
            self._spilled += 1
            self.registry.backlog.note(self, f"callback {self.name}", len(queue) + 1)
            return
        queue.popleft()
        self._dropped += 1

    def _caught_up(self) -> None:
        if self._keep and self._spilled:
            self.registry.backlog.clear(self)

    def _here(self) -> bool:
        """Whether the callback's loop is the one that runs here: it cannot wait for itself."""
        try:
            return asyncio.get_running_loop() is self._where
        except RuntimeError:
            return False

    def _tell_of_drop(self) -> None:
        self._count("callbacks_dropped")
        if self._dropped.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a log is no place to drown
            logger.warning(
                "callback %s is slower than what comes: %d of its calls dropped so far",
                *(self.name, self._dropped),
            )

    def _forgotten(self) -> bool:
        """Whether our drain waited in a queue that a new session has cleared."""
        queue, waits = self.registry.queue, self._queued_in
        return waits is not None and queue is not None and waits != (queue, queue.cleared)

    def _start(self) -> None:
        where, queue = self._where, self.registry.queue
        try:
            if isinstance(where, asyncio.AbstractEventLoop):
                if self._async:
                    self._start_task(where)
                else:
                    where.call_soon_threadsafe(self._drain)
            elif where is not None:
                where.submit(self._drain)
            elif self._async:
                self._spawn(self._drain_async())
            elif queue is not None:
                self._queued_in = queue, queue.cleared
                queue.put("", (self._drain,), ())
            else:  # run()'s queue went away since
                self._drain()
        except RuntimeError as error:  # that loop or executor is closed
            self.close()
            self._report(self.name, error)

    def _start_task(self, where: asyncio.AbstractEventLoop) -> None:
        work = self._drain_async()
        try:
            asyncio.run_coroutine_threadsafe(work, where)
        except RuntimeError:
            work.close()
            raise

    def _next(self) -> tuple[Any, ...] | None:
        with self._lock:
            if self._queue:
                self._stuck = False
                self._room.notify()
                if len(self._queue) == self._bound:
                    self._caught_up()
                return self._queue.popleft()
            if self._waiting:
                return self._waiting.pop(next(iter(self._waiting)))
            self._under_way = False
            return None

    def _drain(self) -> None:
        self._queued_in = None
        try:
            made = 0
            while (args := self._next()) is not None:
                self._call(args)
                made += 1
                if made % RUN_LENGTH == 0 and self._go_on_later():
                    return
        except BaseException:
            self._under_way = False  # Ctrl-C in ``run()``: what comes next starts anew
            raise

    def _go_on_later(self) -> bool:
        """Let others who use that place have their turn; false where it takes nothing any more."""
        where, queue = self._where, self.registry.queue
        try:
            if isinstance(where, asyncio.AbstractEventLoop):
                where.call_soon(self._drain)
            elif where is not None:
                where.submit(self._drain)
            elif queue is not None:
                self._queued_in = queue, queue.cleared
                queue.put("", (self._drain,), ())
            else:
                return False
        except RuntimeError:  # it is being closed: what waits is called here, and now
            return False
        return True

    async def _drain_async(self) -> None:
        try:
            while (args := self._next()) is not None:
                if self.delivered % RUN_LENGTH == 0:
                    await asyncio.sleep(0)  # it may await nothing itself
                self.delivered += 1
                try:
                    await self.callback(*args)  # type: ignore[misc]  # it is a coroutine function
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    # Something that the callback awaited was cancelled, and not the callback.
                    self._report(self.name, error)
                except Exception as error:  # noqa: BLE001  (a user's code: reported, never fatal)
                    self._report(self.name, error)
        except BaseException:
            self._under_way = False
            raise

    def _call(self, args: tuple[Any, ...]) -> None:
        start = perf_counter()
        self.delivered += 1
        try:
            self.callback(*args)
        except BaseException as error:  # noqa: BLE001  (judged there)
            self.failed(error)
        took = perf_counter() - start
        if took > self._patience and self._direct:
            self._was_slow(took)

    def failed(self, error: BaseException) -> None:
        """A call raised: a user's code is reported, and never fatal."""
        # An exit can end the program only in the main thread; here it would lose other calls.
        if (
            not isinstance(error, Exception)
            and threading.current_thread() is threading.main_thread()
        ):
            raise error
        self._report(self.name, error)

    def _was_slow(self, took: float) -> None:
        if self.slow is not None:
            self.slow(self.name, took)
        else:
            self._count("callbacks_slow")
            logger.warning("callback %s took %.0f ms on the loop thread", self.name, took * 1000)


class _Loop(Protocol):
    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> object: ...


class _Errors(Protocol):
    def report_exception(self, where: str, error: BaseException) -> object: ...


class Host(Protocol):
    """The connection's inside, as far as a delivery needs it."""

    @property
    def registry(self) -> Registry: ...
    @property
    def event_loop(self) -> _Loop: ...
    @property
    def errors(self) -> _Errors: ...
    @property
    def metrics(self) -> Any: ...
    @property
    def config(self) -> Any: ...
    def slow_callback(self, name: str, seconds: float) -> None: ...


def delivery_for(
    core: Host,
    callback: Callable[..., object],
    where: Where = None,
    *,
    latest: bool = False,
    keep: bool = False,
) -> Delivery:
    """A delivery with what the connection has for it; ``keep`` for reports about orders."""
    name = describe(callback)
    delivery = Delivery(
        callback,
        registry=core.registry,
        spawn=lambda work: core.event_loop.spawn(work, name=name),
        report=core.errors.report_exception,
        count=lambda counter: core.metrics.counter(counter).add(),
        where=where,
        latest=latest,
        patience=core.config.loop.slow_callback,
        bound=core.config.loop.callback_queue,
        keep=keep,
    )
    delivery.slow = core.slow_callback
    return delivery
