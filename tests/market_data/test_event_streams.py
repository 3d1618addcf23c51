"""Depth, ticks and bars when the gateway says something special; and what is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from tests.support.fake_tws import FakeTws, error, message
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.contracts import stock
from twsloop.errors import MarketDataError, RequestError, SlotsExhausted, SymbolError
from twsloop.gateway import IBGateway
from twsloop.market_data.local_bars import LocalBar
from twsloop.market_data.tick_rows import MidpointTick, TradeTick


class Case:
    """A gateway that says what it is told, and a client on a clock that stands still."""

    def __init__(self, tws: FakeTws) -> None:
        self.tws = tws
        self.clock = ManualClock()
        overrides = {
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "pacing.enabled": False,
        }
        config = Config.load(environ={}, overrides=overrides)
        self.gateway = IBGateway(config, clock=self.clock)

    def row(self, req_id: int, position: int, price: float, operation: int = 0) -> bytes:
        data = {
            "position": position,
            "operation": operation,
            "side": 1,
            "price": price,
            "size": "5",
        }
        return message("updateMktDepth", reqId=req_id, marketDepthData=data)

    def trade(self, req_id: int, seconds: int, price: float) -> bytes:
        tick = {"time": seconds, "price": price, "size": "10", "exchange": "IEX"}
        return message("tickByTick", reqId=req_id, tickType=1, historicalTickLast=tick)


@pytest.fixture
def case() -> Iterator[Case]:
    with FakeTws() as tws:
        made = Case(tws)
        with made.gateway:
            yield made


def test_a_reset_book_is_emptied_and_goes_on(case: Case) -> None:
    heard = Heard()
    with case.gateway.market_data.depth("AAPL", 5, on_update=heard) as stream:
        asked = case.tws.next("reqMktDepth")
        assert (asked.numRows, asked.isSmartDepth) == (5, True)
        case.tws.say(case.row(asked.reqId, 0, 10.0))
        assert heard.next().best_bid.price == 10.0
        case.tws.say(error(asked.reqId, 317, "Market depth data has been RESET."))
        empty = heard.next()
        assert (empty.bids, empty.reset, stream.active) == ((), True, True)
        case.tws.say(case.row(asked.reqId, 0, 11.0))
        assert [row.price for row in heard.next().bids] == [11.0]
        assert stream.state.resets == 1
    assert case.tws.next("cancelMktDepth").reqId == asked.reqId


def test_a_row_that_lacks_its_size_is_none(case: Case) -> None:
    """IB's number for "not set" is no size."""
    heard = Heard()
    with case.gateway.market_data.depth("AAPL", 5, on_update=heard) as stream:
        req_id = case.tws.next("reqMktDepth").reqId
        lacking = {"position": 0, "operation": 0, "side": 1, "price": 10.0}
        gone = {"position": 0, "operation": 2, "side": 1}
        case.tws.say(
            message("updateMktDepth", reqId=req_id, marketDepthData=lacking),
            case.row(req_id, 0, 11.0),
            message("updateMktDepth", reqId=req_id, marketDepthData=gone),
        )
        assert [(row.price, row.size) for row in heard.next().bids] == [(11.0, Decimal(5))]
        assert heard.next().bids == ()
        assert stream.state.irregular == 1


def test_a_halted_book_is_asked_for_anew(case: Case) -> None:
    heard, statuses = Heard(), Heard()
    stream = case.gateway.market_data.depth("AAPL", on_update=heard)
    stream.on_status(statuses)
    asked = case.tws.next("reqMktDepth")
    case.tws.say(case.row(asked.reqId, 0, 10.0))
    heard.next()
    case.tws.say(error(asked.reqId, 316, "Market depth data has been HALTED. Please re-subscribe."))
    statuses.until(lambda change: change[0] == "interrupted")
    case.clock.advance(1)
    again = case.tws.next("reqMktDepth")
    assert again.reqId != asked.reqId
    case.tws.say(case.row(again.reqId, 0, 12.0))
    assert [row.price for row in heard.next().bids] == [12.0], "the old rows are gone"


def test_the_book_of_a_cfd_is_that_of_what_it_stands_for(case: Case) -> None:
    stream = case.gateway.market_data.depth("AAPL@ARCA", 5)
    asked = case.tws.next("reqMktDepth")
    assert not asked.isSmartDepth
    case.tws.say(message("rerouteMktDepthReq", reqId=asked.reqId, conId=999, exchange="NYSE"))
    again = case.tws.next("reqMktDepth")
    assert (again.contract.conId, again.contract.exchange, again.numRows) == (999, "NYSE", 5)
    assert stream.active


