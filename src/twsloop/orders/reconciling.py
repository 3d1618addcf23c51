"""What was known here, and what the gateway shows: where the two differ. Pure.

What was known is the book: what this program has seen, and what the journal says that earlier
processes did (`restoring`). The gateway's word is taken over by then, as that of any report; here
is what that changed, each difference of a kind, with the policy of ``[reconcile]`` for it.

Policy ``ask`` keeps new orders in a contract back until somebody has looked. What is asked and what
is accepted are facts, so that the next process asks on (`Questions`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.config.sections.reconcile import ReconcileParams
from twsloop.events import (
    Difference,
    DifferenceKind,
    DifferencesAccepted,
    DifferencesAsked,
    Fill,
    GapVerdict,
    OrderInGap,
    PositionInGap,
    PositionsHeld,
)

from .gaps import SETTLING, Listed, compare_positions, signed
from .holdings import Holding, Holdings
from .reading import execution_base

__all__ = [
    "Asked",
    "Questions",
    "compare_with_held",
    "differences_of",
    "held_as_told",
    "missing_executions",
]

_KINDS: Mapping[GapVerdict, DifferenceKind] = {
    GapVerdict.MOVED: DifferenceKind.CHANGED,
    GapVerdict.FILLED: DifferenceKind.CHANGED,
    GapVerdict.CANCELLED: DifferenceKind.CHANGED,
    GapVerdict.REJECTED: DifferenceKind.CHANGED,
    GapVerdict.REVIVED: DifferenceKind.CHANGED,
    GapVerdict.VANISHED: DifferenceKind.MISSING,
    GapVerdict.UNCERTAIN: DifferenceKind.UNCERTAIN,
}


# ---- the rows ----------------------------------------------------------------------------
def differences_of(
    client_id: int,
    policies: ReconcileParams,
    *,
    orders: Iterable[OrderInGap] = (),
    executions: Iterable[Fill] = (),
    missing: Iterable[Fill] = (),
    positions: Iterable[PositionInGap] = (),
) -> tuple[Difference, ...]:
    """The rows of a comparison, as differences of one kind each.

    Args:
        client_id: Ours.
        policies: What is done about each kind.
        orders: What became of the orders.
        executions: Those that were not known.
        missing: Those that are known, and that the gateway does not list.
        positions: Those that are not what they were. What executions explain is no difference of
            its own.
    """
    made = [_of_order(row) for row in orders if row.verdict is not GapVerdict.UNCHANGED]
    made += [_of_execution(fill, client_id) for fill in executions]
    made += [_missing_execution(fill) for fill in missing]
    made += [_of_position(row) for row in positions if not row.explained]
    policy = {
        DifferenceKind.MISSING: policies.missing,
        DifferenceKind.EXTRA: policies.extra,
        DifferenceKind.CHANGED: policies.changed,
        DifferenceKind.UNCERTAIN: policies.uncertain,
        DifferenceKind.FOREIGN: policies.foreign,
    }
    return tuple(attrs.evolve(one, policy=policy[one.kind]) for one in made)


def _of_order(row: OrderInGap) -> Difference:
    appeared = DifferenceKind.EXTRA if row.own else DifferenceKind.FOREIGN
    known = "" if row.before is None else _standing(row.before, row.filled_before)
    found = _standing(row.after, row.filled_after)
    reason = row.reason
    if row.verdict in {GapVerdict.VANISHED, GapVerdict.UNCERTAIN}:
        found = ""
    elif known == found:
        reason = "; ".join(part for part in ("its terms are others", reason) if part)
    return Difference(
        kind=_KINDS.get(row.verdict, appeared),
        about="order",
        account=row.account,
        con_id=row.con_id,
        symbol=row.symbol,
        order_id=row.order_id,
        client_id=row.client_id,
        perm_id=row.perm_id,
        known=known,
        found=found,
        reason=reason,
    )


def _standing(status: str, filled: Decimal) -> str:
    return f"{status}, {filled:f} filled" if filled else status


def _of_execution(fill: Fill, client_id: int) -> Difference:
    kind = DifferenceKind.EXTRA
    if fill.client_id != client_id or not fill.order_id:
        kind = DifferenceKind.FOREIGN
    elif fill.corrects is not None:
        kind = DifferenceKind.CHANGED
    return attrs.evolve(
        _execution(fill, kind),
        known="" if fill.corrects is None else f"execution {fill.corrects}",
        found=_traded(fill),
    )


def _missing_execution(fill: Fill) -> Difference:
    return attrs.evolve(_execution(fill, DifferenceKind.MISSING), known=_traded(fill))


def _execution(fill: Fill, kind: DifferenceKind) -> Difference:
    return Difference(
        kind=kind,
        about="execution",
        account=fill.account,
        con_id=fill.con_id,
        symbol=fill.symbol,
        order_id=fill.order_id,
        client_id=fill.client_id,
        perm_id=fill.perm_id,
        exec_id=fill.exec_id,
    )


def _traded(fill: Fill) -> str:
    return f"{fill.side} {fill.shares:f} at {fill.price:f}"


def _of_position(row: PositionInGap) -> Difference:
    expected = row.before + row.by_fills
    kind = DifferenceKind.CHANGED
    if not row.after:
        kind = DifferenceKind.MISSING
    elif not expected:
        kind = DifferenceKind.EXTRA
    perhaps = row.explained is None
    return Difference(
        kind=kind,
        about="position",
        account=row.account,
        con_id=row.con_id,
        symbol=row.symbol,
        known=f"{expected:f}" if expected else "",
        found=f"{row.after:f}" if row.after else "",
        reason="another client may have traded" if perhaps else "no execution tells of it",
    )


# ---- executions that are not listed ------------------------------------------------------
def missing_executions(known: Iterable[Fill], listed: Listed, began: datetime) -> list[Fill]:
    """The executions that the gateway should have listed, and has not.

    How far back it lists them is its own affair (a day, as a rule): of those that are older than
    all that it lists nobody can say anything.

    Args:
        known: Our own executions.
        listed: What it has listed.
        began: When the comparison began: what became known since need not be in the list.
    """
    if listed.since is None:
        return []
    return [
        fill
        for fill in known
        if fill.executed_at is not None
        and fill.executed_at > listed.since
        and fill.time <= began
        and execution_base(fill.exec_id) not in listed.bases
    ]


# ---- positions, and what the journal says of them ----------------------------------------
def held_as_told(told: PositionsHeld) -> Holdings:
    """What an earlier process was told to hold."""
    return {(row.account, row.con_id): Holding(row.symbol, row.quantity) for row in told.positions}


def compare_with_held(
    told: PositionsHeld,
    traded: Sequence[Fill],
    after: Holdings,
    new: Iterable[Fill],
    *,
    sees_all: bool,
) -> tuple[PositionInGap, ...]:
    """The positions that are not what the journal says.

    Args:
        told: All positions, as the gateway last listed them to an earlier process.
        traded: The executions that the journal has since then, a combo's by its legs alone.
        after: What is held now.
        new: All executions that are known now.
        sees_all: Whether the executions of other clients are told to this one.
    """
    latest: dict[str, Fill] = {}
    _take_latest(latest, traded)
    written = frozenset(latest)
    # What was traded long before the positions were told, is in them.
    settled = told.time - SETTLING
    _take_latest(latest, (fill for fill in new if (fill.executed_at or fill.time) >= settled))
    since: dict[tuple[str, int], Decimal] = {}
    for base in written:
        fill = latest[base]
        if fill.con_id is not None and fill.time >= told.time and fill.corrects is None:
            key = fill.account, fill.con_id
            since[key] = since.get(key, Decimal(0)) + signed(fill)
    fresh = {
        (fill.account, fill.con_id)
        for base, fill in latest.items()
        if base not in written and fill.time >= settled
    }
    rows = compare_positions(
        held_as_told(told), after, latest.values(), told.time, sees_all=sees_all
    )
    return tuple(
        attrs.evolve(
            row,
            before=row.before + since.get((row.account, row.con_id), Decimal(0)),
            by_fills=row.by_fills - since.get((row.account, row.con_id), Decimal(0)),
        )
        for row in rows
        # What the journal has explained already is no news.
        if not row.explained or (row.account, row.con_id) in fresh
    )


def _take_latest(latest: dict[str, Fill], fills: Iterable[Fill]) -> None:
    """Executions in their latest versions; one whose first version is known stands for itself.

    A gateway lists those of other clients again: they are from when they were told first.
    """
    for fill in fills:
        base = execution_base(fill.exec_id)
        known = latest.get(base)
        if known is not None and known.exec_id == fill.exec_id:
            continue
        whole = known is not None and known.corrects is None
        latest[base] = attrs.evolve(fill, corrects=None) if whole else fill


# ---- what somebody has to look at --------------------------------------------------------
#: What a journal keeps of them.
Asked = DifferencesAsked | DifferencesAccepted


class Questions:
    """The differences that keep new orders in a contract back until they are accepted."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, ...], Difference] = {}
        self._accepted: set[tuple[str, ...]] = set()

    def __iter__(self) -> Iterator[Difference]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, differences: Iterable[Difference]) -> tuple[Difference, ...]:
        """Take in those that are to be asked about; the ones that were not asked about before."""
        asked = {one.key: one for one in differences if one.policy == "ask"}
        new = {
            key: one
            for key, one in asked.items()
            if key not in self._open and key not in self._accepted
        }
        self._open.update(new)
        return tuple(new.values())

    def accept(self, chosen: Collection[Difference]) -> tuple[Difference, ...]:
        """These have been looked at; those of them that were open."""
        accepted = [one for one in chosen if self._open.pop(one.key, None) is not None]
        # An order that stays as it is stands in the report of every gap; all else is told once.
        self._accepted.update(one.key for one in accepted if one.about == "order")
        return tuple(accepted)

    def restore(self, facts: Iterable[Asked]) -> None:
        """What earlier processes asked, and what was accepted then, in its order."""
        for fact in facts:
            if isinstance(fact, DifferencesAsked):
                self.ask(fact.differences)
            else:
                self.accept(fact.differences)

    def refuses(self, contract: Any, symbol: str) -> str:
        """Why a new order is refused, in words; empty if it may leave.

        Args:
            contract: IB's Contract.
            symbol: The contract in short.
        """
        found = [one for one in self._open.values() if _concerns(one, contract, symbol)]
        if not found:
            return ""
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return (
            f"it is not clear what is there: {found[0]}{more}. Look at it, then call "
            "orders.accept() ([reconcile])"
        )


def _concerns(one: Difference, contract: Any, symbol: str) -> bool:
    """Whether a difference may be about a contract; what cannot be told apart is the same."""
    if one.con_id is None and not one.symbol:
        return True
    legs = contract.comboLegs or () if contract.secType == "BAG" else ()
    con_ids = {leg.conId for leg in legs} or {contract.conId}
    if one.con_id is not None and 0 not in con_ids:
        return one.con_id in con_ids
    return one.symbol.split()[:1] == symbol.split()[:1]
