"""What a gateway's own servers and data farms do to it, while its clients' links stay."""

from __future__ import annotations

from tests.faults.conftest import MakeTrial
from tests.faults.trial import SYMBOL, Trial, with_past
from twsloop import PaperGateway
from twsloop.events import Notice
from twsloop.paper.faults.outages import LOST
from twsloop.session.state import State

#: A long outage: 1100 is told again and again.
OFTEN = 100


def one_session(trial: Trial) -> None:
    """The order session was never made again."""
    assert trial.states.count("CONNECTING") == 1, trial.states
    assert trial.paper.clients == (trial.gw.clientId,)


def test_servers_that_are_lost_and_back_end_nothing(trial: Trial) -> None:
    ticker, trade = trial.watch(), trial.rest()
    outage = trial.faults.server_lost()
    trial.wait_state(State.DEGRADED)
    outage.end()
    trial.wait_state(State.READY, 2)
    trial.hears(ticker, 97.0)
    assert trade.status == "Submitted"
    one_session(trial)


def test_a_long_outage_is_one_change_of_state(trial: Trial) -> None:
    outage = trial.faults.server_lost()
    for _ in range(OFTEN):
        trial.market.notice(*LOST)
    trial.wait_fact(Notice, lambda fact: fact.code == 1100, OFTEN + 1)
    outage.end()
    trial.wait_state(State.READY, 2)
    assert trial.states.count("DEGRADED") == 1


def test_data_that_was_lost_with_the_servers_is_asked_for_again(trial: Trial) -> None:
    ticker = trial.watch()
    outage = trial.faults.server_lost(data="lost")
    trial.wait_state(State.DEGRADED)
    outage.end()
    trial.wait_state(State.READY, 2)
    trial.hears(ticker, 97.0)
    one_session(trial)


def test_a_gateway_without_servers_is_told_at_the_start(make_trial: MakeTrial) -> None:
    trial = make_trial()
    outage = trial.faults.server_lost()
    trial.gw.start()
    trial.wait_state(State.DEGRADED)
    assert {2110, 1100} <= {one.code for one in trial.facts(Notice)}
    outage.end()
    trial.wait_state(State.READY, trial.states.count("READY") + 1 - (trial.states[-1] == "READY"))
    trial.rest()
    one_session(trial)


def test_an_order_that_the_gateway_holds_meanwhile_works_afterwards(trial: Trial) -> None:
    outage = trial.faults.server_lost(orders="held")
    trial.wait_state(State.DEGRADED)
    trade = trial.gw.place_order(SYMBOL, trial.limit(90))
    outage.end()
    trial.wait_state(State.READY, 2)
    trial.until(lambda: trade.status == "Submitted")
    assert open_ids(trial.paper) == [trade.order_id]


def test_a_farm_that_breaks_is_not_the_session(trial: Trial) -> None:
    ticker, trade = trial.watch(), trial.rest()
    down = trial.faults.farm_down("usfarm")
    trial.wait_fact(Notice, lambda fact: fact.code == 2103)
    down.end()
    trial.wait_fact(Notice, lambda fact: fact.code == 2104, 2)
    trial.hears(ticker, 97.0)
    trade.cancel()
    trial.until(lambda: trade.status == "Cancelled")
    assert trial.gw.session_state is State.READY
    one_session(trial)


def test_lines_that_a_farm_forgot_are_asked_for_again(trial: Trial) -> None:
    ticker = trial.watch()
    with trial.faults.farm_down("usfarm", forget=True):
        trial.wait_fact(Notice, lambda fact: fact.code == 2103)
    trial.wait_fact(Notice, lambda fact: fact.code == 2104, 2)
    trial.hears(ticker, 97.0, within=300)
    one_session(trial)


def test_an_idle_farm_is_no_fault(trial: Trial) -> None:
    ticker = trial.watch()
    trial.faults.farm_idle("ushmds")
    trial.wait_fact(Notice, lambda fact: fact.code == 2107)
    trial.hears(ticker, 97.0)
    assert trial.states[-1] == "READY"
    assert "DEGRADED" not in trial.states


def test_bars_that_die_with_their_farm_are_kept_up_to_date_again(make_trial: MakeTrial) -> None:
    trial = make_trial(with_past()).start()
    bars = trial.kept_bars()
    with trial.faults.farm_down("ushmds"):
        trial.wait_fact(Notice, lambda fact: fact.code == 10182)
    trial.bars_move(bars, 123.0)
    times = [bar.time for bar in bars.state.bars]
    assert times == sorted(set(times)), "no bar twice, none out of order"
    one_session(trial)


def open_ids(paper: PaperGateway) -> list[int]:
    """The order ids that the gateway knows as open."""
    found: list[int] = paper.on_loop(
        lambda: [one.order_id for one in paper.engine.book.open_orders()]
    )
    return found