def test_ib_s_refusal_ends_a_stream_with_its_code(case: Case) -> None:
    stream = case.gateway.market_data.ticks("AAPL", "MidPoint")
    asked = case.tws.next("reqTickByTickData")
    case.tws.say(error(asked.reqId, 10190, "Max number of tick-by-tick requests has been reached."))
    stream.done.result(PATIENCE)
    assert isinstance(stream.error, RequestError)
    assert stream.error.code == 10190
    assert len(case.gateway.market_data.slots) == 0


def test_a_size_that_is_not_told_is_none(case: Case) -> None:
    heard, traded = Heard(), Heard()
    case.gateway.market_data.ticks("SPX IND CBOE", "BidAsk", on_update=heard)
    case.gateway.market_data.local_bars("SPX IND CBOE", ticks=1, on_update=traded)
    quotes, trades = (case.tws.next("reqTickByTickData").reqId for _ in range(2))
    quote = {"time": 1_767_623_430, "priceBid": 10.0, "priceAsk": 11.0, "sizeAsk": "7"}
    trade = {"time": 1_767_623_430, "price": 10.5}
    case.tws.say(
        message("tickByTick", reqId=quotes, tickType=3, historicalTickBidAsk=quote),
        message("tickByTick", reqId=trades, tickType=1, historicalTickLast=trade),
    )
    tick, bar = heard.next(), traded.next()
    assert (tick.bid_size, tick.ask_size) == (None, Decimal(7))
    assert (bar.close, bar.volume, bar.average) == (10.5, 0, None)


def test_a_bar_of_ours_ends_by_the_source_s_clock(case: Case) -> None:
    """Nothing comes any more: the bar is told once its span, and a grace, have passed."""
    heard = Heard()
    stream = case.gateway.market_data.local_bars("AAPL", seconds=60, on_update=heard)
    req_id = case.tws.next("reqTickByTickData").reqId
    case.tws.say(case.trade(req_id, 1_767_623_430, 10.0), case.trade(req_id, 1_767_623_440, 11.0))
    case.gateway.event_loop.call(lambda: None)
    builder = stream.state
    while builder.current is None or builder.current.count < 2:
        case.gateway.event_loop.call(lambda: None)
    case.clock.advance(20)
    assert heard.rest() == []
    case.clock.advance(15)
    bar = heard.next()
    assert isinstance(bar, LocalBar)
    assert (bar.open, bar.close, bar.count, bar.volume) == (10.0, 11.0, 2, Decimal(20))
    assert bar.time.second == 0
    stream.cancel()
    assert case.tws.next("cancelTickByTickData").reqId == req_id


def test_bars_of_an_index_are_made_though_it_has_no_volume(case: Case) -> None:
    heard = Heard()
    data = case.gateway.market_data
    data.local_bars("SPX IND CBOE", seconds=5, source="bars", on_update=heard)
    req_id = case.tws.next("reqRealTimeBars").reqId
    prices = {"open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0}
    case.tws.say(
        message("realtimeBar", reqId=req_id, time=1_767_623_400, volume="-1", **prices),
        message("realtimeBar", reqId=req_id, time=1_767_623_405, volume="0", count=0, **prices),
        message("realtimeBar", reqId=req_id, time=1_767_623_410, volume="-1", **prices),
    )
    first, third = heard.next(), heard.next()
    assert (first.open, first.high, first.volume, first.average) == (1.0, 3.0, 0, None)
    assert (third.time - first.time).total_seconds() == 10, "nothing was traded in the second"


def test_local_bars_end_with_their_source(case: Case) -> None:
    stream = case.gateway.market_data.local_bars("AAPL", ticks=5)
    req_id = case.tws.next("reqTickByTickData").reqId
    case.tws.say(error(req_id, 200, "No security definition has been found for the request"))
    stream.done.result(PATIENCE)
    assert isinstance(stream.error, RequestError)
    assert stream.error.code == 200


# ---- what is refused here ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "args", "more", "text"),
    [
        ("depth", ("AAPL", 0), {}, "1 to 60 rows"),
        ("depth", ("AAPL", "5"), {}, "1 to 60 rows on each side, not '5'"),
        ("ticks", ("AAPL", "last"), {}, "the case matters"),
        ("ticks", ("AAPL",), {"history": 1001}, "0 to 1000"),
        ("realtime_bars", ("AAPL", "BID_ASK"), {}, "made of TRADES, MIDPOINT, BID, ASK"),
        ("local_bars", ("AAPL",), {}, "exactly one"),
        ("local_bars", ("AAPL",), {"seconds": float("nan")}, "exactly one"),
        ("local_bars", ("AAPL",), {"seconds": 1e-9}, "1 to 31622400 seconds"),
        ("local_bars", ("AAPL",), {"seconds": float("inf")}, "1 to 31622400 seconds"),
        ("local_bars", ("AAPL",), {"seconds": 7, "source": "bars"}, "a multiple of 5 seconds"),
        ("local_bars", ("AAPL",), {"seconds": 5, "source": "quotes"}, "'ticks' or of 'bars'"),
    ],
)
def test_what_cannot_be_asked_for(
    case: Case, method: str, args: tuple[Any, ...], more: dict[str, Any], text: str
) -> None:
    with pytest.raises(MarketDataError, match=text):
        getattr(case.gateway.market_data, method)(*args, **more)
    with pytest.raises(SymbolError):
        case.gateway.market_data.depth("what is this?")
    assert len(case.gateway.market_data.slots) == 0


