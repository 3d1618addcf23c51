"""Long ranges: every row once, oldest first, however the service cuts its answers."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import (
    ApiClient,
    ApiError,
    ApiParameterError,
    ApiRangeError,
    AsyncApiClient,
    ranges,
)
from api_client.answers import Trade
from api_client.fields import EASTERN
from api_client.ranges import Stretch, Walk
from api_client.testing import ReferenceServer, faults
from tests.support.flow import KEY, FlowTime, ask_both

MONDAY = dt.date(2026, 11, 16)
WEDNESDAY = dt.date(2026, 11, 18)


def wall(text: str) -> dt.datetime:
    """New York's wall time, without its zone."""
    return dt.datetime.fromisoformat(text)


def trade(number: int | None, when: dt.datetime) -> Trade:
    return Trade(id=number, trade_timestamp=when.replace(tzinfo=EASTERN))


def trades_walk(
    first: dt.date, last: dt.date, *, step_days: int = 1, limit: int | None = 10
) -> Walk[Trade]:
    return Walk(
        first,
        last,
        step_days=step_days,
        limit=limit,
        stamp=lambda row: row.trade_timestamp,
        identity=lambda row: row.id,
    )


@attrs.frozen
class Service:
    """A service with its own way: which end belongs, which order, which rows are cut."""

    rows: list[Trade]
    inclusive: bool
    seed: int

    def answer(self, asked: Stretch) -> list[Trade]:
        whole = asked.whole_days
        end = asked.end + dt.timedelta(minutes=1 if self.inclusive or whole else 0)
        inside = [
            row
            for row in self.rows
            if row.trade_timestamp is not None
            and asked.start <= row.trade_timestamp.replace(tzinfo=None) < end
        ]
        random.Random(self.seed).shuffle(inside)
        return inside[: asked.limit] if asked.limit else inside


@given(
    minutes=st.lists(st.integers(0, 3 * 1440 - 2).filter(lambda m: m % 1440 != 1439), max_size=80),
    burst=st.integers(0, 40),
    limit=st.integers(1, 12),
    step_days=st.integers(1, 4),
    inclusive=st.booleans(),
    seed=st.integers(0, 9),
)
def test_every_row_once_in_order(
    minutes: list[int], burst: int, limit: int, step_days: int, inclusive: bool, seed: int
) -> None:
    start = dt.datetime.combine(MONDAY, dt.time())
    stamps = sorted([*minutes, *[600] * burst])  # a burst fills one minute beyond any limit
    rows = [
        trade(number, start + dt.timedelta(minutes=minute, seconds=number % 60))
        for number, minute in enumerate(stamps)
    ]
    service = Service(rows, inclusive, seed)
    walk = trades_walk(MONDAY, WEDNESDAY, step_days=step_days, limit=limit)
    got: list[Trade] = []
    asked = 0
    while (stretch := walk.stretch) is not None:
        got.extend(walk.feed(service.answer(stretch)))
        asked += 1
        assert asked < 5000
    assert sorted(row.id or 0 for row in got) == list(range(len(rows)))
    marks = [row.trade_timestamp for row in got]
    assert all(one <= other for one, other in pairwise(marks) if one and other)


def test_without_a_limit_nothing_is_halved() -> None:
    walk = trades_walk(MONDAY, WEDNESDAY, step_days=2, limit=None)
    stretches = []
    while (stretch := walk.stretch) is not None:
        stretches.append((stretch.start.date(), stretch.end.date(), stretch.whole_days))
        walk.feed([trade(n, stretch.start) for n in range(500)])
    assert stretches == [
        (MONDAY, dt.date(2026, 11, 17), True),
        (WEDNESDAY, WEDNESDAY, True),
    ]


def test_halves_lie_between_days_first_then_between_minutes() -> None:
    walk = trades_walk(MONDAY, WEDNESDAY, step_days=3, limit=1)
    full = [trade(1, wall("2026-11-16"))]
    seen = []
    for _ in range(4):
        assert walk.stretch is not None
        seen.append((walk.stretch.start, walk.stretch.end))
        assert walk.feed(full) == []
    assert seen == [
        (wall("2026-11-16"), wall("2026-11-18 23:59")),
        (wall("2026-11-16"), wall("2026-11-17 23:59")),
        (wall("2026-11-16"), wall("2026-11-16 23:59")),
        (wall("2026-11-16"), wall("2026-11-16 11:59")),
    ]


def test_a_minute_beyond_reading_is_an_error() -> None:
    walk = trades_walk(MONDAY, MONDAY, limit=100_000)
    endless = [trade(1, wall("2026-11-16"))] * 2_000_000

    def feed() -> Iterator[Any]:
        while walk.stretch is not None:
            yield walk.feed(endless)

    with pytest.raises(ApiRangeError, match="2026-11-16 00:00 holds more than 800,000 rows"):
        list(feed())


