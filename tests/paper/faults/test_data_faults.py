"""Data is refused and taken away, while link and server are healthy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.faults import BARS, codes, errors, heard, prices
from tests.support.official import Call
from tests.support.paper_server import AAPL, connect
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

VERSIONS = [200, 225]
MSFT = {**AAPL, "symbol": "MSFT"}


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed="manual", clock=clock) as it:
        it.market.set_price("AAPL", bid=270.0, ask=270.1, last=270.05)
        it.market.quote("MSFT", 400.0, 400.1)
        yield it


def ids(calls: list[Call]) -> list[tuple[int, int]]:
    return [(ident, code) for ident, code, _ in errors(calls)]


async def watch(client: WireClient) -> None:
    """A line, depth, ticks, real-time bars, and bars that are kept up to date: ids 1 to 5."""
    client.send("reqMktData", reqId=1, contract=AAPL)
    client.send("reqMktDepth", reqId=2, contract=AAPL, numRows=3, isSmartDepth=True)
    client.send("reqTickByTickData", reqId=3, contract=AAPL, tickType="BidAsk")
    client.send("reqRealTimeBars", reqId=4, contract=AAPL, whatToShow="BID")
    client.send("reqHistoricalData", reqId=5, keepUpToDate=True, **BARS)
    await client.until("historicalDataEnd")
    await heard(client)


@pytest.mark.parametrize("version", VERSIONS)
async def test_another_session_has_the_data_and_gives_it_back(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client, connect(gateway, version, 2) as other:
        await client.ready()
        await other.ready()
        await watch(client)
        other.send("reqMktData", reqId=1, contract=AAPL)
        await heard(other)
        competing = gateway.faults.competing_session(1)
        assert ids(await heard(client)) == [(1, 10197), (2, 10197), (3, 10197), (4, 10197)]
        gateway.market.quote("AAPL", 271.0, 271.1)
        assert prices(await heard(client), 1) == []
        assert (1, 271.0) in prices(await heard(other), 1)
        client.send("reqMktData", reqId=7, contract=MSFT)
        client.send("reqHistoricalData", reqId=8, **BARS)
        told = errors(await heard(client))
        assert [(ident, code) for ident, code, _ in told] == [(7, 10197), (8, 162)]
        assert "different IP address" in told[1][2]
        competing.end()
        told_again = await heard(client)
        assert {(1, 271.0), (2, 271.1)} <= set(prices(told_again, 1))
        assert codes(told_again) == [317]
        client.send("reqMktData", reqId=7, contract=MSFT)
        assert (1, 400.0) in prices(await heard(client), 7)


async def test_the_data_may_stay_away_when_the_other_session_ends(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        await heard(client)
        gateway.faults.competing_session(resume=False).end()
        gateway.market.quote("AAPL", 271.0, 271.1)
        told = await heard(client)
        assert (codes(told), prices(told, 1)) == ([10197], [])
        client.send("cancelMktData", reqId=1)
        client.send("reqMktData", reqId=1, contract=AAPL)
        assert (1, 271.0) in prices(await heard(client), 1)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_permission_goes_and_comes(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqMktData", reqId=2, contract=MSFT)
        await heard(client)
        refused = gateway.faults.data_refused(symbol="AAPL")
        assert ids(await heard(client)) == [(1, 354)]
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqMktData", reqId=3, contract=MSFT)
        told = await heard(client)
        assert (ids(told), (1, 400.0) in prices(told, 3)) == ([(1, 354)], True)
        refused.end()
        client.send("reqMktData", reqId=1, contract=AAPL)
        assert (1, 270.0) in prices(await heard(client), 1)


async def test_depth_is_reset_and_halted(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await watch(client)
        gateway.faults.depth_reset(symbol="AAPL")
        told = await heard(client)
        assert ids(told) == [(2, 317)]
        assert all(call.args[3] == 0 for call in told[1:])  # every row is inserted
        gateway.faults.depth_halted(symbol="MSFT")
        assert await heard(client) == []
        gateway.faults.depth_halted()
        assert ids(await heard(client)) == [(2, 316)]
        gateway.market.quote("AAPL", 271.0, 271.1)
        assert not any(one.name.startswith("updateMktDepth") for one in await heard(client))
        client.send("reqMktDepth", reqId=2, contract=AAPL, numRows=3, isSmartDepth=True)
        assert codes(await heard(client)) == [2152]


@pytest.mark.parametrize("version", VERSIONS)
async def test_bars_die_of_a_bust_and_of_a_lost_link(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await watch(client)
        gateway.faults.bust_event(symbol="AAPL")
        assert ids(await heard(client)) == [(4, 10225), (5, 10225)]
        clock.advance(11)
        names = {one.name for one in await heard(client)}
        assert not names & {"realtimeBar", "historicalDataUpdate"}
        client.send("reqHistoricalData", reqId=5, keepUpToDate=True, **BARS)
        await client.until("historicalDataEnd")
        gateway.faults.live_bars_fail()
        told = errors(await heard(client))
        assert told == [(5, 10182, "Failed to request live updates (disconnected).")]


async def test_history_that_was_forgotten_is_unknown_when_it_is_cancelled(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqHistoricalData", reqId=5, keepUpToDate=True, **BARS)
        await client.until("historicalDataEnd")
        gateway.faults.history_forgotten()
        assert await heard(client) == []
        client.send("cancelHistoricalData", reqId=5)
        assert ids(await heard(client)) == [(5, 366)]


async def test_history_is_refused_for_its_pace(gateway: PaperGateway, clock: ManualClock) -> None:
    async with connect(gateway) as client:
        await client.ready()
        refused = gateway.faults.history_refused(requests=2)
        for req_id in (5, 6, 7):
            client.send("reqHistoricalData", reqId=req_id, **BARS)
        told = await heard(client)
        assert ids(told) == [(5, 162), (6, 162)]
        assert errors(told)[0][2].endswith("pacing violation")
        assert "historicalDataEnd" in {one.name for one in told}
        clock.advance(0)
        assert not refused.on


async def test_faults_overlap_and_end_in_any_order(gateway: PaperGateway) -> None:
    """A subscription goes on when the last reason for its silence is gone, and is told once."""
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        await heard(client)
        farm = gateway.faults.farm_down("usfarm")
        lost = gateway.faults.server_lost()
        competing = gateway.faults.competing_session()
        farm.end()
        competing.end()
        gateway.market.quote("AAPL", 271.0, 271.1)
        assert prices(await heard(client), 1) == []
        lost.end()
        told = prices(await heard(client), 1)
        assert told.count((1, 271.0)) == 1
        hub = gateway.hub
        assert (len(hub.watchers.lines), hub.clients[1].muted) == (1, set())
        assert not [*hub.gates.reports, *hub.gates.messages, *hub.gates.greeters]
