"""The XML that reqScannerParameters answers with, made of the scanner's tables (pure).

The structure is TWS's own, in the elements that programs look for: instruments with their filters,
the tree of locations, scan types with the instruments they are for, and the filters' fields by
code. TWS lists hundreds of each; here stands what `scanner` can do, and nothing else.
"""

from __future__ import annotations

import functools
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .scanner import FILTERS, KINDS, MOST_ROWS, PLACES, SCANS, STOCK_TYPES, STOCK_TYPES_TAG

__all__ = ["scanner_parameters"]

SHORT_NAMES = {"STK": "US", "ETF.EQ.US": "US", "FUT.US": "US"}
SEC_TYPES = {"STK": "STK", "ETF.EQ.US": "STK", "FUT.US": "FUT"}
STOCK_TYPES_FILTER = "STKTYPE"
UNRESTRICTED = "unrestricted"


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _instruments(root: Element, variable: str) -> None:
    group = SubElement(root, "InstrumentList", varName=variable)
    for code, name in KINDS.items():
        filters = [*FILTERS, *([STOCK_TYPES_FILTER] if code == "STK" else [])]
        _texts(
            SubElement(group, "Instrument"),
            name=name,
            type=code,
            secType=SEC_TYPES[code],
            filters=",".join(filters),
            group=f"{SEC_TYPES[code]}.GLOBAL",
            shortName=SHORT_NAMES[code],
            cloudScanNotSupported="false",
            featureCodes="",
        )


def _locations(parent: Element, under: str) -> None:
    inside = {code: place for code, place in PLACES.items() if place.parent == under}
    if not inside:
        return
    tree = SubElement(parent, "LocationTree", varName="locationTree")
    for code, place in inside.items():
        location = SubElement(tree, "Location")
        _texts(
            location,
            displayName=place.name,
            locationCode=code,
            instruments=place.kind,
            routeExchange="CME" if place.kind == "FUT.US" else "SMART",
            delayedOnly="false",
            access=UNRESTRICTED,
        )
        _locations(location, code)


def _scans(root: Element) -> None:
    group = SubElement(root, "ScanTypeList", varName="scanTypeList")
    for code, scan in SCANS.items():
        kind = SubElement(group, "ScanType")
        _texts(
            kind,
            displayName=scan.name,
            scanCode=code,
            instruments=",".join(KINDS),
            absoluteColumns="false",
        )
        SubElement(kind, "Columns", varName="columns")
        _texts(
            kind,
            supportsSorting="true",
            respSizeLimit=str(MOST_ROWS),
            snapshotSizeLimit=str(MOST_ROWS),
            searchDefault="false",
            access=UNRESTRICTED,
        )


def _filters(root: Element) -> None:
    group = SubElement(root, "FilterList", varName="filterList")
    for code, one in FILTERS.items():
        entry = SubElement(group, "RangeFilter")
        _texts(entry, id=code, category="General", histogram="false", access=UNRESTRICTED)
        for bound in one.bounds:
            field = SubElement(
                entry, "AbstractField", type="scanner.filter.DoubleField", varName="abstractField"
            )
            _texts(field, code=bound.tag, displayName=bound.name)
    entry = SubElement(group, "SimpleFilter")
    _texts(entry, id=STOCK_TYPES_FILTER, category="General", histogram="false", access=UNRESTRICTED)
    field = SubElement(
        entry, "AbstractField", type="scanner.filter.ComboField", varName="abstractField"
    )
    _texts(field, code=STOCK_TYPES_TAG, displayName="Stock Type")
    values = SubElement(field, "ComboValues")
    for word in filter(None, STOCK_TYPES):
        value = SubElement(values, "ComboValue")
        _texts(value, code=f"inc:{word}", displayName=word, default=str(word == "ALL").lower())


@functools.cache
def scanner_parameters() -> str:
    """The whole document."""
    root = Element("ScanParameterResponse")
    _instruments(root, "instrumentList")
    _instruments(root, "fullInstrumentList")
    _locations(root, "")
    _scans(root)
    _filters(root)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'
