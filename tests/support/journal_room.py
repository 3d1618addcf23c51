"""A paper gateway that stays, and a journal; processes come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvloop

from tests.support.desk import Heard, config_for, open_paper
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.paper import PaperGateway

__all__ = ["Room", "resting", "room"]


@attrs.frozen
class Room:
    """Where processes come and go.

    Attributes:
        feed: The market.
        paper: The gateway.
        file: The journal.
        loop_factory: The event loop of each process.
    """

    feed: Any
    paper: PaperGateway
    file: Path
    loop_factory: Any

    def process(self, kind: type[IBGateway] = IBGateway, **more: Any) -> IBGateway:
        """The next one."""
        settings = {"journal__enabled": True, "journal__file": self.file, **more}
        return kind(config_for(self.paper, **settings), loop_factory=self.loop_factory)

    def quote(self, symbol: str, bid: float, ask: float, size: int = 100) -> None:
        """The market has a new quote."""
        self.paper.call(self.feed.send, [self.feed.quote(symbol, bid, ask, size)])


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """Both protocols, both loops."""
    version, loop_factory = request.param
    with open_paper(max_version=version) as (feed, paper):
        yield Room(feed, paper, tmp_path / "journal.db", loop_factory)


def resting(gateway: IBGateway, price: str = "100", symbol: str = "AAPL") -> Trade:
    """An order that works."""
    heard = Heard()
    trade = gateway.place_order(symbol, limit_order("BUY", 10, price), on_update=heard)
    if trade.status is not OrderStatus.SUBMITTED:
        heard.until(lambda shown: shown.status is OrderStatus.SUBMITTED)
    return trade
