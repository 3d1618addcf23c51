"""The audit of protection: does each position have stops that work, of its size, on its side? Pure.

It looks at positions and open orders as they stand, and sends nothing. Only what the gateway calls
ready counts as working: a stop that is on its way, held, being cancelled, or waiting for its parent
protects nothing yet, and is named as doubtful.

What it can not know: whether a stop was meant as an entry, whether another program watches the
position, whether an option's loss is limited by another leg, and what an order for a combo closes.
It says so in its findings and leaves the judgement to you.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from twsloop.events import (
    PositionCover,
    ProtectionFinding,
    ProtectionKind,
    ProtectionReport,
)
from twsloop.events.statuses import ENDED

from .open_orders import (
    HeldPosition,
    OpenOrder,
    group_of,
    largest_of_groups,
    waits_for_entry,
)

__all__ = ["Price", "audit_protection"]

#: The price of a contract by its id; None where nobody knows one.
Price = Callable[[int], Decimal | None]

_ZERO = Decimal(0)
_COMBO = "BAG"


def _no_price(_con_id: int) -> None:
    """Stands in where nobody knows prices."""


@attrs.frozen
class _Book:
    """The open orders, and how they hang together."""

    orders: tuple[OpenOrder, ...]
    live: dict[tuple[int, int], OpenOrder]
    parents: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, orders: Iterable[OpenOrder]) -> _Book:
        """Of those that are not over."""
        every = tuple(o for o in orders if o.status not in ENDED and o.remaining > 0)
        live = {order.key: order for order in every if order.order_id}
        parents = (order.parent for order in every if order.parent is not None)
        return cls(every, live, frozenset(parents))

    def waits(self, order: OpenOrder) -> bool:
        """Whether it belongs to an entry that has not filled at all."""
        return waits_for_entry(order, self.live)

    def is_orphan(self, order: OpenOrder) -> bool:
        """Whether it has a parent that is not open."""
        return order.parent is not None and order.parent not in self.live

    def is_entry(self, order: OpenOrder) -> bool:
        """Whether other open orders wait for it."""
        return order.key in self.parents


def audit_protection(
    positions: Iterable[HeldPosition],
    orders: Iterable[OpenOrder],
    now: datetime,
    *,
    exempt: Iterable[str] = (),
    price: Price = _no_price,
) -> ProtectionReport:
    """Look at all positions and all open orders.

    Ask for the orders first and for the positions afterwards: what fills in between is then missed
    in neither.

    Args:
        positions: Of all accounts; flat ones are left out.
        orders: The open orders of all clients, and those placed by hand.
        now: When they were asked for.
        exempt: Kinds of contracts (IB's ``secType``) whose positions need no stop.
        price: What contracts cost now, where somebody knows: a stop whose trigger is passed
            already is found with it.
    """
    book = _Book.of(orders)
    held = [position for position in positions if position.quantity]
    free = {kind.upper() for kind in exempt}
    covers, findings = [], []
    for position in held:
        cover, found = _look(position, book, position.sec_type not in free)
        covers.append(cover)
        findings += found
    for order in book.orders:
        if order.sec_type == _COMBO:
            findings.append(_combo(order))
        else:
            findings += _alone(order, book, held)
            findings += _passed(order, price)
    findings += _orphans_of_groups(book)
    findings.sort(key=lambda finding: not finding.danger)
    return ProtectionReport(
        time=now, positions=tuple(covers), findings=tuple(findings), orders=len(book.orders)
    )


# ---- a position and what closes it --------------------------------------------------------


def _look(
    position: HeldPosition, book: _Book, needs_stop: bool
) -> tuple[PositionCover, list[ProtectionFinding]]:
    """How a position is covered, and what is wrong with that."""
    closing = [o for o in book.orders if o.closes(position) and o.sec_type != _COMBO]
    closing = [order for order in closing if not book.waits(order)]
    stops = [order for order in closing if order.is_stop]
    working = [order for order in stops if order.works]
    stopped = largest_of_groups(working)
    cover = PositionCover(
        account=position.account,
        con_id=position.con_id,
        symbol=position.symbol,
        quantity=position.quantity,
        stopped=stopped,
        doubtful=largest_of_groups(stops) - stopped,
        targeted=largest_of_groups(o for o in closing if not o.is_stop and o.works),
        needs_stop=needs_stop,
    )
    found = []
    if needs_stop and cover.naked:
        found.append(_naked(position, cover, working, [o for o in stops if not o.works]))
    found += _too_much(position, [o for o in closing if o.works], working, book)
    return cover, found


def _naked(
    position: HeldPosition,
    cover: PositionCover,
    working: Sequence[OpenOrder],
    doubtful: Sequence[OpenOrder],
) -> ProtectionFinding:
    """A position that no stop closes, or a part of it."""
    size = abs(position.quantity)
    if working:
        text = f"stops that work close {cover.stopped:f} of {size:f} ({_names(working)})"
    else:
        text = f"no stop works that would close {position.quantity:f}"
    if doubtful:
        each = ", ".join(f"{order.name} is {_state(order)}" for order in doubtful)
        text += f"; {each}"
    return _finding(
        ProtectionKind.STOP_TOO_SMALL if working else ProtectionKind.NO_STOP,
        position,
        [*working, *doubtful],
        text,
        danger=True,
        quantity=cover.naked,
    )


def _too_much(
    position: HeldPosition,
    closing: Sequence[OpenOrder],
    stops: Sequence[OpenOrder],
    book: _Book,
) -> list[ProtectionFinding]:
    """Orders that close more than there is, or will be once their entries are filled."""
    entries = {
        order.parent: book.live[order.parent] for order in stops if order.parent in book.live
    }
    coming = sum((entry.remaining for entry in entries.values()), _ZERO)
    most = abs(position.quantity) + coming
    excess = largest_of_groups(stops) - most
    if excess > 0:
        twins = _twins(stops)
        kind = ProtectionKind.DUPLICATE_STOP if twins else ProtectionKind.STOP_TOO_LARGE
        text = f"{_names(twins or stops)} would turn the position of {position.quantity:f} round"
        if twins:
            text += ": they are equal, and do not cancel each other"
        return [_finding(kind, position, twins or stops, text, danger=True, quantity=excess)]
    excess = largest_of_groups(closing) - most
    if excess > 0:
        text = (
            f"{_names(closing)} do not cancel each other: if all of them fill, the position of "
            f"{position.quantity:f} turns round (tie them in a group, or as children of a parent)"
        )
        kind = ProtectionKind.NOT_TIED
        return [_finding(kind, position, closing, text, danger=False, quantity=excess)]
    return []


def _twins(stops: Sequence[OpenOrder]) -> list[OpenOrder]:
    """Stops that are equal, and do not cancel each other."""

    def likeness(order: OpenOrder) -> tuple[object, ...]:
        return order.order_type, order.remaining, order.trigger

    one_each = list({group_of(order): order for order in stops}.values())
    counts = Counter(map(likeness, one_each))
    return [order for order in one_each if counts[likeness(order)] > 1]


# ---- an order that closes nothing ---------------------------------------------------------


def _alone(order: OpenOrder, book: _Book, held: Sequence[HeldPosition]) -> list[ProtectionFinding]:
    """A child without its parent, or a stop that would open or add to a position."""
    position = next((one for one in held if order.concerns(one)), None)
    closes = any(order.closes(one) for one in held)
    orphan = book.is_orphan(order)
    if orphan and "child" in order.why_held.split(","):
        text = f"it waits for order {order.parent_id}, which is not open, and will never work"
        return [_finding(ProtectionKind.ORPHAN_CHILD, order, [order], text, danger=True)]
    if closes or book.waits(order):
        return []
    would = "open a position" if position is None else f"add to the {position.quantity:f} held"
    side = "BUY" if order.buys else "SELL"
    kind, danger = ProtectionKind.WRONG_SIDE, order.parent is not None
    if order.parent is None:
        if not order.is_stop or book.is_entry(order):
            return []
        text = f"the {side} stop would {would}, unless it is meant as an entry"
    elif order.is_stop and position is not None:
        text = f"the {side} stop would {would}"
    elif orphan:
        kind = ProtectionKind.ORPHAN_CHILD
        text = (
            f"its parent, order {order.parent_id}, is not open, and there is nothing that it "
            f"closes: a fill would {would}"
        )
    else:  # its entry has filled in part, and what filled is closed already
        return []
    return [_finding(kind, order, [order], text, danger=danger)]


def _passed(order: OpenOrder, price: Price) -> list[ProtectionFinding]:
    """A stop that works although its trigger is passed."""
    if not (order.is_stop and order.works and order.trigger and order.con_id):
        return []
    now = price(order.con_id)
    if now is None or (order.trigger > now if order.buys else order.trigger < now):
        return []
    passed = "below" if order.buys else "above"
    text = f"its trigger {order.trigger:f} is at or {passed} the price of {now:f}: it fills at once"
    return [_finding(ProtectionKind.BEYOND_MARKET, order, [order], text, danger=True)]


def _orphans_of_groups(book: _Book) -> list[ProtectionFinding]:
    """Groups with a single order left. The gateway's own (of a parent's children) are none."""
    members: dict[tuple[str, str], list[OpenOrder]] = {}
    for order in book.orders:
        if order.oca_group:
            members.setdefault((order.account, order.oca_group), []).append(order)
    found = []
    for orders in members.values():
        (first, *more) = orders
        if not more and not first.parent_id and first.sec_type != _COMBO:
            text = f"nothing else is open in its group {first.oca_group!r}, which it should end"
            found.append(_finding(ProtectionKind.ORPHAN_OCA, first, [first], text, danger=False))
    return found


def _combo(order: OpenOrder) -> ProtectionFinding:
    text = "what an order for a combo closes is not counted: look at its legs yourself"
    return _finding(ProtectionKind.COMBO, order, [order], text, danger=False)


# ---- words --------------------------------------------------------------------------------


def _finding(
    kind: ProtectionKind,
    about: HeldPosition | OpenOrder,
    orders: Sequence[OpenOrder],
    text: str,
    *,
    danger: bool,
    quantity: Decimal | None = None,
) -> ProtectionFinding:
    if quantity is None and isinstance(about, OpenOrder):
        quantity = about.remaining
        text = f"{about.name}: {text}"
    return ProtectionFinding(
        kind=kind,
        danger=danger,
        account=about.account,
        con_id=about.con_id,
        symbol=about.symbol,
        quantity=quantity,
        orders=tuple(order.name for order in orders),
        text=text,
    )


def _names(orders: Iterable[OpenOrder]) -> str:
    return ", ".join(str(order.name) for order in orders)


def _state(order: OpenOrder) -> str:
    """Why it is not counted as working."""
    if order.why_held and not order.works:
        return f"{order.status} (held: {order.why_held})"
    return order.status
