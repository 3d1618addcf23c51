"""Requests joined to their answers: who waits, how long, and what fails them.

All on the loop thread, but for `Asks.ask`, which is a door.

A request has two deadlines. While it stands in the queue of what goes out (pacing, or a gateway
that does not read) it may wait for its turn for a time of its own, and is taken out of the queue
when that has passed. From when it leaves, the answer has its time, and each part of it renews that.

A request without an id is answered by callbacks that name nobody (`twsloop.session.pending`). So
one is under way for each end marker, ours and the user's raw calls in one queue, and `private`
says at each moment whose answer is coming in. Two of them (positions, account updates) go on after
their end marker until they are cancelled; who holds them is counted: what comes then is the user's
business only if the user asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from twsloop.clock import Timer
from twsloop.errors import (
    ConnectionLost,
    LoopNotRunning,
    NotConnected,
    RequestCancelled,
    RequestTimeout,
    SendQueueFull,
)
from twsloop.event_loop import Future, IBKREventLoop
from twsloop.events import Ends, Notice
from twsloop.ids import RequestIds
from twsloop.session.pending import Gathering, Key, Pending, PendingTable
from twsloop.transport import Fate

from .channel import Channel, Holders, Send, Shared, Waiter, refusal
from .meant import keys_meant

__all__ = ["Asks", "Channel"]

#: A message was refused because too many came; which one it was, the gateway does not say.
TOO_FAST = 100
#: How often a request is asked again that may have been refused as too fast.
MOST_REPEATS = 2


class Asks:
    """Request and answer.

    Args:
        loop: The loop all of this runs on.
        request_ids: Where ids of requests come from.
        private: The registry's set of keys whose answers are the framework's own.
        channel: How requests leave.
    """

    #: Who may hold a subscription without an id.
    SLICES, USER = Holders.SLICES, Holders.USER

    def __init__(
        self, loop: IBKREventLoop, request_ids: RequestIds, private: set[str], channel: Channel
    ) -> None:
        self._loop = loop
        self._request_ids = request_ids
        self._channel = channel
        self._table = PendingTable()
        self._sending: Pending | None = None
        self._shared = Shared()
        self._holders = Holders(private)
        self._timer: Timer | None = None
        self._timer_due = 0.0
        #: How many were asked again, and how many were refused because too many waited.
        self.repeated = self.refused_full = 0
        #: Told of each request that is over, and whether it was answered.
        self.watch: Callable[..., object] = _nobody

    def ask(
        self,
        send: Send,
        *,
        request: str,
        key: str | None = None,
        timeout: float | None = None,
        cancel: Send | None = None,
        share: Hashable = None,
        gather: bool = True,
        parts: Gathering | None = None,
    ) -> Future[Any]:
        """Send a request and gather its answer; from any thread.

        Args:
            send: Sends it, on the loop thread; given the request's id, or -1 for a singleton.
            request: What is asked, in words, for errors.
            key: For a request without an id: the name of its end marker. One is under way for each
                key; the others queue.
            timeout: Seconds for the answer from when it leaves; each part of it renews them.
            cancel: How IB cancels it, if it can; called when the last waiter has left.
            share: What makes two requests the same; one that is under way answers both. None is
                never shared.
            gather: Whether the parts are kept for the result. The answer to a question that is
                asked for what slices make of it, part by part, may be as long as the day: a list
                of all orders of it takes megabytes.
            parts: What gathers them, and is the result; a list unless given.

        Returns:
            A Future of the parts, in order; of an empty list if they are not gathered. It fails
            with RequestError, RequestTimeout, ConnectionLost or NotConnected.
        """
        pending = Pending(
            key=self._request_ids.take() if key is None else key,
            request=request,
            timeout=self._channel.answer_limit if timeout is None else timeout,
            gathers=gather,
            parts=[] if parts is None else parts,
        )
        future: Future[Any] = Future(self._loop, on_abandon=lambda: self._abandon(pending))
        pending.token = Waiter(send, cancel, future)
        if share is not None:
            under_way = self._shared.join(share, future)
            if under_way is not None:
                return under_way
        if self._loop.in_loop():
            self._start(pending)
        else:
            try:
                self._loop.post(self._start, pending)
            except LoopNotRunning:
                future.set_exception(NotConnected(f"{request}: not connected"))
        return future

    def hold(self, key: str, holder: str) -> None:
        """A subscription without an id or an end marker is held by ``holder`` now (loop thread)."""
        self._holders.hold(key, holder)
        self._decide(key)

    def raw(self, key: str, send: Send, request: str) -> None:
        """A user's own call of a request without an id: it queues with ours (loop thread)."""
        self._start(
            Pending(
                key=key,
                request=request,
                timeout=self._channel.answer_limit,
                raw=True,
                token=Waiter(send),
            )
        )

    def release(self, key: str, holder: str) -> bool:
        """A subscription without an id is not held by ``holder`` any more (loop thread).

        Returns:
            Whether nobody holds it now, so that it may be cancelled at the gateway.
        """
        free = self._holders.release(key, holder)
        if holder == self.USER:
            for pending in (self._table.get(key), *self._table.waiting(key)):
                if pending is not None and pending.raw:
                    self._drop(pending, None)
        self._decide(key)
        return free

    def __len__(self) -> int:
        """How many requests wait for their answer, or for their turn; any thread."""
        return len(self._table)

    def __contains__(self, key: Key) -> bool:
        """Whether a request of this key is under way."""
        return key in self._table

    # ---- answers (loop thread) -----------------------------------------------------------

    def part(self, key: Key, item: Any) -> bool:
        """A part of an answer; False if nobody waits for it."""
        return self._table.part(key, item, self._loop.clock.monotonic())

    def parts(self, key: Key, items: list[Any]) -> bool:
        """Several parts of an answer; False if nobody waits for them."""
        return key in self._table and self._table.parts(key, items, self._loop.clock.monotonic())

    def end(self, key: Key) -> bool:
        """The end of an answer; False if nobody waited for it."""
        pending = self._table.end(key)
        self._over(key)
        if pending is None:
            return False
        self.watch(pending, answered=True)
        waiter: Waiter = pending.token
        # The future knows its request: kept here, the answer would stay until Python looks for
        # cycles, and it may have 100,000 parts.
        future, waiter.future, waiter.messages = waiter.future, None, []
        if future is not None:
            future.set_result(pending.parts)
        return True

    def end_raw(self, key: str) -> bool:
        """The end of an answer, if a user's raw call is under way; slices end their own."""
        pending = self._table.get(key)
        return pending is not None and pending.raw and self.end(key)

    def fail(self, key: Key, error: BaseException) -> bool:
        """The answer is an error; False if nobody waited for it."""
        pending = self._table.get(key)
        if pending is None:
            return False
        self._drop(pending, error)
        return True

    def notice(self, notice: Notice) -> bool:
        """A notice: it fails the request that it ends, if it ends one.

        What IB's client says by itself while a request is being sent means that request, and that
        it was not sent, whatever the code. What the gateway says without an id (-1) can only mean
        a request without one.
        """
        if notice.code is None:
            return False
        sending = self._sending
        if sending is not None and notice.local and notice.req_id in {-1, sending.key}:
            self._drop(sending, refusal(sending, notice))
            return True
        if notice.ends is not Ends.REQUEST:
            return False
        if notice.code == TOO_FAST and notice.req_id < 0:
            return False  # it may mean any message: `refused_for_rate` sees to it
        if notice.req_id >= 0:
            keys: list[Key] = [notice.req_id]
        else:
            under_way = [p.key for p in self._table.under_way() if isinstance(p.key, str)]
            meant = keys_meant(notice.text)
            keys = [key for key in under_way if key in meant] or [*under_way]
        refused = [self.refused(key, notice) for key in keys]  # all of them
        return any(refused)

    def refused(self, key: Key, notice: Notice) -> bool:
        """The answer is a notice, as an error of this request; False if nobody waited for it."""
        pending = self._table.get(key)
        return pending is not None and self.fail(key, refusal(pending, notice))

    def refused_for_rate(self, span: float) -> None:
        """The gateway refused a message as too fast (100), and does not say which (loop thread).

        It may be any request that left lately and has no answer yet. Those that still have none
        after another such time are asked again, a few times at most: whoever waits for one sees a
        delay, and no error. A user's raw calls are left alone.

        Args:
            span: How long before the refusal one can have left, seconds.
        """
        now = self._loop.clock.monotonic()
        doubtful = [
            pending
            for pending in self._table.under_way()
            if pending.left_at is not None and now - pending.left_at <= span
            and pending.first_at is None and not pending.raw and pending.repeats < MOST_REPEATS
        ]  # fmt: skip
        if doubtful:
            self._loop.clock.call_later(2 * span, self._ask_again, doubtful)

    def _ask_again(self, doubtful: list[Pending]) -> None:
        for pending in doubtful:
            if self._table.get(pending.key) is not pending or pending.first_at is not None:
                continue  # it was answered, or ended
            pending.repeats += 1
            self.repeated += 1
            if isinstance(pending.key, int):
                self._cancel(pending)  # it may be that it was not refused, but is slow
                self._table.rekey(pending, self._request_ids.take())
            self._send(pending)

    def waiting(self) -> list[tuple[Pending, int]]:
        """Requests that wait for another one of their kind, each with its place; any thread."""
        return [
            (pending, place)
            for queue in self._table.queues().values()
            for place, pending in enumerate(queue)
        ]

    def link_lost(self, reason: str) -> None:
        """The session is over: everything that waited fails."""
        everything = self._table.clear()
        self._holders.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pending in everything:
            self.watch(pending, answered=False)
            if pending.token.future is not None:
                msg = f"{pending.request}: the link was lost before the answer came ({reason})"
                pending.token.future.set_exception(ConnectionLost(msg))

    # ---- sending -------------------------------------------------------------------------

    def _start(self, pending: Pending) -> None:
        waiter: Waiter = pending.token
        if waiter.future is not None and waiter.future.cancelled():
            return
        pending.since = self._loop.clock.monotonic()
        if len(self._table.waiting(pending.key)) >= self._channel.most:
            self.refused_full += 1
            self._drop(pending, SendQueueFull(
                f"{pending.request}: {self._channel.most} of its kind wait for their turn already; "
                "IB's answers do not say whose they are, so one is asked at a time"
            ))  # fmt: skip
            return
        if self._table.add(pending):
            self._send(pending)

    def _send(self, pending: Pending) -> None:
        waiter: Waiter = pending.token
        key = pending.key
        if isinstance(key, str):
            self._holders.asked(pending)
            self._decide(key)
        outer, self._sending = self._sending, pending
        try:
            with self._channel.sending(
                pending.request, lambda fate: self._told(pending, fate)
            ) as sent:
                waiter.messages = sent.messages
                waiter.send(key if isinstance(key, int) else -1)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the answer)
            self._drop(pending, error)
            return
        finally:
            self._sending = outer
        # An error that IB's client raised while sending has failed it already.
        if self._table.get(key) is not pending or pending.left_at is not None:
            return
        now = self._loop.clock.monotonic()
        if waiter.messages:
            self._table.queued(pending, now, self._channel.queue_limit)
        else:  # nothing of it passed through the Outbox: it counts as sent
            self._table.left(pending, now)
        self._arm()

    def _told(self, pending: Pending, fate: Fate) -> None:
        if fate is Fate.SENT and self._table.get(pending.key) is pending:
            self._table.left(pending, self._loop.clock.monotonic())
            self._arm()

    def _withdraw(self, pending: Pending) -> bool:
        """Take out what still waits to leave; whether all of it was still there."""
        withdrawn = [self._channel.withdraw(message) for message in pending.token.messages]
        return bool(withdrawn) and all(withdrawn)

    # ---- ending --------------------------------------------------------------------------

    def _drop(self, pending: Pending, error: BaseException | None) -> None:
        if self._table.drop(pending):
            self._withdraw(pending)
            self._over(pending.key)
        self.watch(pending, answered=False)
        if pending.token.future is not None and error is not None:
            pending.token.future.set_exception(error)

    def _over(self, key: Key) -> None:
        """Nothing of this key is under way now: the next one has its turn soon.

        Not at once: the callback that ended this one may be heard by others, who would end the
        next one with the same words.
        """
        if not isinstance(key, str):
            return
        self._decide(key)
        if self._table.waiting(key):
            self._loop.post(self._next, key)

    def _next(self, key: str) -> None:
        pending = self._table.promote(key)
        if pending is not None:
            self._send(pending)

    def _decide(self, key: str) -> None:
        """Whose answer comes in under this key now."""
        self._holders.decide(key, self._table.get(key))

    def _abandon(self, pending: Pending) -> None:
        waiter: Waiter = pending.token
        future, waiter.future = waiter.future, None
        if self._table.get(pending.key) is not pending:
            self._table.drop(pending)
            self.watch(pending, answered=False)
        elif self._withdraw(pending):  # it never left, so there is nothing to cancel
            self._drop(pending, None)
        elif isinstance(pending.key, int):
            self._drop(pending, None)
            self._cancel(pending)
        # Else its answer is on its way, and must not be taken for the next one's: it stays.
        if future is not None:
            future.set_exception(RequestCancelled("its last waiter left", request=pending.request))

    def _cancel(self, pending: Pending) -> None:
        waiter: Waiter = pending.token
        if waiter.cancel is not None and isinstance(pending.key, int):
            waiter.cancel(pending.key)

    # ---- deadlines -----------------------------------------------------------------------

    def _arm(self) -> None:
        due = self._table.next_due()
        if due is None:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return  # it looks early enough, and arms itself anew then
            self._timer.cancel()
        self._timer_due = due
        delay = max(due - self._loop.clock.monotonic(), 0.0)
        self._timer = self._loop.clock.call_later(delay, self._look)

    def _look(self) -> None:
        self._timer = None
        for pending in self._table.expired(self._loop.clock.monotonic()):
            self._expire(pending)
        self._arm()

    def _expire(self, pending: Pending) -> None:
        if pending.left_at is None:
            text = (
                f"it waited {self._channel.queue_limit:g} s for its turn to leave: the gateway "
                "does not read, or requests come faster than pacing allows"
            )
        else:
            what = "further part of the answer" if pending.first_at is not None else "answer"
            text = f"no {what} within {pending.timeout:g} s"
        req_id = pending.key if isinstance(pending.key, int) else -1
        sent = pending.left_at is not None
        self._drop(pending, RequestTimeout(text, req_id=req_id, request=pending.request))
        if sent:
            self._cancel(pending)


def _nobody(_pending: Pending, *, answered: bool) -> None:
    """Watch nothing."""
    del answered
