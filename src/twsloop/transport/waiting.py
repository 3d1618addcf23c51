"""What waits to leave, lane by lane; everything here is called under the Outbox's lock.

A lane is emptied first in, first out. What has to wait for a turn of its own is set aside (`held`),
the others of its lane go on, and what has the same id waits behind it. The cancel of a request that
waits takes it out; what merely was not looked at yet leaves, and its cancel behind it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import chain

from twsloop.session.pacing import Pacer, Urgency, Wait
from twsloop.wire.request_ids import CANCELS

from .held import Held
from .lanes import QUESTIONS, Lane
from .outgoing import Fate, Outgoing, Unique

__all__ = ["URGENCY", "Waiting"]

#: So many turns are looked at in one go before others have the loop thread, and for how long they
#: have it, seconds.
TURNS_AT_ONCE, TURNS_PAUSE = 200, 0.002
#: So many messages that were taken out may stand in a lane before it is tidied.
TOMBSTONES = 1000

#: How much of the rate each lane may use.
URGENCY = {
    Lane.SESSION: Urgency.URGENT,
    Lane.CANCEL: Urgency.URGENT,
    Lane.ORDER: Urgency.ORDER,
    Lane.REQUEST: Urgency.BULK,
    Lane.HISTORY: Urgency.BULK,
}
#: A member of an Enum is looked up slowly.
_QUEUED = Fate.QUEUED
#: What is said of a message while others have the loop thread.
_LATER = Wait(TURNS_PAUSE, "its turn is being looked for")
#: A lane: what stands in it, what is set aside, how much of the rate it may use.
_Row = tuple[deque[Outgoing], Held, Urgency]


class Waiting:
    """The lanes.

    Args:
        pacer: How fast messages may leave.
        unique: Whether an id is used for one request only, and never again.

    Attributes:
        counts: How many wait in each lane, those set aside included, those taken out not.
        dropped: What was taken out and was not told so yet.
        withdrawn: How many messages were taken out by their own cancel.
    """

    def __init__(self, pacer: Pacer, unique: Unique) -> None:
        self._pacer = pacer
        self._unique = unique
        self._lanes: tuple[deque[Outgoing], ...] = tuple(deque() for _ in Lane)
        self._held: tuple[Held, ...] = tuple(Held() for _ in Lane)
        #: What belongs to each lane, the most urgent first.
        self._rows: tuple[_Row, ...] = tuple(
            zip(self._lanes, self._held, URGENCY.values(), strict=True)
        )
        self.counts = [0] * len(Lane)
        #: Requests that wait, by number and id, for their cancels.
        self._by_key: dict[tuple[int, int], list[Outgoing]] = {}
        #: The highest id that left, by number: one above it has no earlier message of its own.
        self._highest: dict[int, int] = {}
        self.dropped: list[Outgoing] = []
        #: How many entered so far, how many of them cancels can find, and how many were looked at.
        self._entered = self._indexed = self._looked_at = 0
        self._turns_left = TURNS_AT_ONCE
        self.withdrawn = 0

    # ---- the session ---------------------------------------------------------------------

    def begin(self) -> None:
        """A new session starts: nothing has left in it."""
        self._highest.clear()

    def clear(self) -> list[Outgoing]:
        """Forget everything; what waited."""
        every = chain(*self._lanes, *(held.clear() for held in self._held))
        dropped = [message for message in every if message.fate is _QUEUED]
        for queue in self._lanes:
            queue.clear()
        self._by_key.clear()
        self.counts = [0] * len(Lane)
        return dropped

    # ---- in ------------------------------------------------------------------------------

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self.counts)

    def enter(self, message: Outgoing) -> None:
        """A message waits from now on; a cancel takes what it ends out of its lane instead."""
        key = message.key
        cancels = self._by_key and key is not None and message.number != key[0]
        if not cancels or not self._withdraw_request(message):
            self._entered += 1
            message.serial = self._entered
            self.counts[message.lane] += 1
            self._lanes[message.lane].append(message)

    def passes(self, message: Outgoing) -> None:
        """A message leaves that has never waited."""
        if message.key is not None:
            self._key_left(message, message.key)

    # ---- out -----------------------------------------------------------------------------

    def withdraw(self, order_id: int) -> list[Outgoing]:
        """Take out what waits of an order."""
        queue = self._lanes[Lane.ORDER]
        mine = [message for message in queue if message.order_id == order_id]
        for message in mine:
            queue.remove(message)
        # One that was dropped before stands in the lane, and is not counted any more.
        taken = [message for message in mine if message.fate is _QUEUED]
        self.counts[Lane.ORDER] -= len(taken)
        return taken

    def withdraw_orders(self) -> list[Outgoing]:
        """Take out every order."""
        queue = self._lanes[Lane.ORDER]
        live = [message for message in queue if message.fate is _QUEUED]
        queue.clear()
        queue.extend(message for message in live if message.number in QUESTIONS)
        self.counts[Lane.ORDER] = len(queue)
        return [message for message in live if message.number not in QUESTIONS]

    def drop(self, message: Outgoing) -> bool:
        """Take one message out; False if it does not wait."""
        if message.fate is not _QUEUED or not message.serial:
            return False
        self._take_out(message)
        return True

    def collect(self, now: float, sent: list[Outgoing]) -> float | None:
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

    def stay(self) -> None:
        """What stands in the lanes was looked at, and has to stay."""
        self._index()
        self._looked_at = self._entered

    # ---- what is there -------------------------------------------------------------------

    def standing(self, lane: Lane) -> tuple[Outgoing, ...]:
        """What stands in a lane, and some that was taken out of it."""
        return tuple(self._lanes[lane])

    def set_aside(self) -> Iterable[tuple[Outgoing, float, str]]:
        """What is held: each with the time that it may be let go, and the reason."""
        return (one for held in self._held for one in held)

    # ---- inside --------------------------------------------------------------------------

    def _empty(self, row: _Row, now: float, sent: list[Outgoing]) -> float:
        """Take out what may leave of one lane; the seconds for which nothing more may, or 0."""
        queue, held, urgency = row
        pacer, numbers = self._pacer, held.numbers
        while True:
            is_due = bool(numbers) and held.is_due(now)
            if not is_due and not queue:
                return 0.0
            wait = pacer.wait(now, urgency)
            if wait:
                self.stay()
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
            self.counts[message.lane] -= 1
            if message.key is not None:
                self._key_left(message, message.key)
            sent.append(message)

    def _has_turn(self, message: Outgoing, held: Held, now: float, *, was_held: bool) -> bool:
        """Whether a message's own turn is here; else it is set aside."""
        if not was_held and held.has(message.key):
            # The rule that its request waits for was not known when a cancel came.
            if message.number in CANCELS and self._withdraw_request(message):
                self.counts[message.lane] -= 1
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
            self.dropped.append(message)
            self.withdrawn += 1
        # One of this id that has left before is what the cancel is for, then.
        number, req_id = key
        if not self._unique(req_id) and req_id <= self._highest.get(number, -1):
            return False
        self.dropped.append(cancel)
        return True

    def _take_out(self, message: Outgoing) -> None:
        """Let a message that waits be passed over; its fate is set by who calls."""
        lane = message.lane
        self.counts[lane] -= 1
        self._forget_key(message)
        message.serial = 0
        queue, held = self._lanes[lane], self._held[lane]
        if held.take(message):
            queue.extendleft(reversed(held.release(message)))
            return
        if len(queue) > self.counts[lane] + TOMBSTONES:
            live = [one for one in queue if one.fate is _QUEUED and one is not message]
            queue.clear()
            queue.extend(live)

    def _forget_key(self, message: Outgoing) -> None:
        if message.indexed and message.key is not None:
            message.indexed = False
            same = self._by_key[message.key]
            same.remove(message)
            if not same:
                del self._by_key[message.key]
