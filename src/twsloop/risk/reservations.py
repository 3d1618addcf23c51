"""What working orders may still do to positions: it counts as done already. Pure.

An order counts from the moment the gate lets it pass until nothing is to be waited for; one whose
fate is unknown counts, too. Orders that are only one of several (an OCA group) count as the largest
of them. What is attached to a parent and trades against it closes what the parent opens: while the
parent works it counts as much as the parent has traded, and never for more than the parent's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import attrs

from .ahead import Ahead
from .identity import Ident, ident_of, multiplier_of
from .sources import OrderView, Sources
from .values import ZERO, exact

__all__ = ["Key", "Reservations", "Reserved", "key_of", "named_price", "total_of", "trigger_of"]

#: Client id and order id; or 0 and the negative permId of what was made by hand.
Key = tuple[int, int]

#: Not handed to the socket: of such the gate knows only those that it let pass.
_CREATED = "CREATED"
#: It may work although nothing is waited for.
_UNCERTAIN = "UNCERTAIN"
#: How many orders are remembered by how much was filled; fills come after the end, too.
_REMEMBERED = 20_000


def key_of(order: OrderView) -> Key:
    """What tells an order from all others."""
    return (order.client_id, order.order_id) if order.order_id else (0, -order.perm_id)


#: What reaches its ``auxPrice`` becomes an order; in the other types that is an offset, or nothing.
_TRIGGERED = frozenset({"STP", "STP LMT", "STP PRT", "MIT", "LIT"})


def trigger_of(order: Any) -> Decimal | None:
    """The price at which an order becomes active; None if it names none."""
    kind = order.orderType
    if kind in _TRIGGERED:
        return exact(order.auxPrice) or None
    return exact(order.trailStopPrice) or None if kind.startswith("TRAIL") else None


def named_price(order: Any) -> Decimal | None:
    """The price that an order names: its limit, or else its trigger; None if it names none."""
    return exact(order.lmtPrice) or trigger_of(order)


def total_of(order: Any) -> Decimal | None:
    """The size of an order; None for one by cash."""
    size = exact(order.totalQuantity)
    return size if size is not None and size > 0 else None


@attrs.define(kw_only=True, eq=False)
class Reserved:
    """An order that may still trade. Nobody changes one that has been handed over.

    Attributes:
        key: Which.
        account: Whose.
        contract: IB's Contract.
        ident: The same, as limits know it.
        buys: Its side.
        total: Its size, the larger one while a change is not confirmed; None if it has none.
        filled: How much of it is done.
        parent: What it is attached to.
        cap: The parent's size, so far as that was seen.
        oca: Its OCA group; empty for none.
        waits: It is at the gateway, and waits for what is attached to it.
        price: What one unit costs at most, in the contract's currency; None if it names no price.
        multiplier: Units of one contract; None if not known.
    """

    key: Key
    account: str
    contract: Any = attrs.field(repr=False)
    ident: Ident
    buys: bool
    total: Decimal | None
    filled: Decimal = ZERO
    parent: Key | None = None
    cap: Decimal | None = None
    oca: str = ""
    waits: bool = False
    price: Decimal | None = None
    multiplier: Decimal | None = None

    #: How much of it may still trade; None if it has no size.
    open: Decimal | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Work out how much of it may still trade."""
        self.resize(self.total)

    def resize(self, total: Decimal | None) -> None:
        """Its size is another one."""
        self.total = total
        filled = self.filled
        self.open = max(total - filled, ZERO) if total is not None and filled else total


