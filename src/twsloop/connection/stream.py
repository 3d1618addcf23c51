"""The handle of a stream: what one holder reads, follows and cancels (see `streams`)."""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, Self, TypeVar

from twsloop.clock import Clock
from twsloop.errors import RequestCancelled
from twsloop.event_loop import Future
from twsloop.events import Notice
from twsloop.processors import DeliveryCounts, Where
from twsloop.processors.delivery import Delivery

from .life import Gap, Life, LifeFact, OnLife, StreamStatus

__all__ = ["Stream", "StreamStatus", "check_silence"]

T = TypeVar("T")

#: How many items wait for an iteration that does not keep up, before the oldest are dropped.
ITEMS = 10_000
#: Nothing may be told to speak more often than this, seconds: what is redone needs time to answer.
LEAST_SILENCE = 1.0


class Source(Protocol[T]):
    """What a handle needs to know of the feed it holds."""

    state: Any
    life: Life
    latest: T | None
    received: float | None
    notice: Notice | None

    @property
    def request(self) -> str:
        """What is followed, in words."""
        ...


class Keeper(Protocol):
    """What a handle needs of those who keep the feeds."""

    clock: Clock

    def delivery(
        self, callback: Callable[..., object], where: Where, *, latest: bool = False
    ) -> Delivery:
        """How a callback is called."""
        ...

    def follow(self, stream: Stream[Any], callback: Callable[..., object], where: Where) -> None:
        """Let another callback hear the items; from any thread."""
        ...

    def leave(self, stream: Stream[Any]) -> None:
        """Let go of the feed; from any thread."""
        ...

    def limited(self, stream: Stream[Any]) -> None:
        """For how long it may be silent has changed; from any thread."""
        ...

    def waiter(self) -> Future[Any]:
        """What an iteration waits for."""
        ...


def check_silence(seconds: float | None) -> float | None:
    """For how long something may be silent, if that is a time.

    Raises:
        ValueError: It is none, or too short to be told from the pauses between items.
    """
    if seconds is not None and not LEAST_SILENCE <= seconds < math.inf:
        msg = f"max_silence is a number of seconds, {LEAST_SILENCE:g} or more, not {seconds!r}"
        raise ValueError(msg)
    return seconds


