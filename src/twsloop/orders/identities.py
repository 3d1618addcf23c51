"""Which permanent id each intent of ours got, and the alarm if it is seen live under two. Pure.

What a program meant once is one order: the token in its ``orderRef`` names the intent, the permId
names what the gateway made of it. Two live permIds for one token mean that it may trade twice: a
change in a degraded session that the gateway took for a new order, an order that somebody copied
with its reference, a gateway that forgot what it had.
"""

from __future__ import annotations

from datetime import datetime
from weakref import WeakValueDictionary

from twsloop.events import IdentityBroken, order_story

from .state import WORKING, OrderRecord, may_be_working, word_of

__all__ = ["Identities"]


class Identities:
    """The intents of this client, by their tokens."""

    def __init__(self) -> None:
        self._by_token: WeakValueDictionary[str, OrderRecord] = WeakValueDictionary()
        self._broken: list[IdentityBroken] = []

    def meant(self, record: OrderRecord) -> None:
        """An order of ours was made."""
        if record.token:
            self._by_token[record.token] = record

    def named(self, record: OrderRecord, perm_id: int, now: datetime) -> None:
        """An order is told of under a permanent id that it did not have before."""
        if record.perm_id and record.own and may_be_working(record):
            self._alarm(record, perm_id, now)

    def appeared(self, record: OrderRecord, perm_id: int, word: str, now: datetime) -> None:
        """An order that was not known is told of; it may have the token of one that is."""
        meant = self._by_token.get(record.token) if record.token else None
        if meant is None:
            self.meant(record)
            return
        alive = word_of(word) in WORKING and may_be_working(meant)
        if alive and meant.perm_id not in {0, perm_id}:
            self._alarm(meant, perm_id, now)

    def forget(self, record: OrderRecord) -> None:
        """It is kept no longer."""
        if self._by_token.get(record.token) is record:
            del self._by_token[record.token]

    def broken(self) -> list[IdentityBroken]:
        """The alarms since the last look."""
        found, self._broken = self._broken, []
        return found

    def _alarm(self, record: OrderRecord, perm_id: int, now: datetime) -> None:
        self._broken.append(
            IdentityBroken(
                time=now,
                correlation_id=order_story(record.client_id, record.order_id),
                order_id=record.order_id,
                client_id=record.client_id,
                token=record.token,
                perm_ids=(record.perm_id, perm_id),
            )
        )
