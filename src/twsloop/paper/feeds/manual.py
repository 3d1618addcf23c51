"""A market that stands until it is told what happens: for tests, and for showing one thing."""

from __future__ import annotations

from .feed_base import FeedBase

__all__ = ["ManualFeed"]


class ManualFeed(FeedBase):
    """Makes no event of its own: every book exists, empty (`control.MarketControl` moves it).

    Args:
        instruments: What can be traded and watched.
    """

    always_open = True

    def _begin(self) -> None:
        """Nothing happens by itself."""

    def _resumed(self) -> None:
        """Nothing was left waiting."""

    def _pump(self) -> None:
        """Nothing is ever due."""

    def _end(self) -> None:
        """There is nothing to let go of."""
