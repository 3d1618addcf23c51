"""Asking the history service: paced, shared, repeated, and with errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twsloop import Config, IBGateway, stock
from twsloop.errors import NoHistory, PacingViolation, RequestError, RequestTimeout
from twsloop.history.asking import named_error
from twsloop.history.progress import Progress
from twsloop.testing import GatewayDouble

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VIOLATION = "Historical Market Data Service error message:Historical data request pacing violation"


def aapl(con_id: int = 265598) -> Any:
    contract = stock("AAPL")
    contract.conId = con_id
    return contract


@pytest.fixture
def double() -> Iterator[GatewayDouble[IBGateway]]:
    overrides = {"history.store": False, "history.violations": 2, "heartbeat.enabled": False}
    config = Config.load(environ={}, overrides=overrides)
    with GatewayDouble(lambda: IBGateway(config)) as made:
        yield made


def head(double: GatewayDouble[IBGateway], con_id: int = 265598, what: str = "TRADES") -> Any:
    return double.app.history.head_timestamp(aapl(con_id), what)


def ids(double: GatewayDouble[IBGateway], name: str = "reqHeadTimeStamp") -> list[int]:
    return [request.reqId for request in double.sent_of(name)]


def test_a_head_stays_open_at_ib_and_is_cancelled(double: GatewayDouble[IBGateway]) -> None:
    future = head(double)
    (req_id,) = ids(double)
    double.say("headTimestamp", reqId=req_id, headTimestamp="1000000000")
    assert future.result() == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert ids(double, "cancelHeadTimeStamp") == [req_id]


def test_the_same_at_once_is_asked_once(double: GatewayDouble[IBGateway]) -> None:
    futures = [head(double) for _ in range(3)]
    (req_id,) = ids(double)
    futures[0].cancel()  # the others still want it
    double.say("headTimestamp", reqId=req_id, headTimestamp="1000000000")
    assert futures[1].result() == futures[2].result()
    again = head(double)  # it is over, so this is a new one: identical within 15 seconds
    assert len(ids(double)) == 1
    (waiting,) = double.app.history.waiting
    assert str(waiting) == (
        "first time with data of AAPL (TRADES) waits 16 s: the same was asked less than 15 s ago"
    )
    double.advance(16)
    double.say("headTimestamp", reqId=ids(double)[-1], headTimestamp="1000000000")
    assert again.result() == futures[1].result()
    assert double.app.history.waiting == ()


def test_a_cancel_ends_it_at_the_gateway(double: GatewayDouble[IBGateway]) -> None:
    future = head(double)
    future.cancel()
    assert ids(double, "cancelHeadTimeStamp") == ids(double)


def test_a_cancel_while_it_waits_sends_nothing(double: GatewayDouble[IBGateway]) -> None:
    head(double)
    double.say("headTimestamp", reqId=ids(double)[0], headTimestamp="1000000000")
    again = head(double)
    assert len(double.app.history.waiting) == 1
    again.cancel()
    double.advance(30)
    assert len(ids(double)) == 1
    assert list(double.app.history.waiting) == []


def test_sixty_in_ten_minutes(double: GatewayDouble[IBGateway]) -> None:
    """More than that wait here, and say so; IB never has to refuse one."""
    futures = [head(double, con_id) for con_id in range(1, 66)]
    for req_id in ids(double):
        double.say("headTimestamp", reqId=req_id, headTimestamp="1000000000")
    # Fifty may be open at a time, so ten more leave now.
    double.advance(1)
    for req_id in ids(double)[50:]:
        double.say("headTimestamp", reqId=req_id, headTimestamp="1000000000")
    assert len(ids(double)) == 60
    assert {waiting.reason for waiting in double.app.history.waiting} == {
        "60 were asked within 10 minutes"
    }
    double.advance(601)
    assert len(ids(double)) == 65
    for req_id in ids(double)[60:]:
        double.say("headTimestamp", reqId=req_id, headTimestamp="1000000000")
    assert all(future.result() for future in futures)


def test_a_violation_is_repeated_after_a_longer_pause_each_time(
    double: GatewayDouble[IBGateway],
) -> None:
    future = head(double)
    for count, pause in ((1, 21), (2, 41)):
        double.error(162, VIOLATION, id=ids(double)[-1])
        assert len(ids(double)) == count
        double.advance(pause)
        assert len(ids(double)) == count + 1
    double.error(162, VIOLATION, id=ids(double)[-1])
    error = future.exception()
    assert isinstance(error, PacingViolation)
    assert (error.code, error.request) == (162, "first time with data of AAPL (TRADES)")


def test_a_progress_callback_hears_why_it_waits(double: GatewayDouble[IBGateway]) -> None:
    heard: list[Progress] = []
    double.app.history.bars(
        aapl(), end=NOW, duration=timedelta(minutes=10), bar_size="5 secs", on_progress=heard.append
    )
    double.say("currentTime", currentTime=int(NOW.timestamp()) + 86_400)
    double.error(162, VIOLATION, id=ids(double, "reqHistoricalData")[0])
    double.advance(21)
    assert [progress.waiting for progress in heard] == [
        "IB said that history is asked for too fast",
        "",
    ]
    assert len(ids(double, "reqHistoricalData")) == 2


def test_a_programs_own_calls_count_too(double: GatewayDouble[IBGateway]) -> None:
    """Where pacing is off they are IB's to judge; ours keep their distance from them."""
    app = double.app
    for number in range(5):
        app.reqHistoricalData(number, aapl(), "", "60 S", "5 secs", "TRADES", 1, 2, False, [])
    app.reqHistoricalData(9, aapl(), "", "5 D", "1 hour", "TRADES", 1, 2, False, [])
    assert len(ids(double, "reqHistoricalData")) == 6
    head(double)
    (waiting,) = app.history.waiting
    assert waiting.reason == "5 were asked for this contract within 2 s"
    head(double, 2)
    assert len(ids(double)) == 1
    double.advance(3)
    assert len(ids(double)) == 2


def test_no_answer(double: GatewayDouble[IBGateway]) -> None:
    future = double.app.history.head_timestamp(aapl(), timeout=5)
    double.advance(6)
    assert isinstance(future.exception(), RequestTimeout)
    assert ids(double, "cancelHeadTimeStamp") == ids(double)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (VIOLATION, PacingViolation),
        ("Service error message:HMDS query returned no data: AAPL@SMART Trades", NoHistory),
        (
            "Service error message:No historical market data for EUR/CASH@FXSUBPIP Last 60",
            NoHistory,
        ),
        ("Service error message:No head time stamp: 5", NoHistory),
        ("Service error message:No market data permissions for ISLAND STK", RequestError),
        ("Service error message:Time length exceed max.", RequestError),
    ],
)
def test_errors_of_the_service_by_their_text(text: str, kind: type[RequestError]) -> None:
    error = RequestError(text, code=162, req_id=7, request="bars", category="historical")
    named = named_error(error)
    assert type(named) is kind
    assert (named.text, named.code, named.req_id, named.request) == (text, 162, 7, "bars")


def test_other_errors_stay_what_they_are() -> None:
    error = RequestError("No security definition; no data", code=200)
    assert named_error(error) is error
