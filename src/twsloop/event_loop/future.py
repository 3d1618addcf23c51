"""The result of work on a loop thread, with a view of its own for each waiter."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeVar, cast

from twsloop.errors import LoopNotRunning, WrongThread

__all__ = ["Future"]

T = TypeVar("T")


class Loop(Protocol):
    """What a Future needs to know of the loop that makes its result."""

    def in_loop(self) -> bool:
        """Whether this is called on the loop's own thread."""
        ...

    def post(self, work: Callable[..., Any], *args: Any) -> None:
        """Run ``work(*args)`` on the loop thread soon."""
        ...

    def let_time_pass(self, done: Callable[[], bool], timeout: float | None) -> float | None:
        """A thread is about to wait for so long, or until ``done``; how long it then has to."""
        ...


class _Settled(Generic[T]):
    """A result, or the exception that came in its stead."""

    __slots__ = ("error", "value")

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error

    def result(self) -> T:
        """The result; raises the exception."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)  # None only where T allows it


class _Outcome(Generic[T]):
    """What all views of one Future share.

    Attributes:
        views: How many were made and were not cancelled. They are counted, and not held: a program
            may look at what is under way for days (``trade.done.done()``), each time with a view.
        waiters: Those that somebody waited with, for as long as somebody has them.
        held: Those with a callback or a coroutine that waits: nobody else need have them.
    """

    __slots__ = ("held", "loop", "on_abandon", "settled", "views", "waiters")

    def __init__(self, loop: Loop | None, on_abandon: Callable[[], object] | None = None) -> None:
        self.loop = loop
        self.on_abandon = on_abandon
        self.views = 0
        self.waiters: tuple[weakref.ref[Future[T]], ...] = ()
        self.held: tuple[Future[T], ...] = ()
        self.settled: _Settled[T] | None = None


class Future(Generic[T]):
    """The result of work on a loop thread.

    ``future.result(timeout)`` waits in a thread, ``await future`` in any asyncio loop. Each waiter
    may take its own `view`: cancelling a view, or cancelling the task that awaits it, ends that
    view only; when the last view is cancelled, the work itself is told (``on_abandon``, on the loop
    thread). A timeout of ``result`` cancels nothing.

    What one waits with (locks, a queue of waiters: more than a kilobyte) is made when somebody
    waits: a program may keep thousands that are over, and look at few of them.

    Args:
        loop: The loop whose work this is; None for a result that no loop makes.
        on_abandon: Called when the last view was cancelled before there was a result.
    """

    __slots__ = ("__weakref__", "_core", "_counted", "_inner")

    # One lock for all: it is held for a few instructions only, and never while calling out.
    _lock = threading.Lock()

    def __init__(
        self,
        loop: Loop | None = None,
        *,
        on_abandon: Callable[[], object] | None = None,
        _core: _Outcome[T] | None = None,
    ) -> None:
        self._inner: concurrent.futures.Future[T] | None = None
        self._core: _Outcome[T] = _core if _core is not None else _Outcome(loop, on_abandon)
        with self._lock:
            self._core.views += 1
        self._counted = True

    def view(self) -> Future[T]:
        """Another waiter's own view of the same result."""
        return Future(_core=self._core)

    def join(self) -> Future[T] | None:
        """A view of a result that is still under way; None if it is there, or all have left."""
        view: Future[T] = Future(_core=self._core)
        with self._lock:
            core = self._core
            if core.settled is None and core.views > 1:
                return view
            view._counted = False
            core.views -= 1
        return None

    # ---- waiting -------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result in this thread.

        Args:
            timeout: How long to wait, in seconds; None for as long as it takes.

        Raises:
            WrongThread: Called on the loop's own thread before the result is there.
            TimeoutError: No result in time; the work goes on.
            concurrent.futures.CancelledError: This view was cancelled.
        """
        settled = self._outcome()
        if settled is not None:
            return settled.result()
        self._refuse_on_loop()
        inner = self._waitable()
        left = self._let_time_pass(timeout)
        try:
            return inner.result(left)
        except TimeoutError:
            if inner.done():  # that is what it ended with
                raise
            msg = f"no result within {timeout} s; what was asked for goes on"
            raise TimeoutError(msg) from None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome in this thread; the exception it ended with, or None."""
        settled = self._outcome()
        if settled is not None:
            return settled.error
        self._refuse_on_loop()
        return self._waitable().exception(self._let_time_pass(timeout))

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the result in whatever asyncio loop runs here."""
        settled = self._outcome()
        if settled is not None:
            return settled.result()
        return (yield from asyncio.wrap_future(self._inner_watched()).__await__())

    def _outcome(self) -> _Settled[T] | None:
        """The outcome, if it is there and this view was not cancelled before."""
        inner = self._inner
        return self._core.settled if inner is None or not inner.cancelled() else None

    def _waitable(self, *, hold: bool = False) -> concurrent.futures.Future[T]:
        """What can be waited for; made at the first call, with the outcome if that is there.

        Args:
            hold: It is waited for by somebody who does not hold this view.
        """
        with self._lock:
            core = self._core
            if self._inner is None:
                self._inner = concurrent.futures.Future()
                if core.settled is not None:
                    _copy(core.settled, self._inner)
                else:
                    waiters = (one for one in core.waiters if one() is not None)
                    core.waiters = (*waiters, weakref.ref(self))
            if hold and core.settled is None and self not in core.held:
                core.held = (*core.held, self)
            return self._inner

    def _inner_watched(self) -> concurrent.futures.Future[T]:
        # wrap_future cancels the inner future when the awaiting task is cancelled: that is this
        # waiter leaving, so the count of views has to learn of it.
        inner = self._waitable(hold=True)
        inner.add_done_callback(self._left)
        return inner

    def _left(self, inner: concurrent.futures.Future[T]) -> None:
        if inner.cancelled():
            self._leave()

    def _refuse_on_loop(self) -> None:
        loop = self._core.loop
        if not self.done() and loop is not None and loop.in_loop():
            msg = (
                "a blocking .result() on the loop's own thread would wait for itself for ever; "
                "use await, or add_done_callback"
            )
            raise WrongThread(msg)

    def _let_time_pass(self, timeout: float | None) -> float | None:
        loop = self._core.loop
        if loop is None or self.done():
            return timeout
        return loop.let_time_pass(self.done, timeout)

    def done(self) -> bool:
        """Whether there is an outcome (a result, an exception, or cancelled)."""
        inner = self._inner
        return self._core.settled is not None if inner is None else inner.done()

    def cancelled(self) -> bool:
        """Whether this view was cancelled."""
        inner = self._inner
        return inner is not None and inner.cancelled()

    def add_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Call ``callback(self)`` when there is an outcome: at once if there is one already."""
        self._waitable(hold=True).add_done_callback(lambda _: callback(self))

    def cancel(self) -> bool:
        """Stop waiting on this view; the work is told when this was the last one.

        Returns:
            False if there was an outcome already.
        """
        if not self._waitable().cancel():
            return False
        self._leave()
        return True

    def _leave(self) -> None:
        with self._lock:
            core = self._core
            core.held = tuple(one for one in core.held if one is not self)
            if not self._counted:
                return
            self._counted = False
            core.views -= 1
            last = not core.views and core.settled is None
        if not last or core.on_abandon is None:
            return
        if core.loop is not None and not core.loop.in_loop():
            with contextlib.suppress(LoopNotRunning):  # then nothing is under way any more
                core.loop.post(core.on_abandon)
        else:
            core.on_abandon()

    def __repr__(self) -> str:
        settled = self._outcome()
        if self.cancelled():
            state = "cancelled"
        elif settled is None:
            state = "pending: wait with .result(timeout=...) or await"
        elif settled.error is not None:
            state = f"failed: {settled.error!r}"
        else:
            state = f"done: .result() returns {type(settled.value).__name__}"
        return f"<Future, {state}>"

    # ---- producing -----------------------------------------------------------------------

    def set_result(self, value: T) -> bool:
        """Give all waiters the result; False if there was an outcome already."""
        return self._settle(_Settled(value))

    def set_exception(self, error: BaseException) -> bool:
        """Give all waiters the exception; False if there was an outcome already."""
        return self._settle(_Settled(error=error))

    def _settle(self, settled: _Settled[T]) -> bool:
        with self._lock:
            if self._core.settled is not None:
                return False
            core = self._core
            core.settled = settled
            views = [view for waiter in core.waiters if (view := waiter()) is not None]
            core.waiters = core.held = ()
        for view in views:
            inner = view._inner  # noqa: SLF001  (a view of our own)
            if inner is not None:
                _copy(settled, inner)
        return True


def _copy(source: _Settled[T], target: concurrent.futures.Future[T]) -> None:
    """Give ``target`` the outcome, unless its waiter has left, or has it already."""
    with contextlib.suppress(concurrent.futures.InvalidStateError):
        if source.error is not None:
            target.set_exception(source.error)
        else:
            target.set_result(source.result())
