"""Requests whose answers go on until they are cancelled: one base for all of them.

Theory of operation. A **feed** is what one such request opens at the gateway (a depth book, the
ticks of a contract, live bars, profit and loss...). It has one request id at a time; who follows it
holds a `Stream`. Equal requests share one feed, and the last holder to leave cancels it.

A feed outlives the sessions it runs in: it is requested once the session is READY, again at each
READY after that, again when the gateway has lost its subscriptions (1101), and when it stays silent
where it should not (`Care`). Its handles see that as a status (`StreamStatus`), observers of
`twsloop.events` as a gap with a beginning and an end. A slice may ask for a new start itself
(`Feed.restart`), when the gateway says that a feed has to be read anew, and for a new attempt
(`Feed.again`), when the gateway has ended it.

What ends a feed: nobody holds it, the gateway refuses it (`Stream.error`), or the slice says that
it is complete. `Stream.done` then resolves; it never raises.

Feeds are found and held in the callers' threads, under one lock, so that opening one waits for
nothing, and a refusal (`admit`) is raised where the call was made. Everything else belongs to the
loop thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from twsloop.errors import (
    LoopNotRunning,
    RequestError,
    RequestTimeout,
    TwsLoopError,
)
from twsloop.event_loop import Future
from twsloop.events import Ends, GapCause, Notice
from twsloop.processors import Where
from twsloop.processors.delivery import Delivery, delivery_for
from twsloop.session.state import State

from .care import DATA_LOST, SERVED, Care
from .feed import Feed, StreamPlan
from .life import StreamStatus
from .listening import Listening
from .questions import Questions
from .stream import Stream

if TYPE_CHECKING:
    from .core import Core

__all__ = [
    "SERVED",
    "Feed",
    "Stream",
    "StreamPlan",
    "StreamStatus",
    "Streams",
]

T = TypeVar("T")


class Streams:
    """All feeds of a connection.

    Args:
        core: The connection.

    Attributes:
        care: Looks after their lives, and those of the market data lines.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.care = Care(core)  # first: what it knows of farms and servers holds for all below
        self._lock = threading.RLock()  # what a plan releases may hold a feed itself
        self._feeds: dict[Feed[Any], None] = {}
        self._by_key: dict[Hashable, Feed[Any]] = {}
        self._by_id: dict[int, Feed[Any]] = {}
        self._clean_up_set = False
        self._listening = Listening(core)
        self._questions = Questions(core, self)
        self.clock = core.clock
        self.arrival = core.arrival
        core.on_session(self._session)
        core.on_down(self._down)
        core.on_notice(self._notice)

    def __len__(self) -> int:
        """How many feeds are open."""
        return len(self._feeds)

    def __iter__(self) -> Iterator[Feed[Any]]:
        return iter(tuple(self._feeds))

    def words_of(self, req_id: int) -> str | None:
        """What the feed that was requested with that id is, in words; loop thread."""
        feed = self._by_id.get(req_id)
        return None if feed is None else feed.request

    @property
    def requested(self) -> Mapping[int, Feed[Any]]:
        """The feeds by their request ids, live; loop thread."""
        return self._by_id

    def feed(self, req_id: int, callback: str = "") -> Feed[Any] | None:
        """The feed that was requested with that id; loop thread.

        Args:
            req_id: The id.
            callback: What came with it: none for a feed that is not told in that, whose id a
                message of another kind has.
        """
        feed = self._by_id.get(req_id)
        if feed is None or not callback or callback in feed.plan.callbacks:
            return feed
        return None

    def keyed(self, key: Hashable) -> Feed[Any] | None:
        """The feed that is shared by that key, whose answers come without an id; loop thread."""
        return self._by_key.get(key)

    def only_asked(self, feed: Feed[Any]) -> bool:
        """Whether a feed is held for one answer (`image`, `first`) only, and nobody follows it."""
        return self._questions.only(feed)

    # ---- doors ---------------------------------------------------------------------------

    def open(
        self,
        plan: StreamPlan,
        on_update: Callable[[Any], object] | None = None,
        where: Where = None,
        *,
        question: bool = False,
    ) -> Stream[Any]:
        """Open a stream, or hold one that is open already; from any thread.

        Args:
            plan: How it is asked for.
            on_update: Called with each item.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.
            question: It is held for one answer, and has no life that observers are told of.

        Raises:
            LoopNotRunning: Before ``start()`` or ``connect()``.
            TypeError: ``where`` is no place to call a callback.
        """
        core, key = self._core, plan.key
        latest = plan.keep_latest
        # First of all: what it refuses must not leave a feed behind that nobody can cancel.
        heard = None if on_update is None else self.delivery(on_update, where, latest=latest)
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
            if question:
                self._questions.hold(stream)
            if heard is None:
                stream.gather()
            else:
                stream.listen(heard)
            feed.handles[stream] = None
            feed.held()
        self._do(self._opened, stream)
        return stream

    async def image(self, plan: StreamPlan, limit: float | None = None) -> Any:
        """The state of a stream once its image is whole, asked for once; loop thread.

        Args:
            plan: How it is asked for.
            limit: Seconds for each part of the answer; as planned unless given.

        Raises:
            NotConnected: There is no session.
            ConnectionLost: The link ended before the image was whole.
            RequestError: What ended the stream.
        """
        stream = await self._questions.ask(plan, limit)
        return stream.state

    async def first(self, plan: StreamPlan, limit: float | None = None) -> Any:
        """The newest item of a stream, asked for once; loop thread. See `image`."""
        stream = await self._questions.ask(plan, limit)
        return stream.latest

    def leave(self, stream: Stream[Any]) -> None:
        """A handle is not wanted any more; from any thread.

        What the feed held (`StreamPlan.release`) is free at once: its cancel leaves before any
        request that is made after this.
        """
        stream.mute()
        feed = stream.feed
        with self._lock:
            held = feed.handles.pop(stream, stream) is None
            feed.held()
            last = held and not feed.handles and feed in self._feeds
            if last:
                self._close(feed)
                # Posted before another thread can take what was released: its request is later.
                try:
                    self._do(self._left, feed)
                except LoopNotRunning:  # nothing is open at the gateway, and nobody else is here
                    self._left(feed)
        stream.finish(stream.error)

    def follow(self, stream: Stream[Any], callback: Callable[..., object], where: Where) -> None:
        """Another callback for a handle; from any thread."""
        delivery = self.delivery(callback, where, latest=stream.feed.plan.keep_latest)
        self._do(self._follow, stream, delivery)

    def limited(self, stream: Stream[Any]) -> None:
        """For how long a handle's feed may be silent has changed; from any thread."""
        with contextlib.suppress(LoopNotRunning):  # before the start, and after the end
            self._do(self.care.limited, stream.feed.life)

    def delivery(
        self, callback: Callable[..., object], where: Where, *, latest: bool = False
    ) -> Delivery:
        """How a callback is called."""
        return delivery_for(self._core, callback, where, latest=latest)

    def waiter(self) -> Future[Any]:
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
        self.care.heard(feed.life)
        self.resumed(feed)

    def resumed(self, feed: Feed[Any]) -> None:
        """It goes on where it was: who came amid the gap waited for its end."""
        if feed.whole:
            self._forget_timer(feed)
            for handle in tuple(feed.handles):
                handle.imaged()

    def expect(self, feed: Feed[Any]) -> None:
        """What is awaited of a feed has come, or a part: its deadline ends, or begins anew."""
        self._forget_timer(feed)
        awaited = not feed.whole or feed.life.status is StreamStatus.INTERRUPTED
        if awaited and feed.plan.deadline is not None:
            feed.timer = self.clock.call_later(feed.plan.deadline, self._too_late, feed)

    def restart(self, feed: Feed[Any], reason: str) -> None:
        """Ask for a feed anew."""
        self.interrupt(feed, reason)
        self.redo(feed, reason)

    def redo(self, feed: Feed[Any], _reason: str) -> None:
        """Ask for a feed anew that is interrupted, or was not answered."""
        if feed not in self._feeds:
            return
        before = self._unassign(feed)
        cancel = None if feed.life.gone else feed.plan.cancel
        if before is not None and cancel is not None and self._core.connected:
            cancel(before)
        if self._core.state in SERVED:
            self._request(feed)

    def again(self, feed: Feed[Any], reason: str, *, at_once: bool) -> None:
        """The gateway has ended a feed's request: ask again, in time."""
        self.care.again(feed.life, reason, at_once=at_once)

    def sent(self, feed: Feed[Any]) -> None:
        """A feed's request has left."""
        self.care.asked(feed.life)

    def refused(self, feed: Feed[Any], error: Exception) -> None:
        """A feed's request failed."""
        if feed not in self._feeds:
            return
        self._forget_timer(feed)
        if self.only_asked(feed) or not self.care.refused(feed.life, error):
            self.over(feed, error)

    def over(self, feed: Feed[Any], error: Exception | None) -> None:
        """A feed ended."""
        with self._lock:
            if feed not in self._feeds:
                return
            self._close(feed)
        self._unassign(feed)
        feed.error = error
        self._ended(feed)
        self.care.over(feed.life, str(error or "complete"))
        for handle in tuple(feed.handles):
            handle.finish(error)
        feed.handles.clear()
        feed.held()

    def _opened(self, stream: Stream[Any]) -> None:
        feed = stream.feed
        if not self._clean_up_set:
            self._clean_up_set = True
            self._core.event_loop.at_stop(self._stopped)
        if feed not in self._feeds:
            if stream.active:  # it ended while this handle was on its way here
                stream.finish(feed.error)
            return
        self.care.take(feed.life, followed=stream not in self._questions)
        if feed.req_id is None:
            self._listening.begin(feed)
            if self._core.state in SERVED:
                self._request(feed)
            return
        if feed.plan.keep_latest and feed.latest is not None:
            stream.deliver(feed.latest)  # the next change may be far away
        if feed.whole and feed.life.status is StreamStatus.LIVE:
            stream.imaged()
        elif feed.whole:  # what is known is old: what comes next is the answer
            self.expect(feed)

    def _stopped(self) -> None:
        """The loop ends: nobody shall wait for an item of it. A later start goes on with all."""
        self._clean_up_set = False
        for feed in self:
            for handle in tuple(feed.handles):
                handle.end_iterations()

    def _follow(self, stream: Stream[Any], delivery: Delivery) -> None:
        stream.listen(delivery)
        feed = stream.feed
        if feed.plan.keep_latest and feed.latest is not None and stream.active:
            delivery((feed.latest,))

    def _left(self, feed: Feed[Any]) -> None:
        """The last handle has left."""
        req_id = self._unassign(feed)
        self._ended(feed)
        self.care.over(feed.life, "cancelled")
        if req_id is not None and feed.plan.cancel is not None and self._core.connected:
            feed.plan.cancel(req_id)

    def _request(self, feed: Feed[Any]) -> None:
        if feed.received is not None and feed.plan.reset is not None:
            feed.plan.reset(feed.state)
        req_id = self._core.request_ids.take()
        feed.req_id, feed.whole, feed.waits, feed.turn = req_id, False, False, None
        self._by_id[req_id] = feed
        self.expect(feed)
        try:
            feed.plan.send(req_id)
        except (TwsLoopError, ValueError, TypeError) as error:
            self.refused(feed, error)
            return
        if feed.req_id == req_id and not feed.waits:
            self.sent(feed)

    def _too_late(self, feed: Feed[Any]) -> None:
        feed.timer = None
        if feed not in self._feeds or feed.req_id is None:
            return  # it has none that could be late: there is no session
        req_id = feed.req_id
        what = (
            "answer" if feed.life.status is not StreamStatus.LIVE else "further part of the answer"
        )
        text = f"no {what} within {feed.plan.deadline:g} s"
        error = RequestTimeout(text, req_id=req_id, request=feed.request)
        if feed.known:  # it was answered once, and will be: only questions do not wait
            self._questions.too_late(feed, error)
            return
        if feed.plan.cancel is not None and self._core.connected:
            feed.plan.cancel(req_id)
        self.over(feed, error)

    def _close(self, feed: Feed[Any]) -> None:
        """Forget a feed (under the lock)."""
        del self._feeds[feed]
        if feed.plan.key is not None and self._by_key.get(feed.plan.key) is feed:
            del self._by_key[feed.plan.key]
        if feed.plan.release is not None:
            feed.plan.release(feed)

    def _unassign(self, feed: Feed[Any]) -> int | None:
        req_id, feed.req_id = feed.req_id, None
        if req_id is not None:
            self._by_id.pop(req_id, None)
        return req_id

    def _ended(self, feed: Feed[Any]) -> None:
        self._forget_timer(feed)
        self._listening.end(feed)

    @staticmethod
    def _forget_timer(feed: Feed[Any]) -> None:
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None

    # ---- the session ---------------------------------------------------------------------

    def interrupt(self, feed: Feed[Any], reason: str) -> None:
        """What a feed tells may have a gap from here on: the gateway said so."""
        self.care.interrupt(feed.life, GapCause.GATEWAY, reason)

    def _session(self, state: State, _reason: str) -> None:
        if state is not State.READY:
            return
        for feed in self:
            if feed.req_id is None and feed in self._feeds:
                self._listening.begin(feed)
                self._request(feed)

    def request_early(self, stream: Stream[Any]) -> None:
        """Request what has to be known before READY; in SYNCING, on the loop thread."""
        feed = stream.feed
        if feed in self._feeds and feed.req_id is None and self._core.connected:
            self._listening.begin(feed)
            self._request(feed)

    def _down(self) -> None:
        self._questions.down()
        for feed in self:
            self._unassign(feed)

    def _notice(self, notice: Notice) -> None:
        if notice.code == DATA_LOST:
            for feed in self:
                self._unassign(feed)
                self.care.interrupt(feed.life, GapCause.SERVERS, notice.text)
                if self._core.state in SERVED:
                    self._request(feed)
        named = self._by_id.get(notice.req_id)
        if named is None:
            return
        if named.plan.on_notice is not None and named.plan.on_notice(named, notice):
            return
        goes_on = not self.only_asked(named) and self.care.ended(named.life, notice)
        if goes_on or notice.ends is not Ends.REQUEST:
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
