"""Generic ticks on the wire, from honest state."""

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
from twsloop.paper.market.statistics import Statistics, dividends, mark
from twsloop.paper.market.vocabulary import TopOfBook, Trade

VERSIONS = (151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225)
SECOND = 10**9
AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
SPY = {**AAPL, "symbol": "SPY"}
#: What 10.40 lists for a stock.
ALL = (
    "100,101,104,105,106,165,220,221,225,232,233,236,258,292,293,294,295,318,375,411,456,460,"
    "576,577,578,586,587,588,595,614,619,623"
)


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    for symbol, price in (("AAPL", 270.0), ("SPY", 662.0)):
        con_id = feed.instrument(symbol).con_id
        book = feed.book(con_id)
        book.close, book.open, book.high, book.low = price, price, price + 1, price - 1
        book.volume = Decimal(1_000_000)
        feed.send([feed.quote(symbol, price, price + 0.1), feed.trade(symbol, price + 0.05)])
    return feed


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version)


async def told(client: WireClient) -> dict[int, Any]:
    """What is told until the answer to a question of now: the last value of each tick type."""
    client.send("reqCurrentTime")
    calls = await client.until("currentTime")
    return latest(calls)


def latest(calls: list[Call]) -> dict[int, Any]:
    return {int(call.args[1]): call.args[2] for call in calls if call.name.startswith("tick")}


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_that_a_stock_has(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=SPY, genericTickList=ALL)
        ticks = await told(client)
        expected = {
            *(23, 24, 27, 28, 29, 30, 37, 46, 48, 54, 55, 56, 57, 58, 59, 77, 78, 79, 87, 89),
            *(63, 64, 65, 92, 93, 94, 95, 96, 97, 98, 99),
        }
        assert expected <= set(ticks)
        assert {1, 2, 4} <= set(ticks)
        assert 21 in ticks
        assert ticks[46] == 3
        assert ticks[37] == Decimal("662.05")
        price, size, millis, _, average, single = ticks[48].split(";")
        assert (price, size, single) == ("662.05", "100", "true")
        assert int(millis) > 1_700_000_000_000
        assert 661 < float(average) < 663


async def test_odd_lots_are_for_who_knows_them(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="787")
        ticks = await told(client)
        assert {105, 106, 107, 108, 109, 110} <= set(ticks)
        assert ticks[1] < ticks[105] < ticks[106] < ticks[2]
        assert 0 < ticks[107] < 100


async def test_wrong_lists_are_refused(gateway: PaperGateway) -> None:
    async with connect(gateway, 224) as client:
        await client.ready()
        for number, text in enumerate(("999", "787", "162", "mdoff", "233,x")):
            client.send("reqMktData", reqId=number, contract=AAPL, genericTickList=text)
            (call,) = await client.next()
            ident, code, words = error_of(call)
            assert (ident, code) == (number, 321)
            assert words.startswith(
                f"Error validating request.-'bQ' : cause - Incorrect generic tick list of {text}.  "
                "Legal ones for (STK) are: 100(Option Volume),101(Option Open Interest),"
            )


async def test_a_snapshot_takes_no_generic_ticks_but_ignores_a_wrong_list(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="233", snapshot=True)
        (call,) = await client.next()
        assert error_of(call)[:2] == (1, 321)
        client.send("reqMktData", reqId=2, contract=AAPL, genericTickList="999", snapshot=True)
        assert (await client.until("tickSnapshotEnd"))[-1].args == (2,)


async def test_mdoff_leaves_the_default_ticks_out(gateway: PaperGateway, feed: ManualFeed) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="mdoff,233,293")
        ticks = await told(client)
        assert set(ticks) == {48, 54}
        feed.send([feed.quote("AAPL", 270.0, 270.2), feed.trade("AAPL", 270.1, 7)])
        ticks = await told(client)
        assert set(ticks) == {48, 54}
        assert ticks[48].startswith("270.1;7;")
        client.send("cancelMktData", reqId=1)
        await told(client)
        feed.send([feed.trade("AAPL", 270.2, 7)])
        assert await told(client) == {}
        client.send("cancelMktData", reqId=1)
        (call,) = await client.next()
        assert error_of(call)[:2] == (1, 300)


