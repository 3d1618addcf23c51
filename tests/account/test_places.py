"""Questions that wait for one of IB's two places for account summaries."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from tests.support.clients import await_condition
from tests.support.desk import PATIENCE
from tests.support.fake_tws import FakeTws, error, message
from twsloop import Config, IBGateway
from twsloop.clock import ManualClock
from twsloop.errors import ConnectionLost, RequestError

TOO_MANY = "Maximum number of account summary requests exceeded"


@attrs.frozen
class Room:
    """A gateway that says what it is told, and a client on a clock that stands still."""

    tws: FakeTws
    clock: ManualClock
    gateway: IBGateway

    def settle(self) -> None:
        for _ in range(3):
            self.gateway.event_loop.call(lambda: None)

    def until_it_waits(self) -> None:
        await_condition(lambda: bool(self.gateway.waiting()), "nothing waits")

    def answer(self, req_id: int, tag: str) -> None:
        row = {"account": "DU1234567", "tag": tag, "value": "5", "currency": "USD"}
        self.tws.say(
            message("accountSummary", reqId=req_id, **row),
            message("accountSummaryEnd", reqId=req_id),
        )


@pytest.fixture
def room() -> Iterator[Room]:
    with FakeTws() as tws:
        clock = ManualClock()
        overrides = {
            "connection.port": tws.port,
            "heartbeat.enabled": False,
            "reconnect.enabled": False,
            "pacing.rate": 1000,
        }
        config = Config.load(environ={}, overrides=overrides)
        with IBGateway(config, clock=clock) as gateway:
            yield Room(tws, clock, gateway)


def test_the_third_waits_for_a_place_and_says_so(room: Room) -> None:
    asked = [room.gateway.account_summary([tag]) for tag in ("Cushion", "BuyingPower", "Leverage")]
    ids = [room.tws.next("reqAccountSummary").reqId for _ in range(2)]
    room.settle()
    (waiting,) = room.gateway.waiting()
    assert (waiting.lane, waiting.request) == ("place", "account summary")
    assert "both are taken" in waiting.reason
    room.answer(ids[0], "Cushion")
    assert asked[0].result(PATIENCE)
    room.answer(room.tws.next("reqAccountSummary").reqId, "Leverage")
    room.answer(ids[1], "BuyingPower")
    assert [future.result(PATIENCE)[0].tag for future in asked[1:]] == ["BuyingPower", "Leverage"]
    assert room.gateway.waiting() == ()


def test_a_question_that_ib_refuses_for_its_places_is_asked_again(room: Room) -> None:
    """A program's own call, or another program of the login, may hold them."""
    answer = room.gateway.account_summary(["Cushion"])
    for pause in (2, 4):
        asked = room.tws.next("reqAccountSummary")
        room.tws.say(error(asked.reqId, 322, TOO_MANY))
        room.until_it_waits()
        (waiting,) = room.gateway.waiting()
        assert (waiting.lane, "322" in waiting.reason) == ("place", True)
        room.clock.advance(pause)
    room.answer(room.tws.next("reqAccountSummary").reqId, "Cushion")
    assert answer.result(PATIENCE)[0].tag == "Cushion"


def test_after_three_times_the_refusal_is_the_answer(room: Room) -> None:
    answer = room.gateway.account_summary(["Cushion"])
    for pause in (2, 4, 8, 0):
        room.tws.say(error(room.tws.next("reqAccountSummary").reqId, 322, TOO_MANY))
        if pause:
            room.until_it_waits()
        room.clock.advance(pause)
    with pytest.raises(RequestError, match="Maximum number") as caught:
        answer.result(PATIENCE)
    assert caught.value.code == 322


def test_a_pause_does_not_outlive_the_session(room: Room) -> None:
    answer = room.gateway.account_summary(["Cushion"])
    room.tws.say(error(room.tws.next("reqAccountSummary").reqId, 322, TOO_MANY))
    room.until_it_waits()
    room.tws.hang_up()
    assert isinstance(answer.exception(PATIENCE), ConnectionLost)
