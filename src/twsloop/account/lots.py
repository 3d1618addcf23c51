"""Lots: what was bought or sold short together, and what closing parts of them earns. Pure.

Sums are kept, and parts are taken out of them: what all parts have in value and fees is the whole's
to the last digit, however often it is divided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Literal

import attrs

__all__ = ["Closed", "Holding", "Lot", "Method", "add_to", "part_of"]

Method = Literal["fifo", "average"]

_ZERO = Decimal(0)
#: Parts of a sum have no digits below this one: what is left is the last part's, and all parts
#: together are the sum, exactly.
_GRAIN = Decimal("1e-12")
_WIDE = Context(prec=60)


@attrs.define
class Lot:
    """Units that are held. Sums are kept, and parts taken out of them, so that nothing gets lost.

    Attributes:
        quantity: Negative is short.
        value: What they cost together, with the sign of the quantity; None if nobody knows.
        fees: The commissions of that, by currency.
    """

    quantity: Decimal
    value: Decimal | None
    fees: dict[str, Decimal] = attrs.Factory(dict)

    def take(self, units: Decimal) -> Lot:
        """Take so many units out, with their part of the sums."""
        whole = abs(self.quantity)
        signed = units if self.quantity > 0 else -units
        value = None if self.value is None else part_of(self.value, units, whole)
        taken = Lot(signed, value, {c: part_of(fee, units, whole) for c, fee in self.fees.items()})
        self.quantity -= signed
        if self.value is not None and value is not None:
            self.value -= value
        add_to(self.fees, {currency: -fee for currency, fee in taken.fees.items()})
        return taken


@attrs.define
class Closed:
    """What one execution closed."""

    gross: Decimal = _ZERO
    fees: dict[str, Decimal] = attrs.Factory(dict)
    unknown: Decimal = _ZERO


@attrs.define
class Holding:
    """The lots of one contract in one account; all on one side."""

    method: Method
    lots: deque[Lot] = attrs.Factory(deque)

    def take_lot(self, new: Lot) -> Closed:
        """Units that come: they close what is held on the other side, and open the rest."""
        closed = Closed()
        while new.quantity and self.lots and (self.lots[0].quantity > 0) is not (new.quantity > 0):
            lot = self.lots[0]
            units = min(abs(new.quantity), abs(lot.quantity))
            opened, closing = lot.take(units), new.take(units)
            if opened.value is None or closing.value is None:
                closed.unknown += units
            else:
                closed.gross -= opened.value + closing.value
                add_to(closed.fees, opened.fees)
                add_to(closed.fees, closing.fees)
            if not lot.quantity:
                self.lots.popleft()
        if new.quantity:
            self._open(new)
        return closed

    def _open(self, lot: Lot) -> None:
        if self.method == "fifo" or not self.lots:
            self.lots.append(lot)
            return
        held = self.lots[0]
        held.quantity += lot.quantity
        unknown = held.value is None or lot.value is None
        held.value = None if unknown else (held.value or _ZERO) + (lot.value or _ZERO)
        add_to(held.fees, lot.fees)


def part_of(amount: Decimal, units: Decimal, whole: Decimal) -> Decimal:
    """The part of an amount that belongs to so many of the whole's units; rounded to a grain."""
    if units == whole:
        return amount
    return (amount * units / whole).quantize(_GRAIN, context=_WIDE)


def add_to(sums: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    """Add amounts to sums, currency by currency."""
    for currency, amount in more.items():
        sums[currency] = sums.get(currency, _ZERO) + amount
