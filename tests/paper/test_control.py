"""A test's hand on the market: what it sets is what clients see, when the call returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.desk import settle
from tests.support.wireclient import WireClient, brief
from twsloop.clock import ManualClock
from twsloop.config import Config, ConnectionParams
from twsloop.errors import PaperError
from twsloop.events import Notice
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.paper.server import PaperGateway

AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


@pytest.fixture(params=["manual", None], ids=["manual", "synthetic"])
def paper(request: pytest.FixtureRequest) -> Iterator[PaperGateway]:
    with PaperGateway(feed=request.param) as gateway:
        yield gateway


@pytest.fixture
def client(paper: PaperGateway) -> Iterator[IBGateway]:
    connection = ConnectionParams(host=paper.host, port=paper.port)
    with IBGateway(Config(connection=connection)) as gateway:
        yield gateway


async def prices(client: WireClient, count: int) -> list[tuple[int, float]]:
    """The next prices that are told."""
    found: list[tuple[int, float]] = []
    while len(found) < count:
        for call in await client.next():
            if call.name == "tickPrice":
                _req_id, kind, price, _attrib = call.args
                found.append((int(kind), float(price)))
    return found


async def test_a_price_is_told_to_all_and_stays() -> None:
    async with (
        PaperGateway(feed="manual") as paper,
        WireClient(paper.host, paper.port, version=178) as old,
        WireClient(paper.host, paper.port, version=225, client_id=2) as new,
    ):
        for one in (old, new):
            await one.ready()
            one.send("reqMktData", reqId=1, contract=AAPL)
            one.send("reqCurrentTime")
            await one.until("currentTime")
        paper.market.set_price("AAPL", bid=189.5, ask=189.6, last=189.55, size=300)
        for one in (old, new):
            told = dict(await prices(one, 6))
            # bid, ask, last; high, low and open follow from the trade
            assert told == {1: 189.5, 2: 189.6, 4: 189.55, 6: 189.55, 7: 189.55, 14: 189.55}
        book = paper.market.book("AAPL")
        assert (book.bid, book.ask, book.last) == (189.5, 189.6, 189.55)
        assert (str(book.bid_size), str(book.volume)) == ("300", "300")


def test_orders_fill_at_what_was_set(paper: PaperGateway, client: IBGateway) -> None:
    paper.market.set_price("AAPL", bid=189.5, ask=189.6, size=1000)
    trade = client.place_order("AAPL", market_order("BUY", 100))
    assert trade.done.result(timeout=10) == "Filled"
    assert float(trade.fills[0].price) == 189.6
    waiting = client.place_order("AAPL", limit_order("BUY", 100, "189.00"))
    stop = client.place_order("AAPL", stop_order("SELL", 100, "185.00"))
    assert client.open_orders().result(timeout=10)
    assert not waiting.done.done()
    paper.market.quote("AAPL", 188.8, 188.9, bid_size=500, ask_size=500)
    assert waiting.done.result(timeout=10) == "Filled"
    assert float(waiting.fills[0].price) == 188.9
    assert not stop.done.done()
    paper.market.set_price("AAPL", 184.0, size=500)
    assert stop.done.result(timeout=10) == "Filled"


def test_one_price_makes_a_whole_market(paper: PaperGateway) -> None:
    paper.market.set_price("EUR.USD", 1.0950)
    book = paper.market.book("EUR.USD")
    assert (book.bid, book.ask, book.last) == (1.09495, 1.09505, None)
    paper.market.set_price("AAPL", 100)
    book = paper.market.book("AAPL")
    assert (book.bid, book.ask, book.last) == (99.99, 100.01, 100)
    paper.market.set_price("AAPL", ask=100.5)
    book = paper.market.book("AAPL")
    assert (book.bid, book.ask) == (99.99, 100.5)
    paper.market.quote("AAPL", None, 100.2)
    assert paper.market.book("AAPL").bid is None


def test_a_held_price_stays_until_it_is_released() -> None:
    clock = ManualClock()
    with PaperGateway(clock=clock, rate=50) as paper:
        market = paper.market
        market.set_price("AAPL", bid=1.0, ask=1.01, last=1.0)
        before = market.book("MSFT").volume
        market.advance(5)
        assert market.book("AAPL").ask == 1.01
        assert market.book("MSFT").volume > before
        market.release("AAPL")
        market.advance(5)
        assert market.book("AAPL").ask != 1.01
        market.freeze()
        stands = market.book("MSFT").volume
        market.advance(5)
        assert market.book("MSFT").volume == stands
        market.trade("MSFT", 5.0, 7)
        assert market.book("MSFT").volume == stands + 7
        market.thaw()
        market.release()
        market.advance(5)
        assert market.book("MSFT").volume > stands + 7


def test_a_halt_stops_fills(paper: PaperGateway, client: IBGateway) -> None:
    paper.market.set_price("AAPL", 100, size=1000)
    trade = client.place_order("AAPL", limit_order("BUY", 100, "99"))
    assert client.open_orders().result(timeout=10)
    paper.market.halt("AAPL")
    paper.market.quote("AAPL", 98.0, 98.1)
    assert client.open_orders().result(timeout=10)
    refused = client.place_order("AAPL", market_order("BUY", 100))
    assert refused.done.result(timeout=10) != "Filled"
    assert not trade.done.done()
    paper.market.resume("AAPL")
    assert trade.done.result(timeout=10) == "Filled"
    paper.market.halt("AAPL", volatility=True)
    assert paper.market.book("AAPL").halted == 2


def test_what_follows_a_price_follows_it(paper: PaperGateway) -> None:
    """An index follows its fund."""
    paper.market.set_price("SPY", bid=599.9, ask=600.1)
    before = paper.market.book("SPX").last
    paper.market.set_price("SPY", bid=699.9, ask=700.1)
    after = paper.market.book("SPX").last
    assert before is not None
    assert after is not None
    assert after >= before


# ---- orders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [178, 225])
async def test_the_next_order_is_rejected_as_a_broker_does(version: int) -> None:
    async with (
        PaperGateway(feed="manual") as paper,
        WireClient(paper.host, paper.port, version=version) as client,
    ):
        await client.ready()
        paper.market.set_price("AAPL", 100)
        paper.market.reject_next_order("we do not like it")
        order: dict[str, object] = {
            "action": "BUY",
            "totalQuantity": "5",
            "orderType": "MKT",
            "tif": "DAY",
        }
        order["transmit"] = True
        client.send("placeOrder", orderId=1, contract=AAPL, order=order)
        client.send("placeOrder", orderId=2, contract=AAPL, order=order)
        heard = await client.until(lambda call: brief(call).startswith("report"))
        words = [brief(call) for call in heard]
        first = [word for word in words if word.split()[1:2] == ["1"]]
        assert [word.split()[0] for word in first] == ["open", "status", "error", "open", "status"]
        assert "error 1 201" in words
        assert words[-1] == "report 1.00002"
        rejected = [c for c in heard if c.name == "error" and c.args[2] == 201]
        assert rejected[0].args[3] == "Order rejected - reason:we do not like it"


def test_a_refusal_before_the_broker(paper: PaperGateway, client: IBGateway) -> None:
    notices: list[Notice] = []
    client.observe(Notice, notices.append)
    paper.market.set_price("AAPL", 100)
    paper.market.set_price("MSFT", 100)
    paper.market.reject_next_order("The price does not conform", 110, symbol="MSFT")
    fine = client.place_order("AAPL", market_order("BUY", 5))
    assert fine.done.result(timeout=10) == "Filled"
    refused = client.place_order("MSFT", market_order("BUY", 5))
    refused.done.result(timeout=10)
    assert [(n.code, n.text) for n in notices if n.code == 110] == [
        (110, "The price does not conform")
    ]
    assert client.place_order("MSFT", market_order("BUY", 5)).done.result(timeout=10) == "Filled"


# ---- messages and connections --------------------------------------------------------------


async def test_bulletins_and_notices() -> None:
    async with (
        PaperGateway(feed="manual") as paper,
        WireClient(paper.host, paper.port, version=225) as client,
    ):
        await client.ready()
        client.send("reqNewsBulletins", allMessages=True)
        client.send("reqCurrentTime")
        await client.until("currentTime")
        paper.market.bulletin("ISLAND is down", kind=2, exchange="ISLAND")
        (told,) = await client.until("updateNewsBulletin")
        assert told.args[2:] == ("ISLAND is down", "ISLAND")
        paper.market.notice(1100, "Connectivity between IBKR and TWS has been lost")
        (error,) = await client.until("error")
        assert error.args[2] == 1100
        paper.market.drop_clients()
        assert await client.ended()


async def test_headlines_and_depth_resets() -> None:
    contract = {"symbol": "AAPL", "secType": "STK", "exchange": "ISLAND", "currency": "USD"}
    async with (
        PaperGateway(feed="manual") as paper,
        WireClient(paper.host, paper.port, version=225) as client,
    ):
        await client.ready()
        paper.market.quote("AAPL", 270.0, 270.1)
        client.send("reqMktDepth", reqId=5, contract=contract, numRows=1)
        await client.until("updateMktDepthL2")
        await client.until("updateMktDepthL2")
        paper.market.reset_depth("AAPL")
        told = await client.until(lambda call: call.args[:5] == (5, 0, call.args[2], 0, 1))
        assert [call.name for call in told] == ["error", *["updateMktDepthL2"] * 2]
        assert told[0].args[2] == 317
        article = paper.market.headline("AAPL", "Apple is halted", "For a while.")
        client.send("reqNewsArticle", reqId=6, providerCode="PAPER", articleId=article)
        (found,) = await client.until("newsArticle")
        assert found.args == (6, 0, "For a while.")


# ---- time --------------------------------------------------------------------------------------


def test_sessions_open_and_close() -> None:
    clock = ManualClock(datetime(2026, 1, 5, 12, 0, tzinfo=UTC))
    with PaperGateway(feed="manual", clock=clock, keeps_hours=True) as paper:
        market = paper.market
        market.open_session()
        assert f"{market.time.astimezone(UTC):%H:%M}" == "14:30"
        market.open_session()
        assert f"{market.time.astimezone(UTC):%H:%M}" == "14:30"
        market.close_session("AAPL")
        assert f"{market.time.astimezone(UTC):%d %H:%M}" == "06 01:00"
        market.close_session("AAPL")
        market.advance(60)
        assert f"{market.time.astimezone(UTC):%d %H:%M}" == "06 01:01"


def test_time_that_runs_by_itself() -> None:
    with PaperGateway() as paper:
        with pytest.raises(PaperError, match=r"make the gateway with clock=ManualClock\(\)"):
            paper.market.advance(1)
        with pytest.raises(PaperError, match="the market never closes"):
            paper.market.close_session()


# ---- slips -------------------------------------------------------------------------------------


def test_slips_are_explained(paper: PaperGateway) -> None:
    with pytest.raises(PaperError, match="the market has no 'APPL'; did you mean AAPL"):
        paper.market.set_price("APPL", 100)
    with pytest.raises(PaperError, match="the market has no 17"):
        paper.market.trade(17, 100)
    with pytest.raises(PaperError, match="a bid of 2 above the offer of 1 is no market"):
        paper.market.quote("AAPL", 2, 1)
    with pytest.raises(PaperError, match=r"EUR.USD is quoted, and has no trades"):
        paper.market.trade("EUR.USD", 1.1)
    with pytest.raises(PaperError, match="the price of SPX follows from its underlying's"):
        paper.market.set_price("SPX", 5000)
    paper.market.set_price(265598, 100)
    assert paper.market.book("AAPL").last == 100


@pytest.mark.parametrize("price", ["abc", 0, -5, float("nan"), float("inf"), [1], True, 10**400])
def test_what_is_no_price(price: Any) -> None:
    with PaperGateway(feed="manual") as paper:
        works: tuple[Callable[[], None], ...] = (
            lambda: paper.market.set_price("AAPL", price),
            lambda: paper.market.set_price("AAPL", bid=price),
            lambda: paper.market.set_price("AAPL", ask=price),
            lambda: paper.market.set_price("AAPL", 5, last=price),
            lambda: paper.market.quote("AAPL", price, None),
            lambda: paper.market.quote("AAPL", None, price),
            lambda: paper.market.trade("AAPL", price),
        )
        for work in works:
            with pytest.raises(PaperError, match=r"AAPL: .* is no price: give a number above 0"):
                work()
        book = paper.market.book("AAPL")
        assert (book.bid, book.ask, book.last) == (None, None, None)


def test_a_price_has_to_be_given() -> None:
    with PaperGateway(feed="manual") as paper:
        with pytest.raises(PaperError, match="AAPL: there is no price to set: give one, or bid="):
            paper.market.set_price("AAPL")
        with pytest.raises(PaperError, match="AAPL: a trade has a price: give one"):
            paper.market.trade("AAPL", None)  # type: ignore[arg-type]
        with pytest.raises(PaperError, match=r"AAPL: no bid is a tick below 0.01: give bid="):
            paper.market.set_price("AAPL", 0.01)
        assert paper.market.book("AAPL").last is None
        paper.market.set_price("AAPL", 0.01, bid=0.01)
        assert paper.market.book("AAPL").bid == 0.01


def test_a_future_may_cost_less_than_nothing() -> None:
    with PaperGateway(feed="manual") as paper:
        future = next(one for one in paper.feed.instruments.all() if one.sec_type == "FUT")
        for price in (-37.5, 0):
            paper.market.set_price(future.con_id, price)
            assert paper.market.book(future.con_id).last == price
            assert (paper.market.book(future.con_id).bid or 0) < price
        with pytest.raises(PaperError, match=r": nan is no price: give a finite number"):
            paper.market.set_price(future.con_id, float("nan"))


@pytest.mark.parametrize("size", ["many", -1, float("nan"), float("inf"), None])
def test_what_is_no_size(size: Any) -> None:
    with PaperGateway(feed="manual") as paper:
        works: tuple[Callable[[], None], ...] = (
            lambda: paper.market.set_price("AAPL", 5, size=size),
            lambda: paper.market.quote("AAPL", 5, 6, bid_size=size),
            lambda: paper.market.quote("AAPL", 5, 6, ask_size=size),
            lambda: paper.market.trade("AAPL", 5, size),
        )
        for work in works:
            with pytest.raises(PaperError, match=r"AAPL: .* is no size: give a number from 0 up"):
                work()
        paper.market.set_price("AAPL", "5.5", size="0.5")  # type: ignore[arg-type]
        assert paper.market.book("AAPL").last == 5.5


def test_a_quote_may_be_of_nothing_but_no_trade() -> None:
    with PaperGateway(feed="manual") as paper:
        works: tuple[Callable[[], None], ...] = (
            lambda: paper.market.trade("AAPL", 5, 0),
            lambda: paper.market.set_price("AAPL", last=5, size=0),
            lambda: paper.market.set_price("AAPL", 5, size=0),
        )
        for work in works:
            with pytest.raises(PaperError, match="AAPL: nothing is no trade: give a size above 0"):
                work()
        paper.market.quote("AAPL", 5, 6, bid_size=0, ask_size=0)
        book = paper.market.book("AAPL")
        assert (book.bid, str(book.bid_size), book.last) == (5.0, "0", None)
        with pytest.raises(PaperError, match=r"EUR.USD is quoted, and has no trades: set bid"):
            paper.market.set_price("EUR.USD", last=1.1)
        paper.market.set_price("EUR.USD", 1.1, size=0)
        assert paper.market.book("EUR.USD").last is None


def test_what_is_refused_holds_nothing() -> None:
    with PaperGateway() as paper:
        ask = paper.market.book("AAPL").ask
        assert ask is not None
        with pytest.raises(PaperError, match="is no market"):
            paper.market.set_price("AAPL", bid=ask * 10)
        assert not paper.steered.held


def test_a_gateway_that_does_not_run() -> None:
    paper = PaperGateway(feed="manual")
    with pytest.raises(PaperError, match="not running"):
        paper.market.set_price("AAPL", 100)
    with pytest.raises(PaperError, match="there is no feed 'manuel'"):
        PaperGateway(feed="manuel").start()


def test_the_manual_market_can_be_started_again() -> None:
    paper = PaperGateway(feed="manual")
    for price in (100, 200):
        with paper:
            assert paper.market.book("AAPL").last is None
            paper.market.set_price("AAPL", price)
            assert paper.market.book("AAPL").last == price


def test_from_many_threads_at_once(paper: PaperGateway, client: IBGateway) -> None:
    paper.market.set_price("AAPL", 100)
    before = paper.market.book("AAPL").volume
    subscription = client.subscribe("AAPL")

    def work() -> None:
        for number in range(50):
            paper.market.trade("AAPL", 100 + number / 100, 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paper.market.book("AAPL").volume == before + 200
    settle(client)  # everything that was told before has come
    assert subscription.tickers["AAPL"].last == paper.market.book("AAPL").last