def test_rows_without_an_identity_or_a_time_are_kept() -> None:
    scan = ranges.scan_trades("SLV", MONDAY, MONDAY)
    rows = [Trade(size=1), Trade(size=1), trade(5, wall("2026-11-16 10:00"))]
    got = scan.walk.feed(rows)
    assert [row.id for row in got] == [5, None, None]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ranges.scan_trades("SLV", "2026-11-17", "2026-11-16"),
        lambda: ranges.scan_trades("SLV", "17.11.2026", "2026-11-18"),
        lambda: ranges.scan_trades("S L V", MONDAY, MONDAY),
        lambda: ranges.scan_trades("SLV", MONDAY, MONDAY, limit=0),
        lambda: ranges.scan_trades("SLV", MONDAY, MONDAY, step_days=0),
        lambda: ranges.scan_trades("SLV", wall("2026-11-16"), MONDAY),
        lambda: ranges.scan_data_range("SLV", MONDAY, MONDAY, min_size=5, max_size=1),
    ],
)
def test_bad_arguments_at_once(make: Any) -> None:
    with pytest.raises(ApiParameterError):
        make()


# ------------------------------------------------------------------------ over real HTTP

WALKS: dict[str, Any] = {
    "trades": lambda client: client.trades.iterate("SLV", MONDAY, WEDNESDAY, limit=50),
    "minutes": lambda client: client.minute_data.iterate("SLV", MONDAY, WEDNESDAY, limit=300),
    "divergence": lambda client: client.divergence.iterate("SLV", MONDAY, WEDNESDAY, step_days=2),
    "predictions": lambda client: client.prediction.iterate("SLV", MONDAY, WEDNESDAY, limit=20),
    "range": lambda client: client.data_range.iterate(
        "SLV", MONDAY, WEDNESDAY, step_days=2, min_size=100
    ),
}
WHOLE: dict[str, Any] = {
    "trades": lambda client: client.trades.get(
        "SLV", start_date=MONDAY, end_date=WEDNESDAY, limit=9999
    ),
    "minutes": lambda client: client.minute_data.get(
        "SLV", start_date=MONDAY, end_date=WEDNESDAY, limit=9999
    ),
    "divergence": lambda client: client.divergence.get(
        "SLV", start_date=MONDAY, end_date=WEDNESDAY
    ),
    "predictions": lambda client: client.prediction.history(
        "SLV", start_date=MONDAY, end_date="2026-11-18T23:59:00-05:00", limit=9999
    ),
    "range": lambda client: client.data_range.get("SLV", MONDAY, WEDNESDAY, min_size=100),
}


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("name", WALKS)
async def test_both_clients_walk_the_whole_range(
    name: str, inclusive: bool, server: ReferenceServer, time: FlowTime
) -> None:
    options = attrs.evolve(server.options, end_inclusive=inclusive)

    async def collect(client: AsyncApiClient) -> list[Any]:
        return [row async for row in WALKS[name](client)]

    with ReferenceServer(options=options) as other:
        mine, theirs = await ask_both(
            other, time, lambda client: list(WALKS[name](client)), collect
        )
        assert mine == theirs
        with ApiClient(other.base_url, KEY, timing=time.timing) as client:
            assert mine == list(WHOLE[name](client))
        assert len(mine) > 50
        assert other.busiest("heavy") <= 15
        assert {seen.status for seen in other.seen} == {200}


def test_a_walk_that_fails_says_why_and_what_came_before_counts(
    server: ReferenceServer, client: ApiClient
) -> None:
    rows = client.minute_data.iterate("SLV", MONDAY, WEDNESDAY)
    first = [next(rows) for _ in range(405)]
    assert len({row.timestamp for row in first}) == 405
    server.faults.add("/minute-data", faults.envelope(404, "no data"))
    with pytest.raises(ApiError, match="no data"):
        next(rows)


def test_nothing_is_asked_before_the_first_row(server: ReferenceServer, client: ApiClient) -> None:
    rows = client.trades.iterate("SLV", MONDAY, WEDNESDAY)
    assert server.seen == ()
    next(rows)
    assert len(list(server.seen)) == 1


def test_a_range_of_all_days_begins_at_once() -> None:
    walk: Walk[Any] = Walk(
        dt.date.min,
        dt.date.max,
        step_days=10**9,
        limit=None,
        stamp=lambda row: row,
        identity=lambda row: row,
    )
    assert walk.stretch is not None
    assert (walk.stretch.start.date(), walk.stretch.end.date()) == (dt.date.min, dt.date.max)
    walk.feed([])
    assert walk.stretch is None


@pytest.mark.parametrize(
    ("first", "last"), [("2026-10-30", "2026-11-02"), ("2026-03-06", "2026-03-09")]
)
def test_over_the_nights_on_which_the_clocks_change(
    first: str, last: str, client: ApiClient
) -> None:
    walked = list(client.trades.iterate("SLV", first, last, limit=25))
    days = [
        client.trades.get("SLV", start_date=day, end_date=day, limit=1000) for day in (first, last)
    ]
    assert walked == [row for answer in days for row in answer.trades]
    opened = [answer.trades[0].trade_timestamp for answer in days]
    offsets = {stamp.astimezone(EASTERN).utcoffset() for stamp in opened if stamp is not None}
    assert len(offsets) == 2
    for row in walked:
        assert row.trade_timestamp is not None
        assert row.trade_timestamp == row.trade_datetime
        assert 9 <= row.trade_timestamp.astimezone(EASTERN).hour < 17
