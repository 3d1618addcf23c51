"""The gateway restarts: who was connected is not, and what it comes back with is as it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.faults import LIMIT, asked, codes, errors, heard, stories, trading_gateway
from tests.support.official import Call
from tests.support.paper_server import AAPL, ORDER, connect
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.faults import FaultHandle

VERSIONS = [200, 225]


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with trading_gateway(clock) as it:
        yield it


async def open_again(gateway: PaperGateway) -> None:
    """Wait until the port is as it was asked to be."""
    assert gateway._door is not None
    await gateway._door.settled()


async def place(client: WireClient, *ids: int) -> None:
    for order_id in ids:
        client.send("placeOrder", orderId=order_id, contract=AAPL, order=LIMIT)
    await heard(client)


async def back(gateway: PaperGateway, restart: FaultHandle) -> None:
    restart.end()
    await open_again(gateway)


def next_id(calls: list[Call]) -> int:
    return int(next(call.args[0] for call in calls if call.name == "nextValidId"))


def opened(calls: list[Call]) -> list[int]:
    return [int(call.args[0]) for call in calls if call.name == "openOrder"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_is_away_and_comes_back_with_what_happened_meanwhile(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await place(client, 1, 2)
        restart = gateway.faults.nightly_restart(away=20)
        assert await client.ended()
    await open_again(gateway)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, gateway.port)
    gateway.market.quote("AAPL", 268.0, 268.5, ask_size=100)  # the first one fills
    clock.advance(20)
    await open_again(gateway)
    assert not restart.on
    async with connect(gateway, version) as client:
        calls = await client.ready()
        assert (opened(calls), next_id(calls)) == ([2], 3)
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        assert [call.args[2]["orderId"] for call in found if call.name == "execDetails"] == [1]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"next_id": "advanced", "shift": 1000}, 1003),
        ({"next_id": "reset"}, 1),
        ({"next_id": "kept"}, 3),
    ],
)
async def test_the_next_id_may_be_another_one(
    gateway: PaperGateway, how: dict[str, Any], told: int
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await place(client, 1, 2)
        client.send("cancelOrder", orderId=1)
        client.send("cancelOrder", orderId=2)
        await heard(client)
        restart = gateway.faults.nightly_restart(**how)
        assert await client.ended()
    await back(gateway, restart)
    async with connect(gateway) as client:
        assert next_id(await client.ready()) == told
        await place(client, told)
        assert opened(await asked(client, "reqOpenOrders", "openOrderEnd")) == [told]
        found = await asked(client, "reqCompletedOrders", "completedOrdersEnd")
        assert [one.name for one in found] == ["completedOrder"] * 2


async def test_an_id_that_was_rolled_back_is_refused_as_used(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await place(client, 1, 5)
        restart = gateway.faults.nightly_restart(next_id="rolled_back", shift=3)
        assert await client.ended()
    await back(gateway, restart)
    async with connect(gateway) as client:
        assert next_id(await client.ready()) == 3
        client.send("placeOrder", orderId=3, contract=AAPL, order=LIMIT)
        assert codes(await heard(client)) == [103]


@pytest.mark.parametrize("version", VERSIONS)
async def test_orders_may_be_lost_without_a_trace(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await place(client, 1, 2)
        restart = gateway.faults.nightly_restart(orders="lost")
        assert await client.ended()
    await back(gateway, restart)
    gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)
    async with connect(gateway, version) as client:
        calls = await client.ready()
        assert (opened(calls), next_id(calls)) == ([], 3)
        assert await asked(client, "reqAllOpenOrders", "openOrderEnd") == []
        assert await asked(client, "reqCompletedOrders", "completedOrdersEnd") == []
        assert await asked(client, "reqExecutions", "execDetailsEnd", reqId=9) == []
        client.send("cancelOrder", orderId=1)
        assert codes(await heard(client)) == [10147]


async def test_orders_may_work_unseen_until_they_fill(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await place(client, 1)
        restart = gateway.faults.nightly_restart(orders="unseen")
        assert await client.ended()
    await back(gateway, restart)
    async with connect(gateway) as client:
        assert opened(await client.ready()) == []
        assert await asked(client, "reqAllOpenOrders", "openOrderEnd") == []
        assert await asked(client, "reqOpenOrders", "openOrderEnd") == []
        gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)
        told = stories(await heard(client))
        assert told[0] == "exec -1 BOT 100 @268.5"


async def test_executions_of_before_may_be_cut(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        await place(client, 2)
        restart = gateway.faults.nightly_restart(executions="cut")
        assert await client.ended()
    gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)
    await back(gateway, restart)
    async with connect(gateway) as client:
        await client.ready()
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        (told,) = [call.args[2] for call in found if call.name == "execDetails"]
        assert told["orderId"] == 2
        found = await asked(client, "reqCompletedOrders", "completedOrdersEnd")
        assert [int(call.args[1]["permId"]) for call in found] == [int(told["permId"])]
        found = await asked(client, "reqPositions", "positionEnd")
        assert [str(call.args[2]) for call in found] == ["200"]


@pytest.mark.parametrize(("push", "place_of_id"), [("before", 3), ("after", 1), ("never", 1)])
async def test_open_orders_are_pushed_before_or_after_or_not(
    gateway: PaperGateway, push: str, place_of_id: int
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await place(client, 1)
        restart = gateway.faults.nightly_restart(push=push)
        assert await client.ended()
    await back(gateway, restart)
    async with connect(gateway) as client:
        calls = [one for one in await client.ready() + await heard(client) if one.name != "error"]
        names = [call.name for call in calls]
        assert names.index("managedAccounts") == (0 if place_of_id == 1 else place_of_id)
        assert ("openOrderEnd" in names) is (push != "never")
        if push == "after":
            assert names.index("openOrder") > names.index("nextValidId")


async def test_on_sunday_the_login_takes_its_time(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    restart = gateway.faults.sunday_restart()
    await back(gateway, restart)
    async with connect(gateway) as client:
        calls = await client.until(lambda call: codes([call]) == [1100])
        assert codes(calls) == [2110, 1100]
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        assert codes(await heard(client)) == [201]
        clock.advance(30)
        assert codes(await heard(client)) == [1102]
        await place(client, 1)
        assert opened(await asked(client, "reqOpenOrders", "openOrderEnd")) == [1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_port_changes(gateway: PaperGateway, version: int) -> None:
    before = gateway.port
    async with connect(gateway, version) as client:
        await client.ready()
        gateway.faults.port_changed()
        told = await client.until("error")
        (_, code, text), *_ = errors(told)
        assert code == 1300
        assert await client.ended()
    port = int(text.rsplit(" ", 1)[1])
    assert port != before
    await open_again(gateway)
    assert gateway.port == port
    async with connect(gateway, version) as client:
        await client.ready()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(gateway.host, before)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_read_only_gateway_takes_no_orders(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await place(client, 1)
        only = gateway.faults.read_only()
        client.send("placeOrder", orderId=2, contract=AAPL, order=LIMIT)
        client.send("cancelOrder", orderId=1)
        client.send("reqIds", numIds=1)
        told = errors(await heard(client))
        assert [(ident, code) for ident, code, _ in told] == [(2, 321), (1, 321), (-1, 321)]
        assert "Read-Only mode" in told[0][2]
        assert opened(await asked(client, "reqAllOpenOrders", "openOrderEnd")) == [1]
        async with connect(gateway, version, 2) as other:
            assert next_id(await other.ready()) == 1
        only.end()
        client.send("reqIds", numIds=1)
        assert next_id(await heard(client)) == 2


async def test_a_script_restarts_the_gateway(clock: ManualClock) -> None:
    script = {"fault": [{"fault": "nightly_restart", "at": 10, "away": 5, "orders": "lost"}]}
    async with PaperGateway(feed="manual", clock=clock, faults=script) as gateway:
        gateway.market.quote("AAPL", 270.0, 270.1)
        async with connect(gateway) as client:
            await client.ready()
            await place(client, 1)
            clock.advance(10)
            assert await client.ended()
        clock.advance(5)
        await open_again(gateway)
        async with connect(gateway) as client:
            assert opened(await client.ready()) == []
