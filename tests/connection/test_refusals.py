"""What was answered once ends only by what truly refuses it; all else is asked for again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.caring import BROKEN, OK, SILENT, Market, market
from tests.support.kinds import KINDS, Kind
from twsloop.errors import RequestError
from twsloop.events import GapCause

FARM = "Historical Market Data Service error message:HMDS data farm connection is broken:ushmds"
OTHER_ADDRESS = (
    "Historical Market Data Service error message:"
    "Trading TWS session is connected from a different IP address"
)
VIOLATION = "Historical Market Data Service error message:Historical data request pacing violation"
#: What says no more than that it cannot be had for now.
TRANSIENT = {
    "farm": (162, FARM),
    "other address": (162, OTHER_ADDRESS),
    "pacing": (162, VIOLATION),
    "nothing now": (162, "HMDS query returned no data: AAPL@SMART Trades"),
    "competing": (10197, "No market data during competing live session"),
    "ended": (10182, "Failed to request live updates (disconnected)."),
    "forgotten": (366, "No historical data query found for ticker id:7"),
    "bust": (10225, "Bust event occurred, current subscription is deactivated."),
    "too many lines": (101, "Max number of tickers has been reached"),
    "too many books": (309, "Max number (3) of market depth requests has been reached"),
    "hasty": (10190, "Max number of tick-by-tick requests has been reached."),
    "too fast": (420, "Invalid Real-time Query:Historical data request pacing violation"),
    "halted": (316, "Market depth data has been HALTED. Please re-subscribe."),
    "not sent": (510, "Request Market Data Sending Error - "),
    "unheard of": (19_999, "Something new"),
}
#: What truly refuses it.
FINAL = {
    "no permission": (354, "Requested market data is not subscribed."),
    "no such contract": (200, "No security definition has been found for the request"),
    "bad request": (321, "Error validating request.-'bF' : cause - Please enter exchange"),
    "no history": (162, "Historical Market Data Service error message:No market data permissions"),
    "cancelled": (162, "API historical data query cancelled: 7"),
    "no bars": (420, "Invalid Real-time Query:No market data permissions for ISLAND STK"),
}


@pytest.fixture(params=[225, 200])
def at(request: pytest.FixtureRequest) -> Iterator[Market]:
    with market(request.param) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_was_answered_once_outlives_a_refusal_that_may_pass(at: Market, kind: Kind) -> None:
    stream = kind.open(at)
    kind.answer(at)
    assert at.status(stream) == "live"
    for name, (code, text) in TRANSIENT.items():
        asked = kind.requests(at)
        at.double.error(code, text, id=asked[-1].reqId)
        assert at.status(stream) in {"interrupted", "live"}, name  # a book that rests goes on
        at.double.advance(3 * SILENT)
        assert len(kind.requests(at)) > len(asked), name
        kind.answer(at)
        assert at.status(stream) == "live", name
    assert stream.gaps[-1].reason == "Something new"
    assert at.double.failures == []


@pytest.mark.parametrize("name", FINAL)
def test_what_truly_refuses_it_ends_it(at: Market, name: str) -> None:
    for kind in KINDS.values():
        stream = kind.open(at)
        kind.answer(at)
        at.double.error(*FINAL[name], id=kind.requests(at)[-1].reqId)
        assert at.status(stream) == "over", kind.request
        asked = len(kind.requests(at))
        at.double.advance(3 * SILENT)
        assert len(kind.requests(at)) == asked


@pytest.mark.parametrize("name", ["farm", "unheard of", "not sent"])
def test_what_never_was_answered_ends_by_any_refusal(name: str) -> None:
    with market() as at:
        for kind in KINDS.values():
            stream = kind.open(at)
            at.double.error(*TRANSIENT[name], id=kind.requests(at)[-1].reqId)
            assert at.status(stream) == ("interrupted" if kind.empty else "over")


def test_the_pauses_grow_and_end_when_the_farm_is_back(at: Market) -> None:
    kind = KINDS["live bars"]
    bars = kind.open(at)
    kind.answer(at)
    waits = []
    for _ in range(6):
        asked, waited = len(kind.requests(at)), 0
        at.double.error(162, FARM, id=kind.requests(at)[-1].reqId)
        while len(kind.requests(at)) == asked:
            at.double.advance(1)
            waited += 1
        waits.append(waited)
    assert waits == [5, 10, 20, 40, 60, 60]
    (gap,) = bars.gaps
    assert (gap.cause, gap.reason) == (GapCause.GATEWAY, FARM)
    at.double.error(162, FARM, id=kind.requests(at)[-1].reqId)
    asked = len(kind.requests(at))
    at.farm(2106, "ushmds")
    assert len(kind.requests(at)) == asked + 1
    kind.answer(at)
    assert at.status(bars) == "live"


def test_who_allows_little_silence_is_not_left_alone_for_longer(at: Market) -> None:
    kind = KINDS["scan"]
    scan = kind.open(at)
    scan.max_silence = 8
    kind.answer(at)
    for wait in (5, 8, 8, 8):
        asked = len(kind.requests(at))
        at.double.error(162, FARM, id=kind.requests(at)[-1].reqId)
        at.double.advance(wait - 0.5)
        assert len(kind.requests(at)) == asked
        at.double.advance(0.5)
        assert len(kind.requests(at)) == asked + 1


def test_withheld_history_comes_back_with_the_quotes(at: Market) -> None:
    quotes, bars = KINDS["quotes"], KINDS["live bars"]
    watch, kept = quotes.open(at), bars.open(at)
    quotes.answer(at)
    bars.answer(at)
    at.double.error(10197, "No market data", id=quotes.requests(at)[-1].reqId)
    at.double.error(162, OTHER_ADDRESS, id=bars.requests(at)[-1].reqId)
    assert [gap.cause for gap in (*watch.gaps, *kept.gaps)] == [GapCause.COMPETING] * 2
    at.double.advance(10)
    quotes.answer(at)
    assert len(bars.requests(at)) == 2


def test_354_is_no_refusal_while_another_session_has_the_data(at: Market) -> None:
    quotes, ticks = KINDS["quotes"], KINDS["tick by tick"]
    watch, trades = quotes.open(at), ticks.open(at)
    quotes.answer(at)
    ticks.answer(at)
    at.double.error(10197, "No market data", id=quotes.requests(at)[-1].reqId)
    text = "Requested market data is not subscribed."
    at.double.error(354, text, id=ticks.requests(at)[-1].reqId)
    at.double.error(354, text, id=quotes.requests(at)[-1].reqId)
    assert [at.status(one) for one in (watch, trades)] == ["interrupted", "interrupted"]
    (ticker,) = watch
    assert (ticker.stale, ticker.stale_because, watch.errors) == (True, text, {})
    at.double.advance(60)
    quotes.answer(at)
    ticks.answer(at)
    at.double.error(354, text, id=ticks.requests(at)[-1].reqId)
    assert at.status(trades) == "over"


def test_nothing_is_found_while_nobody_can_look_it_up(at: Market) -> None:
    kind = KINDS["depth"]
    book = kind.open(at)
    kind.answer(at)
    text = "No security definition has been found for the request"
    at.double.error(2157, "Sec-def data farm connection is broken:secdefnj")
    at.double.error(200, text, id=kind.requests(at)[-1].reqId)
    assert at.status(book) == "interrupted"
    at.double.error(2158, "Sec-def data farm connection is OK:secdefnj")
    assert len(kind.requests(at)) == 2
    at.double.error(200, text, id=kind.requests(at)[-1].reqId)
    assert at.status(book) == "over"


def test_a_program_may_give_up_what_may_pass(at: Market) -> None:
    kind = KINDS["depth"]
    at.app.errors.override(309, "subscription", action="end_request")
    book = kind.open(at)
    kind.answer(at)
    at.double.error(*TRANSIENT["too many books"], id=kind.requests(at)[-1].reqId)
    assert at.status(book) == "over"
    assert isinstance(book.error, RequestError)


def test_a_refusal_while_its_farm_is_broken_waits_for_the_farm(at: Market) -> None:
    kind = KINDS["depth"]
    book = kind.open(at)
    kind.answer(at)
    at.farm(OK, "usfarm")
    at.farm(BROKEN, "usfarm")
    at.double.error(*FINAL["no permission"], id=kind.requests(at)[-1].reqId)
    at.double.advance(600)
    assert (at.status(book), len(kind.requests(at))) == ("interrupted", 1)
    at.farm(OK, "usfarm")
    assert len(kind.requests(at)) == 2


def test_a_message_of_another_kind_is_nobodys(at: Market) -> None:
    streams = {name: kind.open(at) for name, kind in KINDS.items() if name != "smart depth"}
    for other in KINDS.values():
        for kind in KINDS.values():
            if kind.request != other.request:
                other.answer(at, kind.requests(at)[-1].reqId)
    assert at.double.failures == []
    told = {name for name, stream in streams.items() if at.status(stream) != "opening"}
    assert told == {name for name, kind in KINDS.items() if kind.empty}


@pytest.mark.parametrize("name", ["tick by tick", "real-time bars"])
def test_a_time_that_there_is_not_is_told_to_nobody(at: Market, name: str) -> None:
    kind = KINDS[name]
    stream = kind.open(at)
    ((message, fields),) = kind.answers
    never = 2**60
    spoilt = {**fields, "time": never}
    if name == "tick by tick":
        spoilt = {**fields, "historicalTickLast": {**fields["historicalTickLast"], "time": never}}
    at.double.say(message, reqId=kind.requests(at)[-1].reqId, **spoilt)
    assert at.double.failures == []
    assert at.status(stream) == "opening"
    kind.answer(at)
    assert at.status(stream) == "live"
