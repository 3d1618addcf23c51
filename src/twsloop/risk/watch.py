"""Limits between two orders: a fill, a price or another client may exceed them, too. Pure.

What is reached is told once, as a `RiskBreached`; again only after it was kept in between. A limit
of the day (loss, drawdown) is latched: it counts as reached until the day is over, or until
somebody releases it with a reason. The latch survives a restart by the facts in the journal, and a
limit that is loosened does not release it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from twsloop.errors import RiskError
from twsloop.events import Fact, RiskBreached, RiskCheck

from .breaker import Trouble
from .gate import RiskGate
from .identity import names_of
from .money import from_base, worth
from .outcomes import Unknown, above, shown
from .values import ZERO

__all__ = ["LATCHED", "Watch"]

#: What is watched with every position, in words.
_MEASURED = {
    "max_position": "a position",
    "max_position_value": "a value",
    "max_gross_exposure": "an exposure",
}
#: Limits that stay reached until the day is over.
LATCHED = frozenset({"max_daily_loss", "max_drawdown"})


class Watch:
    """Watches the limits of a gate; on the loop thread.

    Args:
        gate: Whose limits.
    """

    def __init__(self, gate: RiskGate) -> None:
        self._gate = gate
        #: What is exceeded, and was told: account, limit, contract.
        self._told: set[tuple[str, str, str]] = set()

    # ---- what changes --------------------------------------------------------------------

    def profit_changed(self, account: str, now: datetime) -> list[RiskBreached]:
        """The profit of an account may be another one: look at its loss and its drawdown.

        Args:
            account: Whose.
            now: UTC.

        Returns:
            The facts to be told.
        """
        gate = self._gate
        sources, days, day = gate.sources, gate.memory.days, gate.today(now)
        profit = sources.day_profit(account)
        if profit is None:
            return []
        limits = gate.book.limits
        try:
            profit = from_base(sources, limits.currency, account, profit)
        except Unknown:
            return []  # the next order is refused for it
        days.note(account, profit, day)
        found = []
        fall = days.peak(account, day) - profit
        for name, value in (("max_daily_loss", max(-profit, ZERO)), ("max_drawdown", fall)):
            limit = limits.of_account(name, account)
            if limit is None or value < limit or days.latched(account, name, day):
                continue
            days.latch(account, name, day)
            text = f"{shown(value)} has reached the limit of {shown(limit)}"
            check = RiskCheck(name=name, passed=False, value=value, limit=limit, text=text)
            found.append(RiskBreached(time=now, check=check, account=account, latched=True))
        return found

    def position_changed(self, account: str, now: datetime) -> list[RiskBreached]:
        """A position, or what it is worth, may be another one.

        Args:
            account: Whose.
            now: UTC.

        Returns:
            The facts to be told: positions and exposure above their limits. What working orders may
            add is not counted here: it has not happened.
        """
        held = self._gate.sources.positions(account)
        if held is None:
            return []
        rows = [row for row in held if row.quantity]
        measured = [*self._positions(account, rows), *self._exposure(account, rows)]
        over = {(account, check.name, what): check for what, check in measured if not check.passed}
        fresh = [place for place in over if place not in self._told]
        self._told = {place for place in self._told if place[0] != account} | over.keys()
        return [RiskBreached(time=now, check=over[place], account=account) for place in fresh]

    def went_wrong(self, kind: Trouble, at: float, now: datetime) -> list[RiskBreached]:
        """An order was rejected, or the gateway told an error: the circuit breaker may open.

        Args:
            kind: What.
            at: Monotonic seconds.
            now: UTC.

        Returns:
            The fact to be told, if it opens now.
        """
        reason = self._gate.memory.breaker.note(kind, at, self._gate.book.params)
        if not reason:
            return []
        return [RiskBreached(time=now, check=RiskCheck(name="breaker", passed=False, text=reason))]

    # ---- latches -------------------------------------------------------------------------

    def release(self, account: str, limit: str, reason: str, now: datetime) -> RiskBreached | None:
        """A limit of the day counts as reached no more; it can be reached again.

        Args:
            account: Whose.
            limit: ``max_daily_loss`` or ``max_drawdown``.
            reason: Why.
            now: UTC.

        Returns:
            The fact to be told, whose check is passed; None if it was not reached.

        Raises:
            RiskError: There is no reason.
        """
        if not reason.strip():
            msg = f"{limit} is released only with a reason; give one"
            raise RiskError(msg)
        if not self._gate.memory.days.release(account, limit):
            return None
        check = RiskCheck(name=limit, passed=True, text=f"released: {reason.strip()}")
        return RiskBreached(time=now, check=check, account=account)

    def restore(self, facts: Iterable[Fact]) -> None:
        """Know what an earlier program knew.

        Args:
            facts: Facts of the journal, the oldest first; others than its own do nothing.
        """
        gate = self._gate
        days = gate.memory.days
        for fact in facts:
            if not isinstance(fact, RiskBreached) or fact.check.name not in LATCHED:
                continue
            if fact.latched:
                days.latch(fact.account, fact.check.name, gate.today(fact.time))
            elif fact.check.passed:
                days.release(fact.account, fact.check.name)

    # ---- inside --------------------------------------------------------------------------

    def _positions(self, account: str, rows: list[Any]) -> Iterable[tuple[str, RiskCheck]]:
        limits, name = self._gate.book.limits, "max_position"
        if not limits.sets(name):
            return
        for row in rows:
            limit = limits.find(name, names_of(row.contract), account)
            if limit is not None:
                yield _judged(name, row.contract, abs(row.quantity), limit)

    def _exposure(self, account: str, rows: list[Any]) -> Iterable[tuple[str, RiskCheck]]:
        limits, gate = self._gate.book.limits, self._gate
        if not (limits.sets("max_gross_exposure") or limits.sets("max_position_value")):
            return
        gross: Decimal | None = ZERO
        for row in rows:
            try:
                each = worth(gate.sources, limits.currency, account, row.contract)
            except Unknown:
                gross = None  # what is not known is not exceeded; the next order is refused for it
                continue
            value = abs(row.quantity) * each
            gross = None if gross is None else gross + value
            limit = limits.find("max_position_value", names_of(row.contract), account)
            if limit is not None:
                yield _judged("max_position_value", row.contract, value, limit)
        limit = limits.of_account("max_gross_exposure", account)
        if limit is not None and gross is not None:
            yield _judged("max_gross_exposure", None, gross, limit)


def _judged(
    name: str, contract: Any | None, value: Decimal, limit: Decimal
) -> tuple[str, RiskCheck]:
    """Of which contract, by its id, and the check."""
    of = "" if contract is None else f"{contract.localSymbol or contract.symbol}: "
    what = "" if contract is None else str(contract.conId)
    passed = value <= limit
    text = "" if passed else f"{of}{_MEASURED[name]} of {above(value, limit)}"
    return what, RiskCheck(name=name, passed=passed, value=value, limit=limit, text=text)
