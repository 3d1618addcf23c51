"""Every execution and its commission, in whatever order they come. Pure.

An execution whose order is unknown is kept all the same, and joined to the order when that turns up
(`book`). A commission may come before its execution. Both repeat: what says nothing new is told to
nobody, not even after the execution was forgotten (`keeping`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

import attrs

from twsloop.events import CommissionReported, Fill, order_story
from twsloop.wire.values import decimal_or_none

from .keeping import Memory
from .reading import (
    correction_of,
    execution_base,
    read_commission,
    read_execution,
    versions_of,
)
from .state import OrderRecord
from .steps import Change

__all__ = ["Booked", "BookedFill", "Executions", "Forgot", "nobody_counts"]


@attrs.frozen
class BookedFill:
    """An execution with its contract, and with its commission once that was reported."""

    fill: Fill
    contract: Any = attrs.field(repr=False)
    commission: CommissionReported | None = None

    def __repr__(self) -> str:
        fill, paid = self.fill, self.commission
        cost = f", commission {paid.commission:f} {paid.currency}" if paid else ""
        what = f"{fill.side} {fill.shares:f} {fill.symbol} at {fill.price:f}"
        return f"<BookedFill {fill.exec_id}: {what}{cost}>"


@attrs.define(eq=False)
class Booked:
    """The latest version of one execution, with its order once that is known."""

    fill: Fill
    contract: Any = attrs.field(repr=False)
    record: OrderRecord | None = None
    commission: CommissionReported | None = None


#: Told of executions that are not kept any more.
Forgot = Callable[[list[BookedFill]], object]


def nobody_counts(_forgotten: list[BookedFill]) -> None:
    """Stands in for a `Forgot` where nobody counts what executions earn."""


class Executions:
    """The executions that are known.

    Args:
        label: Writes a contract for people.
        memory: What is remembered of those that are not kept.
        keep: How many are kept whose order nobody tells of.
        forgot: Told of executions that are being forgotten.
    """

    def __init__(
        self, label: Callable[[Any], str], memory: Memory, *, keep: int, forgot: Forgot
    ) -> None:
        self._label = label
        self._memory = memory
        self._keep = keep
        self._forgot = forgot
        self._booked: dict[str, Booked] = {}
        self._orphans: dict[str, Booked] = {}
        self._commissions: dict[str, CommissionReported] = {}
        #: What an earlier process told of executions whose orders are not its own, by their base.
        self._told: dict[str, Fill] = {}
        #: Forgotten executions that the gateway lists again, while somebody holds the answer.
        self._again: WeakValueDictionary[str, Booked] = WeakValueDictionary()

    # ---- what is known -------------------------------------------------------------------

    def fills(self) -> list[BookedFill]:
        """Every execution known, in the order they became known, with its commission."""
        return [self._with_commission(kept) for kept in self._booked.values()]

    def find(self, exec_id: str) -> Booked | None:
        """An execution, in whatever version it is kept."""
        return self._booked.get(execution_base(exec_id))

    def of(self, base: str) -> Booked:
        """An execution that an order has."""
        return self._booked[base]

    def is_known(self, exec_id: str) -> bool:
        """Whether this version of an execution, or a later one, was told before."""
        kept = self.find(exec_id)
        if kept is None:
            return self._memory.has_execution(exec_id)
        return correction_of(kept.fill.exec_id) >= correction_of(exec_id)

    def listed(self, contract: Any, execution: Any, now: datetime) -> Booked:
        """An execution as the gateway has just listed it, for `listed_fills`.

        It is there even if its order is forgotten, and its commission is awaited as long as the
        answer is held.
        """
        base = execution_base(execution.execId)
        kept = self._booked.get(base) or self._again.get(base)
        if kept is None or correction_of(kept.fill.exec_id) < correction_of(execution.execId):
            label = self._label(contract)
            kept = Booked(read_execution(contract, execution, symbol=label, now=now), contract)
            self._again[base] = kept
        return kept

    def listed_fills(self, rows: Iterable[Booked]) -> list[BookedFill]:
        """Each execution of a list once, in its latest version, with its commission."""
        latest = {execution_base(row.fill.exec_id): row for row in rows}
        return [self._with_commission(self._booked.get(base, row)) for base, row in latest.items()]

    def _with_commission(self, kept: Booked) -> BookedFill:
        commission = self._commissions.get(kept.fill.exec_id, kept.commission)
        return BookedFill(kept.fill, kept.contract, commission)

    # ---- what comes ----------------------------------------------------------------------

    def take(self, contract: Any, execution: Any, now: datetime) -> Booked:
        """An execution that is not known, or the correction of one that is."""
        base = execution_base(execution.execId)
        kept = self._booked.get(base)
        corrects = self._memory.corrected_by(execution.execId)
        if kept is not None:
            corrects = kept.fill.exec_id
        elif base in self._told and self._told[base].exec_id != execution.execId:
            corrects = self._told[base].exec_id
        fill = read_execution(
            contract, execution, symbol=self._label(contract), now=now, corrects=corrects
        )
        booked = self._booked[base] = Booked(fill, contract)
        return booked

    def told_before(self, fills: Iterable[Fill]) -> None:
        """What an earlier process was told of: listed again it is kept, and told to nobody."""
        self._told.update((execution_base(fill.exec_id), fill) for fill in fills)

    def was_told(self, fill: Fill) -> bool:
        """Whether an earlier process was told just this; the ids alone may be given again."""
        told = self._told.get(execution_base(fill.exec_id))
        return told is not None and _of_trade(told) == _of_trade(fill)

    def remember(self, exec_id: str, *, paid: bool) -> None:
        """An earlier process was told of it (and of its commission); it is not kept."""
        self._memory.add_execution(exec_id)
        if paid:
            self._memory.add_commission(exec_id)

    def restore(self, fill: Fill, contract: Any) -> Booked:
        """An execution that an earlier process was told of."""
        booked = self._booked[execution_base(fill.exec_id)] = Booked(fill, contract)
        return booked

    def restore_commission(self, report: CommissionReported) -> None:
        """What an execution cost, as it was told then; before the execution is restored."""
        self._commissions[report.exec_id] = report

    def await_order(self, booked: Booked) -> None:
        """Nobody tells of its order yet; the oldest such one goes if there are too many."""
        self._orphans[execution_base(booked.fill.exec_id)] = booked
        if len(self._orphans) > self._keep:
            base = next(iter(self._orphans))
            del self._orphans[base]
            self.forget(base)

    def orphans_of(self, record: OrderRecord) -> list[Booked]:
        """The executions of an order that came before anybody told of it."""
        identity = record.client_id, record.order_id
        return [
            booked
            for booked in self._orphans.values()
            if (booked.fill.order_id and (booked.fill.client_id, booked.fill.order_id) == identity)
            or (booked.fill.perm_id and booked.fill.perm_id == record.perm_id)
        ]

    def join(self, booked: Booked, record: OrderRecord) -> None:
        """An execution and its order have met."""
        fill = booked.fill
        base = execution_base(fill.exec_id)
        booked.record = record
        self._orphans.pop(base, None)
        if fill.corrects is not None:
            record.commissions.pop(fill.corrects, None)
        record.fills[base] = fill
        early = self._commissions.get(fill.exec_id)
        if early is not None:
            record.commissions[fill.exec_id] = early

    def apply_commission(self, report: Any, realized: Decimal | None, now: datetime) -> Change:
        """A commission report, before or after its execution; ``realized`` None if it opened."""
        base = execution_base(report.execId)
        booked = self._booked.get(base)
        if booked is None and self._memory.has_execution(report.execId):
            fact = read_commission(report, realized, order_id=None, now=now)
            listed = self._again.get(base)
            if listed is not None:
                listed.commission = fact
            return Change(None, (fact,) if self._memory.add_commission(report.execId) else ())
        known = self._commissions.get(report.execId)
        record = booked.record if booked is not None else None
        if known is not None and _says(known, report, realized):
            return Change(record, known=True)
        order_id = record.order_id if record else None
        fact = read_commission(report, realized, order_id=order_id, now=now)
        if record is not None:
            story = order_story(record.client_id, record.order_id)
            fact = attrs.evolve(fact, correlation_id=story)
            record.note(now, "commission", f"{fact.commission} {fact.currency} for {fact.exec_id}")
        self._commissions[report.execId] = fact
        if record is None or booked is None or booked.fill.exec_id != report.execId:
            return Change(None, (fact,), changed=True)
        record.commissions[report.execId] = fact
        return Change(record, (fact,), changed=True)

    # ---- what goes -----------------------------------------------------------------------

    def leave(self) -> None:
        """The orders of those that are left may come to be those of another login."""
        orphans, self._orphans = self._orphans, {}
        for base in orphans:
            self.forget(base)

    def forget(self, base: str) -> None:
        """An execution is kept no longer; that it was there is remembered."""
        kept = self._booked.pop(base)
        self._forgot([self._with_commission(kept)])
        for version in versions_of(kept.fill.exec_id):
            self._memory.add_execution(version)
            if self._commissions.pop(version, None) is not None:
                self._memory.add_commission(version)


def _of_trade(fill: Fill) -> tuple[object, ...]:
    """What makes two reports of an execution the same."""
    return fill.exec_id, fill.side, fill.shares, fill.price, fill.executed_at


def _says(known: CommissionReported, report: Any, realized: Decimal | None) -> bool:
    """Whether a commission report says what is known already."""
    cost = decimal_or_none(report.commissionAndFees) or Decimal(0)
    return (known.commission, known.realized_pnl) == (cost, realized)
