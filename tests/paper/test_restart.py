"""The nightly restart: the gateway starts again on a fresh market, and has forgotten nothing."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
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
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clients.visibility import place_by_hand
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.market.vocabulary import QuoteChange, Trade
from twsloop.paper.server import PaperGateway

D = Decimal
AAPL = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
#: Monday, ten o'clock in New York; the next morning is 24 hours later.
MONDAY = datetime(2026, 1, 5, 15, tzinfo=UTC)
DAY = 24 * 3600.0


class Nights:
    """A gateway that gets a new market with each start."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock(MONDAY)
        self.feeds: list[ManualFeed] = []
        self.paper = PaperGateway(feed=self._make, clock=self.clock, keeps_hours=True, **options)

    def _make(self) -> ManualFeed:
        feed = ManualFeed(Catalogue.standard(self.clock.now().date()))
        feed.time_ns = int(self.clock.now().timestamp()) * 10**9
        feed.send([feed.quote("AAPL", 270.0, 270.05), feed.trade("AAPL", 270.02)])
        self.feeds.append(feed)
        return feed

    def quote(self, bid: float, ask: float, size: int = 100) -> None:
        feed = self.feeds[-1]
        feed.send([feed.quote("AAPL", bid, ask, size)])

    async def night(self, seconds: float = DAY) -> None:
        await self.paper.close()
        self.clock.advance(seconds)
        await self.paper.open()

    def client(self, client_id: int = 1, version: int = 225) -> WireClient:
        return WireClient(self.paper.host, self.paper.port, client_id=client_id, version=version)


async def told(client: WireClient) -> list[Call]:
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


def lines(calls: list[Call]) -> list[str]:
    return [re.sub(r"@(\S+)", lambda found: f"@{float(found[1]):g}", brief(one)) for one in calls]


def order(**fields: Any) -> dict[str, Any]:
    return {
        "action": "BUY",
        "totalQuantity": "100",
        "orderType": "LMT",
        "tif": "GTC",
        "transmit": True,
        **fields,
    }


async def asked(client: WireClient, name: str, end: str, **fields: Any) -> list[Call]:
    client.send(name, **fields)
    return (await client.until(end))[:-1]


@pytest.mark.parametrize("version", [225, 200, 157])
async def test_orders_positions_executions_and_ids_outlive_the_night(version: int) -> None:
    nights = Nights()
    async with nights.paper:
        async with nights.client(version=version) as client:
            await client.ready()
            client.send("placeOrder", orderId=1, contract=AAPL, order=order(orderType="MKT"))
            assert lines(await told(client))[-2] == "status 1 Filled 100/0 @270.05"
            gtc = order(lmtPrice=269.0)
            client.send("placeOrder", orderId=2, contract=AAPL, order=gtc)
            client.send("placeOrder", orderId=3, contract=AAPL, order={**gtc, "tif": "DAY"})
            for number, price in ((4, 268.0), (5, 267.0)):
                one = order(lmtPrice=price, ocaGroup="either", ocaType=1)
                client.send("placeOrder", orderId=number, contract=AAPL, order=one)
            entry = order(lmtPrice=266.0, transmit=False)
            client.send("placeOrder", orderId=6, contract=AAPL, order=entry)
            gain = order(action="SELL", lmtPrice=280.0, parentId=6, transmit=False)
            client.send("placeOrder", orderId=7, contract=AAPL, order=gain)
            loss = order(action="SELL", orderType="STP", auxPrice=260.0, parentId=6)
            client.send("placeOrder", orderId=8, contract=AAPL, order=loss)
            opened = await told(client)
            perms = {c.args[0]: c.args[2]["permId"] for c in opened if c.name == "openOrder"}
            assert set(perms) >= {2, 3, 4, 5, 6, 7, 8}
            values = await asked(
                client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=""
            )
            cash = next(c.args for c in values if c.args[0] == "TotalCashValue")
        port = nights.paper.port
        await nights.night()
        assert nights.paper.port == port
        async with nights.client(version=version) as client:
            calls = await client.ready()
            opened = [call for call in calls if call.name == "openOrder"]
            assert [call.args[0] for call in opened] == [2, 4, 5, 6, 7, 8]  # 3 ended with its day
            assert {c.args[0]: c.args[2]["permId"] for c in opened}.items() <= perms.items()
            next_id = next(call for call in calls if call.name == "nextValidId")
            assert next_id.args == (9,)
            client.send("placeOrder", orderId=3, contract=AAPL, order=gtc)
            (error,) = await told(client)
            assert error_of(error)[:2] in {(3, 104), (3, 103)}
            (position,) = await asked(client, "reqPositions", "positionEnd")
            assert position.args[2:] == (100, D("270.060003"))
            values = await asked(
                client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=""
            )
            assert cash in [call.args for call in values]
            client.send("reqAccountUpdates", subscribe=False, acctCode="")
            # Yesterday's fills are asked for by days, which server version 200 brought.
            assert await asked(client, "reqExecutions", "execDetailsEnd", reqId=1) == []
            if version >= 200:
                found = await asked(
                    client,
                    "reqExecutions",
                    "execDetailsEnd",
                    reqId=2,
                    executionFilter={"lastNDays": 2},
                )
                names = [call.name for call in found]
                assert names == ["execDetails", "commissionAndFeesReport"]
                only = {"specificDates": [20260105]}
                assert found == await asked(
                    client, "reqExecutions", "execDetailsEnd", reqId=2, executionFilter=only
                )
                for days in ({"lastNDays": 1}, {"specificDates": [20260106]}):
                    assert not await asked(
                        client, "reqExecutions", "execDetailsEnd", reqId=3, executionFilter=days
                    )
            client.send("cancelPositions")
            assert await told(client) == []
            # Old orders work on the new market: a group, a bracket.
            nights.quote(267.9, 268.0, 500)
            heard = lines(await told(client))
            assert "status 2 Filled 100/0 @268" in heard
            assert "status 4 Filled 100/0 @268" in heard
            assert heard[-2:] == ["status 5 Cancelled 0/100 @0", "error 5 202"]
            nights.quote(265.9, 266.0)
            await told(client)
            nights.quote(280.0, 280.1)
            heard = lines(await told(client))
            assert "status 7 Filled 100/0 @280" in heard
            assert heard[-2:] == ["status 8 Cancelled 0/100 @0", "error 8 202"]
            assert lines(await asked(client, "reqOpenOrders", "openOrderEnd")) == []


