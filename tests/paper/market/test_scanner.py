"""Scans of books, without a gateway."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.ScannerSubscription_pb2 import ScannerSubscription

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.scanner import (
    FILTERS,
    MOST_ROWS,
    SCANS,
    ScanError,
    Seen,
    scanner_of,
)
from twsloop.paper.market.vocabulary import TopOfBook

CATALOGUE = Catalogue.standard(date(2026, 1, 5))
SHARES = [one for one in CATALOGUE.all() if one.sec_type == "STK"]
NUMBERS = st.floats(0.01, 1e6) | st.none()


def wanted(**fields: Any) -> ScannerSubscription:
    return ScannerSubscription(
        **{"instrument": "STK", "locationCode": "STK.US", "scanCode": "MOST_ACTIVE", **fields}
    )


@st.composite
def markets(draw: st.DrawFn) -> list[Seen]:
    """Books with anything missing."""
    made = []
    for one in SHARES[: draw(st.integers(0, 8))]:
        close, opened, last, high, low = (draw(NUMBERS) for _ in range(5))
        book = TopOfBook(one.con_id, close=close, open=opened, last=last, high=high, low=low)
        book.volume = Decimal(draw(st.integers(0, 10**9)))
        book.halted = draw(st.integers(0, 2))
        made.append(Seen(one, book, draw(st.integers(0, 99))))
    return made


@given(markets(), st.sampled_from(sorted(SCANS)))
def test_rows_are_ordered_by_the_number_of_the_code(market: list[Seen], code: str) -> None:
    rows = scanner_of(wanted(scanCode=code)).run(market)
    by_id = {one.instrument.con_id: one for one in market}
    numbers = [SCANS[code].number(by_id[row.contract.conId]) for row in rows]
    assert None not in numbers
    assert numbers == sorted(numbers, key=lambda number: number or 0, reverse=SCANS[code].largest)
    assert len(rows) == sum(SCANS[code].number(one) is not None for one in market)
    assert [row.rank for row in rows] == list(range(len(rows)))


BOUNDS = [(one.number, bound) for one in FILTERS.values() for bound in one.bounds]


@given(markets(), st.sampled_from(range(len(BOUNDS))), st.floats(-100, 1e7))
def test_a_filter_lets_pass_what_is_within_and_nothing_else(
    market: list[Seen], which: int, value: float
) -> None:
    number, bound = BOUNDS[which]
    scan = scanner_of(wanted(scannerSubscriptionFilterOptions={bound.tag: repr(value)}))
    passed = {row.contract.conId for row in scan.run(market)}
    for one in market:
        own, limit = number(one), value * bound.unit
        fits = own is not None and (own >= limit if bound.above else own <= limit)
        assert (one.instrument.con_id in passed) == fits


@pytest.mark.parametrize("rows", [-1, 0, MOST_ROWS, 10**6])
def test_no_more_rows_than_ib_gives(rows: int) -> None:
    assert scanner_of(wanted(numberOfRows=rows)).rows == MOST_ROWS


def test_an_unset_number_of_text_clients_is_no_bound() -> None:
    tests = scanner_of(wanted(abovePrice=1.7976931348623157e308)).tests
    assert len(tests) == len(scanner_of(wanted()).tests)


@pytest.mark.parametrize("value", ["", "x", "1,5", "nan", "inf"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ScanError, match="priceAbove"):
        scanner_of(wanted(scannerSubscriptionFilterOptions={"priceAbove": value}))
