"""What networks do to links: they die without a word, break, refuse, stall."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeTrial
from tests.faults.trial import SYMBOL, Trial
from tests.support.clients import Background, await_condition
from twsloop.errors import HandshakeTimeout, ReadyTimeout, TcpFailed
from twsloop.events import HeartbeatMissed
from twsloop.session.state import State


@pytest.mark.parametrize("direction", ["both", "write"])
def test_a_half_open_link_is_noticed_after_silence_and_deadline(
    make_trial: MakeTrial, direction: str
) -> None:
    trial = make_trial(heartbeat__enabled=True).start()
    trial.faults.half_open(direction=direction)
    trial.clock.advance(9.9)
    assert trial.facts(HeartbeatMissed) == []
    trial.clock.advance(0.2)
    trial.wait_fact(HeartbeatMissed)
    trial.clock.advance(4.8)
    trial.settle()
    assert trial.gw.session_state is State.READY
    trial.clock.advance(0.2)
    lost = trial.wait_state(State.DISCONNECTED)
    assert "no sign of life for 15" in lost.reason
    trial.faults.clear()
    trial.recover()


def test_a_gateway_that_reads_no_more_is_noticed_though_it_talks(make_trial: MakeTrial) -> None:
    trial = make_trial(heartbeat__enabled=True).start()
    ticker = trial.watch()
    trial.faults.half_open(direction="read")
    for second in range(1, 31):
        bid = 80.0 + second / 100
        trial.market.set_price(SYMBOL, bid=bid, ask=bid + 1)
        await_condition(lambda bid=bid: ticker.bid == bid or trial.lost)  # type: ignore[misc]
        if trial.lost:
            break
        trial.clock.advance(1)
        trial.settle()
    trial.wait_state(State.DISCONNECTED)
    trial.faults.clear()
    trial.recover()


def test_a_reset_link_comes_back_with_its_quotes(trial: Trial) -> None:
    ticker = trial.watch()
    trial.faults.reset()
    trial.recover()
    trial.hears(ticker, 95.0)


def test_a_gateway_that_refuses_is_asked_until_it_listens_again(trial: Trial) -> None:
    client_id = trial.paper.clients
    trial.paper.stop()
    waiting = trial.wait_state(State.WAITING)
    assert "next attempt in" in waiting.reason
    trial.paper.start()
    trial.recover()
    assert trial.paper.clients == client_id


def test_a_port_where_nothing_listens_is_an_error_at_once(make_trial: MakeTrial) -> None:
    trial = make_trial()
    trial.paper.stop()
    with pytest.raises(TcpFailed, match="nothing listens there"):
        trial.gw.start()


@pytest.mark.parametrize(
    ("stage", "error", "words"),
    [
        ("connect", HandshakeTimeout, "said no hello"),
        ("hello", ReadyTimeout, "managedAccounts and nextValidId did not come"),
        ("start", ReadyTimeout, "managedAccounts and nextValidId did not come"),
    ],
)
def test_a_wedged_gateway_hangs_nobody(
    make_trial: MakeTrial, stage: str, error: type[Exception], words: str
) -> None:
    trial = make_trial()
    trial.faults.wedge(stage=stage)
    starting = Background(trial.gw.start)
    waits = State.HANDSHAKE if stage == "connect" else State.STARTING
    trial.wait_out(waits)
    with pytest.raises(error, match=words):
        starting.result()


def test_a_gateway_that_wedges_after_a_loss_is_left_and_asked_again(trial: Trial) -> None:
    wedge = trial.faults.wedge()
    trial.faults.reset()
    for attempt in (1, 2):
        trial.wait_out(State.WAITING, attempt)
        trial.wait_out(State.HANDSHAKE, attempt + 1)
    wedge.end()
    trial.recover()
