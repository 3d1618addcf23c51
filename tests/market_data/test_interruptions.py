"""What is shown after an interruption: nothing of before passes for what is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.contracts import stock
from twsloop.errors import ConnectionLost
from twsloop.gateway import IBGateway
from twsloop.market_data.quotes import QuoteSource
from twsloop.market_data.state import Ticker
from twsloop.market_data.subscriptions import Subscription
from twsloop.market_data.ticks import MarketDataType

BID, ASK, LAST = 1, 2, 4
LOST, DATA_LOST, DATA_KEPT = 1100, 1101, 1102
FARM_BROKEN, FARM_BACK = 2103, 2104


class Case:
    """A gateway that says what it is told, and AAPL watched on it."""

    def __init__(self, tws: FakeTws) -> None:
        self.tws = tws
        overrides = {
            "orders.compare_positions": False,  # nothing is asked that no test has asked for
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "pacing.enabled": False,
            "reconnect.first_delay": 0.01,
        }
        self.gateway = IBGateway(Config.load(environ={}, overrides=overrides))
        self.heard = Heard()
        self.watch: Subscription
        self.req_id = 0

    def begin(self) -> Ticker:
        """Watch AAPL, with a whole quote in."""
        self.watch = self.gateway.subscribe("AAPL", self.heard)
        self.req_id = self.tws.next("reqMktData").reqId
        self.prices(self.req_id, bid=100.0, ask=101.0, last=100.5)
        return self.shown(lambda ticker: ticker.last)

    def prices(self, req_id: int, **prices: float) -> None:
        types = {"bid": BID, "ask": ASK, "last": LAST}
        for name, price in prices.items():
            self.tws.say(
                message("tickPrice", reqId=req_id, tickType=types[name], price=price, size="100")
            )

    def shown(self, wanted: Any) -> Ticker:
        ticker: Ticker = self.heard.until(wanted)
        return ticker

    def source_of_a_quote(self) -> QuoteSource:
        """Where a quote comes from now; a snapshot is answered."""
        quote = self.gateway.market_data.quote("AAPL")
        while not quote.done():
            waiting = [] if self.tws.inbox.empty() else [self.tws.inbox.get()]
            for asked in [asked for name, asked in waiting if name == "reqMktData"]:
                assert asked.snapshot
                self.prices(asked.reqId, bid=200.0, ask=201.0, last=200.5)
                self.tws.say(message("tickSnapshotEnd", reqId=asked.reqId))
            self.gateway.event_loop.call(lambda: None)
        return quote.result(0).source


@pytest.fixture
def case() -> Iterator[Case]:
    with FakeTws() as tws:
        made = Case(tws)
        with made.gateway:
            yield made


@pytest.mark.parametrize("lost", ["link", "data"])
def test_the_first_tick_after_a_gap_takes_the_place_of_all_that_was_shown(
    case: Case, lost: str
) -> None:
    ticker = case.begin()
    if lost == "link":
        case.tws.hang_up()
    else:
        case.tws.say(error(-1, LOST, "lost"), error(-1, DATA_LOST, "data lost"))
    again = case.tws.next("reqMktData").reqId
    assert (ticker.stale, ticker.bid, ticker.last) == (True, 100.0, 100.5)
    case.prices(again, last=90.5)
    case.shown(lambda ticker: ticker.last == 90.5)
    assert (ticker.stale, ticker.bid, ticker.ask, ticker.midpoint) == (False, None, None, None)
    assert case.source_of_a_quote() is QuoteSource.SNAPSHOT
    case.prices(again, bid=90.0, ask=91.0)
    case.shown(lambda ticker: ticker.ask)
    assert ticker.midpoint == 90.5
    assert case.source_of_a_quote() is QuoteSource.LINE


def test_where_the_data_was_kept_a_quote_waits_for_what_was_missed(case: Case) -> None:
    ticker = case.begin()
    case.tws.say(error(-1, LOST, "lost"), error(-1, DATA_KEPT, "data kept"))
    case.prices(case.req_id, last=90.5)
    case.shown(lambda ticker: ticker.last == 90.5)
    assert (ticker.stale, ticker.bid) == (False, 100.0)  # it may still be so
    assert case.source_of_a_quote() is QuoteSource.SNAPSHOT
    case.prices(case.req_id, bid=90.0, ask=91.0)
    case.shown(lambda ticker: ticker.ask == 91.0)
    assert case.source_of_a_quote() is QuoteSource.LINE


def test_kept_data_are_not_what_was_lost_with_the_link(case: Case) -> None:
    ticker = case.begin()
    case.tws.hang_up()
    again = case.tws.next("reqMktData").reqId
    case.tws.say(error(-1, LOST, "lost"), error(-1, DATA_KEPT, "data kept"))
    case.tws.say(message("marketDataType", reqId=again, marketDataType=1))
    while ticker.market_data_type is None:
        case.gateway.event_loop.call(lambda: None)
    assert ticker.stale
    case.prices(again, bid=90.0)
    case.shown(lambda ticker: ticker.bid == 90.0)
    assert (ticker.stale, ticker.last) == (False, None)


def test_a_snapshot_is_not_bought_twice(case: Case) -> None:
    """After 1101 lines are asked for anew; a snapshot is not."""
    bought = case.gateway.market_data.regulatory_snapshot("MSFT", accept_cost=True)
    taken = case.gateway.market_data.quote("AAPL")
    for _ in range(2):
        case.tws.next("reqMktData")
    case.tws.say(error(-1, LOST, "lost"), error(-1, DATA_LOST, "data lost"))
    for asked in (bought, taken):
        with pytest.raises(ConnectionLost, match="before the snapshot was complete"):
            asked.result(PATIENCE)
    assert list(case.gateway.market_data.slots) == []
    assert case.tws.inbox.empty()


def test_while_a_farm_is_broken_its_quotes_are_not_fresh(case: Case) -> None:
    ticker = case.begin()
    stale = Heard()
    case.watch.on_stale(stale)
    broken = "Market data farm connection is broken:"
    case.tws.say(
        error(-1, FARM_BROKEN, broken + "usfarm"), error(-1, FARM_BROKEN, broken + "usf.2")
    )
    symbol, freshness = stale.next()
    assert (symbol, freshness.reason) == ("AAPL", f"{broken}usfarm")
    assert ticker.stale
    back = "Market data farm connection is OK:"
    case.tws.say(error(-1, FARM_BACK, back + "other"), error(-1, FARM_BACK, back + "usfarm"))
    case.prices(case.req_id, last=90.5)
    case.shown(lambda ticker: ticker.last == 90.5)
    assert not ticker.stale
    assert case.source_of_a_quote() is QuoteSource.SNAPSHOT  # its bid may be of before


def test_a_tick_shows_that_its_line_is_of_another_farm(case: Case) -> None:
    ticker = case.begin()
    case.tws.say(error(-1, FARM_BROKEN, "Market data farm connection is broken:usfarm"))
    case.prices(case.req_id, bid=100.25)
    case.shown(lambda ticker: ticker.bid == 100.25)
    assert not ticker.stale


def test_who_is_told_of_a_refusal_may_let_the_others_go() -> None:
    """Three lines asked for while there is no session, and one place."""
    with FakeTws() as tws:
        overrides = {
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "market_data.lines": 1,
            "reconnect.first_delay": 0.01,
        }
        with IBGateway(Config.load(environ={}, overrides=overrides)) as gateway:
            stays = gateway.subscribe("AAPL")
            tws.next("reqMktData")
            over = Heard()

            def let_go(symbol: str, _error: Exception) -> None:
                stays.cancel()
                later.cancel()
                over(symbol)

            gateway.event_loop.call(tws.hang_up)
            gateway.on_session(lambda state, _: over(state.name))
            over.until(lambda said: said != "READY")
            gateway.subscribe("MSFT", on_error=let_go)
            later = gateway.subscribe("NVDA")
            over.until(lambda said: said == "MSFT")
            gateway.event_loop.call(lambda: None)
            assert list(gateway.market_data.slots) == []


# ---- the ticker alone ----------------------------------------------------------------------


def shown() -> Ticker:
    ticker = Ticker(stock("AAPL"), "AAPL", ManualClock())
    ticker.apply_type(1)
    for tick_type, price in ((BID, 100.0), (ASK, 101.0), (LAST, 100.5)):
        ticker.apply_price(tick_type, price, 1.0)
    return ticker


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 4), (4, 2)])
def test_live_and_delayed_values_are_not_mixed(before: int, after: int) -> None:
    ticker = shown()
    ticker.apply_type(before)
    for tick_type, price in ((BID, 100.0), (ASK, 101.0), (LAST, 100.5)):
        ticker.apply_price(tick_type, price, 1.0)
    ticker.apply_type(after)
    assert ticker.bid == 100.0
    ticker.apply_price(ASK, 102.0, 2.0)
    assert [ticker.bid, ticker.ask, ticker.last] == [None, 102.0, None]


def test_what_was_frozen_is_doubted_when_the_market_opens() -> None:
    ticker = shown()
    ticker.apply_type(2)
    ticker.apply_type(1)
    ticker.apply_price(ASK, 102.0, 2.0)
    assert ticker.bid == 100.0
    assert ticker.is_from_before(["bid"])
    assert not ticker.is_from_before(["ask"])


def test_a_delayed_tick_is_never_taken_for_a_live_one() -> None:
    ticker = shown()
    assert not ticker.delayed
    ticker.apply_price(66, 99.0, 2.0)
    assert ticker.market_data_type is MarketDataType.DELAYED


@given(st.lists(st.sampled_from([BID, ASK, LAST]), max_size=6), st.booleans())
def test_what_is_doubted_is_what_was_not_told_since(told: list[int], renewed: bool) -> None:
    ticker = shown()
    if renewed:
        ticker.renew()
    else:
        ticker.doubt()
    for tick_type in told:
        ticker.apply_price(tick_type, 50.0, 2.0)
    for tick_type, name in ((BID, "bid"), (ASK, "ask"), (LAST, "last")):
        if tick_type in told:
            assert not ticker.is_from_before([name])
            assert getattr(ticker, name) == 50.0
        elif renewed and told:
            assert getattr(ticker, name) is None
        else:
            assert ticker.is_from_before([name])
