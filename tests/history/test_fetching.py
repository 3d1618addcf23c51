"""Bars of any span: fetched once, kept, put together from pieces, gone on with after a break."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData

from tests.support.desk import PATIENCE, Heard, config_for
from tests.support.fake_tws import FakeTws, error, message
from twsloop import Config, IBGateway, PaperGateway, stock
from twsloop.errors import (
    ConnectionLost,
    HistoryError,
    NoHistory,
    RequestError,
    SymbolError,
)
from twsloop.events import SessionChanged
from twsloop.history.checks import FindingKind
from twsloop.history.progress import Progress
from twsloop.history.series import BarSeries

END = datetime(2026, 1, 10, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def aapl() -> Any:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


# ---- a paper gateway, whose history is the same whenever it is asked ---------------------------


@pytest.fixture(scope="module", params=[225, 200], ids=["protobuf", "text"])
def paper(request: pytest.FixtureRequest) -> Iterator[PaperGateway]:
    with PaperGateway(max_version=request.param) as made:
        yield made


@contextmanager
def connected(
    paper: PaperGateway, store: Path | None, loop_factory: Any = None
) -> Iterator[IBGateway]:
    overrides: dict[str, Any] = {"contracts__cache": False, "history__store": store is not None}
    if store is not None:
        overrides["history__store_file"] = store
    with IBGateway(config_for(paper, **overrides), loop_factory=loop_factory) as gateway:
        yield gateway


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def gw(request: pytest.FixtureRequest, paper: PaperGateway, tmp_path: Path) -> Iterator[IBGateway]:
    with connected(paper, tmp_path / "history.db", request.param) as gateway:
        yield gateway


def bars(gateway: IBGateway, symbol: Any = "AAPL", **asked: Any) -> BarSeries:
    return gateway.history.bars(symbol, **asked).result(PATIENCE)


def asked(paper: PaperGateway) -> int:
    """How many answers with bars the gateway gave in this session."""
    (client,) = paper.stats["clients"].values()
    return int(client["kinds"].get("historicalData", 0))


def test_ask_twice_fetch_once(paper: PaperGateway, gw: IBGateway) -> None:
    first = bars(gw, end=END, duration="3 days")
    count = asked(paper)
    assert (first.requests, count) == (1, 1)
    assert len(first) == 3 * 390
    again = bars(gw, end=END, duration="3 days")
    assert (again.requests, asked(paper)) == (0, count)
    assert again.rows == first.rows
    within = bars(gw, start=at(1, 8, 15), end=at(1, 8, 16))
    assert (within.requests, asked(paper)) == (0, count)
    assert within.rows == tuple(bar for bar in first if at(1, 8, 15) <= bar.time < at(1, 8, 16))


def test_the_next_program_fetches_nothing_either(paper: PaperGateway, tmp_path: Path) -> None:
    store = tmp_path / "history.db"
    with connected(paper, store) as gateway:
        first = bars(gateway, end=END, duration="2 days")
    with connected(paper, store) as gateway:
        assert bars(gateway, end=END, duration="2 days").rows == first.rows
        assert asked(paper) == 0


def test_only_what_is_missing_is_fetched(paper: PaperGateway, gw: IBGateway) -> None:
    bars(gw, start=at(1, 7), end=at(1, 8))
    heard: list[Progress] = []
    whole = bars(gw, start=at(1, 6), end=at(1, 9), on_progress=heard.append)
    assert whole.requests == 2  # before it, and after it
    assert heard[-1].rows == 2 * 390
    assert (heard[-1].done, heard[-1].total) == (3 * 86_400, 3 * 86_400)
    assert heard[-1].part == 1.0
    assert heard[-1].eta == 0
    assert len(whole) == 3 * 390


def test_refresh_fetches_all_of_it_again(gw: IBGateway) -> None:
    first = bars(gw, end=END, duration="2 days")
    again = bars(gw, end=END, duration="2 days", refresh=True)
    assert again.requests == 1
    assert again.rows == first.rows


def test_several_at_once_fetch_once(paper: PaperGateway, gw: IBGateway) -> None:
    futures = [gw.history.bars("AAPL", end=END, duration="3 days") for _ in range(5)]
    answers = [future.result(PATIENCE) for future in futures]
    assert {answer.rows for answer in answers} == {answers[0].rows}
    assert asked(paper) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {
            "bar_size": "5 secs",
            "end": datetime(2026, 11, 19, 16, tzinfo=UTC),
            "duration": "2 hours",
        },
        {"bar_size": "1 min", "end": END, "duration": "20 days"},
        {"bar_size": "1 hour", "start": date(2026, 3, 5), "end": date(2026, 3, 11), "rth": False},
        {"bar_size": "1 day", "start": date(2020, 1, 1), "end": date(2024, 12, 31)},
        {"bar_size": "30 mins", "what": "BID_ASK", "end": END, "duration": "5 days"},
        {"bar_size": "15 mins", "what": "MIDPOINT", "end": END, "duration": "2 M", "rth": False},
    ],
    ids=lambda wanted: wanted["bar_size"],
)
def test_a_whole_history_has_nothing_odd_about_it(gw: IBGateway, wanted: dict[str, Any]) -> None:
    """Over nights, weekends, holidays, and the change to summer time."""
    series = bars(gw, check=True, **wanted)
    assert series.findings == ()
    assert len(series) > 50
    assert all(before.time < after.time for before, after in itertools.pairwise(series))
    assert all(series.start <= bar.time < series.end for bar in series)


def test_weeks_and_months_are_whole(gw: IBGateway) -> None:
    days = bars(gw, start=date(2025, 1, 1), end=date(2025, 12, 31), bar_size="1 day")
    for size in ("1W", "1M"):
        longer = bars(gw, start=date(2025, 2, 1), end=date(2025, 11, 30), bar_size=size)
        for before, bar in itertools.pairwise(longer):
            assert before.day is not None
            assert bar.day is not None
            inside = [day for day in days if day.day and before.day < day.day <= bar.day]
            assert bar.volume == sum(day.volume or 0 for day in inside)
            assert (bar.open, bar.close) == (inside[0].open, inside[-1].close)


class Reference:
    """What one request tells, without a store."""

    sizes = ("5 mins", "1 hour", "1 day")

    def __init__(self, paper: PaperGateway) -> None:
        with connected(paper, None) as gateway:
            self.rows = {
                size: bars(gateway, start=at(1, 2), end=at(1, 14), bar_size=size, rth=False).rows
                for size in self.sizes
            }


@pytest.fixture(scope="module")
def reference(paper: PaperGateway) -> Reference:
    return Reference(paper)


minutes = st.integers(0, 12 * 24 * 60 - 1)


@settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(st.tuples(minutes, minutes), min_size=1, max_size=4), st.sampled_from(Reference.sizes)
)
def test_pieces_make_the_same_whole(
    paper: PaperGateway,
    reference: Reference,
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[int, int]],
    size: str,
) -> None:
    """Whatever was asked before, in any order, with any borders: the store changes nothing."""
    whole = reference.rows[size]
    with connected(paper, tmp_path_factory.mktemp("store") / "history.db") as gateway:
        for one, other in pieces:
            start = at(1, 2) + timedelta(minutes=min(one, other))
            end = at(1, 2) + timedelta(minutes=max(one, other) + 1)
            try:
                told = bars(gateway, start=start, end=end, bar_size=size, rth=False)
            except NoHistory:  # between two bars
                continue
            if size != "1 day":
                assert told.rows == tuple(bar for bar in whole if start <= bar.time < end)
        again = bars(gateway, start=at(1, 2), end=at(1, 14), bar_size=size, rth=False)
        assert again.rows == whole
        assert again.findings == ()


def test_the_bar_under_way_is_told_and_not_kept(paper: PaperGateway, gw: IBGateway) -> None:
    """Today's last bar changes until it is over; its time is asked for again."""
    told = bars(gw, "EUR.USD", duration="10 mins", what="MIDPOINT", rth=False)
    assert told.requests == 1
    again = bars(gw, "EUR.USD", start=told.start, what="MIDPOINT", rth=False)
    assert again.requests == 1
    assert again.rows[: len(told) - 1] == told.rows[:-1]
    today = bars(gw, bar_size="1 day", duration="5 days")
    assert bars(gw, bar_size="1 day", duration="5 days").requests == 1
    assert today.rows


