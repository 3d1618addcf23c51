"""Bars that are kept up to date, through all that ends them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twsloop import Config, IBGateway, stock
from twsloop.connection.streams import Stream, StreamStatus
from twsloop.errors import HistoryError, NoHistory, RequestError
from twsloop.history.live_state import BarUpdate
from twsloop.testing import GatewayDouble

START = int(datetime(2026, 1, 5, 15, tzinfo=UTC).timestamp())
LOST = "Failed to request live updates (disconnected)."
Double = GatewayDouble[IBGateway]


@pytest.fixture
def double() -> Iterator[Double]:
    overrides = {"history.store": False, "heartbeat.enabled": False, "reconnect.first_delay": 1}
    config = Config.load(environ={}, overrides=overrides)
    with GatewayDouble(lambda: IBGateway(config)) as made:
        yield made


@pytest.fixture
def heard() -> list[BarUpdate]:
    return []


def aapl() -> Any:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def follow(double: Double, heard: list[BarUpdate], **asked: Any) -> Stream[BarUpdate]:
    asked = {"duration": timedelta(hours=1), **asked}
    return double.app.history.live_bars(aapl(), heard.append, **asked)


def asked(double: Double) -> list[Any]:
    return double.sent_of("reqHistoricalData")


def row(minute: int, close: float = 100.0) -> dict[str, Any]:
    return {
        "date": str(START + 60 * minute),
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": close,
        "volume": "10",
        "WAP": "100",
        "barCount": 1,
    }


def answer(double: Double, *minutes: int) -> None:
    req_id = asked(double)[-1].reqId
    double.say("historicalData", reqId=req_id, historicalDataBars=[row(one) for one in minutes])
    double.say("historicalDataEnd", reqId=req_id, startDateStr="", endDateStr="")


def update(double: Double, minute: int, close: float) -> None:
    req_id = asked(double)[-1].reqId
    double.say("historicalDataUpdate", reqId=req_id, historicalDataBar=row(minute, close))


def told(heard: list[BarUpdate]) -> list[tuple[int, float, bool]]:
    return [((one.bar.second - START) // 60, float(one.bar.close), one.over) for one in heard]


def test_bars_up_to_now_and_then_as_they_come(double: Double, heard: list[BarUpdate]) -> None:
    stream = follow(double, heard)
    (request,) = asked(double)
    assert (request.keepUpToDate, request.endDateTime) == (True, "")
    assert (request.duration, request.barSizeSetting, request.formatDate) == ("3600 S", "1 min", 2)
    assert stream.status == "opening"
    answer(double, 0, 1, 2)
    assert stream.status == "live"
    update(double, 2, 100.5)
    update(double, 3, 100.0)
    assert told(heard) == [
        (0, 100.0, False),
        (0, 100.0, True),
        (1, 100.0, False),
        (1, 100.0, True),
        (2, 100.0, False),
        (2, 100.5, False),
        (2, 100.5, True),
        (3, 100.0, False),
    ]
    assert [(bar.second - START) // 60 for bar in stream.state.bars] == [0, 1, 2, 3]
    assert stream.latest is not None
    assert stream.latest.bar == stream.state.current
    stream.cancel()
    assert double.last("cancelHistoricalData").reqId == request.reqId


def test_it_does_not_begin_earlier_than_it_was_asked_to(
    double: Double, heard: list[BarUpdate]
) -> None:
    """An hour of trading may reach back into the day before."""
    stream = follow(double, heard)
    answer(double, -1000, -60, 0)
    assert [(bar.second - START) // 60 for bar in stream.state.bars] == [-60, 0]


def test_equal_ones_share_a_request(double: Double, heard: list[BarUpdate]) -> None:
    streams = [follow(double, heard) for _ in range(2)]
    assert len(asked(double)) == 1
    streams[0].cancel()
    assert double.sent_of("cancelHistoricalData") == []
    streams[1].cancel()
    assert len(double.sent_of("cancelHistoricalData")) == 1


def test_it_survives_what_ends_it_at_ib(double: Double, heard: list[BarUpdate]) -> None:
    """10182: asked for anew, as far back as it has to; no bar twice, none missing."""
    stream = follow(double, heard)
    answer(double, 0, 1)
    statuses: list[StreamStatus] = []
    stream.on_status(lambda status, _reason: statuses.append(status))
    double.advance(120)
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    first, second = asked(double)
    assert second.reqId != first.reqId
    assert second.duration == "300 S"  # two minutes of silence, two bars, and a minute more
    assert stream.status is StreamStatus.INTERRUPTED
    answer(double, 0, 1, 2, 3)
    update(double, 3, 101.0)
    assert [minute for minute, _, over in told(heard) if over] == [0, 1, 2]
    assert stream.state.holes == 0
    assert statuses == [StreamStatus.INTERRUPTED, StreamStatus.LIVE]


def test_while_the_farm_is_away_the_pauses_grow(double: Double, heard: list[BarUpdate]) -> None:
    stream = follow(double, heard)
    answer(double, 0)
    for count, pause in ((1, 0), (2, 5), (3, 10), (4, 20), (5, 40), (6, 60), (7, 60)):
        double.error(10182, LOST, id=asked(double)[-1].reqId)
        if pause:
            double.advance(pause - 1)
            assert len(asked(double)) == count
            double.advance(2)
        assert len(asked(double)) == count + 1
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    double.error(2106, "HMDS data farm connection is OK:ushmds")
    assert len(asked(double)) == 9
    answer(double, 0, 1)
    assert stream.status is StreamStatus.LIVE
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    assert len(asked(double)) == 10  # at once again


def test_nobody_waits_for_what_was_cancelled(double: Double, heard: list[BarUpdate]) -> None:
    stream = follow(double, heard)
    answer(double, 0)
    for _ in range(2):
        double.error(10182, LOST, id=asked(double)[-1].reqId)
    stream.cancel()
    double.advance(100)
    assert len(asked(double)) == 2


def test_it_survives_the_session(double: Double, heard: list[BarUpdate]) -> None:
    stream = follow(double, heard)
    answer(double, 0, 1)
    double.drop()
    assert stream.status is StreamStatus.INTERRUPTED
    double.advance(2)
    answer(double, 1, 2)
    assert [minute for minute, _, over in told(heard) if over] == [0, 1]
    assert stream.state.holes == 0


@pytest.mark.parametrize("version", [225, 200])
@pytest.mark.parametrize("kept", [True, False])
def test_it_survives_lost_servers(version: int, kept: bool) -> None:
    """1101: asked for anew at once; 1102: when it stays silent. No bar twice, none missing."""
    heard: list[BarUpdate] = []
    config = Config.load(environ={}, overrides={"history.store": False, "heartbeat.enabled": False})
    with GatewayDouble(lambda: IBGateway(config), version=version) as double:
        stream = follow(double, heard)
        answer(double, 0, 1)
        double.error(1100, "Connectivity between IB and Trader Workstation has been lost.")
        double.advance(120)
        double.error(1102 if kept else 1101, "Connectivity has been restored.")
        assert len(asked(double)) == (1 if kept else 2)
        double.advance(30 if kept else 0)
        assert len(asked(double)) == 2
        assert stream.status is StreamStatus.INTERRUPTED
        answer(double, 1, 2, 3)
        update(double, 4, 100.5)
        assert [minute for minute, _, over in told(heard) if over] == [0, 1, 2, 3]
        (gap,) = stream.gaps
        assert (stream.state.holes, stream.status, gap.cause) == (0, "live", "servers")
        assert gap.ended is not None


def test_while_its_farm_is_broken_nothing_is_asked(double: Double, heard: list[BarUpdate]) -> None:
    """2105, 10182, 2106, as IB tells them: one request, when it can be answered."""
    stream = follow(double, heard)
    answer(double, 0, 1)
    double.error(2105, "HMDS data farm connection is broken:ushmds")
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    double.advance(300)
    assert len(asked(double)) == 1
    assert (stream.gaps[0].cause, stream.gaps[0].farm) == ("farm", "ushmds")
    double.error(2106, "HMDS data farm connection is OK:ushmds")
    assert len(asked(double)) == 2
    assert double.sent_of("cancelHistoricalData") == []  # the gateway has forgotten it: error 366
    answer(double, 1, 2, 3, 4, 5, 6)
    assert [minute for minute, _, over in told(heard) if over] == [0, 1, 2, 3, 4, 5]
    assert (stream.state.holes, len(stream.gaps)) == (0, 1)


def test_another_farm_is_none_of_its_business(double: Double, heard: list[BarUpdate]) -> None:
    stream = follow(double, heard)
    answer(double, 0, 1)
    double.error(2105, "HMDS data farm connection is broken:euhmds")
    double.error(2103, "Market data farm connection is broken:usfarm")
    update(double, 1, 101.0)
    assert (stream.status, stream.gaps) == (StreamStatus.LIVE, ())


def test_an_update_amid_the_answer_takes_nothing_of_it_away(
    double: Double, heard: list[BarUpdate]
) -> None:
    """The end of an answer is a message by itself, and an update may come before it."""
    stream = follow(double, heard)
    req_id = asked(double)[-1].reqId
    double.say("historicalData", reqId=req_id, historicalDataBars=[row(one) for one in range(3)])
    update(double, 3, 102.0)
    double.say("historicalDataEnd", reqId=req_id, startDateStr="", endDateStr="")
    assert [(bar.second - START) // 60 for bar in stream.state.bars] == [0, 1, 2, 3]
    assert told(heard)[-1] == (3, 102.0, False)


def test_an_answer_that_is_too_short_is_asked_for_again(
    double: Double, heard: list[BarUpdate]
) -> None:
    """A computer that slept knows nothing of the time in which it did; what is told does."""
    stream = follow(double, heard)
    answer(double, 0, 1)
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    answer(double, 200, 201)
    assert asked(double)[-1].duration == f"{200 * 60 + 2 * 60 + 60} S"
    assert [minute for minute, _, _ in told(heard)] == [0, 0, 1]
    answer(double, *range(1, 202))
    assert [minute for minute, _, over in told(heard) if over] == list(range(201))
    assert stream.state.holes == 0
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    for _ in range(2):  # IB has no more: then it is a hole, and no reason to ask for ever
        answer(double, 300, 301)
    assert stream.state.holes == 1
    assert stream.status is StreamStatus.LIVE


def test_bars_of_a_second_outlive_an_hour_without_them(
    double: Double, heard: list[BarUpdate]
) -> None:
    stream = follow(double, heard, bar_size="1 secs", duration=timedelta(minutes=5))
    answer(double, 0)
    double.advance(3600)
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    assert asked(double)[-1].duration == "2000 S"
    assert stream.active


@pytest.mark.parametrize(
    "text", ["HMDS query returned no data: AAPL", "Historical data request pacing violation"]
)
def test_what_may_pass_does_not_end_it(double: Double, heard: list[BarUpdate], text: str) -> None:
    stream = follow(double, heard)
    answer(double, 0)
    double.error(10182, LOST, id=asked(double)[-1].reqId)
    for count in (2, 3):
        double.error(162, text, id=asked(double)[-1].reqId)
        assert len(asked(double)) == count
        double.advance(60)
        assert len(asked(double)) == count + 1
    answer(double, 0, 1)
    assert stream.status is StreamStatus.LIVE


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Historical Market Data Service error message:HMDS query returned no data: X", NoHistory),
        ("Historical Market Data Service error message:No market data permissions", RequestError),
    ],
)
def test_a_refusal_ends_it(
    double: Double, heard: list[BarUpdate], text: str, kind: type[Exception]
) -> None:
    stream = follow(double, heard)
    double.error(162, text, id=asked(double)[-1].reqId)
    assert type(stream.error) is kind
    assert stream.done.result() is None
    assert not stream.active


def test_small_bars_wait_for_their_turn(double: Double, heard: list[BarUpdate]) -> None:
    streams = [
        follow(double, heard, bar_size="5 secs", duration=timedelta(minutes=minutes))
        for minutes in range(1, 8)
    ]
    assert len(asked(double)) == 5
    streams[6].cancel()
    double.advance(3)
    assert len(asked(double)) == 6


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"what": "BID_ASK"}, "with TRADES, MIDPOINT, BID, ASK"),
        ({"duration": timedelta()}, "longer than nothing"),
        ({"bar_size": "1 secs", "duration": timedelta(days=1)}, "take larger bars"),
    ],
)
def test_what_ib_does_not_keep_up_to_date(double: Double, wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(HistoryError, match=text):
        follow(double, [], **wrong)
    assert asked(double) == []