async def test_what_is_told_of_the_day_after_a_night() -> None:
    nights = Nights()
    async with nights.paper, nights.client() as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=order(orderType="MKT"))
        await told(client)
        nights.feeds[-1].send([nights.feeds[-1].trade("AAPL", 272.0)])
        nights.quote(271.9, 272.1)
        client.send("reqPnL", reqId=1, account="DU1234567")
        (pnl,) = await told(client)
        gain = D(195) - D("1.0003")
        assert pnl.args == (1, gain, gain, 0)
        assert len(await asked(client, "reqCompletedOrders", "completedOrdersEnd")) == 1
        # A day later, while it runs: what was gained until the close is no gain of today.
        client.send("cancelPnL", reqId=1)
        await told(client)
        nights.clock.advance(DAY)
        nights.feeds[-1].book(265598).close = 272.0  # as a real feed's book does by itself
        nights.feeds[-1].time_ns += int(DAY) * 10**9
        nights.feeds[-1].send([nights.feeds[-1].trade("AAPL", 273.0)])
        nights.quote(272.9, 273.1)
        client.send("reqPnLSingle", reqId=2, account="DU1234567", conId=265598)
        (single,) = await told(client)
        assert single.args == (2, 100, 100, gain + 100, 0, 27300)
        assert await asked(client, "reqCompletedOrders", "completedOrdersEnd") == []


async def test_orders_by_hand_outlive_the_night_unbound() -> None:
    nights = Nights()
    async with nights.paper:
        place_by_hand(nights.paper.hub, Contract(**AAPL), Order(**order(lmtPrice=269.0)))
        await nights.night()
        async with nights.client(0) as client:
            await client.ready()
            opened = lines(await asked(client, "reqOpenOrders", "openOrderEnd"))
            assert opened == ["orderBound", "open -1 Submitted", "status -1 Submitted 0/100 @0"]
        await nights.night()
        async with nights.client(0) as client:
            assert lines(await client.ready())[0] == "open -1 Submitted"
            client.send("cancelOrder", orderId=-1)
            assert lines(await told(client)) == ["status -1 Cancelled 0/100 @0", "error -1 202"]


async def test_what_is_no_longer_listed() -> None:
    """A future that expired in the meantime: valued at its cost, its order can be cancelled."""
    nights = Nights()
    async with nights.paper:
        feed = nights.feeds[-1]
        es = next(one for one in feed.instruments.all() if one.symbol == "ES")
        con_id, now_ns, five = es.con_id, feed.time_ns, D(5)
        feed.send(
            [
                QuoteChange(con_id, now_ns, 6650.0, five, 6650.25, five),
                Trade(con_id, now_ns, 6650.25, D(1), ""),
            ]
        )
        future = {"conId": es.con_id, "exchange": es.exchange}
        async with nights.client() as client:
            await client.ready()
            client.send(
                "placeOrder",
                orderId=1,
                contract=future,
                order=order(orderType="MKT", totalQuantity="1"),
            )
            client.send(
                "placeOrder",
                orderId=2,
                contract=future,
                order=order(action="SELL", lmtPrice=7000.0, totalQuantity="1"),
            )
            assert "status 1 Filled 1/0 @6650.25" in lines(await told(client))
        await nights.night(DAY * 91)
        assert nights.feeds[-1].instruments.by_con_id(es.con_id) is None
        async with nights.client() as client:
            assert lines(await client.ready())[0].startswith("open 2 ")
            (position,) = await asked(client, "reqPositions", "positionEnd")
            assert position.args[2] == 1
            client.send("reqPnLSingle", reqId=3, account="DU1234567", conId=es.con_id)
            calls = await told(client)
            assert [call.name for call in calls] == ["pnlSingle"]
            values = await asked(
                client, "reqAccountUpdates", "accountDownloadEnd", subscribe=True, acctCode=""
            )
            assert [c.args[1] for c in values if c.name == "updatePortfolio"] == [1]
            client.send("cancelOrder", orderId=2)
            assert lines(await told(client)) == ["status 2 Cancelled 0/1 @0", "error 2 202"]


