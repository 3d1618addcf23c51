"""Fills that the reported positions do not show yet. Pure.

A fill takes its share out of what is working at once; the position that it makes is reported a
moment later, or a moment before. In between, a limit on both together would see too little. So what
the position should be is counted along from the fills, and for a while after each of them the gate
looks at both: the lower one where being short is limited, the higher where being long is.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from .identity import Ident

__all__ = ["SETTLING", "Ahead"]

#: So long after a fill of ours its position may be missing, seconds. What is reported after that
#: is the truth: somebody else may trade the same contract.
SETTLING = 30.0


@attrs.define
class _Counted:
    ident: Ident
    expected: Decimal
    at: float


class Ahead:
    """Counts positions along from fills, by account."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, tuple[str, str, str]], list[_Counted]] = {}

    def filled(
        self,
        where: tuple[str, Ident],
        change: Decimal,
        *,
        reported: Decimal,
        base: Decimal | None,
        at: float,
    ) -> None:
        """An order of ours has traded.

        Args:
            where: The account and the contract.
            change: How much, negative for a sale.
            reported: The position as it is reported now.
            base: The position that was reported when the order was let pass; None if not known.
            at: Monotonic seconds.
        """
        found = self._find(*where, at)
        if found is not None:
            found.expected += change
            found.at = at
            return
        shown = base is not None and reported == base + change  # the position came first
        expected = reported if shown else reported + change
        account, ident = where
        self._counted.setdefault((account, ident.kind), []).append(_Counted(ident, expected, at))

    def range(
        self, account: str, ident: Ident, reported: Decimal, at: float
    ) -> tuple[Decimal, Decimal]:
        """The lowest and the highest that the position may be."""
        if not self._counted:
            return reported, reported
        found = self._find(account, ident, at)
        if found is None:
            return reported, reported
        return min(reported, found.expected), max(reported, found.expected)

    def _find(self, account: str, ident: Ident, at: float) -> _Counted | None:
        place = account, ident.kind
        rows = self._counted.get(place)
        if rows is None:
            return None
        live = [row for row in rows if at - row.at <= SETTLING]
        if live:
            self._counted[place] = live
        else:
            del self._counted[place]
        return next((row for row in live if row.ident.same(ident)), None)
