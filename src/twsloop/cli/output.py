"""What commands print: tables for people, JSON lines and CSV for programs.

Everything goes through an `Output`. It decides by what was asked for and by whether the standard
output is a terminal; a command says only what there is to say. Standard output carries data,
standard error carries what went wrong.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from twsloop.events import Fact, to_record

__all__ = ["FORMATS", "WIDTH", "Output", "plain", "table_of"]

#: How the data can be written.
FORMATS = ("table", "json", "csv")


def plain(value: Any) -> Any:
    """A value as a JSON type: decimals and times become texts, unset stays null."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def cell(value: Any) -> str:
    """A value as people read it; unset is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Decimal):
        return format(value.normalize() if value == value.to_integral_value() else value, "f")
    if isinstance(value, datetime):
        return value.strftime("%H:%M:%S")
    return str(plain(value))


def table_of(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, title: str | None = None
) -> Table:
    """A rich table; numbers stand on the right."""
    rows = list(rows)
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        numeric = any(
            isinstance(row.get(column), (int, float, Decimal))
            and not isinstance(row.get(column), bool)
            for row in rows
        )
        # Folded where the terminal is narrow: half a price with an ellipsis is another price.
        table.add_column(
            column.replace("_", " "), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        # Escaped: a text with brackets in it is a text, and no command to rich.
        table.add_row(*(escape(cell(row.get(column))) for column in columns))
    return table


#: How wide a table may be where nobody knows how wide the paper is.
WIDTH = 200


class Output:
    """Where a command's words go.

    Args:
        form: ``table``, ``json`` or ``csv``.
        stream: Where to; the standard output unless given.
    """

    def __init__(self, form: str = "table", stream: TextIO | None = None) -> None:
        self.form = form
        self.stream = stream or sys.stdout
        # A pipe has no width: a table is as wide as it needs to be.
        width = None if self._is_terminal() or "COLUMNS" in os.environ else WIDTH
        self.console = Console(file=self.stream, highlight=False, width=width)
        self._columns: Sequence[str] | None = None
        self._said: dict[str, list[tuple[str, str]]] = {}

    def _is_terminal(self) -> bool:
        return bool(getattr(self.stream, "isatty", lambda: False)())

    @property
    def live(self) -> bool:
        """Whether a table may redraw itself: for people, on a terminal."""
        return self.form == "table" and self._is_terminal()

    def event(self, name: str, text: str | None = None, /, **fields: Any) -> None:
        """Say that something happened: a JSON line, or ``text`` for people; CSV has no place."""
        if self.form == "json":
            self._line(json.dumps({"event": name, **{k: plain(v) for k, v in fields.items()}}))
        elif self.form == "table" and text is not None:
            self._line(text)

    def fact(self, fact: Fact, text: str) -> None:
        """One fact of `twsloop.events`: its record as a JSON line, or ``text`` for people."""
        if self.form == "json":
            self._line(json.dumps(to_record(fact)))
        elif self.form == "table":
            self._line(text)

    def record(
        self,
        name: str,
        columns: Sequence[str],
        row: Mapping[str, Any],
        *,
        shown: Sequence[str] | None = None,
    ) -> None:
        """One row of a stream: a JSON line, a CSV row (with the header first), or words.

        People see the columns ``shown``, and no line that would be the same as the last one of its
        symbol, or that would show nothing but its symbol.
        """
        if self.form == "json":
            self.event(name, **{column: row.get(column) for column in columns})
        elif self.form == "csv":
            if self._columns != columns:
                self._columns = columns
                self._csv(columns)
            self._csv(["" if row.get(c) is None else plain(row.get(c)) for c in columns])
        else:
            values = {c: cell(row.get(c)) for c in shown or columns if row.get(c) is not None}
            key = values.get("symbol", "")
            news = [(c, value) for c, value in values.items() if c != "time"]
            if self._said.get(key, [("symbol", key)]) != news:
                self._said[key] = news
                words = (v if c in {"time", "symbol"} else f"{c} {v}" for c, v in values.items())
                self._line("  ".join(words).replace("_", " "))

    def rows(
        self,
        name: str,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        *,
        title: str | None = None,
        shown: Sequence[str] | None = None,
    ) -> None:
        """A whole list: a line each in JSON, one CSV file, or one table."""
        if self.form == "table":
            self.console.print(table_of(shown or columns, rows, title=title))
            return
        if self.form == "csv" and not rows:
            self._csv(columns)
        for row in rows:
            self.record(name, columns, row)

    def _csv(self, values: Iterable[Any]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(values)
        self._line(buffer.getvalue())

    def _line(self, text: str) -> None:
        # Flushed at once: who reads a pipe waits for this line.
        self.stream.write(f"{text}\n")
        self.stream.flush()
