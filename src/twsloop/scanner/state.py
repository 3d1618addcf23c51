"""The rows of a scan (pure)."""

from __future__ import annotations

from typing import Any

import attrs

from twsloop.wire.showing import contract_words, short_row
from twsloop.wire.values import text_or_none

__all__ = ["ScanRow", "ScanRows", "read_row"]


@attrs.frozen
class ScanRow:
    """One instrument that a scan found.

    Attributes:
        rank: Its place, from 0.
        contract: IB's Contract.
        details: IB's ContractDetails, as far as a scan fills them (``marketName``).
        distance: IB's text of that name; what it means depends on the scan.
        benchmark: The same.
        projection: The same.
        legs: The legs of a combination.
    """

    rank: int
    contract: Any = attrs.field(repr=contract_words)
    details: Any = attrs.field(repr=False)
    distance: str | None = None
    benchmark: str | None = None
    projection: str | None = None
    legs: str | None = None

    __repr__ = short_row

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return str(self.contract.symbol)


class ScanRows:
    """Gathers the rows of one image of a scan that goes on."""

    def __init__(self) -> None:
        self._rows: list[ScanRow] = []
        self._none_told = False

    def add(self, row: ScanRow) -> None:
        """A row came."""
        self._rows.append(row)

    def nothing_found(self) -> tuple[ScanRow, ...]:
        """The gateway said that there are no rows (165)."""
        self._none_told = True
        self._rows = []
        return ()

    def end(self) -> tuple[ScanRow, ...] | None:
        """The image is whole: its rows by rank; None if it is the empty one that was told."""
        rows, self._rows = self._rows, []
        told, self._none_told = self._none_told, False
        if told and not rows:
            return None
        return tuple(sorted(rows, key=lambda row: row.rank))


def read_row(rank: int, details: Any, *texts: str) -> ScanRow:
    """A row as IB's callback has it.

    Args:
        rank: Its place.
        details: IB's ContractDetails.
        texts: Distance, benchmark, projection and legs.
    """
    distance, benchmark, projection, legs = texts
    return ScanRow(
        rank=rank,
        contract=details.contract,
        details=details,
        distance=text_or_none(distance),
        benchmark=text_or_none(benchmark),
        projection=text_or_none(projection),
        legs=text_or_none(legs),
    )
