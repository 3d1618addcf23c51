"""How ``twsloop flow`` prints answers: rows as tables, single answers as names and values.

Answers are `api_client`'s attrs objects; what this module needs of them it asks by name, so that it
need not know that package.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from .fields import anything, table, text
from .output import Output, cell, plain
from .shapes import Line, line

__all__ = [
    "MINUTES",
    "MINUTE_BAR",
    "POINT",
    "POINTS",
    "PREDICTION",
    "PREDICTIONS",
    "RANGE",
    "STATUS",
    "TICKER",
    "TRADE",
    "TRADES",
    "fields_of",
    "flat",
    "plain_value",
    "print_latest",
    "print_rows",
    "print_tree",
    "printable",
]

#: The service's own zone: its dates and times of day are meant there.
EASTERN = ZoneInfo("America/New_York")

#: A table's columns in order, and how wide the paper must be for each, characters.
Shown = Sequence[tuple[str, int]]

TRADES: Shown = (
    *(("time", 0), ("option_symbol", 0), ("price", 0), ("size", 0), ("trade_value", 80)),
    *(("delta", 80), ("bid", 110), ("ask", 110), ("underlying_price", 110)),
)
MINUTES: Shown = (
    *(("time", 0), ("open", 60), ("high", 60), ("low", 60), ("close", 0), ("volume", 0)),
)
POINTS: Shown = (
    *(("time", 0), ("stock_price", 0), ("d_diff_short", 0), ("d_diff_long", 0)),
    *(("number_of_trades", 80), ("sum_pos", 110), ("sum_neg", 110)),
    *(("d_pos_short", 140), ("d_neg_short", 140)),
)
PREDICTIONS: Shown = (
    *(("time", 0), ("signal", 0), ("confidence", 0), ("stock_price", 0), ("probabilities", 100)),
)


def _as_told(event: str, meaning: str) -> Line:
    """A line that has what the service's answer has, whatever that may be one day."""
    return Line(event, meaning, {}, more=anything("as the service names and means it"))


STATUS = _as_told("status", "How the service is.")
TICKER = line("ticker", "A ticker that the service watches.", ticker=text("its name"))
TRADE = _as_told("trade", "An option trade.")
MINUTE_BAR = _as_told("minute_bar", "A minute of a ticker.")
POINT = _as_told("divergence_point", "The divergence of option flow and price in a minute.")
PREDICTION = _as_told("prediction", "A prediction, with its model.")
RANGE = line(
    "range",
    "What a range was computed of.",
    ticker=text("its name", missing=True),
    parameters=table(anything("a value"), "how it was computed", missing=True),
    data_info=table(anything("a value"), "of what", missing=True),
)


def print_rows(out: Output, name: str, ticker: str, answer: Any, shown: Shown) -> None:
    """Print the rows of an answer; ``name`` is one of them, and the JSON lines' event."""
    records = tuple(answer)
    if out.form != "table":
        rows = [fields_of(record) for record in records]
        known = _columns(answer, records)
        if out.form == "csv":
            rows = [{name: _csv_cell(value) for name, value in row.items()} for row in rows]
        out.rows(name, known, rows)
        return
    words = name.replace("_", " ")
    if not records:
        out.console.print(f"{ticker.upper()}: no {words}s")
        return
    stamps = [_stamp(record) for record in records]
    days = {stamp.date() for stamp in stamps if stamp is not None}
    form = "%H:%M:%S" if len(days) == 1 else "%Y-%m-%d %H:%M:%S"
    rows = [
        {**_printable(fields_of(record)), "time": stamp.strftime(form) if stamp else None}
        for record, stamp in zip(records, stamps, strict=True)
    ]
    day = f"{next(iter(days))}, " if len(days) == 1 else ""
    many = f"{len(rows)} {words}{'' if len(rows) == 1 else 's'}"
    title = f"{ticker.upper()}: {many}, {day}US Eastern"
    columns = [column for column, least in shown if least <= out.console.width]
    out.rows(name, columns, rows, title=title)


def _stamp(record: Any) -> dt.datetime | None:
    """When a row was, in US Eastern."""
    for name in ("trade_timestamp", "timestamp", "trade_datetime", "datetime"):
        value = getattr(record, name, None)
        if isinstance(value, dt.datetime):
            return value.astimezone(EASTERN)
    return None


def plain_value(value: Any) -> Any:
    """A field as JSON can hold it; what the service sent beyond its contract stands among them."""
    if attrs.has(type(value)) and hasattr(value, "extra"):
        return fields_of(value)
    if isinstance(value, Mapping):
        return {str(name): plain_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, dt.date | dt.time) and not isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if attrs.has(type(value)) else value


def fields_of(record: Any) -> dict[str, Any]:
    """An answer, or a row of it, as a dict: the contract's fields, then the others that came."""
    names = [field.name for field in attrs.fields(type(record)) if field.name != "extra"]
    known = {name: plain_value(getattr(record, name)) for name in names}
    return {
        **known,
        **{name: plain_value(v) for name, v in record.extra.items() if name not in known},
    }


def _columns(answer: Any, records: Iterable[Any]) -> tuple[str, ...]:
    """The names of the contract's fields, also without a row, then of those that came beyond it."""
    kinds = (field.metadata.get("kind") for field in attrs.fields(type(answer)))
    rows = next(kind.of for kind in kinds if kind is not None and kind.name == "many")
    names = [field.name for field in attrs.fields(rows) if field.name != "extra"]
    return tuple(dict.fromkeys([*names, *(name for row in records for name in fields_of(row))]))


def printable(text: str) -> str:
    """A text of the service's that cannot move the cursor, colour the terminal or ring its bell."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _printable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: printable(v) if isinstance(v, str) else v for name, v in row.items()}


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):  # half of a surrogate pair is a text to JSON, and none to a file
        return value.encode("utf-8", "backslashreplace").decode()
    return json.dumps(plain(value)) if isinstance(value, dict | list) else value


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """A tree as lines: ``market.market_open`` and its value."""
    if isinstance(value, Mapping) and value:
        for inner, item in value.items():
            yield from flat(item, f"{name}.{inner}" if name else str(inner))
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield name, ", ".join(value)
    elif value is not None:
        yield name, json.dumps(plain(value)) if isinstance(value, list | Mapping) else value


def print_tree(out: Output, name: str, tree: Mapping[str, Any]) -> None:
    """One answer as names and values, below each other."""
    rows = [{"name": _words(at, out.form), "value": _words(v, out.form)} for at, v in flat(tree)]
    out.rows(name, ("name", "value"), rows)


def _words(value: Any, form: str) -> Any:
    """A value among values of other kinds: in a table all are texts, and times have their day."""
    if form != "table":
        return _csv_cell(value)
    return (
        f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, dt.datetime) else printable(cell(value))
    )


def print_latest(out: Output, ticker: str, answer: Any) -> None:
    """One prediction with its model; nothing at all for scripts if there is none."""
    found = answer.prediction
    if found is None:
        if out.form == "table":
            out.console.print(f"{ticker.upper()}: no prediction yet")
        elif out.form == "csv":
            out.rows("prediction", ("name", "value"), [])
        return
    fields = {**fields_of(found), "model_info": plain_value(answer.model_info)}
    if out.form == "json":
        out.event("prediction", **fields)
        return
    stamp = _stamp(found)
    if out.form == "table" and stamp is not None:
        del fields["timestamp"], fields["datetime"]
        fields = {"ticker": fields.pop("ticker"), "time": f"{stamp:%Y-%m-%d %H:%M:%S %Z}", **fields}
    print_tree(out, "prediction", fields)
