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

import heapq
import operator
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from twsloop.errors import FeedError
from twsloop.paper.catalogue.instruments import (
    Catalogue,
    Instrument,
    currency_instrument,
    stock_instrument,
)
from twsloop.paper.catalogue.listings import CurrencyLine, StockLine
from twsloop.paper.market.vocabulary import Event, QuoteChange, Trade

from .sampling import IB_INTERVAL_NS, Sampler
from .tick_rows import CURRENCY_SIZE, NO_QUOTE, ReplayStats, Row, TickFile

__all__ = ["CURRENCY_SIZE", "ReplayStats", "Step", "TickFiles", "window_time"]

SUFFIXES = (".csv", ".csv.gz")


class Step(NamedTuple):
    """One row's worth of a stream: what it made happen, which may be nothing."""

    due_ns: int  # when it is due, in the data's time
    events: Sequence[Event]


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
        instruments: What the symbols mean; the standard catalogue of the data's first day
            unless given. Symbols that it lacks are added, as US stocks or currency pairs.
        since: Rows before it are skipped unread; the stream begins as if nothing had been before.
        until: The stream ends before the first row at or after it.
        sample: Whether to fold events as IB does (see `sampling`).

    Attributes:
        instruments: The catalogue, complete.
        traded: The contract ids that have data.
        stats: What became of the rows.

    Raises:
        FeedError: There are no files or no rows, or a header or a first time cannot be read.
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
        self._files = [
            TickFile(path, self.stats, self._since_ns)
            for path in _find([Path(path) for path in given])
        ]
        first_day = _first_day(self._files)
        catalogue = Catalogue.standard(first_day) if instruments is None else instruments
        for tick_file in self._files:
            instrument = catalogue.by_symbol(tick_file.symbol)
            if instrument is None:
                instrument = _new_instrument(tick_file.symbol)
                catalogue = catalogue.with_instruments([instrument])
            tick_file.con_id = instrument.con_id
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
        rows: Iterator[Row] = (
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


def _ns(time: datetime) -> int:
    whole = int(time.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + time.microsecond * 1000


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


def _first_day(files: Iterable[TickFile]) -> date:
    days = [one.first_day for one in files if one.first_day is not None]
    if not days:
        raise FeedError("the files hold no rows")
    return min(days)


def _new_instrument(symbol: str) -> Instrument:
    base, point, quote = symbol.partition(".")
    if point:
        tick, rule = ("0.005", 3189) if quote == "JPY" else ("0.00005", 3188)
        return currency_instrument(CurrencyLine(base, quote, 0, symbol, tick, rule, 1.0))
    return stock_instrument(StockLine(symbol, 0, symbol, "NYSE", 100.0, 1))
