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

Any thread may `Outbox.put`; only the loop thread writes.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from itertools import chain

import attrs

from twsloop.clock import Clock, Timer
from twsloop.errors import NotConnected, SendQueueFull
from twsloop.metrics import Traffic
from twsloop.session.pacing import SPAN, Pacer, Urgency, Wait
from twsloop.wire.request_ids import CANCELS

from .held import Held
from .lanes import QUESTIONS, Lane
from .outgoing import Fate, Outgoing

__all__ = ["REQUEST_LANE_LIMIT", "Outbox", "Queued"]

#: Most messages that may wait in the lanes for requests and history, unless told otherwise.
REQUEST_LANE_LIMIT = 10_000
#: So many cancels may wait before it is said aloud: they are always taken, so nothing bounds them.
MANY_CANCELS = 1000
#: So many turns are looked at in one go before others have the loop thread, and for how long they
#: have it, seconds.
TURNS_AT_ONCE, TURNS_PAUSE = 200, 0.002
#: So many messages that were taken out may stand in a lane before it is tidied.
TOMBSTONES = 1000

#: How much of the rate each lane may use.
_URGENCY = {
    Lane.SESSION: Urgency.URGENT,
    Lane.CANCEL: Urgency.URGENT,
    Lane.ORDER: Urgency.ORDER,
    Lane.REQUEST: Urgency.BULK,
    Lane.HISTORY: Urgency.BULK,
}
#: The request that each cancel ends, and each such request itself.
_ENDS = {number: number for number in CANCELS.values()} | dict(CANCELS)
#: A member of an Enum is looked up slowly.
_QUEUED = Fate.QUEUED
#: What is said of a message while others have the loop thread.
_LATER = Wait(TURNS_PAUSE, "its turn is being looked for")
#: A lane: what stands in it, what is set aside, how much of the rate it may use.
_Row = tuple[deque[Outgoing], Held, Urgency]


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
        withdrawn: How many messages were taken out by their own cancel.
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
        unique: Callable[[int], bool] = lambda _id: False,
    ) -> None:
        self._clock = clock
        self._now = clock.monotonic
        self.pacer = Pacer(rate, reserve)
        self._limit = limit
        self._wake = wake
        self._identify = identify
        self._unique = unique
        self._lock = threading.Lock()
        self._lanes: tuple[deque[Outgoing], ...] = tuple(deque() for _ in Lane)
        self._held: tuple[Held, ...] = tuple(Held() for _ in Lane)
        #: What belongs to each lane, the most urgent first.
        self._rows: tuple[_Row, ...] = tuple(
            zip(self._lanes, self._held, _URGENCY.values(), strict=True)
        )
        #: How many wait in each lane, those set aside included, those taken out not.
        self._counts = [0] * len(Lane)
        #: Requests that wait, by number and id, for their cancels.
        self._by_key: dict[tuple[int, int], list[Outgoing]] = {}
        #: The highest id that left, by number: one above it has no earlier message of its own.
        self._highest: dict[int, int] = {}
        self._dropped: list[Outgoing] = []
        #: How many entered so far, how many of them cancels can find, and how many were looked at.
        self._entered = self._indexed = self._looked_at = 0
        self._turns_left = TURNS_AT_ONCE
        self._write: Callable[[bytes], object] | None = None
        self._paused = False
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self.epoch = 0
        self.withdrawn = self.refused = 0
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
    def limit(self) -> int:
        """Most messages that may wait in a lane that is bounded."""
        return self._limit

    def waiting(self, lane: Lane | None = None) -> int:
        """How many messages wait, in one lane or in all; from any thread."""
        return sum(self._counts) if lane is None else self._counts[lane]

    def queued(self) -> list[Queued]:
        """What waits, in the order it would leave as things stand; from any thread."""
        with self._lock:  # not for longer than it takes to copy: thousands may wait
            now = self._clock.monotonic()
            lanes = [(self._why(lane, now), tuple(self._lanes[lane])) for lane in Lane]
            held = [one for lane in self._held for one in lane]
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

    def open(self, write: Callable[[bytes], object]) -> int:
        """A new session starts: messages go to ``write``. Returns its epoch."""
        with self._lock:
            self._write = write
            self._paused = False
            self.pacer.reset()
            self._highest.clear()
            self.warned = False
            self.epoch += 1
            return self.epoch

    def close(self) -> list[Outgoing]:
        """The session is over: what still waited is dropped, and told so (loop thread)."""
        with self._lock:
            self._write = None
            every = chain(*self._lanes, *(held.clear() for held in self._held))
            dropped = [message for message in every if message.fate is Fate.QUEUED]
            for queue in self._lanes:
                queue.clear()
            self._by_key.clear()
            self._counts = [0] * len(Lane)
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

    def put(self, message: Outgoing) -> None:
        """Queue a message; from any thread.

        Raises:
            NotConnected: There is no session to send it in.
            SendQueueFull: Its lane is full. Cancels, orders and the session's own are never full
                here: the gate of the orders counts those.
        """
        lane, number = message.lane, _ENDS.get(message.number)
        if number is None or lane < Lane.REQUEST:
            number = message.number
        else:
            req_id = self._identify(message.body)
            if req_id is not None:
                message.key = number, req_id
        with self._lock:
            if self._write is None:
                msg = "not connected"
                raise NotConnected(msg)
            if lane >= Lane.REQUEST and not message.cancels and self._counts[lane] >= self._limit:
                self.refused += 1
                msg = (
                    f"{self._counts[lane]} requests wait to be sent already: "
                    "the gateway does not read, or requests come faster than pacing allows"
                )
                raise SendQueueFull(msg)
            message.since = self._now()
            if not self._by_key or number == message.number or not self._withdraw_request(message):
                self._entered += 1
                message.serial = self._entered
                self._counts[lane] += 1
                self._lanes[lane].append(message)
            many = lane is Lane.CANCEL and self._counts[lane] >= MANY_CANCELS
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
            queue = self._lanes[Lane.ORDER]
            taken = [message for message in queue if message.order_id == order_id]
            for message in taken:
                queue.remove(message)
            self._counts[Lane.ORDER] -= len(taken)
        _tell(taken, Fate.NOT_SENT)
        return bool(taken)

    def drop(self, message: Outgoing) -> bool:
        """Take one message that still waits out of its lane; its fate is told (loop thread).

        Returns:
            False if it has left, or was dropped, already.
        """
        with self._lock:
            if message.fate is not Fate.QUEUED or not message.serial:
                return False
            self._take_out(message)
        _tell([message], Fate.NOT_SENT)
        return True

    def withdraw_orders(self) -> int:
        """Drop every queued order (global cancel, kill switch). Returns how many there were."""
        with self._lock:
            queue = self._lanes[Lane.ORDER]
            live = [message for message in queue if message.fate is Fate.QUEUED]
            taken = [message for message in live if message.number not in QUESTIONS]
            queue.clear()
            queue.extend(message for message in live if message.number in QUESTIONS)
            self._counts[Lane.ORDER] = len(queue)
        _tell(taken, Fate.NOT_SENT)
        return len(taken)

    def drain(self) -> None:
        """Write what may leave now, in one piece; loop thread only."""
        if self._dropped:
            self._tell_dropped()
        sent: list[Outgoing] = []
        with self._lock:
            write = self._write
            if write is None:
                return
            if self._paused:
                self._stay()
                return
            now = self._now()
            wait = self._collect(now, sent)
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
        if self._dropped:
            self._tell_dropped()

    # ---- inside (the lock is held) ---------------------------------------------------------

    def _collect(self, now: float, sent: list[Outgoing]) -> float | None:
        """Take out what may leave; after how many seconds to look again, if at all."""
        self._turns_left, soonest = TURNS_AT_ONCE, math.inf
        for row in self._rows:
            queue, held, _ = row
            if not queue and not held.numbers:
                continue
            wait = self._empty(row, now, sent)
            if wait:
                return min(wait, soonest)
            due = held.next_due() if held.numbers else None
            if due is not None:
                soonest = min(soonest, max(due - now, 0.0))
        return None if soonest == math.inf else soonest

    def _empty(self, row: _Row, now: float, sent: list[Outgoing]) -> float:
        """Take out what may leave of one lane; the seconds for which nothing more may, or 0."""
        queue, held, urgency = row
        pacer, numbers = self.pacer, held.numbers
        while True:
            is_due = bool(numbers) and held.is_due(now)
            if not is_due and not queue:
                return 0.0
            wait = pacer.wait(now, urgency)
            if wait:
                self._stay()
                return wait
            message = held.pop() if is_due else queue.popleft()
            if message.fate is not _QUEUED:
                continue
            if numbers or message.turn is not None:
                if not self._has_turn(message, held, now, was_held=is_due):
                    if self._turns_left < 0:
                        return TURNS_PAUSE
                    continue
                if numbers:
                    queue.extendleft(reversed(held.release(message)))
            pacer.spend(now, urgency)
            self._counts[message.lane] -= 1
            if message.key is not None:
                self._key_left(message, message.key)
            sent.append(message)

    def _has_turn(self, message: Outgoing, held: Held, now: float, *, was_held: bool) -> bool:
        """Whether a message's own turn is here; else it is set aside."""
        if not was_held and held.has(message.key):
            # The rule that its request waits for was not known when a cancel came.
            if message.number in CANCELS and self._withdraw_request(message):
                self._counts[message.lane] -= 1
                return False
            if held.behind(message):
                self._index_one(message)
                return False
        if message.turn is None:
            return True
        self._turns_left -= 1
        wait = message.turn.wait(now) if self._turns_left >= 0 else _LATER
        if wait is not None:
            held.add(message, now + wait.seconds, wait.reason, now)
            self._index_one(message)
            return False
        message.turn.leave(now)
        return True

    def _key_left(self, message: Outgoing, key: tuple[int, int]) -> None:
        if message.indexed:
            self._forget_key(message)
        number, req_id = key
        if req_id > self._highest.get(number, -1):
            self._highest[number] = req_id

    def _stay(self) -> None:
        """What stands in the lanes was looked at, and has to stay."""
        self._index()
        self._looked_at = self._entered

    def _index(self) -> None:
        """Let cancels find what stands in the lanes."""
        for lane in (Lane.REQUEST, Lane.HISTORY):
            for message in reversed(self._lanes[lane]):
                if message.serial <= self._indexed:
                    break
                self._index_one(message)
        self._indexed = self._entered

    def _index_one(self, message: Outgoing) -> None:
        """Let its cancel find a request."""
        key = message.key
        if key is not None and message.number == key[0] and not message.indexed:
            message.indexed = True
            self._by_key.setdefault(key, []).append(message)

    def _withdraw_request(self, cancel: Outgoing) -> bool:
        """Take the request that a cancel ends out of its lane; whether that is all there was."""
        key = cancel.key
        first = self._by_key[key][0] if key is not None and key in self._by_key else None
        if key is None or first is None:
            return False
        if first.serial > self._looked_at and first not in self._held[first.lane].numbers:
            return False
        self._index()  # others of its id wait behind it
        for message in tuple(self._by_key[key]):
            self._take_out(message)
            message.fate = Fate.NOT_SENT
            self._dropped.append(message)
            self.withdrawn += 1
        # One of this id that has left before is what the cancel is for, then.
        number, req_id = key
        if not self._unique(req_id) and req_id <= self._highest.get(number, -1):
            return False
        self._dropped.append(cancel)
        return True

    def _take_out(self, message: Outgoing) -> None:
        """Let a message that waits be passed over; its fate is set by who calls."""
        lane = message.lane
        self._counts[lane] -= 1
        self._forget_key(message)
        message.serial = 0
        queue, held = self._lanes[lane], self._held[lane]
        if held.take(message):
            queue.extendleft(reversed(held.release(message)))
            return
        if len(queue) > self._counts[lane] + TOMBSTONES:
            live = [one for one in queue if one.fate is Fate.QUEUED and one is not message]
            queue.clear()
            queue.extend(live)

    def _forget_key(self, message: Outgoing) -> None:
        if message.indexed and message.key is not None:
            message.indexed = False
            same = self._by_key[message.key]
            same.remove(message)
            if not same:
                del self._by_key[message.key]

    def _why(self, lane: Lane, now: float) -> tuple[Wait, float]:
        """Why, and how long, the first of a lane waits, and how much longer each after it does."""
        if self._paused:
            return Wait(math.inf, "the gateway does not read: its socket takes no more"), 0.0
        pacer, urgency = self.pacer, _URGENCY[lane]
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
            dropped, self._dropped = self._dropped, []
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
