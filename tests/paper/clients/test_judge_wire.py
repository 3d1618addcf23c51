"""What clients of other makers met at the wire: each test holds one finding against the gateway.

The recordings they are held to are in ``../shared/data/wire`` (real gateways, versions 165..176);
their values stand here, so that the tests need no file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of, raw_frame
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.vocabulary import QuoteChange

VERSIONS = [157, 176, 200, 225]
SHARE = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
PAIR = {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"}


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.00, 270.05, 100), it.trade("AAPL", 270.02, 300)])
    for one in it.instruments.all():
        if one.sec_type in {"CASH", "FUT"}:
            size = Decimal(1_000_000)
            ask = one.reference_price + float(one.min_tick)
            it.send([QuoteChange(one.con_id, it.time_ns, one.reference_price, size, ask, size)])
    return it


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


def order(action: str, quantity: str) -> dict[str, Any]:
    return {
        "action": action,
        "totalQuantity": quantity,
        "orderType": "MKT",
        "tif": "DAY",
        "transmit": True,
    }


@pytest.mark.parametrize("version", [157, 178, 200])
async def test_a_malformed_order_is_refused_under_its_own_id(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.write(raw_frame("3,77,word,AAPL,STK"))
        ident, code, text = error_of((await client.next())[0])
        assert (ident, code) == (77, 320)
        assert "'word'" in text


async def test_a_malformed_request_is_refused_under_its_own_id(gateway: PaperGateway) -> None:
    async with connect(gateway, 200) as client:
        await client.ready()
        client.write(raw_frame("9,8,41,word,AAPL"))
        assert error_of((await client.next())[0])[:2] == (41, 320)


async def test_start_api_may_leave_its_last_field_out(gateway: PaperGateway) -> None:
    client = WireClient(gateway.host, gateway.port, version=178, start=False)
    async with client:
        client.write(raw_frame("71,2,12"))
        await client.ready()
        assert gateway.clients == (12,)


async def test_start_api_without_a_client_id_is_no_start(gateway: PaperGateway) -> None:
    async with WireClient(gateway.host, gateway.port, version=178, start=False) as client:
        client.write(raw_frame("71,2"))
        assert await client.ended()
    assert gateway.clients == ()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_fill_shows_the_venue_in_its_contract(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=SHARE, order=order("BUY", "10"))
        [(_, contract, execution)] = [
            call.args
            for call in await client.until("commissionAndFeesReport")
            if call.name == "execDetails"
        ]
        assert contract["exchange"] == execution["exchange"] == "NASDAQ"
        assert (contract["conId"], contract["tradingClass"]) == (265598, "NMS")


@pytest.mark.parametrize("version", VERSIONS)
async def test_only_shares_show_an_exchange_in_their_position(
    gateway: PaperGateway, feed: ManualFeed, version: int
) -> None:
    future = next(one for one in feed.instruments.all() if one.sec_type == "FUT")
    bought = [
        (SHARE, "10"),
        (PAIR, "30000"),
        ({"conId": future.con_id, "exchange": future.exchange}, "1"),
    ]
    async with connect(gateway, version) as client:
        await client.ready()
        for order_id, (contract, quantity) in enumerate(bought, 1):
            client.send(
                "placeOrder", orderId=order_id, contract=contract, order=order("BUY", quantity)
            )
            await client.until("commissionAndFeesReport")
        client.send("reqPositions")
        shown = {
            call.args[1]["secType"]: call.args[1]["exchange"]
            for call in await client.until("positionEnd")
            if call.name == "position"
        }
        assert shown == {"STK": "NASDAQ", "CASH": "", "FUT": ""}


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("20260105 14:29:00 UTC", 1),  # as ib_async and ib_insync write it
        ("20260105-14:29:00", 1),
        ("20260105 09:29:00 US/Eastern", 1),
        ("20260105 14:31:00 UTC", 0),
        ("20260105 09:31:00 US/Eastern", 0),
        ("20260105 09:31:00 EST", 0),
    ],
)
async def test_executions_since_a_time_in_any_zone(
    gateway: PaperGateway, since: str, found: int
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=SHARE, order=order("BUY", "10"))
        await client.until("commissionAndFeesReport")
        client.send("reqExecutions", reqId=5, executionFilter={"time": since})
        heard = [call.name for call in await client.until("execDetailsEnd")]
        assert heard.count("execDetails") == found


async def test_an_order_that_was_never_sent_is_not_among_the_completed(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        held = {**order("BUY", "10"), "transmit": False}
        client.send("placeOrder", orderId=1, contract=SHARE, order=held)
        client.send("cancelOrder", orderId=1)
        client.send("reqCompletedOrders", apiOnly=False)
        heard = [call.name for call in await client.until("completedOrdersEnd")]
        assert "completedOrder" not in heard


async def test_a_flood_of_one_client_does_not_hold_up_the_others(gateway: PaperGateway) -> None:
    flood = 3000
    async with (
        connect(gateway, 200, client_id=1) as loud,
        connect(gateway, 200, client_id=2) as other,
    ):
        await loud.ready()
        await other.ready()
        loud.write(raw_frame("49,1") * flood)  # one read of the gateway's socket
        other.write(raw_frame("49,1"))
        assert (await other.next())[0].name == "currentTime"
        assert gateway.stats["clients"][1]["requests"] < flood
        for _ in range(flood):
            assert (await loud.next())[0].name == "currentTime"


async def test_what_came_before_the_end_of_the_stream_is_answered(gateway: PaperGateway) -> None:
    asked = 500
    async with connect(gateway, 200) as client:
        await client.ready()
        client.write(raw_frame("49,1") * asked)
        client.write_eof()
        heard = [(await client.next())[0].name for _ in range(asked)]
        assert heard == ["currentTime"] * asked
        assert await client.ended()
