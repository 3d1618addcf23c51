"""What interrupts a subscription, what goes on, and what is asked for anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.caring import BROKEN, CONNECTING, OK, SILENT, Market, market
from twsloop.contracts import stock
from twsloop.events import (
    FarmChanged,
    GapCause,
    GapEnded,
    GapStarted,
    SessionChanged,
    StreamClosed,
    StreamStarted,
)
from twsloop.session.farms import FarmState
from twsloop.session.state import State

FARMS = ("usfarm", "usfarm.nj", "cashfarm")
LIVE, OPENING, INTERRUPTED = "live", "opening", "interrupted"


@pytest.fixture
def at(request: pytest.FixtureRequest) -> Iterator[Market]:
    """At server version 225, or as `both` says."""
    with market(getattr(request, "param", 225)) as made:
        yield made


def start_again(at: Market) -> None:
    """The next session; what was asked for until it is READY can be answered, too."""
    at.double.start()
    at.double.sent += at.double.started_with


both = pytest.mark.parametrize("at", [225, 200], indirect=True)


# ---- farms -------------------------------------------------------------------------------------


@both
def test_a_broken_farm_interrupts_what_it_serves_and_nothing_else(at: Market) -> None:
    for name in ("usfarm", "cashfarm", "eufarm"):
        at.farm(OK, name)
    apple, euro = at.app.subscribe("AAPL"), at.app.subscribe("EUR.USD")
    sap = at.app.subscribe(stock("SAP", currency="EUR"))
    for symbol in ("AAPL", "EUR", "SAP"):
        at.tick(symbol)
    changes: list[FarmChanged] = []
    at.app.observe(FarmChanged, changes.append)
    at.farm(BROKEN, "usfarm")
    assert [at.status(one) for one in (apple, euro, sap)] == [INTERRUPTED, LIVE, LIVE]
    assert [ticker.stale for ticker in (*apple, *euro, *sap)] == [True, False, False]
    (gap,) = apple.gaps
    assert (gap.stream, gap.cause, gap.farm) == ("quotes of AAPL", GapCause.FARM, "usfarm")
    assert gap.reason == "Market data farm connection is broken:usfarm"
    assert (gap.ended, gap.duration) == (None, None)
    assert [(one.farm, one.old, one.state) for one in changes] == [("usfarm", "ok", "broken")]
    assert at.app.system.farms["usfarm"].state is FarmState.BROKEN
    assert "eufarm" in at.app.system.farms


@both
def test_a_farm_that_is_back_proves_nothing_but_a_tick_does(at: Market) -> None:
    apple, micro = at.app.subscribe("AAPL"), at.app.subscribe("MSFT")
    at.tick("AAPL")
    at.tick("MSFT")
    at.farm(BROKEN, "usfarm")
    at.farm(CONNECTING, "usfarm")
    at.double.advance(5)
    at.farm(OK, "usfarm")
    assert [at.status(apple), at.status(micro)] == [INTERRUPTED, INTERRUPTED]
    at.tick("AAPL")
    assert [at.status(apple), at.status(micro)] == [LIVE, INTERRUPTED]
    at.double.advance(SILENT - 1)
    assert len(at.asked("MSFT")) == 1
    at.double.advance(1)
    assert (len(at.asked("MSFT")), len(at.asked("AAPL"))) == (2, 1)
    assert at.double.last("cancelMktData").reqId == at.asked("MSFT")[0].reqId
    at.tick("MSFT", 101.0)
    assert [at.status(apple), at.status(micro)] == [LIVE, LIVE]
    assert at.told("quotes of MSFT") == ["StreamStarted", "GapStarted", "GapEnded"]
    (gap,) = micro.gaps
    assert gap.duration is not None
    assert gap.duration.total_seconds() == 5 + SILENT
    assert gap.ended_by == "data comes again"


def test_while_the_farm_is_broken_nothing_is_asked_anew(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.farm(BROKEN, "usfarm")
    at.double.advance(3600)
    assert len(at.asked("AAPL")) == 1
    at.farm(OK, "usfarm")
    at.farm(BROKEN, "usfarm")  # it flaps
    at.double.advance(3600)
    assert (len(at.asked("AAPL")), at.status(apple)) == (1, INTERRUPTED)
    assert len(apple.gaps) == 1


def test_what_is_heard_while_a_farm_is_broken_is_not_of_it(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.farm(OK, "usfarm")
    at.farm(BROKEN, "usfarm.nj")
    assert at.status(apple) == INTERRUPTED  # nobody could tell
    at.tick("AAPL")
    assert at.status(apple) == LIVE
    at.farm(OK, "usfarm.nj")
    at.farm(BROKEN, "usfarm.nj")
    assert (at.status(apple), len(apple.gaps)) == (LIVE, 1)
    at.farm(BROKEN, "usfarm")
    assert at.status(apple) == INTERRUPTED


def test_what_falls_silent_when_a_farm_breaks_is_of_it(at: Market) -> None:
    at.farm(OK, "usfarm")
    apple, micro = at.app.subscribe("AAPL"), at.app.subscribe("MSFT")
    at.tick("AAPL")
    at.tick("MSFT")
    at.farm(BROKEN, "strange1")
    assert [at.status(apple), at.status(micro)] == [LIVE, LIVE]  # its name is no US farm's
    at.double.advance(1)
    at.tick("MSFT")
    at.double.advance(SILENT)
    assert [at.status(apple), at.status(micro)] == [INTERRUPTED, LIVE]
    (gap,) = apple.gaps
    assert (gap.cause, gap.farm) == (GapCause.FARM, "strange1")
    assert gap.reason.startswith("silent since then: ")
    at.farm(OK, "strange1")
    at.tick("AAPL")
    at.farm(BROKEN, "strange1")
    assert [at.status(apple), at.status(micro)] == [INTERRUPTED, LIVE]  # it is known now


def test_a_break_that_was_short_teaches_nothing(at: Market) -> None:
    at.farm(OK, "usfarm")
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.farm(BROKEN, "strange1")
    at.farm(OK, "strange1")
    at.double.advance(SILENT)
    assert (at.status(apple), apple.gaps) == (LIVE, ())


def test_what_is_asked_for_while_its_farm_is_broken_is_asked_again_when_it_is_back(
    at: Market,
) -> None:
    at.farm(BROKEN, "usfarm")
    apple = at.app.subscribe("AAPL")
    assert apple.lives["AAPL"].reason == "Market data farm connection is broken:usfarm"
    at.double.advance(10)
    at.farm(OK, "usfarm")
    assert at.status(apple) == OPENING
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 2
    at.tick("AAPL")
    assert at.told() == ["StreamStarted"]  # nothing was missed: it had not begun
    assert apple.gaps == ()


def test_an_idle_farm_is_no_broken_one(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.farm(2108, "usfarm")
    at.farm(CONNECTING, "usfarm")
    at.farm(OK, "usfarm")
    assert at.status(apple) == LIVE
    at.farm(BROKEN, "usfarm")
    at.farm(2108, "usfarm")  # idle: the next request wakes it
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 2


def test_the_farms_of_a_session_end_with_it(at: Market) -> None:
    at.farm(BROKEN, "usfarm")
    at.double.drop()
    assert dict(at.app.system.farms) == {}
    at.double.advance(5)
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    assert at.status(apple) == LIVE


# ---- servers -----------------------------------------------------------------------------------


@both
def test_what_was_lively_is_verified_after_1102_and_the_rest_goes_on(at: Market) -> None:
    trades = {name: at.app.market_data.ticks(name) for name in ("AAPL", "MSFT", "NVDA")}
    at.trade("AAPL")
    at.double.advance(SILENT + 1)
    at.trade("MSFT")
    at.trade("NVDA")
    at.lost()
    assert {at.status(one) for one in trades.values()} == {INTERRUPTED}
    at.lost()  # IB repeats it
    at.kept()
    assert [at.status(one) for one in trades.values()] == [LIVE, INTERRUPTED, INTERRUPTED]
    at.trade("NVDA")
    at.double.advance(SILENT)
    asked = {name: len(at.asked(name, "reqTickByTickData")) for name in trades}
    assert asked == {"AAPL": 1, "MSFT": 2, "NVDA": 1}
    assert [len(one.gaps) for one in trades.values()] == [1, 1, 1]


def test_a_line_is_verified_even_where_nothing_is_traded(at: Market) -> None:
    """Asked for anew it tells its last values at once: so silence says that it is lost."""
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.advance(3600)
    at.lost()
    at.kept()
    assert at.status(apple) == INTERRUPTED
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 2
    at.tick("AAPL")
    assert at.status(apple) == LIVE


@both
def test_a_farm_that_1102_lists_as_not_connected_keeps_its_own_waiting(at: Market) -> None:
    for name in ("usfarm", "cashfarm"):
        at.farm(OK, name)
    apple, euro = at.app.subscribe("AAPL"), at.app.subscribe("EUR.USD")
    at.tick("AAPL")
    at.tick("EUR")
    at.lost()
    at.kept(
        " The following farms are connected: cashfarm; secdefnj."
        " The following farms are not connected: usfarm."
    )
    at.double.advance(SILENT)
    assert (len(at.asked("AAPL")), len(at.asked("EUR"))) == (1, 2)
    assert "not connected: usfarm" in apple.lives["AAPL"].reason
    at.tick("EUR")
    at.farm(OK, "usfarm")
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 2
    assert [at.status(apple), at.status(euro)] == [INTERRUPTED, LIVE]


@both
def test_after_1101_everything_is_asked_for_anew_once(at: Market) -> None:
    apple, book = at.app.subscribe("AAPL"), at.app.market_data.depth("MSFT")
    trades = at.app.market_data.ticks("NVDA")
    at.tick("AAPL")
    at.depth("MSFT")
    at.lost()
    at.gone()
    assert len(at.asked("AAPL")) == len(at.asked("MSFT", "reqMktDepth")) == 2
    assert len(at.asked("NVDA", "reqTickByTickData")) == 2
    assert at.double.sent_of("cancelMktData") == at.double.sent_of("cancelMktDepth") == []
    assert [at.status(one) for one in (apple, book, trades)] == [INTERRUPTED, INTERRUPTED, OPENING]
    at.tick("AAPL")
    at.depth("MSFT")
    at.trade("NVDA")
    assert [at.status(one) for one in (apple, book, trades)] == [LIVE, LIVE, LIVE]
    assert [gap.cause for gap in (*apple.gaps, *book.gaps, *trades.gaps)] == [GapCause.SERVERS] * 2


def test_after_1101_what_was_quiet_has_one_gap_too(at: Market) -> None:
    trades = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    at.double.advance(SILENT + 1)
    at.lost()
    at.gone()
    assert at.status(trades) == INTERRUPTED
    at.trade("AAPL")
    assert at.told() == ["StreamStarted", "GapStarted", "GapEnded"]


def test_what_was_quiet_does_not_go_on_without_its_farm(at: Market) -> None:
    trades = at.app.market_data.ticks("AAPL")
    at.farm(OK, "usfarm")
    at.trade("AAPL")
    at.double.advance(SILENT + 1)
    at.lost()
    at.kept(" The following farms are not connected: usfarm.")
    at.double.advance(SILENT)
    assert at.status(trades) == INTERRUPTED
    at.farm(OK, "usfarm")
    assert at.status(trades) == LIVE


def test_what_was_asked_for_in_an_outage_is_asked_again_after_it(at: Market) -> None:
    at.lost()
    apple = at.app.subscribe("AAPL")
    at.double.advance(SILENT)
    at.kept()
    assert len(at.asked("AAPL")) == 1
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 2
    at.tick("AAPL")
    assert at.status(apple) == LIVE


def test_what_stays_silent_is_asked_for_after_pauses_that_double(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.lost()
    at.kept()
    for count, pause in enumerate((30, 60, 120, 240, 480, 600, 600), start=1):
        at.double.advance(pause - 1)
        assert len(at.asked("AAPL")) == count
        at.double.advance(1)
        assert len(at.asked("AAPL")) == count + 1
    at.tick("AAPL")
    assert at.status(apple) == LIVE
    at.lost()
    at.kept()
    at.double.advance(30)
    assert len(at.asked("AAPL")) == 9  # it had an answer meanwhile


def test_many_that_are_silent_are_asked_for_one_by_one(at: Market) -> None:
    names = [f"S{number}" for number in range(60)]
    watch = at.app.subscribe([stock(name) for name in names])
    for name in names:
        at.tick(name)
    at.lost()
    at.kept()
    at.double.advance(SILENT)
    assert 60 < len(at.double.sent_of("reqMktData")) <= 60 + 11
    at.tick("S59")  # it speaks before its turn
    at.double.advance(3)
    assert len(at.double.sent_of("reqMktData")) == 60 + 59
    assert len(at.asked("S59")) == 1
    for name in names:
        at.tick(name)
    assert {str(life.status) for life in watch.lives.values()} == {LIVE}


def test_a_session_that_ends_amid_it_leaves_nothing_waiting_for_a_turn(at: Market) -> None:
    names = [f"S{number}" for number in range(40)]
    watch = at.app.subscribe([stock(name) for name in names])
    for name in names:
        at.tick(name)
    for _ in range(2):
        at.lost()
        at.kept()
        at.double.advance(SILENT)
        assert len({len(at.asked(name)) for name in names}) == 2  # some wait for their turn
        at.double.stop()
        at.double.start()
    at.lost()
    at.kept()
    before = {name: len(at.asked(name)) for name in names}
    at.double.advance(SILENT + 3)
    assert {len(at.asked(name)) - before[name] for name in names} == {1}
    assert all(life.status == INTERRUPTED for life in watch.lives.values())


@pytest.mark.parametrize(("open_now", "requests"), [(True, 2), (False, 1), (None, 1)])
def test_what_was_quiet_is_verified_only_while_it_is_traded(
    at: Market, open_now: bool | None, requests: int
) -> None:
    care = at.app._tws.streams.care
    care.closed = lambda _contract: None if open_now is None else not open_now
    trades = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    at.double.advance(SILENT + 1)
    at.lost()
    at.kept()
    assert at.status(trades) == (INTERRUPTED if open_now else LIVE)
    at.double.advance(SILENT)
    assert len(at.asked("AAPL", "reqTickByTickData")) == requests


# ---- the link ----------------------------------------------------------------------------------


@both
def test_after_a_lost_link_too_a_line_that_stays_silent_is_asked_for_again(at: Market) -> None:
    """The link comes back, and the data does not."""
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.drop()
    assert apple.gaps[0].cause is GapCause.LINK
    assert apple.gaps[0].reason == "the session ended: the gateway reset the link"
    at.double.advance(5)
    assert len(at.asked("AAPL")) == 2
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 3
    at.tick("AAPL")
    assert [gap.ended is not None for gap in apple.gaps] == [True]
    assert at.told() == ["StreamStarted", "GapStarted", "GapEnded"]


def test_what_is_cancelled_between_two_sessions_is_not_asked_for_in_the_next(at: Market) -> None:
    apple, trades = at.app.subscribe("AAPL"), at.app.market_data.ticks("MSFT")
    at.tick("AAPL")
    at.trade("MSFT")
    at.double.stop()
    apple.cancel()
    trades.cancel()
    assert (apple.lives["AAPL"].status, trades.life.status) == ("over", "over")
    assert (len(at.app._tws.streams.care), list(at.app.market_data.slots)) == (0, [])
    at.double.start()
    asked = [one.name for one in at.double.started_with]
    since = asked[len(asked) - asked[::-1].index("startApi") :]
    assert not {"reqMktData", "reqTickByTickData"} & {*since}


@both
@pytest.mark.parametrize("how", ["stopped", "disconnected"])
def test_a_stop_that_was_asked_for_is_no_lost_link(
    at: Market, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is held goes on with the next start, so nothing is closed; and nothing is alarming."""
    apple, book = at.app.subscribe("AAPL"), at.app.market_data.depth("NVDA")
    at.tick("AAPL")
    at.depth("NVDA")
    with caplog.at_level(logging.DEBUG):
        at.double.stop() if how == "stopped" else at.app.disconnect()
    for gap in (*apple.gaps, *book.gaps):
        assert (gap.cause, gap.reason, gap.ended) == (GapCause.STOPPED, how, None)
    lines = [str(fact) for fact in at.facts if isinstance(fact, GapStarted)]
    assert sorted(lines) == [
        f"depth of NVDA: paused: the program ended the session: {how}",
        f"quotes of AAPL: paused: the program ended the session: {how}",
    ]
    assert StreamClosed.__name__ not in at.told()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert (at.status(apple), at.status(book)) == (INTERRUPTED, INTERRUPTED)
    if how == "stopped":
        start_again(at)
        at.tick("AAPL")
        ended = at.facts[-1]
        assert (type(ended), ended.cause) == (GapEnded, GapCause.STOPPED)
        assert at.status(apple) == LIVE


