"""A paper gateway whose market and time a test moves by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.manual_feed import ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05, 100), it.trade("AAPL", 270.02, 300)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed, clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=clock) as it:
        yield it
