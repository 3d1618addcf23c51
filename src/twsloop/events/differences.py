"""Where what was written down and what the gateway shows are not the same."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import attrs

from .orders import OrderFact

__all__ = [
    "ComparisonBegan",
    "Difference",
    "DifferenceKind",
    "DifferencesAccepted",
    "DifferencesAsked",
    "PositionHeld",
    "PositionsHeld",
    "positions_story",
    "reconcile_story",
]


def positions_story(client_id: int) -> str:
    """The correlation id of what a client was told to hold."""
    return f"positions-{client_id}"


def reconcile_story(client_id: int) -> str:
    """The correlation id of what a client's program is asked about differences, and answers."""
    return f"reconcile-{client_id}"


class DifferenceKind(StrEnum):
    """What kind of difference it is."""

    MISSING = "missing"
    """We know of it, and the gateway does not show it."""
    EXTRA = "extra"
    """The gateway shows it as ours, and we did not know of it."""
    CHANGED = "changed"
    """Both know of it, and it is not what it was."""
    UNCERTAIN = "uncertain"
    """We know of it, and nobody can say what became of it."""
    FOREIGN = "foreign"
    """The gateway shows it, and it is another client's, or was done by hand."""


@attrs.frozen(kw_only=True)
class Difference:
    """One difference. The gateway's word is taken over, whatever the policy says.

    Attributes:
        kind: What kind it is.
        about: What it is about.
        policy: What is done besides: nothing (``adopt``), a warning (``report``), or new orders in
            the contract are refused until it is accepted (``ask``).
        account: Whose, once known.
        con_id: The contract's id, once known.
        symbol: The contract in short, for people.
        order_id: The order's id within its client; 0 for one that was placed by hand.
        client_id: Whose order it is.
        perm_id: IB's permanent id of the order, once known.
        exec_id: The execution's id.
        known: What we knew; empty if nothing.
        found: What the gateway shows; empty if nothing.
        reason: Why, where somebody said so.
    """

    kind: DifferenceKind
    about: Literal["order", "execution", "position"]
    policy: Literal["adopt", "report", "ask"] = "report"
    account: str = ""
    con_id: int | None = None
    symbol: str = ""
    order_id: int | None = None
    client_id: int | None = None
    perm_id: int | None = None
    exec_id: str = ""
    known: str = ""
    found: str = ""
    reason: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two of them the same one: what it is about, and what the gateway shows."""
        about: tuple[object, ...] = (self.account, self.con_id)
        if self.about == "execution":
            about = (self.account, self.exec_id)
        elif self.about == "order":
            about = (self.client_id, self.order_id or f"perm {self.perm_id}")
        return (self.kind.value, self.about, *map(str, about), self.found)

    def __repr__(self) -> str:
        return f"<Difference {self}>"

    def __str__(self) -> str:
        """One line for people, without the account."""
        which = self.exec_id or ""
        if self.about == "order":
            which = f"{self.order_id or f'perm {self.perm_id}'} of client {self.client_id}"
        what = " ".join(part for part in (self.about, which, self.symbol) if part)
        said = f"{self.known or 'not known'} -> {self.found or 'not shown'}"
        return f"{what} is {self.kind}: {said}" + (f" ({self.reason})" if self.reason else "")


@attrs.frozen(kw_only=True)
class ComparisonBegan(OrderFact):
    """From here on, what is heard may be what was missed; a `GapReport` ends it.

    The journal alone has it: if the report does not follow, the next process compares anew with how
    things stood here.

    Attributes:
        client_id: Whose program compares.
        cause: Why, as in the report.
    """

    client_id: int
    cause: str


@attrs.frozen(kw_only=True)
class DifferencesAsked(OrderFact):
    """New orders in some contracts are refused until these differences are accepted.

    Attributes:
        client_id: Whose program is asked.
        differences: What it is asked about.
    """

    client_id: int
    differences: tuple[Difference, ...]


@attrs.frozen(kw_only=True)
class DifferencesAccepted(OrderFact):
    """Somebody has looked at these differences, and lets new orders go on.

    Attributes:
        client_id: Whose program was asked.
        differences: What is accepted.
        reason: Why, in words.
    """

    client_id: int
    differences: tuple[Difference, ...]
    reason: str = ""


@attrs.frozen(kw_only=True)
class PositionHeld:
    """A position, as it was reported.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        quantity: How much is held; negative is short.
    """

    account: str
    con_id: int
    symbol: str = ""
    quantity: Decimal


@attrs.frozen(kw_only=True)
class PositionsHeld(OrderFact):
    """All positions of a login, as the gateway listed them.

    The journal keeps it: what is held later is this, and the executions since. It is told to no
    observer; see `PositionEvent` for positions as they change.

    Attributes:
        client_id: Whose program asked.
        positions: Those that are not flat.
    """

    client_id: int
    positions: tuple[PositionHeld, ...]
