"""Open orders and positions as the risk slice looks at them, and which orders protect what. Pure.

Which of the open orders protect a position, and which may be taken back without harm, is not told
by their types alone. A gateway cancels the children of a parent with it, and the other orders of a
group with each one (IB: "OCA"): to cancel the rest of an entry that filled in part may take the
stop of the filled part along.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal

import attrs

from twsloop.events import OrderNamed
from twsloop.events.shown import OrderShown, PositionShown
from twsloop.events.statuses import ENDED, STOPS, TRAILING, order_type
from twsloop.wire.values import decimal_or_none

__all__ = [
    "HeldPosition",
    "OpenOrder",
    "Sorted",
    "group_of",
    "largest_of_groups",
    "read_order",
    "read_position",
    "sort_orders",
]

_ZERO = Decimal(0)
#: IB's words for an order that the gateway, IB or the exchange holds ready.
_WORKS = frozenset({"PreSubmitted", "Submitted"})
#: Reasons to hold an order back (``whyHeld``): it waits for its parent, or for shares.
_HELD_BACK = frozenset({"child", "locate"})


@attrs.frozen(kw_only=True)
class HeldPosition:
    """A position.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        symbol: The contract in short, for people.
        sec_type: IB's word for its kind.
        quantity: Negative is short.
    """

    account: str
    con_id: int
    symbol: str = ""
    sec_type: str = "STK"
    quantity: Decimal


@attrs.frozen(kw_only=True)
class OpenOrder:
    """An open order, of whatever client.

    Attributes:
        order_id: Its id within its client id; 0 for one that was placed by hand.
        client_id: Whose it is.
        perm_id: IB's permanent id; None until known.
        account: The account it is for; empty for the only one.
        con_id: The contract's id; 0 while only we know the order.
        symbol: The contract in short, for people.
        sec_type: IB's word for the contract's kind.
        buys: Its side.
        order_type: IB's word.
        filled: How much is filled.
        remaining: How much is open.
        trigger: The price that makes it work; None for what has none, or moves it (a trail).
        parent_id: The parent's order id, within the same client id; 0 for none.
        oca_group: The group of which one order cancels, or reduces, the others; empty for none.
        status: Where it is.
        why_held: What it waits for, in IB's words.
    """

    order_id: int
    client_id: int = 0
    perm_id: int | None = None
    account: str = ""
    con_id: int = 0
    symbol: str = ""
    sec_type: str = "STK"
    buys: bool
    order_type: str
    filled: Decimal = _ZERO
    remaining: Decimal
    trigger: Decimal | None = None
    parent_id: int = 0
    oca_group: str = ""
    status: str = "Submitted"
    why_held: str = ""

    @property
    def is_stop(self) -> bool:
        """Whether it closes a position when the market goes against it."""
        return order_type(self.order_type) in STOPS

    @property
    def works(self) -> bool:
        """Whether the gateway says that it is ready, and waits for no other order."""
        return self.status in _WORKS and not _HELD_BACK & set(self.why_held.split(","))

    @property
    def key(self) -> tuple[int, int]:
        """Its client and its id there."""
        return self.client_id, self.order_id

    @property
    def parent(self) -> tuple[int, int] | None:
        """Its parent's client and id; None if it has none."""
        return (self.client_id, self.parent_id) if self.parent_id else None

    @property
    def name(self) -> OrderNamed:
        """Which order it is."""
        return OrderNamed(
            order_id=self.order_id, client_id=self.client_id, perm_id=self.perm_id or None
        )

    def concerns(self, position: HeldPosition) -> bool:
        """Whether it is for the contract and the account of a position."""
        if self.account not in {"", position.account}:
            return False
        if self.con_id and position.con_id:
            return self.con_id == position.con_id
        return bool(self.symbol) and self.symbol == position.symbol

    def closes(self, position: HeldPosition) -> bool:
        """Whether a fill would make a position smaller, or turn it round."""
        return self.concerns(position) and self.buys == (position.quantity < 0)


@attrs.frozen
class Sorted:
    """Open orders by what becomes of positions without them.

    Attributes:
        entries: They can be cancelled, and no position has less protection than before. Children
            of a parent among them that is not filled at all are not named: they go with it.
        protective: They close positions: stops, and what is tied to them.
        entangled: Entries whose end would take protective orders along: the rest of a parent that
            filled in part, and orders in a group with a protective one, or with such a parent.
    """

    entries: tuple[OpenOrder, ...]
    protective: tuple[OpenOrder, ...]
    entangled: tuple[OpenOrder, ...]


