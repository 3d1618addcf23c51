"""Counts: within a time, within a day, the same again, day trades."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from tests.risk.support import NOON, World
from twsloop.config.sections import RiskParams
from twsloop.events import OrderIntent, RiskCheck
from twsloop.events.basis import fields_of
from twsloop.risk.counters import DayCount, Duplicates, SlidingCount, TradingDay
from twsloop.risk.day_trades import DayFill, count_day_trades, first_day
from twsloop.risk.outcomes import within
from twsloop.risk.values import exact
from twsloop.wire.values import decimal_or_none


@given(st.lists(st.integers(0, 30), max_size=40))
def test_what_happened_within_a_span(steps: list[int]) -> None:
    times: list[float] = []
    counted, now = SlidingCount(60.0), 0.0
    for step in steps:
        now += step
        assert counted.count(now) == sum(now - at < 60 for at in times)
        counted.add(now)
        times.append(now)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()),
        max_size=40,
    )
)
def test_the_same_again_within_a_window(steps: list[tuple[str, int, bool]]) -> None:
    left: dict[str, int] = {}
    duplicates, now = Duplicates(), 0
    for number, (what, pause, taken_back) in enumerate(steps):
        now += pause
        since = duplicates.since(what, number, now)
        if what in left and now - left[what] <= 5:
            assert since == now - left[what]
        else:
            assert since is None or since > 5
        duplicates.add(what, number, now, 5.0)
        left[what] = now
        if taken_back:
            duplicates.forget(number)
            del left[what]


@pytest.mark.parametrize(
    ("zone", "begins", "now", "day"),
    [
        ("America/New_York", "00:00", "2026-09-28T03:59:59", "2026-09-27"),
        ("America/New_York", "00:00", "2026-09-28T04:00:00", "2026-09-28"),
        ("America/New_York", "18:00", "2026-09-28T21:59:59", "2026-09-27"),
        ("America/New_York", "18:00", "2026-09-28T22:00:00", "2026-09-28"),
        # Summer ends there on 1 November 2026: the day has 25 hours.
        ("America/New_York", "00:00", "2026-11-02T04:59:59", "2026-11-01"),
        ("America/New_York", "00:00", "2026-11-02T05:00:00", "2026-11-02"),
        ("Asia/Tokyo", "00:00", "2026-09-27T15:00:00", "2026-09-28"),
    ],
)
def test_when_a_day_begins(zone: str, begins: str, now: str, day: str) -> None:
    days = TradingDay(RiskParams(day_zone=zone, day_begins=begins))
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert days.of(moment) == date.fromisoformat(day)


@given(
    moments=st.lists(st.integers(0, 366 * 86400), min_size=1, max_size=10),
    hour=st.integers(0, 23),
)
def test_what_a_day_remembers_changes_no_answer(moments: list[int], hour: int) -> None:
    params = RiskParams(day_begins=f"{hour}:00")
    days = TradingDay(params)
    for moment in moments:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
        assert days.of(at) == TradingDay(params).of(at)
        local = at.astimezone(ZoneInfo("America/New_York")) - timedelta(hours=hour)
        assert abs((days.of(at) - local.date()).days) <= 1


def test_a_count_of_a_day_begins_anew_with_the_next() -> None:
    counted = DayCount()
    for _ in range(3):
        counted.add(date(2026, 9, 28))
    assert counted.count(date(2026, 9, 28)) == 3
    assert counted.count(date(2026, 9, 29)) == 0
    # A clock that is set back gives no new day.
    assert counted.count(date(2026, 9, 27)) == 3


def test_the_day_goes_on_by_the_intents_of_the_journal() -> None:
    world = World()
    gate = world.gate(orders_per_day=3)
    times = [NOON - timedelta(days=1), NOON - timedelta(hours=2), NOON - timedelta(hours=1)]
    facts = [
        OrderIntent(time=at, order_id=1, client_id=0, epoch=1, kind="place", contract={}, order={})
        for at in times
    ]
    gate.restore(facts, NOON)
    assert gate.review(world.propose()).allowed
    assert gate.review(world.propose()).reason.startswith("orders_per_day: ")


# --------------------------------------------------------------------------------- day trades
MONDAY = date(2026, 9, 28)


def fills(*rows: tuple[int, int, int]) -> list[DayFill]:
    return [DayFill(MONDAY + timedelta(days=d), c, Decimal(q)) for d, c, q in rows]


def test_what_nobody_asks_for_is_not_kept_for_ever() -> None:
    counted = SlidingCount(1.0)
    for number in range(10_000):
        counted.add(number * 0.1)
    assert len(counted._times) == 10  # ten within any second


def test_a_check_that_passes_is_the_same_however_it_is_made() -> None:
    made = within("max_quantity", Decimal(5), Decimal(10), "units")
    known = RiskCheck(
        name="max_quantity", passed=True, value=Decimal(5), limit=Decimal(10), unit="units"
    )
    assert made == known
    assert {field.name for field in attrs.fields(RiskCheck)} == set(fields_of(made))


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([(0, 1, 100)], 0),
        ([(0, 1, 100), (0, 1, -100)], 1),
        ([(0, 1, -100), (0, 1, 100)], 1),
        ([(0, 1, 100), (0, 1, -50), (0, 1, -50)], 1),
        ([(0, 1, 100), (0, 1, 100), (0, 1, -200)], 1),
        ([(0, 1, 100), (0, 1, -50), (0, 1, 50), (0, 1, -100)], 2),
        ([(0, 1, 100), (0, 2, -100)], 0),
        ([(0, 1, 100), (1, 1, -100)], 0),
        ([(0, 1, 100), (0, 1, -150), (0, 1, 50)], 2),
        ([(-3, 1, 100), (-3, 1, -100)], 1),  # Friday before
        ([(-5, 1, 100), (-5, 1, -100)], 1),  # Wednesday before: the fifth day is Tuesday
        ([(-7, 1, 100), (-7, 1, -100)], 0),
    ],
)
def test_day_trades(rows: list[tuple[int, int, int]], count: int) -> None:
    assert count_day_trades(fills(*rows), MONDAY, ()) == count


def test_weekends_are_no_business_days() -> None:
    assert first_day(MONDAY, ()) == date(2026, 9, 22)
    assert first_day(date(2026, 10, 2), ()) == MONDAY
    assert first_day(date(2026, 10, 4), ()) == date(2026, 9, 29)


def test_holidays_are_no_business_days_and_may_be_anywhere_if_nobody_knows_them() -> None:
    friday = date(2026, 10, 2)
    assert first_day(friday, {MONDAY}) == date(2026, 9, 25)
    assert first_day(friday) == date(2026, 9, 25)


@given(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.decimals(allow_nan=True, allow_infinity=True),
        st.integers(),
        st.sampled_from(["", "12.5", "1E+2", "x", None, UNSET_DOUBLE, UNSET_DECIMAL]),
    )
)
def test_a_number_is_exact_or_none(value: Any) -> None:
    found, known = exact(value), decimal_or_none(value)
    if found is None:
        assert known is None or abs(known) >= Decimal("1e30")
    else:
        assert found == Decimal(str(value))
        assert abs(found) < Decimal("1e30")
