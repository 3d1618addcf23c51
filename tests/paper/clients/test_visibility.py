"""Who sees which order: owner, master client, client 0; and what a returning client is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, brief, error_of
from twsloop.clock import ManualClock
from twsloop.errors import PaperError
from twsloop.paper.clients.visibility import BY_HAND, Access, place_by_hand
from twsloop.paper.server import PaperGateway

D = Decimal
AAPL = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
RESTING = {
    "action": "BUY",
    "totalQuantity": "100",
    "orderType": "LMT",
    "lmtPrice": 269.0,
    "tif": "GTC",
    "transmit": True,
}
MARKET = {**RESTING, "orderType": "MKT", "tif": "DAY"}
VERSIONS = (225, 200, 176, 157)


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.0, 270.05), it.trade("AAPL", 270.02)])
    return it


class House:
    """A gateway and its clients."""

    def __init__(self, paper: PaperGateway, version: int) -> None:
        self.paper, self.version = paper, version

    def client(self, client_id: int) -> WireClient:
        return WireClient(
            self.paper.host, self.paper.port, version=self.version, client_id=client_id
        )

    def by_hand(self, **order: Any) -> int:
        fields = {**RESTING, **order}
        return place_by_hand(self.paper.hub, Contract(**AAPL), Order(**fields))


@pytest.fixture(params=VERSIONS)
async def house(feed: ManualFeed, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    paper = PaperGateway(
        feed=feed, clock=ManualClock(), access=Access(master_client_id=9), max_version=225
    )
    async with paper:
        yield House(paper, request.param)


async def told(client: WireClient) -> list[Call]:
    """Everything that has been sent to a client until now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


def lines(calls: list[Call]) -> list[str]:
    return [re.sub(r"@(\S+)", lambda found: f"@{float(found[1]):g}", brief(one)) for one in calls]


async def test_owner_master_and_nobody_else(house: House) -> None:
    async with house.client(1) as owner, house.client(9) as master, house.client(2) as other:
        for client in (owner, master, other):
            await client.ready()
        owner.send("placeOrder", orderId=1, contract=AAPL, order=MARKET)
        seen = await owner.until("commissionAndFeesReport")
        copy = await told(master)
        assert lines(copy) == lines(seen)
        assert {call.args[2]["clientId"] for call in copy if call.name == "openOrder"} == {D(1)}
        assert await told(other) == []
        # Errors and what-ifs are the owner's own.
        owner.send("cancelOrder", orderId=1)
        owner.send("placeOrder", orderId=2, contract=AAPL, order={**MARKET, "whatIf": True})
        assert [call.name for call in await told(owner)] == ["error", "openOrder"]
        assert await told(master) == []
        # The master's own orders are told once.
        master.send("placeOrder", orderId=1, contract=AAPL, order=RESTING)
        assert lines(await told(master)).count("open 1 Submitted") == 2
        assert await told(owner) == []


async def test_a_master_that_was_away_asks_for_executions(house: House) -> None:
    async with house.client(1) as owner, house.client(2) as other:
        await owner.ready()
        await other.ready()
        owner.send("placeOrder", orderId=1, contract=AAPL, order=MARKET)
        await owner.until("commissionAndFeesReport")
        async with house.client(9) as master:
            await master.ready()
            for client, filters, found in (
                (master, {}, 1),
                (master, {"clientId": 1}, 1),
                (master, {"clientId": 2}, 0),
                (master, {"acctCode": "DU1234567", "symbol": "AAPL", "side": "BUY"}, 1),
                (master, {"side": "SELL"}, 0),
                (master, {"secType": "OPT"}, 0),
                (master, {"exchange": "SMART"}, 1),
                (master, {"time": "20260105 09:00:00 US/Eastern"}, 1),
                (master, {"time": "20260105-14:29:00"}, 1),
                (master, {"time": "20260105 23:00:00 US/Eastern"}, 0),
                (other, {}, 1),
            ):
                client.send("reqExecutions", reqId=5, executionFilter=filters)
                calls = await client.until("execDetailsEnd")
                names = ["execDetails", "commissionAndFeesReport"] * found
                assert [call.name for call in calls] == [*names, "execDetailsEnd"], filters
                for call in calls:
                    if call.name == "execDetails":
                        assert call.args[0] == 5


