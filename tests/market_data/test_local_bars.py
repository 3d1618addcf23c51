"""Bars of our own making: boundaries, what belongs where, and nothing lost between them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import MarketDataError
from twsloop.market_data.local_bars import BarBuilder, BarRule, LocalBar

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def trades(builder: BarBuilder, *made: tuple[float, float, int]) -> list[LocalBar]:
    return [
        bar
        for seconds, price, size in made
        for bar in builder.trade(at(seconds), price, Decimal(size))
    ]


def test_a_bar_of_time_is_over_with_the_first_trade_of_a_later_one() -> None:
    builder = BarBuilder(BarRule(seconds=60))
    bars = trades(builder, (3, 10.0, 100), (59.9, 12.0, 50), (30, 9.0, 50), (125, 11.0, 10))
    assert bars == [
        LocalBar(at(0), at(60), 10.0, 12.0, 9.0, 9.0, Decimal(200), Decimal("10.25"), 3)
    ]
    current = builder.current
    assert current is not None
    assert (current.time, current.end, current.count) == (at(120), at(180), 1)


def test_or_when_a_clock_says_so_and_what_comes_later_belongs_to_no_bar() -> None:
    builder = BarBuilder(BarRule(seconds=5))
    trades(builder, (1, 10.0, 1))
    assert list(builder.at(at(4.9))) == []
    [bar] = builder.at(at(5))
    assert (bar.end, bar.close) == (at(5), 10.0)
    assert list(builder.at(at(99))) == []
    assert trades(builder, (4, 11.0, 1)) == []
    assert (builder.late, builder.current) == (1, None)
    assert trades(builder, (5, 11.0, 1), (11, 12.0, 1))[0].open == 11.0


def test_bars_of_so_many_trades_and_of_so_much_volume() -> None:
    builder = BarBuilder(BarRule(ticks=2))
    bars = trades(builder, (1, 10.0, 1), (2, 11.0, 1), (3, 12.0, 1))
    assert [(bar.time, bar.end, bar.count) for bar in bars] == [(at(1), at(2), 2)]
    builder = BarBuilder(BarRule(volume=100))
    bars = trades(builder, (1, 10.0, 60), (2, 11.0, 60), (3, 12.0, 250))
    assert [bar.volume for bar in bars] == [120, 250]
    assert list(builder.at(at(1e6))) == [], "no clock ends these"


def test_the_anchor_is_where_a_session_begins() -> None:
    opens = datetime(2026, 1, 5, 9, 30, tzinfo=ZoneInfo("America/New_York"))
    builder = BarBuilder(BarRule(seconds=7200, anchor=opens + timedelta(days=7)))
    [bar] = trades(builder, (7000, 1.0, 1), (7300, 2.0, 1))
    assert (bar.time, bar.end) == (at(0), at(7200))


def test_five_second_bars_make_a_longer_one_and_end_it() -> None:
    builder = BarBuilder(BarRule(seconds=10))
    first = builder.bar(at(0), (10.0, 12.0, 9.0, 11.0), Decimal(100), Decimal(10), 4)
    assert list(first) == []
    [bar] = builder.bar(at(5), (11.0, 11.5, 8.0, 10.0), Decimal(300), None, 6)
    expected = LocalBar(at(0), at(10), 10.0, 12.0, 8.0, 10.0, Decimal(400), Decimal(10), 10)
    assert bar == expected


def test_an_interruption_is_told_by_the_bar_it_fell_into() -> None:
    builder = BarBuilder(BarRule(ticks=1))
    builder.interrupt()
    assert [bar.interrupted for bar in trades(builder, (1, 1.0, 1), (2, 1.0, 1))] == [True, False]


def test_an_interruption_over_several_bars_is_told_by_the_first_and_the_last() -> None:
    """Between them is none; the last one began without its first trades."""
    builder = BarBuilder(BarRule(seconds=60))
    trades(builder, (10, 1.0, 1))
    builder.interrupt()
    [first] = builder.at(at(61))
    assert first.interrupted
    assert trades(builder, (190, 1.0, 1)) == []
    assert builder.current is not None
    assert builder.current.interrupted
    [last, after] = trades(builder, (240, 1.0, 1), (300, 1.0, 1))
    assert (last.time, last.interrupted, after.interrupted) == (at(180), True, False)


@pytest.mark.parametrize(
    "rule",
    [{}, {"seconds": 5, "ticks": 5}, {"seconds": 0}, {"volume": Decimal(-1)}, {"ticks": -3}],
)
def test_rules_that_say_nothing_or_too_much(rule: dict[str, Any]) -> None:
    with pytest.raises(MarketDataError, match="exactly one"):
        BarRule(**rule)


def test_an_anchor_without_a_zone_is_no_moment() -> None:
    with pytest.raises(MarketDataError, match="time zone"):
        BarRule(seconds=5, anchor=datetime(2026, 1, 5))  # noqa: DTZ001


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 500), st.integers(1, 99)), max_size=80),
    st.sampled_from([{"seconds": 7}, {"ticks": 3}, {"volume": 150}]),
)
def test_every_trade_is_in_exactly_one_bar(steps: list[Any], rule: dict[str, Any]) -> None:
    builder, time = BarBuilder(BarRule(**rule)), 0
    told: list[LocalBar] = []
    made: list[tuple[datetime, float, Decimal]] = []
    for step, cents, size in steps:
        time += step
        made.append((at(time), cents / 100, Decimal(size)))
        told.extend(builder.trade(*made[-1]))
    rest = [builder.current] if builder.current is not None else []
    bars = [*told, *rest]
    assert builder.late == 0
    assert sum(bar.count for bar in bars) == len(made)
    assert sum((bar.volume for bar in bars), Decimal(0)) == sum((m[2] for m in made), Decimal(0))
    turnover = sum((Decimal(str(m[1])) * m[2] for m in made), Decimal(0))
    of_bars = sum((bar.volume * (bar.average or 0) for bar in bars), Decimal(0))
    assert abs(turnover - of_bars) < Decimal("1e-15")
    assert all(
        before.end <= after.time or "seconds" not in rule
        for before, after in itertools.pairwise(bars)
    )
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        inside = [m for m in made if bar.time <= m[0] < bar.end]
        if "seconds" in rule:
            assert [m[1] for m in inside][:1] == [bar.open]
            assert max(m[1] for m in inside) == bar.high
