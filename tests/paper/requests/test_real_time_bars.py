"""Real-time bars, and that a trade is the same trade on every channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.feeds.synthetic import SyntheticFeed

START = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
SECOND = int(START.timestamp())
STOCK = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 214, 225]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(clock=clock, seed=3) as it:
        yield it


def subscribe(client: WireClient, **fields: Any) -> None:
    usual = {"reqId": 5, "contract": STOCK, "barSize": 5, "whatToShow": "TRADES", "useRTH": False}
    client.send("reqRealTimeBars", **{**usual, **fields})


async def barrier(client: WireClient) -> list[Call]:
    """All that was told so far."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_bars_at_every_version(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        subscribe(client)
        subscribe(client, reqId=6, contract=PAIR, whatToShow="MIDPOINT", useRTH=True)
        assert await barrier(client) == []
        clock.advance(14)
        calls = await barrier(client)
        stock = [call.args for call in calls if call.args[0] == 5]
        pair = [call.args for call in calls if call.args[0] == 6]
        times = [SECOND - 2, SECOND + 3, SECOND + 8]
        assert [bar[1] for bar in stock] == times
        assert [bar[1] for bar in pair] == times
        for bar in stock:
            _, _, first, high, low, last, volume, average, count = bar
            assert low <= min(first, last) <= max(first, last) <= high
            assert volume >= count >= 0
            assert low <= average <= high
        assert {bar[6:] for bar in pair} == {(-1, -1, -1)}
        client.send("cancelRealTimeBars", reqId=5)
        await barrier(client)
        clock.advance(5)
        assert {call.args[0] for call in await barrier(client)} == {6}


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        (
            {"whatToShow": "BID_ASK"},
            321,
            "Error validating request.-'bQ' : cause - What to show field is missing or incorrect.",
        ),
        (
            {"whatToShow": "trades"},
            321,
            "Error validating request.-'bQ' : cause - What to show field is missing or incorrect.",
        ),
        (
            {"contract": PAIR},
            420,
            "Invalid Real-time Query:No historical market data for EUR/CASH@FXSUBPIP Last 5",
        ),
        (
            {"contract": {**STOCK, "symbol": "NOSUCH"}},
            200,
            "No security definition has been found for the request",
        ),
    ],
)
async def test_bars_that_are_refused(
    gateway: PaperGateway, fields: dict[str, Any], code: int, text: str
) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        subscribe(client, **fields)
        assert error_of((await client.next())[0]) == (5, code, text)


async def test_an_id_is_used_once(gateway: PaperGateway, clock: ManualClock) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        subscribe(client)
        subscribe(client, whatToShow="BID")
        assert error_of((await client.next())[0])[:2] == (5, 322)
        clock.advance(4)
        (bar,) = await barrier(client)
        assert bar.args[6] >= 0  # the trades go on


async def test_bars_are_those_of_the_events_and_quiet_ones_are_flat(clock: ManualClock) -> None:
    feed = ManualFeed()
    feed.time_ns = SECOND * 10**9
    async with (
        PaperGateway(feed=feed, clock=clock) as gateway,
        WireClient(gateway.host, gateway.port) as client,
    ):
        await client.ready()
        subscribe(client)
        assert await barrier(client) == []
        feed.send([feed.trade("AAPL", 100.0, 300), feed.trade("AAPL", 101.0, 100)])
        feed.time_ns += 2 * 10**9
        feed.send([feed.trade("AAPL", 99.5, 50)])
        clock.advance(2.9)
        assert await barrier(client) == []
        clock.advance(0.4)
        (bar,) = await barrier(client)
        assert bar.args == (
            5,
            SECOND - 2,
            100,
            101,
            Decimal("99.5"),
            Decimal("99.5"),
            450,
            Decimal("100.166667"),
            3,
        )
        clock.advance(5)
        (quiet,) = await barrier(client)
        assert quiet.args[1:6] == (SECOND + 3, *[Decimal("99.5")] * 4)
        assert quiet.args[6:] == (0, Decimal("99.5"), 0)
        # An event of a later time ends a bar before the timer does.
        feed.time_ns = (SECOND + 14) * 10**9
        clock.advance(4.7)
        feed.send([feed.trade("AAPL", 102.0, 100)])
        (bar,) = await barrier(client)
        assert bar.args[1] == SECOND + 8
        assert bar.args[6] == 0


