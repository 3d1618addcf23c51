"""What a question about history returns: the rows, what was asked, and what is odd about them.

A series is a sequence of its rows, in order, and can be made a DataFrame of pandas or polars. The
prices of a DataFrame are floats, which is what those libraries calculate with; ``exact=True`` keeps
the Decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

import attrs

from twsloop.wire.showing import short_row

from .checks import Finding
from .frames import to_pandas, to_polars
from .rows import Bar, Tick
from .words import BarSize, Show, TickKind

__all__ = ["BarSeries", "Series", "TickSeries"]

R = TypeVar("R")


@attrs.frozen(kw_only=True)
class Series(Sequence[R], Generic[R]):
    """Rows of the history, in order.

    Attributes:
        contract: IB's Contract, as it was asked for.
        symbol: The contract as one would type it.
        start: Where what was asked for begins, UTC.
        end: Where it ends, UTC; no row is at or after it.
        regular: Whether only regular trading hours were asked for.
        rows: The rows.
        requests: How many requests went to the gateway for it; 0 when all of it was kept.
        findings: What is odd, in order of time; nothing was repaired.
    """

    contract: Any = attrs.field(repr=False)
    symbol: str
    start: datetime
    end: datetime
    regular: bool
    rows: tuple[R, ...] = attrs.field(repr=lambda rows: str(len(rows)))
    requests: int = 0
    findings: tuple[Finding, ...] = ()

    __repr__ = short_row

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...

    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        """A row, or several as a tuple."""
        return self.rows[index]

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def to_pandas(self, *, exact: bool = False) -> Any:
        """The rows as a pandas DataFrame, indexed by time (UTC) or, of days, by day.

        Args:
            exact: Keep Decimals (as objects) instead of floats.

        Raises:
            HistoryError: pandas is not installed.
        """
        return to_pandas(self.rows, exact=exact)

    def to_polars(self, *, exact: bool = False) -> Any:
        """The rows as a polars DataFrame, with a column ``time`` (UTC) or, of days, ``day``.

        Args:
            exact: Keep Decimals instead of floats.

        Raises:
            HistoryError: polars is not installed.
        """
        return to_polars(self.rows, exact=exact)


@attrs.frozen(kw_only=True)
class BarSeries(Series[Bar]):
    """Bars; the last one may be under way still, if the span ends now.

    Attributes:
        size: The bars' size.
        show: What they show.
    """

    size: BarSize = attrs.field(repr=str)
    show: Show

    __repr__ = short_row


@attrs.frozen(kw_only=True)
class TickSeries(Series[Tick]):
    """Ticks, in the order in which they came.

    Attributes:
        kind: What was asked for; IB answers midpoints where a contract has no trades (currencies).
    """

    kind: TickKind

    __repr__ = short_row
