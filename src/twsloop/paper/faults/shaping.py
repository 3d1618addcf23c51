"""The bytes of one direction of a link: in order, each at its time (pure).

Everything that a network does to bytes without changing them is a matter of where a write is cut
and when each piece goes on: a `Lane` is a queue of pieces with a time. Shapers cut pieces and move
their times; a hold lets nothing pass at all. The order of the bytes never changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

import attrs

__all__ = ["Lane", "Piece", "Shaper"]


@attrs.frozen
class Piece:
    """Bytes that travel together, and the monotonic time at which they go on, seconds."""

    due: float
    data: bytes


class Shaper(Protocol):
    """Cuts pieces and moves their times, and changes nothing else."""

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces that come of these."""


class Lane:
    """One direction of one link."""

    def __init__(self) -> None:
        self.waiting = 0
        self.shapers: list[Shaper] = []
        self._holds: set[object] = set()
        self._queue: deque[Piece] = deque()

    @property
    def held(self) -> bool:
        """Whether nothing passes."""
        return bool(self._holds)

    @property
    def plain(self) -> bool:
        """Whether bytes may pass by it as if it were not there."""
        return not (self._holds or self.shapers or self._queue)

    def hold(self, token: object) -> None:
        """Let nothing pass until `release` with this token."""
        self._holds.add(token)

    def release(self, token: object) -> None:
        """Undo `hold`."""
        self._holds.discard(token)

    def put(self, data: bytes, now: float) -> None:
        """Take bytes; `due` hands them out when it is their time."""
        pieces: Iterable[Piece] = [Piece(now, data)]
        for shaper in self.shapers:
            pieces = shaper.shape(pieces, now)
        for piece in pieces:
            last = self._queue[-1].due if self._queue else piece.due
            self._queue.append(piece if piece.due >= last else Piece(last, piece.data))
            self.waiting += len(piece.data)

    def hurry(self, now: float) -> None:
        """What waits is due now: what slowed it has ended."""
        self._queue = deque(Piece(min(one.due, now), one.data) for one in self._queue)

    def due(self, now: float) -> Iterator[bytes]:
        """Hand out what is due, in order; stop at any time."""
        while self._queue and not self._holds and self._queue[0].due <= now:
            piece = self._queue.popleft()
            self.waiting -= len(piece.data)
            yield piece.data

    def next_due(self) -> float | None:
        """When the next piece is due; None: nothing waits, or nothing may pass."""
        return self._queue[0].due if self._queue and not self._holds else None

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self.waiting = 0