async def test_a_client_that_leaves_takes_its_bars_with_it(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with WireClient(gateway.host, gateway.port, client_id=2) as other:
        await other.ready()
        async with WireClient(gateway.host, gateway.port) as client:
            await client.ready()
            subscribe(client)
            await barrier(client)
            con_id = 265598
            assert isinstance(gateway.feed, SyntheticFeed)
            assert gateway.feed.subscribers[con_id] == 1
        while gateway.clients != (2,):
            await barrier(other)
        assert con_id not in gateway.feed.subscribers
        clock.advance(10)
        assert await barrier(other) == []


async def test_a_trade_is_the_same_trade_on_every_channel(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        live = {
            "contract": STOCK,
            "duration": "60 S",
            "whatToShow": "TRADES",
            "useRTH": False,
            "formatDate": 2,
        }
        client.send("reqMktData", reqId=1, contract=STOCK)
        subscribe(client, reqId=2)
        client.send("reqHistoricalData", reqId=3, barSizeSetting="1 min", keepUpToDate=True, **live)
        heard = await barrier(client)
        for _ in range(50):
            clock.advance(2.5)
            heard += await barrier(client)
        # The market data line: every change of the volume is a trade.
        volumes = [call.args[2] for call in heard if call.name == "tickSize" and call.args[1] == 8]
        lasts = [call.args[2] for call in heard if call.name == "tickPrice" and call.args[1] == 4]
        # Ticks of the same time.
        client.send(
            "reqHistoricalTicks",
            reqId=4,
            contract=STOCK,
            startDateTime=f"{START:%Y%m%d-%H:%M:%S}",
            numberOfTicks=1000,
            whatToShow="TRADES",
            useRTH=False,
        )
        ticks = (await client.until("historicalTicksLast"))[-1].args[1]
        assert len(ticks) == len(volumes)  # the opening trade came before the line
        assert sum(one["size"] for one in ticks[1:]) == volumes[-1] - volumes[0]
        traded = [one["price"] for one in ticks]
        assert lasts == [
            price for place, price in enumerate(traded) if not place or price != traded[place - 1]
        ]
        # Real-time bars: each is what the ticks of its five seconds make.
        fives = [call.args[1:] for call in heard if call.name == "realtimeBar"]
        assert len(fives) == 25
        for time, first, high, low, last, volume, average, count in fives[1:]:
            inside = [one for one in ticks if time <= one["time"] < time + 5]
            prices = [one["price"] for one in inside] or [last]
            assert (first, high, low, last) == (prices[0], max(prices), min(prices), prices[-1])
            assert volume == sum(one["size"] for one in inside)
            assert count == len(inside)
            if inside:
                turnover = sum(one["size"] * one["price"] for one in inside)
                assert average == pytest.approx(turnover / volume, abs=Decimal("0.000001"))
        # Bars kept up to date: the last state of each minute is what the real-time bars make.
        updates = {
            int(call.args[1]["date"]): call.args[1]
            for call in heard
            if call.name == "historicalDataUpdate"
        }
        assert len(updates) == 3
        minute = sorted(updates)[1]
        parts = [bar for bar in fives if minute <= bar[0] < minute + 60]
        assert len(parts) == 12
        assert updates[minute]["volume"] == sum(bar[5] for bar in parts)
        assert updates[minute]["high"] == max(bar[2] for bar in parts)
        assert updates[minute]["low"] == min(bar[3] for bar in parts)
        assert updates[minute]["close"] == parts[-1][4]
        assert updates[minute]["barCount"] == sum(bar[7] for bar in parts)
        # Bars asked for afterwards are the bars that were told live.
        client.send(
            "reqHistoricalData", reqId=5, barSizeSetting="1 min", **{**live, "duration": "180 S"}
        )
        calls = await client.until("historicalDataEnd")
        bars = {
            int(call.args[1]["date"]): call.args[1]
            for call in calls
            if call.name == "historicalData"
        }
        assert bars[minute] == updates[minute]
        client.send(
            "reqHistoricalData", reqId=6, barSizeSetting="5 secs", **{**live, "duration": "180 S"}
        )
        calls = await client.until("historicalDataEnd")
        small = {
            int(call.args[1]["date"]): call.args[1]
            for call in calls
            if call.name == "historicalData"
        }
        for bar in fives[1:]:
            own = small[int(bar[0])]
            assert (own["open"], own["high"], own["low"], own["close"], own["volume"]) == bar[1:6]
            assert (own["wap"], own["barCount"]) == bar[6:]
