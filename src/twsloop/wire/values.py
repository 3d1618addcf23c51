"""The values that IB sends, with unset as None: numbers, exact decimals, words.

Pure. IB has a number for "not set" of each kind: the largest double, the largest integers of 32
and of 64 bits, the smallest of 64, a decimal of 2**127-1, and the empty text. None of them is ever
a price, a size or a sum; neither are NaN and infinity, which IB writes where nothing can be
calculated.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG

__all__ = ["decimal_or_none", "float_or_none", "int_or_none", "text_or_none"]

#: Equal to each of them, of whatever type, is unset. (IB's own decoder reads them as unset
#: decimals, too.)
_UNSET: Final = frozenset({UNSET_INTEGER, UNSET_LONG, -UNSET_LONG - 1, UNSET_DECIMAL})
#: IB writes the largest double with 17 digits at most, which may round it: anything as large.
_LARGEST: Final = Decimal("1.797e308")
#: From the one to the other no decimal is unset.
_ZERO: Final = Decimal(0)
_USUAL: Final = Decimal(2_000_000_000)
#: The longest number that is read; of texts only, and none of IB's comes near it.
_LONGEST: Final = 400


def decimal_or_none(value: Any) -> Decimal | None:
    """A number of IB's as an exact decimal: a float has the digits it is printed with.

    Args:
        value: A float, an int, a Decimal or a text.

    Returns:
        The number; None for unset, for what is not finite, and for a text that is no number.
    """
    if type(value) is Decimal:
        try:
            if _ZERO <= value <= _USUAL:
                return value  # most are: what is below costs eight times as much
        except ArithmeticError:  # NaN is not compared
            return None
    if value is None or value is UNSET_DOUBLE or value == "":
        return None
    if isinstance(value, Decimal):
        number = value
    else:
        text = str(value)
        if len(text) > _LONGEST or "_" in text:
            return None
        try:
            number = Decimal(text)
        except ArithmeticError:
            return None
    if not number.is_finite() or number in _UNSET or number.copy_abs() >= _LARGEST:
        return None
    return number


def float_or_none(value: Any) -> float | None:
    """A number of IB's as a float, for what is calculated and not kept: greeks, ratios.

    Returns:
        The number; None for what `decimal_or_none` calls None.
    """
    if type(value) is float:  # most are: no way through text for them
        unset = value != value or abs(value) >= UNSET_DOUBLE or value in _UNSET  # noqa: PLR0124
        return None if unset else value
    number = decimal_or_none(value)
    return None if number is None else float(number)


def int_or_none(value: Any) -> int | None:
    """A whole number of IB's; None for unset, for a fraction, and for what is no number."""
    number = decimal_or_none(value)
    if number is None or number != number.to_integral_value():
        return None
    return int(number)


def text_or_none(value: Any) -> str | None:
    """A text of IB's without blanks around it; None where nothing is left."""
    return None if value is None else str(value).strip() or None
