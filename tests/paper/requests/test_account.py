"""Accounts as clients see them: images, cadences, ends, and what is refused."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper.clients.visibility import Access
from twsloop.paper.server import PaperGateway

D = Decimal
AAPL = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
EURUSD = {"symbol": "EUR", "secType": "CASH", "currency": "USD", "exchange": "IDEALPRO"}
VERSIONS = (225, 200, 157)
FIRST, SECOND = "DU1111111", "DU2222222"
UNSET = D("1.7976931348623157e+308")


class House:
    """A gateway with two accounts, and its clients."""

    def __init__(self, feed: ManualFeed, clock: ManualClock, paper: PaperGateway, v: int) -> None:
        self.feed, self.clock, self.paper, self.version = feed, clock, paper, v

    def client(self, client_id: int = 1) -> WireClient:
        return WireClient(
            self.paper.host, self.paper.port, version=self.version, client_id=client_id
        )

    def move(self, price: float) -> None:
        feed = self.feed
        feed.send([feed.quote("AAPL", price, price + 0.05, 10_000), feed.trade("AAPL", price)])


@pytest.fixture(params=VERSIONS)
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    feed, clock = ManualFeed(), ManualClock()
    feed.send([feed.quote("AAPL", 270.0, 270.05, 10_000), feed.trade("AAPL", 270.0)])
    feed.send([feed.quote("EUR.USD", 1.1, 1.10005, 1_000_000)])
    paper = PaperGateway(feed=feed, clock=clock, accounts=(FIRST, SECOND), currency={SECOND: "EUR"})
    async with paper:
        yield House(feed, clock, paper, request.param)


async def told(client: WireClient) -> list[Call]:
    """Everything that has been sent to a client until now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


async def asked(client: WireClient, name: str, end: str, **fields: Any) -> list[Call]:
    client.send(name, **fields)
    return (await client.until(end))[:-1]


async def buy(
    client: WireClient, order_id: int, account: str, contract: Any = None, **fields: Any
) -> None:
    order = {
        "action": "BUY",
        "totalQuantity": "100",
        "orderType": "MKT",
        "tif": "DAY",
        "transmit": True,
        "account": account,
        **fields,
    }
    client.send("placeOrder", orderId=order_id, contract=contract or AAPL, order=order)
    await client.until("commissionAndFeesReport")


def errors(calls: list[Call]) -> list[tuple[int, int]]:
    assert all(call.name == "error" for call in calls), calls
    return [error_of(call)[:2] for call in calls]


def row(calls: list[Call], key: str, currency: str) -> str:
    (found,) = (
        str(c.args[1])
        for c in calls
        if c.name == "updateAccountValue" and c.args[0] == key and c.args[2] == currency
    )
    return found


# ---- account updates ---------------------------------------------------------------------------