def test_what_ends_now_is_never_kept(paper: PaperGateway, gw: IBGateway) -> None:
    for count in (1, 2):
        told = bars(gw, duration="10 D", what="ADJUSTED_LAST", bar_size="1 hour")
        assert (told.requests, asked(paper)) == (1, count)
    past = bars(gw, end=at(11, 10), duration="5 D", what="ADJUSTED_LAST", bar_size="1 hour")
    assert past[-1].time < at(11, 10)
    with pytest.raises(HistoryError, match="take larger bars"):
        bars(gw, duration="3 D", what="ADJUSTED_LAST", bar_size="1 secs")


def test_nothing_was_traded(paper: PaperGateway, gw: IBGateway) -> None:
    weekend = bars(gw, start=date(2026, 1, 10), end=date(2026, 1, 11))
    assert len(weekend) == 0
    assert bars(gw, start=date(2026, 1, 10), end=date(2026, 1, 11)).requests == 0
    with pytest.raises(NoHistory, match=r"no data of 1990-01-01 .* to 1995") as caught:
        bars(gw, start=date(1990, 1, 1), end=date(1994, 12, 31), bar_size="1 min")
    assert caught.value.code == 162
    assert asked(paper) == 1  # the weekend: it reached back to the days before


def test_bars_that_ib_does_not_keep(gw: IBGateway) -> None:
    with pytest.raises(NoHistory, match="2020"):
        bars(
            gw,
            start=at(1, 6, 15).replace(year=2020),
            end=at(1, 6, 16).replace(year=2020),
            bar_size="5 secs",
        )
    now = datetime.now(UTC)
    heard: list[Progress] = []
    late = bars(
        gw,
        start=now - timedelta(days=183, hours=1),
        end=now - timedelta(days=178),  # longer than a weekend with a holiday, whatever today is
        bar_size="30 secs",
        rth=False,
        on_progress=heard.append,
    )
    (finding,) = late.findings
    assert finding.kind is FindingKind.NOT_KEPT
    assert heard[-1].part == 1.0  # what cannot be had is not left to do


