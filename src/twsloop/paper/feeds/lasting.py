"""A feed that outlives restarts of its gateway: it stands still while the gateway is away."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterable
from typing import Any

from twsloop.clock import Clock
from twsloop.errors import PaperError
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.vocabulary import Event, Feed, Sink, TopOfBook

__all__ = ["LastingFeed"]


class LastingFeed:
    """Starts a feed once, however often it is started and stopped itself; `end` ends it.

    Args:
        source: The feed, which was not started.

    Attributes:
        ended: Whether it can be started no more.
    """

    def __init__(self, source: Feed) -> None:
        self.source = source
        self.instruments: Catalogue = source.instruments
        self.always_open: bool = source.always_open
        self.finished: concurrent.futures.Future[None] = source.finished
        self.ended = False
        self._sink: Sink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __getattr__(self, name: str) -> Any:
        """What else the feed has, such as its seed."""
        return getattr(self.source, name)

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

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument.

        Raises:
            KeyError: The catalogue has no such instrument.
        """
        return self.source.book(con_id)

    def subscribe(self, con_id: int) -> None:
        """Somebody watches this instrument from now on (counted)."""
        self.source.subscribe(con_id)

    def unsubscribe(self, con_id: int) -> None:
        """Somebody watches it no more."""
        self.source.unsubscribe(con_id)

    def pause(self) -> None:
        """Make no events until `resume`."""
        self.source.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self.source.resume()

    def _relay(self, events: Iterable[Event]) -> None:
        if self._sink is not None:
            self._sink(events)
            return
        for event in events:  # a feed that a test moves: nobody hears it, but it has happened
            self.source.book(event.con_id).apply(event)
