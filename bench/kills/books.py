"""Compares what three have written down: the gateway, the journal, and the client that runs now."""

from __future__ import annotations

import stat
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from twsloop.errors import StorageError
from twsloop.events import CommissionReported, Fill, OrderIntent
from twsloop.storage.order_state import OrderState
from twsloop.storage.queries import entries, fact_of
from twsloop.storage.reading import reading
from twsloop.storage.replay import Replay
from twsloop.storage.rows import Entry
from twsloop.storage.verify import verify

from .old_days import is_new, look
from .server import Books, Received

__all__ = ["Journaled", "compare", "copies", "executions", "journaled"]

#: What an order may be that the gateway never saw: nobody can know of one that was about to leave.
NOT_THERE = frozenset({"NOT_SENT", "REFUSED", "UNCERTAIN", "CREATED", ""})
#: How the journal may call what the gateway calls so.
ENDS = {
    "Filled": {"Filled"},
    "Cancelled": {"Cancelled", "ApiCancelled"},
    "Inactive": {"REJECTED", "Inactive"},
}


class Journaled:
    """What a journal says of one client.

    Attributes:
        intents: All of them, in order.
        fills: All executions, in order.
        paid: All commission reports, in order.
        orders: Every order by its id, as replayed.
    """

    def __init__(self, file: Path, client_id: int) -> None:
        replay, facts = Replay(), []
        self.wrong: list[str] = []
        for entry in self._everything(file):
            fact = fact_of(entry)
            facts.append(fact)
            replay.apply(fact, entry.seq)
        intents = [fact for fact in facts if isinstance(fact, OrderIntent)]
        self.intents = [fact for fact in intents if fact.client_id == client_id]
        fills = [fact for fact in facts if isinstance(fact, Fill)]
        self.fills = [fact for fact in fills if fact.client_id == client_id]
        others = {fill.exec_id for fill in fills if fill.client_id != client_id}
        paid = [fact for fact in facts if isinstance(fact, CommissionReported)]
        self.paid = [fact for fact in paid if fact.exec_id not in others]
        mine = [one for one in replay.orders if one.client_id == client_id]
        self.twice = [i for i, n in Counter(one.order_id for one in mine).items() if n > 1]
        self.orders: dict[int, OrderState] = {one.order_id: one for one in mine}

    def _everything(self, file: Path) -> list[Entry]:
        """The entries of the archives and of the journal, each once."""
        found: dict[int, Entry] = {}
        for one in (*_copies(file, "archive"), file):
            with reading(one) as journal:
                for entry in entries(journal):
                    if found.setdefault(entry.seq, entry).hash != entry.hash:
                        self.wrong.append(f"entry {entry.seq} is another one in {one.name}")
        if sorted(found) != list(range(1, len(found) + 1)):
            self.wrong.append("entries are neither in the journal nor in an archive")
        return [found[seq] for seq in sorted(found)]


def _copies(file: Path, what: str) -> list[Path]:
    """The copies of a journal that were made."""
    return sorted(file.parent.glob(f"{file.stem}-{what}-*.db"))


def journaled(file: Path, client_id: int) -> Journaled:
    """Read a journal."""
    return Journaled(file, client_id)


#: Executions that another client's program wrote down were told to nobody here.
_TOLD = """
SELECT x.exec_id FROM execution x JOIN entry e ON e.seq = x.seq
JOIN session s ON s.epoch = e.epoch WHERE s.client_id = {client_id}
"""


def executions(file: Path, client_id: int) -> set[str]:
    """The executions that programs of a client wrote down; none if there is no journal yet."""
    if is_new(file):
        return set()
    return {row[0] for row in look(file, _TOLD.format(client_id=client_id))}


def compare(
    file: Path, client_id: int, books: Books, view: dict[int, tuple[str, Decimal, int | None]]
) -> list[str]:
    """What is not as it has to be, in words; nothing if all of it is.

    Args:
        file: The journal.
        client_id: Whose orders.
        books: The gateway's.
        view: Status, filled size and permanent id of every order that the client shows, by id.
    """
    wrong: list[str] = []
    checked = verify(file)
    if not checked.ok:
        wrong.append(f"the journal is broken at {checked.broken}: {checked.why}")
    told = journaled(file, client_id)
    wrong += told.wrong
    wrong += _sent(told, books)
    wrong += _executed(told, books)
    wrong += _standing(told, books, view)
    return wrong


def copies(file: Path) -> list[str]:
    """What is not as it has to be with the copies of a journal; each of them is whole."""
    wrong = []
    for copy in (*_copies(file, "backup"), *_copies(file, "archive")):
        try:
            checked = verify(copy)
        except StorageError as error:
            wrong.append(str(error))
        else:
            if not checked.ok:
                wrong.append(f"{copy.name} is broken at {checked.broken}: {checked.why}")
    theirs = (each for each in file.parent.iterdir() if each.name.startswith(file.stem))
    read = [each.name for each in theirs if stat.S_IMODE(each.stat().st_mode) & 0o077]
    return [*wrong, *(f"others can read {name}" for name in read)]


