"""Exercise, lapse and expiry of options: refusals, events, and money that adds up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.ComboLeg_pb2 import ComboLeg
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.exchange import Exchange
from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.exercise import settle_expired
from twsloop.paper.market.vocabulary import QuoteChange
from twsloop.paper.orders.order import Status

SPY, SPX = 756733, 416904
EXERCISE, LAPSE = 1, 2


def contract(
    right: str = "C", strike: float = 650.0, symbol: str = "SPY", expiry: str = "20260105"
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "secType": "OPT",
        "exchange": "SMART",
        "currency": "USD",
        "lastTradeDateOrContractMonth": expiry,
        "strike": strike,
        "right": right,
        "tradingClass": "SPXW" if symbol == "SPX" else symbol,
    }


@pytest.fixture
def feed() -> ManualFeed:
    feed = ManualFeed()
    feed.send([feed.quote("SPY", 662.0, 662.02), feed.trade("SPY", 662.0)])
    return feed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def gateway(feed: ManualFeed, clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=feed, clock=clock) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def trade(client: WireClient, order_id: int, what: dict[str, Any], **order: Any) -> None:
    """Buy (or sell) at the market, to the end."""
    fields = {
        "action": "BUY",
        "totalQuantity": "2",
        "orderType": "MKT",
        "tif": "DAY",
        "transmit": True,
        **order,
    }
    client.send("placeOrder", orderId=order_id, contract=what, order=fields)
    await client.until("commissionAndFeesReport")


def positions(gateway: PaperGateway) -> dict[int, Decimal]:
    account = gateway.engine.accounts[gateway.account]
    return {one.instrument.con_id: one.quantity for one in account.held()}


def conserved(gateway: PaperGateway) -> Decimal:
    """Cash, plus what positions cost, less what was realized: it never changes."""
    return sum(gateway.engine.accounts[gateway.account].balance().values(), Decimal(0))


async def exercised(client: WireClient, order_id: int, **fields: Any) -> list[Call]:
    request = {"exerciseAction": EXERCISE, "exerciseQuantity": 1, "contract": contract(), **fields}
    client.send("exerciseOptions", orderId=order_id, **request)
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


@pytest.mark.parametrize("version", [157, 176, 178, 200, 213, 225])
async def test_a_call_is_exercised(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await trade(client, 1, contract())
        before, (option_id, _) = conserved(gateway), (*positions(gateway), 0)
        calls = await exercised(client, 2)
        names = [call.name for call in calls]
        assert names == [
            "execDetails",
            *("openOrder", "orderStatus", "openOrder", "orderStatus"),
            "commissionAndFeesReport",
        ]
        fill: Any = calls[0].args[2]
        assert (fill["orderId"], fill["side"], fill["shares"], fill["price"]) == (2, "SLD", 1, 0)
        assert calls[-2].args[:2] == (2, "Filled")
        assert positions(gateway) == {option_id: 1, SPY: 100}
        account = gateway.engine.accounts[gateway.account]
        (shares,) = [one for one in account.held() if one.instrument.con_id == SPY]
        assert shares.cost == 65000  # at the strike, and free
        assert conserved(gateway) == before
        client.send("reqIds")
        assert (await client.next())[0].args == (3,)


async def test_a_put_is_exercised_into_a_short_position(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await trade(client, 1, contract("P", 670.0))
        await exercised(client, 2, contract=contract("P", 670.0), exerciseQuantity=2)
        assert positions(gateway) == {SPY: -200}


async def test_an_option_lapses(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await trade(client, 1, contract("P"))
        before = conserved(gateway)
        calls = await exercised(
            client, 2, contract=contract("P"), exerciseAction=LAPSE, exerciseQuantity=2
        )
        assert calls[-2].args[:2] == (2, "Filled")
        assert positions(gateway) == {}
        assert conserved(gateway) == before


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"contract": {**contract(), "strike": 650.1}}, 200, "No security definition"),
        ({"contract": {"symbol": "SPY", "secType": "STK"}}, 200, "No security definition"),
        ({"exerciseAction": 3}, 321, "Invalid exercise action: 3"),
        ({"exerciseQuantity": 0}, 321, "Invalid exercise quantity: 0"),
        ({"exerciseQuantity": -1}, 321, "Invalid exercise quantity: -1"),
        ({"account": "DU9999999"}, 321, "Invalid account code"),
        ({"exerciseQuantity": 3}, 322, "No unlapsed position exists in this option in account DU"),
        ({"contract": contract("P")}, 322, "No unlapsed position exists"),
        ({"exerciseAction": LAPSE}, 322, "in the money"),
    ],
)
async def test_what_cannot_be_exercised(
    gateway: PaperGateway, fields: dict[str, Any], code: int, words: str
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        await trade(client, 1, contract())
        (call,) = await exercised(client, 2, **fields)
        assert error_of(call)[:2] == (2, code)
        assert words in error_of(call)[2]
        (call,) = await exercised(client, 1)
        assert error_of(call) == (1, 103, "Duplicate order id")


async def test_against_its_nature_only_when_overridden(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        out = contract("C", 670.0)
        await trade(client, 1, out)
        (call,) = await exercised(client, 2, contract=out)
        assert "out of the money" in error_of(call)[2]
        await exercised(client, 2, contract=out, override=True)
        assert positions(gateway)[SPY] == 100


async def test_a_european_option_waits_for_its_last_day_and_pays_cash(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        index = contract("C", 6600.0, "SPX", "20260106")
        await trade(client, 1, index)
        (call,) = await exercised(client, 2, contract=index)
        assert error_of(call)[:2] == (2, 322)
        assert "European" in error_of(call)[2]
        clock.advance(15 * 3600)
        level = gateway.hub.feed.book(SPX).last
        assert level is not None
        calls = await exercised(client, 2, contract=index)
        fill: Any = next(call for call in calls if call.name == "execDetails").args[2]
        assert float(fill["price"]) == pytest.approx(level - 6600.0)
        assert SPX not in positions(gateway)
        assert sum(positions(gateway).values()) == 1


async def test_expiry_exercises_assigns_and_lets_lapse(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with connect(gateway) as client, connect(gateway, client_id=0) as window:
        await client.ready()
        await window.ready()
        await trade(client, 1, contract("C", 650.0))
        await trade(client, 2, contract("P", 670.0), action="SELL")
        await trade(client, 3, contract("C", 666.0))
        await trade(client, 4, contract("P", 658.0), action="SELL")
        await trade(client, 5, contract("C", 6600.0, "SPX"))
        before = conserved(gateway)
        assert len(positions(gateway)) == 5
        expiry = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
        clock.advance((expiry - clock.now()).total_seconds() - 61)
        assert len(positions(gateway)) == 5
        clock.advance(122)
        # The calls bought 200 shares, and so did the puts that were assigned.
        assert positions(gateway) == {SPY: 400}
        assert conserved(gateway) == before
        client.send("reqPositions")
        calls = await client.until("positionEnd")
        held = {call.args[1]["conId"]: call.args[2] for call in calls if call.name == "position"}
        assert held[SPY] == 400
        window.send("reqExecutions", reqId=9)
        calls = await window.until("execDetailsEnd")
        assert sum(call.name == "execDetails" for call in calls) >= 7


async def test_without_a_price_of_the_underlying_expiry_waits(
    feed: ManualFeed, clock: ManualClock
) -> None:
    async with PaperGateway(feed=feed, clock=clock) as gateway, connect(gateway) as client:
        await client.ready()
        await trade(client, 1, contract("C", 650.0))
        book = feed.book(SPY)
        book.bid = book.ask = book.last = book.close = None
        clock.advance(7 * 3600)
        assert len(positions(gateway)) == 1
        feed.send([feed.quote("SPY", 662.0, 662.02)])
        clock.advance(60)
        assert positions(gateway) == {SPY: 200}


def test_the_catalogue_forgets_no_option_that_is_held() -> None:
    feed = ManualFeed()
    (option,) = feed.instruments.find(Contract(**contract()))
    feed.instruments.move_to(datetime(2026, 2, 1, tzinfo=UTC).date())
    assert feed.instruments.by_con_id(option.con_id) is option


def test_a_future_is_settled_in_cash_and_its_orders_end() -> None:
    market = Exchange()
    future = min(
        (one for one in market.feed.instruments if (one.symbol, one.sec_type) == ("ES", "FUT")),
        key=lambda one: one.last_trade_date,
    )
    what, size = future.contract(exchange=future.exchange), Decimal(50)

    def quoted(bid: float) -> None:
        stamp = market.feed.time_ns
        market.happen(QuoteChange(future.con_id, stamp, bid, size, bid + 0.25, size))

    quoted(6000.0)
    market.place(1, contract=what, totalQuantity="2")
    low = {"contract": what, "orderType": "LMT", "lmtPrice": 5000.0, "tif": "GTC"}
    market.place(2, totalQuantity="1", **low)
    quoted(6009.75)
    last_day = datetime.strptime(f"{future.last_trade_date}+0000", "%Y%m%d%z")
    assert settle_expired(market.engine, last_day) == 0
    market.now = last_day + timedelta(days=1)
    before = market.account.cash["USD"]
    market.told()
    assert settle_expired(market.engine, market.now) == 2
    assert market.told()[:3] == [
        "status 2 Cancelled 0/1 @0",
        "error 2 202 Order Canceled - reason:The contract has expired",
        "exec -1 SLD 2 @6009.88 cum 2 avg 6009.88",
    ]
    assert market.account.held() == ()
    fee = market.order(1).commission
    assert (
        market.account.cash["USD"]
        == Decimal(1_000_000) + (Decimal("6009.875") - Decimal("6000.25")) * 2 * 50 - fee
    )
    assert market.account.cash["USD"] > before
    assert market.account.balance() == {"USD": 1_000_000}
    assert settle_expired(market.engine, market.now) == 0


def test_orders_in_expired_options_and_their_combinations_end() -> None:
    market = Exchange()
    market.quote("SPY", 662.0, 662.02)
    first, second = (
        next(iter(market.feed.instruments.find(Contract(**contract(strike=strike)))))
        for strike in (650.0, 655.0)
    )
    legs = [
        ComboLeg(conId=one.con_id, ratio=1, action=action, exchange="SMART")
        for one, action in ((first, "BUY"), (second, "SELL"))
    ]
    bag = Contract(symbol="SPY", secType="BAG", currency="USD", exchange="SMART", comboLegs=legs)
    low = {"orderType": "LMT", "lmtPrice": 0.05, "tif": "GTC", "totalQuantity": "1"}
    for order_id, what in enumerate((first.contract(exchange="SMART"), bag), 1):
        market.place(order_id, contract=what, **low)
        assert market.order(order_id).is_live
    expiry = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
    assert settle_expired(market.engine, expiry - timedelta(seconds=1)) == 0
    assert settle_expired(market.engine, expiry) == 2
    assert [market.order(n).status for n in (1, 2)] == [Status.CANCELLED] * 2
