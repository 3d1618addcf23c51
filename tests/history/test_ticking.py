"""Ticks of any span: a thousand at a time, none twice, none lost, kept."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from ibapi.protobuf.HistoricalTicksLast_pb2 import HistoricalTicksLast

from tests.support.desk import PATIENCE, config_for
from tests.support.fake_tws import FakeTws, error, message
from twsloop import Config, IBGateway, PaperGateway, stock
from twsloop.errors import HistoryError, NoHistory
from twsloop.history.progress import Progress
from twsloop.history.rows import MidpointTick, QuoteTick, TradeTick
from twsloop.history.series import TickSeries

#: A Friday, half an hour before the regular session begins, and the Monday after.
FRIDAY = datetime(2026, 1, 9, 14, tzinfo=UTC)
MONDAY = datetime(2026, 1, 12, 14, tzinfo=UTC)


@pytest.fixture(scope="module", params=[225, 200], ids=["protobuf", "text"])
def paper(request: pytest.FixtureRequest) -> Iterator[PaperGateway]:
    with PaperGateway(max_version=request.param) as made:
        yield made


@contextmanager
def connected(paper: PaperGateway, store: Path, loop_factory: Any) -> Iterator[IBGateway]:
    overrides = {"contracts__cache": False, "history__store": True, "history__store_file": store}
    with IBGateway(config_for(paper, **overrides), loop_factory=loop_factory) as gateway:
        yield gateway


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def gw(request: pytest.FixtureRequest, paper: PaperGateway, tmp_path: Path) -> Iterator[IBGateway]:
    with connected(paper, tmp_path / "history.db", request.param) as gateway:
        yield gateway


def ticks(gateway: IBGateway, **asked: Any) -> TickSeries:
    return gateway.history.ticks("AAPL", **asked).result(PATIENCE)


def test_they_are_whole_and_fetched_once(gw: IBGateway) -> None:
    """As many trades as the bars of the same time count."""
    start, end = FRIDAY + timedelta(minutes=30), FRIDAY + timedelta(minutes=90)
    heard: list[Progress] = []
    series = ticks(gw, start=start, end=end, on_progress=heard.append)
    minutes = gw.history.bars("AAPL", start=start, end=end).result(PATIENCE)
    assert len(series) == sum(bar.count or 0 for bar in minutes)
    assert series.requests > 1
    assert all(before.time <= tick.time for before, tick in itertools.pairwise(series))
    assert all(isinstance(tick, TradeTick) for tick in series)
    assert (heard[-1].rows, heard[-1].part) == (len(series), 1.0)
    again = ticks(gw, start=start, end=end)
    assert (again.requests, again.rows) == (0, series.rows)
    part = ticks(gw, start=start + timedelta(minutes=7), end=end - timedelta(minutes=7))
    assert part.requests == 0
    assert part.rows == tuple(t for t in series if part.start <= t.time < part.end)


def test_over_a_weekend(gw: IBGateway) -> None:
    """IB never tells ticks of two sessions at once."""
    start, end = FRIDAY + timedelta(hours=6, minutes=50), MONDAY + timedelta(minutes=35)
    series = ticks(gw, start=start, end=end)
    days = [tick.time.date() for tick in series]
    assert set(days) == {FRIDAY.date(), MONDAY.date()}
    minutes = gw.history.bars("AAPL", start=start, end=end).result(PATIENCE)
    assert len(series) == sum(bar.count or 0 for bar in minutes)


@pytest.mark.parametrize(("what", "kind"), [("BID_ASK", QuoteTick), ("MIDPOINT", MidpointTick)])
def test_other_kinds(gw: IBGateway, what: str, kind: type) -> None:
    start = FRIDAY + timedelta(minutes=30)
    series = ticks(gw, start=start, end=start + timedelta(minutes=3), what=what)
    assert series.rows
    assert all(isinstance(tick, kind) for tick in series)
    fewer = ticks(gw, start=start, end=start + timedelta(minutes=3), what=what, ignore_size=True)
    assert fewer.requests > 0  # they are another series
    assert 0 < len(fewer) <= len(series)


def test_nothing_was_traded(gw: IBGateway) -> None:
    night = {"start": FRIDAY - timedelta(hours=9), "end": FRIDAY - timedelta(hours=8)}
    assert ticks(gw, **night).rows == ()
    assert ticks(gw, **night).requests == 0


def test_a_wrong_question_is_refused_at_the_call(gw: IBGateway) -> None:
    with pytest.raises(HistoryError, match="they show TRADES"):
        gw.history.ticks("AAPL", duration="1 D", what="BID")
    with pytest.raises(HistoryError, match="say from when"):
        gw.history.ticks("AAPL")


# ---- a gateway that says what the test tells it to --------------------------------------------


@pytest.fixture
def tws() -> Iterator[FakeTws]:
    with FakeTws() as made:
        yield made


@pytest.fixture
def fake(tws: FakeTws, tmp_path: Path) -> Iterator[IBGateway]:
    overrides = {
        "connection.port": tws.port,
        "history.store_file": tmp_path / "history.db",
        "contracts.cache": False,
        "connection.request_timeout": 5,
    }
    with IBGateway(Config.load(environ={}, overrides=overrides)) as gateway:
        yield gateway


def aapl() -> Any:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def tell_time(tws: FakeTws, now: datetime) -> None:
    tws.next("reqCurrentTime")
    tws.say(message("currentTime", currentTime=int(now.timestamp())))


def answer(tws: FakeTws, *seconds: int, price: float = 1.5) -> Any:
    """Answer the next request for ticks with trades so many seconds after FRIDAY."""
    request = tws.next("reqHistoricalTicks")
    made = HistoricalTicksLast(reqId=request.reqId, isDone=True)
    for second in seconds:
        made.historicalTicksLast.add(
            time=int(FRIDAY.timestamp()) + second, price=price, size="100", exchange="ISLAND"
        )
    head = message("historicalTicksLast", reqId=request.reqId)[:4]
    tws.say(head + made.SerializeToString())
    return request


def schedule_fails(tws: FakeTws) -> None:
    request = tws.next("reqHistoricalData")
    assert request.whatToShow == "SCHEDULE"
    tws.say(error(request.reqId, 162, "No market data permissions"))


def test_a_second_with_more_ticks_than_fit(tws: FakeTws, fake: IBGateway) -> None:
    """IB finishes the second that it tells last; the next request begins with the one after it."""
    asked: dict[str, Any] = {"start": FRIDAY, "end": FRIDAY + timedelta(seconds=60)}
    future = fake.history.ticks(aapl(), **asked)
    tell_time(tws, MONDAY)
    assert answer(tws, 1, 1, 2, 2, 2).startDateTime == "20260109-14:00:00"
    assert answer(tws, 59, 59, 61).startDateTime == "20260109-14:00:03"
    series = future.result(PATIENCE)
    assert [tick.time.second for tick in series] == [1, 1, 2, 2, 2, 59, 59]


def test_a_fetch_that_breaks_off_keeps_what_it_had(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.ticks(aapl(), start=FRIDAY, end=FRIDAY + timedelta(seconds=60))
    tell_time(tws, MONDAY)
    answer(tws, 1, 2)
    request = tws.next("reqHistoricalTicks")
    future.cancel()
    assert tws.next("cancelHistoricalTicks").reqId == request.reqId
    future = fake.history.ticks(aapl(), start=FRIDAY, end=FRIDAY + timedelta(seconds=3))
    assert [tick.time.second for tick in future.result(PATIENCE)] == [1, 2]
    assert future.result().requests == 0


def test_ticks_of_the_last_minute_are_not_kept(tws: FakeTws, fake: IBGateway) -> None:
    """More of the same seconds may come still."""
    asked: dict[str, Any] = {"start": FRIDAY, "end": FRIDAY + timedelta(seconds=100)}
    for begins in ("20260109-14:00:00", "20260109-14:00:30"):
        future = fake.history.ticks(aapl(), **asked)
        tell_time(tws, FRIDAY + timedelta(seconds=90))
        assert answer(tws, 10, 70, 100).startDateTime == begins
        assert len(future.result(PATIENCE)) == 2


def test_nothing_to_tell_although_there_was_trading(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.ticks(aapl(), start=FRIDAY, end=FRIDAY + timedelta(seconds=60))
    tell_time(tws, MONDAY)
    answer(tws)
    schedule_fails(tws)
    with pytest.raises(NoHistory, match="no ticks of 2026-01-09 14:00:00"):
        future.result(PATIENCE)


def test_without_a_schedule_no_session_is_passed_over(tws: FakeTws, fake: IBGateway) -> None:
    """IB tells nothing from a time at which nobody trades; and currencies may have no schedule."""
    end, heard = FRIDAY + timedelta(seconds=3000), list[Progress]()
    future = fake.history.ticks(aapl(), start=FRIDAY, end=end, on_progress=heard.append)
    tell_time(tws, MONDAY)
    answer(tws, 1)
    assert answer(tws).startDateTime == "20260109-14:00:02"
    schedule_fails(tws)
    assert answer(tws, 1805, 3001).startDateTime == "20260109-14:30:02"
    seconds = [int((tick.time - FRIDAY).total_seconds()) for tick in future.result(PATIENCE)]
    assert seconds == [1, 1805]
    assert heard[-1].part == 1.0
    again = fake.history.ticks(aapl(), start=FRIDAY + timedelta(seconds=600), end=end)
    tell_time(tws, MONDAY)
    assert answer(tws, 700, 1802).startDateTime == "20260109-14:10:00"  # silence is not kept
    assert len(again.result(PATIENCE)) == 2


def test_ticks_that_cannot_be_read_are_found(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.ticks(aapl(), start=FRIDAY, end=FRIDAY + timedelta(seconds=60))
    tell_time(tws, MONDAY)
    answer(tws, 5, 7, price=float("nan"))
    schedule_fails(tws)
    error_told = future.exception(PATIENCE)
    assert isinstance(error_told, NoHistory)
    assert "2 ticks came that cannot be read" in str(error_told)
