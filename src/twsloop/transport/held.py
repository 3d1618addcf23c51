"""Messages that wait for a turn of their own, beside their lane."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from .outgoing import Fate, Outgoing

__all__ = ["Held"]

#: Nothing is held for less, seconds: a wait that rounds to nothing would be looked at for ever.
LEAST_S = 0.001
#: What is due within so little is due, seconds.
_INSTANT = 1e-9


class Held:
    """Those of one lane; of equal waits the one that came first is first.

    What has the same id as one that is held waits behind it, however free it is itself.

    Attributes:
        numbers: Each that is held (not those behind one), with its place among equals.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Outgoing, str]] = []
        self.numbers: dict[Outgoing, int] = {}
        self._counter = itertools.count()
        self._behind: dict[tuple[int, int], list[Outgoing]] = {}

    def __bool__(self) -> bool:
        """Whether any is held."""
        return bool(self.numbers)

    def __iter__(self) -> Iterator[tuple[Outgoing, float, str]]:
        """Each with the time it may be let go, and the reason; the earliest first."""
        for until, number, message, reason in sorted(self._heap, key=lambda one: one[:2]):
            if self.numbers.get(message) == number:
                yield message, until, reason
                for one in self._behind.get(message.key, ()) if message.key is not None else ():
                    if one.fate is Fate.QUEUED:
                        yield one, until, "another message of its id is before it"

    def add(self, message: Outgoing, until: float, reason: str, now: float) -> None:
        """Hold a message until a time; one that was held before keeps its place among equals."""
        number = self.numbers.setdefault(message, next(self._counter))
        if message.key is not None:
            self._behind.setdefault(message.key, [])
        heapq.heappush(self._heap, (max(until, now + LEAST_S), number, message, reason))

    def has(self, key: tuple[int, int] | None) -> bool:
        """Whether one of an id is held."""
        return key is not None and key in self._behind

    def behind(self, message: Outgoing) -> bool:
        """Let a message wait behind a held one of its id; False if there is none."""
        waiting = self._behind.get(message.key) if message.key is not None else None
        if waiting is None:
            return False
        waiting.append(message)
        return True

    def is_due(self, now: float) -> bool:
        """Whether the time of one has come, so that `pop` gives it."""
        due = self.next_due()
        return due is not None and due <= now + _INSTANT

    def pop(self) -> Outgoing:
        """The next one, taken out to be looked at (`add` puts it back)."""
        return heapq.heappop(self._heap)[2]

    def next_due(self) -> float | None:
        """When to look again; None if nothing is held."""
        while self._heap and self.numbers.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, message: Outgoing) -> bool:
        """Forget one that is held itself; False if it is not."""
        return self.numbers.pop(message, None) is not None

    def release(self, message: Outgoing) -> list[Outgoing]:
        """A message leaves, or was taken out: those behind it, which are free now."""
        self.numbers.pop(message, None)
        return self._behind.pop(message.key, []) if message.key is not None else []

    def clear(self) -> list[Outgoing]:
        """Forget all; what was held, and behind."""
        everything = [message for message, _, _ in self]
        self._heap.clear()
        self.numbers.clear()
        self._behind.clear()
        return everything
