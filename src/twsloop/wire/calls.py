"""What no line of a layout can say: the fields that a few messages write in a way of their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twsloop.errors import ParseError

from .fields import (
    Cursor,
    Pair,
    Texts,
    cannot_read,
    entries_of,
    find_field,
    joined,
    split_options,
)
from .kinds import kind_of

__all__ = ["CALLS"]


def _write_leg_prices(message: Any, texts: Texts) -> None:
    """In text the prices of combo legs are a list of their own, empty when no leg has one."""
    legs = message.contract.comboLegs
    if not any(leg.HasField("perLegPrice") for leg in legs):
        texts.append("0")
        return
    texts.append(str(len(legs)))
    texts.extend(repr(leg.perLegPrice) if leg.HasField("perLegPrice") else "" for leg in legs)


def _read_leg_prices(message: Any, cursor: Cursor) -> None:
    label = "contract.comboLegs.perLegPrice"
    legs = message.contract.comboLegs
    count = cursor.count(label)
    if count > len(legs):
        raise ParseError(f"{len(legs)} legs cannot have {count} prices", field=label)
    field = find_field(message.DESCRIPTOR, ("contract", "comboLegs"))
    kind = kind_of(find_field(field.message_type, ("perLegPrice",)), None, "", 0)
    for leg in legs[:count]:
        text = cursor.take(label)
        try:
            value = kind.read(text)
        except ValueError as error:
            raise cannot_read(label, text, kind) from error
        if value is not None:
            leg.perLegPrice = value


def _write_fundamentals_options(message: Any, texts: Texts) -> None:
    """Alone among all requests this one counts its options, and then writes them in one field."""
    entries = entries_of(message.fundamentalsDataOptions)
    texts.append(str(len(entries)))
    texts.append(joined(entries))


def _read_fundamentals_options(message: Any, cursor: Cursor) -> None:
    cursor.take("fundamentalsDataOptions")
    split_options(cursor.take("fundamentalsDataOptions"), message.fundamentalsDataOptions)


def _write_dates(_message: Any, texts: Texts) -> None:
    """Below version 196 the first and last date of a history stand in its bars' message."""
    texts.extend(texts.dates or ("", ""))


def _read_dates(_message: Any, cursor: Cursor) -> None:
    cursor.dates = (cursor.take("startDateStr"), cursor.take("endDateStr"))


#: What reads and writes them, by the name that layouts call them by.
CALLS: Mapping[str, Pair] = MappingProxyType(
    {
        "leg_prices": (_write_leg_prices, _read_leg_prices),
        "fundamentals_options": (_write_fundamentals_options, _read_fundamentals_options),
        "dates": (_write_dates, _read_dates),
    }
)
