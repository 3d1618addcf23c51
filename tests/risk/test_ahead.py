"""Positions counted along from fills: whatever is reported first, nothing is missed or kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.risk.support import ACCOUNT, aapl
from twsloop.risk.ahead import SETTLING, Ahead
from twsloop.risk.identity import ident_of

IDENT = ident_of(aapl())


class Counted:
    def __init__(self, reported: int) -> None:
        self.ahead = Ahead()
        self.ahead.begin(ACCOUNT, IDENT, Decimal(reported), 0.0)

    def fill(self, change: int, reported: int, at: float) -> None:
        self.ahead.filled(ACCOUNT, IDENT, Decimal(change), reported=Decimal(reported), at=at)

    def range(self, reported: int, at: float) -> tuple[int, int]:
        low, high = self.ahead.range(ACCOUNT, IDENT, Decimal(reported), at)
        return int(low), int(high)


def test_a_fill_before_its_position_counts() -> None:
    counted = Counted(0)
    counted.fill(10, 0, 1.0)
    assert counted.range(0, 1.0) == (0, 10)
    assert counted.range(10, 2.0) == (10, 10)


def test_a_position_before_its_fill_counts_once() -> None:
    counted = Counted(0)
    assert counted.range(10, 1.0) == (0, 10)
    counted.fill(10, 10, 1.1)
    assert counted.range(10, 1.1) == (10, 10)


@pytest.mark.parametrize("pause", [0.1, SETTLING, SETTLING * 3])
def test_fills_that_are_only_looked_at_before_their_positions(pause: float) -> None:
    counted = Counted(0)
    for number in range(1, 5):
        counted.fill(1, number - 1, number * pause)
        assert counted.range(number - 1, number * pause) == (number - 1, number)


def test_what_others_trade_counts_at_once_on_the_worse_side_and_then_alone() -> None:
    counted = Counted(0)
    counted.fill(10, 10, 1.0)
    assert counted.range(60, 2.0) == (10, 60)
    assert counted.range(60, 2.0 + SETTLING) == (60, 60)
    counted.fill(-60, 60, 40.0)
    assert counted.range(60, 40.0) == (0, 60)
    assert counted.range(0, 40.5) == (0, 0)


def test_a_fill_that_is_never_reported_is_not_counted_for_ever() -> None:
    counted = Counted(0)
    counted.fill(10, 0, 1.0)
    assert counted.range(0, SETTLING) == (0, 10)
    assert counted.range(0, 1.0 + SETTLING) == (0, 0)
