"""A feed that outlives restarts of its gateway: it stands still while the gateway is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from twsloop.clock import Clock
from twsloop.errors import PaperError
from twsloop.paper.market.vocabulary import Event, Feed, Sink

from .wrapped import WrappedFeed

__all__ = ["LastingFeed"]


class LastingFeed(WrappedFeed):
    """Starts a feed once, however often it is started and stopped itself; `end` ends it.

    Args:
        source: The feed, which was not started.

    Attributes:
        ended: Whether it can be started no more.
    """

    def __init__(self, source: Feed) -> None:
        super().__init__(source)
        self.ended = False
        self._sink: Sink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events, or go on; on the running loop.

        Raises:
            PaperError: It began on another loop, where its timers are.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._sink = loop, sink
            self.source.start(self._relay, clock)
        elif self._loop is loop:
            self._sink = sink
            self.source.resume()
        else:
            msg = "a feed goes on only on the loop that it began on: give PaperGateway a function"
            raise PaperError(f"{msg} that makes feeds, as in feed=lambda: ReplayFeed(...)")

    def stop(self) -> None:
        """Call the sink no more, and stand still until it is started again."""
        self._sink = None
        if self._loop is not None:
            self.source.pause()

    def end(self) -> None:
        """Let go of files; it cannot be started any more. Idempotent."""
        self.ended = True
        self._sink = None
        self.source.stop()

    def _relay(self, events: Iterable[Event]) -> None:
        if self._sink is not None:
            self._sink(events)
            return
        for event in events:  # a feed that a test moves: nobody hears it, but it has happened
            self.source.book(event.con_id).apply(event)