def read_position(row: PositionShown) -> HeldPosition:
    """A position as the account slice shows it."""
    return HeldPosition(
        account=row.account,
        con_id=row.contract.conId,
        symbol=row.symbol,
        sec_type=row.contract.secType,
        quantity=row.quantity,
    )


def read_order(shown: OrderShown) -> OpenOrder:
    """An order as the orders slice shows it; call it where its order may be read."""
    order = shown.order
    kind = order_type(order.orderType)
    trigger = decimal_or_none(order.auxPrice) if kind in STOPS - TRAILING else None
    return OpenOrder(
        order_id=shown.order_id,
        client_id=shown.client_id,
        perm_id=shown.perm_id or None,
        account=order.account,
        con_id=shown.contract.conId,
        symbol=shown.symbol,
        sec_type=shown.contract.secType,
        buys=str(order.action) == "BUY",
        order_type=str(order.orderType),
        filled=shown.filled,
        remaining=shown.remaining,
        trigger=trigger or None,
        parent_id=order.parentId,
        oca_group=order.ocaGroup,
        status=str(shown.status),
        why_held=shown.why_held,
    )


def group_of(order: OpenOrder) -> Hashable:
    """What orders have in common that cancel, or reduce, each other; each its own if nothing.

    The gateway makes a group of a parent's children; until it has told so, they have none.
    """
    if order.oca_group:
        return "group", order.account, order.oca_group
    if order.parent is not None:
        return "children", *order.parent
    return "order", *order.key, order.perm_id


def largest_of_groups(orders: Iterable[OpenOrder]) -> Decimal:
    """How much orders trade at most together: of those that cancel each other the largest."""
    groups: dict[Hashable, Decimal] = {}
    for order in orders:
        key = group_of(order)
        groups[key] = max(groups.get(key, _ZERO), order.remaining)
    return sum(groups.values(), _ZERO)


def waits_for_entry(order: OpenOrder, live: dict[tuple[int, int], OpenOrder]) -> bool:
    """Whether its parent is open, and nothing of it has filled yet."""
    parent = None if order.parent is None else live.get(order.parent)
    return parent is not None and not parent.filled


def sort_orders(orders: Iterable[OpenOrder], positions: Iterable[HeldPosition]) -> Sorted:
    """Which orders protect positions, and which may be cancelled without harm.

    Protective is what closes a position and is a stop, or is tied to one, or is no larger than the
    position: a stop alone protects, but a profit taker that is cancelled may take its stop along.
    An order that is on its way, or held, counts as one that works: nothing that may protect is
    given up.
    """
    every = [order for order in orders if order.status not in ENDED and order.remaining > 0]
    live = {order.key: order for order in every if order.order_id}
    held = [position for position in positions if position.quantity]
    closing = [
        (order, position)
        for order in every
        for position in held
        if order.closes(position) and not waits_for_entry(order, live)
    ]
    stopped = {group_of(order) for order, _ in closing if order.is_stop}
    protective = [
        order
        for order, position in closing
        if order.is_stop or group_of(order) in stopped or order.remaining <= abs(position.quantity)
    ]
    kept = {id(order) for order in protective}
    entries: list[OpenOrder] = []
    entangled: list[OpenOrder] = []
    for order in every:
        if id(order) in kept or waits_for_entry(order, live):
            continue
        takes_along = any(id(one) in kept for one in _ending_with(order, every))
        (entangled if takes_along else entries).append(order)
    return Sorted(tuple(entries), tuple(dict.fromkeys(protective)), tuple(entangled))


def _ending_with(order: OpenOrder, every: Sequence[OpenOrder]) -> list[OpenOrder]:
    """What a gateway cancels with an order: its children, its group, and what hangs on those."""
    found = [order]
    seen = {id(order)}
    for one in found:  # it grows while it is gone through
        for other in every:
            tied = bool(one.oca_group) and group_of(other) == group_of(one)
            if id(other) not in seen and (other.parent == one.key or tied):
                seen.add(id(other))
                found.append(other)
    return found
