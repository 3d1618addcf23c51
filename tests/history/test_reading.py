"""Many bars at once are read as each of them by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.common import BarData
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from twsloop.history import reading
from twsloop.history.reading import BarReader
from twsloop.history.rows import Bar, read_bar
from twsloop.history.words import Show

ZONE = "US/Eastern"


def ib_bar(**values: Any) -> BarData:
    """IB's, ordinary unless told otherwise."""
    bar = BarData()
    ordinary = {"date": "1780272000", "open": 1.5, "high": 2.25, "low": 1.0, "close": 2.0}
    ordinary |= {"volume": Decimal(7), "wap": Decimal("1.75"), "barCount": 3}
    for name, value in (ordinary | values).items():
        setattr(bar, name, value)
    return bar


def shape(bar: Bar) -> list[tuple[type, str]]:
    """All that is to be seen of a bar: values, types, digits."""
    names = ("time", "open", "high", "low", "close", "volume", "average", "count", "day")
    return [(type(getattr(bar, name)), repr(getattr(bar, name))) for name in names]


dates = st.one_of(
    st.integers(0, 2**31 + 5).map(str),
    st.integers(1_780_000_000, 1_780_000_400).map(lambda second: str(second // 60 * 60)),
    st.integers(-(10**13), 10**13).map(str),
    st.sampled_from(
        ["", "20260928", "20260928 09:30:00", "20260928 09:30:00 US/Central", "0000000000"]
    ),
    st.sampled_from(["2147483647", "2147483646", "0123456789", "١٧٨٠٢٧٢٠٠٠", "178027200²"]),
    st.text(max_size=10),
)
prices = st.one_of(
    st.integers(0, 400).map(lambda cents: cents / 100),
    st.floats(),
    st.sampled_from([0.0, -0.0, UNSET_DOUBLE, float(UNSET_INTEGER), -float(UNSET_INTEGER), 1e-9]),
    st.integers(-3, 3),
)
sizes = st.one_of(
    st.integers(0, 1000).map(Decimal),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([UNSET_DECIMAL, Decimal(UNSET_INTEGER), Decimal("sNaN"), Decimal("-0.0")]),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
)
counts = st.one_of(
    st.integers(-2, 50), st.integers(), st.sampled_from([UNSET_INTEGER, True, "5", None, 2.0])
)
bars = st.builds(
    ib_bar,
    date=dates,
    open=prices,
    high=prices,
    low=prices,
    close=prices,
    volume=sizes,
    wap=sizes,
    barCount=counts,
)


@given(
    told=st.lists(st.one_of(bars, dates.map(lambda date: ib_bar(date=date))), max_size=8),
    show=st.sampled_from([Show.TRADES, Show.MIDPOINT, Show.BID_ASK]),
    zone=st.sampled_from([None, ZONE]),
    cut=st.integers(0, 8),
)
def test_it_reads_what_one_by_one_reads(
    told: list[BarData], show: Show, zone: str | None, cut: int
) -> None:
    reader = BarReader(show, zone)
    reader.extend(told[:cut])
    reader.extend(told[cut:])
    alone = [read_bar(bar, show, zone) for bar in told]
    readable = [bar for bar in alone if bar is not None]
    assert [shape(bar) for bar in reader.bars] == [shape(bar) for bar in readable]
    assert reader.seconds == [bar.second for bar in readable]
    assert reader.unread == len(told) - len(readable)


def test_a_bar_is_the_bar_that_its_class_makes() -> None:
    reader = BarReader(Show.TRADES)
    reader.extend([ib_bar()])
    (bar,) = reader.bars
    made = Bar(*(getattr(bar, field.name) for field in attrs.fields(Bar)))
    assert (bar, hash(bar), repr(bar)) == (made, hash(made), repr(made))
    with pytest.raises(AttributeError):
        bar.open = Decimal(1)  # type: ignore[misc]


def test_prices_that_come_again_are_shared_and_what_is_kept_of_them_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading._PRICES.clear()
    reader = BarReader(Show.MIDPOINT)
    reader.extend([ib_bar(), ib_bar()])
    assert reader.bars[0].open is reader.bars[1].open
    monkeypatch.setattr(reading, "_MOST_PRICES", 3)
    reading._PRICES.clear()
    for cents in range(1, 50):
        reader.extend([ib_bar(open=cents / 100)])
        assert len(reading._PRICES) <= 3


def test_bars_an_even_time_apart_after_one_that_is_none() -> None:
    dates = ["1780272000", "1780272060", "x", "1780272120", "1780272180", "1780272000"]
    reader = BarReader(Show.TRADES)
    reader.extend([ib_bar(date=date) for date in dates])
    assert reader.seconds == [1780272000, 1780272060, 1780272120, 1780272180, 1780272000]
    assert [bar.second for bar in reader.bars] == reader.seconds
