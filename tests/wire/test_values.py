"""IB's numbers and words: unset is None, and decimals are exact."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG

from twsloop.wire.values import decimal_or_none, float_or_none, int_or_none, text_or_none

UNSET: list[Any] = [
    *(None, "", " ", UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG, UNSET_DECIMAL, -UNSET_DOUBLE),
    *("2147483647", "9223372036854775807", "-9223372036854775808", str(2**127 - 1)),
    *("1.7976931348623157E308", "1.7976931348623157e+308", str(UNSET_DOUBLE)),
    *(
        math.nan,
        math.inf,
        -math.inf,
        "nan",
        "Infinity",
        "-Infinity",
        Decimal("NaN"),
        Decimal("sNaN"),
    ),
    *("n/a", "None", "1,000", "1_000", "INDIVIDUAL", "9" * 500),
]


@pytest.mark.parametrize("value", UNSET)
def test_unset_is_none(value: Any) -> None:
    assert decimal_or_none(value) is None
    assert float_or_none(value) is None
    assert int_or_none(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (189.51, "189.51"),
        (1.000003, "1.000003"),
        (0.1, "0.1"),
        (0.0, "0"),
        (-1, "-1"),
        ("12.50", "12.50"),
        ("1E+3", "1000"),
        (Decimal("0.5"), "0.5"),
        (2147483646, "2147483646"),
    ],
)
def test_numbers_are_exact(value: Any, number: str) -> None:
    assert decimal_or_none(value) == Decimal(number)
    assert float_or_none(value) == float(number)


@given(st.floats(-1e300, 1e300))
def test_a_float_keeps_the_digits_it_is_printed_with(value: float) -> None:
    number = decimal_or_none(value)
    assert number is not None
    assert float(number) == value
    assert float_or_none(value) == value
    assert float_or_none(repr(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_a_decimal_comes_through_as_it_is(value: Decimal) -> None:
    assert decimal_or_none(value) == value
    assert decimal_or_none(str(value)) == value


@given(st.integers(-(2**31) + 1, 2**31 - 2))
def test_whole_numbers(value: int) -> None:
    assert int_or_none(value) == value
    assert int_or_none(str(value)) == value
    assert int_or_none(f"{value}.0") == value
    assert int_or_none(Decimal(value) + Decimal("0.5")) is None


@given(st.text(max_size=30))
def test_no_text_breaks_them(text: str) -> None:
    number = decimal_or_none(text)
    assert number is None or number.is_finite()
    float_or_none(text)
    int_or_none(text)


def test_a_number_without_end_is_no_whole_one() -> None:
    assert int_or_none("1E-999999") is None
    assert int_or_none(Decimal("1E+100")) == 10**100


@pytest.mark.parametrize(
    ("value", "text"),
    [("SMART", "SMART"), (" a b ", "a b"), ("", None), ("  ", None), (None, None)],
)
def test_words(value: str | None, text: str | None) -> None:
    assert text_or_none(value) == text