class Reservations:
    """All orders that may still trade, by account and contract.

    Args:
        sources: What is known of contracts and positions.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.ahead = Ahead()
        self._rows: dict[Key, Reserved] = {}
        self._places: dict[str, dict[tuple[str, str, str], dict[Key, Reserved]]] = {}
        self._filled: dict[Key, Decimal] = {}
        #: One that was made by hand gets an id when it is bound.
        self._by_hand: dict[int, Key] = {}

    # ---- what happens to orders ----------------------------------------------------------

    def take(self, row: Reserved, reported: Decimal | None, at: float) -> None:
        """The gate lets an order, or a change of one, pass.

        Args:
            row: The order.
            reported: The position in its contract, as it is reported now; None if nobody knows.
            at: Monotonic seconds.
        """
        if reported is not None:
            self.ahead.begin(row.account, row.ident, reported, at)
        self._put(row)
        self._filled.setdefault(row.key, row.filled)
        parent = None if row.parent is None or row.waits else self._rows.get(row.parent)
        if parent is not None:
            parent.waits = False  # this one lets all of them go

    def note(self, order: OrderView, at: float) -> None:
        """An order of the book is not what it was.

        Args:
            order: As it is now.
            at: Monotonic seconds.
        """
        key = key_of(order)
        before = self._rows.get(key)
        if before is None and order.status == _CREATED:
            return  # it has not passed the gate
        if not order.order_id:
            self._by_hand[order.perm_id] = key
        elif order.perm_id in self._by_hand:
            old = self._by_hand.pop(order.perm_id)
            self._drop(old)
            self._filled[key] = self._filled.pop(old, ZERO)
        row = self._row(key, order, before)
        self._note_fill(row, at)
        if order.final and order.status != _UNCERTAIN:
            self._drop(key)
        else:
            self._put(row)

    def leave(self) -> None:
        """Another login answers: nobody will tell of these orders, and their ids may be in use."""
        self.ahead = Ahead()
        self._rows.clear()
        self._places.clear()
        self._filled.clear()
        self._by_hand.clear()

    def find(self, key: Key) -> Reserved | None:
        """An order that may still trade."""
        return self._rows.get(key)

    def count(self, account: str, without: Key | None = None) -> int:
        """How many orders of an account may still trade."""
        rows = self._places.get(account, {}).values()
        return sum(len(place) - (without in place) for place in rows)

    # ---- what they may do ----------------------------------------------------------------

    def sides(
        self, account: str, ident: Ident, *, new: Reserved | None = None, without: Key | None = None
    ) -> tuple[Decimal | None, Decimal | None]:
        """How much may be bought, and how much sold, in one contract; None if not known.

        Args:
            account: Whose.
            ident: The contract.
            new: An order that is not among them yet.
            without: One that does not count.
        """
        return (
            self.side(account, ident, buys=True, new=new, without=without),
            self.side(account, ident, buys=False, new=new, without=without),
        )

    def side(
        self,
        account: str,
        ident: Ident,
        *,
        buys: bool,
        new: Reserved | None = None,
        without: Key | None = None,
    ) -> Decimal | None:
        """How much may be bought, or sold, in one contract; see `sides`."""
        place = self._places.get(account, {}).get(ident.kind)
        if not place:
            return self._sum((new,)) if new is not None and new.buys is buys else ZERO
        con_id = ident.con_id
        rows = [
            row
            for key, row in place.items()
            if row.buys is buys
            and (row.ident.con_id == con_id != 0 or row.ident.same(ident))
            and key != without
        ]
        if new is not None and new.buys is buys:
            rows.append(new)
        return self._sum(rows) if rows else ZERO

    def of(self, account: str, without: Key | None = None) -> Iterator[Reserved]:
        """The orders of an account."""
        for place in self._places.get(account, {}).values():
            for key, row in place.items():
                if key != without:
                    yield row

    def prices(self, account: str, ident: Ident, without: Key | None) -> list[Decimal]:
        """The prices that the orders in one contract name."""
        place = self._places.get(account, {}).get(ident.kind, {})
        return [
            row.price
            for key, row in place.items()
            if row.price is not None and key != without and row.ident.same(ident)
        ]

    def closes_parent(self, row: Reserved) -> bool:
        """Whether it can only close what a parent opens that works as well."""
        parent = self._parent(row)
        return (
            parent is not None
            and parent.total is not None
            and row.total is not None
            and row.total <= parent.total
        )

    # ---- inside --------------------------------------------------------------------------

    def _sum(self, rows: Iterable[Reserved]) -> Decimal | None:
        total = ZERO
        related: list[Reserved] = []
        for row in rows:
            if row.open is None:
                return None
            if row.parent is None and not row.oca:
                total += row.open
            else:
                related.append(row)
        return total + self._related(related) if related else total

    def _related(self, rows: Iterable[Reserved]) -> Decimal:
        """The same of orders that are in groups, or attached to others, and have sizes."""
        groups: dict[tuple[Key | None, object], Decimal] = {}
        caps: dict[Key, Decimal] = {}
        for row in rows:
            parent = self._parent(row)
            cap = row.cap if parent is None else parent.filled
            family = row.parent if cap is not None else None
            if family is not None and cap is not None:
                caps[family] = cap
            group = family, row.oca or row.key
            groups[group] = max(groups.get(group, ZERO), row.open or ZERO)
        total = ZERO
        families: dict[Key, Decimal] = {}
        for (family, _), size in groups.items():
            if family is None:
                total += size
            else:
                families[family] = families.get(family, ZERO) + size
        return sum((min(size, caps[one]) for one, size in families.items()), total)

    def _parent(self, row: Reserved) -> Reserved | None:
        """The parent that it trades against, while that works."""
        if row.parent is None:
            return None
        parent = self._rows.get(row.parent)
        if parent is None or parent.buys == row.buys or not parent.ident.same(row.ident):
            return None
        return parent

    def _row(self, key: Key, order: OrderView, before: Reserved | None) -> Reserved:
        terms, contract = order.order, order.contract
        details = self._sources.details(contract)
        total = total_of(terms)
        if order.before_change is not None and total is not None:
            total = max(total, total_of(order.before_change) or ZERO)
        price = named_price(terms)
        parent_id = order.parent_id or terms.parentId
        parent = (order.client_id, parent_id) if parent_id else None
        row = Reserved(
            key=key,
            account=terms.account or ("" if before is None else before.account),
            contract=contract,
            ident=ident_of(contract, details),
            buys=terms.action == "BUY",
            total=total,
            filled=order.filled,
            parent=parent,
            oca=terms.ocaGroup or "",
            price=price,
            multiplier=multiplier_of(contract, details),
        )
        if before is not None:
            if total is None:
                row.resize(before.total)
            row.price = before.price if price is None else price
            row.cap, row.waits = before.cap, before.waits and not terms.transmit
        self.cap(row)
        return row

    def cap(self, row: Reserved) -> None:
        """Let it know the size of its parent, while that can be seen."""
        parent = self._parent(row)
        if parent is not None and parent.total is not None:
            row.cap = parent.total

    def reported(self, account: str, ident: Ident) -> Decimal | None:
        """The position of an account as it is reported; None if nobody knows."""
        held = self._sources.positions(account)
        if held is None:
            return None
        total, con_id = ZERO, ident.con_id
        for one in held:
            known = one.contract.conId
            if known == con_id if con_id and known else ident_of(one.contract).same(ident):
                total += one.quantity
        return total

    def _note_fill(self, row: Reserved, at: float) -> None:
        known = self._filled.get(row.key)
        self._filled[row.key] = row.filled
        while len(self._filled) > _REMEMBERED:
            del self._filled[next(iter(self._filled))]
        if known is None or row.filled <= known:
            return  # of what is seen for the first time the position has been reported long ago
        reported = self.reported(row.account, row.ident)
        if reported is not None:
            change = row.filled - known
            change = change if row.buys else -change
            self.ahead.filled(row.account, row.ident, change, reported=reported, at=at)

    def _put(self, row: Reserved) -> None:
        if row.key in self._rows:
            self._drop(row.key)
        self._rows[row.key] = row
        self._places.setdefault(row.account, {}).setdefault(row.ident.kind, {})[row.key] = row

    def _drop(self, key: Key) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        kinds = self._places[row.account]
        place = kinds[row.ident.kind]
        del place[key]
        if not place:
            del kinds[row.ident.kind]
