"""The bytes of one direction of a link: in order, each at its time (pure).

What a network does to bytes is mostly a matter of where a write is cut and when each piece goes on:
a `Lane` is a queue of pieces with a time. Shapers work on what comes in, in the order of their
ranks: first those that know frames (`FRAMES`), then those that cut (`CUTS`), then those that move
times (`TIMES`). A hold lets nothing pass at all. Bytes never overtake each other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from twsloop.wire.framing import LENGTH_SIZE

from .host import Chance

__all__ = [
    "CUTS",
    "FRAMES",
    "TIMES",
    "Bursts",
    "Cut",
    "Delay",
    "Drip",
    "Lane",
    "Piece",
    "Repeat",
    "Rewrite",
    "Shaper",
    "Stop",
    "frames_of",
]

#: Ranks of shapers.
FRAMES, CUTS, TIMES = 0, 1, 2


@attrs.frozen
class Piece:
    """Bytes that travel together, and the monotonic time at which they go on, seconds."""

    due: float
    data: bytes


class Shaper(Protocol):
    """Changes pieces on their way into a lane."""

    @property
    def rank(self) -> int:
        """Where it stands: `FRAMES`, `CUTS` or `TIMES`."""

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces that come of these."""


class Lane:
    """One direction of one link.

    Attributes:
        waiting: How many bytes wait.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._shapers: list[Shaper] = []
        self._holds: set[object] = set()
        self._queue: deque[Piece] = deque()

    @property
    def held(self) -> bool:
        """Whether nothing passes."""
        return bool(self._holds)

    @property
    def plain(self) -> bool:
        """Whether bytes may pass by it as if it were not there."""
        return not (self._holds or self._shapers or self._queue)

    def hold(self, token: object) -> None:
        """Let nothing pass until `release` with this token."""
        self._holds.add(token)

    def release(self, token: object) -> None:
        """Undo `hold`."""
        self._holds.discard(token)

    def add(self, shaper: Shaper) -> None:
        """Let a shaper work from now on, after those of its rank."""
        self._shapers.append(shaper)
        self._shapers.sort(key=lambda one: one.rank)

    def remove(self, shaper: Shaper, now: float) -> None:
        """Let it work no more: what waits is due now. Nothing happens if it does not work."""
        if shaper in self._shapers:
            self._shapers.remove(shaper)
            self._queue = deque(Piece(min(one.due, now), one.data) for one in self._queue)
            if isinstance(shaper, Bursts):
                self.put(shaper.rest(), now)

    def retire(self, shaper: Shaper) -> None:
        """Let it work no more; what it has done to what waits stays done."""
        if shaper in self._shapers:
            self._shapers.remove(shaper)

    def put(self, data: bytes, now: float) -> None:
        """Take bytes; `due` hands them out when it is their time."""
        pieces: Iterable[Piece] = [Piece(now, data)]
        for shaper in tuple(self._shapers):
            pieces = shaper.shape(pieces, now)
        for piece in pieces:
            if piece.data:
                last = self._queue[-1].due if self._queue else piece.due
                self._queue.append(piece if piece.due >= last else Piece(last, piece.data))
                self.waiting += len(piece.data)

    def due(self, now: float) -> Iterator[bytes]:
        """Hand out what is due, in order; stop at any time."""
        while self._queue and not self._holds and self._queue[0].due <= now:
            piece = self._queue.popleft()
            self.waiting -= len(piece.data)
            yield piece.data

    def next_due(self) -> float | None:
        """When the next piece is due; None: nothing waits, or nothing may pass."""
        if not self._queue or self._holds or math.isinf(self._queue[0].due):
            return None
        return self._queue[0].due

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self.waiting = 0


# ---- those that move times ---------------------------------------------------------------------


@attrs.define(eq=False)
class Delay:
    """Everything comes so many seconds late, and up to ``jitter`` more; nothing overtakes."""

    seconds: float
    jitter: float
    chance: Chance
    rank: int = TIMES

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces, later."""
        del now
        for piece in pieces:
            late = self.seconds + (self.jitter * self.chance.random() if self.jitter else 0.0)
            yield Piece(piece.due + late, piece.data)


