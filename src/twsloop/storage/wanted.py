"""Which rows of a journal somebody wants, and the SQL for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs

from .schema import SINCE

__all__ = ["Wanted", "Where", "marks", "time_as_written"]

_Row = TypeVar("_Row")


@attrs.frozen(kw_only=True)
class Wanted:
    """Which rows; what is not said does not matter.

    Attributes:
        since: From when on.
        until: Before when.
        symbol: The contract in short, or the beginning of its words; in any case of letters.
        status: IB's word for an order's status, or ours; ``UNCERTAIN`` are also orders that were
            meant, and of which nothing was told after that.
        client_id: Whose.
        order_id: The id within the client id.
        perm_id: IB's permanent id.
        tag: The user's own reference.
        token: Ours.
        working: Only orders that may be working still.
        kinds: Which kinds of facts, by their class.
        limit: So many rows at most, the newest.
        offset: After leaving out so many of the newest.
    """

    since: datetime | None = None
    until: datetime | None = None
    symbol: str | None = None
    status: str | None = None
    client_id: int | None = None
    order_id: int | None = None
    perm_id: int | None = None
    tag: str | None = None
    token: str | None = None
    working: bool = False
    kinds: tuple[str, ...] = ()
    limit: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0))
    )
    offset: int = attrs.field(default=0, validator=attrs.validators.ge(0))

    def page(self, rows: list[_Row]) -> list[_Row]:
        """Of all rows that are wanted, those of the page."""
        end = len(rows) - self.offset
        start = 0 if self.limit is None else max(end - self.limit, 0)
        return rows[start : max(end, 0)]


def marks(values: Sequence[Any]) -> str:
    """A mark for each value, for a list in SQL."""
    return ", ".join("?" * len(values))


class Where:
    """The conditions of a query over the spine or the history, with their parameters.

    Args:
        table: The table or view.
        kind: Its column that has the kind of fact.
        wanted: Which rows.
    """

    def __init__(self, table: str, kind: str, wanted: Wanted) -> None:
        self._table = table
        self._conditions: list[str] = []
        self.parameters: list[Any] = []
        self._wanted = wanted
        since = time_as_written(wanted.since)
        self.add(f"{{0}}.seq > {SINCE.format('?')} AND {{0}}.time >= ?", since, since)
        self.add("{}.time < ?", time_as_written(wanted.until))
        if wanted.kinds:
            self.add(f"{{}}.{kind} IN ({marks(wanted.kinds)})", *wanted.kinds)
        client = wanted.client_id
        if client is not None and table == "entry":
            self.add("({0}.correlation_id GLOB ? OR {0}.correlation_id GLOB ?)",
                     f"order-{client}-*", f"session-{client}-*")  # fmt: skip
        else:
            self.add("{}.client_id = ?", client)
        if wanted.symbol:
            symbol = "(h.symbol = ? COLLATE NOCASE OR substr(h.symbol, 1, ?) = ? COLLATE NOCASE)"
            begins = f"{wanted.symbol} "
            self._story(symbol, wanted.symbol, len(begins), begins)
        self._story("h.order_id = ?", wanted.order_id)
        self._story("h.perm_id = ?", wanted.perm_id)
        self._story("h.tag = ?", wanted.tag)
        self._story("h.seq IN (SELECT seq FROM intent WHERE token = ?)", wanted.token)

    def add(self, condition: str, *parameters: Any) -> None:
        """Add a condition, ``{}`` for the table; not if its parameter is None."""
        if None in parameters:
            return
        self._conditions.append(condition.format(self._table))
        self.parameters += parameters

    def _story(self, condition: str, *parameters: Any) -> None:
        """The rows of the orders that have a row ``h`` of which this is true.

        Orders that were placed by hand have one story; they are told apart by their permanent ids.
        """
        if None in parameters:
            return
        rows = f"FROM order_history h WHERE {condition}"
        one = f"SELECT h.correlation_id {rows} AND h.order_id <> 0"
        perms = f"(SELECT h.perm_id {rows})"
        named = f"SELECT p.seq FROM order_history p WHERE p.perm_id IN {perms}"  # noqa: S608
        ours = f"({{0}}.correlation_id IN ({one}) OR {{0}}.seq IN ({named}))"
        self.add(ours, *parameters, *parameters)

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""

    @property
    def page(self) -> str:
        """Orders the rows, the newest first, and cuts the page."""
        return "ORDER BY seq DESC LIMIT ? OFFSET ?"

    @property
    def page_parameters(self) -> tuple[int, int]:
        """Its parameters; SQLite takes -1 for no limit."""
        limit = self._wanted.limit
        return -1 if limit is None else limit, self._wanted.offset


def time_as_written(time: datetime | None) -> str | None:
    """A time as the journal writes it, so that text sorts as time does."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="microseconds")
