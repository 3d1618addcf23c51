"""The one owner of what goes out.

Theory of operation. Everything that leaves passes through it: one lock guards the lanes, the pacing
window and the epoch of the session. A message goes into a lane by its kind; the lanes are emptied
in order of urgency (session > cancel > order > request > history), each first in, first out, and
never faster than the pacing allows. Requests and their own cancels share a lane, so that two
messages of one id never change places; the one exception is wanted: the cancel of a request that
waits here takes it out of its lane, and neither ever leaves. It waits when it was looked at and had
to stay, because of pacing, a rule, or a gateway that does not read. What merely was not looked at
yet leaves, and its cancel behind it, as with IB's client.

A request may have to wait for its own turn, beside that of its lane (`Outgoing.turn`: IB's rules
for history, say). It is set aside then (`held`), the others of its lane go on, and what has the
same id waits behind it.

Each message belongs to the epoch of the session it was written for. When a session ends, what is
still queued is dropped with a known fate (`Fate.NOT_SENT`); it can never leak into the next one.

Any thread may `Outbox.put`, and the loop thread writes. One message of another thread leaves at
once, from that thread, if nothing at all is before it: the lanes are empty, the rate allows it, the
socket takes bytes, and the loop's own buffer has none. All of that is looked at, and the bytes are
handed over, under the one lock, so nothing is overtaken and no frame is cut. What the socket does
not take of it is the first that the loop thread writes.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

import attrs

from twsloop.clock import Clock, Timer
from twsloop.errors import NotConnected, SendQueueFull
from twsloop.metrics import Traffic
from twsloop.session.pacing import SPAN, Pacer, Urgency, Wait
from twsloop.wire.request_ids import CANCELS

from .lanes import Lane
from .outgoing import Fate, Outgoing, Unique
from .waiting import URGENCY, Waiting

__all__ = ["REQUEST_LANE_LIMIT", "Outbox", "Queued"]

#: Most messages that may wait in the lanes for requests and history, unless told otherwise.
REQUEST_LANE_LIMIT = 10_000
#: So many cancels may wait before it is said aloud: they are always taken, so nothing bounds them.
MANY_CANCELS = 1000

#: The request that each cancel ends, and each such request itself.
_ENDS = {number: number for number in CANCELS.values()} | dict(CANCELS)

logger = logging.getLogger(__name__)


@attrs.frozen
class Queued:
    """A message that waits.

    Attributes:
        message: It.
        ahead: How many leave before it, as things stand.
        wait: Why, and how long it will be; seconds are infinite where nobody can know.
    """

    message: Outgoing
    ahead: int
    wait: Wait


class Outbox:
    """The one owner of what goes out.

    Args:
        clock: For pacing, and for the timer that goes on when it allows.
        rate: Messages within any one second; 0 for no limit.
        reserve: How many of them requests leave to orders and cancels.
        limit: Most messages that may wait as requests, and as history.
        wake: Called from any thread when the loop thread shall call `drain`.
        identify: The id of a request, of its body; None where it has none.
        unique: Whether an id is used for one request only, and never again.

    Attributes:
        pacer: How fast messages may leave; its lock is ours.
        epoch: Which session it is.
        traffic: What passed, in and out.
        refused: How many messages were refused because their lane was full.
        warned: Whether it was said in this session that very many cancels wait.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate: int = 0,
        reserve: int = 0,
        limit: int = REQUEST_LANE_LIMIT,
        wake: Callable[[], object],
        identify: Callable[[bytes], int | None] = lambda _body: None,
        unique: Unique = lambda _id: False,
    ) -> None:
        self._clock = clock
        self._now = clock.monotonic
        self.pacer = Pacer(rate, reserve)
        self._limit = limit
        self._wake = wake
        self._identify = identify
        self._lock = threading.Lock()
        self._lanes = Waiting(self.pacer, unique)
        self._write: Callable[[bytes], object] | None = None
        self._at_once: Callable[[bytes], int] | None = None
        #: Of a frame that another thread began to write: what the socket did not take.
        self._rest = b""
        self._paused = False
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self.epoch = 0
        self.refused = 0
        self.warned = False
        self.traffic = Traffic()

    @property
    def is_open(self) -> bool:
        """Whether a session is there to write to."""
        return self._write is not None

    @property
    def paused(self) -> bool:
        """Whether the gateway does not read as fast as we write."""
        return self._paused

    @property
    def withdrawn(self) -> int:
        """How many messages were taken out by their own cancel."""
        return self._lanes.withdrawn

    @property
    def limit(self) -> int:
        """Most messages that may wait in a lane that is bounded."""
        return self._limit

    def waiting(self, lane: Lane | None = None) -> int:
        """How many messages wait, in one lane or in all; from any thread."""
        counts = self._lanes.counts
        return sum(counts) if lane is None else counts[lane]

    def queued(self) -> list[Queued]:
        """What waits, in the order it would leave as things stand; from any thread."""
        with self._lock:  # not for longer than it takes to copy: thousands may wait
            now = self._clock.monotonic()
            lanes = [(self._why(lane, now), self._lanes.standing(lane)) for lane in Lane]
            held = list(self._lanes.set_aside())
        found: list[Queued] = []
        for (wait, each), messages in lanes:
            for message in messages:
                if message.fate is Fate.QUEUED:
                    ahead = len(found)
                    seconds = wait.seconds + ahead * each
                    found.append(Queued(message, ahead, Wait(seconds, wait.reason)))
        for message, until, reason in held:
            found.append(Queued(message, len(found), Wait(max(until - now, 0.0), reason)))
        return found

    # ---- the session ---------------------------------------------------------------------

    def open(
        self,
        write: Callable[[bytes], object],
        at_once: Callable[[bytes], int] | None = None,
    ) -> int:
        """A new session starts: messages go to ``write``. Returns its epoch.

        Args:
            write: Hands bytes to the socket, all of them; loop thread.
            at_once: The same in any thread, as far as the socket takes them now: returns how many
                it took, and 0 while anything is before them. None where only the loop thread may.
        """
        with self._lock:
            self._write, self._at_once = write, at_once
            self._rest = b""
            self._paused = False
            self.pacer.reset()
            self._lanes.begin()
            self.warned = False
            self.epoch += 1
            return self.epoch

    def close(self) -> list[Outgoing]:
        """The session is over: what still waited is dropped, and told so (loop thread)."""
        with self._lock:
            self._write_rest()
            self._write = self._at_once = None
            dropped = self._lanes.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell_dropped()
        _tell(dropped, Fate.NOT_SENT)
        return dropped

    def pause(self) -> None:
        """The socket takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """The socket takes more again."""
        self._paused = False
        self.drain()

    def complained(self, text: str, *, refused: bool) -> None:
        """The gateway finds it too fast: go slower for a while (see `Pacer.complained`)."""
        with self._lock:
            self.pacer.complained(self._clock.monotonic(), text, refused=refused)

    # ---- messages ------------------------------------------------------------------------

    def put(self, message: Outgoing, *, at_once: bool = False) -> None:
        """Queue a message; from any thread.

        Args:
            message: It.
            at_once: This is not the loop thread, which does not have to know when the message has
                left, and has nothing to do that came before it: it may leave now, if it can.

        Raises:
            NotConnected: There is no session to send it in.
            SendQueueFull: Its lane is full. Cancels, orders and the session's own are never full
                here: the gate of the orders counts those.
        """
        lane, number = message.lane, _ENDS.get(message.number)
        if number is not None and lane >= Lane.REQUEST:
            req_id = self._identify(message.body)
            if req_id is not None:
                message.key = number, req_id
        with self._lock:
            if self._write is None:
                msg = "not connected"
                raise NotConnected(msg)
            if at_once and self._left_at_once(message):
                if not self._rest:
                    return
                many = False
            else:
                many = self._enter(message)
        if many and not self.warned:
            self.warned = True
            logger.warning(
                "%d cancels wait to be sent: the gateway does not read, or a program cancels "
                "faster than the message rate allows", MANY_CANCELS,
            )  # fmt: skip
        self._wake()

    def withdraw(self, order_id: int) -> bool:
        """Take an order that is still queued out of its lane, so that it never leaves.

        Only if no earlier message of this order has left does its cancel become needless: the
        caller has to know that.

        Returns:
            True if something was taken out. Its fate is told on the loop thread.
        """
        with self._lock:
            taken = self._lanes.withdraw(order_id)
        _tell(taken, Fate.NOT_SENT)
        return bool(taken)

    def drop(self, message: Outgoing) -> bool:
        """Take one message that still waits out of its lane; its fate is told (loop thread).

        Returns:
            False if it has left, or was dropped, already.
        """
        with self._lock:
            if not self._lanes.drop(message):
                return False
        _tell([message], Fate.NOT_SENT)
        return True

    def withdraw_orders(self) -> int:
        """Drop every queued order (global cancel, kill switch). Returns how many there were."""
        with self._lock:
            taken = self._lanes.withdraw_orders()
        _tell(taken, Fate.NOT_SENT)
        return len(taken)

    def drain(self) -> None:
        """Write what may leave now, in one piece; loop thread only."""
        lanes = self._lanes
        if lanes.dropped:
            self._tell_dropped()
        sent: list[Outgoing] = []
        with self._lock:
            write = self._write
            if write is None:
                return
            if self._rest:
                self._write_rest()
            if self._paused:
                lanes.stay()
                return
            now = self._now()
            wait = lanes.collect(now, sent)
            if sent:
                data = sent[0].data if len(sent) == 1 else b"".join([one.data for one in sent])
                write(data)
                traffic = self.traffic
                traffic.bytes_out += len(data)
                traffic.messages_out += len(sent)
        if wait is not None:
            self._arm(now + wait)
        if sent:
            _tell(sent, Fate.SENT)
        if lanes.dropped:
            self._tell_dropped()

    # ---- inside (the lock is held) ---------------------------------------------------------

    def _enter(self, message: Outgoing) -> bool:
        """Let a message wait; whether there are very many cancels now."""
        lane, counts = message.lane, self._lanes.counts
        if lane >= Lane.REQUEST and not message.cancels and counts[lane] >= self._limit:
            self.refused += 1
            msg = (
                f"{counts[lane]} requests wait to be sent already: "
                "the gateway does not read, or requests come faster than pacing allows"
            )
            raise SendQueueFull(msg)
        message.since = self._now()
        self._lanes.enter(message)
        return lane is Lane.CANCEL and counts[lane] >= MANY_CANCELS

    def _left_at_once(self, message: Outgoing) -> bool:
        """Write a message in this thread, if nothing is before it and nobody waits for its fate."""
        at_once = self._at_once
        if at_once is None or message.turn is not None or message.on_fate is not None:
            return False
        if self._rest or self._paused or not self._lanes.empty():
            return False
        now, urgency = self._now(), URGENCY[message.lane]
        if self.pacer.wait(now, urgency):
            return False
        taken = at_once(message.data)
        if not taken:
            return False
        self._rest = message.data[taken:]
        message.since, message.fate = now, Fate.SENT
        self.pacer.spend(now, urgency)
        self._lanes.passes(message)
        self.traffic.bytes_out += len(message.data)
        self.traffic.messages_out += 1
        return True

    def _write_rest(self) -> None:
        """Write what the socket did not take of another thread's frame; loop thread."""
        rest, self._rest = self._rest, b""
        if rest and self._write is not None:
            self._write(rest)

    def _why(self, lane: Lane, now: float) -> tuple[Wait, float]:
        """Why, and how long, the first of a lane waits, and how much longer each after it does."""
        if self._paused:
            return Wait(math.inf, "the gateway does not read: its socket takes no more"), 0.0
        pacer, urgency = self.pacer, URGENCY[lane]
        share, seconds = pacer.share(urgency, now), pacer.wait(now, urgency)
        each = SPAN / share if share else 0.0
        if pacer.held(now) and urgency is not Urgency.URGENT:
            return Wait(seconds, "the gateway refused a message as too fast (100): a pause"), each
        slowed = ", less than configured, because the gateway complained"
        text = f"message rate: {share} a second for {lane.words}"
        return Wait(seconds, text + (slowed if pacer.rates.slowed else "")), each

    # ---- inside (loop thread) ----------------------------------------------------------------

    def _tell_dropped(self) -> None:
        with self._lock:
            dropped, self._lanes.dropped = self._lanes.dropped, []
        _tell(dropped, Fate.NOT_SENT)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        delay = max(due - self._clock.monotonic(), 0.0)
        self._timer = self._clock.call_later(delay, self._timed_drain)

    def _timed_drain(self) -> None:
        self._timer = None
        self.drain()


def _tell(messages: list[Outgoing], fate: Fate) -> None:
    for message in messages:
        message.fate = fate
        if message.on_fate is not None:
            message.on_fate(fate)
