"""Fills that the reported positions do not show yet. Pure.

Theory of operation
-------------------
A fill takes its share out of what is working at once; the position that it makes is reported a
moment later, or a moment before. In between, a limit on both together would see too little.

What an account holds is what our fills add up to, and an offset: what it held before them, and what
others trade. While nothing is under way, what is reported less our fills is that offset. It differs
from it for a moment around each fill, and then is the offset again; if somebody else trades, it
differs for good. So a new offset counts once it has stayed the same for a while without a fill;
until then the position may be the reported one, or our fills with the old offset, and a limit looks
at the worse of both.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from .identity import Ident
from .values import ZERO

__all__ = ["SETTLING", "Ahead"]

#: So long may the position of a fill be missing, or the fill of a position, seconds.
SETTLING = 30.0


@attrs.define
class _Counted:
    """One contract of an account.

    Attributes:
        ident: Which.
        offset: What is held besides our fills.
        filled: What our fills add up to.
        seen: What was reported last, less our fills.
        since: Since when that is so, monotonic seconds.
    """

    ident: Ident
    offset: Decimal
    seen: Decimal
    since: float
    filled: Decimal = ZERO

    def observe(self, reported: Decimal, at: float) -> None:
        """The position is reported as this now."""
        seen = reported - self.filled
        if seen != self.seen:
            self.seen, self.since = seen, at
        elif at - self.since >= SETTLING:
            self.offset = seen


class Ahead:
    """Counts positions along from fills, by account and contract."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, tuple[str, str, str]], list[_Counted]] = {}

    def begin(self, account: str, ident: Ident, reported: Decimal, at: float) -> None:
        """An order is about to leave: what is held before its first fill counts from now on."""
        self._find_or_make(account, ident, reported, at)

    def filled(
        self, account: str, ident: Ident, change: Decimal, *, reported: Decimal, at: float
    ) -> None:
        """An order of ours has traded.

        Args:
            account: Whose.
            ident: The contract.
            change: How much, negative for a sale.
            reported: The position as it is reported now.
            at: Monotonic seconds.
        """
        found = self._find_or_make(account, ident, reported, at)
        found.filled += change
        # Nothing is settled at the moment of a fill: what is seen now counts from here.
        found.seen, found.since = reported - found.filled, at

    def range(
        self, account: str, ident: Ident, reported: Decimal, at: float
    ) -> tuple[Decimal, Decimal]:
        """The lowest and the highest that the position may be."""
        found = self._find(account, ident)
        if found is None:
            return reported, reported
        found.observe(reported, at)
        expected = found.filled + found.offset
        return (expected, reported) if expected < reported else (reported, expected)

    def _find(self, account: str, ident: Ident) -> _Counted | None:
        for row in self._counted.get((account, ident.kind), ()):
            if row.ident.same(ident):
                return row
        return None

    def _find_or_make(self, account: str, ident: Ident, reported: Decimal, at: float) -> _Counted:
        found = self._find(account, ident)
        if found is None:
            found = _Counted(ident, reported, reported, at)
            self._counted.setdefault((account, ident.kind), []).append(found)
        return found
