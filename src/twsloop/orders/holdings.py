"""Positions, as the orders slice is told of them. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import attrs

from twsloop.events.shown import PositionShown

__all__ = ["Holding", "Holdings", "HoldingsNow", "PositionsOf", "holdings_of"]


#: All positions, the answer within so many seconds.
PositionsOf = Callable[[float | None], Awaitable[Sequence[PositionShown]]]
#: The positions as they were last reported; None if nobody has asked for them.
HoldingsNow = Callable[[], Iterable[PositionShown] | None]


@attrs.frozen
class Holding:
    """A position: what it is called, and how much is held (negative is short)."""

    symbol: str
    quantity: Decimal


#: Positions by account and contract id.
Holdings = Mapping[tuple[str, int], Holding]


def holdings_of(rows: Iterable[PositionShown]) -> Holdings:
    """Those that are not flat."""
    return {
        (row.account, row.contract.conId): Holding(row.symbol, row.quantity)
        for row in rows
        if row.quantity
    }
