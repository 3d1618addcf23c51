"""Positions, as the orders slice is told of them. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import attrs

__all__ = ["Held", "Holding", "Holdings", "HoldingsNow", "PositionsOf", "holdings_of"]


class Held(Protocol):
    """A position, as the account slice tells it."""

    @property
    def account(self) -> str:
        """Whose."""
        ...

    @property
    def contract(self) -> Any:
        """IB's Contract."""
        ...

    @property
    def symbol(self) -> str:
        """The contract in short, for people."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Negative is short."""
        ...


#: All positions, the answer within so many seconds.
PositionsOf = Callable[[float | None], Awaitable[Sequence[Held]]]
#: The positions as they were last reported; None if nobody has asked for them.
HoldingsNow = Callable[[], Iterable[Held] | None]


@attrs.frozen
class Holding:
    """A position: what it is called, and how much is held (negative is short)."""

    symbol: str
    quantity: Decimal


#: Positions by account and contract id.
Holdings = Mapping[tuple[str, int], Holding]


def holdings_of(rows: Iterable[Held]) -> Holdings:
    """Those that are not flat."""
    return {
        (row.account, row.contract.conId): Holding(row.symbol, row.quantity)
        for row in rows
        if row.quantity
    }
