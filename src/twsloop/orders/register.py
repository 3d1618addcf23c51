"""Every order by each of its ids: its id within its client, its permanent id, our token. Pure.

Orders made by hand have the order id 0, and a completed order is reported without one; the
permanent id of an order of ours comes with the first report of it. So each finds some of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .state import OrderRecord

__all__ = ["Register"]


class Register:
    """The orders, and where to find them."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[int, int], OrderRecord] = {}
        self._by_perm: dict[int, OrderRecord] = {}
        #: Orders of ours whose permanent id was not told yet.
        self._unnamed: dict[OrderRecord, None] = {}

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(tuple(dict.fromkeys((*self._by_id.values(), *self._by_perm.values()))))

    def find(self, client_id: int, order_id: int, perm_id: int = 0) -> OrderRecord | None:
        """An order by its permanent id, or by its id within its client.

        A client's ids can begin anew at the gateway: what is told of another permanent id than that
        of an order which is over, is told of another order.
        """
        named = self._by_perm.get(perm_id) if perm_id else None
        found = self._by_id.get((client_id, order_id)) if order_id else None
        if named is not None and found is not None and named.final and not found.perm_id:
            return found  # a gateway that was set up anew gives permanent ids again, too
        if named is None and found is not None and found.final and perm_id:
            return found if found.perm_id in {0, perm_id} else None
        return named or found

    def by_token(self, token: str) -> OrderRecord | None:
        """An order of ours that has no permanent id yet, by what we wrote into its reference."""
        return next((one for one in self._unnamed if token and one.token == token), None)

    def add(self, record: OrderRecord) -> None:
        """An order of ours: its permanent id may be told later."""
        self.place(record)
        if record.perm_id:
            self._by_perm[record.perm_id] = record
        else:
            self._unnamed[record] = None

    def place(self, record: OrderRecord) -> None:
        """An order has its id within its client."""
        self._by_id[record.client_id, record.order_id] = record

    def name(self, record: OrderRecord, perm_id: int) -> None:
        """An order is told of under its permanent id."""
        record.perm_id = perm_id
        self._by_perm[perm_id] = record
        self._unnamed.pop(record, None)

    def drop(self, record: OrderRecord) -> None:
        """It is kept no longer."""
        self._unnamed.pop(record, None)
        if self._by_id.get((record.client_id, record.order_id)) is record:
            del self._by_id[record.client_id, record.order_id]
        if self._by_perm.get(record.perm_id) is record:
            del self._by_perm[record.perm_id]
