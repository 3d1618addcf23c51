"""A market that stands until it is told what happens: for tests, and for showing one thing."""

from __future__ import annotations

from collections.abc import Sequence

from twsloop.errors import FeedError

from .feed_base import FeedBase
from .instruments import Catalogue
from .market import Event

__all__ = ["ManualFeed"]


class ManualFeed(FeedBase):
    """Every book exists, empty, until `send` says otherwise (see `control.MarketControl`).

    Args:
        instruments: What can be traded and watched.
    """

    always_open = True

    def __init__(self, instruments: Catalogue) -> None:
        super().__init__(instruments)
        self._waiting: list[Event] = []

    def send(self, events: Sequence[Event]) -> None:
        """Let something happen, on the loop that the feed was started on.

        Raises:
            FeedError: The feed has ended.
        """
        if self.finished.done():
            raise FeedError("the market has ended: nothing can happen in it any more")
        if not self._running() or self.paused:
            self._waiting += events
        else:
            self._sink(events)

    def _begin(self) -> None:
        self._pump()

    def _resumed(self) -> None:
        self._pump()

    def _pump(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._sink(waiting)

    def _end(self) -> None:
        self._waiting.clear()
