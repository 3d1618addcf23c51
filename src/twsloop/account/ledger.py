"""Positions as the program meant them: by tag, account and contract, from flat to flat.

The broker knows one position in a contract. A program that runs two strategies means two: each
order carries its strategy's tag (``orderRef``), and so does every execution. Here each tag has its
own position in each contract, round by round: what was paid to get in, where the stop and the
target are, how it was left, and what it earned with its commissions. First in, first out.

What somebody trades by hand has no tag; neither has what closes the broker's position as a whole
(`close_position`, the end of the day). It closes what was opened without a tag first, then the
oldest position of any tag on the other side: that is what was seen and closed. What is left of it
opens without a tag.

Theory of operation
-------------------
The ledger keeps facts, and counts when it is asked. Executions and commissions may come in any
order, repeatedly, and long after each other; the newest version of a corrected execution counts.
So a ledger that reads a journal after a restart, and one that heard everything live, are the same.
What orders say (their type, parent, prices, status) comes in its own order, newest last. A contract
whose multiplier nobody has told yet has no amounts: its quantities count, its money is None.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    OrderEvent,
    OrderIntent,
    OrderStep,
)
from twsloop.events.execution_ids import is_leg
from twsloop.events.shown import OrderShown, PositionShown
from twsloop.events.statuses import CLOSERS
from twsloop.wire.values import decimal_or_none

from .executed import Executed, ExecutionLog
from .known import Told
from .lots import Lot, add_to
from .rounds import Counting, Round
from .tag_rows import CloseReason, LedgerDrift, Opened, TagPosition

__all__ = ["TagLedger"]

_ZERO = Decimal(0)
_COMBO = "BAG"
#: Kinds of which one unit is one unit: no multiplier is told for them.
_SINGLE = frozenset({"STK", "CASH", "CFD", "FUND", "CRYPTO", "BOND", "CMDTY"})
#: What is looked at of IB's Contract and Order.
_CONTRACT = ("conId", "secType", "currency", "multiplier")
_PRICES = ("lmtPrice", "auxPrice", "trailStopPrice")
_ORDER = ("action", "orderType", "parentId", "ocaGroup", *_PRICES)


@attrs.frozen
class _Contract:
    """What is known of a contract."""

    sec_type: str = ""
    currency: str = ""
    multiplier: Decimal | None = None


class TagLedger:
    """Keeps what is told, and counts positions by tag from it.

    Args:
        opening: What was held before the first execution that is known.
    """

    def __init__(self, opening: Iterable[Opened] = ()) -> None:
        self._log = ExecutionLog()
        self._orders: dict[tuple[int, int], Told] = {}
        self._contracts: dict[int, _Contract] = {}
        self._opening: dict[tuple[str, int], list[Opened]] = {}
        self.open(opening)

    # ---- what is told --------------------------------------------------------------------

    def open(self, before: Iterable[Opened]) -> None:
        """What was held before the first execution that is known."""
        for one in before:
            if one.quantity:
                self._opening.setdefault((one.account, one.con_id), []).append(one)

    def take(self, fact: Fact) -> None:
        """A fact, live or out of a journal; those that say nothing of positions are passed over."""
        if isinstance(fact, Fill):
            self._log.take(fact)
        elif isinstance(fact, CommissionReported):
            self._log.take_commission(fact)
        elif isinstance(fact, OrderIntent):
            told = self._told(fact.client_id, fact.order_id)
            told.account, told.tag = fact.account or told.account, fact.tag or told.tag
            told.order = {**told.order, **fact.order}
            if fact.kind == "place":
                told.status = ""
            self._learn(told, fact.contract)
            told.con_id = told.con_id or fact.con_id or 0
            told.origin = fact.origin or told.origin
        elif isinstance(fact, OrderStep):
            self._step(fact)
        elif isinstance(fact, OrderEvent):
            self._event(fact)

    def learn(self, contract: Any) -> None:
        """A contract as the gateway reports it: its multiplier and its currency."""
        self._learn(None, {name: getattr(contract, name) for name in _CONTRACT})

    def see(self, known: OrderShown) -> None:
        """An order as it stands now; call it where its order may be read."""
        told = self._told(known.client_id, known.order_id)
        order = known.order
        told.order = {name: getattr(order, name) for name in _ORDER}
        told.status, told.account = str(known.status), order.account or told.account
        told.tag, told.origin = known.tag or told.tag, known.origin or told.origin
        self._learn(told, {name: getattr(known.contract, name) for name in _CONTRACT})

    def _step(self, step: OrderStep) -> None:
        told = self._told(step.client_id, step.order_id)
        changes = step.changes
        told.status = str(changes.get("status", told.status))
        told.account = str(changes.get("account") or told.account)
        told.tag = str(changes.get("tag") or told.tag)
        told.origin = str(changes.get("origin") or told.origin)
        if changes.get("order"):
            told.order = dict(changes["order"])
        if changes.get("contract"):
            self._learn(told, changes["contract"])

    def _event(self, event: OrderEvent) -> None:
        """A step as it is told to everybody: all but parents and groups is in it."""
        told = self._told(event.client_id, event.order_id)
        told.status, told.con_id = event.status or told.status, event.con_id or told.con_id
        told.account, told.tag = event.account or told.account, event.tag or told.tag
        told.origin = event.origin or told.origin
        named = {"action": event.action, "orderType": event.order_type}
        prices = dict(zip(_PRICES, (event.limit_price, *2 * (event.stop_price,)), strict=True))
        told.order |= {name: value for name, value in (named | prices).items() if value}

    def _told(self, client_id: int, order_id: int) -> Told:
        return self._orders.setdefault((client_id, order_id), Told(len(self._orders)))

    def _learn(self, told: Told | None, fields: Mapping[str, Any]) -> None:
        con_id = fields.get("conId") or 0
        kind = str(fields.get("secType") or "")
        if told is not None:
            told.con_id, told.kind = con_id or told.con_id, kind or told.kind
        if not con_id:
            return
        known = self._contracts.get(con_id, _Contract())
        multiplier = decimal_or_none(fields.get("multiplier")) or known.multiplier
        if multiplier is None and kind in _SINGLE:
            multiplier = Decimal(1)
        currency = str(fields.get("currency") or known.currency)
        self._contracts[con_id] = _Contract(kind or known.sec_type, currency, multiplier)

    # ---- what is held --------------------------------------------------------------------

    def positions(
        self,
        *,
        tag: str | None = None,
        account: str = "",
        con_id: int = 0,
        open_only: bool = False,
    ) -> list[TagPosition]:
        """The rounds, by the time they were opened.

        Args:
            tag: Only of this tag; the empty one is what has none.
            account: Only of this account.
            con_id: Only in this contract.
            open_only: Leave out what is closed.
        """
        exits = self._exits()
        rows = [
            row
            for key, executed in self._books().items()
            if account in {"", key[0]} and con_id in {0, key[1]}
            for row in self._rounds(key, executed, exits)
            if tag in {None, row.tag} and (row.open or not open_only)
        ]
        return sorted(rows, key=lambda row: (row.opened_at, row.tag, row.con_id, row.number))

    def drift(self, held: Iterable[PositionShown]) -> list[LedgerDrift]:
        """Where the broker says something else than all tags together.

        Args:
            held: All positions of all accounts, as the broker tells them.
        """
        broker = {(row.account, row.contract.conId): row for row in held}
        ledger: dict[tuple[str, int], list[TagPosition]] = {}
        for row in self.positions(open_only=True):
            ledger.setdefault((row.account, row.con_id), []).append(row)
        drifts = []
        for key in sorted({*broker, *ledger}):
            rows, told = ledger.get(key, []), broker.get(key)
            ours = sum((row.quantity for row in rows), _ZERO)
            theirs = told.quantity if told is not None else _ZERO
            if ours != theirs:
                symbol = told.symbol if told is not None else rows[0].symbol
                tags: dict[str, Decimal] = {}
                add_to(tags, {row.tag: row.quantity for row in rows})
                drifts.append(
                    LedgerDrift(
                        account=key[0],
                        con_id=key[1],
                        symbol=symbol,
                        ledger=ours,
                        broker=theirs,
                        tags=tags,
                    )
                )
        return drifts

    def _books(self) -> dict[tuple[str, int], list[Executed]]:
        """The executions of each contract, in the order they were made."""
        books: dict[tuple[str, int], list[Executed]] = {key: [] for key in self._opening}
        for executed in self._log.executed():
            fill = executed.fill
            told = self._orders.get((fill.client_id, fill.order_id))
            combo = told is not None and told.kind == _COMBO
            if (combo and not is_leg(fill.exec_id)) or self._is_combo(fill.con_id):
                continue  # its legs are told one by one
            books.setdefault((fill.account, fill.con_id or 0), []).append(executed)
        return books

    def _is_combo(self, con_id: int | None) -> bool:
        known = self._contracts.get(con_id or 0)
        return known is not None and known.sec_type == _COMBO

    # ---- counting ------------------------------------------------------------------------

    def _rounds(
        self, key: tuple[str, int], executed: Iterable[Executed], exits: _Exits
    ) -> list[TagPosition]:
        """Every round in one contract of one account."""
        contract = self._contracts.get(key[1], _Contract())
        counting = Counting()
        symbol = ""
        for opened in self._opening.get(key, ()):
            value = None if opened.cost is None else opened.quantity * opened.cost
            price = None
            if opened.cost is not None and contract.multiplier:
                price = opened.cost / contract.multiplier
            counting.trade(opened.tag, Lot(opened.quantity, value), price, opened.time)
            symbol = opened.symbol or symbol
        for one in executed:
            fill, paid = one.fill, one.commission
            signed = fill.shares if fill.side == "BOT" else -fill.shares
            if not signed:
                continue
            value = None
            if contract.multiplier is not None:
                value = signed * fill.price * contract.multiplier
            fees = {}
            if paid is not None and paid.commission:
                fees = {paid.currency or contract.currency: paid.commission}
            counting.order = (fill.client_id, fill.order_id)
            counting.unreported = fill.exec_id if paid is None else ""
            counting.reason = self._reason(fill)
            lot = Lot(signed, value, fees)
            symbol = fill.symbol or symbol
            tag = fill.tag or self._tag_of(fill)
            if not tag and self._closes_anything(fill):
                counting.close_any(lot, fill.price, one.time)
            else:
                counting.trade(tag, lot, fill.price, one.time)
        rows = [self._row(key, done, contract, symbol) for done in counting.rounds]
        return [
            attrs.evolve(
                row,
                stop_price=self._price(key, done, "stop", exits),
                target_price=self._price(key, done, "target", exits),
            )
            for row, done in zip(rows, counting.rounds, strict=True)
        ]

    def _tag_of(self, fill: Fill) -> str:
        told = self._orders.get((fill.client_id, fill.order_id))
        return told.tag if told is not None else ""

    def _closes_anything(self, fill: Fill) -> bool:
        """Whether it was made by hand, or to close what the broker holds."""
        told = self._orders.get((fill.client_id, fill.order_id))
        return fill.order_id <= 0 or (told is not None and told.origin in CLOSERS)

    def _reason(self, fill: Fill) -> CloseReason:
        if fill.order_id <= 0:
            return "manual"
        told = self._orders.get((fill.client_id, fill.order_id))
        return told.role if told is not None else "other"

    def _row(
        self, key: tuple[str, int], done: Round, contract: _Contract, symbol: str
    ) -> TagPosition:
        currency = contract.currency
        others = {name: fee for name, fee in done.fees.items() if name != currency and fee}
        gross = done.gross
        realized = None if gross is None else gross - done.closed_fees.get(currency, _ZERO)
        most = max(done.reasons.values(), default=_ZERO)
        # Of equal parts the one that was closed last counts.
        reason = next((r for r, units in reversed(done.reasons.items()) if units == most), None)
        return TagPosition(
            tag=done.tag,
            account=key[0],
            con_id=key[1],
            symbol=symbol,
            currency=currency,
            number=done.number,
            quantity=done.quantity,
            entered=done.entered,
            entry_price=None if done.paid is None else done.paid / done.entered,
            left=done.left,
            exit_price=done.got / done.left if done.left else None,
            opened_at=done.opened_at,
            closed_at=done.closed_at,
            close_reason=reason,
            cost=done.cost,
            gross=gross,
            commission=done.fees.get(currency, _ZERO),
            realized=realized,
            other_commission=others,
            unreported=len(done.unreported),
            orders=tuple(done.orders),
            side="long" if done.sign > 0 else "short",
        )

    def _price(
        self, key: tuple[str, int], done: Round, role: CloseReason, exits: _Exits
    ) -> Decimal | None:
        """The price of the stop or target of a round: of one that works, or of the last."""
        names = [*done.orders, *exits.working.get((done.tag, key[1]), ())]
        for entry in done.entries:
            names += exits.children.get(entry, ())
        found: list[tuple[bool, int, Decimal]] = []
        for name in dict.fromkeys(names):
            told = self._orders.get(name)
            if told is None or told.role != role or told.buys is (done.sign > 0):
                continue
            price = told.price
            if price is not None and told.account in {"", key[0]}:
                works = bool(done.quantity) and told.works
                found.append((works, told.number, price))
        return max(found)[2] if found else None

    def _exits(self) -> _Exits:
        exits = _Exits()
        for name, told in self._orders.items():
            parent = told.order.get("parentId")
            if parent:
                exits.children.setdefault((name[0], parent), []).append(name)
            if told.works:
                exits.working.setdefault((told.tag, told.con_id), []).append(name)
        return exits


@attrs.define
class _Exits:
    """Where to look for the stops and targets of a round.

    Attributes:
        children: By their parent.
        working: By tag and contract.
    """

    children: dict[tuple[int, int], list[tuple[int, int]]] = attrs.Factory(dict)
    working: dict[tuple[str, int], list[tuple[int, int]]] = attrs.Factory(dict)
