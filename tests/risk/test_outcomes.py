"""What a check says of a limit that is exceeded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.risk.outcomes import above


@pytest.mark.parametrize(
    ("value", "limit", "unit", "text"),
    [
        ("46.42896365", "20", "percent", "46.43 percent, above the limit of 20"),
        ("20.0000001", "20", "percent", "20.0000001 percent, above the limit of 20"),
        ("1", "0", "orders", "1 order, above the limit of 0"),
        ("2", "1", "day trades", "2 day trades, above the limit of 1"),
        ("100200.10", "1E+5", "", "100200.1, above the limit of 100000"),
        ("Infinity", "5", "", "Infinity, above the limit of 5"),
    ],
)
def test_a_refusal_in_words(value: str, limit: str, unit: str, text: str) -> None:
    assert above(Decimal(value), Decimal(limit), unit) == text


@given(st.decimals(0, 10**15, places=9), st.decimals(0, 10**15, places=9))
def test_the_number_that_is_told_is_above_the_limit(value: Decimal, limit: Decimal) -> None:
    if value <= limit:
        return
    number = Decimal(above(value, limit).split(",")[0])
    assert number > limit or abs(value - limit) < Decimal("1e-7")
