"""Long ranges, a stretch at a time: which request comes next, and which rows of its answer are new.

The contract has no pages: an answer holds at most ``limit`` rows, and nothing says which ones were
left out. So an answer that is full to its limit is not trusted: its stretch is halved and asked
again, first by days, then by minutes, and at one minute with a doubled limit. Neighbouring
stretches share their boundary minute, because the contract does not say whether an end is
inclusive; rows that come twice are given once. Rows come out oldest first, whatever order the
service sends.

`Walk` does no I/O: a driver asks `stretch`, fetches, and hands the rows to `feed`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import attrs

from . import checks
from .answers import DivergencePoint, MinuteBar, Prediction, Trade
from .checks import Number
from .errors import ApiParameterError, ApiRangeError
from .fields import EASTERN, Record
from .queries import Query, data_range, divergence, minute_data, predictions, trades

__all__ = [
    "Scan",
    "Stretch",
    "Walk",
    "days_of",
    "scan_data_range",
    "scan_divergence",
    "scan_minute_data",
    "scan_predictions",
    "scan_trades",
]

R = TypeVar("R", bound=Record)
_MINUTE = dt.timedelta(minutes=1)
_DAY_END = dt.time(23, 59)
_MOST = 1_000_000  # rows in one minute: beyond it something else is wrong


@attrs.frozen(order=True)
class Stretch:
    """A piece of time in US Eastern wall time, both ends included; whole minutes.

    Attributes:
        start: Its first minute, naive.
        end: Its last minute, naive.
        limit: How many rows to ask for.
    """

    start: dt.datetime
    end: dt.datetime
    limit: int

    @property
    def whole_days(self) -> bool:
        """From a midnight to a last minute of the day: the times need not be sent."""
        return self.start.time() == dt.time() and self.end.time() == _DAY_END


def days_of(start: dt.date | str, end: dt.date | str) -> tuple[dt.date, dt.date]:
    """Both ends as dates.

    Raises:
        ApiParameterError: Not dates, or the wrong way round.
    """
    first, last = checks.day("start_date", start), checks.day("end_date", end)
    if first is None or last is None:
        raise ApiParameterError("a range needs its first and its last day")
    if first > last:
        raise ApiParameterError(f"start_date {first} is after end_date {last}")
    return first, last


class Walk(Generic[R]):
    """One walk over a range.

    Args:
        first: First day, US Eastern.
        last: Last day, inclusive.
        step_days: Days in one request.
        limit: Rows in one request; None where the service has no limit (then nothing is ever
            halved).
        stamp: A row's time.
        identity: What makes two rows the same one.
    """

    def __init__(
        self,
        first: dt.date,
        last: dt.date,
        *,
        step_days: int,
        limit: int | None,
        stamp: Callable[[R], dt.datetime | None],
        identity: Callable[[R], object],
    ) -> None:
        if step_days < 1 or (limit is not None and limit < 1):
            raise ApiParameterError("step_days and limit must be above 0")
        self._limited = limit is not None
        self._stamp = stamp
        self._identity = identity
        self._seen: set[object] = set()
        self._limit = limit or 0
        self._step = step_days
        self._day: dt.date | None = first  # where the next whole stretch begins
        self._last = last
        self._todo: list[Stretch] = []  # the next one last
        self._go_on()

    def _go_on(self) -> None:
        """Have a next stretch, if there is one; a range of centuries takes no room."""
        day = self._day
        if self._todo or day is None:
            return
        until = day + dt.timedelta(days=min(self._step - 1, (self._last - day).days))
        self._day = until + dt.timedelta(days=1) if until < self._last else None
        start = dt.datetime.combine(day, dt.time())
        self._todo.append(Stretch(start, dt.datetime.combine(until, _DAY_END), self._limit))

    @property
    def stretch(self) -> Stretch | None:
        """What to ask next; None at the end."""
        return self._todo[-1] if self._todo else None

    def feed(self, rows: Iterable[R]) -> list[R]:
        """Take the answer of the current stretch, and go on to the next.

        Returns:
            The rows that are new, oldest first; none if the stretch must be asked in smaller
            pieces.

        Raises:
            ApiRangeError: One minute holds more rows than can be asked for.
        """
        asked = self._todo.pop()
        came = list(rows)
        if self._limited and len(came) >= asked.limit:
            self._todo.extend(self._halves(asked))
            return []
        self._go_on()
        fresh = [row for row in came if self._identity(row) not in self._seen]
        # Only the boundary minute can come again: forgetting the rest keeps a long walk small.
        self._seen = {self._identity(row) for row in came}
        return sorted(fresh, key=self._order)

    def _order(self, row: R) -> tuple[bool, dt.datetime]:
        stamp = self._stamp(row)
        return stamp is None, stamp or dt.datetime.min.replace(tzinfo=dt.UTC)

    @staticmethod
    def _halves(asked: Stretch) -> list[Stretch]:
        span = asked.end - asked.start
        if span <= _MINUTE:
            if asked.limit * 2 > _MOST:
                raise ApiRangeError(
                    f"{asked.start:%Y-%m-%d %H:%M} holds more than {asked.limit:,} rows"
                )
            return [attrs.evolve(asked, limit=asked.limit * 2)]
        days = asked.end.date() - asked.start.date()
        if days:
            # Between days no times are sent: what they mean over several days is not said.
            day = asked.start.date() + days // 2
            first_end = dt.datetime.combine(day, _DAY_END)
            second_start = dt.datetime.combine(day + dt.timedelta(days=1), dt.time())
            return [
                attrs.evolve(asked, start=second_start),
                attrs.evolve(asked, end=first_end),
            ]
        middle = asked.start + (span // 2) // _MINUTE * _MINUTE
        return [attrs.evolve(asked, start=middle), attrs.evolve(asked, end=middle)]


# -------------------------------------------------------------------------------------- scans


@attrs.frozen
class Scan(Generic[R]):
    """A walk, and the query for each of its stretches. Scans are used once."""

    walk: Walk[R]
    query: Callable[[Stretch], Query[Any]]


def _named(row: Any, *names: str) -> object:
    """What tells two rows apart: the named fields, or everything if they did not come."""
    key = tuple(getattr(row, name) for name in names)
    return key if None not in key else repr(row)


def _wall(asked: Stretch) -> dict[str, Any]:
    when: dict[str, Any] = {"start_date": asked.start.date(), "end_date": asked.end.date()}
    if not asked.whole_days:
        when |= {"start_time": asked.start.time(), "end_time": asked.end.time()}
    return when


def scan_trades(
    ticker: str,
    start_date: dt.date | str,
    end_date: dt.date | str,
    *,
    step_days: int = 1,
    limit: int = 1000,
) -> Scan[Trade]:
    """All trades of a range, oldest first, asked a few days at a time.

    Args:
        ticker: The underlying.
        start_date: First day, US Eastern.
        end_date: Last day, inclusive.
        step_days: Days in one request.
        limit: Rows in one request; a request that fills it is asked again in halves. It must not be
            above what the service is willing to give, or rows are lost unseen.

    Raises:
        ApiParameterError: At once, for an argument the contract does not allow.
        ApiRangeError: While walking: one minute holds more rows than can be asked for.
    """
    trades(ticker, limit=limit)  # a bad argument is an error now, not at the first row
    walk: Walk[Trade] = Walk(
        *days_of(start_date, end_date),
        step_days=step_days,
        limit=limit,
        stamp=lambda row: row.trade_timestamp,
        identity=lambda row: _named(row, "id"),
    )
    return Scan(walk, lambda asked: trades(ticker, limit=asked.limit, **_wall(asked)))


def scan_minute_data(
    ticker: str,
    start_date: dt.date | str,
    end_date: dt.date | str,
    *,
    step_days: int = 1,
    limit: int = 1000,
) -> Scan[MinuteBar]:
    """All minute bars of a range, oldest first; arguments and errors as for trades."""
    minute_data(ticker, limit=limit)
    walk: Walk[MinuteBar] = Walk(
        *days_of(start_date, end_date),
        step_days=step_days,
        limit=limit,
        stamp=lambda row: row.timestamp,
        identity=lambda row: _named(row, "timestamp"),
    )
    return Scan(walk, lambda asked: minute_data(ticker, limit=asked.limit, **_wall(asked)))


def scan_divergence(
    ticker: str,
    start_date: dt.date | str,
    end_date: dt.date | str,
    *,
    step_days: int = 5,
) -> Scan[DivergencePoint]:
    """All divergence points of a range, oldest first. This endpoint has no limit of its own.

    Args:
        ticker: The underlying.
        start_date: First day, US Eastern.
        end_date: Last day, inclusive.
        step_days: Days in one request.

    Raises:
        ApiParameterError: At once, for an argument the contract does not allow.
    """
    divergence(ticker)
    walk: Walk[DivergencePoint] = Walk(
        *days_of(start_date, end_date),
        step_days=step_days,
        limit=None,
        stamp=lambda row: row.timestamp,
        identity=lambda row: _named(row, "timestamp"),
    )
    return Scan(walk, lambda asked: divergence(ticker, **_wall(asked)))


def scan_predictions(
    ticker: str,
    start_date: dt.date | str,
    end_date: dt.date | str,
    *,
    use_default_only: bool | None = None,
    step_days: int = 1,
    limit: int = 1000,
) -> Scan[Prediction]:
    """All predictions of a range, oldest first; arguments and errors as for trades."""
    predictions(ticker, limit=limit)

    def query(asked: Stretch) -> Query[Any]:
        # Here the contract takes ISO times: the last minute is meant whole.
        return predictions(
            ticker,
            start_date=asked.start.replace(tzinfo=EASTERN),
            end_date=(asked.end + _MINUTE).replace(tzinfo=EASTERN),
            limit=asked.limit,
            use_default_only=use_default_only,
        )

    walk: Walk[Prediction] = Walk(
        *days_of(start_date, end_date),
        step_days=step_days,
        limit=limit,
        stamp=lambda row: row.timestamp,
        identity=lambda row: _named(row, "timestamp"),
    )
    return Scan(walk, query)


def scan_data_range(
    ticker: str,
    start_date: dt.date | str,
    end_date: dt.date | str,
    *,
    step_days: int = 5,
    **filters: Number | None,
) -> Scan[DivergencePoint]:
    """Divergence over a long range, a few days at a time: bearable requests.

    Args:
        ticker: The underlying.
        start_date: First day, US Eastern.
        end_date: Last day, inclusive.
        step_days: Days in one request.
        **filters: ``lookback_hours``, ``lambda_short``, ``min_value`` and so on, as for a single
            request.

    Raises:
        ApiParameterError: At once, for an argument the contract does not allow.
    """
    given: dict[str, Any] = dict(filters)
    first, last = days_of(start_date, end_date)
    data_range(ticker, first, last, **given)
    walk: Walk[DivergencePoint] = Walk(
        first,
        last,
        step_days=step_days,
        limit=None,
        stamp=lambda row: row.timestamp,
        identity=lambda row: _named(row, "timestamp"),
    )
    return Scan(
        walk, lambda asked: data_range(ticker, asked.start.date(), asked.end.date(), **given)
    )
