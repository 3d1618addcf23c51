"""Reads CSV files of quotes and trades as the events of a market, many files as one stream.

Files are CSV or gzip CSV with a header line. The symbol is the file's name up to the first ``_``
(``IBM_20131007_tick.csv.gz``; ``EURUSD_...`` for EUR.USD). Columns are found by name, others are
ignored. Two forms:

**Equity ticks**, ``ts_utc, kind, exch, price, size, suspicious, nbbo_bid, nbbo_bid_size, nbbo_ask,
nbbo_ask_size`` and (for the venues' letters) ``bid, ask``: every row holds the best bid and offer
after it, an empty price is a side without a quote. ``kind`` Q is a quote, T a trade of ``size``
shares at ``price``. A row becomes

1. a `QuoteChange`, if its nbbo columns differ from those of the instrument's last row;
2. then, of kind T, a `Trade`.

A row that is neither is a repeat. A row whose ``suspicious`` is not 0 is dropped whole, its nbbo
columns too. All trades count alike, whatever their condition.

**Currency ticks**, ``ts_utc, bid, ask`` (or ``timestamp`` for the first): every row is a quote, of
`CURRENCY_SIZE` on both sides, because such files have no sizes.

Time stamps are UTC, ``2013-10-07T08:00:00.054Z`` or ``2013-01-01 22:00:00.295000+00:00``, and do
not decrease within a file. Files are merged by time; of equal times the row of the file that
sorts first (by path) comes first, and rows of one file keep their order. Only one row of each file
is read ahead, so memory does not grow with the files.

Anything else is a `FeedError` that names file and line.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import operator
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import attrs

from twsloop.errors import FeedError

from .instruments import Catalogue, Instrument, currency_instrument, stock_instrument
from .listings import CurrencyLine, StockLine
from .market import Event, QuoteChange, Trade
from .sampling import IB_INTERVAL_NS, Sampler

__all__ = ["CURRENCY_SIZE", "ReplayStats", "Step", "TickFiles", "window_time"]

#: The size of both sides of a currency file, which tells none: a million of the base currency.
CURRENCY_SIZE = Decimal(1_000_000)
SUFFIXES = (".csv", ".csv.gz")
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


class Step(NamedTuple):
    """One row's worth of a stream: what it made happen, which may be nothing."""

    due_ns: int  # when it is due, in the data's time
    events: Sequence[Event]


Quote = tuple[float | None, Decimal | None, float | None, Decimal | None]
NO_QUOTE: Quote = (None, None, None, None)


class _Row(NamedTuple):
    time_ns: int
    con_id: int
    quote: Quote | None  # None: the row was dropped
    bid_exchange: str
    ask_exchange: str
    trade: tuple[float, Decimal, str] | None