async def test_trades_are_counted_once_for_everybody(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="mdoff,293,233")
        client.send("reqMktData", reqId=2, contract=AAPL, genericTickList="mdoff,293,233")
        before = (await told(client))[54]
        feed.send([feed.trade("AAPL", 270.05, 10) for _ in range(5)])
        client.send("reqCurrentTime")
        calls = await client.until("currentTime")
        for req_id in (1, 2):
            own = [c for c in calls if c.name.startswith("tick") and c.args[0] == req_id]
            counts = [call.args[2] for call in own if call.args[1] == 54]
            assert counts == [before + n for n in range(1, 6)]
            texts = [str(call.args[2]) for call in own if call.args[1] == 48]
            volumes = [Decimal(text.split(";")[3]) for text in texts]
            assert volumes == [volumes[0] + 10 * n for n in range(5)]
            assert volumes[-1] == feed.book(265598).volume


async def test_rates_move_with_the_markets_time(gateway: PaperGateway, feed: ManualFeed) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="mdoff,294,295,595")
        await told(client)
        feed.time_ns += 2 * SECOND
        feed.send([feed.trade("AAPL", 270.05, 10)])
        feed.send([feed.trade("AAPL", 270.05, 20)])  # within the second
        feed.time_ns += 2 * SECOND
        feed.send([feed.trade("AAPL", 270.05, 30)])
        ticks = await told(client)
        assert (ticks[55], ticks[56]) == (3, 60)
        assert (ticks[63], ticks[64], ticks[65]) == (60, 60, 60)
        feed.time_ns += 200 * SECOND
        feed.send([feed.quote("AAPL", 270.0, 270.3)])
        ticks = await told(client)
        assert (ticks[55], ticks[56], ticks[63]) == (0, 0, 0)
        assert 64 not in ticks  # unchanged


async def test_a_second_request_shares_and_a_third_after_both_begins_anew(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="293")
        await told(client)
        client.send("cancelMktData", reqId=1)
        await told(client)
        assert 265598 not in gateway.hub.watchers.listeners
        assert feed.watched == []
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="293")
        assert 54 in await told(client)


async def test_a_client_that_leaves_ends_its_generic_ticks(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL, genericTickList="233")
        await told(client)
    async with connect(gateway) as client:
        await client.ready()
        assert gateway.hub.watchers.listeners == {}
        feed.send([feed.trade("AAPL", 270.05, 10)])


@pytest.mark.parametrize(
    ("bid", "ask", "last", "close", "expected"),
    [
        (10.0, 10.2, 10.1, None, 10.1),
        (10.0, 10.2, 9.0, None, 10.0),
        (10.0, 10.2, 11.0, None, 10.2),
        (10.0, 10.2, None, None, 10.1),
        (None, None, 9.0, None, 9.0),
        (None, 10.2, None, 9.0, 10.2),
        (None, None, None, 9.0, 9.0),
        (None, None, None, None, None),
    ],
)
def test_marks(
    bid: float | None,
    ask: float | None,
    last: float | None,
    close: float | None,
    expected: float | None,
) -> None:
    assert mark(TopOfBook(1, bid=bid, ask=ask, last=last, close=close)) == expected


def test_a_new_session_counts_anew() -> None:
    feed = ManualFeed()
    instrument = feed.instrument("AAPL")
    book = TopOfBook(instrument.con_id, volume=Decimal(5000), last=10.0, high=10.0, low=10.0)
    statistics = Statistics(instrument, book)
    assert (statistics.trades, statistics.average_price) == (25, 10.0)
    trade = Trade(instrument.con_id, 1_767_623_400 * SECOND, 11.0, Decimal(100))
    book.volume = Decimal(0)
    fields = {change.field for change in book.apply(trade)}
    statistics.hear(trade, fields)
    assert (statistics.trades, int(statistics.volume)) == (1, 100)
    assert statistics.average_price == 11.0
    assert statistics.last_regular == 11.0


@pytest.mark.parametrize(
    ("month", "ex_date"), [(1, "20260315"), (3, "20260315"), (4, "20260615"), (12, "20261215")]
)
def test_dividends(month: int, ex_date: str) -> None:
    spy = ManualFeed().instrument("SPY")
    text = dividends(spy, 600.0, datetime(2026, month, 5, tzinfo=UTC))
    assert text == f"7.20,7.20,{ex_date},1.80"
    late = dividends(spy, 600.0, datetime(2026, 12, 20, tzinfo=UTC))
    assert late.split(",")[2] == "20270315"
    assert dividends(ManualFeed().instrument("TSLA"), 400.0, datetime.now(UTC)) == ",,,"
