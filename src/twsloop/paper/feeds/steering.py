"""A hand on any market: hold instruments still, and let things happen to them.

`SteeredFeed` stands between a feed and everything that listens to it. What a test lets happen
(`SteeredFeed.inject`) goes the same way as the feed's own events, so options and indices follow,
orders are worked and bars are built as ever. What the feed itself says of a held instrument is
left out: a price that was set stays until the next one is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twsloop.clock import Clock
from twsloop.paper.market.vocabulary import Event, Feed, Sink

from .wrapped import WrappedFeed

__all__ = ["SteeredFeed"]


class SteeredFeed(WrappedFeed):
    """A feed that a test has its hand on.

    Args:
        source: The feed.

    Attributes:
        source: The feed.
        held: The instruments that stand still but for what is injected.
        frozen: All of them do.
    """

    def __init__(self, source: Feed) -> None:
        super().__init__(source)
        self.held: set[int] = set()
        self.frozen = False

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``."""
        self._sink = sink
        self.source.start(self._relay, clock)

    def stop(self) -> None:
        """Call the sink no more, and let go of files. Idempotent."""
        self.source.stop()

    def inject(self, events: Iterable[Event]) -> None:
        """Let something happen now, on the loop that the feed was started on."""
        self._sink(events)

    def _relay(self, events: Iterable[Event]) -> None:
        # A lazy batch moves the clock while it is made: it is gone through in any case.
        self._sink(self._let_through(events) if self.held or self.frozen else events)

    def _let_through(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if not self.frozen and event.con_id not in self.held:
                yield event