def test_errors_are_ibs_own(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as unknown:
        bars(gw, stock("NOSUCHTHING"), end=END, duration="1 D")
    assert unknown.value.code == 200
    with pytest.raises(NoHistory):  # currencies have no trades
        bars(gw, "EUR.USD", end=END, duration="1 D")


@pytest.mark.parametrize(
    ("asked_for", "text"),
    [
        ({}, "say from when"),
        ({"start": datetime(2026, 1, 5)}, "no time zone"),  # noqa: DTZ001
        ({"duration": "1 D", "bar_size": "7 mins"}, "IB has no bars of '7 mins'"),
        ({"duration": "1 D", "what": "LAST"}, "does not show 'LAST'"),
    ],
)
def test_a_wrong_question_is_refused_at_the_call(
    gw: IBGateway, asked_for: dict[str, Any], text: str
) -> None:
    with pytest.raises(HistoryError, match=text):
        gw.history.bars("AAPL", **asked_for)
    with pytest.raises(SymbolError):
        gw.history.bars("", duration="1 D")


def test_a_continuous_future_ends_now(gw: IBGateway) -> None:
    contract = stock("ES", "CME")
    contract.secType = "CONTFUT"
    assert len(bars(gw, contract, duration="10 D", bar_size="1 hour")) > 50
    with pytest.raises(HistoryError, match="leave end out"):
        bars(gw, contract, duration="10 D", end=END)


def test_a_broken_store_is_done_without(
    paper: PaperGateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "history.db"
    store.write_text("a shopping list" * 200)
    with caplog.at_level(logging.WARNING), connected(paper, store) as gateway:
        for _ in range(2):
            assert bars(gateway, end=END, duration="1 D").requests == 1
    (record,) = [one for one in caplog.records if "history is not kept" in one.message]
    assert str(store) in record.message


# ---- a gateway that says what the test tells it to --------------------------------------------


@pytest.fixture
def tws() -> Iterator[FakeTws]:
    with FakeTws() as made:
        yield made


@pytest.fixture
def fake(tws: FakeTws, tmp_path: Path) -> Iterator[IBGateway]:
    overrides = {
        "connection.port": tws.port,
        "pacing.enabled": False,
        "history.store_file": tmp_path / "history.db",
        "contracts.cache": False,
        "reconnect.first_delay": 0.01,
    }
    with IBGateway(Config.load(environ={}, overrides=overrides)) as gateway:
        yield gateway


def tell_time(tws: FakeTws, now: datetime) -> None:
    tws.next("reqCurrentTime")
    tws.say(message("currentTime", currentTime=int(now.timestamp())))


def answer(
    tws: FakeTws, first: datetime, count: int, price: float = 100.0, *, step: int = 60
) -> Any:
    """Answer the next request for bars with minutes from a time on; the request."""
    request = tws.next("reqHistoricalData")
    told = message("historicalData", reqId=request.reqId)
    rows = [
        {
            "date": str(int(first.timestamp()) + step * number),
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "volume": "10",
            "WAP": str(price),
            "barCount": 1,
        }
        for number in range(count)
    ]
    body = HistoricalData(reqId=request.reqId, historicalDataBars=rows).SerializeToString()
    tws.say(told[:4] + body, message("historicalDataEnd", reqId=request.reqId))
    return request


DAY: dict[str, Any] = {"start": at(1, 5), "end": at(1, 25)}


def test_a_fetch_that_breaks_off_is_gone_on_with(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.bars(aapl(), **DAY)
    tell_time(tws, at(6, 1))
    first = answer(tws, at(1, 18, 15), 10)
    assert (first.endDateTime, first.duration) == ("20260125-00:00:59", "8 D")
    tws.next("reqHistoricalData")
    sessions = Heard()
    fake.observe(SessionChanged, sessions)
    tws.hang_up()
    with pytest.raises(ConnectionLost):
        future.result(PATIENCE)
    sessions.until(lambda changed: changed.new == "READY")
    future = fake.history.bars(aapl(), **DAY)
    tell_time(tws, at(6, 1))
    # Known is what eight days are sure to reach; the rest comes with one answer, which goes on to
    # the first two bars that are known.
    second = answer(tws, at(1, 4, 23, 58), 10)
    assert second.endDateTime == "20260118-15:02:59"
    assert len(future.result(PATIENCE)) == 10 + 8


def test_the_time_is_ours_where_the_gateway_tells_none(tws: FakeTws, tmp_path: Path) -> None:
    overrides = {
        "connection.port": tws.port,
        "connection.request_timeout": 0.1,
        "history.store_file": tmp_path / "history.db",
    }
    with IBGateway(Config.load(environ={}, overrides=overrides)) as gateway:
        future = gateway.history.bars(aapl(), **DAY)
        answer(tws, at(1, 4, 23, 58), 10)
        assert len(future.result(PATIENCE)) == 8


def test_what_comes_of_a_cancelled_fetch(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.bars(aapl(), **DAY)
    tell_time(tws, at(6, 1))
    request = tws.next("reqHistoricalData")
    future.cancel()
    assert tws.next("cancelHistoricalData").reqId == request.reqId


def test_after_a_split_all_is_fetched_again(tws: FakeTws, fake: IBGateway) -> None:
    """Prices are adjusted as of the day they are told: old and new ones do not fit together."""
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 6))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15), 100, 200.0)
    assert len(future.result(PATIENCE)) == 100
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 7))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 16), 100, 50.0)  # four for one; it reaches back into what is kept
    answer(tws, at(1, 5, 15), 160, 50.0)
    series = future.result(PATIENCE)
    assert {str(bar.close) for bar in series} == {"50.0"}
    assert {finding.kind for finding in series.findings} == {FindingKind.RESTATED}
    again = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 7))
    assert (len(again.result(PATIENCE)), again.result().requests) == (160, 0)


