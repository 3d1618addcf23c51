"""How bars and times are written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.history.bars import Bar, Show
from twsloop.paper.history.calendar import calendar_of
from twsloop.paper.history.format import BarWriter, utc_text, zoned_text

AAPL = Catalogue.standard(date(2026, 1, 5)).by_con_id(265598)
assert AAPL is not None
CALENDAR = calendar_of(AAPL.hours)
SECOND = int(datetime(2026, 1, 5, 14, 30, tzinfo=UTC).timestamp())


def writer(show: Show = Show.TRADES, format_date: int = 1) -> BarWriter:
    assert AAPL is not None
    return BarWriter(AAPL, CALENDAR, show, format_date)


@pytest.mark.parametrize(
    ("format_date", "text"),
    [(1, "20260105 09:30:00 US/Eastern"), (2, "1767623400"), (3, "20260105 09:30:00 US/Eastern")],
)
def test_dates(format_date: int, text: str) -> None:
    bar = Bar(SECOND, 1.0, 1.0, 1.0, 1.0)
    assert writer(format_date=format_date).date(bar) == text
    bar.day = date(2026, 1, 5)
    assert writer(format_date=format_date).date(bar) == "20260105"


def test_dates_follow_summer_time_within_one_answer() -> None:
    own = writer()
    night = int(datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC).timestamp())
    texts = [own.date(Bar(at, 1.0, 1.0, 1.0, 1.0)) for at in (night, night + 1, night - 3600)]
    assert texts == [
        "20260308 01:59:59 US/Eastern",
        "20260308 03:00:00 US/Eastern",
        "20260308 00:59:59 US/Eastern",
    ]


def test_volumes_and_averages() -> None:
    bar = Bar(SECOND, 10.0, 11.0, 9.0, 10.5, Decimal("150.50"), 1570.0, 4)
    message = writer().message(bar)
    assert (message.volume, message.WAP, message.barCount) == ("150.5", "10.431894", 4)
    assert (message.open, message.high, message.low, message.close) == (10.0, 11.0, 9.0, 10.5)
    message = writer(Show.BID).message(bar)
    assert (message.volume, message.WAP, message.barCount) == ("-1", "-1", -1)
    quiet = writer().message(Bar(SECOND, 2.0, 2.0, 2.0, 2.0))
    assert (quiet.volume, quiet.WAP, quiet.barCount) == ("0", "2.0", 0)


def test_small_averages_have_no_exponent() -> None:
    message = writer().message(Bar(SECOND, 1e-5, 1e-5, 1e-5, 1e-5, 1, 1e-5, 1))
    assert message.WAP == "0.00001"


def test_averages_of_quotes_are_rounded() -> None:
    message = writer(Show.BID_ASK).message(Bar(SECOND, 1 / 3, 1.0, 0.1, 2 / 3))
    assert (message.open, message.close) == (0.333333, 0.666667)


def test_a_whole_answer() -> None:
    bars = [Bar(SECOND + n, 1.0, 1.0, 1.0, 1.0) for n in range(3)]
    answer = writer().whole(7, bars)
    assert answer.reqId == 7
    assert [one.date[9:17] for one in answer.historicalDataBars] == [
        "09:30:00",
        "09:30:01",
        "09:30:02",
    ]


def test_times() -> None:
    assert zoned_text(SECOND, CALENDAR) == "20260105 09:30:00 US/Eastern"
    assert utc_text(SECOND, 213) == "20260105-14:30:00"
    assert utc_text(SECOND, 214) == "20260105-14:30:00Z"
