"""A paper gateway whose market a test moves by hand, and a client of ours connected to it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.manual_feed import ManualFeed
from twsloop.config import Config
from twsloop.gateway import IBGateway
from twsloop.paper.server import PaperGateway

__all__ = ["Desk", "Heard", "open_desk", "settle"]

#: How long a test waits for what has to come.
PATIENCE = 10.0
#: So many turns of the loop a request may take until it leaves, from where it was handed in.
TURNS = 8


class Heard:
    """Collects what a callback is called with, and lets a test wait for it."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.all: list[Any] = []

    def __call__(self, *args: Any) -> None:
        self._queue.put(args[0] if len(args) == 1 else args)

    def next(self, timeout: float = PATIENCE) -> Any:
        """The next one; fails if none comes."""
        item = self._queue.get(timeout=timeout)
        self.all.append(item)
        return item

    def until(self, wanted: Any) -> Any:
        """The next one of which ``wanted(item)`` is true."""
        while True:
            item = self.next()
            if wanted(item):
                return item

    def rest(self) -> list[Any]:
        """What has come and was not taken yet."""
        items = []
        while not self._queue.empty():
            items.append(self._queue.get_nowait())
        self.all.extend(items)
        return items


def settle(gateway: IBGateway) -> None:
    """Return when what a client had asked before has left, and all that was said was handled.

    By a question of its own: `IBGateway.positions` joins one that is under way, which a session
    asks when it begins, and whose answer may have been written before.
    """
    core = gateway._tws

    async def ask() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await core.ask(lambda _id: core.reqPositions(), request="settling", key="positions")

    core.event_loop.submit(ask).result(PATIENCE)


class Desk:
    """The market, the paper gateway, and our client."""

    def __init__(self, feed: ManualFeed, paper: PaperGateway, gateway: IBGateway) -> None:
        self.feed = feed
        self.paper = paper
        self.gateway = gateway

    def quote(self, symbol: str, bid: float | None, ask: float | None, size: int = 100) -> None:
        """The market has a new quote."""
        self.paper.call(self.feed.send, [self.feed.quote(symbol, bid, ask, size)])

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """The market has a trade."""
        self.paper.call(self.feed.send, [self.feed.trade(symbol, price, size)])

    def settle(self) -> None:
        """Return when the gateway has done what it was asked before, and its word was handled."""
        settle(self.gateway)

    def on_loop(self, work: Any, *args: Any) -> Any:
        """Run something on our client's loop thread."""
        return self.gateway.event_loop.call(work, *args)


@contextmanager
def open_paper(**options: Any) -> Iterator[tuple[ManualFeed, PaperGateway]]:
    """A paper gateway with AAPL and MSFT quoted."""
    feed = ManualFeed()
    for symbol, price in (("AAPL", 189.5), ("MSFT", 420.0)):
        feed.send([feed.quote(symbol, price - 0.01, price + 0.01), feed.trade(symbol, price)])
        # With bid, ask, last, open and close a snapshot is complete at once.
        feed.book(feed.instrument(symbol).con_id).close = price - 1
    with PaperGateway(feed=feed, **options) as paper:
        yield feed, paper


def config_for(paper: PaperGateway, **overrides: Any) -> Config:
    """Settings that lead to a paper gateway; keys with a dot written as ``section__key``."""
    values = {name.replace("__", "."): value for name, value in overrides.items()}
    usual = {"connection.port": paper.port, "pacing.enabled": False, "history.store": False}
    return Config.load(environ={}, overrides={**usual, **values})


@contextmanager
def open_desk(
    *, version: int = 225, kind: type[IBGateway] = IBGateway, loop_factory: Any = None, **more: Any
) -> Iterator[Desk]:
    """All of it, connected and READY."""
    with open_paper(max_version=version) as (feed, paper):
        gateway = kind(config_for(paper, **more), loop_factory=loop_factory)
        with gateway:
            yield Desk(feed, paper, gateway)
