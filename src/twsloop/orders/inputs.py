"""Reading what people write into an order: prices, sizes, times.

Everything goes through its decimal text, so that ``"189.50"``, ``Decimal("189.50")`` and ``189.5``
are the same price; numbers become floats only where IB's classes have floats. What a float has
beyond fifteen digits is the noise of binary fractions: ``0.1 + 0.2`` is the price 0.3.
"""

from __future__ import annotations

import sys
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from twsloop.errors import InvalidOrder
from twsloop.wire.times import utc_text

__all__ = [
    "Number",
    "given",
    "plain",
    "to_number",
    "to_positive",
    "to_price",
    "to_quantity",
    "to_time",
    "to_whole",
    "without_noise",
]

#: A number with more digits before its point is none; a double ends at 308 of them.
_DIGITS = 300
#: How people write prices and sizes.
Number = str | int | float | Decimal


def to_price(value: Number, what: str = "price") -> float:
    """A price as IB's classes hold it; negative ones exist (spreads, some futures).

    Raises:
        InvalidOrder: Not a finite number.
    """
    return float(to_number(value, what))


def to_quantity(value: Number, what: str = "quantity") -> Decimal:
    """A size, above 0.

    Raises:
        InvalidOrder: Not a finite number, or not above 0.
    """
    number = to_number(value, what)
    if number <= 0:
        msg = f"{what} {value!r} is not above 0; the side is said by the action"
        raise InvalidOrder(msg)
    return number


def to_positive(value: Number | None, what: str) -> float:
    """A distance or an offset, above 0.

    Raises:
        InvalidOrder: Not a finite number, or not above 0.
    """
    number = to_number(value, what)
    if number <= 0:
        msg = f"{what} {value!r} is not above 0"
        raise InvalidOrder(msg)
    return float(number)


def to_time(value: datetime | str, what: str = "time") -> str:
    """A time as the gateway reads it: ``yyyymmdd-hh:mm:ss``, UTC; a text is left as it is.

    Raises:
        InvalidOrder: A datetime that does not say in which zone it is.
    """
    if isinstance(value, str):
        return value
    try:
        return utc_text(value)
    except ValueError as error:
        msg = f"{what}: {error}"
        raise InvalidOrder(msg) from None


def given(**values: Any) -> dict[str, Any]:
    """The arguments that were given: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def to_number(value: Number | None, what: str) -> Decimal:
    """A finite number, exactly as it is written.

    Raises:
        InvalidOrder: It is none.
    """
    if not isinstance(value, bool):
        meant = without_noise(value) if isinstance(value, float) else value
        try:
            number = Decimal(str(meant).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and number.adjusted() < _DIGITS:
            return number
    msg = f"{what} {value!r} is not a number"
    raise InvalidOrder(msg)


def without_noise(value: float) -> float:
    """A float with the fifteen digits that a double can be trusted with."""
    return float(f"{value:.{sys.float_info.dig}g}")


def plain(number: Decimal) -> str:
    """A number as text, without an exponent and without zeros that say nothing."""
    return f"{number.normalize():f}"


def to_whole(value: Number, what: str) -> int:
    """A whole number; it may be 0 or below.

    Raises:
        InvalidOrder: Not a number, or one with a fraction.
    """
    number = to_number(value, what)
    if number != number.to_integral_value():
        msg = f"{what} {value!r} is not a whole number"
        raise InvalidOrder(msg)
    return int(number)
