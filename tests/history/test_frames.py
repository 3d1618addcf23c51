"""Rows as DataFrames; what pandas and polars make of them is tested where they are installed."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from twsloop.errors import HistoryError
from twsloop.history.frames import columns
from twsloop.history.rows import Bar, QuoteTick
from twsloop.history.series import BarSeries
from twsloop.history.words import Show, bar_size_of

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)


def bar(**fields: Any) -> Bar:
    one = Decimal("1.5")
    values: dict[str, Any] = {"volume": Decimal(10), "average": one, "count": 3, **fields}
    return Bar(AT, one, one, one, one, **values)


def series(*bars: Bar) -> BarSeries:
    return BarSeries(
        contract=None,
        symbol="AAPL",
        start=AT,
        end=AT,
        regular=True,
        rows=bars,
        size=bar_size_of("1 min"),
        show=Show.TRADES,
    )


def test_columns_are_floats_unless_exact() -> None:
    told = columns([bar(), bar(volume=None)])
    assert list(told) == ["time", "open", "high", "low", "close", "volume", "average", "count"]
    assert told["time"] == [AT, AT]
    assert (told["open"], told["volume"], told["count"]) == ([1.5, 1.5], [10.0, None], [3, 3])
    assert columns([bar()], exact=True)["open"] == [Decimal("1.5")]


def test_days_have_a_column_of_days() -> None:
    told = columns([bar(day=date(2026, 1, 5))])
    assert next(iter(told)) == "day"
    assert told["day"] == [date(2026, 1, 5)]


def test_ticks_and_nothing() -> None:
    quote = QuoteTick(AT, Decimal(1), None, Decimal(5), None)
    assert columns([quote])["ask"] == [None]
    assert list(columns([])) == [
        "time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "average",
        "count",
    ]


def test_a_series_is_a_sequence() -> None:
    rows = (bar(), bar(count=4))
    made = series(*rows)
    assert (len(made), made[1], made[:1], list(made)) == (2, rows[1], rows[:1], list(rows))
    assert rows[0] in made
    assert "rows=2," in repr(made)


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_library_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(HistoryError, match=rf"{name} is not installed: pip install"):
        getattr(series(bar()), f"to_{name}")()


def test_pandas() -> None:
    pytest.importorskip("pandas")
    frame = series(bar(), bar(volume=None)).to_pandas()
    assert frame.index.name == "time"
    assert str(frame.index.tz) == "UTC"
    assert frame["close"].dtype == float
    assert frame["volume"].isna().tolist() == [False, True]
    days = series(bar(day=date(2026, 1, 5))).to_pandas(exact=True)
    assert days.index.name == "day"
    assert days["open"].iloc[0] == Decimal("1.5")
    assert series().to_pandas().empty


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = series(bar(), bar(volume=None)).to_polars()
    assert frame["time"].dtype == polars.Datetime("us", "UTC")
    assert frame["close"].to_list() == [1.5, 1.5]
    assert frame["volume"].to_list() == [10.0, None]
    assert series(bar(day=date(2026, 1, 5))).to_polars()["day"].dtype == polars.Date