def test_one_book_too_many_is_refused_with_the_names_of_those_who_hold_them(case: Case) -> None:
    data = case.gateway.market_data
    for symbol in ("AAPL", "MSFT", "IBM"):
        data.depth(symbol)
    data.depth("IBM"), data.depth("IBM", 5)  # the same instrument counts once
    with pytest.raises(SlotsExhausted, match="held by depth of AAPL, depth of MSFT") as caught:
        data.depth("GE")
    assert caught.value.code == 309


def test_no_place_for_the_source_of_local_bars(case: Case) -> None:
    data = case.gateway.market_data
    for symbol in ("A", "B", "C", "D", "E"):
        data.ticks(symbol)
    with pytest.raises(SlotsExhausted, match="Last ticks of A"):
        data.local_bars("AAPL", seconds=60)
    assert len(data.slots) == 5
    data.local_bars("AAPL", seconds=60, source="bars").cancel()


# ---- on a market moved by hand -------------------------------------------------------------------


@pytest.fixture(params=[225, 200])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(version=request.param) as made:
        yield made


def test_each_trade_and_midpoint_comes_once(desk: Desk) -> None:
    data = desk.gateway.market_data
    traded, middle, bars = Heard(), Heard(), Heard()
    with (
        data.ticks("AAPL", on_update=traded),
        data.ticks("AAPL", "MidPoint", on_update=middle),
        data.local_bars("AAPL", ticks=2, on_update=bars),
    ):
        desk.settle()
        middle.rest()
        desk.trade("AAPL", 189.55, 10)
        desk.trade("AAPL", 189.45, 30)
        desk.quote("AAPL", 189.40, 189.80)
        first, second = traded.next(), traded.next()
        assert isinstance(first, TradeTick)
        assert [(t.price, t.size) for t in (first, second)] == [(189.55, 10), (189.45, 30)]
        point = middle.next()
        assert isinstance(point, MidpointTick)
        assert round(point.price, 2) == 189.6
        bar = bars.next()
        assert (bar.open, bar.close, bar.volume, bar.count) == (189.55, 189.45, Decimal(40), 2)


def test_what_becomes_of_the_caller_s_contract_changes_nothing(case: Case) -> None:
    market_data, contract = case.gateway.market_data, stock("AAPL")
    first = market_data.depth(contract)
    contract.symbol = "MSFT"
    second = market_data.depth(contract)
    contract.symbol = "IBM"
    asked = [case.tws.next("reqMktDepth").contract.symbol for _ in range(2)]
    assert asked == ["AAPL", "MSFT"]
    assert (first.request, second.request) == ("depth of AAPL", "depth of MSFT")
    case.tws.say(error(-1, 1101, "Connectivity restored, data lost."))
    again = [case.tws.next("reqMktDepth").contract.symbol for _ in range(2)]
    assert again == ["AAPL", "MSFT"]


def test_real_time_bars_take_their_turn_among_the_requests_for_history(case: Case) -> None:
    """IB counts them together: not six of one contract in two seconds."""
    data = case.gateway.market_data
    for _ in range(5):
        stream = data.realtime_bars("AAPL")
        asked = case.tws.next("reqRealTimeBars").reqId
        stream.cancel()
        assert case.tws.next("cancelRealTimeBars").reqId == asked
    waits = data.realtime_bars("AAPL")
    data.realtime_bars("AAPL", rth=True).cancel()  # it was never asked for
    other = data.realtime_bars("MSFT")
    assert case.tws.next("reqRealTimeBars").contract.symbol == "MSFT"
    assert waits.active
    assert other.active
    case.clock.advance(3)
    assert case.tws.next("reqRealTimeBars", "cancelRealTimeBars").contract.symbol == "AAPL"
