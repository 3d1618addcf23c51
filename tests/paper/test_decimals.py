"""Decimals keep their digits, and are written as IB writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.decimals import decimal_price, plain


def test_prices_keep_the_digits_they_were_written_with() -> None:
    assert decimal_price(0.1) == Decimal("0.1")
    assert decimal_price(None) is None


@pytest.mark.parametrize(
    ("value", "written"), [("100", "100"), ("1E+2", "100"), ("0.500", "0.5"), ("-0.00", "-0")]
)
def test_sizes_have_no_exponent_and_no_zeros_at_their_end(value: str, written: str) -> None:
    assert plain(Decimal(value)) == written


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_what_is_written_is_the_same_number(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
