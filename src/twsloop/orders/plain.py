"""IB's objects as plain JSON types: the fields that are set, under IB's names. Pure.

What is unset is left out, so that a record stays small and says what was meant. Decimals become
text (a JSON number would round them); objects within objects (legs, tags, conditions) say of which
class they are.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

__all__ = ["plain_fields"]

#: What says of which class an object within an object is.
CLASS = "class"


@functools.cache
def _unset(kind: Callable[[], object]) -> Mapping[str, Any]:
    """What a new object of a class has in its fields; empty for one that needs arguments."""
    try:
        return dict(vars(kind()))
    except TypeError:
        return {}


def plain_fields(thing: Any) -> dict[str, Any]:
    """The fields of IB's Order, Contract, or a part of one, that are not as in a new one.

    Args:
        thing: Any object with attributes.
    """
    kind: Callable[[], object] = type(thing)
    usual = _unset(kind)
    return {
        name: _plain(value)
        for name, value in vars(thing).items()
        if name not in usual or not _same(value, usual[name])
    }


def _same(value: Any, usual: Any) -> bool:
    if value is usual:
        return True
    if type(value) is not type(usual):
        return False
    if value == usual:
        return True
    return hasattr(usual, "__dict__") and _inner(value) == _inner(usual)


def _inner(value: Any) -> Any:
    return vars(value)


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "__dict__"):
        return {CLASS: type(value).__name__, **plain_fields(value)}
    return str(value)
