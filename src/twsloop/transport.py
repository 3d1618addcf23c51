"""The socket side: what comes in is cut into frames, what goes out has one owner.

Theory of operation of the `Outbox`. Everything that leaves passes through it: one lock guards the
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

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Protocol, cast

import attrs

from twsloop.clock import Clock, Timer
from twsloop.errors import FramingError, NotConnected, SendQueueFull
from twsloop.session.pacing import Pacer
from twsloop.wire.framing import FrameReader, frame
from twsloop.wire.messages import OUTBOUND

__all__ = ["Fate", "Lane", "Listener", "Outbox", "Outgoing", "Transport", "is_cancel", "lane_of"]

#: Most messages that may wait in the lanes for requests and history, unless told otherwise.
REQUEST_LANE_LIMIT = 10_000
#: How long a link that was closed may take to hand on what was written before, seconds.
CLOSE_GRACE = 1.0


class Lane(IntEnum):
    """How urgent a message is; lower leaves first."""

    SESSION = 0
    CANCEL = 1
    ORDER = 2
    REQUEST = 3
    HISTORY = 4


#: Message numbers (client to gateway) whose lane is not REQUEST; numbers as in protocol.md A.5.
_LANES: dict[int, Lane] = {
    71: Lane.SESSION,  # startApi
    # reqCurrentTime, the heartbeat's question: an answer that is late because the question stood
    # in the pacing queue would look like death. One at a time is under way, whoever asks.
    49: Lane.SESSION,
    4: Lane.CANCEL,  # cancelOrder
    58: Lane.CANCEL,  # reqGlobalCancel
    3: Lane.ORDER,  # placeOrder
    21: Lane.ORDER,  # exerciseOptions
    20: Lane.HISTORY,  # reqHistoricalData, and its cancel behind it
    25: Lane.HISTORY,
    87: Lane.HISTORY,  # reqHeadTimeStamp
    90: Lane.HISTORY,
    88: Lane.HISTORY,  # reqHistogramData
    89: Lane.HISTORY,
    96: Lane.HISTORY,  # reqHistoricalTicks
    107: Lane.HISTORY,
}


def lane_of(number: int) -> Lane:
    """The lane of an outbound message, by its number."""
    return _LANES.get(number, Lane.REQUEST)


def is_cancel(number: int) -> bool:
    """Whether an outbound message only ends something, by its number."""
    row = OUTBOUND.get(number)
    return row is not None and row.name.startswith(("cancel", "unsubscribe"))


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


class Listener(Protocol):
    """Who hears what comes in."""

    def link_up(self, transport: Transport) -> None:
        """The TCP connection stands."""
        ...

    def bytes_came(self) -> None:
        """Bytes were read; called once a read, before their frames."""
        ...

    def frame_came(self, body: bytes) -> None:
        """One frame came in."""
        ...

    def batch_done(self) -> None:
        """All frames of one read were handed over."""
        ...

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        """The link has ended; with an error if it did not end by itself."""
        ...


class Transport(asyncio.Protocol):
    """One TCP link: bytes to frames, and back-pressure to the Outbox.

    Args:
        listener: Who hears what comes in.
        outbox: Told when the socket takes no more, and when it does again.
    """

    def __init__(self, listener: Listener, outbox: Outbox) -> None:
        self._listener = listener
        self._outbox = outbox
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._fault: BaseException | None = None
        self._down = False
        #: Set when the link has ended and nothing of it is left; None before it stood.
        self.ended: asyncio.Event | None = None

    # ---- asyncio.Protocol ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link stands."""
        self._transport = cast("asyncio.Transport", transport)
        self.ended = asyncio.Event()
        self._listener.link_up(self)

    def data_received(self, data: bytes) -> None:
        """Cut into frames, and hand them over."""
        if self._down:
            return
        listener = self._listener
        listener.bytes_came()
        self._reader.feed(data)
        try:
            for body in self._reader.frames():
                if self._down:
                    return  # a callback closed the link: what follows belongs to nobody
                listener.frame_came(body)
        except FramingError as error:
            self._fault = error
            self.abort()
        else:
            if not self._down:
                listener.batch_done()

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        if not self._down:  # a link that was given up must not stop its successor
            self._outbox.pause()

    def resume_writing(self) -> None:
        """The socket's buffer has room again."""
        if not self._down:
            self._outbox.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The link has ended."""
        self._end(self._fault or exc)

    # ---- ours ----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; loop thread only."""
        if self._transport is not None and not self._down:
            self._transport.write(data)

    def write_framed(self, body: bytes) -> None:
        """Hand one frame to the socket; loop thread only."""
        self.write(frame(body))

    @property
    def closing(self) -> bool:
        """Whether the link is over, or about to be."""
        return self._down or self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """End the link after what was written has left; nothing more comes in.

        A gateway that does not read would keep it open for ever: then it ends after a while.
        """
        self._down = True
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.close()
            # Real time, not the clock's: it is about a socket, not about the session.
            asyncio.get_running_loop().call_later(CLOSE_GRACE, self._end_at_last)

    def _end_at_last(self) -> None:
        if self.ended is not None and not self.ended.is_set():
            self.abort()

    def abort(self) -> None:
        """End the link at once; its listener hears of it."""
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """End the link at once, and expect no word of its end."""
        self._down = True
        self.abort()
        if self.ended is not None:
            self.ended.set()

    def abort_with(self, error: BaseException) -> None:
        """End the link at once, for a reason of ours that its listener is told."""
        self._fault = error
        self.abort()

    def _end(self, error: BaseException | None) -> None:
        self._down = True
        if self.ended is not None:
            self.ended.set()
        self._listener.link_down(self, error)
