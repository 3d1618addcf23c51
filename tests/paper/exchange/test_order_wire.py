"""Odd orders at the wire, for both protocols: what IB's own decoder makes of their echo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, brief, error_of
from twsloop.clock import ManualClock
from twsloop.paper.server import PaperGateway

VERSIONS = (225, 213, 200, 176, 157)
AAPL, MSFT = 265598, 272093
SHARE = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
LEGS = [
    {"conId": AAPL, "ratio": 1, "action": "BUY", "exchange": "SMART"},
    {"conId": MSFT, "ratio": 1, "action": "SELL", "exchange": "SMART"},
]
BAG = {**SHARE, "secType": "BAG", "comboLegs": LEGS}

#: Orders that rest, what of their echo has to come back.
ORDERS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("TRAIL", {"auxPrice": 1.0}, {"trailStopPrice": 271.02, "auxPrice": 1.0}),
    ("TRAIL", {"trailingPercent": 1.0}, {"trailStopPrice": 272.72, "trailingPercent": 1.0}),
    (
        "TRAIL LIMIT",
        {"auxPrice": 1.0, "trailStopPrice": 275.0, "lmtPriceOffset": 0.1},
        {"trailStopPrice": 271.02, "lmtPrice": 271.12},
    ),
    ("MIT", {"auxPrice": 265.0}, {"auxPrice": 265.0}),
    ("LIT", {"auxPrice": 265.0, "lmtPrice": 264.0}, {"lmtPrice": 264.0}),
    ("REL", {"lmtPrice": 269.0}, {"auxPrice": 0.01, "lmtPrice": 269.0}),
    ("PEG MID", {}, {}),
    ("MIDPRICE", {"lmtPrice": 269.0}, {"lmtPrice": 269.0}),
    ("STP LMT", {"auxPrice": 275.0, "lmtPrice": 276.0}, {"auxPrice": 275.0, "lmtPrice": 276.0}),
    (
        "LMT",
        {"lmtPrice": 260.0, "tif": "GTD", "goodTillDate": "20260106 15:00:00 US/Eastern"},
        {"goodTillDate": "20260106 15:00:00 US/Eastern", "tif": "GTD"},
    ),
    (
        "LMT",
        {
            "lmtPrice": 260.0,
            "algoStrategy": "Adaptive",
            "algoParams": {"adaptivePriority": "Normal"},
        },
        {"algoStrategy": "Adaptive"},
    ),
    (
        "LMT",
        {
            "lmtPrice": 260.0,
            "conditionsIgnoreRth": True,
            "conditions": [
                {
                    "type": 1,
                    "conId": MSFT,
                    "exchange": "SMART",
                    "isMore": True,
                    "price": 500.0,
                    "isConjunctionConnection": True,
                },
                {"type": 3, "isMore": True, "time": "20260106 15:00:00 US/Eastern"},
            ],
        },
        {"conditionsIgnoreRth": True},
    ),
    ("LMT", {"lmtPrice": 260.0, "allOrNone": True, "hidden": True}, {"hidden": True}),
    ("LMT", {"lmtPrice": 260.0, "ocaGroup": "mine", "ocaType": 1}, {"ocaGroup": "mine"}),
)


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.00, 270.05, 100), feed.trade("AAPL", 270.02)])
    feed.send([feed.quote("MSFT", 420.00, 420.10, 100), feed.trade("MSFT", 420.05)])
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def buy(**fields: Any) -> dict[str, Any]:
    return {"action": "BUY", "totalQuantity": "10", "tif": "DAY", "transmit": True, **fields}


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_echoed(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        for order_id, (kind, fields, expected) in enumerate(ORDERS, 1):
            client.send(
                "placeOrder",
                orderId=order_id,
                contract=SHARE,
                order=buy(orderType=kind, **fields),
            )
            heard = await client.until("orderStatus")
            assert [call.name for call in heard[-2:]] == ["openOrder", "orderStatus"], heard
            order: Any = heard[-2].args[2]
            assert order["orderType"] == kind
            for name, value in expected.items():
                found = order[name]
                assert (float(found) if isinstance(value, float) else found) == value, (kind, name)
            assert len(order["conditions"] or ()) == len(fields.get("conditions", ()))
            await client.until("orderStatus")  # the same pair again
        # All of them, as a client that comes back asks for them.
        client.send("reqOpenOrders")
        heard = await client.until("openOrderEnd")
        assert sum(call.name == "openOrder" for call in heard) == len(ORDERS)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_combination(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=BAG, order=buy(orderType="MKT"))
        reports = 0

        def both(call: Call) -> bool:
            nonlocal reports
            reports += call.name == "commissionAndFeesReport"
            return reports == 2

        heard = await client.until(both)
        fills = [call.args for call in heard if call.name == "execDetails"]
        contracts: list[Any] = [fill[1] for fill in fills]
        assert [one["secType"] for one in contracts] == ["BAG", "STK", "STK"]
        opened: Any = next(call for call in heard if call.name == "openOrder")
        assert len(opened.args[1]["comboLegs"]) == 2
        client.send("reqExecutions", reqId=5)
        again = await client.until("execDetailsEnd")
        names = [call.name for call in again]
        assert names.count("execDetails") == 3
        assert names.count("commissionAndFeesReport") == 2


@pytest.mark.parametrize("version", VERSIONS)
async def test_times_of_the_clock(gateway: PaperGateway, version: int) -> None:
    """What is due by time alone comes by itself, without a word of the market."""
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        order = buy(
            orderType="LMT",
            lmtPrice=260.0,
            tif="GTD",
            goodTillDate="20260105 10:00:00 US/Eastern",
        )
        client.send("placeOrder", orderId=1, contract=SHARE, order=order)
        await client.until("orderStatus")
        gateway.clock.advance(1800)  # type: ignore[attr-defined]
        heard = await client.until(lambda call: call.name == "error" and error_of(call)[0] == 1)
        assert [brief(call) for call in heard[-2:]] == [
            "status 1 Cancelled 0/10 @0.0",
            "error 1 202",
        ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_closing_order_is_silent(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=SHARE, order=buy(orderType="MOC"))
        client.send("reqOpenOrders")
        heard = await client.until("openOrderEnd")
        assert [call.name for call in heard] == ["openOrder", "orderStatus", "openOrderEnd"]
        client.send("cancelOrder", orderId=1)
        heard = await client.until("error")
        assert [brief(call) for call in heard] == [
            "open 1 PendingCancel",
            "status 1 PendingCancel 0/10 @0.0",
            "status 1 Cancelled 0/10 @0.0",
            "error 1 202",
        ]
