"""Delayed data, frozen data, and what a login without permission gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.vocabulary import Halt

VERSIONS = (151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225)
SECOND = 10**9
AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
EURO = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
OPTION = {
    "symbol": "AAPL",
    "secType": "OPT",
    "exchange": "SMART",
    "currency": "USD",
    "lastTradeDateOrContractMonth": "20260320",
    "strike": 270.0,
    "right": "C",
}


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    apple = feed.book(265598)
    apple.close, apple.open, apple.high, apple.low = 269.0, 269.5, 271.0, 268.0
    feed.send([feed.quote("AAPL", 270.0, 270.1), feed.trade("AAPL", 270.05)])
    feed.send([feed.quote("EUR.USD", 1.1, 1.2)])
    return feed


@asynccontextmanager
async def opened(
    feed: ManualFeed, levels: str | Mapping[str, str], version: int = 225, **settings: Any
) -> AsyncIterator[WireClient]:
    """A client of a gateway with these permissions."""
    gateway = PaperGateway(feed=feed, clock=ManualClock(), market_data=levels, **settings)
    async with gateway, WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        yield client


async def told(client: WireClient) -> list[Call]:
    """What is told until the answer to a question of now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


def brief(calls: list[Call]) -> list[tuple[str, str]]:
    return [(call.name, str(call.args[1])) for call in calls]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_image_of_delayed_data(feed: ManualFeed, version: int) -> None:
    async with opened(feed, "delayed", version) as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL)
        calls = await told(client)
        assert (calls[0].name, calls[0].args) == ("marketDataType", (9, 3))
        assert error_of(calls[1]) == (
            *(9, 10167),
            "Requested market data is not subscribed. Displaying delayed market data.",
        )
        assert calls[2].name == "tickReqParams"
        assert [str(one) for one in calls[2].args[1:]] == ["0.01", "", "0"]
        # IB's decoder makes a second tickSize of each price that has one.
        assert brief(calls[3:]) == [
            *(("tickPrice", "66"), ("tickSize", "69"), ("tickSize", "69")),
            *(("tickPrice", "67"), ("tickSize", "70"), ("tickSize", "70")),
            *(("tickPrice", "68"), ("tickSize", "71"), ("tickSize", "71")),
            ("tickString", "88"),
            *(("tickPrice", "72"), ("tickPrice", "73")),
            ("tickSize", "74"),
            *(("tickPrice", "75"), ("tickPrice", "76")),
        ]


async def test_delayed_data_is_fifteen_minutes_old(feed: ManualFeed) -> None:
    async with opened(feed, "delayed") as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL)
        await told(client)
        feed.send([feed.quote("AAPL", 271.0, 271.1), feed.trade("AAPL", 271.05, 7)])
        feed.time_ns += 899 * SECOND
        feed.send([feed.quote("EUR.USD", 1.11, 1.21)])
        assert await told(client) == []
        feed.time_ns += 2 * SECOND
        feed.send([feed.quote("EUR.USD", 1.12, 1.22)])  # the market's time is everybody's
        calls = await told(client)
        assert ("tickPrice", "66") in brief(calls)
        bid = next(call for call in calls if call.args[1] == 66)
        assert str(bid.args[2]) == "271.0"
        assert not bid.args[3]["canAutoExecute"]
        assert {"66", "67", "68", "69", "70", "71", "72", "74"} <= {
            kind for _, kind in brief(calls)
        }
        assert not {"1", "2", "4", "32", "33"} & {kind for _, kind in brief(calls)}
        # A client that comes now sees the same.
        client.send("reqMktData", reqId=10, contract=AAPL)
        calls = await told(client)
        assert next(str(call.args[2]) for call in calls if call.args[1] == 66) == "271.0"


async def test_the_oldest_that_is_known_is_told_first(feed: ManualFeed) -> None:
    async with opened(feed, "delayed") as client:
        feed.send([feed.quote("AAPL", 271.0, 271.1)])
        feed.send([feed.quote("AAPL", 272.0, 272.1)])
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL)
        calls = await told(client)
        assert next(str(call.args[2]) for call in calls if call.args[1] == 66) == "271.0"


async def test_a_halt_is_told_late_too(feed: ManualFeed) -> None:
    async with opened(feed, "delayed", market_delay=10.0) as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL)
        await told(client)
        feed.send([feed.quote("AAPL", 270.0, 270.1, 7)])
        feed.send([Halt(265598, feed.time_ns, 1)])
        assert await told(client) == []
        feed.time_ns += 10 * SECOND
        feed.send([feed.trade("AAPL", 270.0)])
        assert ("tickGeneric", "90") in brief(await told(client))


async def test_delayed_options(feed: ManualFeed) -> None:
    async with opened(feed, {"OPT": "delayed"}, market_delay=10.0) as client:
        client.send("reqMarketDataType", marketDataType=4)
        client.send("reqMktData", reqId=9, contract=OPTION)
        calls = await told(client)
        assert calls[0].args == (9, 4)
        kinds = [kind for name, kind in brief(calls) if name == "tickOptionComputation"]
        assert kinds == ["80", "81", "82", "83"]
        first = calls[-1].args[5]
        for price in (272.0, 273.0):
            feed.time_ns += 11 * SECOND
            feed.send([feed.quote("AAPL", price, price + 0.1)])
        calls = await told(client)
        model = next(call for call in calls if call.args[1] == 83)
        assert model.args[5] > first
        assert round(float(model.args[-1]), 2) == 272.05


