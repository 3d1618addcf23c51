"""What the gateway's echo of an order makes of its terms, and of how it ended. Pure.

An openOrder repeats how the order stands, or stood when we changed it; a completedOrder, how it
stood in the end.
"""

from __future__ import annotations

from typing import Any

from .copying import copied
from .reading import size
from .state import FINAL, REVOCABLE, WORKING, OrderRecord, OrderStatus, next_status, word_of
from .steps import TERMS, confirms

__all__ = ["completion_of", "is_completed_as", "is_contradicted", "take_last_terms", "take_terms"]


def take_terms(record: OrderRecord, order: Any, word: str) -> None:
    """The gateway's echo says how the order stands, or stood when we modified it."""
    if record.status is OrderStatus.FILLED and word_of(word) is not OrderStatus.FILLED:
        return  # a late one
    record.sized(order)
    if confirms(record, order):
        record.order, record.before_change = order, None
    else:
        record.before_change = order


def take_last_terms(record: OrderRecord, order: Any) -> None:
    """How a completed order stood in the end; it is told without its ids."""
    if not size(order.totalQuantity):
        return
    last = copied(record.order)
    for name in TERMS:
        setattr(last, name, getattr(order, name))
    record.order, record.before_change = last, None
    record.pending.clear()


def completion_of(order: Any, state: Any) -> int:
    """What a completedOrder says, as a number to know it by when it says so again."""
    return hash(
        (
            state.status,
            state.completedStatus,
            order.filledQuantity,
            *(getattr(order, name) for name in TERMS),
        )
    )


def is_completed_as(record: OrderRecord, told: int, word: str) -> bool:
    """Whether a completedOrder says what an earlier one has made of this order."""
    return (
        record.completed_as == told
        and record.status in FINAL
        and record.ib_status == word
        and next_status(record.status, word_of(word)) is record.status
    )


def is_contradicted(record: OrderRecord, asked: int) -> bool:
    """Whether a list of open orders that shows an order proves that its end was not true.

    The gateway made the list after it had told the end, if the list was asked for after that was
    heard. An end that was told, or told again, since then, counts more.

    Args:
        record: An order that the list shows.
        asked: `OrderBook.ends_heard`, when the list was asked for.
    """
    word = word_of(record.ib_status)
    if record.status not in REVOCABLE or record.ended_at > asked or word not in WORKING:
        return False
    # What was rejected may be listed for a while, as Inactive.
    return not (record.status is OrderStatus.REJECTED and word is OrderStatus.INACTIVE)
