"""Arguments become parameters, or an error before anything is sent."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import queries
from api_client.errors import ApiParameterError


def test_texts_of_all_kinds() -> None:
    query = queries.data_range(
        " slv ",
        dt.date(2026, 1, 2),
        "2026-01-05",
        start_time=dt.time(9, 30),
        end_time="16:00",
        lookback_hours=0.5,
        lambda_short=Decimal("0.450"),
        lambda_long=1e-7,
        min_value=10_000_000_000_000_000_000_000.0,
        min_size=1,
        max_delta=-0.25,
    )
    assert dict(query.params) == {
        "ticker": "SLV",
        "start_date": "2026-01-02",
        "end_date": "2026-01-05",
        "start_time": "09:30",
        "end_time": "16:00",
        "lookback_hours": "0.5",
        "lambda_short": "0.450",
        "lambda_long": "0.0000001",
        "min_value": "10000000000000000000000",
        "min_size": "1",
        "max_delta": "-0.25",
    }


def test_what_is_not_given_is_not_sent() -> None:
    assert queries.trades("SLV").params == (("ticker", "SLV"),)
    assert queries.trades("SLV", recent=False).params[1:] == (("recent", "false"),)
    assert queries.status().params == ()


def test_moments_of_predictions() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    query = queries.predictions(
        "SLV", start_date=dt.date(2026, 1, 2), end_date=dt.datetime(2026, 1, 2, 16, tzinfo=zone)
    )
    assert dict(query.params)["start_date"] == "2026-01-02"
    assert dict(query.params)["end_date"] == "2026-01-02T16:00:00-05:00"


@pytest.mark.parametrize("ticker", ["SLV", "BRK.B", "^VIX", "ES/H6", "BF-B", "9988"])
def test_tickers(ticker: str) -> None:
    assert queries.trades(ticker).params == (("ticker", ticker),)


D = "2026-01-02"
REFUSED: list[Any] = [
    lambda: queries.trades(""),
    lambda: queries.trades("SLV&limit=5"),
    lambda: queries.trades("A" * 17),
    lambda: queries.trades("SLV", limit=0),
    lambda: queries.trades("SLV", limit=True),
    lambda: queries.trades("SLV", limit=1.0),  # type: ignore[arg-type]
    lambda: queries.trades("SLV", start_date="2026-1-2x"),
    lambda: queries.trades("SLV", start_date=dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
    lambda: queries.trades("SLV", start_date=D, end_date="2026-01-01"),
    lambda: queries.trades("SLV", start_time="09:30"),
    lambda: queries.trades("SLV", start_date=D, end_time="09:30"),
    lambda: queries.trades("SLV", start_date=D, start_time="9:30"),
    lambda: queries.trades("SLV", start_date=D, start_time="24:00"),
    lambda: queries.trades("SLV", start_date=D, start_time=dt.time(9, 30, 1)),
    lambda: queries.trades("SLV", start_date=D, start_time=dt.time(9, 30, tzinfo=dt.UTC)),
    lambda: queries.trades("SLV", start_date=D, end_date=D, start_time="10:00", end_time="09:59"),
    lambda: queries.divergence("SLV", days=0),
    lambda: queries.predictions("SLV", start_date="yesterday"),
    lambda: queries.data_range("SLV", D, D, lookback_hours=0),
    lambda: queries.data_range("SLV", D, D, lambda_long=float("nan")),
    lambda: queries.data_range("SLV", D, D, lambda_long=True),
    lambda: queries.data_range("SLV", D, D, min_size=5, max_size=4),
    lambda: queries.raw("trades"),
    lambda: queries.raw("/trades?x=1"),
    lambda: queries.raw("/../admin"),
    lambda: queries.raw("//example.com"),
    lambda: queries.raw("/trades", api_key="k"),
]


@pytest.mark.parametrize("make", REFUSED)
def test_refused(make: Any) -> None:
    with pytest.raises(ApiParameterError) as raised:
        make()
    assert isinstance(raised.value, ValueError)


@given(st.text(max_size=20))
def test_any_ticker_is_clean_or_refused(text: str) -> None:
    try:
        ((_, ticker),) = queries.trades(text).params
    except ApiParameterError:
        return
    assert ticker.isascii()
    assert not set(ticker) & set("&=?#% \r\n")