async def test_another_client_cannot_cancel(house: House) -> None:
    async with house.client(1) as owner, house.client(9) as master, house.client(0) as zero:
        for client in (owner, master, zero):
            await client.ready()
        owner.send("placeOrder", orderId=77, contract=AAPL, order=RESTING)
        await told(owner)
        await told(master)
        for client in (master, zero):
            client.send("cancelOrder", orderId=77)
            (error,) = await told(client)
            assert error_of(error)[:2] == (77, 10147)
        assert await told(owner) == []
        zero.send("reqAllOpenOrders")
        calls = await zero.until("openOrderEnd")
        assert lines(calls) == ["open 77 Submitted", "status 77 Submitted 0/100 @0", "openOrderEnd"]


async def test_orders_by_hand_are_client_0s_to_bind(house: House) -> None:
    async with house.client(0) as zero, house.client(1) as other, house.client(9) as master:
        for client in (zero, other, master):
            await client.ready()
        perm_id = house.by_hand()
        seen = await told(zero)
        assert lines(seen)[:2] == ["open 0 Submitted", "status 0 Submitted 0/100 @0"]
        assert {call.args[2]["clientId"] for call in seen if call.name == "openOrder"} == {0}
        assert lines(await told(master)) == lines(seen)
        assert await told(other) == []
        # It can be seen by all who ask, but is nobody's.
        other.send("reqAllOpenOrders")
        assert lines(await other.until("openOrderEnd"))[0] == "open 0 Submitted"
        other.send("reqOpenOrders")
        assert lines(await other.until("openOrderEnd")) == ["openOrderEnd"]
        zero.send("cancelOrder", orderId=0)
        assert error_of((await told(zero))[0])[1] == 10147
        # Binding.
        zero.send("reqOpenOrders")
        bound, *rest = await zero.until("openOrderEnd")
        assert (bound.name, bound.args) == ("orderBound", (perm_id, 0, -1))
        assert lines(rest) == ["open -1 Submitted", "status -1 Submitted 0/100 @0", "openOrderEnd"]
        assert rest[0].args[2]["permId"] == perm_id
        # From now on it is like any other: changed, and cancelled.
        zero.send("placeOrder", orderId=-1, contract=AAPL, order={**RESTING, "lmtPrice": 268.0})
        (changed, *_) = await told(zero)
        assert changed.name == "openOrder"
        assert (changed.args[0], changed.args[2]["lmtPrice"]) == (-1, D("268.0"))
        zero.send("cancelOrder", orderId=-1)
        assert lines(await told(zero)) == ["status -1 Cancelled 0/100 @0", "error -1 202"]


async def test_auto_binding(house: House) -> None:
    async with house.client(0) as zero, house.client(1) as other:
        await zero.ready()
        await other.ready()
        other.send("reqAutoOpenOrders", autoBind=True)
        assert error_of((await told(other))[0])[:2] == (-1, 327)
        zero.send("reqAutoOpenOrders", autoBind=True)
        assert await told(zero) == []
        perm_id = house.by_hand(orderType="MKT", tif="DAY")
        calls = await told(zero)
        assert (calls[0].name, calls[0].args) == ("orderBound", (perm_id, 0, -1))
        fill = next(call for call in calls if call.name == "execDetails")
        assert (fill.args[2]["orderId"], fill.args[2]["clientId"]) == (-1, 0)
        assert lines(calls)[-2] == "status -1 Filled 100/0 @270.05"
        zero.send("reqAutoOpenOrders", autoBind=False)
        assert await told(zero) == []
        house.by_hand()
        assert lines(await told(zero))[0] == "open 0 Submitted"
        # What was filled unbound is told as an execution of nobody's order id.
        house.by_hand(orderType="MKT", tif="DAY", action="SELL")
        await told(zero)
        other.send("reqExecutions", reqId=1)
        calls = await other.until("execDetailsEnd")
        ids = [call.args[2]["orderId"] for call in calls if call.name == "execDetails"]
        assert ids == [-1, 0]
        for api_only, count in ((True, 0), (False, 2)):
            other.send("reqCompletedOrders", apiOnly=api_only)
            calls = await other.until("completedOrdersEnd")
            assert len(calls) - 1 == count


async def test_a_refused_order_by_hand(house: House) -> None:
    with pytest.raises(PaperError, match="Invalid order type"):
        house.by_hand(orderType="NONSENSE")
    assert list(house.paper.engine.book) == []


