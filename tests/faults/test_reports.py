"""What a gateway reports of orders: late, twice, never, out of order, and what is not so."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.faults.conftest import MakeTrial
from tests.faults.test_servers import open_ids
from tests.faults.trial import SYMBOL, Trial
from tests.support.clients import PATIENCE, await_condition
from twsloop import market_order
from twsloop.events import AcknowledgementLate, CommissionReported, Notice
from twsloop.session.state import State


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349])
def test_a_warning_ends_no_live_order(trial: Trial, code: int) -> None:
    trade = trial.rest()
    trial.faults.order_warning(code=code)
    trial.wait_fact(Notice, lambda fact: fact.code == code)
    trial.settle()
    assert trade.status == "Submitted"
    assert not trade.done.done()
    assert open_ids(trial.paper) == [trade.order_id]


def test_an_order_that_is_rejected_and_lives_is_alive(trial: Trial) -> None:
    trade = trial.rest()
    trial.faults.rejected_then_alive(seconds=0.0)
    trial.wait_fact(Notice, lambda fact: fact.code == 201)
    trial.until(lambda: trade.status == "Submitted")
    trial.market.set_price(SYMBOL, bid=88.0, ask=89.0)
    trial.until(lambda: trade.filled == 10)
    assert len(trial.fills) == 1


def test_an_inactive_order_may_come_back(make_trial: MakeTrial) -> None:
    trial = make_trial().start()
    trade = trial.rest()
    trial.faults.inactive_then_alive(seconds=0.0)
    trial.until(lambda: trade.status == "Submitted")
    assert not trade.done.done()


def test_a_fill_after_a_cancel_is_a_fill(trial: Trial) -> None:
    trade = trial.rest()
    trial.faults.cancelled_but_alive()
    trial.until(lambda: trade.status == "Cancelled")
    trial.market.set_price(SYMBOL, bid=88.0, ask=89.0)
    trial.until(lambda: trade.filled == 10)
    assert len(trial.fills) == 1


def test_executions_that_are_told_again_count_once(trial: Trial) -> None:
    trial.faults.duplicate_reports(kind="execDetails", times=3)
    trade = trial.buy()
    trial.settle()
    assert trade.filled == 10
    assert len(trial.fills) == 1


def test_commissions_that_are_told_again_count_once(trial: Trial) -> None:
    trial.faults.duplicate_reports(kind="commissionAndFeesReport", times=3)
    trade = trial.buy()
    await_condition(trade.settled.done)
    trial.settle()
    assert len(trial.facts(CommissionReported)) == 1


def test_a_commission_before_its_execution_finds_it(trial: Trial) -> None:
    trial.faults.reordered_reports(kind="execDetails", after="commissionAndFeesReport")
    trade = trial.buy()
    trial.until(trade.settled.done)
    assert len(trial.facts(CommissionReported)) == 1


def test_reports_in_any_order_come_to_the_same(trial: Trial) -> None:
    trial.faults.shuffled_reports()
    trades = [trial.buy() for _ in range(6)]
    for trade in trades:
        trial.until(trade.settled.done)
        assert trade.filled == 10
        assert trade.status == "Filled"
    assert len(trial.fills) == len(set(trial.fills)) == 6


def test_an_execution_that_was_never_pushed_is_found_at_the_next_session(trial: Trial) -> None:
    with trial.faults.missing_reports(kind="execDetails"):
        trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
        trial.until(lambda: trade.status == "Filled")
    trial.faults.reset()
    trial.recover()
    trial.until(lambda: len(trial.fills) == 1)
    assert trade.filled == 10


def test_an_execution_that_was_never_pushed_is_found_when_orders_are_compared(trial: Trial) -> None:
    with trial.faults.missing_reports(kind="execDetails"):
        trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
        trial.until(lambda: trade.status == "Filled")
    assert trial.fills == []
    for _ in range(2):
        trial.gw.orders.reconcile().result(PATIENCE)
    assert len(trial.fills) == 1
    assert trade.filled == 10


def test_a_commission_that_never_comes_holds_up_no_order(trial: Trial) -> None:
    trial.faults.missing_reports(kind="commissionAndFeesReport")
    trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert trade.done.result(10) == "Filled"
    assert len(trial.fills) == 1


def test_a_correction_replaces_its_execution(trial: Trial) -> None:
    trade = trial.buy()
    price = trade.fills[0].price
    trial.faults.execution_corrected(change=-0.5)
    trial.until(lambda: trade.fills[0].price == price - Decimal("0.5"))
    assert trade.filled == 10
    assert len(trade.fills) == 1


def test_a_status_without_an_open_order_is_no_surprise(trial: Trial) -> None:
    trade = trial.rest()
    trial.faults.bare_status(times=5)
    trial.settle()
    assert trade.status == "Submitted"
    assert trial.states[-1] == "READY"


def test_an_order_that_the_gateway_does_not_answer_is_named_and_not_repeated(trial: Trial) -> None:
    trial.faults.lose(message="placeOrder", most=1)
    trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    late: list[AcknowledgementLate] = []

    def told() -> bool:
        late[:] = trial.facts(AcknowledgementLate)
        return bool(late)

    trial.until(told, within=300)
    assert late[0].order_id == trade.order_id
    trial.until(lambda: trial.clock.monotonic() > 200, within=400, step=5)
    assert trial.fills == []
    assert open_ids(trial.paper) == []


def test_an_order_of_which_the_gateway_knows_nothing_is_asked_about(trial: Trial) -> None:
    trade = trial.rest()
    trial.faults.order_unresolved()
    trial.wait_fact(Notice, lambda fact: fact.code == 10328)
    trial.until(lambda: trade.status == "Submitted", within=120)
    assert open_ids(trial.paper) == [trade.order_id]


def test_no_order_leaves_over_a_link_that_is_not_proven_alive(make_trial: MakeTrial) -> None:
    trial = make_trial(heartbeat__enabled=False).start()
    trial.faults.half_open()
    trial.clock.advance(3)
    trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    trial.until(trade.done.done, within=20)
    assert trade.done.result(0) == "REFUSED"
    trial.faults.clear()
    trial.settle()
    assert trial.fills == []
    assert trial.gw.session_state is State.READY
