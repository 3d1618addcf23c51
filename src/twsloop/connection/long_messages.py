"""Long messages are worked through in slices, and the loop has its turn between them.

An answer of 100,000 bars is one message, and handing it over takes a few hundred milliseconds. Its
bars are told for as long as a slice lasts; if there are more, the link is held: nothing that came
behind the message is handed over before its last bar, and nothing more is read meanwhile. Then the
loop sees to its timers and to everyone else's work, and the next slice follows.

Loop thread only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from twsloop.processors import Registry
from twsloop.wire.bars import Declined, OddBar, ProtobufBars, TextBars, bars_of

__all__ = ["AT_ONCE", "SLICE", "Holdable", "LongMessages", "TakeParts", "nobody_waits"]

#: How long a slice lasts, seconds; what a loop may be held by one is several times that.
SLICE = 0.004
#: So many bars are told before the time is looked at.
AT_ONCE = 8

#: Takes bars as a part of the answer to a request of our own; whether anybody waits for it.
TakeParts = Callable[[int, list[Any]], bool]


def nobody_waits(_req_id: int, _bars: list[Any]) -> bool:
    """Take nothing."""
    return False


class Holdable(Protocol):
    """The link, as far as it is held."""

    def hold(self) -> None:
        """Hand nothing over until `release`; from within a message."""
        ...

    def release(self) -> None:
        """Go on with what came meanwhile."""
        ...


class LongMessages:
    """Works through one message after the other.

    Args:
        registry: Who listens.
        plain: Has a message decoded by IB's decoder: its number, and its fields; it guards itself.
        take_parts: Takes what only our own requests wait for.

    Attributes:
        slice_s: How long a slice lasts, seconds.
        worked: Told how long each slice after the first took, seconds.
    """

    def __init__(
        self,
        registry: Registry,
        plain: Callable[[bytes, bool], object],
        take_parts: TakeParts,
    ) -> None:
        self._registry = registry
        self._plain = plain
        self._take_parts = take_parts
        self._link: Holdable | None = None
        self._version = 0
        self._session = 0
        self._work: Iterator[None] | None = None
        self.slice_s = SLICE
        self.worked: Callable[[float], object] | None = None

    @property
    def busy(self) -> bool:
        """Whether a message is being worked through."""
        return self._work is not None

    def begin(self, version: int, link: Holdable | None) -> None:
        """A session begins.

        Args:
            version: Its protocol version.
            link: What to hold; None where messages are worked through at once.
        """
        self.drop()
        self._version, self._link = version, link

    def drop(self) -> None:
        """The session is over: what is left of its message is told to nobody."""
        self._session += 1
        self._work = self._link = None

    def bars(self, body: bytes, start: int, *, protobuf: bool) -> None:
        """Tell the bars of a message: all of them, or the first ones for now.

        Args:
            body: Its frame's body.
            start: Where its fields begin.
            protobuf: Whether it is protobuf.
        """
        message = bars_of(body, start, self._version, protobuf=protobuf)
        work = self._tell(message, body, start, protobuf=protobuf)
        until = time.perf_counter() + self.slice_s
        for _ in work:
            if time.perf_counter() >= until and self._link is not None:
                self._work = work
                self._link.hold()
                asyncio.get_running_loop().call_soon(self._slice, work)
                return

    def _slice(self, work: Iterator[None]) -> None:
        """Go on with the message that holds the link."""
        if work is not self._work:
            return  # its session is over
        over = False
        start = now = time.perf_counter()
        until = start + self.slice_s
        try:
            for _ in work:
                now = time.perf_counter()
                if now >= until:
                    asyncio.get_running_loop().call_soon(self._slice, work)
                    return
            over = True
        except BaseException:
            over = True  # what ends the program: the rest of the message is lost
            raise
        finally:
            if work is self._work:
                if self.worked is not None:
                    self.worked(time.perf_counter() - start)
                if over:
                    self._release()

    def _release(self) -> None:
        link, self._work = self._link, None
        if link is not None:
            link.release()

    def _tell(
        self, message: ProtobufBars | TextBars, body: bytes, start: int, *, protobuf: bool
    ) -> Iterator[None]:
        """Work through a message; between two steps the time may be looked at."""
        session, fanout = self._session, self._registry.fanout
        try:
            yield from message.check()
        except Declined:
            self._plain(body[start:], protobuf)
            return
        req_id, left = message.req_id, AT_ONCE
        try:
            for bars in message.runs():
                if self._take_parts(req_id, bars):
                    yield
                    continue
                for bar in bars:
                    fanout.historicalData(req_id, bar)
                    if session != self._session:
                        return  # the callback ended it
                    left -= 1
                    if not left:
                        left = AT_ONCE
                        yield
        except OddBar as odd:
            self._plain(odd.payload, protobuf)
            return
        if message.ending is not None:
            fanout.historicalDataEnd(req_id, *message.ending)