async def test_clients_find_the_gateway_again(loop_factory: Any) -> None:
    """As a program sees it: the connection ends, the port refuses, and then it is back."""
    nights = Nights()
    async with nights.paper:
        client = nights.client()
        await client.connect()
        await client.ready()
        await nights.paper.close()
        assert await client.ended()
        await client.close()
        with pytest.raises(OSError):
            await asyncio.open_connection(nights.paper.host, nights.paper.port)
        await nights.paper.open()
        async with nights.client() as again:
            assert (await again.ready())[-1].name == "error"


# ---- a feed that was given -------------------------------------------------------------------


@pytest.mark.parametrize("version", [200, 225])
async def test_a_feed_that_was_given_goes_on_after_a_restart(version: int) -> None:
    feed = ManualFeed()
    async with PaperGateway(feed=feed, clock=ManualClock(MONDAY)) as paper:
        for price in (270.0, 280.0):
            feed.send([feed.quote("AAPL", price, price + 0.05)])
            client = WireClient(paper.host, paper.port, client_id=1, version=version)
            await client.connect()
            await client.ready()
            client.send("placeOrder", orderId=int(price), contract=AAPL, order=order())
            await told(client)
            feed.send([feed.quote("AAPL", price - 1, price - 0.95)])
            client.send("reqMktData", reqId=1, contract=AAPL)
            ticks = [line for line in lines(await told(client)) if "tick" in line]
            assert ticks, "its quotes are the feed's"
            await paper.go_away()
            assert not feed.watched
            assert feed.paused
            assert not feed.finished.done()
            # What nobody is told of has happened, all the same.
            feed.send([feed.quote("AAPL", price + 2, price + 2.05)])
            assert feed.book(feed.instrument("AAPL").con_id).bid == price + 2
            await paper.open()
            assert not feed.paused
            await client.close()
        assert paper.feed is feed


async def test_a_synthetic_market_that_was_given_stands_still_meanwhile() -> None:
    clock = ManualClock(MONDAY)
    feed = SyntheticFeed(Catalogue.standard(clock.now().date()), seed=3)
    async with PaperGateway(feed=feed, clock=clock) as paper:
        clock.advance(5)
        before = paper.stats["events"]
        await paper.go_away()
        clock.advance(5)
        await paper.open()
        assert paper.stats["events"] == 0
        clock.advance(5)
        assert paper.stats["events"] > 0 < before
    assert feed.finished.done()


async def test_what_a_hand_holds_still_stays_so() -> None:
    feed = ManualFeed()
    async with PaperGateway(feed=feed, clock=ManualClock(MONDAY)) as paper:
        paper.market.set_price("AAPL", 100.0)
        await paper.go_away()
        await paper.open()
        feed.send([feed.quote("AAPL", 270.0, 270.05)])
        assert 99 < (feed.book(feed.instrument("AAPL").con_id).bid or 0) < 101


async def test_a_feed_ends_with_its_gateway_and_the_error_says_what_to_do() -> None:
    paper = PaperGateway(feed=SyntheticFeed(Catalogue.standard(MONDAY.date())))
    await paper.open()
    await paper.go_away()
    await paper.close()
    assert paper.feed.finished.done()
    with pytest.raises(PaperError, match=r"a feed is used once.*feed=lambda: "):
        await paper.open()


async def test_a_gateway_that_is_away_can_be_closed() -> None:
    paper = PaperGateway(clock=ManualClock(MONDAY))
    serving = asyncio.ensure_future(paper.serve())
    while not paper.running:
        await asyncio.sleep(0)
    await paper.go_away()
    await paper.close()
    await serving


async def test_who_comes_back_waits_for_the_end_of_going_away() -> None:
    async with PaperGateway(clock=ManualClock(MONDAY)) as paper:
        client = WireClient(paper.host, paper.port, client_id=1, version=225)
        await client.connect()
        await client.ready()
        await asyncio.gather(paper.go_away(), paper.open(), paper.go_away(), paper.open())
        assert paper.running
        await client.close()
        again = WireClient(paper.host, paper.port, client_id=1, version=225)
        await again.connect()
        await again.ready()
        assert paper.clients == (1,)
        await again.close()
