"""What IB's codes mean: ``error_codes.csv``, by code."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import attrs

from twsloop.events import Ends

__all__ = ["CALLBACK", "CATEGORIES", "UNKNOWN", "ErrorInfo", "load_codes", "unknown_code"]

#: The category of a code that is not in the table.
UNKNOWN = "unknown"
#: The category of a user's callback that raised.
CALLBACK = "callback"
#: Every category a notice can have.
CATEGORIES = frozenset(
    {
        "account",
        CALLBACK,
        "client",
        "connectivity",
        "contract",
        "historical",
        "info",
        "market_data",
        "market_data_farm",
        "order_cancelled",
        "order_rejected",
        "order_warning",
        "pacing",
        "permissions",
        UNKNOWN,
    }
)


@attrs.frozen
class ErrorInfo:
    """What a code means.

    Attributes:
        code: IB's code.
        category: One of `CATEGORIES`.
        severity: ``info``, ``warning``, ``error`` or ``fatal``.
        scope: ``order``, ``request``, ``connection`` or ``system``.
        retry: ``no``, ``yes`` or ``after_reconnect``.
        what_happens_next: What to expect, and what to do.
        message: IB's documented text, where there is one.
        ends: What it brings to its end, in the context that was asked for.
        action: What twsloop does about it, in that context (`twsloop.error_handler.ACTIONS`).
        context: The context, or empty where none was asked for.
        source: Where the line of the table comes from.
    """

    code: int
    category: str
    severity: str
    scope: str
    retry: str = "no"
    what_happens_next: str = ""
    message: str = ""
    ends: Ends = Ends.NOTHING
    action: str = ""
    context: str = ""
    source: str = ""


@cache
def load_codes() -> Mapping[int, ErrorInfo]:
    """The table of ``error_codes.csv``, by code."""
    text = resources.files("twsloop").joinpath("error_codes.csv").read_text(encoding="utf-8")
    table: dict[int, ErrorInfo] = {}
    for row in csv.DictReader(text.splitlines()):
        code = int(row["code"])
        table[code] = ErrorInfo(
            code=code,
            category=row["category"],
            severity=row["severity"],
            scope=row["scope"],
            retry=row["retry"],
            what_happens_next=row["what_happens_next"],
            message=row["message"],
            source=row["source"],
        )
    return MappingProxyType(table)


def unknown_code(code: int) -> ErrorInfo:
    """What we say of a code that is not in the table."""
    return ErrorInfo(
        code=code,
        category=UNKNOWN,
        severity="error",
        scope="request",
        what_happens_next="This code is in no list we know. A request of that id is taken to be "
        "over; an order of that id keeps its state until the gateway reports another.",
    )
