"""Calculations on demand, and options in the market data of every server version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

VERSIONS = (151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225)
CALL = {
    "symbol": "SPY",
    "secType": "OPT",
    "exchange": "SMART",
    "currency": "USD",
    "lastTradeDateOrContractMonth": "20260320",
    "strike": 660.0,
    "right": "C",
}


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    spy = feed.book(756733)
    spy.close, spy.open, spy.high, spy.low = 660.0, 661.0, 663.0, 659.0
    feed.send([feed.quote("SPY", 662.0, 662.02), feed.trade("SPY", 662.0)])
    return feed


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version)


def values(call: Call) -> dict[str, Any]:
    assert call.name == "tickOptionComputation"
    names = (
        *("reqId", "tickType", "tickAttrib", "impliedVol", "delta", "optPrice", "pvDividend"),
        *("gamma", "vega", "theta", "undPrice"),
    )
    return dict(zip(names, call.args, strict=True))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_price_and_the_volatility_that_it_implies(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send(
            "calculateOptionPrice", reqId=5, contract=CALL, volatility=0.2, underPrice=662.0
        )
        (call,) = await client.next()
        price = values(call)
        assert (price["reqId"], price["tickType"], price["undPrice"]) == (5, 53, 662)
        assert 20 < price["optPrice"] < 40
        assert Decimal("0.5") < price["delta"] < Decimal("0.65")
        assert price["theta"] < 0 < price["gamma"] < price["vega"]
        client.send(
            "calculateImpliedVolatility",
            reqId=6,
            contract=CALL,
            underPrice=662.0,
            optionPrice=float(price["optPrice"]),
        )
        (call,) = await client.next()
        implied = values(call)
        assert (implied["reqId"], implied["tickType"]) == (6, 53)
        assert float(implied["impliedVol"]) == pytest.approx(0.2, abs=1e-6)
        assert implied["optPrice"] == price["optPrice"]
        assert (implied["delta"], implied["gamma"], implied["vega"]) == (None, None, None)
        for name in ("cancelCalculateOptionPrice", "cancelCalculateImpliedVolatility"):
            client.send(name, reqId=6)
        client.send("reqCurrentTime")
        assert [call.name for call in await client.next()] == ["currentTime"]


async def test_a_price_that_no_volatility_gives(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for price in (0.01, 1e6):
            client.send(
                "calculateImpliedVolatility",
                reqId=6,
                contract=CALL,
                underPrice=662.0,
                optionPrice=price,
            )
            (call,) = await client.next()
            assert values(call)["impliedVol"] is None
            assert values(call)["optPrice"] == Decimal(repr(price))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"contract": {"symbol": "SPY", "secType": "STK"}}, 200),
        ({"contract": {**CALL, "strike": 660.1}}, 200),
        ({"contract": {**CALL, "strike": 0.0}}, 200),
        ({"underPrice": 0.0}, 321),
        ({"underPrice": float("nan")}, 321),
        ({"underPrice": -1.0}, 321),
        ({"volatility": float("inf")}, 321),
        ({"volatility": 0.0}, 321),
    ],
)
async def test_calculations_that_make_no_sense(
    gateway: PaperGateway, change: dict[str, Any], code: int
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        fields = {"reqId": 5, "contract": CALL, "volatility": 0.2, "underPrice": 662.0, **change}
        client.send("calculateOptionPrice", **fields)
        (call,) = await client.next()
        assert error_of(call)[:2] == (5, code)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_options_line(gateway: PaperGateway, feed: ManualFeed, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=7, contract=CALL)
        calls: list[Call] = []
        while not calls or calls[-1].name != "tickOptionComputation" or calls[-1].args[1] != 13:
            calls += await client.next()
        kinds = [call.args[1] for call in calls if call.name.startswith("tick")]
        assert [call.name for call in calls[:2]] == ["marketDataType", "tickReqParams"]
        assert {1, 2, 4, 6, 7, 8, 9, 14, 10, 11, 12, 13} <= set(kinds)
        model = values(calls[-1])
        assert float(model["undPrice"]) == pytest.approx(662.01)
        assert Decimal("0.1") < model["impliedVol"] < Decimal("0.25")
        feed.time_ns += 10**9
        feed.send([feed.quote("SPY", 670.0, 670.02)])
        calls = []
        while not calls or calls[-1].name != "tickOptionComputation" or calls[-1].args[1] != 13:
            calls += await client.next()
        assert {1, 2, 10, 11} <= {call.args[1] for call in calls}
        assert values(calls[-1])["optPrice"] > model["optPrice"] + 3


async def test_an_options_snapshot_waits_for_its_computations(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=7, contract=CALL, snapshot=True)
        calls = await client.until("tickSnapshotEnd")
        computed = [call.args[1] for call in calls if call.name == "tickOptionComputation"]
        assert computed == [10, 11, 12, 13]


@pytest.mark.parametrize("missing", ["strike", "right", "lastTradeDateOrContractMonth"])
async def test_an_incomplete_option_has_no_line(gateway: PaperGateway, missing: str) -> None:
    async with connect(gateway) as client:
        await client.ready()
        contract = {name: value for name, value in CALL.items() if name != missing}
        client.send("reqMktData", reqId=7, contract=contract)
        (call,) = await client.next()
        assert error_of(call) == (
            *(7, 321),
            (
                "Error validating request.-'bO' : cause - When the local symbol field is empty, "
                "please fill the following fields (right, strike, expiry)"
            ),
        )
        client.send(
            "reqMktData", reqId=8, contract={**CALL, "lastTradeDateOrContractMonth": "202601"}
        )
        (call,) = await client.next()
        assert error_of(call)[:2] == (8, 200)
        assert "ambiguous" in error_of(call)[2]


async def test_a_resting_order_fills_when_the_underlying_moves(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        con_id = gateway.hub.engine.catalogue.find(Contract(**CALL))[0].con_id
        ask = gateway.hub.feed.book(con_id).ask
        assert ask is not None
        limit = round(ask - 2.0, 2)
        order = {
            "action": "BUY",
            "totalQuantity": "1",
            "orderType": "LMT",
            "lmtPrice": limit,
            "tif": "GTC",
            "transmit": True,
        }
        client.send("placeOrder", orderId=1, contract=CALL, order=order)
        await client.until("orderStatus")
        # Long after, and though nobody watches it.
        feed.time_ns += 600 * 10**9
        feed.send([feed.quote("SPY", 661.0, 661.02)])
        feed.time_ns += 10**9
        feed.send([feed.quote("SPY", 655.0, 655.02)])
        calls = await client.until("commissionAndFeesReport")
        fill: Any = next(call for call in calls if call.name == "execDetails").args[2]
        assert float(fill["price"]) <= limit
        assert float(fill["price"]) == gateway.hub.feed.book(con_id).ask
        assert fill["exchange"] in {"AMEX", "CBOE", "BATS"}
        report: Any = calls[-1].args[0]
        assert float(report["commissionAndFees"]) >= 0.65


@pytest.mark.parametrize("version", [178, 225])
async def test_an_option_off_its_ticks_is_refused(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        order = {
            "action": "BUY",
            "totalQuantity": "1",
            "orderType": "LMT",
            "lmtPrice": 5.005,
            "tif": "DAY",
            "transmit": True,
        }
        client.send("placeOrder", orderId=1, contract=CALL, order=order)
        (call,) = await client.next()
        assert error_of(call)[:2] == (1, 110)


@pytest.mark.parametrize(("price", "code"), [(2.95, None), (3.05, 110), (3.10, None), (2.97, 110)])
async def test_an_index_options_ticks_depend_on_the_price(
    gateway: PaperGateway, price: float, code: int | None
) -> None:
    spx = {**CALL, "symbol": "SPX", "strike": 6600.0, "tradingClass": "SPXW"}
    async with connect(gateway) as client:
        await client.ready()
        order = {
            "action": "BUY",
            "totalQuantity": "1",
            "orderType": "LMT",
            "lmtPrice": price,
            "tif": "DAY",
            "transmit": True,
        }
        client.send("placeOrder", orderId=1, contract=spx, order=order)
        (call, *_) = await client.next()
        assert (error_of(call)[1] if call.name == "error" else None) == code