def window_time(text: str) -> datetime:
    """The time that a user wrote for the edge of a window; UTC unless it says otherwise.

    Raises:
        FeedError: It is not an ISO 8601 time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no time; write it like 2013-10-07T14:30:00Z"
        raise FeedError(msg) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


class TickFiles:
    """Files of ticks as one stream of events.

    Args:
        paths: Files, or folders whose ``*.csv`` and ``*.csv.gz`` are meant (not their subfolders).
        instruments: What the symbols mean; the standard catalogue of the first file's first day
            unless given. Symbols that it lacks are added, as US stocks or currency pairs.
        since: Rows before it are skipped unread; the stream begins as if nothing had been before.
        until: The stream ends before the first row at or after it.
        sample: Whether to fold events as IB does (see `sampling`).

    Attributes:
        instruments: The catalogue, complete.
        traded: The contract ids that have data.
        stats: What became of the rows.

    Raises:
        FeedError: There are no files, or a file's header or first row cannot be read.
    """

    def __init__(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        instruments: Catalogue | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        sample: bool = False,
    ) -> None:
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        self.stats = ReplayStats()
        self._since_ns = None if since is None else _ns(since)
        self._until_ns = None if until is None else _ns(until)
        self._sample = sample
        found = _find([Path(path) for path in given])
        catalogue = instruments or Catalogue.standard(_first_day(found[0]))
        self._files: list[_TickFile] = []
        for path in found:
            tick_file = _TickFile(path, self.stats, self._since_ns)
            instrument = catalogue.by_symbol(tick_file.symbol)
            if instrument is None:
                instrument = _new_instrument(tick_file.symbol)
                catalogue = catalogue.with_instruments([instrument])
            tick_file.con_id = instrument.con_id
            self._files.append(tick_file)
        self.instruments = catalogue
        self.traded = frozenset(one.con_id for one in self._files)

    def steps(self) -> Iterator[Step]:
        """Read the files once more from the beginning, one step a row.

        A step without events tells that a row was read which changed nothing, so that a reader on
        an event loop may take a breath.

        Raises:
            FeedError: While iterating, at the first row that cannot be read.
        """
        plain = self._plain_steps()
        return self._sampled_steps(plain) if self._sample else plain

    def events(self) -> Iterator[Event]:
        """All events of the files, in order."""
        for step in self.steps():
            yield from step.events

    def _plain_steps(self) -> Iterator[Step]:
        readers = [one.rows() for one in self._files]
        rows: Iterator[_Row] = (
            readers[0] if len(readers) == 1 else heapq.merge(*readers, key=operator.itemgetter(0))
        )
        stats, until = self.stats, self._until_ns
        quotes = dict.fromkeys(self.traded, NO_QUOTE)
        try:
            for time_ns, con_id, quote, bid_exchange, ask_exchange, trade in rows:
                if until is not None and time_ns >= until:
                    return
                events: list[Event] = []
                if quote is not None and quote != quotes[con_id]:
                    quotes[con_id] = quote
                    stats.quotes += 1
                    events.append(QuoteChange(con_id, time_ns, *quote, bid_exchange, ask_exchange))
                if trade is not None:
                    stats.trades += 1
                    events.append(Trade(con_id, time_ns, *trade))
                elif quote is not None and not events:
                    stats.repeats += 1
                yield Step(time_ns, events)
        finally:
            for reader in readers:
                reader.close()

    @staticmethod
    def _sampled_steps(steps: Iterator[Step]) -> Iterator[Step]:
        sampler = Sampler(IB_INTERVAL_NS)
        due = 0
        for step in steps:
            ended = sampler.advance(step.due_ns)
            yield Step(due if ended else step.due_ns, ended)
            due = sampler.ends_ns
            for event in step.events:
                sampler.add(event)
        yield Step(due, sampler.flush())


class _TickFile:
    """One file: its symbol, and its rows."""

    def __init__(self, path: Path, stats: ReplayStats, since_ns: int | None) -> None:
        self.path = path
        self.con_id = 0
        self._stats = stats
        self._since_ns = since_ns
        self._line = 1
        name = path.name.partition("_")[0].partition(".")[0].upper()
        with _open(path) as lines:
            header = next(csv.reader(_guarded(lines, path)), None)
        if header is None:
            _fail("the file is empty", path, 1)
        self._columns = {name: n for n, name in enumerate(header)}
        self._width = len(header)
        self.is_currency = "kind" not in self._columns and {"bid", "ask"} <= set(self._columns)
        self.symbol = name
        if self.is_currency:
            self._time_column = "ts_utc" if "ts_utc" in self._columns else "timestamp"
            needed: tuple[str, ...] = (self._time_column,)
            if len(name) == PAIR_LETTERS:
                self.symbol = f"{name[:3]}.{name[3:]}"
        else:
            needed = EQUITY_COLUMNS
        missing = [column for column in needed if column not in self._columns]
        if missing:
            _fail(f"the header lacks {', '.join(missing)}", path, 1)

    def rows(self) -> Generator[_Row, None, None]:
        """The rows, from the first; dropped ones too, with neither quote nor trade."""
        with _open(self.path) as lines:
            reader = csv.reader(_guarded(lines, self.path))
            next(reader, None)
            parse = self._currency_rows if self.is_currency else self._equity_rows
            try:
                yield from parse(reader)
            except (ValueError, InvalidOperation) as error:
                _fail(str(error) or "a size that is no number", self.path, reader.line_num)
            except csv.Error as error:
                _fail(f"this is no CSV: {error}", self.path, reader.line_num)

    def _equity_rows(self, reader: Iterator[list[str]]) -> Iterator[_Row]:
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
                yield _Row(time_ns, con_id, None, "", "", None)
                continue
            kind = row[kind_at]
            if kind not in {"Q", "T"}:
                msg = f"kind {kind!r} is neither Q nor T"
                raise ValueError(msg)
            if row[suspicious_at] not in {"0", ""}:
                stats.suspicious += 1
                yield _Row(time_ns, con_id, None, "", "", None)
                continue
            now = nbbo(row)
            if now != texts:
                quote, texts = _quote(now), now
            if kind == "Q":
                if bid_at is not None and row[bid_at]:
                    bid_exchange = row[exch_at]
                if ask_at is not None and row[ask_at]:
                    ask_exchange = row[exch_at]
                yield _Row(time_ns, con_id, quote, bid_exchange, ask_exchange, None)
            else:
                trade = (_price(row[price_at]), _size(row[size_at]), row[exch_at])
                yield _Row(time_ns, con_id, quote, bid_exchange, ask_exchange, trade)

    def _currency_rows(self, reader: Iterator[list[str]]) -> Iterator[_Row]:
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
                yield _Row(time_ns, self.con_id, None, "", "", None)
                continue
            size = str(CURRENCY_SIZE)
            quote = _quote((row[bid_at], size, row[ask_at], size))
            yield _Row(time_ns, self.con_id, quote, "", "", None)


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
                _bad_time(text)
            self._base = int(start.timestamp()) * SECOND_NS
            self._minute = minute
        if text.endswith("Z"):
            rest = text[16:-1]
        elif text.endswith("+00:00"):
            rest = text[16:-6]
        else:
            _bad_time(text)
        seconds, fraction = rest[1:3], rest[4:]
        if rest[:1] != ":" or not seconds.isdecimal() or rest[3:4] not in {".", ""}:
            _bad_time(text)
        if rest[3:] and not (fraction.isdecimal() and len(fraction) <= 9):
            _bad_time(text)
        return self._base + int(seconds) * SECOND_NS + int(fraction.ljust(9, "0"))


def _bad_time(text: str) -> NoReturn:
    msg = f"time stamp {text!r} is not like 2013-10-07T08:00:00.054Z"
    raise ValueError(msg)


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
    size = Decimal(text)
    if not (size.is_finite() and size >= 0):
        msg = f"size {text!r} is not 0 or more"
        raise ValueError(msg)
    return size


def _ns(time: datetime) -> int:
    whole = int(time.replace(microsecond=0).timestamp())
    return whole * SECOND_NS + time.microsecond * 1000


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


def _find(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.name.endswith(SUFFIXES))
            if not inside:
                raise FeedError("the folder holds no .csv or .csv.gz file", file=str(path))
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FeedError("there is no such file or folder", file=str(path))
    if not found:
        raise FeedError("no file to replay was named")
    return sorted(set(found))


def _first_day(path: Path) -> date:
    """The day of a file's first row."""
    with _open(path) as lines:
        reader = csv.reader(_guarded(lines, path))
        header = next(reader, [])
        row = next(reader, [])
    for name, value in zip(header, row, strict=False):
        if name in {"ts_utc", "timestamp"}:
            try:
                return date.fromisoformat(value[:10])
            except ValueError:
                _fail(f"time stamp {value!r} is not like 2013-10-07T08:00:00.054Z", path, 2)
    return _fail("the file has no first row with a ts_utc", path, 2)


def _new_instrument(symbol: str) -> Instrument:
    base, point, quote = symbol.partition(".")
    if point:
        tick, rule = ("0.005", 3189) if quote == "JPY" else ("0.00005", 3188)
        return currency_instrument(CurrencyLine(base, quote, 0, symbol, tick, rule, 1.0))
    return stock_instrument(StockLine(symbol, 0, symbol, "NYSE", 100.0, 1))
