"""Bars and ticks that were fetched once, in a SQLite file: what is there, and what is missing.

Of each series (a contract's bars of one size, its ticks of one kind) the file has the rows, and the
spans of time that are known whole: a span without a row is known to be empty, which is not the same
as not known. Rows and spans change in one transaction. So a fetch that breaks off leaves everything
that it had, and the next one goes on from there.

Prices and sizes are text with the digits they came with. Series of different gateways are kept
apart: a paper gateway makes its history up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from twsloop.database import Database, Migration, Transaction

from .rows import Bar, MidpointTick, QuoteTick, Tick, TradeTick
from .spans import Span, Spans, moment

__all__ = ["MIGRATIONS", "SeriesKey", "Store"]

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "bars and ticks by series, and which spans are known",
        (
            """
            CREATE TABLE series (
                id INTEGER PRIMARY KEY,
                source TEXT NOT NULL,
                contract TEXT NOT NULL,
                show TEXT NOT NULL,
                size TEXT NOT NULL,
                regular INTEGER NOT NULL CHECK (regular IN (0, 1)),
                UNIQUE (source, contract, show, size, regular)
            ) STRICT
            """,
            """
            CREATE TABLE known (
                series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
                start INTEGER NOT NULL,
                until INTEGER NOT NULL CHECK (until > start),
                PRIMARY KEY (series, start)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE bar (
                series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
                second INTEGER NOT NULL,
                open TEXT NOT NULL,
                high TEXT NOT NULL,
                low TEXT NOT NULL,
                close TEXT NOT NULL,
                volume TEXT,
                average TEXT,
                count INTEGER,
                PRIMARY KEY (series, second)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE tick (
                series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
                second INTEGER NOT NULL,
                place INTEGER NOT NULL,
                kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
                price TEXT,
                size TEXT,
                ask TEXT,
                ask_size TEXT,
                exchange TEXT,
                conditions TEXT,
                flags INTEGER NOT NULL,
                PRIMARY KEY (series, second, place)
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
)

#: So many rows are read at a time.
PAGE = 2000

_TRADE, _QUOTE, _MIDPOINT = 1, 2, 3
_SERIES = (
    "SELECT id FROM series"
    " WHERE source = ? AND contract = ? AND show = ? AND size = ? AND regular = ?"
)
#: So many bars are made rows of before others have their turn on the loop thread.
WRITTEN_AT_ONCE = 1000
_INSERT_BAR = "INSERT OR REPLACE INTO bar VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_TICK = "INSERT OR REPLACE INTO tick VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@attrs.frozen
class SeriesKey:
    """What a series is known by.

    Attributes:
        source: Who told it: the name of a gateway.
        contract: The contract, as text: its id and exchange, or all its fields.
        show: What it shows (``TRADES``).
        size: The bars' size; ``tick`` of ticks.
        regular: Only regular trading hours.
    """

    source: str
    contract: str
    show: str
    size: str
    regular: bool


class Store:
    """The file; use it on the loop that it was opened on.

    Args:
        path: The file; its folder is made when it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, migrations=MIGRATIONS)

    async def open(self) -> None:
        """Open the file.

        Raises:
            StorageError: It cannot be opened, or is no store of ours.
        """
        await self._database.open()

    async def close(self) -> None:
        """Close the file; twice does nothing more."""
        await self._database.close()

    # ---- reading -------------------------------------------------------------------------

    async def known(self, key: SeriesKey) -> Spans:
        """The spans that are known whole."""
        rows = await self._database.fetch(
            f"SELECT start, until FROM known WHERE series = ({_SERIES})",  # noqa: S608  (our words)
            attrs.astuple(key),
        )
        return Spans(Span(row["start"], row["until"]) for row in rows)

    async def bars(self, key: SeriesKey, span: Span, *, dated: bool) -> list[Bar]:
        """The bars that begin in a span, in order.

        Args:
            key: Of which series.
            span: Of which time.
            dated: Whether they carry a day.
        """
        return [
            _bar(row, dated)
            async for page in self._pages("bar", "second", key, span)
            for row in page
        ]

    async def beside(self, key: SeriesKey, span: Span, count: int, *, dated: bool) -> list[Bar]:
        """The last bars before a span, and the first ones after it, in order.

        Args:
            key: Of which series.
            span: Beside what.
            count: How many at most on either side.
            dated: Whether they carry a day.
        """
        series = f"series = ({_SERIES})"
        rows = await self._database.fetch(
            f"SELECT * FROM (SELECT * FROM bar WHERE {series} AND second < ?"  # noqa: S608
            " ORDER BY second DESC LIMIT ?)"
            f" UNION ALL SELECT * FROM (SELECT * FROM bar WHERE {series} AND second >= ?"
            " ORDER BY second LIMIT ?) ORDER BY second",
            (*attrs.astuple(key), span.start, count, *attrs.astuple(key), span.end, count),
        )
        return [_bar(row, dated) for row in rows]

    async def ticks(self, key: SeriesKey, span: Span) -> list[Tick]:
        """The ticks of a span, in the order in which they came."""
        return [
            _tick(row)
            async for page in self._pages("tick", "second, place", key, span)
            for row in page
        ]

    async def _pages(
        self, table: str, order: str, key: SeriesKey, span: Span
    ) -> AsyncIterator[list[Any]]:
        """The rows of a span, some at a time: a year of minutes at once would hold up the loop."""
        places = order.split(", ")
        last: tuple[Any, ...] = (span.start, -1)[: len(places)]
        compare = ">" if len(places) > 1 else ">="
        while True:
            page = await self._database.fetch(
                f"SELECT * FROM {table} WHERE series = ({_SERIES})"  # noqa: S608  (our words)
                f" AND ({order}) {compare} ({', '.join('?' * len(places))}) AND second < ?"
                f" ORDER BY {order} LIMIT {PAGE}",
                (*attrs.astuple(key), *last, span.end),
            )
            yield page
            if len(page) < PAGE:
                return
            last, compare = tuple(page[-1][place] for place in places), ">"

    # ---- writing -------------------------------------------------------------------------

    async def keep_bars(self, key: SeriesKey, span: Span, bars: Iterable[Bar]) -> None:
        """A span of a series is known now: these are all the bars that begin in it."""
        rows: list[tuple[Any, ...]] = []
        left = iter(bars)
        while some := [*islice(left, WRITTEN_AT_ONCE)]:
            rows += map(_bar_row, some)
            await asyncio.sleep(0)
        async with self._database.transaction() as change:
            series = await _series(change, key)
            await _clear(change, "bar", series, span)
            for start in range(0, len(rows), WRITTEN_AT_ONCE):
                some_rows = rows[start : start + WRITTEN_AT_ONCE]
                await change.execute_many(_INSERT_BAR, [(series, *row) for row in some_rows])
            await _mark(change, series, span)

    async def keep_ticks(self, key: SeriesKey, span: Span, ticks: Sequence[Tick]) -> None:
        """A span of a series is known now: these are all the ticks in it, in order."""
        async with self._database.transaction() as change:
            series = await _series(change, key)
            await _clear(change, "tick", series, span)
            rows = [
                (series, int(tick.time.timestamp()), place, *_tick_row(tick))
                for place, tick in enumerate(ticks)
            ]
            await change.execute_many(_INSERT_TICK, rows)
            await _mark(change, series, span)

    async def forget(self, key: SeriesKey) -> None:
        """Nothing of a series is known any more."""
        async with self._database.transaction() as change:
            await change.execute(
                f"DELETE FROM series WHERE id = ({_SERIES})",  # noqa: S608  (our words)
                attrs.astuple(key),
            )


async def _series(change: Transaction, key: SeriesKey) -> int:
    """The number of a series, a new one if it is new."""
    values = attrs.astuple(key)
    await change.execute(
        "INSERT OR IGNORE INTO series (source, contract, show, size, regular)"
        " VALUES (?, ?, ?, ?, ?)",
        values,
    )
    (row,) = await change.fetch(_SERIES, values)
    return int(row["id"])


async def _clear(change: Transaction, table: str, series: int, span: Span) -> None:
    await change.execute(
        f"DELETE FROM {table} WHERE series = ? AND second >= ? AND second < ?",  # noqa: S608
        (series, span.start, span.end),
    )


async def _mark(change: Transaction, series: int, span: Span) -> None:
    """Join a span to those that are known and touch it."""
    touching = (series, span.start, span.end)
    rows = await change.fetch(
        "SELECT start, until FROM known WHERE series = ? AND until >= ? AND start <= ?", touching
    )
    (joined,) = Spans([span, *(Span(row["start"], row["until"]) for row in rows)])
    await change.execute(
        "DELETE FROM known WHERE series = ? AND until >= ? AND start <= ?", touching
    )
    await change.execute("INSERT INTO known VALUES (?, ?, ?)", (series, joined.start, joined.end))


# ---- rows as they are kept --------------------------------------------------------------------


def _texts(*numbers: Decimal | None) -> tuple[str | None, ...]:
    return tuple(None if number is None else str(number) for number in numbers)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _bar(row: Any, dated: bool) -> Bar:
    time = moment(row["second"])
    return Bar(
        time,
        Decimal(row["open"]),
        Decimal(row["high"]),
        Decimal(row["low"]),
        Decimal(row["close"]),
        _number(row["volume"]),
        _number(row["average"]),
        row["count"],
        time.date() if dated else None,
    )


def _bar_row(bar: Bar) -> tuple[Any, ...]:
    """Second, prices, volume, average, count."""
    prices = _texts(bar.open, bar.high, bar.low, bar.close)
    return (bar.second, *prices, *_texts(bar.volume, bar.average), bar.count)


def _tick_row(tick: Tick) -> tuple[Any, ...]:
    """Kind, price, size, ask, ask size, exchange, conditions, flags."""
    if isinstance(tick, TradeTick):
        flags = tick.past_limit + 2 * tick.unreported
        texts = _texts(tick.price, tick.size)
        return (_TRADE, *texts, None, None, tick.exchange, tick.conditions, flags)
    if isinstance(tick, QuoteTick):
        flags = tick.bid_past_low + 2 * tick.ask_past_high
        texts = _texts(tick.bid, tick.bid_size, tick.ask, tick.ask_size)
        return (_QUOTE, *texts, None, None, flags)
    return (_MIDPOINT, str(tick.price), None, None, None, None, None, 0)


def _tick(row: Any) -> Tick:
    time, flags = moment(row["second"]), row["flags"]
    first, second = bool(flags & 1), bool(flags & 2)
    price, size = _number(row["price"]), _number(row["size"])
    if row["kind"] == _QUOTE:
        ask, ask_size = _number(row["ask"]), _number(row["ask_size"])
        return QuoteTick(time, price, ask, size, ask_size, bid_past_low=first, ask_past_high=second)
    assert price is not None
    if row["kind"] == _MIDPOINT:
        return MidpointTick(time, price)
    return TradeTick(
        time,
        price,
        size,
        row["exchange"],
        row["conditions"],
        past_limit=first,
        unreported=second,
    )
