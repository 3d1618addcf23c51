"""Small forms of what orders that are over keep: IB's Order by what is set, contracts shared.

An Order has 150 fields, of which a handful are set: kept whole it takes three kilobytes and more,
and a program that trades all day keeps thousands. Pure.
"""

from __future__ import annotations

import functools
import sys
from typing import Any
from weakref import WeakValueDictionary

from ibapi.contract import Contract
from ibapi.order import Order

__all__ = ["Folded", "Pool", "folded", "unfolded"]

_UNSET: dict[str, Any] = vars(Order())


class Folded:
    """An Order by the fields that are not as in a new one."""

    __slots__ = ("names", "values")

    def __init__(self, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.names = names
        self.values = values


def folded(order: Any) -> Any:
    """The small form of an Order; of anything else (a subclass, None) the thing itself."""
    if type(order) is not Order:
        return order
    told = {name: value for name, value in vars(order).items() if not _is_unset(name, value)}
    values = (sys.intern(value) if type(value) is str else value for value in told.values())
    return Folded(_one_of(tuple(told)), tuple(values))


def unfolded(kept: Any) -> Any:
    """The Order of a small form, made anew; anything else as it is."""
    if not isinstance(kept, Folded):
        return kept
    made = Order()
    vars(made).update(zip(kept.names, kept.values, strict=True))
    return made


def _is_unset(name: str, value: Any) -> bool:
    if name not in _UNSET:
        return False
    usual = _UNSET[name]
    if type(value) is not type(usual):
        return False
    return bool(value == usual or (hasattr(usual, "__dict__") and vars(value) == vars(usual)))


@functools.lru_cache(maxsize=256)
def _one_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for the same names: most orders have the same fields set."""
    return names


class Pool:
    """One contract in the place of all that are equal to it, for as long as somebody has it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[Any, ...], Contract] = WeakValueDictionary()

    def one_of(self, contract: Any) -> Any:
        """The contract that stands for all like this one; itself if it is the first.

        Those with parts of their own (the legs of a combo) stand for themselves.
        """
        if type(contract) is not Contract or contract.comboLegs or contract.deltaNeutralContract:
            return contract
        fields = vars(contract)
        key = tuple((name, value) for name, value in fields.items() if type(value) is not list)
        known = self._known.get(key)
        # Whoever was given it may have changed it since.
        if known is not None and vars(known) == fields:
            return known
        self._known[key] = contract
        return contract