@pytest.mark.parametrize("newer", [True, False], ids=["newer", "older"])
def test_a_split_between_two_questions_is_seen(tws: FakeTws, fake: IBGateway, newer: bool) -> None:
    """Each asks for its own hours, and the second reaches into what the first one kept."""
    kept, wanted = ((15, 16), (16, 18)) if newer else ((16, 18), (15, 16))
    future = fake.history.bars(aapl(), start=at(1, 5, kept[0]), end=at(1, 5, kept[1]))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, kept[0]), 60 * (kept[1] - kept[0]), 200.0)
    future.result(PATIENCE)
    future = fake.history.bars(aapl(), start=at(1, 5, wanted[0]), end=at(1, 5, wanted[1]))
    tell_time(tws, at(6, 1))
    if newer:
        request = answer(tws, at(1, 5, 15, 58), 122, 50.0)
        assert (request.endDateTime, request.duration) == ("20260105-18:00:59", "7379 S")
    else:
        request = answer(tws, at(1, 5, 15), 63, 50.0)
        assert (request.endDateTime, request.duration) == ("20260105-16:02:59", "3779 S")
    answer(tws, at(1, 5, wanted[0]), 60 * (wanted[1] - wanted[0]), 50.0)
    series = future.result(PATIENCE)
    assert {str(bar.close) for bar in series} == {"50.0"}
    assert {finding.kind for finding in series.findings} == {FindingKind.RESTATED}
    both = fake.history.bars(aapl(), start=at(1, 5, 15), end=at(1, 5, 18))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, kept[0]), 60 * (kept[1] - kept[0]), 50.0)  # it was forgotten
    assert {str(bar.close) for bar in both.result(PATIENCE)} == {"50.0"}
    assert len(both.result()) == 180


