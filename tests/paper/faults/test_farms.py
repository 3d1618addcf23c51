"""Farms break and fall asleep; what they serve is silent, and goes on as IB lets it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.faults import BARS, codes, errors, heard, prices
from tests.support.paper_server import AAPL, connect
from twsloop.clock import ManualClock
from twsloop.errors import FaultError
from twsloop.paper import PaperGateway
from twsloop.paper.clients.farms import FARMS, Farms, FarmState, kind_of

VERSIONS = [200, 225]
EUR = {"symbol": "EUR", "secType": "CASH", "currency": "USD", "exchange": "IDEALPRO"}


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed="manual", clock=clock) as it:
        it.market.set_price("AAPL", bid=270.0, ask=270.1, last=270.05)
        it.market.set_price("EUR.USD", 1.1)
        yield it


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_broken_farm_silences_what_it_serves_and_nothing_else(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqMktData", reqId=2, contract=EUR)
        await heard(client)
        farm = gateway.faults.farm_down("usfarm")
        told = await heard(client)
        assert errors(told) == [(-1, 2103, "Market data farm connection is broken:usfarm")]
        gateway.market.quote("AAPL", 271.0, 271.1)
        gateway.market.quote("EUR.USD", 1.2, 1.3)
        told = await heard(client)
        assert prices(told, 1) == []
        assert prices(told, 2)[:2] == [(1, 1.2), (2, 1.3)]
        farm.end()
        told = await heard(client)
        assert errors(told) == [(-1, 2104, "Market data farm connection is OK:usfarm")]
        assert {(1, 271.0), (2, 271.1)} <= set(prices(told, 1))  # the image again
        gateway.market.quote("AAPL", 272.0, 272.1)
        assert prices(await heard(client), 1)[:1] == [(1, 272.0)]


async def test_a_farm_that_forgets_stays_silent_until_it_is_asked_anew(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        await heard(client)
        gateway.faults.farm_down("usfarm", forget=True).end()
        gateway.market.quote("AAPL", 271.0, 271.1)
        told = await heard(client)
        assert (codes(told), prices(told, 1)) == ([2103, 2104], [])
        client.send("reqMktData", reqId=2, contract=AAPL)
        assert (1, 271.0) in prices(await heard(client), 2)
        client.send("cancelMktData", reqId=1)
        client.send("reqMktData", reqId=1, contract=AAPL)
        told = await heard(client)
        assert (codes(told), (1, 271.0) in prices(told, 1)) == ([], True)


async def test_a_line_asked_for_meanwhile_begins_when_the_farm_is_back(
    gateway: PaperGateway,
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        farm = gateway.faults.farm_down("cashfarm")
        client.send("reqMktData", reqId=2, contract=EUR)
        told = await heard(client)
        assert (codes(told), prices(told, 2)) == ([2103], [])
        farm.end()
        told = await heard(client)
        assert codes(told) == [2104]
        assert {1, 2} <= {kind for kind, _ in prices(told, 2)}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_broken_history_farm_kills_bars_that_are_kept_up_to_date(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqHistoricalData", reqId=7, keepUpToDate=True, **BARS)
        await client.until("historicalDataEnd")
        client.send("reqMktData", reqId=1, contract=AAPL)
        await heard(client)
        farm = gateway.faults.farm_down("ushmds")
        told = await heard(client)
        assert [(ident, code) for ident, code, _ in errors(told)] == [(-1, 2105), (7, 10182)]
        gateway.market.quote("AAPL", 271.0, 271.1)
        assert prices(await heard(client), 1)[:1] == [(1, 271.0)]  # quotes are another farm's
        client.send("reqHistoricalData", reqId=8, **BARS)
        client.send("reqHistoricalData", reqId=9, **{**BARS, "contract": EUR})
        told = await heard(client)
        assert [(ident, code) for ident, code, _ in errors(told)] == [(8, 162), (9, 162)]
        farm.end()
        assert codes(await heard(client)) == [2106]
        client.send("cancelHistoricalData", reqId=7)
        assert codes(await heard(client)) == [366]  # it has been dead for long
        client.send("reqHistoricalData", reqId=7, keepUpToDate=True, **BARS)
        await client.until("historicalDataEnd")


async def test_contracts_are_not_found_without_their_farm(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        farm = gateway.faults.farm_down("secdefnj")
        client.send("reqContractDetails", reqId=4, contract=AAPL)
        told = await heard(client)
        assert [(ident, code) for ident, code, _ in errors(told)] == [(-1, 2157), (4, 200)]
        async with connect(gateway, client_id=2) as other:
            calls = await other.until(lambda call: call.name == "error" and call.args[-3] == 2157)
            assert codes(calls) == [2104, 2106, 2158, 2157]
        farm.end()
        client.send("reqContractDetails", reqId=5, contract=AAPL)
        await client.until("contractDetailsEnd")


async def test_an_idle_farm_wakes_when_it_is_needed(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        idle = gateway.faults.farm_idle("ushmds", wakes=3)
        assert errors(await heard(client)) == [
            (
                -1,
                2107,
                "HMDS data farm connection is inactive but should be available upon demand.ushmds",
            )
        ]
        client.send("reqHistoricalData", reqId=7, **BARS)
        told = await heard(client)
        assert (codes(told), [one.name for one in told]) == ([2120], ["error"])
        clock.advance(3)
        told = await client.until("historicalDataEnd")
        assert codes(told) == [2106]
        assert not idle.on


async def test_a_cold_market_data_farm_connects_before_the_line_begins(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.faults.farm_idle("cashfarm")
        client.send("reqMktData", reqId=2, contract=EUR)
        told = await heard(client)
        assert (codes(told), prices(told, 2)) == ([2108, 2119], [])
        clock.advance(1)
        told = await heard(client)
        assert codes(told) == [2104]
        assert {1, 2} <= {kind for kind, _ in prices(told, 2)}


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_kinds_of_streams_fall_silent_and_go_on(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktDepth", reqId=3, contract=AAPL, numRows=3, isSmartDepth=True)
        client.send("reqTickByTickData", reqId=4, contract=AAPL, tickType="BidAsk")
        client.send("reqRealTimeBars", reqId=5, contract=AAPL, whatToShow="BID")
        await heard(client)
        farm = gateway.faults.farm_down("usfarm")
        gateway.market.quote("AAPL", 271.0, 271.1)
        clock.advance(11)
        assert codes(told := await heard(client)) == [2103]
        assert {one.name for one in told} == {"error"}
        farm.end()
        told = await heard(client)
        assert codes(told) == [2104, 317]
        assert any(one.name.startswith("updateMktDepth") for one in told)
        gateway.market.quote("AAPL", 272.0, 272.1)
        clock.advance(6)
        names = {one.name for one in await heard(client)}
        assert {"tickByTickBidAsk", "realtimeBar"} <= names


async def test_what_a_client_ends_while_it_is_silent_leaves_nothing(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqTickByTickData", reqId=4, contract=AAPL, tickType="BidAsk")
        await heard(client)
        farm = gateway.faults.farm_down("usfarm")
        client.send("cancelMktData", reqId=1)
        client.send("cancelTickByTickData", reqId=4)
        await heard(client)
        one = gateway.hub.clients[1]
        assert (one.muted, one.instruments, one.lines, gateway.hub.watchers.lines) == (
            set(),
            {},
            {},
            {},
        )
        farm.end()
        gateway.market.quote("AAPL", 271.0, 271.1)
        told = await heard(client)
        assert codes(told) == [2104]
        assert len(told) == 1


def test_a_farm_that_is_none_is_refused() -> None:
    with PaperGateway(feed="manual") as gateway, pytest.raises(FaultError, match="usfuture"):
        gateway.faults.farm_down("usfram")


@given(st.lists(st.tuples(st.sampled_from(FARMS), st.integers(0, 3), st.booleans())))
def test_a_farm_is_as_its_last_holder_says(steps: list[tuple[str, int, bool]]) -> None:
    """Whoever holds a farm, and in whatever order they let go: told is exactly what changes."""
    farms = Farms()
    held: dict[str, list[int]] = {name: [] for name in FARMS}
    states = list(FarmState)
    for name, token, hold in steps:
        before = farms.states.get(name)
        if token in held[name]:
            held[name].remove(token)
        if hold:
            held[name].append(token)
            changed = farms.hold(name, token, states[token])
        else:
            changed = farms.release(name, token)
        expected = states[held[name][-1]] if held[name] else FarmState.OK
        assert farms.state(name) is expected
        assert changed is (before is not expected)
    kinds = [list(type(kind_of(name))).index(kind_of(name)) for name in farms.states]
    assert kinds == sorted(kinds)  # sec-def last: clients take it for the end of the start


async def test_a_kind_may_have_several_farms(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.market.quote("MSFT", 400.0, 400.1)
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqMktData", reqId=2, contract={**AAPL, "symbol": "MSFT"})
        await heard(client)
        farm = gateway.faults.farm_down("usfarm.nj", symbols=("MSFT",))
        gateway.market.quote("AAPL", 271.0, 271.1)
        gateway.market.quote("MSFT", 401.0, 401.1)
        told = await heard(client)
        assert (codes(told), prices(told, 2)) == ([2103], [])
        assert (1, 271.0) in prices(told, 1)
        farm.end()
        assert (1, 401.0) in prices(await heard(client), 2)
        with gateway.faults.farm_down("usfarm"):
            gateway.market.quote("MSFT", 402.0, 402.1)
            assert (1, 402.0) in prices(await heard(client), 2)  # its farm is the other one


async def test_a_snapshot_of_a_broken_farm_ends_late_and_empty(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        with gateway.faults.farm_down("usfarm"):
            client.send("reqMktData", reqId=1, contract=AAPL, snapshot=True)
            assert codes(told := await heard(client)) == [2103]
            assert len(told) == 1
            clock.advance(11)
            assert [call.name for call in await heard(client)] == ["tickSnapshotEnd"]
