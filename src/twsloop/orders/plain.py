"""IB's objects as plain JSON types, and back: the fields that are set, under IB's names. Pure.

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
from types import SimpleNamespace
from typing import Any

from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.order import Order, OrderComboLeg
from ibapi.order_condition import (
    ExecutionCondition,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue

__all__ = ["contract_of", "order_of", "plain_fields"]

#: What says of which class an object within an object is.
CLASS = "class"
#: What a new object has in a field that it does not have.
_NOTHING = object()


#: What can stand within an Order or a Contract, by its name.
_KINDS: Mapping[str, Callable[[], Any]] = {
    kind.__name__: kind
    for kind in (
        *(ComboLeg, DeltaNeutralContract, OrderComboLeg, SoftDollarTier, TagValue),
        *(ExecutionCondition, MarginCondition, PercentChangeCondition),
        *(PriceCondition, TimeCondition, VolumeCondition),
    )
}


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
    # Most fields have the very object that a new one has; each that need not be called for counts,
    # because there are 150 of them, and every order waits for this.
    return {
        name: _plain(value)
        for name, value in vars(thing).items()
        if value is not (new := usual.get(name, _NOTHING)) and not _same(value, new)
    }


def _same(value: Any, usual: Any) -> bool:
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
        return {CLASS: _kind_name(type(value)), **plain_fields(value)}
    return str(value)


def _kind_name(kind: type) -> str:
    """What stands for a class: that of IB's which a program's own kind is made of."""
    names = [base.__name__ for base in kind.__mro__]
    return next((name for name in names if name in _KINDS), names[0])


def order_of(plain: Mapping[str, Any]) -> Order:
    """IB's Order out of what `plain_fields` made of it."""
    return _filled(Order(), plain)


def contract_of(plain: Mapping[str, Any]) -> Contract:
    """IB's Contract out of what `plain_fields` made of it."""
    return _filled(Contract(), plain)


def _filled(made: Any, plain: Mapping[str, Any]) -> Any:
    kind: Callable[[], object] = type(made)
    usual = _unset(kind)
    for name, value in plain.items():
        if name != CLASS:
            setattr(made, name, _thing(value, usual.get(name)))
    return made


def _thing(value: Any, usual: Any) -> Any:
    """A plain value in the type that the field usually has."""
    if isinstance(value, Mapping) and CLASS in value:
        # Of a class that is not known, the fields are kept.
        return _filled(_KINDS.get(value[CLASS], SimpleNamespace)(), value)
    if isinstance(value, list):
        return [_thing(one, None) for one in value]
    if isinstance(value, str):
        if isinstance(usual, enum.Enum):
            return type(usual)[value]
        if isinstance(usual, (Decimal, float)):
            return type(usual)(value)
    return value