class Stream(Generic[T]):
    """A subscription: who holds it is told of each item, until it is cancelled.

    Use it as a context manager to cancel it at the end of a block; iterate over it with
    ``async for`` in any asyncio loop, or over `items` in a thread. It may be read from any thread.
    It goes on until it is cancelled: leaving an iteration, or letting go of the handle, does not
    cancel it.

    Attributes:
        error: What ended it, or None.
    """

    def __init__(self, desk: Keeper, done: Future[T | None], feed: Source[T]) -> None:
        self._desk = desk
        self._feed = feed
        self._done = done
        self._image: Future[Any] = desk.waiter()
        self._deliveries: list[Delivery] = []
        self._status_deliveries: list[Delivery] = []
        self._life_deliveries: list[Delivery] = []
        self._max_silence: float | None = None
        #: Of each iteration that goes on; one that nobody holds any more is forgotten.
        self._inboxes: tuple[weakref.ref[_Inbox[T]], ...] = ()
        self._lock = threading.Lock()
        #: What came since the opening, for the first iteration; empty when that has begun.
        self._early: list[_Inbox[T]] = []
        self.error: Exception | None = None

    # ---- what is true now ----------------------------------------------------------------

    @property
    def request(self) -> str:
        """What is followed, in words."""
        return self._feed.request

    @property
    def state(self) -> Any:
        """The live state that the items make (a book, a table); None where there is none."""
        return self._feed.state

    @property
    def status(self) -> StreamStatus:
        """Where it is in its life."""
        return StreamStatus.OVER if self._done.done() else self._feed.life.status

    @property
    def life(self) -> Life:
        """Its life: where it is in it, why, and since when; shared by all who hold the same."""
        return self._feed.life

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """In which times something may be missing: the newest hundred, the oldest first."""
        return self._feed.life.gaps

    @property
    def max_silence(self) -> float | None:
        """For how long it may be silent, seconds; None for as long as it likes. May be set.

        After so long it is interrupted (`on_life`), and asked for anew, each time.
        """
        return self._max_silence

    @max_silence.setter
    def max_silence(self, seconds: float | None) -> None:
        self._max_silence = check_silence(seconds)
        self._desk.limited(self)

    @property
    def active(self) -> bool:
        """Whether items may still come."""
        return not self._done.done()

    @property
    def stale(self) -> bool:
        """Whether what is known may be old: it is not live now."""
        return self.status is not StreamStatus.LIVE

    @property
    def latest(self) -> T | None:
        """The newest item; None before the first."""
        return self._feed.latest

    @property
    def age(self) -> float | None:
        """Seconds since the newest item; None before the first."""
        received = self._feed.received
        return None if received is None else max(self._desk.clock.monotonic() - received, 0.0)

    @property
    def received_time(self) -> datetime | None:
        """When the newest item came, UTC; None before the first."""
        age = self.age
        return None if age is None else self._desk.clock.now() - timedelta(seconds=age)

    @property
    def notice(self) -> Notice | None:
        """The newest notice of the gateway about it that did not end it."""
        return self._feed.notice

    @property
    def done(self) -> Future[T | None]:
        """Resolves with the newest item when nothing more will come; never raises.

        Each caller gets a view of its own. `error` says whether something went wrong.
        """
        return self._done.view()

    @property
    def image(self) -> Future[Any]:
        """Resolves with `state` when the first image is whole, or the first item has come.

        It fails with what ended the stream before that. Each caller gets a view of its own.
        """
        return self._image.view()

    @property
    def dropped(self) -> int:
        """How many items iterations have missed because they did not keep up."""
        return sum(inbox.dropped for inbox in self._open_inboxes() if inbox not in self._early)

    @property
    def callbacks(self) -> tuple[DeliveryCounts, ...]:
        """What became of each callback's calls: made, waiting, dropped (see `Deliver`)."""
        return tuple(delivery.counts for delivery in self._all_deliveries())

    # ---- following it --------------------------------------------------------------------

    def on_update(
        self, callback: Callable[[T], object], where: Where = None
    ) -> Callable[[T], object]:
        """Let another callback hear the items, too; usable as a decorator.

        Args:
            callback: Called with each item; a function or a coroutine function.
            where: None for the loop thread; an executor or a running asyncio loop.
        """
        self._desk.follow(self, callback, where)
        return callback

    def on_status(
        self, callback: Callable[[StreamStatus, str], object], where: Where = None
    ) -> Callable[[StreamStatus, str], object]:
        """Call ``callback(status, reason)`` at each change of `status`."""
        self._status_deliveries.append(self._desk.delivery(callback, where))
        return callback

    def on_life(self, callback: OnLife, where: Where = None) -> OnLife:
        """Call ``callback(fact)`` when it starts, at each gap's beginning and end, and at its end.

        The fact is a `StreamStarted`, `GapStarted`, `GapEnded` or `StreamClosed`; who cancels it
        himself is told no more. Usable as a decorator.
        """
        self._life_deliveries.append(self._desk.delivery(callback, where))
        return callback

    def items(self, timeout: float | None = None) -> Iterator[T]:
        """The items, for a loop in a thread; ends with the stream, or with ``stop()``.

        The first iteration begins with the first item, unless the stream was opened with a
        callback; later ones with the next item, or with the newest where only that matters.

        Args:
            timeout: How long to wait for each item, in seconds; None for as long as it takes.

        Raises:
            TimeoutError: No item came in time.
            WrongThread: On the loop thread, which would wait for itself.
        """
        inbox = self._inbox()
        return inbox.iterate(timeout)

    def __aiter__(self) -> AsyncIterator[T]:
        """The items, from where `items` begins; ends with the stream, or with ``stop()``."""
        return self._inbox().aiterate()

    def cancel(self) -> None:
        """Leave it; from any thread and any callback. Twice does nothing more.

        It waits for nothing: one callback may be under way when it returns; none follows.
        """
        self._desk.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Cancel."""
        self.cancel()

    def __repr__(self) -> str:
        why = f": {self.error}" if self.error is not None else ""
        return f"<Stream {self.request}, {self.status}{why}>"

    # ---- for the desk --------------------------------------------------------------------

    def deliver(self, item: T, key: Hashable = None) -> None:
        """Tell the callbacks and iterations of an item; loop thread."""
        for delivery in self._deliveries:
            delivery.one(item, key)
        if self._inboxes:
            for inbox in self._open_inboxes():
                inbox.put(item)

    def imaged(self) -> None:
        """The image is whole; loop thread."""
        self._image.set_result(self._feed.state)

    def tell_status(self, status: StreamStatus, reason: str) -> None:
        """Tell of a change of status; loop thread."""
        for delivery in self._status_deliveries:
            delivery((status, reason))

    def tell_life(self, fact: LifeFact) -> None:
        """Tell of what happened in its life; loop thread."""
        for delivery in self._life_deliveries:
            delivery((fact,))

    def listen(self, delivery: Delivery) -> None:
        """Let a callback hear the items from now on."""
        self._deliveries.append(delivery)

    def finish(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self.error = error
        self._image.set_exception(
            error or RequestCancelled("it was cancelled before its image", request=self.request)
        )
        self._done.set_result(self._feed.latest)
        self.end_iterations()

    def end_iterations(self) -> None:
        """Whoever iterates over the items gets those that are there, and no more."""
        for inbox in self._open_inboxes():
            if self._done.done() or inbox not in self._early:  # else nobody iterates yet
                inbox.close()

    def mute(self) -> None:
        """Call nobody any more."""
        for delivery in self._all_deliveries():
            delivery.close()

    @property
    def feed(self) -> Any:
        """What it holds."""
        return self._feed

    def gather(self) -> None:
        """Keep what comes for the first iteration; before anything can come."""
        inbox: _Inbox[T] = _Inbox(self._desk.waiter)
        self._early.append(inbox)
        self._add(inbox)

    def _all_deliveries(self) -> tuple[Delivery, ...]:
        return (*self._deliveries, *self._status_deliveries, *self._life_deliveries)

    def _inbox(self) -> _Inbox[T]:
        with contextlib.suppress(IndexError):
            return self._early.pop()
        inbox: _Inbox[T] = _Inbox(self._desk.waiter)
        self._add(inbox)
        newest = self._feed.latest
        if self.feed.plan.keep_latest and newest is not None:
            inbox.put(newest)
        if self._done.done():
            inbox.close()
        return inbox

    def _add(self, inbox: _Inbox[T]) -> None:
        with self._lock:
            held = tuple(ref for ref in self._inboxes if ref() is not None)
            self._inboxes = (*held, weakref.ref(inbox))

    def _open_inboxes(self) -> list[_Inbox[T]]:
        return [inbox for ref in self._inboxes if (inbox := ref()) is not None]


class _Inbox(Generic[T]):
    """Items on their way to an iteration; bounded, the oldest are dropped."""

    def __init__(self, waiter: Callable[[], Future[None]]) -> None:
        self._make = waiter
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._waiting: Future[None] | None = None
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        with self._lock:
            if len(self._items) >= ITEMS:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    def iterate(self, timeout: float | None) -> Iterator[T]:
        while True:
            items, waiting = self._take()
            if waiting is not None:
                waiting.result(timeout)
            elif not items:
                return
            yield from items

    async def aiterate(self) -> AsyncIterator[T]:
        while True:
            items, waiting = self._take()
            if waiting is not None:
                await waiting
            elif not items:
                return
            for item in items:
                yield item

    def _take(self) -> tuple[list[T], Future[None] | None]:
        """One item, if there is one; else what to wait for; neither when it is over."""
        with self._lock:
            if self._items:
                return [self._items.popleft()], None
            if self._closed:
                return [], None
            self._waiting = self._make()
            return [], self._waiting

    def _wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set_result(None)
