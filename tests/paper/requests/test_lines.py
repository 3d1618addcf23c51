"""Market data lines: images, snapshots, types, and what happens when they are abused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.0, 270.1), feed.trade("AAPL", 270.05)])
    return feed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def gateway(feed: ManualFeed, clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=clock) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def test_a_snapshot_tells_each_kind_once(
    gateway: PaperGateway, feed: ManualFeed, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=4, contract=AAPL, snapshot=True)
        await client.until(lambda call: call.name == "tickString" and call.args[1] == 33)
        feed.send([feed.quote("AAPL", 271.0, 271.1), feed.trade("AAPL", 271.0, 7)])
        clock.advance(11.0)
        calls = await client.until("tickSnapshotEnd")
        assert [call.name for call in calls] == ["tickSnapshotEnd"]
