"""The table of handlers, and answers that need no module of their own (`test_answers` has all)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of, raw_frame
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.requests import table
from twsloop.paper.requests.handling import merge
from twsloop.wire.messages import OUTBOUND


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=ManualFeed(), clock=ManualClock()) as it:
        yield it


def test_the_table_has_every_request() -> None:
    assert set(table.HANDLERS) == set(OUTBOUND)


def test_a_number_with_two_handlers_is_refused() -> None:
    def handler(*_args: object) -> None:
        """Nothing."""

    with pytest.raises(ValueError, match="request 1 has two handlers"):
        merge([{1: handler}, {1: handler}])


async def test_unsupported_requests_give_errors_under_their_id(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        contract = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
        bars = {"duration": "1 D", "barSizeSetting": "1 day", "formatDate": 1}
        client.send("reqHistoricalData", reqId=5, contract=contract, whatToShow="TRADES", **bars)
        (call,) = await client.next()
        assert error_of(call) == (
            5,
            162,
            (
                "Historical Market Data Service error message:HMDS query returned no data: "
                "AAPL@SMART Trades"
            ),
        )
        for name, code in (
            ("reqRealTimeBars", 321),
            ("reqFundamentalData", 430),
            ("reqHistoricalTicks", 321),
            ("cancelMktDepth", 310),
            ("cancelPnL", 10185),
            ("cancelPnLSingle", 10186),
        ):
            client.send(name, reqId=6)
            (call,) = await client.next()
            assert error_of(call)[:2] == (6, code), name
        client.send("cancelHistoricalData", reqId=7)
        (call,) = await client.next()
        assert error_of(call)[1:] == (366, "No historical data query found for ticker id:7")


async def test_auto_open_orders_are_for_client_0(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port, client_id=3) as client:
        await client.ready()
        client.send("reqAutoOpenOrders", autoBind=True)
        assert error_of((await client.next())[0])[:2] == (-1, 327)


async def test_a_fault_of_ours_is_told_and_survived(
    gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(table, "HANDLERS", {**table.HANDLERS, 61: fault})
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        client.send("reqPositions")
        ident, code, text = error_of((await client.next())[0])
        assert (ident, code) == (-1, 320)
        assert "broken on purpose" in text
        client.send("reqCurrentTime")
        assert (await client.next())[0].name == "currentTime"


async def test_executions_by_filter(gateway: PaperGateway) -> None:
    feed = gateway.feed
    assert isinstance(feed, ManualFeed)
    feed.send([feed.quote("AAPL", 270.0, 270.1), feed.quote("IBM", 300.0, 300.1)])
    order = {"totalQuantity": "1", "orderType": "MKT", "tif": "DAY", "transmit": True}
    async with WireClient(gateway.host, gateway.port, client_id=3) as client:
        await client.ready()
        for number, (symbol, action) in enumerate([("AAPL", "BUY"), ("IBM", "SELL")], 1):
            contract = {"symbol": symbol, "secType": "STK", "exchange": "SMART"}
            fields = {**order, "action": action}
            client.send("placeOrder", orderId=number, contract=contract, order=fields)
            await client.until("commissionAndFeesReport")
        for wanted, count in (
            ({}, 2),
            ({"clientId": 3}, 2),
            ({"clientId": 4}, 0),
            ({"symbol": "ibm"}, 1),
            ({"side": "SLD"}, 1),
            ({"side": "BUY"}, 1),
            ({"exchange": "SMART"}, 2),
            ({"exchange": "NASDAQ", "symbol": "AAPL"}, 1),
            ({"acctCode": "DU1234567"}, 2),
            ({"acctCode": "DU7"}, 0),
            ({"secType": "FUT"}, 0),
            ({"time": "20260105 09:30:00 US/Eastern"}, 2),
            ({"time": "20260105-14:30:01"}, 0),
            ({"time": "20260105  14:30:00"}, 2),
        ):
            client.send("reqExecutions", reqId=9, executionFilter=wanted)
            calls = await client.until("execDetailsEnd")
            assert sum(call.name == "execDetails" for call in calls) == count, wanted
        client.send("reqExecutions", reqId=9, executionFilter={"time": "yesterday"})
        assert error_of((await client.next())[0])[:2] == (9, 321)


@pytest.mark.parametrize("version", [157, 200])
async def test_an_id_that_cannot_be_read_is_told_in_a_gateways_words(
    gateway: PaperGateway, version: int
) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        client.write(raw_frame("9,8,AAPL,0,,STK"))
        assert error_of((await client.next())[0]) == (
            -1,
            320,
            (
                "Error reading request. Unable to parse field: 'Client Req Id' for input string: "
                "'AAPL'"
            ),
        )
