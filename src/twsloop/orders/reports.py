"""The reports of gaps that are kept for reading: so many, and of so many rows. Pure.

An order that works for weeks, or of which nobody will ever know, stands in the report of every gap.
A row that says what the report before it said is that report's row, and takes no memory again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, TypeVar

from twsloop.events import GapReport

__all__ = ["REPORTS", "ROWS", "Reports"]

#: How many reports are kept,
REPORTS = 100
#: and how many rows of theirs (a third of a kilobyte each) that say something new: some megabytes
#: after a night in which thousands of orders came and went. The newest report is always kept.
ROWS = 10_000


_Row = TypeVar("_Row", bound=Hashable)


class Reports:
    """The newest reports, the oldest first.

    Args:
        most: How many.
        rows: How many rows all of them may have that say something new.
    """

    def __init__(self, most: int = REPORTS, rows: int = ROWS) -> None:
        self._most, self._most_rows = most, rows
        self._kept: deque[tuple[GapReport, int]] = deque()
        self._rows = 0
        #: The newest report's rows about orders, and its differences, by what they say.
        self._said: dict[Any, Any] = {}

    def __iter__(self) -> Iterator[GapReport]:
        return iter([report for report, _ in self._kept])

    def __len__(self) -> int:
        return len(self._kept)

    def shared(self, rows: Iterable[_Row]) -> tuple[_Row, ...]:
        """Rows of the next report; those that the newest one has too are its own."""
        return tuple(self._said.get(row, row) for row in rows)

    def add(self, report: GapReport) -> None:
        """Keep a report; the oldest go if there are too many, or too many rows."""
        said = {row: row for row in (*report.orders, *report.differences)}
        new = sum(self._said.get(row) is not row for row in said)
        new += len(report.executions) + len(report.commissions) + len(report.positions)
        self._said = said
        self._kept.append((report, new))
        self._rows += new
        while len(self._kept) > self._most or (
            self._rows > self._most_rows and len(self._kept) > 1
        ):
            self._rows -= self._kept.popleft()[1]
