"""Orders of an earlier process, as the journal tells them, taken into the book again.

What an earlier process of this client meant, sent and heard is known before the gateway is asked
what it lists. Then its lists say what happened since, as they do after any gap (`repair`): an order
that none of them shows is UNCERTAIN and is never sent again, and an execution that the journal has
is told to nobody a second time.

An intent after which nothing was written (the process was killed between its last two steps) is an
order that may be at the gateway or nowhere: UNCERTAIN, too, until a list shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from twsloop.events import CommissionReported, Fill, PositionsHeld

from .book import OrderBook
from .plain import contract_of, order_of
from .reconciling import Asked
from .state import OrderRecord, OrderStatus, word_of

__all__ = ["Kept", "Known", "record_of", "restore"]

logger = logging.getLogger(__name__)

#: A newer version may have others.
_STATUSES = frozenset(str(status) for status in OrderStatus)


class Kept(Protocol):
    """An order as a journal tells it (`twsloop.storage.OrderState` is one)."""

    @property
    def order_id(self) -> int:
        """Its id within its client."""
        ...

    @property
    def client_id(self) -> int:
        """Whose order it is."""
        ...

    @property
    def perm_id(self) -> int | None:
        """IB's permanent id; None until known."""
        ...

    @property
    def token(self) -> str:
        """Ours, in its reference."""
        ...

    @property
    def tag(self) -> str:
        """The user's own reference."""
        ...

    @property
    def origin(self) -> str:
        """What made it."""
        ...

    @property
    def purpose(self) -> str:
        """Why."""
        ...

    @property
    def symbol(self) -> str:
        """The contract in short."""
        ...

    @property
    def contract(self) -> Mapping[str, Any]:
        """IB's Contract, plain."""
        ...

    @property
    def order(self) -> Mapping[str, Any]:
        """IB's Order as it was last sent or reported, plain."""
        ...

    @property
    def meant(self) -> Mapping[str, Any]:
        """IB's Order as it was last meant, plain."""
        ...

    @property
    def revision(self) -> int | None:
        """How often a change of it was to leave; None without an intent."""
        ...

    @property
    def status(self) -> str:
        """Where it is."""
        ...

    @property
    def ib_status(self) -> str:
        """The gateway's last word."""
        ...

    @property
    def reason(self) -> str:
        """Why it is there."""
        ...

    @property
    def error_code(self) -> int | None:
        """IB's code of the error that ended it."""
        ...

    @property
    def filled(self) -> Decimal:
        """How much of it is filled."""
        ...

    @property
    def remaining(self) -> Decimal | None:
        """How much of it is open."""
        ...

    @property
    def average_price(self) -> Decimal | None:
        """Of what is filled."""
        ...

    @property
    def parent_id(self) -> int:
        """The order that it is attached to."""
        ...

    @property
    def own(self) -> bool:
        """Whether our client id placed it."""
        ...

    @property
    def acknowledged(self) -> bool:
        """Whether the gateway has reported it."""
        ...

    @property
    def abandoned(self) -> bool:
        """Whether it is uncertain for good."""
        ...

    @property
    def cancel_asked(self) -> bool:
        """Whether we have asked to cancel it."""
        ...

    @property
    def uncertain(self) -> bool:
        """Whether nobody knows if it is at the gateway."""
        ...

    @property
    def told(self) -> Mapping[str, Any]:
        """All that its steps said, by name (`recording`): the latest of each."""
        ...

    @property
    def fills(self) -> Mapping[str, Fill]:
        """Its executions."""
        ...


class Known(Protocol):
    """All that a journal tells (`twsloop.storage.recalling.Recalled` is one)."""

    @property
    def ended_at(self) -> datetime | None:
        """When the newest of it was written; None if there is nothing."""
        ...

    @property
    def executed(self) -> Iterable[tuple[str, bool]]:
        """The ids of executions of other orders, that may be listed again; and if each is paid."""
        ...

    @property
    def fills(self) -> Iterable[Fill]:
        """The executions of late, and those of these orders, whoever's."""
        ...

    @property
    def orders(self) -> Iterable[Kept]:
        """The orders, in the order in which they were first told of."""
        ...

    @property
    def commissions(self) -> Iterable[CommissionReported]:
        """Every commission report, also those whose execution was not told yet."""
        ...

    @property
    def held(self) -> PositionsHeld | None:
        """The positions as they were last listed; None if they never were."""
        ...

    @property
    def traded(self) -> Sequence[Fill]:
        """The executions since shortly before that, whoever's, a combo's by its legs alone."""
        ...

    @property
    def asked(self) -> Iterable[Asked]:
        """What was asked about differences, and what was accepted, in its order."""
        ...

    @property
    def before(self) -> Iterable[Kept]:
        """Orders as they stood when a comparison began that was never reported."""
        ...

    @property
    def unreported(self) -> Iterable[Fill]:
        """The executions that were written since."""
        ...

    @property
    def appeared(self) -> Iterable[Kept]:
        """The orders that nobody had meant, and that were first told of since."""
        ...


def restore(book: OrderBook, known: Known, client_id: int, now: datetime) -> list[OrderRecord]:
    """Take orders of an earlier process into the book; those that it has already are left alone.

    Args:
        book: The book.
        known: What the journal tells.
        client_id: Ours: orders of others are told by the gateway alone.
        now: The time.

    Returns:
        The orders that it took in.
    """
    taken = []
    for exec_id, paid in known.executed:
        book.executions.remember(exec_id, paid=paid)
    book.executions.told_before(known.fills)
    for report in known.commissions:
        book.executions.restore_commission(report)
    for one in known.orders:
        there = book.find(one.client_id, one.order_id, one.perm_id or 0)
        if there is None and one.own and one.client_id == client_id and one.order_id > 0:
            try:
                record = record_of(one, now)
            except (ArithmeticError, KeyError, TypeError, ValueError) as error:
                # The others are known nevertheless; the gateway tells of this one, if it works.
                logger.error("order %d cannot be read in the journal: %r", one.order_id, error)
                continue
            book.restore(record, one.fills.values())
            taken.append(record)
    return taken


def record_of(kept: Kept, now: datetime) -> OrderRecord:
    """An order as a journal tells it, as the book keeps it."""
    contract = contract_of(kept.contract)
    record = OrderRecord(
        kept.order_id, kept.client_id, contract, order_of(kept.order or kept.meant), kept.symbol
    )
    known = kept.status in _STATUSES and not kept.uncertain
    record.status = OrderStatus(kept.status) if known else OrderStatus.UNCERTAIN
    record.abandoned = kept.abandoned
    record.ib_status = kept.ib_status
    record.perm_id = kept.perm_id or 0
    record.parent_id = kept.parent_id
    # What the gateway counted: what was executed is not it, and may be corrected.
    record.status_filled = Decimal(kept.told.get("status_filled") or kept.filled)
    record.status_average = kept.average_price
    record.status_remaining = kept.remaining if kept.ib_status else None
    record.acknowledged, record.cancel_asked = kept.acknowledged, kept.cancel_asked
    record.reason, record.error_code = kept.reason, kept.error_code
    record.tag, record.token = kept.tag, kept.token
    record.origin, record.purpose = kept.origin, kept.purpose
    record.asked = contract
    if kept.revision is not None:
        record.sent, record.intents = order_of(kept.meant or kept.order), kept.revision + 1
        record.sized(record.sent)
    record.sized(record.order)
    record.expired = word_of(kept.status) is OrderStatus.EXPIRED
    record.note(now, "journal", f"{record.status}, {record.filled:f} filled, as it was written")
    return record
