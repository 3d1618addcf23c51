"""The executions that a journal knows since a time, whoever's, each with its kind of contract."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from twsloop.events import Fill

from .queries import entries, fact_of

__all__ = ["traded"]

_SINCE = "WHERE seq IN (SELECT seq FROM execution) AND time >= ? ORDER BY seq"
_KIND = "SELECT sec_type FROM intent WHERE client_id = ? AND order_id = ? LIMIT 1"


def traded(journal: sqlite3.Connection, since: datetime) -> list[tuple[Fill, str]]:
    """Executions, in the order in which they were written.

    Args:
        journal: The file, as `twsloop.storage.reading.reading` opens it.
        since: When they were written, at the earliest; none was executed later than that.

    Returns:
        Each with IB's word for the contract that its order was for: of the leg of a combination
        ``BAG``. Empty where the journal has no intent of that order.

    Raises:
        StorageError: An entry cannot be read.
    """
    kinds: dict[tuple[int, int], str] = {}
    found: list[tuple[Fill, str]] = []
    text = since.astimezone(UTC).isoformat(timespec="microseconds")
    for entry in entries(journal, _SINCE, (text,)):
        fill = fact_of(entry)
        assert isinstance(fill, Fill), fill
        order = fill.client_id, fill.order_id
        if order not in kinds:
            row = journal.execute(_KIND, order).fetchone() if fill.order_id else None
            kinds[order] = (row and row[0]) or ""
        found.append((fill, kinds[order]))
    return found
