"""One CSV file of quotes and trades, row by row.

What a file may look like stands in `tick_files`, which makes events of the rows of many.
"""

from __future__ import annotations

import csv
import gzip
import operator
import zlib
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import attrs

from twsloop.errors import FeedError

__all__ = ["CURRENCY_SIZE", "NO_QUOTE", "Quote", "ReplayStats", "Row", "TickFile"]

#: The size of both sides of a currency file, which tells none: a million of the base currency.
CURRENCY_SIZE = Decimal(1_000_000)
EQUITY_COLUMNS = (
    *("ts_utc", "kind", "exch", "price", "size", "suspicious"),
    *("nbbo_bid", "nbbo_bid_size", "nbbo_ask", "nbbo_ask_size"),
)
PAIR_LETTERS = 6
SECOND_NS = 1_000_000_000


@attrs.define
class ReplayStats:
    """What became of the rows read so far.

    Attributes:
        rows: Rows read, header lines aside.
        quotes: Rows that changed the best bid or offer.
        trades: Trades.
        repeats: Rows that changed nothing.
        suspicious: Rows dropped because their file marks them.
        outside: Rows before the window.
    """

    rows: int = 0
    quotes: int = 0
    trades: int = 0
    repeats: int = 0
    suspicious: int = 0
    outside: int = 0


Quote = tuple[float | None, Decimal | None, float | None, Decimal | None]
NO_QUOTE: Quote = (None, None, None, None)


class Row(NamedTuple):
    """What one row says."""

    time_ns: int
    con_id: int
    quote: Quote | None  # None: the row was dropped
    bid_exchange: str
    ask_exchange: str
    trade: tuple[float, Decimal, str] | None


class TickFile:
    """One file: its symbol, and its rows.

    Args:
        path: The file.
        stats: Where rows are counted.
        since_ns: Rows before this time are counted and passed over.

    Attributes:
        symbol: As `Catalogue.by_symbol` knows it.
        con_id: What the rows shall carry; the reader of many files sets it.
        first_day: The day of the first row, None without rows.

    Raises:
        FeedError: The file cannot be opened, or its header or first time stamp cannot be read.
    """

    def __init__(self, path: Path, stats: ReplayStats, since_ns: int | None) -> None:
        self.path = path
        self.con_id = 0
        self._stats = stats
        self._since_ns = since_ns
        name = path.name.partition("_")[0].partition(".")[0].upper()
        with _open(path) as lines:
            reader = csv.reader(_guarded(lines, path))
            header = next(reader, None)
            first = next(reader, None)
        if header is None:
            _fail("the file is empty", path, 1)
        self._columns = {name: n for n, name in enumerate(header)}
        self._width = len(header)
        self.is_currency = "kind" not in self._columns and {"bid", "ask"} <= set(self._columns)
        self.symbol = name
        self._time_column = "ts_utc"
        if self.is_currency:
            if "ts_utc" not in self._columns:
                self._time_column = "timestamp"
            needed: tuple[str, ...] = (self._time_column,)
            if len(name) == PAIR_LETTERS:
                self.symbol = f"{name[:3]}.{name[3:]}"
        else:
            needed = EQUITY_COLUMNS
        missing = [column for column in needed if column not in self._columns]
        if missing:
            _fail(f"the header lacks {', '.join(missing)}", path, 1)
        self.first_day = self._day_of(first)

    def _day_of(self, row: list[str] | None) -> date | None:
        if row is None:
            return None
        if len(row) != self._width:
            _fail(f"{len(row)} columns, the header has {self._width}", self.path, 2)
        text = row[self._columns[self._time_column]]
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            return _fail(_bad_time(text), self.path, 2)

    def rows(self) -> Generator[Row, None, None]:
        """The rows, from the first; dropped ones too, with neither quote nor trade."""
        with _open(self.path) as lines:
            reader = csv.reader(_guarded(lines, self.path))
            next(reader, None)
            parse = self._currency_rows if self.is_currency else self._equity_rows
            try:
                yield from parse(reader)
            except ValueError as error:
                _fail(str(error), self.path, reader.line_num)
            except csv.Error as error:
                _fail(f"this is no CSV: {error}", self.path, reader.line_num)

    def _equity_rows(self, reader: Iterator[list[str]]) -> Iterator[Row]:
        at = [self._columns[name] for name in EQUITY_COLUMNS]
        time_at, kind_at, exch_at, price_at, size_at, suspicious_at = at[:6]
        nbbo = operator.itemgetter(*at[6:])
        # Without the venue's own quote the letters of the venues stay unknown.
        bid_at, ask_at = self._columns.get("bid"), self._columns.get("ask")
        stats, con_id, width, since = self._stats, self.con_id, self._width, self._since_ns
        parse_time = _TimeParser()
        texts: tuple[str, ...] = ("", "", "", "")
        quote = NO_QUOTE
        bid_exchange = ask_exchange = ""
        before = 0
        for row in reader:
            stats.rows += 1
            if len(row) != width:
                msg = f"{len(row)} columns, the header has {width}"
                raise ValueError(msg)
            time_ns = parse_time(row[time_at])
            if time_ns < before:
                msg = f"time goes back to {row[time_at]}"
                raise ValueError(msg)
            before = time_ns
            if since is not None and time_ns < since:
                stats.outside += 1
                yield Row(time_ns, con_id, None, "", "", None)
                continue
            kind = row[kind_at]
            if kind not in {"Q", "T"}:
                msg = f"kind {kind!r} is neither Q nor T"
                raise ValueError(msg)
            if row[suspicious_at] not in {"0", ""}:
                stats.suspicious += 1
                yield Row(time_ns, con_id, None, "", "", None)
                continue
            now = nbbo(row)
            if now != texts:
                quote, texts = _quote(now), now
            if kind == "Q":
                if bid_at is not None and row[bid_at]:
                    bid_exchange = row[exch_at]
                if ask_at is not None and row[ask_at]:
                    ask_exchange = row[exch_at]
                yield Row(time_ns, con_id, quote, bid_exchange, ask_exchange, None)
            else:
                trade = (_price(row[price_at]), _size(row[size_at]), row[exch_at])
                yield Row(time_ns, con_id, quote, bid_exchange, ask_exchange, trade)

    def _currency_rows(self, reader: Iterator[list[str]]) -> Iterator[Row]:
        time_at = self._columns[self._time_column]
        bid_at, ask_at = self._columns["bid"], self._columns["ask"]
        parse_time = _TimeParser()
        before = 0
        for row in reader:
            self._stats.rows += 1
            if len(row) != self._width:
                msg = f"{len(row)} columns, the header has {self._width}"
                raise ValueError(msg)
            time_ns = parse_time(row[time_at])
            if time_ns < before:
                msg = f"time goes back to {row[time_at]}"
                raise ValueError(msg)
            before = time_ns
            if self._since_ns is not None and time_ns < self._since_ns:
                self._stats.outside += 1
                yield Row(time_ns, self.con_id, None, "", "", None)
                continue
            size = str(CURRENCY_SIZE)
            quote = _quote((row[bid_at], size, row[ask_at], size))
            yield Row(time_ns, self.con_id, quote, "", "", None)


