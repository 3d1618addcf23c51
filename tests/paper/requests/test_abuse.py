"""Market data requests that nobody should make: all are answered, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
EXPIRY = "20260116"


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.0, 270.1), feed.trade("AAPL", 270.05)])
    feed.send([feed.quote("SPY", 662.0, 662.02), feed.trade("SPY", 662.0)])
    return feed


@pytest.fixture
async def gateway(feed: ManualFeed) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version)


def option(strike: float, right: str = "C", symbol: str = "SPY") -> dict[str, Any]:
    return {
        "symbol": symbol,
        "secType": "OPT",
        "exchange": "SMART",
        "currency": "USD",
        "lastTradeDateOrContractMonth": EXPIRY,
        "strike": strike,
        "right": right,
    }


async def told(client: WireClient) -> list[Call]:
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


def nothing_is_left(gateway: PaperGateway, feed: ManualFeed) -> None:
    hub = gateway.hub
    assert hub.watchers.lines == {}
    assert hub.watchers.listeners == {}
    assert feed.watched == []
    assert sum(hub.feed.subscribers.values()) == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", [157, 178, 200, 225])
@pytest.mark.parametrize("req_id", [-1, 0, -(2**31), 2**31 - 2])
async def test_any_number_is_an_id(
    gateway: PaperGateway, feed: ManualFeed, version: int, req_id: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=req_id, contract=AAPL, genericTickList="233")
        calls = await told(client)
        assert {int(call.args[0]) for call in calls} == {req_id}
        client.send("cancelMktData", reqId=req_id)
        assert await told(client) == []
        nothing_is_left(gateway, feed)


async def test_hundreds_of_options_and_a_storm_of_cancels(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    strikes = [float(strike) for strike in range(630, 700)]
    async with connect(gateway, 178) as client:
        await client.ready()
        for number, strike in enumerate(strikes):
            client.send("reqMktData", reqId=2 * number, contract=option(strike))
            client.send("reqMktData", reqId=2 * number + 1, contract=option(strike, "P"))
        assert {int(call.args[0]) for call in await told(client)} == set(range(140))
        feed.time_ns += 10**9
        feed.send([feed.quote("SPY", 663.0, 663.02)])
        assert {int(call.args[0]) for call in await told(client)} == set(range(140))
        for number in range(0, 140, 2):
            client.send("cancelMktData", reqId=number)
            client.send("cancelMktData", reqId=number)
            client.send("reqMktData", reqId=number, contract=option(630.0))
            client.send("cancelMktData", reqId=number)
        calls = await told(client)
        errors = [error_of(call)[:2] for call in calls if call.name == "error"]
        assert errors == [(number, 300) for number in range(0, 140, 2)]
        feed.time_ns += 10**9
        feed.send([feed.quote("SPY", 664.0, 664.02)])
        assert {int(call.args[0]) for call in await told(client)} == set(range(1, 140, 2))
        for number in range(1, 140, 2):
            client.send("cancelMktData", reqId=number)
        assert await told(client) == []
        nothing_is_left(gateway, feed)


async def test_a_client_that_goes_leaves_no_option_awake(
    gateway: PaperGateway, feed: ManualFeed
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for number in range(20):
            client.send("reqMktData", reqId=number, contract=option(640.0 + number))
        await told(client)
    async with connect(gateway) as client:
        await client.ready()
        nothing_is_left(gateway, feed)
        feed.time_ns += 100 * 10**9
        feed.send([feed.quote("SPY", 663.0, 663.02)])
        await told(client)
        assert gateway.hub.feed._awake == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("contract", "code"),
    [
        ({}, 200),
        ({"symbol": "AAPL"}, None),
        ({"secType": "STK", "exchange": "SMART"}, 200),
        ({"symbol": " AAPL ", "secType": "stk", "exchange": "smart"}, None),
        ({"symbol": "BRK B", "secType": "STK", "exchange": "SMART"}, None),
        ({"symbol": "BRK.B", "secType": "STK", "exchange": "SMART"}, 200),
        ({"symbol": "AAPL", "secType": "STK", "exchange": "ISLAND"}, None),
        ({"symbol": "AAPL", "secType": "STK", "exchange": "MARS"}, 200),
        ({"conId": 265598, "exchange": "MARS"}, 200),
        ({"conId": 265598, "symbol": "MSFT"}, 478),
        ({"conId": 265598, "secType": "OPT"}, 478),
        ({"conId": 265598, "currency": "EUR"}, 478),
        ({"conId": 1}, 200),
        ({"conId": -(2**31)}, 200),
        ({"symbol": "ES", "secType": "FUT", "exchange": "CME"}, 200),
        ({"symbol": "ES", "secType": "CONTFUT", "exchange": "CME"}, 321),
        ({"symbol": "EUR", "secType": "CASH", "currency": "USD"}, None),
        ({"symbol": "SPX", "secType": "IND", "exchange": "CBOE"}, None),
        ({"symbol": "IBM", "secType": "BOND"}, 200),
        ({"conId": 29105564}, 354),
        ({"symbol": "AAPL", "secType": "EQUITY"}, 321),
        ({"symbol": "SPY,AAPL", "secType": "BAG", "exchange": "SMART"}, 321),
        ({**AAPL, "symbol": "A" * 10_000}, 200),
        ({**AAPL, "symbol": "AAPL\x00"}, 200),
        ({**AAPL, "strike": float("inf")}, 200),
        ({**AAPL, "multiplier": float("nan")}, 200),
        (option(660.0), None),
        (option(float("nan")), 200),
        (option(float("inf")), 200),
        (option(-1.0), 200),
        (option(5e-324), 200),
        (option(660.0, "X"), 200),
        ({**option(660.0), "lastTradeDateOrContractMonth": "0"}, 200),
        ({**option(660.0), "lastTradeDateOrContractMonth": "99999999"}, 200),
        ({**option(660.0), "exchange": "NYSE"}, 200),
        ({"localSymbol": "SPY   260116C00660000", "secType": "OPT"}, None),
        ({"localSymbol": "SPY   260116C00660000"}, None),
        ({"localSymbol": "SPY   260116C99999999", "secType": "OPT"}, 200),
    ],
)
async def test_odd_contracts(
    gateway: PaperGateway, feed: ManualFeed, contract: dict[str, Any], code: int | None
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=5, contract=contract)
        calls = await told(client)
        codes = [error_of(call)[1] for call in calls if call.name == "error"]
        assert codes == ([] if code is None else [code])
        assert (calls[0].name == "marketDataType") == (code is None)
        assert (5 in gateway.hub.clients[1].lines) == (code is None)
        client.send("cancelMktData", reqId=5)
        await told(client)
        nothing_is_left(gateway, feed)


texts = st.text(max_size=12) | st.sampled_from(["AAPL", "SPY", "SPX", "OPT", "FUT", "SMART", "C"])
contracts = st.fixed_dictionaries(
    {},
    optional={
        "conId": st.integers(-(2**31), 2**31 - 1) | st.sampled_from([265598, 416904]),
        "symbol": texts,
        "secType": texts | st.sampled_from(["STK", "OPT", "IND", "CASH", "FUT", "BOND", "CONTFUT"]),
        "lastTradeDateOrContractMonth": texts | st.sampled_from([EXPIRY, "202601"]),
        "strike": st.floats() | st.sampled_from([660.0, 0.0]),
        "right": texts,
        "multiplier": st.floats(),
        "exchange": texts,
        "primaryExch": texts,
        "currency": texts | st.just("USD"),
        "localSymbol": texts | st.just("SPY   260116C00660000"),
        "tradingClass": texts,
        "secIdType": texts,
        "secId": texts,
        "includeExpired": st.booleans(),
    },
)
CATALOGUE = ManualFeed().instruments


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(contracts)
def test_no_description_breaks_the_catalogue(fields: dict[str, Any]) -> None:
    wanted = Contract(**fields)
    for found in CATALOGUE.find(wanted)[:20]:
        assert found.contract().conId == found.con_id
        assert CATALOGUE.by_con_id(found.con_id) is not None
        if wanted.conId:
            found.conflict(wanted)


@given(st.integers(-(2**63), 2**63 - 1))
def test_no_contract_id_breaks_the_catalogue(con_id: int) -> None:
    found = CATALOGUE.by_con_id(con_id)
    assert found is None or found.con_id == con_id


@pytest.mark.parametrize("version", [157, 178, 200, 225])
async def test_a_combinations_line(gateway: PaperGateway, feed: ManualFeed, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        ids = [CATALOGUE.find(Contract(**option(strike)))[0].con_id for strike in (650.0, 660.0)]
        legs = [
            {"conId": con_id, "ratio": 1, "action": action, "exchange": "SMART"}
            for con_id, action in zip(ids, ("BUY", "SELL"), strict=True)
        ]
        spread = {**AAPL, "symbol": "SPY", "secType": "BAG", "comboLegs": legs}
        client.send("reqMktData", reqId=5, contract=spread)
        calls = await told(client)
        prices = {int(c.args[1]): float(c.args[2]) for c in calls if c.name == "tickPrice"}
        assert 5.0 < prices[1] < prices[2] < 10.0
        feed.time_ns += 10**9
        feed.send([feed.quote("SPY", 640.0, 640.02)])
        calls = await told(client)
        prices = {int(c.args[1]): float(c.args[2]) for c in calls if c.name == "tickPrice"}
        assert prices[2] < 5.0
        client.send("cancelMktData", reqId=5)
        assert await told(client) == []
        legs[0]["conId"] = 1
        client.send("reqMktData", reqId=6, contract=spread)
        (call,) = await told(client)
        assert error_of(call)[:2] == (6, 313)
        nothing_is_left(gateway, feed)
