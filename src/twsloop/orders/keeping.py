"""Which orders that are over are kept, and what is remembered of those that are not. Pure.

A program may trade for months: the oldest orders that are over are forgotten, beyond a number of
them. Never one that is live, UNCERTAIN, or waits for an execution or a commission, and none of a
family (parent and children) or a one-cancels-all group of which another one is such.

The gateway goes on listing what was traded today, so late and repeated reports of a forgotten order
have to be known for what they are: it must not turn up as a live order of somebody else's, and its
executions and commissions must not be told twice. Remembered are permanent ids with how the order
ended, and executions by a hash of their ids: eight bytes each, and so many at most (`GENERATION`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterator

from .reading import versions_of
from .state import OrderRecord, OrderStatus, next_status, word_of

__all__ = [
    "GENERATION",
    "KEEP_SETTLED",
    "Keeping",
    "Memory",
    "Numbers",
    "is_over",
    "is_quiet",
]

#: How many are kept unless told otherwise ([orders] keep_settled).
KEEP_SETTLED = 5000
#: So many numbers are remembered at least, and twice as many at most: at an order a second, those
#: of the last five days (IB lists executions of today, TWS of up to seven days if set so).
GENERATION = 500_000


def is_quiet(record: OrderRecord) -> bool:
    """Whether nothing is awaited of an order, so that it may be kept small.

    Of another client's order no commission is told. An order of ours that nobody can tell of may
    live for all we know, but nothing says that a word of it will ever come.
    """
    return record.settled if record.own else record.final


def is_over(record: OrderRecord) -> bool:
    """Whether an order may be forgotten: never one of ours that may live."""
    return is_quiet(record) and not (record.own and record.status is OrderStatus.UNCERTAIN)


def groups_of(record: OrderRecord) -> Iterator[Hashable]:
    """The families, and the one-cancels-all group, that an order is in."""
    order = record.order
    if record.order_id:
        yield record.client_id, record.order_id
    parent = record.parent_id or order.parentId
    if parent:
        yield record.client_id, parent
    if order.ocaGroup:
        yield "oca", order.ocaGroup


class Keeping:
    """The orders that are over, the oldest first, and those that are not.

    Args:
        limit: How many of ours that are over are kept, and how many of other clients.
    """

    def __init__(self, limit: int = KEEP_SETTLED) -> None:
        self._limit = limit
        self._over: dict[bool, dict[OrderRecord, None]] = {True: {}, False: {}}
        #: With the groups of each: to look for them in an order that is kept small takes a while.
        self._open: dict[OrderRecord, tuple[Hashable, ...]] = {}

    def saw(self, record: OrderRecord) -> list[OrderRecord]:
        """Something happened to an order; the orders that are to be forgotten now."""
        ours, others = self._over[record.own], self._over[not record.own]
        others.pop(record, None)
        if not is_over(record):
            ours.pop(record, None)
            self._open[record] = tuple(groups_of(record))
            return []
        self._open.pop(record, None)
        ours.setdefault(record)
        # It may have been what another one was kept for.
        return [*self._surplus(ours), *self._surplus(others)]

    def _surplus(self, over: dict[OrderRecord, None]) -> list[OrderRecord]:
        wanted = len(over) - self._limit
        if wanted <= 0:
            return []
        needed = {group for groups in self._open.values() for group in groups}
        found: list[OrderRecord] = []
        for record in over:
            if needed.isdisjoint(groups_of(record)):
                found.append(record)
                if len(found) == wanted:
                    break
        for record in found:
            del over[record]
        return found


class Numbers:
    """Numbers of eight bytes, remembered in eight bytes each: those of the last two generations.

    Args:
        generation: After so many the ones before the last so many are dropped.
    """

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self._now, self._before = array("q"), array("q")

    def add(self, number: int) -> None:
        """Remember a number."""
        if number in self:
            return
        if len(self._now) >= self._generation:
            self._now, self._before = array("q"), self._now
        self._now.insert(bisect_left(self._now, number), number)

    def __contains__(self, number: int) -> bool:
        return any(_has(numbers, number) for numbers in (self._now, self._before))

    def __len__(self) -> int:
        return len(self._now) + len(self._before)


def _has(numbers: array[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


class Memory:
    """What is remembered of forgotten orders."""

    def __init__(self) -> None:
        self._ended: dict[OrderStatus, Numbers] = {}
        self._executions = Numbers()
        self._paid = Numbers()

    def add(self, record: OrderRecord) -> None:
        """This order is being forgotten."""
        if record.perm_id:
            self._ended.setdefault(record.status, Numbers()).add(record.perm_id)

    def add_execution(self, exec_id: str) -> None:
        """This version of an execution is being forgotten."""
        self._executions.add(hash(exec_id))

    def add_commission(self, exec_id: str) -> bool:
        """A commission is being forgotten, or has come for what is; False if that was known."""
        known = hash(exec_id) in self._paid
        self._paid.add(hash(exec_id))
        return not known

    def tells_nothing_new(self, perm_id: int, word: str) -> bool:
        """Whether a report is of a forgotten order, and leaves it how it ended.

        Args:
            perm_id: The order's permanent id.
            word: The gateway's word of where it is; empty if it says none.
        """
        return any(
            perm_id in ended and (not word or next_status(status, word_of(word)) is status)
            for status, ended in self._ended.items()
        )

    def has_execution(self, exec_id: str) -> bool:
        """Whether an execution is forgotten, and not a correction of one that is."""
        return hash(exec_id) in self._executions

    def corrected_by(self, exec_id: str) -> str | None:
        """The latest forgotten version of an execution that this is a correction of."""
        earlier = versions_of(exec_id)[:-1]
        return next((version for version in reversed(earlier) if self.has_execution(version)), None)
