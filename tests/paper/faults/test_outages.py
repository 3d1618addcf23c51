"""The gateway loses its servers: in IB's sequence, and nothing that happened meanwhile is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.faults import (
    LIMIT,
    asked,
    codes,
    errors,
    heard,
    prices,
    stories,
    trading_gateway,
)
from tests.support.paper_server import AAPL, connect
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.visibility import Access

VERSIONS = [200, 225]
MAINTAINED = "Connectivity between IB and Trader Workstation has been restored - data maintained."


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with trading_gateway(clock) as it:
        yield it


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_sequence_of_a_short_outage(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        await heard(client)
        lost = gateway.faults.server_lost()
        assert codes(await heard(client)) == [2103, 2157, 2105, 1100]
        gateway.market.quote("AAPL", 271.0, 271.1)
        assert prices(await heard(client), 1) == []
        lost.end()
        told = await heard(client)
        assert errors(told)[:3] == [
            (-1, 2106, "HMDS data farm connection is OK:ushmds"),
            (-1, 2158, "Sec-def data farm connection is OK:secdefil"),
            (-1, 2104, "Market data farm connection is OK:usfarm"),
        ]
        all_back = "All data farms are connected: usfarm; ushmds; secdefil."
        assert errors(told)[3:] == [(-1, 1102, f"{MAINTAINED} {all_back}")]
        assert {(1, 271.0), (2, 271.1)} <= set(prices(told, 1))


async def test_1102_names_the_farms_that_are_not_back(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.faults.farm_down("ushmds")
        gateway.faults.server_lost().end()
        told = errors(await heard(client))
        farms = "The following farms are connected: usfarm; secdefil."
        missing = "The following farms are not connected: ushmds."
        assert told[-1] == (-1, 1102, f"{MAINTAINED} {farms} {missing}")


@pytest.mark.parametrize("version", VERSIONS)
async def test_after_1101_the_gateway_has_no_subscription(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        client.send("reqTickByTickData", reqId=2, contract=AAPL, tickType="BidAsk")
        client.send("reqPnL", reqId=3, account=gateway.account)
        client.send("reqPositions")
        await heard(client)
        gateway.faults.server_lost(data="lost").end()
        assert codes(await heard(client))[-1] == 1101
        gateway.market.quote("AAPL", 271.0, 271.1)
        clock.advance(5)
        assert await heard(client) == []
        client.send("cancelMktData", reqId=1)
        assert codes(await heard(client)) == [300]
        client.send("reqMktData", reqId=1, contract=AAPL)
        assert (1, 271.0) in prices(await heard(client), 1)


async def test_who_connects_meanwhile_is_told_what_is_wrong(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    lost = gateway.faults.server_lost(repeat=30)
    async with connect(gateway) as client:
        calls = await client.until(lambda call: codes([call]) == [1100])
        assert codes(calls) == [2110, 1100]
        assert {"managedAccounts", "nextValidId"} <= {call.name for call in calls}
        clock.advance(90)
        assert codes(await heard(client)) == [1100] * 3
        lost.end()
        assert codes(await heard(client)) == [2106, 2158, 2104, 1102]
        clock.advance(90)
        assert await heard(client) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_fills_of_the_outage_come_late_and_once(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        client.send("reqPositions")
        await heard(client)
        lost = gateway.faults.server_lost()
        gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)  # it fills at the exchange
        assert codes(await heard(client)) == [2103, 2157, 2105, 1100]
        # From memory: it still works, and nothing has filled.
        told = stories(await asked(client, "reqAllOpenOrders", "openOrderEnd"))
        assert told == ["open 1 Submitted", "status 1 Submitted 0/100 @0.0"]
        told = stories(await asked(client, "reqOpenOrders", "openOrderEnd"))
        assert told == ["open 1 Submitted", "status 1 Submitted 0/100 @0.0"]
        assert await asked(client, "reqExecutions", "execDetailsEnd", reqId=8) == []
        assert await asked(client, "reqCompletedOrders", "completedOrdersEnd") == []
        assert await asked(client, "reqPositions", "positionEnd") == []
        lost.end()
        calls = await heard(client)
        told = [one for one in stories(calls) if not one.startswith("error -1 ")]
        assert told[0] == "exec -1 BOT 100 @268.5"
        assert [one.split()[0] for one in told].count("exec") == 1
        assert [one.split()[0] for one in told].count("report") == 1
        assert [call.name for call in calls].count("position") == 1
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        assert [call.name for call in found].count("execDetails") == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_orders_of_the_outage_are_held_and_sent_later(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        lost = gateway.faults.server_lost()
        await heard(client)
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        client.send("placeOrder", orderId=2, contract=AAPL, order=LIMIT)
        client.send("cancelOrder", orderId=1)
        assert await heard(client) == []
        lost.end()
        told = await heard(client)
        assert codes(told) == [2106, 2158, 2104, 1102, 1104, 1105, 202]
        placed = [one for one in stories(told) if one.startswith("status")]
        assert placed[-1] == "status 1 Cancelled 0/100 @0.0"
        assert "status 2 Submitted 0/100 @0.0" in placed


async def test_held_orders_of_a_client_that_left_are_sent_too(gateway: PaperGateway) -> None:
    lost = gateway.faults.server_lost()
    async with connect(gateway) as client:
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        await heard(client)
    lost.end()
    async with connect(gateway) as client:
        calls = await client.ready()
        assert "status 1 Submitted 0/100 @0.0" in stories(calls)


@pytest.mark.parametrize(("orders", "told"), [("refused", [201, 201]), ("lost", [])])
async def test_orders_of_the_outage_may_be_refused_or_lost(
    gateway: PaperGateway, orders: str, told: list[int]
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        lost = gateway.faults.server_lost(orders=orders)
        await heard(client)
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        client.send("cancelOrder", orderId=1)
        assert codes(await heard(client)) == told
        lost.end()
        assert codes(await heard(client)) == [2106, 2158, 2104, 1102]
        assert await asked(client, "reqAllOpenOrders", "openOrderEnd") == []


async def test_a_client_that_comes_back_meanwhile_hears_what_was(clock: ManualClock) -> None:
    async with PaperGateway(feed="manual", clock=clock) as gateway:
        gateway.market.quote("AAPL", 270.0, 270.1)
        async with connect(gateway) as client:
            client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
            await client.until("orderStatus")
        lost = gateway.faults.server_lost()
        gateway.market.quote("AAPL", 268.0, 268.5)
        async with connect(gateway) as client:
            calls = await client.until("openOrderEnd")
            assert "status 1 Submitted 0/100 @0.0" in stories(calls)
            lost.end()
            told = await client.until("commissionAndFeesReport")
            assert [call.name for call in told].count("execDetails") == 1


async def test_a_gateway_that_pushes_no_orders_does_not_do_so_meanwhile(clock: ManualClock) -> None:
    quiet = Access(download_open_orders=False)
    async with PaperGateway(feed="manual", clock=clock, access=quiet) as gateway:
        gateway.faults.server_lost()
        async with connect(gateway) as client:
            await client.until(lambda call: codes([call]) == [1100])
            assert await heard(client) == []


async def test_two_outages_are_one_that_ends_with_the_last(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        await heard(client)
        first = gateway.faults.server_lost()
        second = gateway.faults.server_lost(farms=())
        gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)
        first.end()
        assert codes(await heard(client)) == [2103, 2157, 2105, 1100, 1100, 2106, 2158, 2104]
        assert await asked(client, "reqExecutions", "execDetailsEnd", reqId=8) == []
        second.end()
        told = await heard(client)
        assert (codes(told), [one.name for one in told].count("execDetails")) == ([1102], 1)


async def test_held_orders_do_not_outlive_the_gateway(gateway: PaperGateway) -> None:
    lost = gateway.faults.server_lost()
    async with connect(gateway) as client:
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        await heard(client)
        restart = gateway.faults.nightly_restart()
        assert await client.ended()
    restart.end()
    assert gateway._door is not None
    await gateway._door.settled()
    async with connect(gateway) as client:
        await client.until(lambda call: codes([call]) == [1100])
        lost.end()
        assert codes(await heard(client)) == [2106, 2158, 2104, 1102]
        assert await asked(client, "reqAllOpenOrders", "openOrderEnd") == []
