"""The gateway over real sockets; every answer is read by IB's own decoder."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.paper_server import AAPL, ORDER, VERSIONS, D, connect, settled
from tests.support.wireclient import WireClient, brief, error_of, raw_frame
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.wire import handshake


@pytest.mark.parametrize("version", VERSIONS)
async def test_start(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version, 5) as client:
        assert client.version == version
        assert client.hello[1] == b"20260105 14:30:00 UTC"
        calls = await client.ready()
        assert [call.name for call in calls] == ["managedAccounts", "nextValidId"] + ["error"] * 3
        assert calls[0].args == ("DU1234567",)
        assert calls[1].args == (D(1),)
        assert [error_of(call) for call in calls[2:]] == [
            (-1, 2104, "Market data farm connection is OK:usfarm"),
            (-1, 2106, "HMDS data farm connection is OK:ushmds"),
            (-1, 2158, "Sec-def data farm connection is OK:secdefil"),
        ]
        assert gateway.clients == (5,)
    await settled(gateway, clients=0)


async def test_the_hello_comes_alone(gateway: PaperGateway) -> None:
    client = WireClient(gateway.host, gateway.port)
    await client.open()
    client.write(handshake.client_hello(100, 200))
    assert client._reader is not None
    first = await client._reader.read(4096)
    assert first == handshake.server_hello(200, "20260105 14:30:00 UTC")
    await client.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_market_order_script(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        calls = await client.until("commissionAndFeesReport")
        assert [brief(call) for call in calls] == [
            "open 1 Submitted",
            "status 1 Submitted 0/100 @0.0",
            "exec -1 BOT 100 @270.05",
            "open 1 Filled",
            "status 1 Filled 100/0 @270.05",
            "open 1 Filled 1.0003",
            "status 1 Filled 100/0 @270.05",
            "report 1.0003",
        ]
        opened: Any = calls[0].args
        assert opened[1]["conId"] == 265598
        assert opened[2]["clientId"] == 1
        assert opened[2]["deltaNeutralOrderType"] == "None"
        fill: Any = calls[2].args[2]
        assert fill["time"] == "20260105 09:30:00 US/Eastern"
        assert fill["exchange"] == "NASDAQ"
        assert (fill["cumQty"], fill["avgPrice"]) == (D(100), D("270.05"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_limit_and_cancel_script(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        order = {**ORDER, "orderType": "LMT", "lmtPrice": 250.0, "tif": "GTC", "orderRef": "r"}
        client.send("placeOrder", orderId=3, contract=AAPL, order=order)
        client.send("reqOpenOrders")
        calls = await client.until("openOrderEnd")
        pair = ["open 3 Submitted", "status 3 Submitted 0/100 @0.0"]
        assert [brief(call) for call in calls] == pair * 3 + ["openOrderEnd"]
        client.send("cancelOrder", orderId=3)
        calls = await client.until("error")
        assert [brief(call) for call in calls] == ["status 3 Cancelled 0/100 @0.0", "error 3 202"]
        assert error_of(calls[-1])[2] == "Order Canceled - reason:"
        client.send("reqCompletedOrders", apiOnly=False)
        calls = await client.until("completedOrdersEnd")
        assert [call.name for call in calls] == ["completedOrder", "completedOrdersEnd"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_market_data(gateway: PaperGateway, feed: ManualFeed, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=9, contract=AAPL)
        calls = await client.until(lambda call: call.name == "tickSize" and call.args[1] == 3)
        names = [call.name for call in calls]
        assert names[:3] == ["marketDataType", "tickReqParams", "tickString"]
        assert all(call.args[0] == 9 for call in calls)
        volume = next(c.args[2] for c in calls if c.name == "tickSize" and c.args[1] == 8)
        assert volume == (300 if version >= 220 else 3)
        while "32" not in [str(c.args[1]) for c in calls if c.name == "tickString"]:
            calls += await client.next()
        await client.next()  # 33
        feed.send([feed.quote("AAPL", 270.01, 270.05, 200)])
        calls = await client.until(lambda call: call.name == "tickSize" and call.args[1] == 3)
        # IB's decoder derives a tickSize from each tickPrice.
        told = [(call.name, *map(str, call.args[1:3])) for call in calls]
        assert told == [
            ("tickPrice", "1", "270.01"),
            ("tickSize", "0", "200"),
            ("tickSize", "0", "200"),
            ("tickSize", "3", "200"),
        ]
        client.send("cancelMktData", reqId=9)
        client.send("cancelMktData", reqId=9)
        calls = await client.until("error")
        assert error_of(calls[-1]) == (9, 300, "Can't find EId with tickerId:9")
        assert feed.watched == []


async def test_market_data_refusals(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract={**AAPL, "symbol": "NOPE"})
        (call,) = await client.next()
        assert error_of(call) == (1, 200, "No security definition has been found for the request")
        client.send("reqMktData", reqId=2, contract=AAPL)
        client.send("reqMktData", reqId=2, contract=AAPL)
        calls = await client.until("error")
        assert error_of(calls[-1]) == (
            2,
            322,
            "Error processing request.-'bQ' : cause - Duplicate ticker id",
        )
        client.send("reqMktData", reqId=3, contract=AAPL, snapshot=True, genericTickList="233")
        (call,) = await client.next()
        assert error_of(call)[:2] == (3, 321)


async def test_snapshot_ends_when_it_is_complete_or_late(
    gateway: PaperGateway, feed: ManualFeed, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=4, contract=AAPL, snapshot=True)
        await client.until(lambda call: call.name == "tickString" and call.args[1] == 33)
        clock.advance(11.0)  # the close has not come
        calls = await client.next()
        assert [(call.name, call.args) for call in calls] == [("tickSnapshotEnd", (D(4),))]
        assert feed.watched == []
        feed.book(feed.instrument("AAPL").con_id).close = 269.0
        client.send("reqMktData", reqId=5, contract=AAPL, snapshot=True)
        assert (await client.until("tickSnapshotEnd"))[-1].args == (D(5),)


async def test_client_id_in_use(gateway: PaperGateway) -> None:
    async with connect(gateway, client_id=3) as first, connect(gateway, client_id=3) as second:
        await first.ready()
        calls = await second.next()
        assert error_of(calls[0]) == (
            -1,
            326,
            "Unable connect as the client id is already in use. Retry with a unique client id.",
        )
        assert await second.ended()
        first.send("reqCurrentTime")
        assert (await first.next())[0].name == "currentTime"
        assert gateway.clients == (3,)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        handshake.client_hello(100, 200) + raw_frame("49,1"),
        handshake.client_hello(100, 200) + b"\xff\xff\xff\xff",
    ],
)
async def test_bad_connections_end_and_nobody_notices(
    gateway: PaperGateway, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway) as good:
        await good.ready()
        bad = WireClient(gateway.host, gateway.port)
        await bad.open()
        with caplog.at_level(logging.WARNING, "twsloop.paper.connection"):
            bad.write(data)
            assert await bad.ended()
        assert "closed: " in caplog.text
        await bad.close()
        good.send("reqCurrentTime")
        assert (await good.next())[0].name == "currentTime"


@pytest.mark.parametrize("answers", [True, False])
async def test_a_client_from_before_the_prefix_is_told_why(
    gateway: PaperGateway, clock: ManualClock, caplog: pytest.LogCaptureFixture, answers: bool
) -> None:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    with caplog.at_level(logging.WARNING, "twsloop.paper.connection"):
        writer.write(b"63\x007\x00")  # its version and its client id
        hello = [await reader.readuntil(b"\0") for _ in range(2)]
        assert hello[0] == b"76\0"
        if answers:  # as one of version 70 and above does; others only wait
            writer.write(b"71\x002\x007\x00\x00")
        else:
            clock.advance(1.0)
        refusal = (await reader.read()).split(b"\0")
    assert refusal[:4] == [b"4", b"2", b"-1", b"506"]
    assert b"ibapi 9.71 or newer" in refusal[4]
    assert "older than the API prefix" in caplog.text
    writer.close()
    await writer.wait_closed()


async def test_oversize_frame_of_a_ready_client(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.write(b"\x01\x00\x00\x00")
        assert await client.ended()
    await settled(gateway, clients=0)


async def test_unreadable_request_is_answered_and_the_session_goes_on(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway, 200) as client:
        await client.ready()
        client.write(raw_frame("9,8,AAPL"))
        ident, code, text = error_of((await client.next())[0])
        assert (ident, code) == (-1, 320)
        assert "AAPL" in text
        client.write(raw_frame("4711,1"))
        assert error_of((await client.next())[0])[1] == 320
        client.send("reqCurrentTime")
        assert (await client.next())[0].args == (D(1767623400),)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_clients_ask_at_their_start(gateway: PaperGateway, version: int) -> None:
    """The fetch of ib_async and ib_insync (protocol.md B.2), each with its end marker."""
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqPositions")
        client.send("reqOpenOrders")
        client.send("reqCompletedOrders", apiOnly=False)
        client.send("reqAccountUpdates", subscribe=True, acctCode="DU1234567")
        client.send("reqAccountUpdatesMulti", reqId=11, account="DU1234567")
        client.send("reqExecutions", reqId=12)
        calls = await client.until("execDetailsEnd")
        names = list(dict.fromkeys(call.name for call in calls))
        assert names == [
            "positionEnd",
            "openOrderEnd",
            "completedOrdersEnd",
            "updateAccountValue",
            "updateAccountTime",
            "accountDownloadEnd",
            "accountUpdateMulti",
            "accountUpdateMultiEnd",
            "execDetailsEnd",
        ]
        keys = [call.args[0] for call in calls if call.name == "updateAccountValue"]
        assert keys == sorted(keys)
        values = {
            (call.args[0], call.args[2]): call.args[1]
            for call in calls
            if call.name == "updateAccountValue"
        }
        assert values["NetLiquidation", "USD"] == "1000000.00"
        assert values["NetLiquidationByCurrency", "BASE"] == "1000000.0000"
        assert values["AccountReady", ""] == "true"


@pytest.mark.parametrize("version", [157, 225])
async def test_account_after_a_fill(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqPositions")
        client.send("reqAccountUpdates", subscribe=True)
        await client.until("accountDownloadEnd")
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        calls = await client.until("updateAccountTime")
        position: Any = next(call.args for call in calls if call.name == "position")
        assert (position[1]["symbol"], position[2]) == ("AAPL", D(100))
        assert position[3] == D("270.060003")
        portfolio: Any = next(call.args for call in calls if call.name == "updatePortfolio")
        assert (portfolio[1], portfolio[2], portfolio[3]) == (D(100), D("270.02"), D("27002.0"))
        changed = {call.args[0] for call in calls if call.name == "updateAccountValue"}
        assert "NetLiquidation" in changed
        assert "AccountReady" not in changed
        client.send("reqExecutions", reqId=8, executionFilter={"symbol": "AAPL"})
        calls = await client.until("execDetailsEnd")
        assert [brief(call) for call in calls] == [
            "exec 8 BOT 100 @270.05",
            "report 1.0003",
            "execDetailsEnd",
        ]
        client.send("reqExecutions", reqId=9, executionFilter={"side": "SELL"})
        assert [brief(call) for call in await client.until("execDetailsEnd")] == ["execDetailsEnd"]


async def test_account_summary(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqAccountSummary", reqId=1, group="All", tags="NetLiquidation,AccountType")
        calls = await client.until("accountSummaryEnd")
        assert [call.args[1:] for call in calls[:-1]] == [
            ("DU1234567", "AccountType", "INDIVIDUAL", ""),
            ("DU1234567", "NetLiquidation", "1000000.00", "USD"),
        ]
        client.send("reqAccountSummary", reqId=2, group="All", tags="$LEDGER")
        calls = await client.until("accountSummaryEnd")
        assert calls[0].args[1:] == ("All", "AccountOrGroup", "All", "BASE")
        assert await client.until("accountSummaryEnd") == calls  # 10.40 tells the ledger twice
        client.send("reqAccountSummary", reqId=3, group="All", tags="NetLiquidation")
        assert error_of((await client.next())[0])[:2] == (3, 322)
        client.send("cancelAccountSummary", reqId=1)
        client.send("reqAccountSummary", reqId=3, group="All", tags="NetLiquidation")
        assert (await client.next())[0].name == "accountSummary"


async def test_account_values_go_on_with_what_changed(
    gateway: PaperGateway, feed: ManualFeed, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        await client.until("commissionAndFeesReport")
        client.send("reqAccountUpdatesMulti", reqId=5, account="DU1234567", ledgerAndNLV=True)
        client.send("reqAccountSummary", reqId=6, group="All", tags="NetLiquidation,AccountType")
        await client.until("accountSummaryEnd")
        feed.send([feed.quote("AAPL", 280.0, 280.05), feed.trade("AAPL", 280.0)])
        clock.advance(180.0)
        client.send("reqCurrentTime")
        calls = await client.until("currentTime")
        told = [(call.name, *call.args[1:]) for call in calls[:-1]]
        assert ("accountSummary", "DU1234567", "NetLiquidation", "1000994.00", "USD") in told
        assert (
            "accountUpdateMulti",
            "DU1234567",
            "",
            "StockMarketValue",
            "28000.00",
            "USD",
        ) in told
        assert {"AccountType", "CashBalance"}.isdisjoint(str(word) for row in told for word in row)
        client.send("placeOrder", orderId=2, contract=AAPL, order={**ORDER, "action": "SELL"})
        calls = await client.until("accountUpdateMulti")
        assert calls[-1].args[0] == 5


async def test_profit_and_loss_each_second(gateway: PaperGateway, clock: ManualClock) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqPnL", reqId=1, account="DU1234567")
        assert (await client.next())[0].args == (D(1), D("0.0"), D("0.0"), D("0.0"))
        client.send("reqPnLSingle", reqId=2, account="DU1234567", conId=265598)
        assert error_of((await client.next())[0])[:2] == (2, 2150)
        flat = (await client.next())[0]
        assert (flat.name, flat.args[1]) == ("pnlSingle", D(0))
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        await client.until("commissionAndFeesReport")
        clock.advance(1.0)
        assert (await client.next())[0].args == (D(1), D("-4.0003"), D("-4.0003"), D("0.0"))
        assert (await client.next())[0].args[1] == D(100)
        client.send("cancelPnL", reqId=1)
        client.send("cancelPnL", reqId=1)
        assert error_of((await client.next())[0])[:2] == (1, 10185)


async def test_orders_outlive_their_client(gateway: PaperGateway, feed: ManualFeed) -> None:
    order = {**ORDER, "orderType": "LMT", "lmtPrice": 269.0}
    async with connect(gateway, client_id=4) as client:
        await client.ready()
        client.send("placeOrder", orderId=10, contract=AAPL, order=order)
        await client.until("orderStatus")
    await settled(gateway, clients=0)
    async with connect(gateway, client_id=4) as client, connect(gateway, client_id=5) as other:
        calls = await client.ready()
        names = [call.name for call in calls[:5]]
        assert names[:3] == ["openOrder", "orderStatus", "openOrderEnd"]
        assert names[3:] == ["managedAccounts", "nextValidId"]
        assert calls[4].args == (D(11),)
        assert (await other.ready())[1].args == (D(1),)
        other.send("reqOpenOrders")
        assert [brief(call) for call in await other.until("openOrderEnd")] == ["openOrderEnd"]
        other.send("reqAllOpenOrders")
        calls = await other.until("openOrderEnd")
        assert brief(calls[0]) == "open 10 Submitted"
        other.send("cancelOrder", orderId=10)
        assert error_of((await other.next())[0])[:2] == (10, 10147)
        client.send("reqOpenOrders")
        await client.until("openOrderEnd")
        feed.send([feed.quote("AAPL", 268.90, 268.95)])
        calls = await client.until("commissionAndFeesReport")
        assert brief(calls[0]) == "exec -1 BOT 100 @268.95"
        other.send("reqCurrentTime")  # and nothing of it was told to the other
        assert (await other.next())[0].name == "currentTime"


async def test_contracts(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqContractDetails", reqId=1, contract=AAPL)
        calls = await client.until("contractDetailsEnd")
        details: Any = calls[0].args[1]
        assert (details["longName"], details["contract"]["conId"]) == ("APPLE INC", 265598)
        client.send("reqContractDetails", reqId=2, contract={"symbol": "NOPE"})
        assert error_of((await client.next())[0])[:2] == (2, 200)
        client.send("reqMatchingSymbols", reqId=3, pattern="aap")
        matches: Any = (await client.next())[0].args[1]
        assert [str(match["contract"]["symbol"]) for match in matches] == ["AAPL"]
        client.send("reqMarketRule", marketRuleId=26)
        assert (await client.next())[0].name == "marketRule"
        client.send("reqMarketRule", marketRuleId=4711)
        assert error_of((await client.next())[0])[:2] == (-1, 322)