@attrs.define(eq=False)
class Drip:
    """So many bytes every so many seconds."""

    size: int
    interval: float
    rank: int = TIMES
    _free: float = -math.inf

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces in drops."""
        for piece in pieces:
            for start in range(0, len(piece.data), self.size):
                due = max(piece.due, self._free, now)
                self._free = due + self.interval
                yield Piece(due, piece.data[start : start + self.size])


# ---- those that cut ----------------------------------------------------------------------------


@attrs.define(eq=False)
class Cut:
    """Cuts every write, and leaves ``gap`` seconds between the pieces.

    Attributes:
        at: After how many bytes of each write; empty: at random.
        most: Where it is random, the longest piece, bytes.
        gap: Seconds between two pieces: without it, the reader would get them as one.
    """

    at: Sequence[int]
    most: int
    gap: float
    chance: Chance
    rank: int = CUTS
    _free: float = -math.inf

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces, in smaller ones."""
        for piece in pieces:
            ends = self._ends(len(piece.data))
            for start, end in zip([0, *ends], [*ends, len(piece.data)], strict=True):
                due = max(piece.due, self._free, now)
                self._free = due + self.gap
                yield Piece(due, piece.data[start:end])

    def _ends(self, size: int) -> list[int]:
        if self.at:
            return sorted({place for place in self.at if 0 < place < size})
        ends, end = [], self.chance.randint(1, self.most)
        while end < size:
            ends.append(end)
            end += self.chance.randint(1, self.most)
        return ends


@attrs.define(eq=False)
class Stop:
    """The next write stops after ``keep`` bytes; what follows waits until this ends."""

    keep: int
    rank: int = CUTS
    _stopped: bool = False

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The first bytes; the others at no time."""
        del now
        for piece in pieces:
            if self._stopped or not piece.data:
                yield Piece(math.inf, piece.data)
                continue
            self._stopped = True
            keep = min(self.keep, len(piece.data) - 1)
            yield Piece(piece.due, piece.data[:keep])
            yield Piece(math.inf, piece.data[keep:])


# ---- those that know frames --------------------------------------------------------------------


def frames_of(data: bytes) -> Iterator[bytes]:
    """The frames that a write of the gateway is made of, each with its length in front."""
    start = 0
    while start < len(data):
        end = start + LENGTH_SIZE + int.from_bytes(data[start : start + LENGTH_SIZE], "big")
        yield data[start:end]
        start = end


@attrs.define(eq=False)
class Rewrite:
    """The next write leaves as something else; the others as they are."""

    rewrite: Callable[[bytes], bytes]
    rank: int = FRAMES
    _done: bool = False

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The first one rewritten."""
        del now
        for piece in pieces:
            if self._done or not piece.data:
                yield piece
            else:
                self._done = True
                yield Piece(piece.due, self.rewrite(piece.data))


@attrs.define(eq=False)
class Repeat:
    """Every frame leaves so many times more, right after itself."""

    times: int
    rank: int = FRAMES

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """The pieces, with their frames repeated."""
        del now
        for piece in pieces:
            repeated = (frame * (1 + self.times) for frame in frames_of(piece.data))
            yield Piece(piece.due, b"".join(repeated))


@attrs.define(eq=False)
class Bursts:
    """What leaves is exactly some multiple of ``block`` bytes long, and then nothing for a while.

    Attributes:
        pad: Makes frames of exactly so many bytes; raises ValueError if it cannot.
        block: 4096, for clients that read so much at a time.
        quiet: How long nothing follows, seconds.
        again: Called when something was sent: calls `Lane.put` with nothing after ``quiet``.
    """

    pad: Callable[[int], bytes]
    block: int
    quiet: float
    again: Callable[[float], object]
    rank: int = FRAMES
    _kept: bytearray = attrs.Factory(bytearray)
    _free: float = -math.inf

    def shape(self, pieces: Iterable[Piece], now: float) -> Iterator[Piece]:
        """What was kept, filled up, if its time has come."""
        for piece in pieces:
            self._kept += piece.data
        if not self._kept:
            return
        if now < self._free:
            # Also a timer that came a little early: what is kept may be the last there is.
            self.again(self._free - now)
            return
        data = bytes(self._kept)
        self._kept.clear()
        self._free = now + self.quiet
        self.again(self.quiet)
        yield Piece(now, data + self._filler(-len(data) % self.block))

    def rest(self) -> bytes:
        """What was kept when this ended."""
        data = bytes(self._kept)
        self._kept.clear()
        return data

    def _filler(self, size: int) -> bytes:
        while size:
            try:
                return self.pad(size)
            except ValueError:
                size += self.block
        return b""
