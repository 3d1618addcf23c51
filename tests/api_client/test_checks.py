"""Arguments: what the contract allows is written as it wants it, and nothing else leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import ApiParameterError, checks, queries, ranges

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=20),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=2),
)
DAY = "2026-11-18"


@given(ANYTHING)
@pytest.mark.parametrize(
    "call",
    [
        queries.trades,
        lambda value: queries.trades("SLV", limit=value, recent=None),
        lambda value: queries.trades("SLV", recent=value),
        lambda value: queries.trades("SLV", start_date=value, end_date=value),
        lambda value: queries.minute_data(
            "SLV", start_date=DAY, end_date=DAY, start_time=value, end_time=value
        ),
        lambda value: queries.divergence("SLV", days=value),
        lambda value: queries.prediction_latest("SLV", use_default_only=value),
        lambda value: queries.predictions("SLV", start_date=value, end_date=value),
        lambda value: queries.data_range("SLV", DAY, DAY, lookback_hours=value, min_delta=value),
        lambda value: queries.data_range("SLV", value, value, max_value=value),
        lambda value: ranges.scan_trades("SLV", value, DAY),
    ],
)
def test_anything_is_a_query_or_an_error_of_ours(call: Callable[[Any], Any], value: object) -> None:
    try:
        query = call(value)
    except ApiParameterError:
        return
    for name, text in getattr(query, "params", ()):
        assert isinstance(text, str), name
        assert len(text) < 700


@pytest.mark.parametrize(
    "value", [5, None, b"SLV", "", "SL V", "\N{LATIN SMALL LETTER DOTLESS I}", "SLV\n\n1"]
)
def test_what_is_no_ticker(value: object) -> None:
    with pytest.raises(ApiParameterError, match="not a ticker"):
        checks.ticker_name(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (Decimal("1e3"), "1000"), (1e300, f"1{'0' * 300}"), (7, "7"), (-0.5, "-0.5")],
)
def test_numbers_are_written_without_exponents(value: Any, text: str) -> None:
    assert checks.plain("x", value) == text


@pytest.mark.parametrize(
    "value", [True, "abc", float("nan"), float("inf"), Decimal("1e999999"), [1]]
)
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(ApiParameterError, match="finite number"):
        checks.number("x", value)


def test_times_of_day() -> None:
    assert checks.clock("t", dt.time(9, 5)) == checks.clock("t", "09:05") == "09:05"
    for wrong in (930, "9:5", "24:00", dt.time(9, 5, 1), dt.time(9, tzinfo=dt.UTC)):
        with pytest.raises(ApiParameterError):
            checks.clock("t", wrong)


def test_moments() -> None:
    eastern = dt.timezone(-dt.timedelta(hours=5))
    assert checks.moment("m", dt.datetime(2026, 11, 18, 10, tzinfo=eastern)) == (
        "2026-11-18T10:00:00-05:00"
    )
    assert checks.moment("m", dt.date(2026, 11, 18)) == "2026-11-18"
    assert checks.moment("m", "2026-11-18T10:00") == "2026-11-18T10:00"
    for wrong in (5, dt.time(1), "soon"):
        with pytest.raises(ApiParameterError):
            checks.moment("m", wrong)  # type: ignore[arg-type]
