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
from typing import Any, TextIO

from rich.console import Console

from twsloop.events import Fact, to_record

from .tables import cell, fitted, plain, table_of

__all__ = ["FORMATS", "WIDTH", "Output", "cell", "plain", "table_of"]

#: How the data can be written.
FORMATS = ("table", "json", "csv")


#: How wide a table may be where nobody knows how wide the paper is.
WIDTH = 200
#: More rows than these are printed as several tables: to lay out 30,000 takes 20 s without a word.
ROWS_OF_A_TABLE = 500


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
        """Whether a table may redraw itself: for people, on a terminal that can move its cursor."""
        return self.form == "table" and self._is_terminal() and not self.console.is_dumb_terminal

    def event(self, name: str, text: str | None = None, /, **fields: Any) -> None:
        """Say that something happened: a JSON line, or ``text`` for people; CSV has no place."""
        if self.form == "json":
            self._line(json.dumps({"event": name, **{k: plain(v) for k, v in fields.items()}}))
        elif self.form == "table" and text is not None:
            self._words(text)

    def fact(self, fact: Fact, text: str) -> None:
        """One fact of `twsloop.events`: its record as a JSON line, or ``text`` for people."""
        if self.form == "json":
            self._line(json.dumps(plain(to_record(fact))))
        elif self.form == "table":
            self._words(text)

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
                self._words("  ".join(words).replace("_", " "))

    def rows(
        self,
        name: str,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        *,
        title: str | None = None,
        shown: Sequence[str] | None = None,
        important: Sequence[str] = (),
        nothing: str | None = None,
    ) -> None:
        """A whole list: a line each in JSON, one CSV file, or a table (a long one in parts).

        For people an empty list is the words ``nothing``. A terminal too narrow for all columns
        ``shown`` gets the most important ones: those of ``important`` first, then the others as
        they stand.
        """
        if self.form == "table":
            if not rows and nothing is not None:
                self._words(nothing)
                return
            names = shown or columns
            width = self.console.width
            for start in range(0, len(rows) or 1, ROWS_OF_A_TABLE):
                part = rows[start : start + ROWS_OF_A_TABLE]
                above = None if start else title
                self.console.print(
                    table_of(names, part, title=above, width=width, important=important)
                )
            return
        if self.form == "csv" and not rows:
            self._csv(columns)
        for row in rows:
            self.record(name, columns, row)

    def _csv(self, values: Iterable[Any]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(values)
        self._line(buffer.getvalue())

    def _words(self, text: str) -> None:
        """Words for people: a terminal would break them anywhere."""
        self._line(fitted(text, self.console.width) if self._is_terminal() else text)

    def _line(self, text: str) -> None:
        # Flushed at once: who reads a pipe waits for this line.
        self.stream.write(f"{text}\n")
        self.stream.flush()
