"""A message that never becomes whole: bytes come, so the link lives, and nothing is ever heard."""

from __future__ import annotations

import pytest

from twsloop import IBGateway
from twsloop.connection.watching import MESSAGE_DEADLINE
from twsloop.events import SessionChanged
from twsloop.session.state import State
from twsloop.testing import GatewayDouble

#: A length that is allowed, and that nobody means.
LIE = (0xFFFFFF).to_bytes(4, "big")


@pytest.fixture
def double() -> GatewayDouble[IBGateway]:
    return GatewayDouble(IBGateway)


def pour(double: GatewayDouble[IBGateway], data: bytes) -> None:
    link = double._session().transport
    assert link is not None
    double._run(lambda: link.say(data))


def test_a_length_that_lies_makes_nobody_deaf_for_ever(double: GatewayDouble[IBGateway]) -> None:
    changes: list[SessionChanged] = []
    double.app.observe(SessionChanged, changes.append)
    pour(double, LIE)
    # The double answers each probe, so there are bytes every ten seconds.
    for _ in range(8):
        double.advance(10)
    assert [one.new for one in changes][:1] == ["DISCONNECTED"]
    assert "no whole message" in changes[0].reason
    double.advance(60)
    assert double.app.session_state is State.READY
    double.stop()


def test_a_long_message_that_comes_slowly_is_waited_for(double: GatewayDouble[IBGateway]) -> None:
    heard: list[str] = []
    double.app.scannerParameters = heard.append
    double.stop()
    double.start()
    body = b"\0\0\0\xdb\n\x05<xml>"  # scannerParameters, protobuf
    data = len(body).to_bytes(4, "big") + body
    # A byte every few seconds, each message within its deadline, for several deadlines.
    for _ in range(5):
        for place in range(len(data)):
            pour(double, data[place : place + 1])
            double.advance((MESSAGE_DEADLINE - 1) / len(data))
    assert heard == ["<xml>"] * 5
    assert double.app.session_state is State.READY
    double.stop()


def test_a_gateway_of_slow_messages_has_time_for_its_answer(
    double: GatewayDouble[IBGateway],
) -> None:
    """Looked at just after one slow message and before the next: the answer stands behind both."""
    watch, ask = double.app._driver.life._watch, double.app.event_loop.call
    body = b"\0\0\0\xdb\n\x05<xml>"
    data = len(body).to_bytes(4, "big") + body
    assert not ask(watch._is_slow)
    pour(double, data[:5])
    assert not ask(watch._is_slow), "reads cut messages all the time"
    double.advance(2)
    assert ask(watch._is_slow)
    pour(double, data[5:])
    assert ask(watch._is_slow), "it has just ended"
    double.advance(4.9)
    assert ask(watch._is_slow)
    double.advance(0.1)
    assert not ask(watch._is_slow)
    pour(double, data)
    assert not ask(watch._is_slow), "whole at once"
    double.stop()


def test_a_slow_callback_makes_no_message_slow(double: GatewayDouble[IBGateway]) -> None:
    """It came at once; what we do with it is not the gateway's time."""
    double.app.scannerParameters = lambda _xml: double.advance(2)
    double.stop()
    double.start()
    watch, ask = double.app._driver.life._watch, double.app.event_loop.call
    body = b"\0\0\0\xdb\n\x05<xml>"
    data = len(body).to_bytes(4, "big") + body
    pour(double, data[:5])
    pour(double, data[5:])
    assert not ask(watch._is_slow)
    double.stop()
