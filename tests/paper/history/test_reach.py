"""How far back requests reach."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from ibapi.protobuf.HistoricalDataRequest_pb2 import HistoricalDataRequest

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.history.archive import History
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.query import BarQuery, Duration, parse_bar_query
from twsloop.paper.history.reach import reach, sessions_back, too_many

NOW = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
CATALOGUE = Catalogue.standard(NOW.date())


@pytest.fixture(scope="module")
def chronicle() -> Chronicle:
    stock = CATALOGUE.by_symbol("AAPL")
    assert stock is not None
    return History(SyntheticFeed(CATALOGUE, seed=1), lambda: NOW).of(stock)


def query(**fields: Any) -> BarQuery:
    usual = {"barSizeSetting": "1 min", "whatToShow": "TRADES", "formatDate": 1, "useRTH": True}
    return parse_bar_query(HistoricalDataRequest(**{**usual, **fields}), "US/Eastern", NOW)


def second(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}-05:00").timestamp())


@pytest.mark.parametrize(
    ("duration", "size", "regular", "end", "start"),
    [
        ("1 D", "1 min", True, "2026-01-05T11:00:00", "2026-01-05T09:30:00"),
        ("1 D", "1 min", False, "2026-01-05T11:00:00", "2026-01-05T04:00:00"),
        ("2 D", "1 min", True, "2026-01-05T11:00:00", "2026-01-02T09:30:00"),
        ("3 D", "1 min", True, "2026-01-05T11:00:00", "2025-12-31T09:30:00"),
        ("1 D", "1 min", True, "2026-01-05T09:30:00", "2026-01-02T09:30:00"),
        ("60 S", "1 min", True, "2026-01-05T11:00:00", "2026-01-05T10:59:00"),
        ("60 S", "1 min", True, "2026-01-03T11:00:00", "2026-01-02T15:59:00"),
        ("7200 S", "1 min", True, "2026-01-05T10:30:00", "2026-01-02T15:00:00"),
        ("1 W", "1 min", True, "2026-01-05T11:00:00", "2025-12-30T00:00:00"),
        ("1 M", "1 day", True, "2026-01-05T11:00:00", "2025-12-06T00:00:00"),
        ("1 Y", "1 day", True, "2026-01-05T11:00:00", "2025-01-06T00:00:00"),
        ("1 D", "1 week", True, "2026-01-02T11:00:00", "2025-12-29T00:00:00"),
        ("1 W", "1 month", True, "2026-01-02T11:00:00", "2025-12-01T00:00:00"),
        ("1 W", "1 year", True, "2026-01-02T11:00:00", "2025-01-01T00:00:00"),
    ],
)
def test_reach(
    chronicle: Chronicle, duration: str, size: str, regular: bool, end: str, start: str
) -> None:
    asked = query(duration=duration, barSizeSetting=size, useRTH=regular)
    assert reach(chronicle, second(end), asked) == second(start)


def test_closed_days_of_a_market_that_never_closes_are_extra() -> None:
    saturday = datetime(2026, 1, 3, 16, 3, 7, tzinfo=UTC)
    stock = CATALOGUE.by_symbol("AAPL")
    assert stock is not None
    own = History(SyntheticFeed(CATALOGUE, seed=1), lambda: saturday).of(stock)
    end = int(saturday.timestamp())
    minutes = query(duration="1 D", useRTH=False)
    assert reach(own, end, minutes) == second("2026-01-02T04:00:00")
    days = query(duration="1 D", barSizeSetting="1 day", useRTH=False)
    assert reach(own, end, days) == second("2026-01-03T10:03:00")


@pytest.mark.parametrize(
    ("duration", "first", "count"),
    [
        (Duration(3, "D"), date(2025, 12, 31), 3),
        (Duration(1, "W"), date(2025, 12, 30), 4),
        (Duration(1, "M"), date(2025, 12, 8), 19),
        (Duration(60, "S"), date(2026, 1, 5), 1),
    ],
)
def test_schedules(chronicle: Chronicle, duration: Duration, first: date, count: int) -> None:
    end = int(NOW.timestamp())
    found = sessions_back(chronicle, end, duration, regular=True)
    assert found[0].day == first
    assert found[-1].day == date(2026, 1, 5)
    assert len(found) == count


def test_what_a_message_holds(chronicle: Chronicle) -> None:
    end = int(NOW.timestamp())
    year = end - 366 * 86_400
    assert not too_many(chronicle, query(duration="1 Y"), (year, end))
    assert too_many(chronicle, query(duration="1 Y", useRTH=False), (year, end))
    assert not too_many(chronicle, query(duration="9 Y", barSizeSetting="1 day"), (0, end))