async def test_a_delayed_snapshot_ends_when_it_is_complete(feed: ManualFeed) -> None:
    async with opened(feed, "delayed") as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL, snapshot=True)
        assert (await client.until("tickSnapshotEnd"))[-1].args == (9,)
        client.send("cancelMktData", reqId=9)
        assert error_of((await client.next())[0])[:2] == (9, 300)
        client.send("reqMktData", reqId=10, contract=OPTION, snapshot=True)
        calls = await client.until("tickSnapshotEnd")
        assert ("tickOptionComputation", "83") in brief(calls[:-1])


async def test_a_cancelled_delayed_line_is_silent(feed: ManualFeed) -> None:
    async with opened(feed, "delayed", market_delay=1.0) as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL)
        client.send("reqMktData", reqId=10, contract=AAPL)
        client.send("cancelMktData", reqId=9)
        await told(client)
        for price in (271.0, 272.0, 273.0):
            feed.time_ns += 2 * SECOND
            feed.send([feed.quote("AAPL", price, price + 0.1)])
        assert {call.args[0] for call in await told(client)} == {10}
        client.send("reqMktData", reqId=10, contract=AAPL)
        assert error_of((await client.next())[0])[:2] == (10, 322)
        client.send("cancelMktData", reqId=10)
        await told(client)
        assert feed.watched == []


async def test_generic_ticks_do_not_come_delayed(feed: ManualFeed) -> None:
    async with opened(feed, "delayed") as client:
        client.send("reqMarketDataType", marketDataType=3)
        client.send("reqMktData", reqId=9, contract=AAPL, genericTickList="233,236")
        calls = await told(client)
        assert error_of(calls[-1])[:2] == (9, 2187)
        assert not {"48", "46"} & {kind for _, kind in brief(calls)}


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
async def test_live_data_is_used_whenever_there_is_any(feed: ManualFeed, wanted: int) -> None:
    async with opened(feed, {"": "delayed", "CASH": "live"}) as client:
        client.send("reqMarketDataType", marketDataType=wanted)
        client.send("reqMktData", reqId=9, contract=EURO)
        calls = await told(client)
        assert calls[0].args == (9, 1)
        assert ("tickPrice", "1") in brief(calls)


@pytest.mark.parametrize(
    ("level", "wanted", "code"),
    [("delayed", 1, 10089), ("delayed", 2, 10089), ("none", 1, 354), ("none", 3, 10168)],
)
async def test_without_permission_there_is_an_error_and_nothing_else(
    feed: ManualFeed, level: str, wanted: int, code: int
) -> None:
    async with opened(feed, level) as client:
        client.send("reqMarketDataType", marketDataType=wanted)
        client.send("reqMktData", reqId=9, contract=AAPL)
        (call,) = await told(client)
        assert error_of(call)[:2] == (9, code)
        client.send("cancelMktData", reqId=9)
        assert error_of((await client.next())[0])[:2] == (9, 300)
        assert feed.watched == []


async def test_frozen_data_when_the_market_is_closed(feed: ManualFeed) -> None:
    clock = ManualClock()
    clock.advance(10 * 3600)  # 19:30 in New York: still open; 20:30: closed
    gateway = PaperGateway(feed=feed, clock=clock, keeps_hours=True)
    async with gateway, WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        for hours, wanted, kind in ((0, 2, 1), (1, 2, 2), (0, 4, 2), (0, 1, 1), (0, 3, 1)):
            clock.advance(hours * 3600)
            client.send("reqMarketDataType", marketDataType=wanted)
            client.send("reqMktData", reqId=9, contract=AAPL)
            client.send("cancelMktData", reqId=9)
            calls = await told(client)
            assert calls[0].args == (9, kind), (wanted, kind)
            assert ("tickPrice", "1") in brief(calls)


async def test_a_type_that_is_none_is_refused(feed: ManualFeed) -> None:
    async with opened(feed, "live") as client:
        for wrong in (0, 5, -1):
            client.send("reqMarketDataType", marketDataType=wrong)
            assert error_of((await client.next())[0])[:2] == (-1, 321)


async def test_two_clients_choose_for_themselves(feed: ManualFeed) -> None:
    gateway = PaperGateway(feed=feed, clock=ManualClock(), market_data="delayed")
    async with (
        gateway,
        WireClient(gateway.host, gateway.port) as one,
        WireClient(gateway.host, gateway.port, client_id=2) as two,
    ):
        await one.ready()
        await two.ready()
        one.send("reqMarketDataType", marketDataType=3)
        one.send("reqMktData", reqId=1, contract=AAPL)
        assert (await told(one))[0].args == (1, 3)
        two.send("reqMktData", reqId=1, contract=AAPL)
        assert error_of((await told(two))[0])[:2] == (1, 10089)


def test_wrong_permissions_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="live, delayed or none"):
        PaperGateway(market_data={"STK": "soon"})


@pytest.mark.parametrize(
    ("level", "words"), [("delayed", "is available"), ("none", "is not available")]
)
async def test_an_option_without_its_underlying_has_no_computations(
    feed: ManualFeed, level: str, words: str
) -> None:
    async with opened(feed, {"STK": level}) as client:
        client.send("reqMktData", reqId=9, contract=OPTION)
        calls = await told(client)
        assert error_of(calls[0]) == (
            *(9, 10090),
            (
                "Part of requested market data is not subscribed. Subscription-independent ticks "
                f"are still active.Delayed market data {words}.AAPL NASDAQ/TOP/ALL"
            ),
        )
        kinds = {kind for _, kind in brief(calls[1:])}
        assert {"1", "2", "4"} <= kinds
        feed.time_ns += SECOND
        feed.send([feed.quote("AAPL", 275.0, 275.1)])
        calls += await told(client)
        assert "tickOptionComputation" not in {call.name for call in calls}
        assert ("tickPrice", "1") in brief(calls[-8:])
        client.send("cancelMktData", reqId=9)
        assert await told(client) == []
        assert feed.watched == []
