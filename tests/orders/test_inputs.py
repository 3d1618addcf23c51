"""What people write is read exactly, or refused with what was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import InvalidOrder
from twsloop.orders import inputs
from twsloop.wire.times import read_time


@given(st.decimals(-(10**9), 10**9, places=8))
def test_all_spellings_are_one_number(value: Decimal) -> None:
    assert inputs.to_number(str(value), "x") == inputs.to_number(value, "x") == value
    assert Decimal(inputs.plain(value)) == value
    assert "E" not in inputs.plain(value)


@pytest.mark.parametrize("value", [None, True, "", "x", "nan", float("inf"), "1e400", "1,5"])
def test_what_is_no_number(value: Any) -> None:
    for read in (inputs.to_number, inputs.to_price, inputs.to_quantity, inputs.to_positive):
        with pytest.raises(InvalidOrder, match=r"size .* is not a number"):
            read(value, "size")


@pytest.mark.parametrize("value", [0, "-1", Decimal("-0.1")])
def test_what_is_not_above_zero(value: Any) -> None:
    assert inputs.to_price(value) <= 0
    for read in (inputs.to_quantity, inputs.to_positive):
        with pytest.raises(InvalidOrder, match="not above 0"):
            read(value, "size")


def test_whole_numbers() -> None:
    assert [inputs.to_whole(value, "x") for value in ("3", 3.0, Decimal("-2.00"))] == [3, 3, -2]
    with pytest.raises(InvalidOrder, match="whole"):
        inputs.to_whole("1.5", "x")


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  (zones come next)
    st.integers(-14, 14),
)
def test_times_leave_as_utc(moment: datetime, hours: int) -> None:
    there = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    text = inputs.to_time(there)
    assert read_time(text) == there.astimezone(UTC)


def test_what_was_given() -> None:
    assert inputs.given(a=None, b=0, c="") == {"b": 0, "c": ""}


@given(st.decimals(-(10**6), 10**6, places=6), st.decimals(-1000, 1000, places=4))
def test_a_sum_of_floats_is_the_price_that_was_meant(price: Decimal, offset: Decimal) -> None:
    """Up to fifteen digits nothing is lost, and the noise of the sum is."""
    assert inputs.to_number(float(price), "x") == price
    added = inputs.to_number(float(price) + float(offset), "x")
    assert abs(added - (price + offset)) <= Decimal("1e-8")
    assert inputs.to_price(0.1 + 0.2) == 0.3
