"""The orders of a server's life: by id, and the live ones by the instruments that concern them.

What working orders would trade is kept as sums (`PaperBook.working`), because the margin of every
new order asks for it. Orders of one-cancels-all groups (children of a bracket are one) are not in
them: which of them will trade cannot be known, and to count all would refuse brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from .conditions import ON_FILLS
from .order import OrderEvent, PaperOrder, Status

__all__ = ["ANY_FILL", "FIRST_PERM_ID", "PaperBook"]

ZERO = Decimal(0)
FIRST_PERM_ID = 1_000_000_001
#: In place of a contract id: orders whose conditions a fill of any other may meet.
ANY_FILL = 0
#: Account, contract id, and whether it buys.
_Side = tuple[str, int, bool]


@attrs.define(eq=False)
class PaperBook:
    """All orders of the server's life.

    Attributes:
        next_perm_id: The permId of the next order.
    """

    next_perm_id: int = FIRST_PERM_ID
    _by_id: dict[tuple[int, int], PaperOrder] = attrs.Factory(dict)
    _live: dict[int, dict[int, PaperOrder]] = attrs.Factory(dict)
    _used: dict[int, int] = attrs.Factory(dict)
    _seen: dict[int, int] = attrs.Factory(dict)
    _past: list[PaperOrder] = attrs.Factory(list)
    _turns: int = 0
    _working: dict[str, dict[int, list[Any]]] = attrs.Factory(dict)
    _counted: dict[int, tuple[tuple[_Side, Any, Decimal], ...]] = attrs.Factory(dict)

    def take_perm_id(self) -> int:
        """The next permId; those of orders sent together are consecutive."""
        taken = self.next_perm_id
        self.next_perm_id += 1
        return taken

    def add(self, order: PaperOrder) -> None:
        """Put an accepted order into the book."""
        self._by_id[order.client_id, order.order_id] = order
        self.use_id(order.client_id, order.order_id)

    def use_id(self, client_id: int, order_id: int) -> None:
        """Take note that this id has been used by this client id: no lower one is taken (103)."""
        self._used[client_id] = max(self._used.get(client_id, 0), order_id)
        self.see_id(client_id, order_id)

    def see_id(self, client_id: int, order_id: int) -> None:
        """Take note of an id that a refused order had: it is not handed out again."""
        self._seen[client_id] = max(self._seen.get(client_id, 0), order_id)

    def highest_id(self, client_id: int) -> int:
        """The highest order id this client id has used; 0 for none."""
        return self._used.get(client_id, 0)

    def highest_seen(self, client_id: int) -> int:
        """The highest order id this client id has sent, refused ones included; 0 for none."""
        return self._seen.get(client_id, 0)

    def shift_ids(self, client_id: int, by: int) -> None:
        """Let the id that is told next be higher by so many, or lower; used ids stay used."""
        self._seen[client_id] = max(self._seen.get(client_id, 0) + by, 0)

    def reset_ids(self, client_id: int) -> None:
        """Begin to count at 1 again: ids of orders that have ended may be used anew."""
        self._seen.pop(client_id, None)
        self._used.pop(client_id, None)
        for key, order in tuple(self._by_id.items()):
            if key[0] == client_id and order.is_terminal:
                del self._by_id[key]
                self._past.append(order)

    def lose(self, order: PaperOrder) -> None:
        """Let a live order be gone without a trace."""
        order.accept_at = order.cancel_at = None
        order.happen(OrderEvent.CANCEL)
        self.settle(order)
        del self._by_id[order.client_id, order.order_id]

    def rebind(self, order: PaperOrder, client_id: int, order_id: int) -> None:
        """Give an order to another client id, under another order id."""
        del self._by_id[order.client_id, order.order_id]
        order.client_id, order.order_id = client_id, order_id
        self._by_id[client_id, order_id] = order

    def find(self, client_id: int, order_id: int) -> PaperOrder | None:
        """The order of this client id with this id."""
        return self._by_id.get((client_id, order_id))

    def settle(self, order: PaperOrder) -> None:
        """Keep the index of live orders, and their sums, in step with the order's state."""
        self._count(order)
        for con_id in self._watched(order):
            live = self._live.setdefault(con_id, {})
            if order.is_live:
                live[order.perm_id] = order
            else:
                live.pop(order.perm_id, None)
                if not live:
                    del self._live[con_id]

    def _count(self, order: PaperOrder) -> None:
        """Put what an order still would trade into the sums, for what it was there with."""
        for (account, con_id, is_buy), _, size in self._counted.pop(order.perm_id, ()):
            sums = self._working[account]
            sums[con_id][is_buy] -= size
            if not any(sums[con_id][:2]):
                del sums[con_id]
        if not order.is_live or order.oca_group or not order.remaining:
            return
        counted = []
        for instrument, signed in order.signed:
            side = (order.account, instrument.con_id, signed > ZERO)
            size = abs(signed) / order.total * order.remaining
            sums = self._working.setdefault(order.account, {})
            sums.setdefault(instrument.con_id, [ZERO, ZERO, instrument])[side[2]] += size
            counted.append((side, instrument, size))
        self._counted[order.perm_id] = tuple(counted)

    def working(self, order: PaperOrder, held: Mapping[int, Any]) -> list[tuple[Any, Decimal]]:
        """What the account's other working orders would change, as its margin counts them.

        Of what the order itself trades, those of its own side; of any other instrument the side
        that opens more, beyond what closes the position.

        Args:
            order: The order that is judged.
            held: The account's positions by contract id.

        Returns:
            Instruments and quantities, sold ones negative.
        """
        own: dict[tuple[int, bool], Decimal] = {}
        for (_, con_id, is_buy), _, size in self._counted.get(order.perm_id, ()):
            own[con_id, is_buy] = own.get((con_id, is_buy), ZERO) + size
        sides = {instrument.con_id: signed > ZERO for instrument, signed in order.signed}
        found = []
        for con_id, (all_sold, all_bought, instrument) in self._working.get(
            order.account, {}
        ).items():
            sold = all_sold - own.get((con_id, False), ZERO)
            bought = all_bought - own.get((con_id, True), ZERO)
            has = held[con_id].quantity if con_id in held else ZERO
            longer = max(bought - max(-has, ZERO), ZERO)
            shorter = max(sold - max(has, ZERO), ZERO)
            if con_id in sides:
                change = bought if sides[con_id] else -sold
            elif longer or shorter:
                change = bought if longer >= shorter else -sold
            else:
                change = ZERO  # they only close
            if change:
                found.append((instrument, change))
        return found

    def unlist(self, order: PaperOrder) -> None:
        """Take an order that is about to change from the index; `settle` puts it back."""
        for con_id in self._watched(order):
            live = self._live.get(con_id)
            if live is not None and live.pop(order.perm_id, None) is not None and not live:
                del self._live[con_id]

    def forget_unsent(self) -> None:
        """Drop what was never sent: it does not survive a restart. Its ids stay used."""
        for key, order in tuple(self._by_id.items()):
            if order.status is Status.UNTRANSMITTED:
                del self._by_id[key]
                if order.parent is not None:
                    order.parent.children.remove(order)

    def take_turn(self) -> int:
        """The last place of the queue."""
        self._turns += 1
        return self._turns

    @staticmethod
    def _watched(order: PaperOrder) -> set[int]:
        """The instruments whose market can change what becomes of it."""
        con_ids = {leg.instrument.con_id for leg in order.legs} or {order.instrument.con_id}
        if order.awaits_conditions or order.request.conditions:
            con_ids.update(one.conId for one in order.request.conditions if one.conId)
            if any(one.type in ON_FILLS for one in order.request.conditions):
                con_ids.add(ANY_FILL)
        return con_ids

    def live(self, con_id: int) -> tuple[PaperOrder, ...]:
        """The live orders that an instrument's market concerns, first come first."""
        found = self._live.get(con_id)
        return tuple(found.values()) if found else ()

    def all_live(self) -> tuple[PaperOrder, ...]:
        """All live orders, each once."""
        found = {perm_id: one for live in self._live.values() for perm_id, one in live.items()}
        return tuple(found.values())

    def has_live(self, con_id: int) -> bool:
        """Whether an instrument has live orders; cheap, asked for every quote."""
        return con_id in self._live

    def __iter__(self) -> Iterator[PaperOrder]:
        return iter((*self._past, *self._by_id.values()))

    def open_orders(self, client_id: int | None = None) -> tuple[PaperOrder, ...]:
        """The live orders of one client id, or of all, in the order of their permIds."""
        return tuple(
            order
            for order in self
            if order.is_live and (client_id is None or order.client_id == client_id)
        )

    def completed(self) -> tuple[PaperOrder, ...]:
        """The orders that came to their end; one that was never sent is none of them."""
        return tuple(order for order in self if order.is_terminal and order.perm_id)
