"""What may be asked for only so often waits for its turn, and is asked for again if refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.market_data.test_event_streams import Case
from tests.support.desk import PATIENCE
from tests.support.fake_tws import FakeTws, error
from twsloop import Config, IBGateway, stock
from twsloop.clock import ManualClock
from twsloop.connection.streams import Stream
from twsloop.errors import RequestError
from twsloop.history.live_state import BarUpdate
from twsloop.market_data.quoting import BATCH
from twsloop.market_data.turns import Interval
from twsloop.session.waiting import WaitingRequest

TOO_MANY = "Max number of tick-by-tick requests has been reached."


class Paced(Case):
    """With pacing, and a message rate that never counts here."""

    def __init__(self, tws: FakeTws) -> None:
        super().__init__(tws)
        overrides = {
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "pacing.rate": 1000,
        }
        self.clock = ManualClock()
        config = Config.load(environ={}, overrides=overrides)
        self.gateway = IBGateway(config, clock=self.clock)

    def settle(self) -> None:
        for _ in range(3):
            self.gateway.event_loop.call(lambda: None)


@pytest.fixture
def case() -> Iterator[Paced]:
    with FakeTws() as tws:
        made = Paced(tws)
        with made.gateway:
            yield made


def test_the_second_tick_by_tick_request_of_an_instrument_waits_fifteen_seconds(
    case: Paced,
) -> None:
    first = case.gateway.market_data.ticks("AAPL", "Last")
    case.tws.next("reqTickByTickData")
    second = case.gateway.market_data.ticks("AAPL", "BidAsk")
    case.gateway.market_data.ticks("MSFT", "Last")
    assert case.tws.next("reqTickByTickData").contract.symbol == "MSFT"
    case.settle()
    (waiting,) = case.gateway.waiting()
    assert waiting.reason == "one tick-by-tick request an instrument in 15 s"
    assert waiting.lane == "request"
    assert waiting.expected == pytest.approx(15.5)
    assert waiting.request.startswith("reqTickByTickData ")
    case.clock.advance(15.5)
    assert case.tws.next("reqTickByTickData").tickType == "BidAsk"
    assert case.gateway.waiting() == ()
    assert first.active
    assert second.active


def test_a_programs_own_call_waits_as_well_and_its_cancel_takes_it_back(case: Paced) -> None:
    case.gateway.reqTickByTickData(1, stock("AAPL"), "Last", 0, False)
    case.tws.next("reqTickByTickData")
    case.gateway.reqTickByTickData(2, stock("AAPL"), "BidAsk", 0, False)
    case.settle()
    assert [one.req_id for one in case.gateway.waiting()] == [2]
    case.gateway.cancelTickByTickData(2)
    case.settle()
    assert case.gateway.waiting() == ()
    case.gateway.cancelTickByTickData(1)
    assert case.tws.next("cancelTickByTickData").reqId == 1


def test_a_stream_that_is_refused_as_hasty_is_asked_for_again_three_times(case: Paced) -> None:
    stream = case.gateway.market_data.ticks("AAPL", "MidPoint")
    for _ in range(3):
        asked = case.tws.next("reqTickByTickData")
        case.tws.say(error(asked.reqId, 10190, TOO_MANY))
        assert case.tws.next("cancelTickByTickData").reqId == asked.reqId
        case.settle()
        assert stream.active
        case.clock.advance(15.5)
    asked = case.tws.next("reqTickByTickData")
    case.tws.say(error(asked.reqId, 10190, TOO_MANY))
    stream.done.result(PATIENCE)
    assert isinstance(stream.error, RequestError)
    assert stream.error.code == 10190


def test_bars_that_are_refused_as_too_fast_are_asked_for_again(case: Paced) -> None:
    stream = case.gateway.market_data.realtime_bars("AAPL")
    asked = case.tws.next("reqRealTimeBars")
    text = "Invalid Real-time Query:Historical data request pacing violation"
    case.tws.say(error(asked.reqId, 420, text))
    case.tws.next("cancelRealTimeBars")
    case.settle()
    assert stream.active
    case.clock.advance(25)
    again = case.tws.next("reqRealTimeBars")
    assert again.reqId != asked.reqId


def test_the_same_bars_again_wait_as_identical_ones_do(case: Paced) -> None:
    stream = case.gateway.market_data.realtime_bars("AAPL")
    first = case.tws.next("reqRealTimeBars")
    stream.cancel()
    assert case.tws.next("cancelRealTimeBars").reqId == first.reqId
    case.gateway.market_data.realtime_bars("AAPL")
    case.settle()
    (waiting,) = case.gateway.waiting()
    assert waiting.reason == "the same was asked less than 15 s ago"
    case.clock.advance(15.5)
    case.tws.next("reqRealTimeBars")


def test_regulatory_snapshots_are_a_second_apart(case: Paced) -> None:
    for req_id in (1, 2):
        case.gateway.reqMktData(req_id, stock("AAPL"), "", True, True, [])
    case.tws.next("reqMktData")
    case.settle()
    (waiting,) = case.gateway.waiting()
    assert (waiting.req_id, waiting.reason) == (2, "one regulatory snapshot a second")
    case.clock.advance(1.5)
    assert case.tws.next("reqMktData").reqId == 2


def test_an_interval_forgets_what_is_old() -> None:
    interval = Interval(15.0, "why")
    for kind in range(3000):
        interval.leave(kind * 1.0, kind)
    assert len(interval._left) <= 1001
    assert interval.wait(3000.0, 2999) is not None
    assert interval.wait(3000.0, 2000) is None


# ---- what waits on a timer of its own is listed, too ---------------------------------------------


def aapl() -> Any:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def test_live_bars_that_wait_for_their_turn_say_why_and_no_more_when_they_left(case: Paced) -> None:
    def follow() -> Stream[BarUpdate]:
        return case.gateway.history.live_bars(
            aapl(), bar_size="5 secs", duration=timedelta(hours=1)
        )

    first = follow()
    case.tws.next("reqHistoricalData")
    first.cancel()
    case.settle()
    case.clock.advance(1)
    second = follow()
    case.settle()
    case.clock.advance(2)
    (waiting,) = case.gateway.waiting()
    assert waiting.reason == "the same was asked less than 15 s ago"
    assert waiting.request.startswith("live bars of 5 secs")
    assert waiting.lane == "history"
    assert waiting.seconds == pytest.approx(2)
    assert waiting.expected == pytest.approx(15.5 - 3)
    case.clock.advance(13)
    case.tws.next("reqHistoricalData")
    assert case.gateway.waiting() == ()
    assert second.active


def test_a_stream_that_is_not_wanted_any_more_does_not_wait(case: Paced) -> None:
    rows: tuple[WaitingRequest, ...] = ()
    for _ in range(2):
        stream = case.gateway.market_data.realtime_bars("AAPL")
        case.settle()
        case.clock.advance(1)
        rows = case.gateway.waiting()
        stream.cancel()
        case.settle()
    assert [row.reason for row in rows] == ["the same was asked less than 15 s ago"]
    assert case.gateway.waiting() == ()


def test_a_regulatory_snapshot_that_waits_says_why(case: Paced) -> None:
    data = case.gateway.market_data
    futures = [data.regulatory_snapshot(name, accept_cost=True) for name in ("AAPL", "MSFT")]
    case.tws.next("reqMktData")
    case.settle()
    (waiting,) = case.gateway.waiting()
    assert (waiting.request, waiting.reason) == (
        "regulatory snapshot of MSFT", "one regulatory snapshot a second",
    )  # fmt: skip
    case.clock.advance(1)
    case.settle()
    case.clock.advance(0.5)  # where the Outbox counts them, a second is longer
    case.tws.next("reqMktData")
    assert case.gateway.waiting() == ()
    assert not any(future.done() for future in futures)


def test_snapshots_for_which_there_is_no_place_are_listed(case: Paced) -> None:
    names = [f"S{n}" for n in range(BATCH + 3)]
    future = case.gateway.market_data.quotes(names)
    for _ in range(BATCH):
        case.tws.next("reqMktData")
    case.settle()
    rows = case.gateway.waiting()
    assert [row.request for row in rows] == [f"quote of {name}" for name in names[BATCH:]]
    assert {row.lane for row in rows} == {"place"}
    assert rows[0].reason == f"{BATCH} snapshots are under way, and all places are taken"
    assert [row.position for row in rows] == [0, 1, 2]
    future.cancel()
    case.settle()
    assert case.gateway.waiting() == ()
