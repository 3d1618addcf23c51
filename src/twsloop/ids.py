"""Order ids and request ids, and why they never meet.

IB's ``error(reqId, ...)`` does not say whether its id names an order or a request, and users count
order ids up from ``nextValidId`` themselves. So the request ids that we hand out start at 2**30,
far above any order id, and below the 2**31 - 1 that the protocol's integers can hold.
"""

from __future__ import annotations

import threading

__all__ = ["FIRST_REQUEST_ID", "LAST_ID", "OrderIds", "RequestIds"]

#: The first request id that twsloop hands out itself.
FIRST_REQUEST_ID = 2**30
#: The largest id the wire's 32-bit signed integers can carry.
LAST_ID = 2**31 - 1


class RequestIds:
    """Hands out request ids, each once; safe from any thread."""

    def __init__(self, first: int = FIRST_REQUEST_ID) -> None:
        self._first = first
        self._next = first
        self._lock = threading.Lock()

    def take(self) -> int:
        """The next unused request id."""
        with self._lock:
            taken = self._next
            self._next = self._first if taken >= LAST_ID else taken + 1
            return taken

    def issued(self, req_id: int) -> bool:
        """Whether ``req_id`` is one that was handed out here (read without the lock: hot path)."""
        return self._first <= req_id < self._next


class OrderIds:
    """Hands out order ids that were never used; safe from any thread.

    The next id is the largest of ``nextValidId``, a floor that was remembered, and one above the
    highest id seen. It never goes back, whatever the gateway says after a restart.
    """

    def __init__(self, floor: int = 1) -> None:
        self._next = max(floor, 1)
        self._reserved: set[int] = set()
        #: Claimed ids that were not used, below others that were.
        self._given_back: set[int] = set()
        self._lock = threading.Lock()

    @property
    def floor(self) -> int:
        """The lowest id that is still unused."""
        with self._lock:
            return self._next

    def raise_to(self, lowest: int) -> None:
        """Hand out nothing below ``lowest`` (from nextValidId, or a remembered floor)."""
        with self._lock:
            self._next = max(self._next, lowest)

    def seen(self, order_id: int) -> None:
        """Take note of an id in use, so that it is not handed out again.

        Ids from `FIRST_REQUEST_ID` up are ours for requests and do not count.
        """
        if 0 < order_id < FIRST_REQUEST_ID:
            self.raise_to(order_id + 1)

    def take(self, count: int = 1) -> int:
        """The first of ``count`` consecutive unused ids."""
        with self._lock:
            taken = self._next
            self._next += count
            return taken

    def reserve(self) -> int:
        """An unused id for a program that places an order itself, later; see `claim`."""
        with self._lock:
            taken = self._next
            self._next += 1
            self._reserved.add(taken)
            return taken

    def give_back(self, order_id: int) -> None:
        """A claimed id was not used after all: it is as if it had not been claimed."""
        with self._lock:
            self._given_back.add(order_id)
            while self._next - 1 in self._given_back:
                self._next -= 1
                self._given_back.remove(self._next)

    def claim(self, order_id: int) -> bool:
        """A program places an order under an id of its own choice.

        Returns:
            Whether the id was unused: reserved, or not below any that was handed out or seen. It is
            used from now on.
        """
        with self._lock:
            for free in (self._reserved, self._given_back):
                if order_id in free:
                    free.remove(order_id)
                    return True
            unused = self._next <= order_id < FIRST_REQUEST_ID
            if unused:
                self._next = order_id + 1
            return unused
