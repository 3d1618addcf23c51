"""What is held."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .basis import Fact

__all__ = ["PositionChanged", "PositionClosed", "PositionEvent", "PositionOpened"]


@attrs.frozen(kw_only=True)
class PositionEvent(Fact):
    """A position is not what it was; the subclasses say how.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: What it is now; negative is short.
        previous: What it was.
        average_cost: Per unit, with the multiplier, as IB counts it; None while flat.
    """

    account: str
    con_id: int
    symbol: str = ""
    quantity: Decimal
    previous: Decimal = Decimal(0)
    average_cost: Decimal | None = None


@attrs.frozen(kw_only=True)
class PositionOpened(PositionEvent):
    """It was flat."""


@attrs.frozen(kw_only=True)
class PositionChanged(PositionEvent):
    """It was another size, or turned its side."""


@attrs.frozen(kw_only=True)
class PositionClosed(PositionEvent):
    """It is flat now."""
