"""What can be scanned, read from IB's document."""

from __future__ import annotations

import pytest

from twsloop.paper.market.scanner import FILTERS, KINDS, PLACES, SCANS
from twsloop.paper.market.scanner_parameters import scanner_parameters
from twsloop.scanner.builders import market_scan
from twsloop.scanner.parameters import ScannerParameters


@pytest.fixture(scope="module")
def parameters() -> ScannerParameters:
    return ScannerParameters(scanner_parameters())


def test_all_that_the_document_lists_is_found(parameters: ScannerParameters) -> None:
    assert set(parameters.instruments) == set(KINDS)
    assert set(parameters.locations) == set(PLACES)
    assert set(parameters.scan_types) == set(SCANS)
    assert set(FILTERS) < set(parameters.filters)
    bounds = {bound.tag for one in FILTERS.values() for bound in one.bounds}
    assert bounds < set(parameters.options)


def test_places_know_what_they_are_a_part_of(parameters: ScannerParameters) -> None:
    nasdaq = parameters.locations["STK.NASDAQ"]
    assert (nasdaq.name, nasdaq.instruments) == ("NASDAQ", ("STK",))
    assert nasdaq.within == "STK.US.MAJOR"
    assert parameters.locations["STK.US"].within == ""


def test_options_say_what_they_take(parameters: ScannerParameters) -> None:
    assert parameters.options["priceAbove"].kind == "DoubleField"
    types = parameters.options["stkTypes"]
    assert types.kind == "ComboField"
    assert "inc:ETF" in types.values
    assert "PRICE" in parameters.instruments["STK"].filters


def test_what_ib_would_not_know_is_said_beforehand(parameters: ScannerParameters) -> None:
    assert parameters.problems(market_scan("MOST_ACTIVE"), {"priceAbove": 5}) == []
    wrong = market_scan("MOST", instrument="FUT.US", location="STK.US")
    assert parameters.problems(wrong, {"price": 1}) == [
        "STK.US has STK, and no FUT.US",
        "no scan 'MOST'",
        "no filter 'price'",
    ]
    assert parameters.problems(market_scan("HALTED", instrument="X", location="Y")) == [
        "no instruments 'X'",
        "no location 'Y'",
        "HALTED is not for X",
    ]


@pytest.mark.parametrize(
    "xml", ["", "words", "<a>", '<!DOCTYPE a [<!ENTITY b "c">]><ScanParameterResponse/>']
)
def test_what_is_no_such_document_is_refused_when_it_is_read(xml: str) -> None:
    parameters = ScannerParameters(xml)
    with pytest.raises(ValueError, match="scanner's parameters"):
        _ = parameters.scan_types


def test_an_empty_document_lists_nothing() -> None:
    parameters = ScannerParameters("<ScanParameterResponse/>")
    assert not parameters.instruments
    assert not parameters.locations
    assert not parameters.options
