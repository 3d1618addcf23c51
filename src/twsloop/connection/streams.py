"""Requests whose answers go on until they are cancelled: one base for all of them.

Theory of operation. A **feed** is what one such request opens at the gateway (a depth book, the
ticks of a contract, live bars, profit and loss...). It has one request id at a time; who follows it
holds a `Stream`. Equal requests share one feed, and the last holder to leave cancels it.

A feed outlives the sessions it runs in: it is requested once the session is READY, again at each
READY after that, and again when the gateway has lost its subscriptions (1101). Its handles see that
as a status (`StreamStatus`), observers of `twsloop.events` as a gap with a beginning and an end. A
slice may ask for a new start itself (`Feed.restart`), when the gateway says that a feed has to be
read anew.

What ends a feed: nobody holds it, the gateway refuses it (`Stream.error`), or the slice says that
it is complete. `Stream.done` then resolves; it never raises.

Feeds are found and held in the callers' threads, under one lock, so that opening one waits for
nothing, and a refusal (`admit`) is raised where the call was made. Everything else belongs to the
loop thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from twsloop.clock import Timer
from twsloop.errors import LoopNotRunning, RequestError, RequestTimeout, TwsLoopError
from twsloop.event_loop import Future
from twsloop.events import Ends, GapEnded, GapStarted, Notice
from twsloop.processors import Where
from twsloop.processors.delivery import Delivery, delivery_for
from twsloop.session.state import State

from .stream import Stream, StreamStatus

if TYPE_CHECKING:
    from .core import Core

__all__ = [
    "DATA_KEPT",
    "DATA_LOST",
    "SERVERS_LOST",
    "Feed",
    "Stream",
    "StreamPlan",
    "StreamStatus",
    "Streams",
]

T = TypeVar("T")

#: The gateway's link to IB's servers is gone; back without, or with, our subscriptions.
SERVERS_LOST = frozenset({1100, 2110})
DATA_LOST = 1101
DATA_KEPT = 1102
#: Sessions in which a request may be sent.
SERVED = frozenset({State.READY, State.DEGRADED})


@attrs.frozen(kw_only=True)
class StreamPlan:
    """How a slice opens a stream.

    Attributes:
        request: What is asked, in words (``depth of AAPL``), for errors and facts.
        send: Sends the request, given its id; loop thread.
        cancel: Cancels it, given its id; None where IB has no cancel.
        listener: The slice's processor; heard only while a feed of it is open.
        callbacks: The callbacks it hears.
        key: Equal keys share one feed; None is never shared.
        state: Makes the state that the handles share; once for each feed.
        admit: May refuse a new feed, by raising, before anything is sent.
        release: Gives back what ``admit`` took, when the feed is over.
        on_notice: Deals with a notice about the feed; True if nothing else is to be done.
        keep_latest: Items are states, of which only the newest matters.
        deadline: Seconds within which the first item has to come.
    """

    request: str
    send: Callable[[int], object]
    cancel: Callable[[int], object] | None
    listener: object
    callbacks: tuple[str, ...]
    key: Hashable = None
    state: Callable[[], Any] | None = None
    admit: Callable[[Feed[Any]], object] | None = None
    release: Callable[[Feed[Any]], object] | None = None
    on_notice: Callable[[Feed[Any], Notice], bool] | None = None
    keep_latest: bool = False
    deadline: float | None = None


@attrs.define(eq=False)
class Feed(Generic[T]):
    """One request at the gateway that goes on, and who holds it; loop thread only.

    Attributes:
        plan: How it is asked for.
        state: The slice's own, shared by all handles.
        req_id: Its id in this session; None while it is not requested.
        handles: The streams that hold it, in the order they came.
        latest: The newest item.
        received: When that came, in the clock's monotonic seconds.
        error: What ended it.
        notice: The newest notice about it that did not end it.
        gap: Since when it is interrupted, UTC.
    """

    plan: StreamPlan
    _desk: Streams
    state: Any = None
    req_id: int | None = None
    handles: dict[Stream[T], None] = attrs.field(factory=dict)
    status: StreamStatus = StreamStatus.OPENING
    latest: T | None = None
    received: float | None = None
    error: Exception | None = None
    notice: Notice | None = None
    gap: datetime | None = None
    timer: Timer | None = None

    @property
    def request(self) -> str:
        """What is asked, in words."""
        return self.plan.request

    def put(self, item: T, key: Hashable = None) -> None:
        """An item came: tell the handles.

        Args:
            item: What they are given.
            key: Where only the newest item waits for a slow callback: the newest of this key.
        """
        self.latest = item
        self.received = self._desk.clock.monotonic()
        if self.status is not StreamStatus.LIVE:
            self._desk.live(self)
        for handle in tuple(self.handles):
            handle.deliver(item, key)

    def restart(self, reason: str) -> None:
        """Ask for it anew, under a new id; the handles stay."""
        self._desk.restart(self, reason)

    def fail(self, error: Exception) -> None:
        """It is over, because of an error."""
        self._desk.over(self, error)

    def finish(self) -> None:
        """It is over: everything has come."""
        self._desk.over(self, None)


class Streams:
    """All feeds of a connection.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._feeds: dict[Feed[Any], None] = {}
        self._by_key: dict[Hashable, Feed[Any]] = {}
        self._by_id: dict[int, Feed[Any]] = {}
        self._heard: dict[Feed[Any], None] = {}
        self._clean_up_set = False
        self.clock = core.clock
        core.on_session(self._session)
        core.on_down(self._down)
        core.on_notice(self._notice)

    def __len__(self) -> int:
        """How many feeds are open."""
        return len(self._feeds)

    def __iter__(self) -> Iterator[Feed[Any]]:
        return iter(tuple(self._feeds))

    def feed(self, req_id: int) -> Feed[Any] | None:
        """The feed that was requested with that id; loop thread."""
        return self._by_id.get(req_id)

    # ---- doors ---------------------------------------------------------------------------

    def open(
        self,
        plan: StreamPlan,
        on_update: Callable[[Any], object] | None = None,
        where: Where = None,
    ) -> Stream[Any]:
        """Open a stream, or hold one that is open already; from any thread.

        Args:
            plan: How it is asked for.
            on_update: Called with each item.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.

        Raises:
            LoopNotRunning: Before ``start()`` or ``connect()``.
        """
        core, key = self._core, plan.key
        with self._lock:
            if not core.event_loop.running:
                msg = f"{plan.request} needs a running loop: call start() or connect() first"
                raise LoopNotRunning(msg)
            feed: Feed[Any] | None = self._by_key.get(key) if key is not None else None
            if feed is None:
                feed = Feed(plan, self)
                if plan.admit is not None:
                    plan.admit(feed)
                feed.state = plan.state() if plan.state is not None else None
                self._feeds[feed] = None
                if key is not None:
                    self._by_key[key] = feed
            stream: Stream[Any] = Stream(self, Future(core.event_loop), feed)
            feed.handles[stream] = None
        if on_update is not None:
            stream.listen(self.delivery(on_update, where, latest=plan.keep_latest))
        self._do(self._opened, stream)
        return stream

    def leave(self, stream: Stream[Any]) -> None:
        """A handle is not wanted any more; from any thread."""
        stream.mute()
        if self._core.event_loop.running:
            self._do(self._left, stream)
        stream.finish(stream.error)

    def follow(self, stream: Stream[Any], callback: Callable[..., object], where: Where) -> None:
        """Another callback for a handle; from any thread."""
        delivery = self.delivery(callback, where, latest=stream.feed.plan.keep_latest)
        self._do(self._follow, stream, delivery)

    def delivery(
        self, callback: Callable[..., object], where: Where, *, latest: bool = False
    ) -> Delivery:
        """How a callback is called."""
        return delivery_for(self._core, callback, where, latest=latest)

    def waiter(self) -> Future[None]:
        """What an iteration waits for."""
        return Future(self._core.event_loop)

    def _do(self, work: Callable[..., object], *args: Any) -> None:
        loop = self._core.event_loop
        if loop.in_loop():
            work(*args)
        else:
            loop.post(work, *args)

    # ---- loop thread ---------------------------------------------------------------------

    def live(self, feed: Feed[Any]) -> None:
        """The first item, or the first after a gap."""
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None
        self._status(feed, StreamStatus.LIVE, "data comes")
        if feed.gap is not None:
            started, feed.gap = feed.gap, None
            now = self._core.clock.now()
            self._core.tell(
                GapEnded(time=now, stream=feed.request, started=started, reason="data comes again")
            )

    def restart(self, feed: Feed[Any], reason: str) -> None:
        """Ask for a feed anew."""
        if feed not in self._feeds:
            return
        before = self._unassign(feed)
        self._interrupt(feed, reason)
        if before is not None and feed.plan.cancel is not None and self._core.connected:
            feed.plan.cancel(before)
        if self._core.state in SERVED:
            self._request(feed)

    def over(self, feed: Feed[Any], error: Exception | None) -> None:
        """A feed ended."""
        with self._lock:
            handles = tuple(feed.handles)
            self._close(feed)
        feed.error = error
        self._ended(feed)
        self._status(feed, StreamStatus.OVER, str(error or "complete"), handles)
        for handle in handles:
            handle.finish(error)

    def _opened(self, stream: Stream[Any]) -> None:
        feed = stream.feed
        if not self._clean_up_set:
            self._clean_up_set = True
            self._core.event_loop.at_stop(self._stopped)
        if feed not in self._feeds:
            if stream.active:  # it ended while this handle was on its way here
                stream.finish(feed.error)
            return
        if feed.req_id is None:
            self._listen(feed)
            if self._core.state in SERVED:
                self._request(feed)
        elif feed.plan.keep_latest and feed.latest is not None:
            stream.deliver(feed.latest)  # the next change may be far away

    def _stopped(self) -> None:
        """The loop ends: nobody shall wait for an item of it. A later start goes on with all."""
        self._clean_up_set = False
        for feed in self:
            for handle in feed.handles:
                handle.end_iterations()

    def _follow(self, stream: Stream[Any], delivery: Delivery) -> None:
        stream.listen(delivery)
        feed = stream.feed
        if feed.plan.keep_latest and feed.latest is not None and stream.active:
            delivery((feed.latest,))

    def _left(self, stream: Stream[Any]) -> None:
        feed = stream.feed
        with self._lock:
            if stream not in feed.handles:
                return
            del feed.handles[stream]
            if feed.handles:
                return
            self._close(feed, keep_id=True)
        req_id = self._unassign(feed)
        self._ended(feed)
        feed.status = StreamStatus.OVER
        if req_id is not None and feed.plan.cancel is not None and self._core.connected:
            feed.plan.cancel(req_id)

    def _request(self, feed: Feed[Any]) -> None:
        req_id = self._core.request_ids.take()
        feed.req_id = req_id
        self._by_id[req_id] = feed
        if feed.plan.deadline is not None and feed.timer is None:
            feed.timer = self._core.clock.call_later(feed.plan.deadline, self._too_late, feed)
        try:
            feed.plan.send(req_id)
        except (TwsLoopError, ValueError, TypeError) as error:
            self.over(feed, error)

    def _too_late(self, feed: Feed[Any]) -> None:
        feed.timer = None
        if feed not in self._feeds or feed.status is StreamStatus.LIVE:
            return
        req_id = feed.req_id
        if req_id is not None and feed.plan.cancel is not None and self._core.connected:
            feed.plan.cancel(req_id)
        text = f"no answer within {feed.plan.deadline:g} s"
        self.over(feed, RequestTimeout(text, req_id=req_id or -1, request=feed.request))

    def _close(self, feed: Feed[Any], *, keep_id: bool = False) -> None:
        """Forget a feed (under the lock)."""
        self._feeds.pop(feed, None)
        feed.handles.clear()
        if feed.plan.key is not None and self._by_key.get(feed.plan.key) is feed:
            del self._by_key[feed.plan.key]
        if not keep_id:
            self._unassign(feed)

    def _unassign(self, feed: Feed[Any]) -> int | None:
        req_id, feed.req_id = feed.req_id, None
        if req_id is not None:
            self._by_id.pop(req_id, None)
        return req_id

    def _ended(self, feed: Feed[Any]) -> None:
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None
        self._unlisten(feed)
        if feed.plan.release is not None:
            feed.plan.release(feed)

    # ---- who hears the callbacks ---------------------------------------------------------

    def _listen(self, feed: Feed[Any]) -> None:
        """Let a feed's callbacks be heard: without one they need not be decoded for us."""
        if feed in self._heard:
            return
        listener, names = feed.plan.listener, feed.plan.callbacks
        new = [name for name in names if name not in self._names(listener)]
        self._heard[feed] = None
        if new:
            self._core.add_slice(listener, tuple(new))

    def _unlisten(self, feed: Feed[Any]) -> None:
        if feed not in self._heard:
            return
        del self._heard[feed]
        listener, names = feed.plan.listener, feed.plan.callbacks
        gone = [name for name in names if name not in self._names(listener)]
        if gone:
            self._core.remove_slice(listener, tuple(gone))

    def _names(self, listener: object) -> set[str]:
        """Which callbacks of a listener are heard now."""
        plans = [feed.plan for feed in self._heard if feed.plan.listener is listener]
        return {name for plan in plans for name in plan.callbacks}

    # ---- the session ---------------------------------------------------------------------

    def _status(
        self,
        feed: Feed[Any],
        status: StreamStatus,
        reason: str,
        handles: tuple[Stream[Any], ...] | None = None,
    ) -> None:
        if feed.status is status:
            return
        feed.status = status
        for handle in tuple(feed.handles) if handles is None else handles:
            handle.tell_status(status, reason)

    def _interrupt(self, feed: Feed[Any], reason: str) -> None:
        if feed.status is not StreamStatus.LIVE:
            return
        feed.gap = self._core.clock.now()
        self._status(feed, StreamStatus.INTERRUPTED, reason)
        self._core.tell(GapStarted(time=feed.gap, stream=feed.request, reason=reason))

    def _session(self, state: State, _reason: str) -> None:
        if state is not State.READY:
            return
        for feed in self:
            if feed.req_id is None and feed in self._feeds:
                self._listen(feed)
                self._request(feed)

    def _down(self) -> None:
        for feed in self:
            self._unassign(feed)
            self._interrupt(feed, "the link was lost")

    def _notice(self, notice: Notice) -> None:
        if notice.code in SERVERS_LOST:
            for feed in self:
                self._interrupt(feed, notice.text)
        elif notice.code == DATA_LOST:
            for feed in self:
                self._unassign(feed)
                self._interrupt(feed, notice.text)
                self._request(feed)
        elif notice.code == DATA_KEPT:
            for feed in self:
                if feed.status is StreamStatus.INTERRUPTED and feed.req_id is not None:
                    self.live(feed)
        named = self._by_id.get(notice.req_id)
        if named is None:
            return
        if named.plan.on_notice is not None and named.plan.on_notice(named, notice):
            return
        if notice.ends is not Ends.REQUEST:
            named.notice = notice
            return
        self.over(
            named,
            RequestError(
                notice.text,
                code=notice.code,
                req_id=notice.req_id,
                request=named.request,
                category=notice.category,
            ),
        )
