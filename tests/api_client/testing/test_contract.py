"""The OpenAPI file as the server reads it."""

from __future__ import annotations

import datetime as dt

import pytest

from api_client.testing.contract import BadParameter, document, operations

TRADES = operations()["/trades"]


def test_values_in_their_types_and_defaults() -> None:
    values = TRADES.read({"ticker": "SLV", "start_date": "2026-01-02", "recent": "TRUE"})
    assert values == {
        "ticker": "SLV",
        "start_date": dt.date(2026, 1, 2),
        "end_date": None,
        "start_time": None,
        "end_time": None,
        "limit": 100,
        "recent": True,
    }


def test_the_contracts_defaults() -> None:
    ranges = operations()["/data-range"].read(
        {"ticker": "SLV", "start_date": "2026-01-02", "end_date": "2026-01-02"}
    )
    assert (ranges["lookback_hours"], ranges["lambda_short"], ranges["lambda_long"]) == (
        8,
        0.45,
        0.9,
    )
    divergence = operations()["/divergence"].read({"ticker": "SLV"})
    assert (divergence["days"], divergence["limit"]) == (1, None)
    assert operations()["/predictions"].read({"ticker": "SLV"})["limit"] == 100


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ({}, "missing parameter ticker"),
        ({"ticker": "SLV", "tikcer": "SPY"}, "unknown parameter tikcer"),
        ({"ticker": "SLV", "limit": "0"}, "limit is out of range"),
        ({"ticker": "SLV", "limit": "ten"}, "limit is not of type integer"),
        ({"ticker": "SLV", "start_date": "02.01.2026"}, "start_date is not of type date"),
        ({"ticker": "SLV", "start_time": "7:30"}, "start_time is out of range"),
    ],
)
def test_refused(query: dict[str, str], match: str) -> None:
    with pytest.raises(BadParameter, match=match):
        TRADES.read(query)


def test_the_document_is_read_anew() -> None:
    changed = document()
    changed["paths"].clear()
    assert document()["paths"]
