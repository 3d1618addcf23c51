"""Market depth over a socket, judged by IB's decoder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.depth import DELETE, INSERT
from twsloop.paper.market.vocabulary import Halt, QuoteChange
from twsloop.paper.requests.depth import DepthDesk, reset
from twsloop.paper.requests.handling import desk

VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225]
SMART = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
VENUE = {**SMART, "exchange": "ISLAND"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05, 100), it.quote("MSFT", 420.0, 420.1)])
    for symbol in ("EUR.USD", "IBM", "F"):
        one = it.instrument(symbol)
        ask = one.reference_price + float(one.min_tick)
        size = Decimal(one.lot)
        it.send([QuoteChange(one.con_id, it.time_ns, one.reference_price, size, ask, size)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


class Book:
    """A naive client's book, from what IB's decoder calls."""

    def __init__(self) -> None:
        self.sides: tuple[list[Any], list[Any]] = ([], [])

    def take(self, call: Any) -> None:
        if call.name == "updateMktDepth":
            _, position, operation, side, price, size = call.args
            maker = ""
        else:
            assert call.name == "updateMktDepthL2", call
            _, position, maker, operation, side, price, size, _smart = call.args
        rows = self.sides[int(side)]
        row = (float(price), size, maker)
        if operation == INSERT:
            assert position == len(rows)
            rows.append(row)
        elif operation == DELETE:
            assert position == len(rows) - 1
            rows.pop()
        else:
            rows[int(position)] = row


@pytest.mark.parametrize("version", VERSIONS)
async def test_smart_depth_follows_the_quote(
    gateway: PaperGateway, feed: ManualFeed, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=SMART, numRows=20, isSmartDepth=True)
        notice, *rows = await heard(client)
        assert error_of(notice)[:2] == (5, 2152)
        assert error_of(notice)[2].startswith("Exchanges - Depth: ")
        book = Book()
        for call in rows:
            assert call.name == "updateMktDepthL2"
            assert call.args[-1] is True
            assert call.args[2] in error_of(notice)[2].partition("Top:")[0]
            book.take(call)
        asks, bids = book.sides
        assert len(asks) == len(bids) == 10
        assert bids[0] == (270.0, Decimal(100), "ARCA")
        assert asks[0] == (270.05, Decimal(100), "NASDAQ")
        for bid, ask in ((270.01, 270.05), (269.5, 269.52), (271.0, 271.03), (None, 271.0)):
            feed.send([feed.quote("AAPL", bid, ask, 700)])
            for call in await heard(client):
                book.take(call)
            asks, bids = book.sides
            assert [row[:2] for row in bids[:1]] == ([(bid, Decimal(700))] if bid else [])
            assert asks[0][:2] == (ask, Decimal(700))
            assert [row[0] for row in asks] == sorted({row[0] for row in asks})
        client.send("cancelMktDepth", reqId=5, isSmartDepth=True)
        assert await heard(client) == []
        feed.send([feed.quote("AAPL", 270.0, 270.2)])
        assert await heard(client) == []
        assert feed.watched == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_venue_shows_makers_and_a_currency_shows_none(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=5)
        rows = await heard(client)
        assert {call.name for call in rows} == {"updateMktDepthL2"}
        assert len(rows) == 10
        assert {call.args[-1] for call in rows} == {False}
        assert all(call.args[2] for call in rows)
        client.send("reqMktDepth", reqId=6, contract=PAIR, numRows=3)
        rows = await heard(client)
        assert {call.name for call in rows} == {"updateMktDepth"}
        assert len(rows) == 6


@pytest.mark.parametrize("version", [157, 200, 225])
async def test_refusals(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()

        async def refusal(**fields: Any) -> tuple[int, int, str]:
            client.send("reqMktDepth", **{"reqId": 5, "numRows": 5, **fields})
            (call,) = await heard(client)
            return error_of(call)

        assert (await refusal(contract=SMART))[:2] == (5, 10092)
        assert (await refusal(contract=SMART, numRows=0, isSmartDepth=True))[:2] == (5, 321)
        assert (await refusal(contract=SMART, numRows=-4))[:2] == (5, 321)
        assert (await refusal(contract={**SMART, "symbol": "NONE"}))[:2] == (5, 200)
        assert (await refusal(contract={**SMART, "exchange": "CHX"}))[:2] == (5, 10092)
        client.send("reqMktDepth", reqId=5, contract=PAIR, numRows=5)
        assert len(await heard(client)) == 10
        code, text = (await refusal(contract=PAIR))[1:]
        assert (code, text.rpartition(" - ")[2]) == (322, "Duplicate ticker id")


async def test_three_instruments_at_a_time_for_all_clients_together(gateway: PaperGateway) -> None:
    async with connect(gateway, client_id=1) as one, connect(gateway, client_id=2) as two:
        await one.ready()
        await two.ready()
        for req_id, symbol in enumerate(("AAPL", "MSFT", "IBM"), 1):
            contract = {**VENUE, "symbol": symbol}
            one.send("reqMktDepth", reqId=req_id, contract=contract, numRows=1)
        assert not any(call.name == "error" for call in await heard(one))
        two.send("reqMktDepth", reqId=9, contract={**VENUE, "symbol": "MSFT"}, numRows=1)
        assert len(await heard(two)) == 2  # an instrument that has depth already
        two.send("reqMktDepth", reqId=10, contract=PAIR, numRows=1)
        (call,) = await heard(two)
        text = "Max number (3) of market depth requests has been reached"
        assert error_of(call) == (10, 309, text)
        one.send("cancelMktDepth", reqId=1)
        assert await heard(one) == []
        two.send("reqMktDepth", reqId=10, contract=PAIR, numRows=1)
        assert len(await heard(two)) == 2
        desk(gateway.hub, DepthDesk).most = 9
        two.send("reqMktDepth", reqId=11, contract={**VENUE, "symbol": "F"}, numRows=1)
        assert len(await heard(two)) == 2


async def test_a_cancel_must_fit(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=SMART, numRows=1, isSmartDepth=True)
        await heard(client)
        for req_id, smart in ((5, False), (6, True)):
            client.send("cancelMktDepth", reqId=req_id, isSmartDepth=smart)
            (call,) = await heard(client)
            text = f"Can't find the subscribed market depth with tickerId:{req_id}"
            assert error_of(call) == (req_id, 310, text)


async def test_a_client_that_leaves_takes_its_streams_along(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway, client_id=2) as other:
        await other.ready()
        async with connect(gateway) as client:
            await client.ready()
            client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=1)
            await heard(client)
            assert len(feed.watched) == 1
        while gateway.clients != (2,):
            await heard(other)
        assert feed.watched == []
        assert desk(gateway.hub, DepthDesk).watched == {}


async def test_a_halt_ends_the_stream_and_it_can_be_asked_for_again(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    con_id = feed.instrument("AAPL").con_id
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=1)
        await heard(client)
        feed.send([Halt(con_id, feed.time_ns, 1)])
        (call,) = await heard(client)
        assert error_of(call)[:2] == (5, 316)
        feed.send([feed.quote("AAPL", 270.1, 270.2)])
        assert await heard(client) == []
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=1)
        assert len(await heard(client)) == 2


async def test_a_reset_tells_all_rows_anew(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=4)
        before = await heard(client)
        reset(gateway.hub)
        notice, *after = await heard(client)
        assert error_of(notice)[:2] == (5, 317)
        assert after == before
        reset(gateway.hub, con_id=1)
        assert await heard(client) == []


async def test_the_venues_that_have_depth(gateway: PaperGateway) -> None:
    async with connect(gateway, 157) as client:
        await client.ready()
        client.send("reqMktDepthExchanges")
        (call,) = await heard(client)
        rows = {(row["exchange"], row["secType"]): row["serviceDataType"] for row in call.args[0]}
        assert rows["NASDAQ", "STK"] == rows["ISLAND", "STK"] == "Deep2"
        assert rows["PAXOS", "CRYPTO"] == rows["CBOE", "OPT"] == "Deep"
        assert rows["ARCA", "STK"] == rows["IDEALPRO", "CASH"] == rows["CME", "FUT"] == "Deep"


async def test_a_client_that_does_not_read_gets_the_outcome(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=10)
        book = Book()
        for call in await heard(client):
            book.take(call)
        client.send("reqMktDepth", reqId=6, contract=VENUE, numRows=1)
        await heard(client)
        session = gateway.hub.clients[1]
        gateway.hub.readers.stall(session)
        timers = clock.pending()
        for n in range(50):
            feed.send([feed.quote("AAPL", 260.0 + n / 10, 260.05 + n / 10)])
        assert await heard(client) == []
        clock.advance(0.3)  # it does not read yet
        assert await heard(client) == []
        assert clock.pending() == timers + 1
        client.send("cancelMktDepth", reqId=6)
        await heard(client)
        gateway.hub.readers.resume(session)
        clock.advance(0.25)
        rows = await heard(client)
        assert 0 < len(rows) <= 20
        for call in rows:
            book.take(call)
        assert book.sides[1][0][0] == pytest.approx(264.9)


async def test_an_index_has_no_depth(gateway: PaperGateway) -> None:
    index = gateway.hub.engine.catalogue.by_symbol("SPX")
    assert index is not None
    async with connect(gateway) as client:
        await client.ready()
        contract = {"conId": index.con_id, "exchange": index.exchange}
        client.send("reqMktDepth", reqId=5, contract=contract, numRows=5)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (5, 10092)


async def test_no_depth_and_no_ticks_without_permission(feed: ManualFeed) -> None:
    async with (
        PaperGateway(feed=feed, clock=ManualClock(), market_data={"AAPL": "delayed"}) as gateway,
        connect(gateway) as client,
    ):
        await client.ready()
        client.send("reqMktDepth", reqId=5, contract=VENUE, numRows=5)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (5, 354)
        client.send("reqTickByTickData", reqId=6, contract=VENUE, tickType="Last")
        (call,) = await heard(client)
        ident, code, text = error_of(call)
        assert (ident, code) == (6, 10189)
        assert text.startswith(
            "Failed to request tick-by-tick data.No market data permissions for NASDAQ STK"
        )


@pytest.mark.parametrize("version", [157, 200, 225])
async def test_an_option_has_depth_behind_its_quote(version: int) -> None:
    option = {**SMART, "secType": "OPT", "right": "C", "strike": 270.0}
    async with (
        PaperGateway(seed=4, clock=ManualClock()) as gateway,
        connect(gateway, version) as client,
    ):
        await client.ready()
        details = {**option, "lastTradeDateOrContractMonth": "202601"}
        client.send("reqContractDetails", reqId=1, contract=details)
        found = (await heard(client))[0].args[1]["contract"]
        contract = {"conId": int(found["conId"]), "exchange": "SMART"}
        client.send("reqMktData", reqId=2, contract=contract)
        quote = {int(c.args[1]): c.args[2] for c in await heard(client) if c.name == "tickPrice"}
        client.send("reqMktDepth", reqId=3, contract=contract, numRows=5, isSmartDepth=True)
        book = Book()
        notice, *rows = await heard(client)
        assert error_of(notice)[2].startswith("Exchanges - Depth: AMEX; CBOE; ")
        assert "Top" not in error_of(notice)[2]
        for call in rows:
            book.take(call)
        asks, bids = book.sides
        assert (bids[0][0], asks[0][0]) == (float(quote[1]), float(quote[2]))
        client.send("reqTickByTickData", reqId=4, contract=contract, tickType="Last")
        (call,) = await heard(client)
        assert error_of(call)[:2] == (4, 10189)
