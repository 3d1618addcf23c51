"""The rows of ``error_policy.csv``, read and checked; `policy` says which of them decides."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import attrs

from twsloop.config.sections.errors import CONTEXTS, SEVERITIES

from .actions import ACTIONS
from .codes import CATEGORIES

__all__ = ["ANY", "PolicyRow", "Table", "load_policy", "read_policy"]

#: The row of everything.
ANY = "*"
#: The columns that change what the table of codes says.
_FIELDS = ("category", "severity", "retry", "scope", "what_happens_next")
_SCOPES = ("order", "request", "connection", "system")
_RETRIES = ("no", "yes", "after_reconnect")


@attrs.frozen
class PolicyRow:
    """One row of the table.

    Attributes:
        match: A code, a range ``low-high``, ``severity:``, ``scope:``, ``category:`` or ``retry:``
            with a word, or ``*``.
        text: The pattern that IB's text has to fit, or None.
        contexts: Where it counts.
        action: What is done there; empty for a row that only changes fields.
        changes: What it changes of the code's line.
        because: Why.
    """

    match: str
    text: re.Pattern[str] | None
    contexts: frozenset[str]
    action: str
    changes: Mapping[str, str]
    because: str

    def fits(self, text: str) -> bool:
        """Whether it is about a notice with that text, if it is about its code."""
        return self.text is None or self.text.search(text) is not None


@attrs.frozen
class Table:
    """The rows, where they are looked for.

    Attributes:
        by_code: The rows of single codes.
        ranges: ``(codes, row)``.
        general: The rows of severities, scopes, categories, of whether asking again can help, and
            of everything, by ``match``.
    """

    by_code: Mapping[int, tuple[PolicyRow, ...]]
    ranges: tuple[tuple[range, PolicyRow], ...]
    general: Mapping[str, tuple[PolicyRow, ...]]

    @property
    def rows(self) -> tuple[PolicyRow, ...]:
        """All of them."""
        groups = (*self.by_code.values(), tuple(row for _, row in self.ranges))
        return tuple(row for group in (*groups, *self.general.values()) for row in group)


@cache
def load_policy() -> Table:
    """The table of ``error_policy.csv``.

    Raises:
        ValueError: A row that cannot be read, or two rows that say different things of the same.
    """
    text = resources.files("twsloop").joinpath("error_policy.csv").read_text(encoding="utf-8")
    return read_policy(text)


def read_policy(text: str) -> Table:
    """Read a table; see `load_policy`."""
    by_code: dict[int, list[PolicyRow]] = {}
    ranges: list[tuple[range, PolicyRow]] = []
    general: dict[str, list[PolicyRow]] = {}
    seen: set[tuple[str, str, str]] = set()
    for number, cells in enumerate(csv.DictReader(text.splitlines()), start=2):
        row = _read_row(cells, f"error_policy.csv, line {number}")
        if row.action:
            keys = {(row.match, cells["text"], context) for context in row.contexts}
            if keys & seen:
                msg = f"error_policy.csv, line {number}: decided by an earlier row already"
                raise ValueError(msg)
            seen |= keys
        low, dash, high = row.match.partition("-")
        if row.match.isdigit():
            by_code.setdefault(int(row.match), []).append(row)
        elif dash:
            ranges.append((range(int(low), int(high) + 1), row))
        else:
            general.setdefault(row.match, []).append(row)
    missing = CONTEXTS.keys() - {c for row in general.get(ANY, ()) for c in row.contexts}
    if missing:
        msg = f"error_policy.csv: no row '*' for {', '.join(sorted(missing))}"
        raise ValueError(msg)
    return Table(
        MappingProxyType({code: tuple(rows) for code, rows in by_code.items()}),
        tuple(ranges),
        MappingProxyType({match: tuple(rows) for match, rows in general.items()}),
    )


def _read_row(cells: Mapping[str, str], where: str) -> PolicyRow:
    words = cells["context"].split()
    row = PolicyRow(
        match=cells["match"],
        text=re.compile(cells["text"], re.IGNORECASE) if cells["text"] else None,
        contexts=frozenset(CONTEXTS if words == [ANY] else words),
        action=cells["action"],
        changes=MappingProxyType({name: cells[name] for name in _FIELDS if cells[name]}),
        because=cells["because"],
    )
    kind, colon, value = row.match.partition(":")
    known = {
        "severity": SEVERITIES, "scope": _SCOPES, "category": CATEGORIES, "retry": _RETRIES
    }.get(kind, ())  # fmt: skip
    if colon and value not in known:
        msg = f"{where}: there is no {kind} {value!r}"
    elif not colon and not re.fullmatch(r"\*|\d+(-\d+)?", row.match):
        msg = f"{where}: {row.match!r} is no code, range or kind"
    elif row.action and row.action not in ACTIONS:
        msg = f"{where}: there is no action {row.action!r}"
    elif not row.contexts <= CONTEXTS.keys() or not row.contexts:
        msg = f"{where}: there is no context {cells['context']!r}"
    elif row.changes.get("severity", "info") not in SEVERITIES:
        msg = f"{where}: there is no severity {row.changes['severity']!r}"
    elif not row.action and not row.changes:
        msg = f"{where}: it says nothing"
    else:
        return row
    raise ValueError(msg)
