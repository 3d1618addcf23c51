"""Expiries by the exchanges' rules."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.catalogue.calendar_rules import (
    daily_expiries,
    future_expiries,
    monthly_expiries,
    third_friday,
    trading_day,
    trading_day_before,
)
from twsloop.paper.clock import hours

days = st.dates(date(2010, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2026, 1, 16),
        (2026, 12, 18),
        (2026, 6, 18),  # the 19th is Juneteenth
        (2014, 4, 17),  # the 18th is Good Friday
    ],
)
def test_third_fridays(year: int, month: int, day: int) -> None:
    assert third_friday(year, month) == date(year, month, day)


def test_trading_days_before() -> None:
    assert trading_day_before(date(2026, 1, 5)) == date(2026, 1, 2)
    assert trading_day_before(date(2026, 1, 2)) == date(2025, 12, 31)
    assert trading_day_before(date(2026, 1, 5), 3) == date(2025, 12, 30)


@pytest.mark.parametrize(
    ("rule", "letters", "expected"),
    [
        ("third Friday", "HMUZ", [("202603", date(2026, 3, 20)), ("202606", date(2026, 6, 18))]),
        ("crude", "FGHJKMNQUVXZ", [("202602", date(2026, 1, 20)), ("202603", date(2026, 2, 20))]),
        ("gold", "GJMQVZ", [("202602", date(2026, 2, 25)), ("202604", date(2026, 4, 28))]),
        ("note", "HMUZ", [("202603", date(2026, 3, 20)), ("202606", date(2026, 6, 18))]),
        ("currency", "HMUZ", [("202603", date(2026, 3, 16)), ("202606", date(2026, 6, 15))]),
    ],
)
def test_futures(rule: str, letters: str, expected: list[tuple[str, date]]) -> None:
    assert future_expiries(rule, letters, date(2026, 1, 5), 2) == expected


def test_a_rule_that_is_none() -> None:
    with pytest.raises(KeyError):
        future_expiries("first Monday", "H", date(2026, 1, 5), 1)


@given(days)
def test_all_expiries_are_trading_days_in_order(today: date) -> None:
    for found in (
        monthly_expiries(today),
        daily_expiries(today, each_day=True),
        daily_expiries(today, each_day=False),
        [day for _, day in future_expiries("crude", "FGHJKMNQUVXZ", today, 4)],
    ):
        assert found == sorted(set(found))
        assert all(day >= today and trading_day(day) for day in found)
        assert len(found) >= 4


@given(days)
def test_each_day_of_two_weeks_is_an_expiry(today: date) -> None:
    found = set(daily_expiries(today, each_day=True))
    for n in range(12):
        day = today + timedelta(days=n)
        assert (day in found) == (day.weekday() < 5 and not hours.holiday(day))