async def test_a_client_that_comes_back(house: House) -> None:
    async with house.client(1) as client:
        await client.ready()
        client.send("placeOrder", orderId=4, contract=AAPL, order=RESTING)
        client.send("placeOrder", orderId=5, contract=AAPL, order={**RESTING, "lmtPrice": 260.0})
        client.send("placeOrder", orderId=6, contract=AAPL, order=MARKET)
        await told(client)
    while house.paper.clients:
        await asyncio.sleep(0)
    async with house.client(1) as client, house.client(2) as other:
        calls = await client.ready()
        assert lines(calls)[:7] == [
            *("open 4 Submitted", "status 4 Submitted 0/100 @0"),
            *("open 5 Submitted", "status 5 Submitted 0/100 @0"),
            *("openOrderEnd", "managedAccounts", "nextValidId"),
        ]
        assert calls[6].args == (7,)
        assert (await other.ready())[0].name == "managedAccounts"
        client.send("cancelOrder", orderId=4)
        assert lines(await told(client)) == ["status 4 Cancelled 0/100 @0", "error 4 202"]


async def test_by_setting_no_orders_come_first(feed: ManualFeed) -> None:
    access = Access(download_open_orders=False)
    async with PaperGateway(feed=feed, access=access) as paper:
        house = House(paper, 225)
        async with house.client(1) as client:
            await client.ready()
            client.send("placeOrder", orderId=4, contract=AAPL, order=RESTING)
            await told(client)
        while paper.clients:
            await asyncio.sleep(0)
        async with house.client(1) as client:
            assert (await client.ready())[0].name == "managedAccounts"


async def test_the_client_id_of_nobody_is_refused(feed: ManualFeed) -> None:
    async with PaperGateway(feed=feed) as paper, House(paper, 225).client(BY_HAND) as client:
        (error,) = await client.next()
        assert error_of(error)[:2] == (-1, 326)
        assert await client.ended()


async def test_a_global_cancel_takes_orders_by_hand_too(house: House) -> None:
    async with house.client(0) as zero, house.client(1) as other, house.client(9) as master:
        for client in (zero, other, master):
            await client.ready()
        house.by_hand()
        other.send("placeOrder", orderId=3, contract=AAPL, order=RESTING)
        for client in (other, zero, master):
            await told(client)
        zero.send("reqGlobalCancel")
        # The errors are the owner's; of an order by hand the gateway's window shows them.
        assert lines(await told(zero)) == ["status 0 Cancelled 0/100 @0"]
        assert lines(await told(other)) == ["status 3 Cancelled 0/100 @0", "error 3 202"]
        assert sorted(lines(await told(master))) == [
            "status 0 Cancelled 0/100 @0",
            "status 3 Cancelled 0/100 @0",
        ]


async def test_client_0_can_be_the_master(feed: ManualFeed) -> None:
    paper = PaperGateway(feed=feed, clock=ManualClock(), access=Access(master_client_id=0))
    async with paper:
        house = House(paper, 225)
        async with house.client(0) as zero, house.client(1) as owner:
            await zero.ready()
            await owner.ready()
            house.by_hand(orderType="MKT", tif="DAY", totalQuantity="10")
            assert lines(await told(zero)).count("exec -1 BOT 10 @270.05") == 1
            owner.send("placeOrder", orderId=1, contract=AAPL, order=MARKET)
            seen = await told(owner)
            assert lines(await told(zero)) == lines(seen)
            # It sees the order of another, but has none of that id: this one is new.
            zero.send("placeOrder", orderId=1, contract=AAPL, order=RESTING)
            assert lines(await told(zero))[0] == "open 1 Submitted"
            zero.send("cancelOrder", orderId=1)
            assert lines(await told(zero))[0] == "status 1 Cancelled 0/100 @0"
            assert await told(owner) == []


async def test_bound_orders_keep_their_numbers(house: House) -> None:
    for _ in range(2):
        house.by_hand()
    async with house.client(0) as zero:
        await zero.ready()
        zero.send("reqOpenOrders")
        bound = [call for call in await zero.until("openOrderEnd") if call.name == "orderBound"]
        assert [call.args[2] for call in bound] == [-1, -2]
        zero.send("cancelOrder", orderId=-2)
        await told(zero)
        house.by_hand()
        zero.send("reqOpenOrders")
        calls = [call for call in await zero.until("openOrderEnd") if call.name != "openOrder"]
        assert lines(calls)[-3:] == [
            "status -1 Submitted 0/100 @0",
            "status -3 Submitted 0/100 @0",
            "openOrderEnd",
        ]
        # None of it touches the numbers that client 0 gives itself.
        zero.send("reqIds")
        assert (await told(zero))[0].args == (1,)
