"""What links and broken gateways do to bytes: cut, cluster, drip, repeat, lie."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeTrial
from tests.faults.trial import BID, Trial
from tests.support.clients import Background, await_condition
from twsloop.clock import ManualClock
from twsloop.connection.watching import MESSAGE_DEADLINE
from twsloop.errors import HandshakeClosed, ServerVersionError
from twsloop.events import Notice
from twsloop.session.state import State


def test_a_hello_in_pieces_is_read(make_trial: MakeTrial) -> None:
    clock = ManualClock()
    trial = make_trial({"clock": clock})
    trial.faults.split_hello(places=(1, 2, 5, 9), gap=0.5)
    starting = Background(trial.gw.start)
    for read in (1, 2, 5, 9):
        await_condition(lambda read=read: trial.read_ahead == read)  # type: ignore[misc]
        trial.paper.on_loop(lambda: clock.advance(0.5))
    starting.result()
    trial.rest()


def test_a_hello_that_comes_with_more_is_read_and_nothing_is_lost(make_trial: MakeTrial) -> None:
    trial = make_trial()
    trial.faults.coalesce_hello(notices=3)
    trial.start()
    told = [one.text for one in trial.facts(Notice) if one.code == 2104]
    assert told.count("Market data farm connection is OK:usfarm") == 4, "and one when it began"
    trial.rest()


@pytest.mark.parametrize(
    ("version", "error"), [(99, ServerVersionError), (226, ServerVersionError)]
)
def test_a_version_that_nobody_here_speaks_is_named(
    make_trial: MakeTrial, version: int, error: type[Exception]
) -> None:
    trial = make_trial()
    trial.faults.hello_version(version=version)
    with pytest.raises(error, match=f"server version {version}; twsloop speaks 100 to 225"):
        trial.gw.start()


def test_another_program_s_port_is_named(make_trial: MakeTrial) -> None:
    trial = make_trial()
    trial.faults.bad_hello()
    with pytest.raises(HandshakeClosed, match="does not speak the TWS protocol"):
        trial.gw.start()


@pytest.mark.parametrize("stage", ["hello", "start"])
def test_a_gateway_that_closes_in_the_handshake_is_asked_again(trial: Trial, stage: str) -> None:
    closing = trial.faults.close_in_handshake(stage=stage, connections=2)
    trial.faults.reset()
    trial.recover()
    closing.end()
    assert trial.states.count("CONNECTING") >= 3


def test_messages_cut_at_any_byte_are_whole(trial: Trial) -> None:
    with trial.faults.cut(most=3, gap=0.0):
        ticker = trial.watch()
        trial.buy()
        assert ticker.bid == BID
    assert len(set(trial.fills)) == len(trial.fills) == 1


def test_bursts_of_exactly_4096_bytes_lose_nothing(trial: Trial) -> None:
    with trial.faults.bursts(quiet=0.01):
        ticker = trial.watch()
        trial.buy()
        assert ticker.bid == BID
    assert len(trial.fills) == 1


def test_a_slow_link_is_no_dead_link(trial: Trial) -> None:
    with trial.faults.slow_drip(size=50, interval=0.001):
        ticker = trial.watch()
    assert ticker.bid == BID
    assert trial.states[-1] == "READY"


def test_messages_that_come_twice_count_once(trial: Trial) -> None:
    with trial.faults.duplicate():
        trade = trial.buy()
        await_condition(trade.settled.done)
    assert trade.filled == 10
    assert len(trial.fills) == 1


def test_a_message_of_nonsense_harms_no_other(trial: Trial) -> None:
    trial.faults.garbage(kind="message")
    trade = trial.rest()
    assert trade.status == "Submitted"
    assert {one.code for one in trial.facts(Notice)} & {505, 508}
    assert trial.states.count("CONNECTING") == 1


def test_an_impossible_length_ends_the_session_which_is_made_again(trial: Trial) -> None:
    ticker = trial.watch()
    trial.faults.oversized()
    lost = trial.wait_state(State.DISCONNECTED)
    assert "a frame of 2147483647 bytes was announced" in lost.reason
    trial.recover()
    trial.hears(ticker, 97.0)


def test_half_a_message_and_then_silence_is_a_dead_link(make_trial: MakeTrial) -> None:
    trial = make_trial(heartbeat__enabled=True).start()
    trial.faults.truncated()
    trial.market.notice(2104, "Market data farm connection is OK:usfarm")
    await_condition(lambda: trial.read_ahead > 0)
    trial.clock.advance(10)
    trial.settle()
    trial.clock.advance(5)
    lost = trial.wait_state(State.DISCONNECTED)
    assert "no sign of life" in lost.reason
    trial.faults.clear()
    trial.recover()


def test_a_length_that_lies_does_not_make_deaf_for_ever(trial: Trial) -> None:
    trial.faults.oversized(length=0xFFFFFF)
    await_condition(lambda: trial.read_ahead > 0)
    for _ in range(4):
        trial.market.notice(2104, "Market data farm connection is OK:usfarm")
        trial.settle()
        trial.clock.advance(MESSAGE_DEADLINE / 2)
    trial.market.notice(2104, "Market data farm connection is OK:usfarm")
    lost = trial.wait_state(State.DISCONNECTED)
    assert "no whole message" in lost.reason
    trial.recover()
