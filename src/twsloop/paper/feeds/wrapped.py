"""A feed around another one: it is asked what the other one has, and says itself what it tells."""

from __future__ import annotations

import abc
import concurrent.futures
from collections.abc import Iterable
from typing import Any

from twsloop.clock import Clock
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.vocabulary import Event, Feed, Sink, TopOfBook

__all__ = ["WrappedFeed"]


class WrappedFeed(abc.ABC):
    """Stands between a feed and its gateway; a subclass starts and stops it, and hears its events.

    Args:
        source: The feed, which was not started.

    Attributes:
        source: The feed.
    """

    def __init__(self, source: Feed) -> None:
        self.source = source
        self.instruments: Catalogue = source.instruments
        self.always_open: bool = source.always_open
        self.finished: concurrent.futures.Future[None] = source.finished

    def __getattr__(self, name: str) -> Any:
        """What else the feed has, such as its seed."""
        return getattr(self.source, name)

    @abc.abstractmethod
    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Call the sink no more."""

    @abc.abstractmethod
    def _relay(self, events: Iterable[Event]) -> None:
        """The feed has events."""

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument, which the sink advances.

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
