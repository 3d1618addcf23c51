"""Scans as IB's objects, and what is refused before it is sent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.scanner import ScannerSubscription

from twsloop.scanner.builders import filter_options, market_scan, scan_key


def test_a_scan_is_ibs_own_object_with_what_was_given() -> None:
    scan = market_scan(
        "TOP_PERC_GAIN",
        location="STK.NASDAQ",
        rows=10,
        above_price=Decimal("5.5"),
        above_volume=100_000,
        maturity_above=date(2030, 1, 2),
        stock_type="STOCK",
    )
    assert isinstance(scan, ScannerSubscription)
    assert (scan.scanCode, scan.instrument, scan.locationCode) == (
        "TOP_PERC_GAIN",
        "STK",
        "STK.NASDAQ",
    )
    assert (scan.numberOfRows, scan.abovePrice, scan.aboveVolume) == (10, 5.5, 100_000)
    assert (scan.maturityDateAbove, scan.stockTypeFilter) == ("20300102", "STOCK")


def test_what_is_not_given_is_unset_as_ib_has_it() -> None:
    scan, unset = market_scan("MOST_ACTIVE"), ScannerSubscription()
    unset.scanCode, unset.instrument, unset.locationCode = "MOST_ACTIVE", "STK", "STK.US.MAJOR"
    assert vars(scan) == vars(unset)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"code": ""}, "needs its code"),
        ({"code": "A", "location": ""}, "needs its location"),
        ({"code": "A", "rows": 0}, "1 to 50 rows"),
        ({"code": "A", "rows": 51}, "1 to 50 rows"),
        ({"code": "A", "above_price": float("nan")}, "abovePrice"),
        ({"code": "A", "market_cap_below": Decimal("Infinity")}, "marketCapBelow"),
    ],
)
def test_a_scan_that_cannot_be_is_refused_in_words(wrong: dict[str, object], words: str) -> None:
    code = str(wrong.pop("code"))
    with pytest.raises(ValueError, match=words):
        market_scan(code, **wrong)  # type: ignore[arg-type]  # they are wrong on purpose


def test_filter_options_are_texts() -> None:
    options = filter_options(
        {"a": 5, "b": 0.1, "c": Decimal("1E+3"), "d": True, "e": "inc:ETF", "f": 1e6}
    )
    assert [(one.tag, one.value) for one in options] == [
        ("a", "5"),
        ("b", "0.1"),
        ("c", "1000"),
        ("d", "true"),
        ("e", "inc:ETF"),
        ("f", "1000000"),
    ]
    with pytest.raises(ValueError, match="no number"):
        filter_options({"a": float("inf")})
    with pytest.raises(ValueError, match="without a code"):
        filter_options({" ": 1})


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12
    )
)
def test_a_number_of_a_filter_is_exact(number: Decimal) -> None:
    (option,) = filter_options({"a": number})
    assert Decimal(option.value) == number
    assert "E" not in option.value


def test_equal_scans_have_equal_keys() -> None:
    options = filter_options({"a": 1, "b": 2})
    same = scan_key(market_scan("A", rows=5), filter_options({"b": 2, "a": 1}))
    assert scan_key(market_scan("A", rows=5), options) == same
    assert scan_key(market_scan("A", rows=6), options) != same
    assert scan_key(market_scan("A", rows=5), []) != same
