"""What can be scanned: IB's document of some megabytes, read only as far as it is asked (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from xml.etree import ElementTree as ET

import attrs

from twsloop.wire.documents import read_document

from .builders import FilterValue

__all__ = [
    "FilterField",
    "ScanFilter",
    "ScanInstrument",
    "ScanLocation",
    "ScanType",
    "ScannerParameters",
]


@attrs.frozen
class ScanInstrument:
    """A kind of instruments.

    Attributes:
        code: What a scan calls it (``STK``).
        name: What people call it (``US Stocks``).
        sec_type: IB's security type.
        filters: The ids of the filters that it has.
    """

    code: str
    name: str
    sec_type: str
    filters: tuple[str, ...]


@attrs.frozen
class ScanLocation:
    """Where instruments are listed.

    Attributes:
        code: What a scan calls it (``STK.US.MAJOR``).
        name: What people call it.
        instruments: The kinds of instruments that are there.
        within: The code of the location it is a part of; empty for none.
    """

    code: str
    name: str
    instruments: tuple[str, ...]
    within: str


@attrs.frozen
class ScanType:
    """An order to put instruments in.

    Attributes:
        code: What a scan calls it (``TOP_PERC_GAIN``).
        name: What people call it.
        instruments: The kinds of instruments that it is for.
    """

    code: str
    name: str
    instruments: tuple[str, ...]


@attrs.frozen
class FilterField:
    """A filter option.

    Attributes:
        code: What a request calls it (``priceAbove``).
        name: What people call it.
        kind: IB's word for what it takes (``DoubleField``, ``ComboField``...).
        values: What it takes, where that is a list.
    """

    code: str
    name: str
    kind: str
    values: tuple[str, ...] = ()


@attrs.frozen
class ScanFilter:
    """A filter, with an option for each of its bounds.

    Attributes:
        id: What instruments call it (``PRICE``).
        category: Where TWS shows it.
        fields: Its options.
    """

    id: str
    category: str
    fields: tuple[FilterField, ...]


class ScannerParameters:
    """What can be scanned.

    Args:
        xml: IB's document.

    Raises:
        ValueError: On reading any part, if it is no such document.
    """

    def __init__(self, xml: str) -> None:
        self.xml = xml

    def __repr__(self) -> str:
        return f"<ScannerParameters, {len(self.xml)} characters>"

    @cached_property
    def instruments(self) -> Mapping[str, ScanInstrument]:
        """The kinds of instruments, by code."""
        found: dict[str, ScanInstrument] = {}
        for node in self._root.iterfind("./InstrumentList/Instrument"):
            code = _text(node, "type")
            found.setdefault(
                code,
                ScanInstrument(
                    code, _text(node, "name"), _text(node, "secType"), _list(node, "filters")
                ),
            )
        return found

    @cached_property
    def locations(self) -> Mapping[str, ScanLocation]:
        """The places, by code."""
        found: dict[str, ScanLocation] = {}
        for node in self._root.iterfind("./LocationTree"):
            for place in _places(node, ""):
                found.setdefault(place.code, place)
        return found

    @cached_property
    def scan_types(self) -> Mapping[str, ScanType]:
        """The orders to put instruments in, by code."""
        nodes = self._root.iterfind("./ScanTypeList/ScanType")
        types = (
            ScanType(_text(n, "scanCode"), _text(n, "displayName"), _list(n, "instruments"))
            for n in nodes
        )
        return {one.code: one for one in types}

    @cached_property
    def filters(self) -> Mapping[str, ScanFilter]:
        """The filters, by id."""
        found: dict[str, ScanFilter] = {}
        for group in self._root.iterfind("./FilterList"):
            for node in group:
                one = ScanFilter(_text(node, "id"), _text(node, "category"), tuple(_fields(node)))
                found.setdefault(one.id, one)
        return found

    @cached_property
    def options(self) -> Mapping[str, FilterField]:
        """The filter options, by code."""
        return {field.code: field for one in self.filters.values() for field in one.fields}

    def problems(self, scan: Any, filters: Mapping[str, FilterValue] | None = None) -> list[str]:
        """What IB would not know of a scan, in words; nothing if it knows all of it.

        Args:
            scan: IB's ScannerSubscription.
            filters: Its filter options.
        """
        found = []
        kind, place, order = scan.instrument, scan.locationCode, scan.scanCode
        if kind not in self.instruments:
            found.append(f"no instruments {kind!r}")
        location, scan_type = self.locations.get(place), self.scan_types.get(order)
        if location is None:
            found.append(f"no location {place!r}")
        elif location.instruments and kind not in location.instruments:
            found.append(f"{place} has {', '.join(location.instruments)}, and no {kind}")
        if scan_type is None:
            found.append(f"no scan {order!r}")
        elif scan_type.instruments and kind not in scan_type.instruments:
            found.append(f"{order} is not for {kind}")
        return found + [f"no filter {code!r}" for code in filters or () if code not in self.options]

    @cached_property
    def _root(self) -> ET.Element:
        return read_document(self.xml, "the scanner's parameters")


def _places(tree: ET.Element, within: str) -> Iterator[ScanLocation]:
    for node in tree.iterfind("./Location"):
        code = _text(node, "locationCode")
        yield ScanLocation(code, _text(node, "displayName"), _list(node, "instruments"), within)
        for inner in node.iterfind("./LocationTree"):
            yield from _places(inner, code)


def _fields(node: ET.Element) -> Iterator[FilterField]:
    for field in node.iterfind(".//AbstractField"):
        values = tuple(_text(one, "code") for one in field.iterfind(".//ComboValue"))
        kind = field.get("type", "").rpartition(".")[2]
        yield FilterField(_text(field, "code"), _text(field, "displayName"), kind, values)


def _text(node: ET.Element, name: str) -> str:
    return (node.findtext(name) or "").strip()


def _list(node: ET.Element, name: str) -> tuple[str, ...]:
    return tuple(part for part in _text(node, name).split(",") if part)