def _sent(told: Journaled, books: Books) -> list[str]:
    """No id twice, nothing without an intent, nothing more often than it was meant."""
    wrong = []
    tokens: dict[int, set[str]] = {}
    for intent in told.intents:
        tokens.setdefault(intent.order_id, set()).add(intent.token)
    references: dict[int, set[str]] = {}
    for one in books.received:
        references.setdefault(one.order_id, set()).add(one.reference)
    placed = Counter(one.order_id for one in told.intents if one.kind == "place")
    meant = Counter(_meant(intent) for intent in told.intents)
    came = Counter(books.received)
    unmeant = [one for one, times in came.items() if times > meant[one]]
    # A token is an order: none stands under two ids.
    ids: dict[str, set[int]] = {}
    for order_id, several in references.items():
        for reference in several - {""}:  # raw orders have none
            ids.setdefault(reference, set()).add(order_id)
    for text, found in (
        ("ids stand for two orders in the journal", _several(tokens)),
        ("ids were placed twice", [i for i, n in placed.items() if n > 1]),
        ("ids stand for two orders at the gateway", _several(references)),
        ("references stand on two orders", _several(ids)),
        ("orders came that were not meant, or more often than they were", unmeant),
        ("ids have two states in the journal", told.twice),
    ):
        if found:
            wrong.append(f"{len(found)} {text}: {sorted(map(str, found))[:5]}")
    return wrong


def _several(sets: dict[Any, set[Any]]) -> list[Any]:
    return [(key, sorted(values)) for key, values in sets.items() if len(values) > 1]


def _meant(intent: OrderIntent) -> Received:
    order = intent.order
    return Received(
        intent.order_id,
        order.get("orderRef", ""),
        (
            *(order["action"], order["orderType"], Decimal(order["totalQuantity"])),
            *(float(order.get("lmtPrice", 0)), float(order.get("auxPrice", 0))),
        ),
    )


def _executed(told: Journaled, books: Books) -> list[str]:
    """Every execution and every commission once, and as the gateway has it."""
    wrong = []
    fills = Counter(fill.exec_id for fill in told.fills)
    paid = Counter(report.exec_id for report in told.paid)
    different = [
        fill
        for fill in told.fills
        if books.fills.get(fill.exec_id) not in {None, (fill.order_id, fill.shares, fill.price)}
    ]
    costly = [
        report
        for report in told.paid
        if books.commissions.get(report.exec_id) not in {None, report.commission}
    ]
    for text, found in (
        ("executions are not in the journal", set(books.fills) - set(fills)),
        ("executions are in the journal alone", set(fills) - set(books.fills)),
        ("executions are in the journal twice", [one for one, n in fills.items() if n > 1]),
        ("executions are not the gateway's", different),
        ("commissions are not in the journal", set(books.fills) - set(paid)),
        ("commissions are in the journal twice", [one for one, n in paid.items() if n > 1]),
        ("commissions are not the gateway's", costly),
    ):
        if found:
            wrong.append(f"{len(found)} {text}: {sorted(map(str, found))[:5]}")
    return wrong


def _standing(
    told: Journaled, books: Books, view: dict[int, tuple[str, Decimal, int | None]]
) -> list[str]:
    """Every order stands where the gateway has it, in the journal and in the client."""
    wrong = []
    there = {one.order_id: one for one in books.orders}
    for order_id, one in there.items():
        state, shown = told.orders.get(order_id), view.get(order_id)
        if state is None:
            wrong.append(f"order {order_id} ({one.status}) is not in the journal")
            continue
        if not one.reference and not one.working and not one.filled and not state.perm_id:
            # A raw order without a reference that was over before it was answered: IB lists it
            # without its id, so nothing tells which one it was.
            if state.status != "UNCERTAIN":
                wrong.append(f"order {order_id} is {state.status}, and cannot be known")
            continue
        for who, (status, filled, perm_id) in {
            "the journal": (state.status, state.filled, state.perm_id),
            **({"the client": shown} if shown is not None else {}),
        }.items():
            right = {one.status} if one.working else ENDS[one.status]
            if status not in right or (one.working and state.final):
                wrong.append(f"order {order_id} is {status} in {who}, and {one.status}")
            if filled != one.filled or perm_id != one.perm_id:
                wrong.append(f"order {order_id} has {filled} filled ({perm_id}) in {who}: {one}")
        if one.working and shown is None:
            wrong.append(f"order {order_id} is {one.status}, and the client does not show it")
        limit = float(state.order.get("lmtPrice", 0))
        if one.working and limit != one.limit:
            wrong.append(f"order {order_id} is at {limit} in the journal, and at {one.limit}")
    for order_id in (set(told.orders) | set(view)) - set(there):
        statuses = {
            told.orders[order_id].status if order_id in told.orders else "",
            view[order_id][0] if order_id in view else "",
        }
        if statuses - NOT_THERE:
            wrong.append(f"order {order_id} is {statuses}, and the gateway has never had it")
    return wrong