class _TimeParser:
    """Time stamps to ns since 1970; the minute, which seldom changes, is parsed once."""

    __slots__ = ("_base", "_minute")

    def __init__(self) -> None:
        self._minute = ""
        self._base = 0

    def __call__(self, text: str) -> int:
        minute = text[:16]
        if minute != self._minute:
            try:
                start = datetime.fromisoformat(minute).replace(tzinfo=UTC)
            except ValueError:
                raise ValueError(_bad_time(text)) from None
            self._base = int(start.timestamp()) * SECOND_NS
            self._minute = minute
        if text.endswith("Z"):
            rest = text[16:-1]
        elif text.endswith("+00:00"):
            rest = text[16:-6]
        else:
            raise ValueError(_bad_time(text))
        seconds, fraction = rest[1:3], rest[4:]
        if rest[:1] != ":" or not seconds.isdecimal() or rest[3:4] not in {".", ""}:
            raise ValueError(_bad_time(text))
        if rest[3:] and not (fraction.isdecimal() and len(fraction) <= 9):
            raise ValueError(_bad_time(text))
        return self._base + int(seconds) * SECOND_NS + int(fraction.ljust(9, "0"))


def _bad_time(text: str) -> str:
    return f"time stamp {text!r} is not like 2013-10-07T08:00:00.054Z"


def _quote(texts: Sequence[str]) -> Quote:
    bid, bid_size, ask, ask_size = texts
    return (
        _price(bid) if bid else None,
        _size(bid_size) if bid else None,
        _price(ask) if ask else None,
        _size(ask_size) if ask else None,
    )


def _price(text: str) -> float:
    price = float(text)
    if not 0 < price < float("inf"):
        msg = f"price {text!r} is not above 0"
        raise ValueError(msg)
    return price


def _size(text: str) -> Decimal:
    try:
        size = Decimal(text)
    except InvalidOperation:
        size = Decimal("nan")
    if not (size.is_finite() and size >= 0):
        msg = f"size {text!r} is not 0 or more"
        raise ValueError(msg)
    return size


def _fail(problem: str, path: Path, line: int) -> NoReturn:
    raise FeedError(problem, file=path.name, line=line) from None


def _open(path: Path) -> IO[str]:
    try:
        if path.name.endswith(".gz"):
            return gzip.open(path, "rt", encoding="utf-8", newline="")
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise FeedError(f"cannot be opened: {error.strerror}", file=str(path)) from error


def _guarded(lines: IO[str], path: Path) -> Iterator[str]:
    """The lines; a file that breaks off or is no text is told with the line before."""
    read = 0
    try:
        for line in lines:
            read += 1
            yield line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        _fail(f"the file cannot be read beyond this line: {error}", path, read)