async def test_the_image_of_an_account(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        await buy(client, 1, SECOND)
        calls = await asked(
            client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=SECOND
        )
        values = [call for call in calls if call.name == "updateAccountValue"]
        assert calls[: len(values)] == values
        keys = [call.args[0] for call in values]
        assert keys == sorted(keys)
        assert {call.args[3] for call in values} == {SECOND}
        assert [call.name for call in calls[len(values) :]] == [
            *("updatePortfolio", "updateAccountTime"),
            "updateAccountTime",
        ]
        assert [c.args[2] for c in values if c.args[0] == "CashBalance"] == ["BASE", "EUR", "USD"]
        assert row(calls, "CashBalance", "EUR") == "1000000.00"
        assert row(calls, "CashBalance", "USD") == "-27006.00"
        assert row(calls, "ExchangeRate", "USD") == "0.9090702"
        assert row(calls, "AccountCode", "") == SECOND
        assert row(calls, "StockMarketValue", "USD") == "27000.00"
        shown = calls[len(values)].args
        assert shown[0]["primaryExchange"] == "NASDAQ"
        assert shown[0]["exchange"] == ("NASDAQ" if house.version == 225 else "")  # not in text
        assert shown[1:] == (100, 270, 27000, D("270.060003"), -6, 0, SECOND)
        assert calls[-1].args == ("14:30",)


async def test_what_changed_comes_with_a_fill_and_every_three_minutes(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        await asked(
            client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=FIRST
        )
        await buy(client, 1, FIRST)
        calls = await told(client)
        assert [call.name for call in calls[:2]] == ["updatePortfolio", "updateAccountValue"]
        assert calls[-1].name == "updateAccountTime"
        changed = {(call.args[0], call.args[2]) for call in calls[1:-1]}
        assert ("CashBalance", "USD") in changed
        assert not changed & {("AccountCode", ""), ("CashBalance", "EUR"), ("Currency", "USD")}
        house.move(272.0)
        house.clock.advance(179)
        assert await told(client) == []
        house.clock.advance(1)
        calls = await told(client)
        assert row(calls, "UnrealizedPnL", "USD") == "194.00"
        keys = {call.args[0] for call in calls if call.name == "updateAccountValue"}
        assert "CashBalance" not in keys
        house.clock.advance(180)
        calls = await told(client)
        assert {call.name for call in calls} <= {"updatePortfolio", "updateAccountTime"}
        client.send("reqAccountUpdates", subscribe=False, acctCode=FIRST)
        await buy(client, 2, FIRST)
        house.clock.advance(360)
        assert await told(client) == []


async def test_one_account_is_told_at_a_time(house: House) -> None:
    async with house.client(1) as one, house.client(2) as two, house.client(3) as same:
        for client, account in ((one, FIRST), (same, FIRST), (two, SECOND)):
            await client.ready()
            await asked(
                client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=account
            )
        # The last one took the account data over.
        assert errors(await told(one)) == errors(await told(same)) == [(-1, 2100)]
        await buy(one, 1, FIRST)
        assert await told(same) == await told(two) == []
        await buy(one, 2, SECOND)
        assert {call.name for call in await told(two)} > {"updatePortfolio"}
        # A client's own subscription moves without a word.
        await asked(two, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=FIRST)
        await buy(one, 3, SECOND)
        assert await told(two) == []


async def test_by_setting_another_account_is_refused() -> None:
    feed = ManualFeed()
    access = Access(take_over_account=False)
    paper = PaperGateway(feed=feed, accounts=(FIRST, SECOND), access=access)
    async with paper:
        house = House(feed, ManualClock(), paper, 225)
        async with house.client(1) as one, house.client(2) as two:
            await one.ready()
            await two.ready()
            wanted = {"subscribe": True, "acctCode": FIRST}
            await asked(one, "reqAccountUpdates", "accountDownloadEnd", **wanted)
            await asked(two, "reqAccountUpdates", "accountDownloadEnd", **wanted)
            two.send("reqAccountUpdates", subscribe=True, acctCode=SECOND)
            assert errors(await told(two)) == [(-1, 2101)]
            assert await told(one) == []


async def test_unknown_accounts_and_groups(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        for name, fields, ident in (
            ("reqAccountUpdates", {"subscribe": True, "acctCode": "DU9"}, -1),
            ("reqAccountUpdatesMulti", {"reqId": 5, "account": "DU9"}, 5),
            ("reqPositionsMulti", {"reqId": 6, "account": "U1"}, 6),
            ("reqPnL", {"reqId": 7, "account": "DU11111111"}, 7),
            ("reqPnLSingle", {"reqId": 8, "account": "x", "conId": 265598}, 8),
            ("reqAccountSummary", {"reqId": 9, "group": "", "tags": "NetLiquidation"}, 9),
            ("reqAccountSummary", {"reqId": 10, "group": "mine", "tags": "NetLiquidation"}, 10),
        ):
            client.send(name, **fields)
            assert errors(await told(client)) == [(ident, 321)], name
        house.clock.advance(181)
        assert await told(client) == []
        for name, req_id, code in (("cancelPnL", 7, 10185), ("cancelPnLSingle", 8, 10186)):
            client.send(name, reqId=req_id)
            assert errors(await told(client)) == [(req_id, code)]
        for name in ("cancelAccountSummary", "cancelPositionsMulti", "cancelAccountUpdatesMulti"):
            client.send(name, reqId=10)
        client.send("cancelPositions")
        assert await told(client) == []
        client.send("reqManagedAccts")
        (accounts,) = await told(client)
        assert (accounts.name, accounts.args) == ("managedAccounts", (f"{FIRST},{SECOND}",))


# ---- account summary ---------------------------------------------------------------------------


async def test_summaries(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        wanted = {"group": "All", "tags": "NetLiquidation,TotalCashValue,NoSuchTag"}
        calls = await asked(client, "reqAccountSummary", "accountSummaryEnd", reqId=1, **wanted)
        assert [call.args[1:] for call in calls] == [
            (FIRST, "NetLiquidation", "1000000.00", "USD"),
            (FIRST, "TotalCashValue", "1000000.00", "USD"),
            (SECOND, "NetLiquidation", "1000000.00", "EUR"),
            (SECOND, "TotalCashValue", "1000000.00", "EUR"),
        ]
        client.send("reqAccountSummary", reqId=1, **wanted)
        assert errors(await told(client)) == [(1, 322)]
        calls = await asked(
            client, "reqAccountSummary", "accountSummaryEnd", reqId=2, group=SECOND, tags="Cushion"
        )
        assert [call.args[1:] for call in calls] == [(SECOND, "Cushion", "1.000000", "")]
        client.send("reqAccountSummary", reqId=3, **wanted)
        assert errors(await told(client)) == [(3, 322)]
        await buy(client, 1, FIRST)
        house.move(271.0)
        house.clock.advance(180)
        changed = [call.args for call in await told(client)]
        assert changed == [
            (1, FIRST, "NetLiquidation", "1000094.00", "USD"),
            (1, FIRST, "TotalCashValue", "972994.00", "USD"),
        ]
        client.send("cancelAccountSummary", reqId=1)
        client.send("reqAccountSummary", reqId=3, **wanted)
        assert len(await client.until("accountSummaryEnd")) == 5


async def test_a_summary_with_a_ledger_is_told_as_10_40_does(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        tags = "NetLiquidation,AccountType,$LEDGER:ALL"
        first = await asked(
            client, "reqAccountSummary", "accountSummaryEnd", reqId=1, group=FIRST, tags=tags
        )
        second = (await client.until("accountSummaryEnd"))[:-1]
        keys = [call.args[2] for call in first]
        assert keys[:4] == ["AccountType", "NetLiquidation"] * 2
        assert first[4:] == second
        assert {call.args[1] for call in second} == {"All"}
        assert [call.args[4] for call in second] == sorted(call.args[4] for call in second)
        assert {call.args[4] for call in second} == {"BASE", "USD"}


async def test_a_summary_of_an_advisors_group() -> None:
    xml = (
        "<ListOfGroups><Group><name>Some</name><ListOfAccts><Account><acct>DU2222222</acct>"
        "</Account></ListOfAccts></Group></ListOfGroups>"
    )
    paper = PaperGateway(feed=ManualFeed(), accounts=("DF1111111", FIRST, SECOND))
    async with paper:
        house = House(ManualFeed(), ManualClock(), paper, 225)
        async with house.client() as client:
            await client.ready()
            client.send("replaceFA", reqId=1, faDataType=1, xml=xml)
            await client.until("replaceFAEnd")
            wanted = {"group": "Some", "tags": "NetLiquidation"}
            calls = await asked(client, "reqAccountSummary", "accountSummaryEnd", reqId=2, **wanted)
            assert [call.args[1] for call in calls] == [SECOND]
            client.send("reqAccountSummary", reqId=3, group="Others", tags="NetLiquidation")
            assert errors(await told(client)) == [(3, 321)]


# ---- positions and profit ----------------------------------------------------------------------


async def test_positions_go_to_every_subscriber(house: House) -> None:
    async with house.client(1) as trader, house.client(2) as watcher, house.client(3) as one:
        for client in (trader, watcher, one):
            await client.ready()
        assert await asked(watcher, "reqPositions", "positionEnd") == []
        model = {"reqId": 4, "account": FIRST, "modelCode": "Growth"}
        assert await asked(one, "reqPositionsMulti", "positionMultiEnd", **model) == []
        await buy(trader, 1, FIRST)
        await buy(trader, 2, SECOND, EURUSD, totalQuantity="20000")
        stock, currency = await told(watcher)
        assert (stock.args[0], *stock.args[2:]) == (FIRST, 100, D("270.060003"))
        assert stock.args[1]["exchange"] == "NASDAQ"
        assert (currency.args[0], currency.args[1]["exchange"]) == (SECOND, "")
        (multi,) = await told(one)
        assert multi.args[:3] == (4, FIRST, "Growth")
        await buy(trader, 3, FIRST, action="SELL")
        assert [call.args[2:] for call in await told(watcher)] == [(0, 0)]
        assert len(await asked(watcher, "reqPositions", "positionEnd")) == 1  # the flat one is gone
        watcher.send("cancelPositions")
        one.send("cancelPositionsMulti", reqId=4)
        await told(one)
        assert await told(watcher) == []
        await buy(trader, 4, FIRST)
        assert await told(watcher) == await told(one) == []


async def test_profit_every_second(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        await buy(client, 1, FIRST)
        client.send("reqPnL", reqId=1, account=FIRST)
        client.send("reqPnLSingle", reqId=2, account=FIRST, conId=265598)
        loss = -5 - D("1.0003")
        now = await told(client)  # the first comes at once
        assert [call.args for call in now] == [
            (1, loss, loss, 0),
            (2, 100, loss, loss, 0, 27000),
        ]
        house.move(271.0)
        assert await told(client) == []
        house.clock.advance(1.0)
        gain = loss + 100
        assert [call.args for call in await told(client)] == [
            (1, gain, gain, 0),
            (2, 100, gain, gain, 0, 27100),
        ]
        house.clock.advance(3.0)
        assert len(await told(client)) == 6
        client.send("cancelPnL", reqId=1)
        client.send("cancelPnLSingle", reqId=2)
        house.clock.advance(0.0)
        assert await told(client) == []
        house.clock.advance(3.0)
        assert await told(client) == []


async def test_profit_of_what_is_flat_or_unknown(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        client.send("reqPnLSingle", reqId=1, account=FIRST, conId=265598)
        error, flat = await told(client)
        assert error_of(error) == (1, 2150, "Invalid position trade derived value")
        assert flat.args == (1, 0, 0, UNSET, 0, UNSET)
        client.send("cancelPnLSingle", reqId=1)
        client.send("reqPnLSingle", reqId=2, account=FIRST, conId=999_999_999)
        assert await told(client) == []
        house.clock.advance(2.0)
        assert await told(client) == []
        client.send("cancelPnLSingle", reqId=2)
        assert await told(client) == []
        # Closed today: flat, with what it realized.
        await buy(client, 1, FIRST)
        await buy(client, 2, FIRST, action="SELL")
        client.send("reqPnLSingle", reqId=3, account=FIRST, conId=265598)
        single = (await told(client))[-1]
        assert single.args[1] == 0
        assert single.args[4] == single.args[2] < -7


async def test_values_under_a_request_id(house: House) -> None:
    async with house.client() as client:
        await client.ready()
        wanted = {"reqId": 3, "account": SECOND, "modelCode": ""}
        full = await asked(client, "reqAccountUpdatesMulti", "accountUpdateMultiEnd", **wanted)
        assert {call.args[:3] for call in full} == {(3, SECOND, "")}
        part = await asked(
            client,
            "reqAccountUpdatesMulti",
            "accountUpdateMultiEnd",
            reqId=4,
            account=SECOND,
            ledgerAndNLV=True,
        )
        keys = {call.args[3] for call in part}
        assert "NetLiquidation" in keys
        assert "CashBalance" in keys
        assert not keys & {"BuyingPower", "AccountCode", "InitMarginReq"}
        assert keys < {call.args[3] for call in full}
        await buy(client, 1, SECOND)
        calls = await told(client)
        assert {call.args[0] for call in calls} == {3, 4}
        assert ("StockMarketValue", "27000.00", "USD") in {call.args[3:] for call in calls}


async def test_a_storm_of_subscriptions_disturbs_nobody(house: House) -> None:
    dice = random.Random(4)
    async with house.client(1) as quiet, house.client(2) as wild:
        await quiet.ready()
        await wild.ready()
        await asked(quiet, "reqPositions", "positionEnd")
        quiet.send("reqPnL", reqId=1, account=FIRST)
        await told(quiet)
        for _ in range(400):
            req_id = dice.randrange(4)
            account = dice.choice((FIRST, SECOND, "", "DU9", "All", "x" * 300, "Ü,;\\"))
            name, fields = dice.choice(
                (
                    ("reqAccountUpdates", {"subscribe": True, "acctCode": account}),
                    ("reqAccountUpdates", {"subscribe": False, "acctCode": account}),
                    ("reqAccountSummary", {"reqId": req_id, "group": account, "tags": ",$LEDGER"}),
                    ("cancelAccountSummary", {"reqId": req_id}),
                    ("reqPositions", {}),
                    ("cancelPositions", {}),
                    ("reqPositionsMulti", {"reqId": req_id, "account": account}),
                    ("cancelPositionsMulti", {"reqId": req_id}),
                    ("reqAccountUpdatesMulti", {"reqId": req_id, "account": account}),
                    ("cancelAccountUpdatesMulti", {"reqId": req_id}),
                    ("reqPnL", {"reqId": req_id, "account": account}),
                    ("cancelPnL", {"reqId": req_id}),
                    ("reqPnLSingle", {"reqId": req_id, "account": account, "conId": req_id}),
                    ("cancelPnLSingle", {"reqId": req_id}),
                )
            )
            wild.send(name, **fields)
        calls = await told(wild)
        codes = {error_of(call)[1] for call in calls if call.name == "error"}
        assert codes <= {321, 322, 10185, 10186}
        assert await told(quiet) == []
        house.clock.advance(1.0)
        assert [call.name for call in await told(quiet)] == ["pnl"]
    # It left with all that it had, and nothing is told to nobody.
    house.clock.advance(200.0)
