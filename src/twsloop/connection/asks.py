"""Requests joined to their answers: who waits, how long, and what fails them.

All on the loop thread, but for `Asks.ask`, which is a door.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from twsloop.clock import Timer
from twsloop.errors import (
    ConnectionLost,
    NotConnected,
    RequestCancelled,
    RequestError,
    RequestTimeout,
)
from twsloop.event_loop import Future, IBKREventLoop
from twsloop.events import Ends, Notice
from twsloop.ids import RequestIds
from twsloop.session.pending import Key, Pending, PendingTable

__all__ = ["Asks"]

#: Sends a request; given its id (-1 for a request without one).
Send = Callable[[int], object]


@attrs.define(eq=False)
class _Waiter:
    """What belongs to one request under way: how to send and cancel it, and who waits."""

    send: Send
    cancel: Send | None
    future: Future[list[Any]] | None


class Asks:
    """Request and answer.

    Args:
        loop: The loop all of this runs on.
        request_ids: Where ids of requests come from.
        private: The registry's set of keys whose answers are the framework's own.
        timeout: Seconds for an answer, unless a request says otherwise.
    """

    def __init__(
        self,
        loop: IBKREventLoop,
        request_ids: RequestIds,
        private: set[str],
        timeout: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._request_ids = request_ids
        self._private = private
        self._timeout = timeout
        self._table = PendingTable()
        self._timer: Timer | None = None
        self._timer_due = 0.0

    def ask(
        self,
        send: Send,
        *,
        request: str,
        key: str | None = None,
        timeout: float | None = None,
        cancel: Send | None = None,
    ) -> Future[list[Any]]:
        """Send a request and gather its answer; from any thread.

        Args:
            send: Sends it, on the loop thread; given the request's id, or -1 for a singleton.
            request: What is asked, in words, for errors.
            key: For a request without an id: the name of its end marker. One is under way for each
                key; the others queue.
            timeout: Seconds for the answer from when it leaves; each part of it renews them.
            cancel: How IB cancels it, if it can; called when the last waiter has left.

        Returns:
            A Future of the parts, in order. It fails with RequestError, RequestTimeout,
            ConnectionLost or NotConnected.
        """
        req_id: Key = self._request_ids.take() if key is None else key
        pending = Pending(
            key=req_id,
            request=request,
            timeout=self._timeout() if timeout is None else timeout,
        )
        future: Future[list[Any]] = Future(self._loop, on_abandon=lambda: self._abandon(pending))
        pending.token = _Waiter(send, cancel, future)
        if self._loop.in_loop():
            self._start(pending)
        else:
            self._loop.post(self._start, pending)
        return future

    def raw(self, key: str, send: Send, request: str) -> None:
        """A user's own call of a request without an id: it queues with ours (loop thread)."""
        self._start(
            Pending(
                key=key,
                request=request,
                timeout=self._timeout(),
                raw=True,
                token=_Waiter(send, None, None),
            )
        )

    def __contains__(self, key: Key) -> bool:
        """Whether a request of this key is under way."""
        return key in self._table

    # ---- answers (loop thread) -----------------------------------------------------------

    def part(self, key: Key, item: Any) -> bool:
        """A part of an answer; False if nobody waits for it."""
        return self._table.part(key, item, self._loop.clock.monotonic())

    def end(self, key: Key) -> bool:
        """The end of an answer; False if nobody waited for it."""
        pending, following = self._table.end(key)
        self._go_on(key, following)
        if pending is None:
            return False
        if pending.token.future is not None:
            pending.token.future.set_result(pending.parts)
        return True

    def fail(self, key: Key, error: BaseException) -> bool:
        """The answer is an error; False if nobody waited for it."""
        pending = self._table.get(key)
        if pending is None:
            return False
        self._drop(pending, error)
        return True

    def notice(self, notice: Notice) -> bool:
        """A notice of the gateway: it fails the request that it ends, if it ends one.

        One without an id (-1) can only mean a request without one.
        """
        if notice.ends is not Ends.REQUEST or notice.code is None:
            return False
        if notice.req_id >= 0:
            keys: list[Key] = [notice.req_id]
        else:
            keys = [p.key for p in self._table.under_way() if isinstance(p.key, str)]
        failed = False
        for key in keys:
            pending = self._table.get(key)
            if pending is not None:
                self._drop(pending, _error(pending, notice))
                failed = True
        return failed

    def link_lost(self, reason: str) -> None:
        """The session is over: everything that waited fails."""
        for pending in self._table.clear():
            if pending.token.future is not None:
                msg = f"{pending.request}: the link was lost before the answer came ({reason})"
                pending.token.future.set_exception(ConnectionLost(msg))
        self._private.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- inside --------------------------------------------------------------------------

    def _start(self, pending: Pending) -> None:
        waiter: _Waiter = pending.token
        if waiter.future is not None and waiter.future.cancelled():
            return
        if self._table.add(pending):
            self._send(pending)

    def _send(self, pending: Pending) -> None:
        waiter: _Waiter = pending.token
        key = pending.key
        if isinstance(key, str):
            if pending.raw:
                self._private.discard(key)
            else:
                self._private.add(key)
        try:
            waiter.send(key if isinstance(key, int) else -1)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the answer)
            self._drop(pending, error)
            return
        # An error that IB's client raised while sending has failed it already.
        if self._table.get(key) is pending:
            self._table.left(pending, self._loop.clock.monotonic())
            self._arm()

    def _drop(self, pending: Pending, error: BaseException) -> None:
        following = self._table.drop(pending)
        self._go_on(pending.key, following)
        if pending.token.future is not None:
            pending.token.future.set_exception(error)

    def _go_on(self, key: Key, following: Pending | None) -> None:
        if isinstance(key, str):
            self._private.discard(key)
        if following is not None:
            self._send(following)

    def _abandon(self, pending: Pending) -> None:
        under_way = self._table.get(pending.key) is pending
        following = self._table.drop(pending)
        if under_way:
            if pending.token.cancel is not None and isinstance(pending.key, int):
                pending.token.cancel(pending.key)
            self._go_on(pending.key, following)
        pending.token.future.set_exception(
            RequestCancelled("its last waiter left", request=pending.request)
        )

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
        now = self._loop.clock.monotonic()
        for pending in self._table.expired(now):
            waiter: _Waiter = pending.token
            if waiter.cancel is not None and isinstance(pending.key, int):
                waiter.cancel(pending.key)
            what = "further part of the answer" if pending.parts else "answer"
            text = f"no {what} within {pending.timeout:g} s"
            req_id = pending.key if isinstance(pending.key, int) else -1
            self._drop(pending, RequestTimeout(text, req_id=req_id, request=pending.request))
        self._arm()


def _error(pending: Pending, notice: Notice) -> BaseException:
    """The exception that an error notice means for a request."""
    if notice.code == 504:
        return NotConnected(f"{pending.request}: not connected")
    return RequestError(
        notice.text,
        code=notice.code,
        req_id=notice.req_id,
        request=pending.request,
        category=notice.category,
    )
