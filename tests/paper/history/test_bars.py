"""Bar sizes, and how bars grow."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from twsloop.paper.history.bars import (
    BAR_SIZES,
    LEGAL_SIZES,
    Bar,
    Show,
    average_price,
    period_of,
)


def test_every_legal_size_is_known_under_its_spelling() -> None:
    for text in LEGAL_SIZES.split(", "):
        assert BAR_SIZES[text.lower()].text == text


@pytest.mark.parametrize(
    ("text", "seconds", "small"),
    [("1 secs", 1, True), ("30 secs", 30, True), ("1 min", 60, False), ("8 hours", 28800, False)],
)
def test_lengths(text: str, seconds: int, small: bool) -> None:
    size = BAR_SIZES[text]
    assert (size.seconds, size.small, size.intraday) == (seconds, small, True)


def test_days_and_longer_have_units() -> None:
    units = {text: BAR_SIZES[text].unit for text in ("1 day", "1w", "1 month", "3 months")}
    assert units == {"1 day": "D", "1w": "W", "1 month": "M", "3 months": "Q"}
    assert not BAR_SIZES["1 day"].intraday
    assert not BAR_SIZES["1 day"].small


def test_a_bar_takes_in_what_follows() -> None:
    bar = Bar(0, 10.0, 11.0, 9.0, 10.5, Decimal(100), 1010.0, 3)
    bar.extend(Bar(5, 10.6, 12.0, 10.4, 11.0, 50, 560.0, 1, day=date(2026, 1, 5)), Show.TRADES)
    assert bar == Bar(0, 10.0, 12.0, 9.0, 11.0, Decimal(150), 1570.0, 4, day=date(2026, 1, 5))
    assert average_price(bar) == pytest.approx(1570 / 150)
    assert average_price(Bar(0, 1.0, 1.0, 1.0, 1.0)) == 1.0


def test_averages_of_quotes_are_weighed() -> None:
    bar = Bar(0, 10.0, 11.0, 9.0, 10.2, weight=1.0)
    bar.extend(Bar(5, 20.0, 21.0, 19.0, 20.2, weight=3.0), Show.BID_ASK)
    assert (bar.open, bar.high, bar.low) == (17.5, 21.0, 9.0)
    assert bar.close == pytest.approx(17.7)
    assert bar.weight == 4.0


@pytest.mark.parametrize(
    ("unit", "same", "other"),
    [
        ("D", date(2026, 1, 5), date(2026, 1, 6)),
        ("W", date(2026, 1, 11), date(2026, 1, 12)),
        ("M", date(2026, 1, 31), date(2026, 2, 1)),
        ("Q", date(2026, 3, 31), date(2026, 4, 1)),
        ("Y", date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_periods(unit: str, same: date, other: date) -> None:
    monday = date(2026, 1, 5)
    assert period_of(monday, unit) == period_of(same, unit)
    assert period_of(monday, unit) != period_of(other, unit)


def test_a_week_may_be_in_two_years() -> None:
    assert period_of(date(2025, 12, 29), "W") == period_of(date(2026, 1, 2), "W")


def test_labels_are_as_the_service_writes_them() -> None:
    assert Show.TRADES.label == "Trades"
    assert Show.BID_ASK.label == "Bid_ask"
    assert {one for one in Show if one.has_volume} == {
        Show.TRADES,
        Show.ADJUSTED_LAST,
        Show.AGGTRADES,
    }
