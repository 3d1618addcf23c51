"""What a gateway does to single subscriptions: withheld, deactivated, emptied, halted, refused."""

from __future__ import annotations

from tests.faults.conftest import MakeTrial
from tests.faults.test_servers import one_session
from tests.faults.trial import BID, SYMBOL, Trial, with_past
from tests.support.clients import await_condition
from twsloop.events import Notice
from twsloop.market_data.depth import Depth


def test_data_that_a_competing_session_takes_comes_back_by_itself(trial: Trial) -> None:
    ticker = trial.watch()
    with trial.faults.competing_session():
        trial.wait_fact(Notice, lambda fact: fact.code == 10197)
    trial.hears(ticker, 97.0, within=600)
    one_session(trial)


def test_data_that_does_not_come_back_after_a_competing_session_is_asked_for(trial: Trial) -> None:
    ticker = trial.watch()
    with trial.faults.competing_session(resume=False):
        trial.wait_fact(Notice, lambda fact: fact.code == 10197)
    trial.hears(ticker, 97.0, within=600)
    one_session(trial)


def test_a_book_that_is_reset_goes_on_from_nothing(trial: Trial) -> None:
    told: list[Depth] = []
    book = trial.book(told.append)
    trial.faults.depth_reset()
    trial.wait_fact(Notice, lambda fact: fact.code == 317)
    trial.book_moves(book, 97.0)
    (empty,) = (one for one in told if one.reset)
    assert (empty.bids, empty.asks) == ((), ())
    one_session(trial)


def test_a_book_that_is_halted_is_asked_for_again(trial: Trial) -> None:
    book = trial.book()
    trial.faults.depth_halted()
    trial.wait_fact(Notice, lambda fact: fact.code == 316)
    trial.book_moves(book, 97.0)


def test_bars_that_a_bust_ends_are_asked_for_again(make_trial: MakeTrial) -> None:
    trial = make_trial(with_past()).start()
    bars = trial.kept_bars()
    trial.faults.bust_event()
    trial.wait_fact(Notice, lambda fact: fact.code == 10225)
    trial.bars_move(bars, 123.0)
    one_session(trial)


def test_bars_that_fail_without_a_word_of_a_farm_are_asked_for_again(make_trial: MakeTrial) -> None:
    trial = make_trial(with_past()).start()
    bars = trial.kept_bars()
    trial.faults.live_bars_fail()
    trial.wait_fact(Notice, lambda fact: fact.code == 10182)
    trial.bars_move(bars, 123.0)


def test_a_permission_that_is_taken_away_is_an_error_and_no_silence(trial: Trial) -> None:
    told: list[Exception] = []
    quotes = trial.gw.subscribe(SYMBOL, on_error=lambda _ticker, error: told.append(error))
    await_condition(lambda: quotes[SYMBOL].bid == BID)
    trial.faults.data_refused()
    await_condition(lambda: bool(told))
    assert "354" in str(told[0])
    one_session(trial)


def test_a_pacing_violation_is_waited_out_and_no_empty_answer(make_trial: MakeTrial) -> None:
    trial = make_trial(with_past()).start()
    trial.faults.history_refused(requests=1)
    bars = trial.gw.history.bars(SYMBOL, duration="1 D", bar_size="1 hour")
    trial.until(bars.done, within=1200, step=5)
    assert len(bars.result(0)) > 0
    assert [one.code for one in trial.facts(Notice) if one.code == 162]
