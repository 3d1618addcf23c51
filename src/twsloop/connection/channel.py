"""How requests leave, and whose their answers are.

A request without an id is answered by callbacks that name nobody: `Holders` says at each moment
whether what comes in under its end marker is the framework's own, or the program's business, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import attrs

from twsloop.errors import NotConnected, RequestError
from twsloop.event_loop import Future
from twsloop.events import Notice
from twsloop.processors.registry import SUBSCRIBED
from twsloop.session.pending import Pending
from twsloop.transport import Fate, Outgoing

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Channel", "Holders", "Send", "Shared", "Waiter", "channel_of", "refusal"]

#: Sends a request; given its id (-1 for a request without one).
Send = Callable[[int], object]


class Sent(Protocol):
    """What was queued within `Channel.sending`."""

    messages: list[Outgoing]


@attrs.frozen
class Channel:
    """How requests leave.

    Attributes:
        sending: A context: tells the fate of each message that is queued inside, and lists them;
            given what they ask, in words.
        withdraw: Takes a message that still waits out of its queue.
        answer_limit: Seconds for an answer, unless a request says otherwise.
        queue_limit: Seconds that a request may wait for its turn to leave.
        most: How many requests may wait for one that has the same end marker.
    """

    sending: Callable[[str, Callable[[Fate], object]], AbstractContextManager[Sent]]
    withdraw: Callable[[Outgoing], bool]
    answer_limit: float
    queue_limit: float
    most: int = 10_000


def channel_of(core: Core) -> Channel:
    """How the requests of a connection leave, and how long they wait, by its settings."""
    return Channel(
        sending=lambda request, on_fate: core.sending(None, on_fate, request),
        withdraw=core.outbox.drop,
        answer_limit=core.config.connection.request_timeout,
        queue_limit=core.config.pacing.queue_timeout,
        most=core.config.pacing.queue_limit,
    )


@attrs.define(eq=False)
class Waiter:
    """What belongs to one request under way: how to send and cancel it, and who waits."""

    send: Send
    cancel: Send | None = None
    future: Future[Any] | None = None
    messages: list[Outgoing] = attrs.Factory(list)


class Holders:
    """Who holds the subscriptions that have no id, and whose answers are private; loop thread.

    Args:
        private: The registry's set of keys whose answers are the framework's own.
    """

    #: Who may hold one.
    SLICES, USER = "slices", "user"

    def __init__(self, private: set[str]) -> None:
        self._private = private
        self._holders: dict[str, set[str]] = {key: set() for key in SUBSCRIBED}

    def hold(self, key: str, holder: str) -> None:
        """A subscription is held by ``holder`` now."""
        self._holders[key].add(holder)

    def asked(self, pending: Pending) -> None:
        """A request is about to be sent: it holds its subscription, if it makes one."""
        if pending.key in SUBSCRIBED:
            self.hold(str(pending.key), self.USER if pending.raw else self.SLICES)

    def release(self, key: str, holder: str) -> bool:
        """A subscription is not held by ``holder`` any more; whether nobody holds it now."""
        self._holders[key].discard(holder)
        return not self._holders[key]

    def decide(self, key: str, pending: Pending | None) -> None:
        """Whose answer comes in under this key, with that request under way."""
        if pending is not None:
            ours = not pending.raw
        else:
            holders = self._holders.get(key, ())
            ours = self.SLICES in holders and self.USER not in holders
        if ours:
            self._private.add(key)
        else:
            self._private.discard(key)

    def clear(self) -> None:
        """The session is over."""
        for holders in self._holders.values():
            holders.clear()
        self._private.clear()


class Shared:
    """Requests under way that answer whoever asks the same; from any thread."""

    def __init__(self) -> None:
        self._under_way: WeakValueDictionary[Hashable, Future[list[Any]]] = WeakValueDictionary()
        self._lock = threading.Lock()

    def join(self, share: Hashable, future: Future[list[Any]]) -> Future[list[Any]] | None:
        """A view of the same request, if it is under way; else ``future`` is under way now.

        Args:
            share: What makes two requests the same.
            future: The new one's result.
        """
        with self._lock:
            under_way = self._under_way.get(share)
            view = under_way.join() if under_way is not None else None
            if view is None:
                self._under_way[share] = future
            return view


def refusal(pending: Pending, notice: Notice) -> BaseException:
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