def test_a_correction_is_kept(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.bars(aapl(), start=at(1, 5, 15), end=at(1, 5, 16))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15), 60, 200.0)
    future.result(PATIENCE)
    wanted: dict[str, Any] = {"start": at(1, 5, 15), "end": at(1, 5, 17)}
    future = fake.history.bars(aapl(), **wanted)
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15, 58), 62, 200.5)
    first = future.result(PATIENCE)
    assert [str(bar.close) for bar in first[57:60]] == ["200.0", "200.5", "200.5"]
    again = fake.history.bars(aapl(), **wanted).result(PATIENCE)
    assert (again.rows, again.requests) == (first.rows, 0)


def test_a_bar_that_was_corrected(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 6))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15), 100, 200.0)
    future.result(PATIENCE)
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 7))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 16, 39), 5, 200.5)
    series = future.result(PATIENCE)
    (finding,) = series.findings
    assert finding.kind is FindingKind.RESTATED
    assert finding.text == (
        "bar of 1 min: kept as 200.0/200.0/200.0/200.0, now 200.5/200.5/200.5/200.5"
    )


def test_delayed_data_is_not_kept_before_it_is_there(tws: FakeTws, fake: IBGateway) -> None:
    """A gateway with delayed data has no bars of the last minutes, and says nothing."""
    now = at(1, 5, 16)
    for count in (10, 20):
        future = fake.history.bars(aapl(), start=at(1, 5, 15), end=now)
        tell_time(tws, now)
        answer(tws, at(1, 5, 15), count)
        assert len(future.result(PATIENCE)) == count


@pytest.mark.parametrize(("step", "kind"), [(0, FindingKind.DOUBLE), (-60, FindingKind.DISORDER)])
def test_bars_that_come_twice_or_in_disorder(
    tws: FakeTws, fake: IBGateway, step: int, kind: FindingKind
) -> None:
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 6))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15), 2, step=step)
    series = future.result(PATIENCE)
    assert [finding.kind for finding in series.findings] == [kind]
    assert len(series) == (1 if step == 0 else 2)
    assert series[0].time == min(bar.time for bar in series)


def test_bars_that_cannot_be_read_are_found(tws: FakeTws, fake: IBGateway) -> None:
    future = fake.history.bars(aapl(), start=at(1, 5), end=at(1, 6))
    tell_time(tws, at(6, 1))
    answer(tws, at(1, 5, 15), 3, float("nan"))
    head = tws.next("reqHeadTimeStamp")
    tws.say(error(head.reqId, 162, "No head time stamp"))
    schedule = tws.next("reqHistoricalData")
    assert schedule.whatToShow == "SCHEDULE"
    tws.say(error(schedule.reqId, 162, "HMDS query returned no data"))
    series = future.result(PATIENCE)
    (finding,) = series.findings
    assert (finding.kind, finding.count) == (FindingKind.UNREADABLE, 3)
