"""Lines and quotes when the gateway says something special, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.errors import RequestError
from twsloop.gateway import IBGateway
from twsloop.market_data.quoting import GRACE, GRACE_ONE_SIDED

COMPETING_RETRY = 60.0
WITHHELD = "No market data during competing live session"


class Case:
    """A gateway that says what it is told, and a client of it."""

    def __init__(self, tws: FakeTws) -> None:
        self.tws = tws
        self.clock = ManualClock()
        overrides = {
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "pacing.enabled": False,
        }
        self.gateway = IBGateway(Config.load(environ={}, overrides=overrides), clock=self.clock)
        self.heard = Heard()

    def bid(self, req_id: int, price: float) -> None:
        self.tws.say(message("tickPrice", reqId=req_id, tickType=1, price=price, size="100"))

    def settle(self, until: Any) -> None:
        """Let the loop thread run until something is so."""
        while not until():
            self.gateway.event_loop.call(lambda: None)


@pytest.fixture
def case() -> Iterator[Case]:
    with FakeTws() as tws:
        made = Case(tws)
        with made.gateway:
            yield made


def test_the_quotes_of_a_cfd_are_those_of_what_it_stands_for(case: Case) -> None:
    watch = case.gateway.subscribe("AAPL", case.heard, generic_ticks="233")
    asked = case.tws.next("reqMktData")
    case.tws.say(message("rerouteMktDataReq", reqId=asked.reqId, conId=265598, exchange="NYSE"))
    again = case.tws.next("reqMktData")
    assert (again.contract.conId, again.contract.exchange) == (265598, "NYSE")
    assert again.genericTickList == "233"
    assert again.reqId != asked.reqId
    case.bid(again.reqId, 10.0)
    assert case.heard.next() is watch["AAPL"]
    watch.cancel()
    assert case.tws.next("cancelMktData").reqId == again.reqId


def test_what_is_withheld_is_asked_for_again_until_it_comes(case: Case) -> None:
    stale = Heard()
    watch = case.gateway.market_data.subscribe("AAPL", case.heard, on_stale=stale)
    asked = case.tws.next("reqMktData")
    case.bid(asked.reqId, 10.0)
    ticker = case.heard.next()
    case.tws.say(error(asked.reqId, 10197, WITHHELD))
    assert stale.next()[0] == "AAPL"
    assert watch.active
    assert watch.errors == {}
    assert ticker.not_live_because == f"10197: {WITHHELD}"
    for _ in range(2):
        case.clock.advance(COMPETING_RETRY)
        assert case.tws.next("cancelMktData").reqId == asked.reqId
        asked = case.tws.next("reqMktData")
        before = ticker.notice
        case.tws.say(error(asked.reqId, 10197, WITHHELD))
        case.settle(lambda before=before: ticker.notice is not before)
    case.clock.advance(COMPETING_RETRY)
    case.tws.next("cancelMktData")
    asked = case.tws.next("reqMktData")
    case.tws.say(message("marketDataType", reqId=asked.reqId, marketDataType=1))
    case.bid(asked.reqId, 11.0)
    case.heard.until(lambda one: one.bid == 11.0)
    assert not ticker.stale
    assert ticker.not_live_because == ""
    assert case.clock.pending() == 0


def test_a_line_that_nobody_holds_any_more_is_not_asked_for_again(case: Case) -> None:
    watch = case.gateway.subscribe("AAPL")
    asked = case.tws.next("reqMktData")
    case.tws.say(error(asked.reqId, 10197, WITHHELD))
    case.settle(lambda: watch["AAPL"].stale)
    watch.cancel()
    assert case.tws.next("cancelMktData").reqId == asked.reqId
    case.clock.advance(2 * COMPETING_RETRY)
    case.gateway.reqCurrentTimeInMillis()  # whatever had been asked for has come before it
    assert case.tws.next("reqMktData", "reqCurrentTimeInMillis").DESCRIPTOR.name == (
        "CurrentTimeInMillisRequest"
    )


def test_a_quote_that_is_withheld_is_an_error(case: Case) -> None:
    quote = case.gateway.market_data.quote("AAPL")
    case.tws.say(error(case.tws.next("reqMktData").reqId, 10197, WITHHELD))
    with pytest.raises(RequestError) as caught:
        quote.result(PATIENCE)
    assert caught.value.code == 10197


def test_where_there_is_no_bid_a_quote_does_not_wait_for_one(case: Case) -> None:
    """IB says so: -1 with size 0. It may say otherwise a moment later."""
    quote = case.gateway.market_data.quote("AAPL")
    asked = case.tws.next("reqMktData").reqId
    timers = case.clock.pending()
    for tick_type, price, size in ((1, -1.0, "0"), (2, 11.0, "1"), (4, 10.5, "7")):
        assert case.clock.pending() == timers
        tick = {"tickType": tick_type, "price": price, "size": size}
        case.tws.say(message("tickPrice", reqId=asked, **tick))
    case.settle(lambda: case.clock.pending() > timers)
    case.clock.advance(GRACE_ONE_SIDED)
    got = quote.result(PATIENCE)
    assert [got.bid, got.bid_size, got.ask, got.last, got.complete] == [None, 0, 11.0, 10.5, True]


def test_nothing_at_all_is_waited_for(case: Case) -> None:
    quote = case.gateway.market_data.quote("AAPL", timeout=5)
    asked = case.tws.next("reqMktData").reqId
    for tick_type in (1, 2, 4):
        case.tws.say(message("tickPrice", reqId=asked, tickType=tick_type, price=-1.0, size="0"))
    desk, timers = case.gateway.market_data._desk, case.clock.pending()
    case.settle(lambda: any(line.ticker.has_none("last") for line in desk.ledger))
    assert case.clock.pending() == timers
    case.clock.advance(5)
    assert not quote.result(PATIENCE).complete


def test_who_asks_when_another_has_its_answer_is_told_anew(case: Case) -> None:
    """A snapshot tells each value once: who keeps joining it would be told the same for ever."""
    data = case.gateway.market_data
    first = data.quote("EUR.USD")
    asked, timers = case.tws.next("reqMktData").reqId, case.clock.pending()
    for tick_type in (1, 2):
        case.tws.say(message("tickPrice", reqId=asked, tickType=tick_type, price=1.1, size="1"))
    case.settle(lambda: case.clock.pending() > timers)
    case.clock.advance(GRACE / 2)
    second = data.quote("EUR.USD")
    case.settle(lambda: case.clock.pending() > timers + 1)
    case.clock.advance(GRACE / 2)
    assert first.result(PATIENCE).bid == 1.1
    assert not second.done()
    data.quote("EUR.USD")
    assert case.tws.next("reqMktData").snapshot


def test_a_calculation_is_cancelled_at_the_gateway(case: Case) -> None:
    asked = case.gateway.market_data.calculate_option_price(
        "AAPL 20261218 200 C", volatility=0.25, underlying_price=190
    )
    sent = case.tws.next("calculateOptionPrice")
    assert (sent.volatility, sent.underPrice) == (0.25, 190)
    asked.cancel()
    assert case.tws.next("cancelCalculateOptionPrice").reqId == sent.reqId


def test_equal_calculations_share_one_request(case: Case) -> None:
    data = case.gateway.market_data
    both = [
        data.calculate_implied_volatility(
            "AAPL 20261218 200 C", option_price=5.0, underlying_price=190
        )
        for _ in range(2)
    ]
    sent = case.tws.next("calculateImpliedVolatility")
    answer = {"tickType": 53, "tickAttrib": 1, "impliedVol": 0.3, "delta": 0.5}
    case.tws.say(message("tickOptionComputation", reqId=sent.reqId, **answer))
    assert [one.result(PATIENCE).implied_volatility for one in both] == [0.3, 0.3]


def test_a_snapshot_with_nothing_in_it_ends_at_its_deadline(case: Case) -> None:
    quotes = case.gateway.market_data.quotes(["AAPL", "MSFT"], timeout=7)
    asked = [case.tws.next("reqMktData") for _ in range(2)]
    assert all(one.snapshot for one in asked)
    case.bid(asked[1].reqId, 10.0)
    case.tws.say(message("tickSnapshotEnd", reqId=asked[1].reqId))
    case.settle(lambda: len(case.gateway.market_data.slots) == 1)
    case.clock.advance(7)
    found = quotes.result(PATIENCE)
    assert str(found["AAPL"].error) == "snapshot of AAPL: not complete within 7 s"
    assert (found["MSFT"].bid, found["MSFT"].complete) == (10.0, True)
    assert case.tws.next("cancelMktData").reqId == asked[0].reqId
