"""Tick-by-tick data over a socket, judged by IB's decoder and by the market data line beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.vocabulary import Halt, QuoteChange, Trade
from twsloop.paper.requests.handling import desk
from twsloop.paper.requests.tick_by_tick import TickDesk

VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225]
SHARE = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05, 100), it.trade("AAPL", 270.02, 300)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version)


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


async def opened(client: WireClient, kind: str, **fields: Any) -> list[Any]:
    """What a request with id 5 is answered with at once."""
    client.send("reqTickByTickData", **{"reqId": 5, "contract": SHARE, "tickType": kind, **fields})
    return await heard(client)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "number"), [("Last", 1), ("AllLast", 2)])
async def test_each_trade_is_one_tick(
    gateway: PaperGateway, feed: ManualFeed, version: int, kind: str, number: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        assert await opened(client, kind) == []
        trades = [feed.trade("AAPL", 270.05, 200), feed.trade("AAPL", 270.05, 200)]
        feed.send([*trades, feed.quote("AAPL", 270.0, 270.1), feed.trade("AAPL", 270.1, 7)])
        calls = await heard(client)
        assert {call.name for call in calls} == {"tickByTickAllLast"}
        assert [call.args[:2] for call in calls] == [(5, number)] * 3
        assert [(float(call.args[3]), int(call.args[4])) for call in calls] == [
            (270.05, 200),
            (270.05, 200),
            (270.1, 7),
        ]
        assert {call.args[2] for call in calls} == {trades[0].time_ns // 10**9}
        assert {call.args[6] for call in calls} == {"NASDAQ"}
        assert [call.args[5]["unreported"] for call in calls] == [False, False, True]
        assert [call.args[7] for call in calls] == ["", "", "I"]
        client.send("cancelTickByTickData", reqId=5)
        assert await heard(client) == []
        feed.send([feed.trade("AAPL", 270.05, 200)])
        assert await heard(client) == []
        assert feed.watched == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_quote_is_one_tick(
    gateway: PaperGateway, feed: ManualFeed, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await opened(client, "BidAsk")
        client.send(
            "reqTickByTickData", reqId=6, contract=SHARE, tickType="BidAsk", ignoreSize=True
        )
        client.send("reqTickByTickData", reqId=7, contract=SHARE, tickType="MidPoint")
        assert await heard(client) == []
        quotes = [
            feed.quote("AAPL", 270.00, 270.05, 200),  # sizes alone
            feed.quote("AAPL", 269.99, 270.06, 200),  # prices, the same middle
            feed.quote("AAPL", 269.99, 270.07, 200),  # and another middle
            feed.quote("AAPL", 269.99, 270.07, 200),  # nothing
            feed.quote("AAPL", None, 270.07, 200),
        ]
        feed.send([*quotes, feed.trade("AAPL", 270.07), Halt(quotes[0].con_id, feed.time_ns, 1)])
        calls = await heard(client)
        told: dict[int, list[Any]] = {5: [], 6: [], 7: []}
        for call in calls:
            told[int(call.args[0])].append(call)
        for req_id, expected in ((5, [0, 1, 2, 4]), (6, [1, 2, 4])):
            assert [
                (float(call.args[2]), float(call.args[3]), int(call.args[4]), int(call.args[5]))
                for call in told[req_id]
            ] == [
                (quotes[at].bid or -1.0, quotes[at].ask, 200 if quotes[at].bid else 0, 200)
                for at in expected
            ]
            assert {call.name for call in told[req_id]} == {"tickByTickBidAsk"}
        first, second = told[5][:2]
        assert (first.args[6]["bidPastLow"], first.args[6]["askPastHigh"]) == (True, True)
        assert second.args[6] == {"bidPastLow": True, "askPastHigh": True}
        (middle,) = told[7]
        assert (middle.name, float(middle.args[2])) == ("tickByTickMidPoint", 270.03)


async def test_past_low_and_high_are_of_the_session(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    feed.send([feed.trade("AAPL", 269.0), feed.trade("AAPL", 271.0)])
    async with connect(gateway) as client:
        await client.ready()
        await opened(client, "BidAsk")
        feed.send([feed.quote("AAPL", 270.0, 270.1), feed.quote("AAPL", 268.0, 270.1)])
        assert [call.args[6] for call in await heard(client)] == [
            {"bidPastLow": False, "askPastHigh": False},
            {"bidPastLow": True, "askPastHigh": False},
        ]


async def test_a_line_and_a_stream_tell_the_same_trades(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await opened(client, "Last")
        client.send("reqMktData", reqId=9, contract=SHARE)
        await heard(client)
        sizes = [100, 300, 300, 50, 200]
        for at, size in enumerate(sizes):
            feed.send([feed.trade("AAPL", 270.0 + at / 100, size)])
        calls = await heard(client)
        ticks = [(c.args[3], c.args[4]) for c in calls if c.name == "tickByTickAllLast"]
        prices = [c.args[2] for c in calls if c.name == "tickPrice" and c.args[1] == 4]
        volume = [c.args[2] for c in calls if c.name == "tickSize" and c.args[1] == 8][-1]
        assert [price for price, _ in ticks] == prices
        assert sum(size for _, size in ticks) + 300 == volume


@pytest.mark.parametrize("version", [157, 200, 225])
async def test_refusals(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()

        async def refusal(kind: str, **fields: Any) -> tuple[int, str]:
            (call,) = await opened(client, kind, **fields)
            ident, code, text = error_of(call)
            assert ident == 5
            return code, text

        for wrong in ("last", "", "ALLLAST", "Bid_Ask"):
            assert await refusal(wrong) == (
                321,
                (
                    "Error validating request.-'bT' : cause - "
                    "Tick-by-tick data type is incorrect/not set."
                ),
            )
        for kind in ("Last", "AllLast"):
            code, text = await refusal(kind, contract=PAIR)
            assert code == 10189
            assert text.startswith("Failed to request tick-by-tick data.")
        assert (await refusal("Last", contract={**SHARE, "secType": "BAG"}))[0] == 10189
        assert (await refusal("Last", contract={**SHARE, "symbol": "NONE"}))[0] == 200
        assert (await refusal("Last", numberOfTicks=-1))[0] == 321
        assert (await refusal("Last", numberOfTicks=1001))[0] == 321
        assert await opened(client, "MidPoint", contract=PAIR) == []
        assert (await refusal("MidPoint"))[0] == 322
        client.send("cancelTickByTickData", reqId=8)
        (call,) = await heard(client)
        assert error_of(call) == (8, 300, "Can't find EId with tickerId:8")


async def test_five_streams_at_a_time(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for req_id in range(10, 15):
            assert await opened(client, "Last", reqId=req_id) == []
        (call,) = await opened(client, "Last", reqId=15)
        text = "Max number of tick-by-tick requests has been reached."
        assert error_of(call) == (15, 10190, text)
        client.send("cancelTickByTickData", reqId=12)
        assert await opened(client, "Last", reqId=15) == []
        desk(gateway.hub, TickDesk).most = 6
        assert await opened(client, "Last", reqId=16) == []


@pytest.mark.parametrize("version", [157, 200, 225])
async def test_ticks_before_now_come_first(version: int) -> None:
    async with (
        PaperGateway(seed=5, clock=ManualClock()) as gateway,
        connect(gateway, version) as client,
    ):
        await client.ready()
        for req_id, (kind, name) in enumerate(
            (
                ("Last", "historicalTicksLast"),
                ("BidAsk", "historicalTicksBidAsk"),
                ("MidPoint", "historicalTicks"),
            )
        ):
            (call,) = await opened(client, kind, reqId=req_id, numberOfTicks=7)
            assert (call.name, call.args[0], call.args[2]) == (name, req_id, True)
            assert len(call.args[1]) >= 7
            times = [row["time"] for row in call.args[1]]
            assert times == sorted(times)
            assert times[-1] <= gateway.hub.now().timestamp()
        assert await opened(client, "AllLast", reqId=9) == []


async def test_a_future_names_its_own_venue(gateway: PaperGateway, feed: ManualFeed) -> None:
    future = next(one for one in feed.instruments.all() if one.sec_type == "FUT")
    contract = {"conId": future.con_id, "exchange": future.exchange}
    async with connect(gateway) as client:
        await client.ready()
        assert await opened(client, "Last", contract=contract) == []
        feed.send(
            [
                QuoteChange(future.con_id, feed.time_ns, 1.0, Decimal(1), 2.0, Decimal(1)),
                Trade(future.con_id, feed.time_ns, 2.0, Decimal(1)),
            ]
        )
        (call,) = await heard(client)
        assert (call.args[6], call.args[5]["unreported"]) == (future.exchange, False)
