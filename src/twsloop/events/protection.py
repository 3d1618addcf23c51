"""What an audit of protection found: positions, what would close them, and what does not fit."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import attrs

from .orders import OrderFact

__all__ = [
    "OrderNamed",
    "PositionCover",
    "ProtectionFinding",
    "ProtectionKind",
    "ProtectionReport",
]


class ProtectionKind(StrEnum):
    """What can be wrong with the protection of a position."""

    NO_STOP = "no stop"
    """No stop works that would close the position."""
    STOP_TOO_SMALL = "stop too small"
    """The stops that work close a part of the position only."""
    STOP_TOO_LARGE = "stop too large"
    """The stops would close more than there is: the position would turn round."""
    DUPLICATE_STOP = "duplicate stop"
    """Equal stops that do not cancel each other, and close more than there is together."""
    NOT_TIED = "not tied"
    """Closing orders that do not cancel each other: if all fill, the position turns round."""
    WRONG_SIDE = "wrong side"
    """A stop that would add to the position, or open one."""
    BEYOND_MARKET = "beyond the market"
    """A stop whose trigger is passed already: it would fill at once."""
    ORPHAN_CHILD = "orphan child"
    """A child whose parent is not there any more, and that closes nothing."""
    ORPHAN_OCA = "orphan of a group"
    """The only order that is left of a group of which one cancels the others."""
    COMBO = "combo"
    """An order for a combo: what it closes is not counted."""


@attrs.frozen(kw_only=True)
class OrderNamed:
    """Which order is meant.

    Attributes:
        order_id: Its id within its client id; 0 for one that was placed by hand.
        client_id: Whose it is.
        perm_id: IB's permanent id, once known.
    """

    order_id: int
    client_id: int = 0
    perm_id: int | None = None

    def __str__(self) -> str:
        return f"order {self.order_id}" if self.order_id else f"order with permId {self.perm_id}"


@attrs.frozen(kw_only=True)
class ProtectionFinding:
    """One thing that does not fit.

    Attributes:
        kind: What it is.
        danger: Money is at risk now. Otherwise it is worth a look.
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: How much of the position, or of an order, it is about; None where that says
            nothing.
        orders: The orders that it is about.
        text: In words, with what to do.
    """

    kind: ProtectionKind
    danger: bool
    account: str = ""
    con_id: int = 0
    symbol: str = ""
    quantity: Decimal | None = None
    orders: tuple[OrderNamed, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        return f"{self.symbol or self.con_id}: {self.kind}: {self.text}"


@attrs.frozen(kw_only=True)
class PositionCover:
    """A position, and what would close it.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: Negative is short.
        stopped: How much of it stops that work would close; of those that cancel each other the
            largest counts.
        doubtful: How much more stops would close that are there, and not known to work: on their
            way, being cancelled, held, or waiting for their parent.
        targeted: How much of it limit orders would close.
        needs_stop: Whether it was asked to have one.
    """

    account: str
    con_id: int
    symbol: str = ""
    quantity: Decimal
    stopped: Decimal = Decimal(0)
    doubtful: Decimal = Decimal(0)
    targeted: Decimal = Decimal(0)
    needs_stop: bool = True

    @property
    def naked(self) -> Decimal:
        """How much of it no stop would close that works."""
        return max(abs(self.quantity) - self.stopped, Decimal(0))


@attrs.frozen(kw_only=True)
class ProtectionReport(OrderFact):
    """What an audit of protection found.

    Attributes:
        positions: Every position that is not flat.
        findings: What does not fit; those that are dangerous first.
        orders: How many open orders were looked at.
    """

    positions: tuple[PositionCover, ...] = ()
    findings: tuple[ProtectionFinding, ...] = ()
    orders: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is in danger."""
        return not any(finding.danger for finding in self.findings)

    def of(self, kind: ProtectionKind | str) -> tuple[ProtectionFinding, ...]:
        """The findings of a kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def __str__(self) -> str:
        """One line for people."""
        dangers = sum(finding.danger for finding in self.findings)
        return (
            f"positions: {len(self.positions)}, open orders: {self.orders}, "
            f"in danger: {dangers}, to look at: {len(self.findings) - dangers}"
        )
