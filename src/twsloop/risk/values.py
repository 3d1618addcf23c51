"""Numbers of IB's objects as exact decimals, and what is worked out once. Pure.

The gate reads a dozen numbers for each order, so these two are made for speed.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar, overload

from twsloop.wire.values import decimal_or_none

__all__ = ["ZERO", "exact", "once"]

ZERO = Decimal(0)
#: No price and no size is as large; IB's marks for "not set" are (``ibapi.const``).
_LARGEST = 1e30
_DIGITS = 30

T = TypeVar("T")


def exact(value: Any) -> Decimal | None:
    """A price or a size, exact; None where it is not set, or no number."""
    if type(value) is float:
        return Decimal(repr(value)) if -_LARGEST < value < _LARGEST else None
    if type(value) is Decimal:
        return value if value.is_finite() and value.adjusted() < _DIGITS else None
    found = decimal_or_none(value)
    return found if found is None or found.adjusted() < _DIGITS else None


class once(Generic[T]):  # noqa: N801  (it is written like a decorator of the standard library)
    """A property that is worked out when it is first read; of one thread, and so without a lock."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> once[T] | T:
        """Work it out; the instance's own attribute hides this from then on."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._work_out(instance)
        return value