def test_what_was_interrupted_before_the_stop_stays_so(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.drop()
    at.double.stop()
    start_again(at)
    at.tick("AAPL")
    assert [gap.cause for gap in apple.gaps] == [GapCause.LINK]


def test_a_link_lost_is_one_though_an_observer_then_stops(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.app.observe(SessionChanged, lambda _fact: at.app.disconnect())
    at.double.drop()
    (gap,) = apple.gaps
    assert gap.cause is GapCause.LINK
    assert gap.reason == "the session ended: the gateway reset the link"


def test_an_observer_that_ends_the_session_amid_other_news_is_no_lost_link(at: Market) -> None:
    """That it ended is told after the rest; why it did is known at once."""
    trades = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    at.app.observe(SessionChanged, lambda _fact: at.app.disconnect())
    core = at.app._tws
    core.event_loop.call(core.moves.tell, State.READY, "something else")
    (gap,) = trades.gaps
    assert (gap.cause, gap.reason) == (GapCause.STOPPED, "disconnected")


@pytest.mark.parametrize("before", ["lost", "withheld"])
def test_what_stopped_it_in_the_session_before_does_not_hold_it_now(
    at: Market, before: str
) -> None:
    at.app.subscribe("AAPL")
    at.tick("AAPL")
    if before == "lost":
        at.lost()
    else:
        at.double.error(10197, "No market data", id=at.asked("AAPL")[-1].reqId)
    at.double.drop()
    at.double.advance(5)
    assert len(at.asked("AAPL")) == 2
    at.double.advance(SILENT)
    assert len(at.asked("AAPL")) == 3


def test_what_is_quiet_by_its_nature_goes_on_by_itself(at: Market) -> None:
    bulletins = at.app.news.bulletins()
    at.double.say(
        "updateNewsBulletin", newsMsgId=1, newsMsgType=1, newsMessage="x", originatingExch="N"
    )
    at.double.drop()
    assert at.status(bulletins) == INTERRUPTED
    at.double.advance(5 + SILENT)
    assert at.status(bulletins) == LIVE
    assert len(at.double.sent_of("reqNewsBulletins")) == 2
    at.lost()
    at.kept()
    assert at.status(bulletins) == LIVE


def test_nothing_that_happens_to_data_touches_the_session(at: Market) -> None:
    changes: list[str] = []
    at.app.subscribe(["AAPL", "MSFT"])
    at.tick("AAPL")
    at.app.on_session(lambda state, _reason: changes.append(state.name))
    for _ in range(3):
        at.farm(BROKEN, "usfarm")
        at.farm(2105, "ushmds")
        at.double.advance(100)
        at.farm(OK, "usfarm")
        at.farm(2106, "ushmds")
        at.double.advance(100)
    assert changes == []
    assert at.double.sent_of("startApi") == []


# ---- what the gateway withholds, or ends ---------------------------------------------------------


@both
def test_withheld_data_is_asked_for_again_until_the_other_session_ends(at: Market) -> None:
    apple, micro = at.app.subscribe("AAPL"), at.app.subscribe("MSFT")
    trades = at.app.market_data.ticks("NVDA")
    at.tick("AAPL")
    text = "No market data during competing live session"
    at.double.error(10197, text, id=at.asked("AAPL")[-1].reqId)
    at.double.advance(30)
    at.double.error(10197, text, id=at.asked("MSFT")[-1].reqId)
    at.double.error(10197, text, id=at.asked("NVDA", "reqTickByTickData")[-1].reqId)
    assert [at.status(one) for one in (apple, micro, trades)] == [INTERRUPTED, OPENING, OPENING]
    assert apple.gaps[0].cause is GapCause.COMPETING
    assert (trades.active, trades.life.reason, apple.errors) == (True, text, {})
    at.double.advance(29)
    assert len(at.asked("AAPL")) == 1
    at.double.advance(1)
    assert len(at.asked("AAPL")) == 2
    at.tick("AAPL")  # it is over: for the others, too
    assert len(at.asked("MSFT")) == len(at.asked("NVDA", "reqTickByTickData")) == 2
    at.double.advance(600)
    assert len(at.asked("AAPL")) == 2


def test_withheld_data_may_come_again_by_itself(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.error(10197, "No market data", id=at.asked("AAPL")[-1].reqId)
    at.tick("AAPL")
    assert at.status(apple) == LIVE
    at.double.advance(600)
    assert len(at.asked("AAPL")) == 1


def test_an_outage_does_not_end_the_waiting_for_withheld_data(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.error(10197, "No market data", id=at.asked("AAPL")[-1].reqId)
    at.lost()
    at.double.advance(100)
    assert len(at.asked("AAPL")) == 1
    at.kept()
    at.double.advance(60)
    assert len(at.asked("AAPL")) == 2
    assert at.status(apple) == INTERRUPTED


def test_a_competing_session_told_for_all(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.double.error(10197, "No market data during competing live session")
    assert at.status(apple) == INTERRUPTED
    at.double.advance(60)
    assert len(at.asked("AAPL")) == 2


@both
def test_bars_that_a_correction_ended_are_asked_for_at_once(at: Market) -> None:
    bars = at.app.market_data.realtime_bars("AAPL")
    first = at.asked("AAPL", "reqRealTimeBars")[-1].reqId
    at.double.error(10225, "Bust event occurred, current subscription is deactivated.", id=first)
    assert len(at.asked("AAPL", "reqRealTimeBars")) == 2
    assert at.double.last("cancelRealTimeBars").reqId == first  # it is there still, and silent
    assert bars.active
    again = at.asked("AAPL", "reqRealTimeBars")[-1].reqId
    at.double.error(10225, "Bust event occurred, current subscription is deactivated.", id=again)
    at.double.advance(4)
    assert len(at.asked("AAPL", "reqRealTimeBars")) == 2  # now after a pause
    at.double.advance(30)
    assert len(at.asked("AAPL", "reqRealTimeBars")) == 3


@both
def test_data_of_another_kind_are_a_gap(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    at.app.market_data.set_data_type("delayed_frozen")
    (ticker,) = apple
    assert (at.status(apple), ticker.bid, ticker.stale) == (INTERRUPTED, None, True)
    (gap,) = apple.gaps
    assert (gap.cause, gap.reason) == (GapCause.PROGRAM, "delayed frozen data was asked for")
    assert ticker.stale_because == gap.reason
    at.tick("AAPL")
    assert (at.status(apple), ticker.bid, ticker.stale) == (LIVE, 100.0, False)
    assert at.told() == ["StreamStarted", "GapStarted", "GapEnded"]


def test_what_is_not_permitted_ends(at: Market) -> None:
    trades = at.app.market_data.ticks("AAPL")
    req_id = at.asked("AAPL", "reqTickByTickData")[-1].reqId
    at.double.error(354, "Requested market data is not subscribed.", id=req_id)
    assert (trades.active, at.status(trades)) == (False, "over")
    assert at.told() == ["StreamClosed"]
    at.kept()
    at.double.advance(600)
    assert len(at.asked("AAPL", "reqTickByTickData")) == 1


def test_a_refusal_while_its_farm_is_broken_ends_nothing_that_had_begun(at: Market) -> None:
    apple, micro = at.app.subscribe("AAPL"), at.app.subscribe("MSFT")
    at.tick("AAPL")
    at.farm(BROKEN, "usfarm")
    for symbol in ("AAPL", "MSFT"):
        at.double.error(200, "No security definition", id=at.asked(symbol)[-1].reqId)
    assert [at.status(apple), at.status(micro)] == [INTERRUPTED, "over"]
    at.double.advance(100)
    assert len(at.asked("AAPL")) == 1
    at.farm(OK, "usfarm")
    assert len(at.asked("AAPL")) == 2
    at.double.error(200, "No security definition", id=at.asked("AAPL")[-1].reqId)
    assert at.status(apple) == "over"


@pytest.mark.parametrize(("code", "farm"), [(BROKEN, "usfarm"), (2105, "ushmds")])
def test_real_time_bars_need_the_farm_of_history_too(at: Market, code: int, farm: str) -> None:
    bars, apple = at.app.market_data.realtime_bars("AAPL"), at.app.subscribe("AAPL")
    req_id = at.asked("AAPL", "reqRealTimeBars")[-1].reqId
    at.double.say("realtimeBar", reqId=req_id, time=1_767_623_400, open=1, high=1, low=1, close=1)
    at.tick("AAPL")
    at.farm(code, farm)
    assert at.status(bars) == INTERRUPTED
    assert at.status(apple) == (LIVE if code == 2105 else INTERRUPTED)


def test_what_comes_in_a_rhythm_is_lively_for_some_beats() -> None:
    with market(market_data__silent_after=2) as at:
        bars, trades = at.app.market_data.realtime_bars("AAPL"), at.app.market_data.ticks("MSFT")
        req_id = at.asked("AAPL", "reqRealTimeBars")[-1].reqId
        at.double.say(
            "realtimeBar", reqId=req_id, time=1_767_623_400, open=1, high=1, low=1, close=1
        )
        at.trade("MSFT")
        at.double.advance(4)
        at.lost()
        at.kept()
        assert [at.status(bars), at.status(trades)] == [INTERRUPTED, LIVE]
        at.double.advance(14)
        assert len(at.asked("AAPL", "reqRealTimeBars")) == 1
        at.double.advance(1)
        assert len(at.asked("AAPL", "reqRealTimeBars")) == 2


@both
def test_a_book_tells_which_venues_it_has_and_goes_on(at: Market) -> None:
    book = at.app.market_data.depth("AAPL")
    at.depth("AAPL")
    req_id = at.asked("AAPL", "reqMktDepth")[-1].reqId
    at.double.error(2152, "Exchanges - Depth: IEX; Top: BYX;", id=req_id)
    assert at.status(book) == LIVE
    assert book.notice is not None
    assert book.notice.code == 2152


@both
def test_a_halted_book_is_a_gap_of_its_own(at: Market) -> None:
    book = at.app.market_data.depth("AAPL")
    at.depth("AAPL")
    at.double.error(
        316, "Market depth data has been HALTED.", id=at.asked("AAPL", "reqMktDepth")[-1].reqId
    )
    assert at.status(book) == INTERRUPTED
    at.double.advance(1)
    assert len(at.asked("AAPL", "reqMktDepth")) == 2
    at.depth("AAPL")
    assert [(gap.cause, gap.ended is not None) for gap in book.gaps] == [(GapCause.GATEWAY, True)]


# ---- silence -------------------------------------------------------------------------------------


def test_no_line_is_silent_for_longer_than_its_limit(at: Market) -> None:
    apple = at.app.subscribe("AAPL")
    at.tick("AAPL")
    apple.max_silence = 10
    for _ in range(5):
        at.double.advance(9)
        at.tick("AAPL")
    assert (len(at.asked("AAPL")), apple.gaps) == (1, ())
    at.double.advance(10)
    assert (len(at.asked("AAPL")), at.status(apple)) == (2, INTERRUPTED)
    (gap,) = apple.gaps
    assert (gap.cause, gap.reason) == (GapCause.SILENCE, "silent for 10 s, longer than it may be")
    for times in range(3, 23):  # each time, however often that was in vain
        at.double.advance(9)
        assert len(at.asked("AAPL")) == times - 1
        at.double.advance(1)
        assert len(at.asked("AAPL")) == times
    assert apple.gaps == (gap,)
    at.tick("AAPL")
    assert at.status(apple) == LIVE
    apple.max_silence = None
    at.double.advance(3600)
    assert (len(at.asked("AAPL")), apple.max_silence) == (22, None)


def test_a_stream_of_ticks_is_asked_for_no_faster_than_ib_lets_us(at: Market) -> None:
    """It would be cancelled, and wait for its turn, for most of the time."""
    trades = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    trades.max_silence = 4
    at.double.advance(60)
    at.trade("AAPL")
    before = len(at.asked("AAPL", "reqTickByTickData"))
    at.double.advance(3.9)
    assert at.status(trades) == LIVE
    at.double.advance(0.1)  # told at once, and asked for: the last time is long ago
    assert at.status(trades) == INTERRUPTED
    for times in range(before + 1, before + 10):
        assert len(at.asked("AAPL", "reqTickByTickData")) == times
        at.double.advance(15)
        assert len(at.asked("AAPL", "reqTickByTickData")) == times
        at.double.advance(0.5)


def test_a_stream_of_ticks_that_falls_silent_soon_is_told_and_kept_until_its_turn(
    at: Market,
) -> None:
    trades = at.app.market_data.ticks("AAPL")
    trades.max_silence = 4
    at.double.advance(1)
    at.trade("AAPL")
    at.double.advance(4)
    assert at.status(trades) == INTERRUPTED
    at.double.advance(10)
    assert at.double.sent_of("cancelTickByTickData") == []
    at.double.advance(0.5)
    assert len(at.double.sent_of("cancelTickByTickData")) == 1
    assert len(at.asked("AAPL", "reqTickByTickData")) == 2


def test_a_limit_counts_for_what_tells_little_by_its_nature_too(at: Market) -> None:
    bulletins = at.app.news.bulletins()
    at.double.say(
        "updateNewsBulletin", newsMsgId=1, newsMsgType=1, newsMessage="x", originatingExch="N"
    )
    bulletins.max_silence = 100
    at.double.advance(100)
    for times in range(2, 8):
        assert len(at.double.sent_of("reqNewsBulletins")) == times
        assert at.status(bulletins) == INTERRUPTED
        at.double.advance(100)


def test_the_shortest_limit_of_all_holders_counts(at: Market) -> None:
    slow, fast = at.app.market_data.ticks("AAPL"), at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    slow.max_silence, fast.max_silence = 100, 5
    at.double.advance(5)
    assert at.status(slow) == INTERRUPTED
    at.trade("AAPL")
    fast.cancel()
    at.double.advance(50)
    assert at.status(slow) == LIVE
    at.double.advance(50)
    assert at.status(slow) == INTERRUPTED


def test_a_stream_that_never_begins_is_asked_for_again_within_its_limit(at: Market) -> None:
    trades = at.app.market_data.ticks("AAPL")
    trades.max_silence = 20
    at.double.advance(20)
    assert len(at.asked("AAPL", "reqTickByTickData")) == 2
    assert at.status(trades) == OPENING


@pytest.mark.parametrize("limit", [0, -1, 0.5, float("inf"), float("nan")])
def test_a_limit_is_a_time(at: Market, limit: float) -> None:
    apple, trades = at.app.subscribe("AAPL"), at.app.market_data.ticks("AAPL")
    for handle in (apple, trades):
        with pytest.raises(ValueError, match="max_silence is a number of seconds, 1 or more"):
            handle.max_silence = limit


# ---- what is told --------------------------------------------------------------------------------


@both
def test_a_life_is_told_to_holders_and_observers(at: Market) -> None:
    heard: list[tuple[str, str]] = []
    book_heard: list[str] = []
    watch = at.app.subscribe(["AAPL", "MSFT"])
    watch.on_life(lambda symbol, fact: heard.append((symbol, type(fact).__name__)))
    book = at.app.market_data.depth("NVDA")
    book.on_life(lambda fact: book_heard.append(type(fact).__name__))
    at.tick("AAPL")
    at.depth("NVDA")
    at.farm(BROKEN, "usfarm")
    at.farm(OK, "usfarm")
    at.tick("AAPL")
    at.depth("NVDA")
    at.double.error(200, "No security definition", id=at.asked("MSFT")[-1].reqId)
    life = [StreamStarted.__name__, GapStarted.__name__, GapEnded.__name__]
    assert heard == [*(("AAPL", name) for name in life), ("MSFT", StreamClosed.__name__)]
    assert book_heard == life
    watch.cancel()
    book.cancel()
    assert at.told("quotes of AAPL") == [*life, StreamClosed.__name__]
    assert at.facts[-1].reason == "cancelled"
    assert heard[-1] == ("MSFT", StreamClosed.__name__)  # who cancels needs not be told
    assert (book_heard, book.status, book.life.status) == (life, "over", "over")


def test_who_joins_later_is_not_told_what_was(at: Market) -> None:
    first = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    second = at.app.market_data.ticks("AAPL")
    assert first.life is second.life
    first.cancel()
    second.cancel()
    assert at.told() == ["StreamStarted", "StreamClosed"]


def test_a_question_has_no_life_to_tell_of(at: Market) -> None:
    asked = at.app.account_summary(["Cushion"])  # which the double answers: there is none
    assert asked.exception(1) is not None
    assert len(at.double.sent_of("cancelAccountSummary")) == 1
    quote = at.app.quote("AAPL")
    at.tick("AAPL")
    at.double.advance(5)
    assert quote.result(15).bid == 100.0
    assert at.facts == []


def test_only_the_newest_gaps_are_kept(at: Market) -> None:
    trades = at.app.market_data.ticks("AAPL")
    at.trade("AAPL")
    for _ in range(120):
        at.lost()
        at.double.advance(1)
        at.trade("AAPL")
    assert (len(trades.gaps), trades.life.gap_count) == (100, 120)
    assert trades.gaps[0].started < trades.gaps[-1].started
    assert trades.life.gap is None


# ---- whatever happens ----------------------------------------------------------------------------

_EVENTS = st.one_of(
    st.tuples(st.just("farm"), st.sampled_from([BROKEN, OK, CONNECTING]), st.sampled_from(FARMS)),
    st.tuples(st.just("data"), st.integers(0, 3)),
    st.tuples(st.just("withhold"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["lost", "kept", "gone", "drop"])),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 7.0, 40.0, 200.0])),
)


class Followed:
    """Four subscriptions of several kinds, and how each is answered."""

    def __init__(self, at: Market) -> None:
        self.at = at
        apple, euro = at.app.subscribe("AAPL"), at.app.subscribe("EUR.USD")
        trades, book = at.app.market_data.ticks("MSFT"), at.app.market_data.depth("NVDA")
        self.lives = [apple.lives["AAPL"], euro.lives["EUR.USD"], trades.life, book.life]
        self._say = [
            lambda: at.tick("AAPL"),
            lambda: at.tick("EUR"),
            lambda: at.trade("MSFT"),
            lambda: at.depth("NVDA"),
        ]
        self.kinds = [
            ("AAPL", "reqMktData"),
            ("EUR", "reqMktData"),
            ("MSFT", "reqTickByTickData"),
            ("NVDA", "reqMktDepth"),
        ]

    def happen(self, event: tuple[Any, ...]) -> None:
        what, *more = event
        if what == "data":
            self._say[more[0]]()
        elif what == "withhold":
            req_id = self.at.asked(*self.kinds[more[0]])[-1].reqId
            self.at.double.error(10197, "No market data during competing live session", id=req_id)
        elif what == "wait":
            self.at.double.advance(more[0])
        elif what == "drop":
            self.at.double.drop()
            while self.at.app.session.state is not State.READY:  # the pauses grow
                self.at.double.advance(5)
        else:
            getattr(self.at, what)(*more)

    def check(self) -> None:
        """A life is told as it is, and its gaps follow each other."""
        for life in self.lives:
            told = self.at.told(life.name)
            assert told[:1] in ([], ["StreamStarted"])
            assert told.count("StreamStarted") <= 1
            gaps = told[1:]
            assert gaps == ["GapStarted", "GapEnded"] * (len(gaps) // 2) + ["GapStarted"] * (
                len(gaps) % 2
            )
            assert (life.gap is not None) == (life.status == INTERRUPTED)
            assert [gap.ended is None for gap in life.gaps[:-1]] == [False] * (len(life.gaps) - 1)
            ends = [gap.ended for gap in life.gaps if gap.ended is not None]
            assert ends == sorted(ends)
            assert life.gap_count == told.count("GapStarted")


@pytest.mark.timeout(900)  # of the nightly profile
@settings(
    deadline=None,
    max_examples=min(settings().max_examples, 1000),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(_EVENTS, max_size=25))
def test_whatever_happens_each_comes_back_when_the_gateway_does(events: list[Any]) -> None:
    """No subscription is left behind: in the end each one is live, or was asked for anew."""
    with market() as at:
        followed = Followed(at)
        for event in events:
            followed.happen(event)
            followed.check()
        for name in FARMS:
            at.farm(OK, name)
        at.kept()
        at.double.advance(700)
        before = [len(at.asked(*kind)) for kind in followed.kinds]
        at.double.advance(700)
        for life, kind, asked in zip(followed.lives, followed.kinds, before, strict=True):
            # What is not live is asked for again and again; what never began may just be quiet.
            quiet = life.status == OPENING and not life.competing
            assert life.status == LIVE or quiet or len(at.asked(*kind)) > asked
        for number in range(4):
            followed.happen(("data", number))
        followed.check()
        assert {str(life.status) for life in followed.lives} == {LIVE}
