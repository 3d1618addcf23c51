"""What the orders slice needs of a journal, and what stands in where there is none.

The journal itself is a sibling (`twsloop.storage`): the gateway hands it over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from twsloop.events import OrderFact, OrderStep, order_story

from .plain import plain_fields
from .state import OrderRecord

__all__ = ["Durable", "Journal", "NoJournal", "StepTeller"]

#: Called once an intent is durable, with an empty text; or with why it will not be.
Durable = Callable[[str], object]


class Journal(Protocol):
    """Writes facts down; all of it on the loop thread."""

    @property
    def active(self) -> bool:
        """Whether anything is written."""
        ...

    @property
    def refuses(self) -> str:
        """Why new orders are refused, in words; empty while the journal can be written."""
        ...

    @property
    def config(self) -> str:
        """The digest of the settings in force."""
        ...

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Write a fact, and say when it is durable; in the order of the calls.

        ``durable`` is called on the loop thread, once; it may be called before this returns.
        """
        ...

    def record(self, fact: OrderFact) -> None:
        """Write a fact in its turn."""
        ...


class NoJournal:
    """Stands in for a `Journal` that is switched off: everything is durable at once."""

    active = False
    refuses = ""
    config = ""

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Call ``durable`` at once."""
        del fact
        durable("")

    def record(self, fact: OrderFact) -> None:
        """Write nothing."""


class StepTeller:
    """Tells a journal what is different about an order, field by field.

    What is told is what `standing` says, so that the steps of an order, one put upon the other, are
    how it stands: `twsloop.storage.replay` does just that.

    Args:
        journal: Whom to tell.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        #: The latest orders in plain words: most steps change nothing of them.
        self._plain: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()

    def told(self, record: OrderRecord, now: datetime, *, changed: bool) -> None:
        """A report about an order was heard; ``changed`` says whether it was news."""
        if not self._journal.active or (record.told is None and not changed):
            return
        stands = self.standing(record)
        before = record.told
        if before is None:
            changes = stands
        else:
            changes = {name: value for name, value in stands.items() if before[name] != value}
        if not changes:
            return
        record.told = stands
        self._journal.record(
            OrderStep(
                time=now,
                correlation_id=order_story(record.client_id, record.order_id),
                order_id=record.order_id,
                client_id=record.client_id,
                perm_id=record.perm_id or None,
                source=record.log[-1].source if record.log else "",
                changes=changes,
            )
        )

    def standing(self, record: OrderRecord) -> dict[str, Any]:
        """How an order stands, in plain types: decimals are text, what is unknown is None."""
        return {
            "status": str(record.status),
            "ib_status": record.ib_status,
            "symbol": record.symbol,
            "account": record.order.account,
            "parent_id": record.parent_id,
            "quantity": _text(record.total),
            "filled": _text(record.filled),
            "remaining": _text(record.remaining),
            "average_price": _text(record.average_price),
            "status_filled": _text(record.status_filled),
            "why_held": record.why_held,
            "reason": record.reason,
            "error_code": record.error_code,
            "own": record.own,
            "acknowledged": record.acknowledged,
            "abandoned": record.abandoned,
            "changing": record.before_change is not None,
            "cancel_asked": record.cancel_asked,
            "expired": record.expired,
            "simulated_price": _text(record.simulated_price),
            "tag": record.tag,
            "token": record.token,
            "origin": record.origin,
            "purpose": record.purpose,
            "order": self._fields(record.order),
            "contract": self._fields(record.contract),
        }

    def _fields(self, thing: Any) -> dict[str, Any]:
        try:
            known = self._plain.get(thing)
        except TypeError:  # no weak references to it
            return plain_fields(thing)
        if known is None:
            known = self._plain[thing] = plain_fields(thing)
        return known


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
