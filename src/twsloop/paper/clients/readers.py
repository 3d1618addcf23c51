"""Clients that do not read: who waits for them, and for how long."""

from __future__ import annotations

import logging

from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.market.vocabulary import Feed

from .client import Client

__all__ = ["Readers"]

logger = logging.getLogger(__name__)


class Readers:
    """The clients whose transports are full, on the gateway's loop.

    Args:
        feed: Pauses while it waits.
        market: Pauses in its place, where the market has a clock of its own.
        waits: Whether the market waits while a client's transport is full; else its ticks conflate.
    """

    def __init__(self, feed: Feed, market: MarketClock | None, *, waits: bool) -> None:
        self._feed = feed
        self._market = market
        self._waits = waits
        self._stalled: set[Client] = set()

    def stall(self, client: Client) -> None:
        """A client's transport is full."""
        client.pause(conflate=not self._waits)
        self._stalled.add(client)
        if self._waits:
            if self._market is not None:
                self._market.hold("readers")
            else:
                self._feed.pause()

    def give_up(self, client: Client) -> None:
        """A stalled client reads nothing: the others do not wait for it any longer."""
        if client.stalled and not client.conflating:
            logger.warning("%s does not read: its ticks conflate from now on", client)
            client.pause(conflate=True)
            self._go_on()

    def resume(self, client: Client) -> None:
        """A client's transport has room again, or it left."""
        self._stalled.discard(client)
        client.resume()
        self._go_on()

    def _go_on(self) -> None:
        if self._waits and all(client.conflating for client in self._stalled):
            if self._market is not None:
                self._market.release("readers")
            else:
                self._feed.resume()
