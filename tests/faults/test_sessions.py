"""What becomes of a session and its orders: ids that are taken, restarts, moves, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.conftest import MakeTrial
from tests.faults.test_servers import open_ids
from tests.faults.trial import BID, SYMBOL, Trial
from tests.support.clients import Background, await_condition
from twsloop import market_order
from twsloop.errors import ClientIdInUse, OrdersRefused
from twsloop.events import Notice
from twsloop.session.state import State


def test_a_client_id_in_use_is_an_error_that_says_so(make_trial: MakeTrial) -> None:
    trial = make_trial()
    trial.faults.id_in_use()
    with pytest.raises(ClientIdInUse, match="client id 1 is in use"):
        trial.gw.start()


def test_a_ghost_keeps_the_id_and_is_waited_for_under_the_same_one(trial: Trial) -> None:
    trade = trial.rest()
    ghost = trial.faults.id_in_use()
    trial.faults.reset()
    trial.wait_out(State.WAITING)
    taken = trial.wait_state(State.WAITING, 2)
    assert "326" in taken.reason
    ghost.end()
    trial.recover()
    assert trial.gw.clientId == 1
    trade.cancel()
    trial.until(lambda: trade.status == "Cancelled")


def test_three_strikes_for_speed_end_a_session_which_is_made_again(trial: Trial) -> None:
    ticker = trial.watch()
    trial.faults.strike(first=1, last=3)
    trial.wait_state(State.DISCONNECTED)
    trial.recover()
    trial.hears(ticker, 97.0)


def test_a_port_that_changed_is_followed(trial: Trial) -> None:
    ticker, before = trial.watch(), trial.paper.port
    trial.faults.port_changed()
    trial.faults.reset()
    trial.recover()
    assert trial.paper.port != before
    trial.hears(ticker, 97.0)


def test_a_full_gateway_is_asked_again(trial: Trial) -> None:
    full = trial.faults.max_clients(most=0)
    trial.faults.reset()
    trial.wait_out(State.WAITING)
    trial.wait_state(State.WAITING, 2)
    full.end()
    trial.recover()


def restart(trial: Trial, **how: Any) -> None:
    """The gateway goes away and comes back."""
    going = trial.faults.nightly_restart(away=3600.0, **how)
    trial.wait_state(State.WAITING)
    going.end()
    trial.recover()


def test_after_a_nightly_restart_quotes_and_orders_go_on(trial: Trial) -> None:
    ticker, trade = trial.watch(), trial.rest()
    restart(trial)
    trial.hears(ticker, 97.0)
    assert trial.gw.orders_known
    assert trade.status == "Submitted"
    trade.cancel()
    trial.until(lambda: trade.status == "Cancelled")


@pytest.mark.parametrize("next_id", ["rolled_back", "reset"])
def test_no_order_id_is_used_twice_though_the_gateway_rolls_them_back(
    trial: Trial, next_id: str
) -> None:
    before = [trial.rest().order_id for _ in range(3)]
    restart(trial, next_id=next_id)
    after = [trial.rest().order_id for _ in range(3)]
    assert len(set(before + after)) == 6
    assert min(after) > max(before)


def test_fills_of_an_outage_are_told_once(trial: Trial) -> None:
    trade = trial.rest(price="95")
    going = trial.faults.nightly_restart(away=3600.0)
    trial.wait_state(State.WAITING)
    trial.market.set_price(SYMBOL, bid=94.0, ask=95.0)
    going.end()
    trial.recover()
    trial.until(lambda: trade.status == "Filled")
    assert len(trial.fills) == len(set(trial.fills)) == 1
    assert trade.filled == 10


def test_an_order_that_a_restart_lost_is_uncertain_and_never_sent_again(trial: Trial) -> None:
    trade = trial.rest()
    restart(trial, orders="lost")
    trial.until(lambda: trade.status == "UNCERTAIN", within=10)
    assert open_ids(trial.paper) == []
    trial.until(lambda: trial.clock.monotonic() > 120, within=300, step=5)
    assert open_ids(trial.paper) == []


def test_an_order_that_the_gateway_lists_no_more_is_uncertain_until_it_is_heard_of(
    trial: Trial,
) -> None:
    trade = trial.rest(price="95")
    restart(trial, orders="unseen")
    trial.until(lambda: trade.status == "UNCERTAIN", within=10)
    trial.market.set_price(SYMBOL, bid=94.0, ask=95.0)
    trial.until(lambda: trade.status == "Filled")
    assert len(trial.fills) == 1


def test_a_weekly_restart_takes_nothing_away_that_was_known(trial: Trial) -> None:
    ticker, trade, done = trial.watch(), trial.rest(), trial.buy()
    going = trial.faults.sunday_restart(away=3600.0, login=0.0)
    trial.wait_state(State.WAITING)
    going.end()
    trial.recover()
    trial.hears(ticker, 97.0)
    assert trade.status == "Submitted"
    assert done.status == "Filled"
    assert done.filled == 10
    assert len(trial.fills) == 1


def test_an_order_without_a_session_is_not_sent(trial: Trial) -> None:
    going = trial.faults.nightly_restart(away=3600.0)
    trial.wait_state(State.WAITING)
    trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert trade.done.result(10) in {"NOT_SENT", "REFUSED"}
    going.end()
    trial.recover()
    assert trial.fills == []


def test_a_gateway_that_is_read_only_after_its_restart_takes_no_orders(trial: Trial) -> None:
    ticker = trial.watch()
    going = trial.faults.nightly_restart(away=3600.0)
    trial.faults.read_only()
    trial.wait_state(State.WAITING)
    going.end()
    trial.recover()
    trial.hears(ticker, 97.0)
    trade = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert trade.done.result(10) in {"REFUSED", "REJECTED"}
    assert "Read-Only" in trade.reason
    assert trial.fills == []


def read_only(trial: Trial) -> str:
    """The gateway is read-only from now on; why it takes no order that it is asked for."""
    trial.faults.read_only()
    told = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert told.done.result(10) == "REJECTED"
    return told.reason


def test_a_gateway_that_said_it_is_read_only_is_sent_no_more_orders(trial: Trial) -> None:
    resting = trial.rest()
    assert "Read-Only" in read_only(trial)
    assert not trial.gw.orders_known
    assert "Read-Only" in trial.gw.orders_unknown_because
    again = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert again.done.result(10) == "REFUSED"
    assert "Read-Only" in again.reason
    with pytest.raises(OrdersRefused, match="Read-Only"):
        resting.modify(lmtPrice=90.5).result(10)
    assert resting.status == "Submitted"
    assert [row.order_id for row in trial.gw.open_orders().result(10)] == [resting.order_id]
    assert not trial.gw.orders_known
    assert trial.gw.orders.reconcile().result(10).complete
    assert not trial.gw.orders_known


def test_cancels_pass_to_a_gateway_that_is_read_only(trial: Trial) -> None:
    resting = trial.rest()
    lasting = trial.faults.read_only()
    trial.gw.place_order(SYMBOL, market_order("BUY", 10)).done.result(10)
    lasting.end()  # of the orders that were asked for before, it takes back what it is told to
    resting.cancel()
    trial.until(lambda: resting.status == "Cancelled")


def test_the_next_session_finds_out_anew_whether_the_gateway_is_read_only(trial: Trial) -> None:
    trial.watch()
    lasting = trial.faults.read_only()
    trial.gw.place_order(SYMBOL, market_order("BUY", 10)).done.result(10)
    lasting.end()
    trial.faults.reset()
    trial.recover()
    assert trial.gw.orders_known
    assert trial.rest().status == "Submitted"


def test_ids_that_are_refused_say_that_the_gateway_is_read_only(trial: Trial) -> None:
    trial.faults.read_only()
    trial.gw.reqIds(-1)
    trial.until(lambda: not trial.gw.orders_known)
    refused = trial.gw.place_order(SYMBOL, market_order("BUY", 10))
    assert refused.done.result(10) == "REFUSED"
    assert "Read-Only" in refused.reason


def test_other_requests_that_are_refused_with_the_same_code_stop_no_orders(trial: Trial) -> None:
    trial.gw.requestFA(1)
    trial.wait_fact(Notice, lambda told: told.code == 321)
    assert trial.gw.orders_known
    assert trial.rest().status == "Submitted"


@pytest.mark.parametrize("answer", ["openOrderEnd", "execDetailsEnd", "completedOrdersEnd"])
def test_a_list_that_never_ends_gives_a_session_that_knows_it(
    make_trial: MakeTrial, answer: str
) -> None:
    trial = make_trial(connection__request_timeout=5, connection__ready_timeout=60)
    trial.faults.missing_answers(answer=answer)
    starting = Background(trial.gw.start)
    trial.wait_state(State.SYNCING)
    trial.until(lambda: not starting.running, within=120)
    starting.result()
    assert trial.gw.session_state is State.READY
    assert not trial.gw.orders_known
    assert trial.gw.orders_unknown_because


def test_a_wall_clock_that_jumps_changes_nothing(trial: Trial) -> None:
    ticker = trial.watch()
    trial.faults.clock_jump(seconds=7200)
    trial.faults.clock_jump(seconds=-10_000)
    trial.hears(ticker, 97.0)
    trial.buy()
    assert trial.states.count("CONNECTING") == 1
    await_condition(lambda: ticker.bid != BID)
