"""What is wrong with an order, and how its fields are read to find out.

Pure. A check is a function that takes a `Draft` and gives a `Problem`, or None. The gateway writes
0, ``None`` (as a text) and its largest numbers where a field of an order is not set, and an order
that came back from it may be checked again: `says` tells what was meant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import attrs
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.order import Order

from twsloop.wire.showing import contract_words, order_words
from twsloop.wire.values import decimal_or_none

from .words import OrderType

__all__ = ["NUMBERS", "Check", "Draft", "Problem", "find", "is_set", "says"]

_UNSET = frozenset({UNSET_DOUBLE, UNSET_DECIMAL, UNSET_INTEGER})
#: The fields of an order that travel as floating point numbers; IB's class begins one with 0.
NUMBERS = (
    *(name for name, value in vars(Order()).items() if isinstance(value, float)),
    "discretionaryAmt",
)


@attrs.frozen
class Problem:
    """One thing that is wrong with an order.

    Attributes:
        text: What, with which field, and what to do about it.
        code: What the gateway would refuse it with, where that is known.
    """

    text: str
    code: int | None = None

    def __str__(self) -> str:
        """The text, with IB's code."""
        return self.text if self.code is None else f"{self.text} (IB's error {self.code})"


@attrs.frozen
class Draft:
    """An order before it leaves, as the checks see it.

    Attributes:
        contract: IB's Contract.
        order: IB's Order.
        details: IB's ContractDetails of it, None if they are not at hand.
        rule: The market rule of its exchange: anything that knows ``increment(price)``.
    """

    contract: Any = attrs.field(repr=contract_words)
    order: Any = attrs.field(repr=order_words)
    details: Any = attrs.field(default=None, repr=False)
    rule: Any = None

    @functools.cached_property  # a dozen checks ask for each of these
    def type(self) -> OrderType:
        """The order's type, however it is spelled."""
        return OrderType(str(self.order.orderType))

    @functools.cached_property
    def sec_type(self) -> str:
        """The kind of instrument; "" if it is not known."""
        named = self.contract.secType
        if not named and self.details is not None:
            named = self.details.contract.secType
        return str(named or "")

    @functools.cached_property
    def size(self) -> Decimal | None:
        """How much, None if that is unset or no number."""
        return decimal_or_none(self.order.totalQuantity)

    @property
    def by_cash(self) -> bool:
        """Whether it is for an amount of money: its size then follows from that."""
        return says(self.order.cashQty)

    def number(self, field: str) -> Decimal | None:
        """A field of the order that holds a number; None if it is unset or no number."""
        return decimal_or_none(getattr(self.order, field))


Check = Callable[[Draft], Problem | None]


def is_set(value: object) -> bool:
    """Whether a field of IB's Order was set: it is there, and none of IB's marks for unset."""
    # Most are the very object that a new order has: comparing costs more, and there are 150 fields.
    if value is None or value is UNSET_DOUBLE or value is UNSET_DECIMAL:
        return False
    return value not in _UNSET


def says(value: Any) -> bool:
    """Whether a field says something: it is set, and not 0, empty, or IB's text ``None``."""
    return bool(value) and is_set(value) and value != "None"


def find(draft: Draft, checks: Iterable[Check]) -> list[Problem]:
    """All that is wrong, in the order of the checks."""
    return [problem for check in checks if (problem := check(draft)) is not None]
