"""The one owner of what goes out.

Theory of operation. Everything that leaves passes through it: one lock guards the
lanes, the pacing window and the epoch of the session. A message goes into a lane by its kind; the
lanes are emptied in order of urgency (session > cancel > order > request > history), each first in,
first out, and never faster than the pacing allows. Requests and their own cancels share a lane, so
that two messages of one id never change places; the one exception is wanted: the cancel of an order
that is still queued here takes the order out of its lane, and neither ever leaves.

Each message belongs to the epoch of the session it was written for. When a session ends, what is
still queued is dropped with a known fate (`Fate.NOT_SENT`); it can never leak into the next one.

Any thread may `Outbox.put`; only the loop thread writes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from enum import Enum

import attrs

from twsloop.clock import Clock, Timer
from twsloop.errors import NotConnected, SendQueueFull
from twsloop.session.pacing import Pacer
from twsloop.transport.lanes import Lane

__all__ = ["REQUEST_LANE_LIMIT", "Fate", "Outbox", "Outgoing"]

#: Most messages that may wait in the lanes for requests and history, unless told otherwise.
REQUEST_LANE_LIMIT = 10_000


class Fate(Enum):
    """What became of a message."""

    QUEUED = "queued"
    """It waits in its lane."""
    SENT = "sent"
    """It was handed to the socket: whether it arrived, only the gateway can say."""
    NOT_SENT = "not sent"
    """It never left, and never will."""


@attrs.define(eq=False)
class Outgoing:
    """One message on its way out.

    Attributes:
        data: The frame, length included.
        lane: Its lane.
        order_id: The order it carries, for a placeOrder.
        cancels: It only ends something: a full lane takes it, too.
        on_fate: Told once, on the loop thread, when it left or was dropped.
        fate: What became of it.
    """

    data: bytes
    lane: Lane
    order_id: int | None = None
    cancels: bool = False
    on_fate: Callable[[Fate], object] | None = None
    fate: Fate = Fate.QUEUED


class Outbox:
    """The one owner of what goes out.

    Args:
        clock: For pacing, and for the timer that goes on when it allows.
        rate: Messages within any one second; 0 for no limit.
        limit: Most messages that may wait as requests or history.
        wake: Called from any thread when the loop thread shall call `drain`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate: int = 0,
        limit: int = REQUEST_LANE_LIMIT,
        wake: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._pacer = Pacer(rate)
        self._limit = limit
        self._wake = wake
        self._lock = threading.Lock()
        self._lanes: tuple[deque[Outgoing], ...] = tuple(deque() for _ in Lane)
        self._write: Callable[[bytes], object] | None = None
        self._paused = False
        self._timer: Timer | None = None
        self.epoch = 0

    @property
    def is_open(self) -> bool:
        """Whether a session is there to write to."""
        return self._write is not None

    @property
    def paused(self) -> bool:
        """Whether the gateway does not read as fast as we write."""
        return self._paused

    def waiting(self, lane: Lane | None = None) -> int:
        """How many messages wait, in one lane or in all."""
        with self._lock:
            return (
                sum(len(queue) for queue in self._lanes) if lane is None else len(self._lanes[lane])
            )

    # ---- the session ---------------------------------------------------------------------

    def open(self, write: Callable[[bytes], object]) -> int:
        """A new session starts: messages go to ``write``. Returns its epoch."""
        with self._lock:
            self._write = write
            self._paused = False
            self._pacer.reset()
            self.epoch += 1
            return self.epoch

    def close(self) -> list[Outgoing]:
        """The session is over: what still waited is dropped, and told so (loop thread)."""
        with self._lock:
            self._write = None
            dropped = [message for queue in self._lanes for message in queue]
            for queue in self._lanes:
                queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        _tell(dropped, Fate.NOT_SENT)
        return dropped

    def pause(self) -> None:
        """The socket takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """The socket takes more again."""
        self._paused = False
        self.drain()

    # ---- messages ------------------------------------------------------------------------

    def put(self, message: Outgoing) -> None:
        """Queue a message; from any thread.

        Raises:
            NotConnected: There is no session to send it in.
            SendQueueFull: Its lane is full. Cancels, orders and the session's own are never full.
        """
        with self._lock:
            if self._write is None:
                msg = "not connected"
                raise NotConnected(msg)
            queue = self._lanes[message.lane]
            bounded = message.lane >= Lane.REQUEST and not message.cancels
            if bounded and len(queue) >= self._limit:
                msg = (
                    f"{len(queue)} requests wait to be sent already: "
                    "the gateway does not read, or requests come faster than pacing allows"
                )
                raise SendQueueFull(msg)
            queue.append(message)
        self._wake()

    def withdraw(self, order_id: int) -> bool:
        """Take an order that is still queued out of its lane, so that it never leaves.

        Only if no earlier message of this order has left does its cancel become needless: the
        caller has to know that.

        Returns:
            True if something was taken out. Its fate is told on the loop thread.
        """
        with self._lock:
            queue = self._lanes[Lane.ORDER]
            taken = [message for message in queue if message.order_id == order_id]
            for message in taken:
                queue.remove(message)
        _tell(taken, Fate.NOT_SENT)
        return bool(taken)

    def drop(self, message: Outgoing) -> bool:
        """Take one message that still waits out of its lane; its fate is told (loop thread).

        Returns:
            False if it has left, or was dropped, already.
        """
        with self._lock:
            try:
                self._lanes[message.lane].remove(message)
            except ValueError:
                return False
        _tell([message], Fate.NOT_SENT)
        return True

    def withdraw_orders(self) -> int:
        """Drop every queued order (global cancel, kill switch). Returns how many there were."""
        with self._lock:
            queue = self._lanes[Lane.ORDER]
            taken = list(queue)
            queue.clear()
        _tell(taken, Fate.NOT_SENT)
        return len(taken)

    def drain(self) -> None:
        """Write what may leave now, in one piece; loop thread only."""
        sent: list[Outgoing] = []
        wait = 0.0
        with self._lock:
            write = self._write
            if write is None or self._paused:
                return
            now = self._clock.monotonic()
            for queue in self._lanes:
                while queue:
                    wait = self._pacer.wait(now)
                    if wait:
                        break
                    self._pacer.spend(now)
                    sent.append(queue.popleft())
                if wait:
                    break
            if sent:
                write(b"".join(message.data for message in sent))
        if wait and self._timer is None:
            self._timer = self._clock.call_later(wait, self._timed_drain)
        _tell(sent, Fate.SENT)

    def _timed_drain(self) -> None:
        self._timer = None
        self.drain()


def _tell(messages: list[Outgoing], fate: Fate) -> None:
    for message in messages:
        message.fate = fate
        if message.on_fate is not None:
            message.on_fate(fate)
