"""The client-side rate limiter: never too many requests in any period, as the *server* counts.

The server counts a request when it arrives, and the client does not know when that is: somewhere
between sending and the answer. So a place is taken from before the request leaves until one period
(and a margin) after its answer came. Two requests that share a place thus arrive at least one
period apart, whatever the network did to either, and any window of one period holds at most as many
arrivals as there are places. The price is a little speed: a request's own duration is added to its
place's period.

Waiters are served in the order they came: one gets a place only if those before it could too. A 429
pauses its whole class: everybody waits, not only the request that was told. Time comes in as an
argument; a lock makes one limiter usable by several clients (of one key) in several threads.
"""

from __future__ import annotations

import bisect
import threading
from collections import deque
from typing import Literal

import attrs

from .settings import RateLimits

__all__ = ["RateClass", "RateLimiter", "Ticket"]

RateClass = Literal["standard", "heavy"]
_LEAST_WAIT = 0.001  # a wait below the clock's resolution would spin for ever


@attrs.define(eq=False)
class Ticket:
    """One request's claim to a place: first waiting, then (maybe) flying."""

    rate_class: RateClass


class _Lane:
    """The places of one class."""

    def __init__(self, places: int, hold: float) -> None:
        self.places = places
        self.hold = hold
        self.waiting: deque[Ticket] = deque()
        self.flying: set[Ticket] = set()
        self.free_at: list[float] = []  # ascending: when each place of a finished request is free
        self.paused_until = float("-inf")

    def claim(self, ticket: Ticket, now: float) -> float:
        del self.free_at[: bisect.bisect_right(self.free_at, now)]
        free = self.places - len(self.flying) - len(self.free_at)
        position = self.waiting.index(ticket)
        if position < free and now >= self.paused_until:
            self.waiting.remove(ticket)
            self.flying.add(ticket)
            return 0.0
        # The soonest each place can be had: one in flight is free at least a whole hold from now.
        soonest = [now] * free + self.free_at + [now + self.hold] * len(self.flying)
        rounds, place = divmod(position, self.places)
        turn = soonest[place] + rounds * self.hold
        return max(turn - now, self.paused_until - now, _LEAST_WAIT)


class RateLimiter:
    """Places for the two rate classes. Share one between clients that share a key.

    Args:
        limits: How many places, and for how long each is held.
    """

    def __init__(self, limits: RateLimits | None = None) -> None:
        self.limits = limits if limits is not None else RateLimits()
        hold = self.limits.period + self.limits.margin
        self._lock = threading.Lock()
        self._lanes: dict[RateClass, _Lane] = {
            "standard": _Lane(self.limits.standard, hold),
            "heavy": _Lane(self.limits.heavy, hold),
        }

    def enter(self, rate_class: RateClass) -> Ticket:
        """Join the queue of a class. Every ticket must end with `leave`."""
        ticket = Ticket(rate_class)
        with self._lock:
            self._lanes[rate_class].waiting.append(ticket)
        return ticket

    def claim(self, ticket: Ticket, now: float) -> float:
        """Try to take a place.

        Returns:
            0 if it was taken; else the seconds after which to try again.
        """
        with self._lock:
            return self._lanes[ticket.rate_class].claim(ticket, now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """Give the place back (held for one more period), or leave the queue. Harmless twice."""
        with self._lock:
            lane = self._lanes[ticket.rate_class]
            if ticket in lane.flying:
                lane.flying.remove(ticket)
                bisect.insort(lane.free_at, now + lane.hold)
            elif ticket in lane.waiting:
                lane.waiting.remove(ticket)

    def pause(self, rate_class: RateClass, until: float) -> None:
        """Let nobody of a class send before this time; an earlier one never shortens a pause."""
        with self._lock:
            lane = self._lanes[rate_class]
            lane.paused_until = max(lane.paused_until, until)
