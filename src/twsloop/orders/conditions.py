"""Conditions: what has to be so before an order is sent, or cancelled.

A condition here is IB's own object (``ibapi.order_condition``). One, or a combination by `all_of`
and `any_of`, is given to an order by `when`::

    calm = price_condition(spx, above=4000)
    late = time_condition(after=datetime(2026, 11, 23, 15, 30, tzinfo=NEW_YORK))
    order = when(limit_order("BUY", 100, "189.50"), all_of(calm, late))

Theory of operation. The gateway takes conditions in a row, each tied to the next by "and" or by
"or", without brackets. A combination is therefore turned into the one form that a row can say if
"and" binds closer than "or": any of some groups, in each of which all hold. ``all_of(any_of(a, b),
c)`` becomes ``a and c or b and c``. IB does not document how closely the two bind; rows with only
one of them mean the same either way.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_condition import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)

from twsloop.errors import InvalidOrder

from .attributes import changed
from .inputs import Number, to_price, to_time, to_whole
from .words import TriggerMethod

__all__ = [
    "Combination",
    "all_of",
    "any_of",
    "execution_condition",
    "margin_condition",
    "percent_change_condition",
    "price_condition",
    "time_condition",
    "volume_condition",
    "when",
]

#: More than this many conditions, and a combination was not meant so.
LONGEST_ROW = 100


@attrs.frozen
class Combination:
    """Any of some groups of conditions, in each of which all hold.

    Attributes:
        groups: The groups; none is empty.
    """

    groups: tuple[tuple[OrderCondition, ...], ...]

    def row(self) -> list[OrderCondition]:
        """As the gateway takes it: copies, each tied to the next by "and" or by "or"."""
        made = []
        for group in self.groups:
            for condition in group:
                one = copy.copy(condition)
                one.isConjunctionConnection = True
                made.append(one)
            made[-1].isConjunctionConnection = False
        made[-1].isConjunctionConnection = True
        return made


def all_of(*conditions: OrderCondition | Combination) -> Combination:
    """All of these hold.

    Raises:
        InvalidOrder: None is given, or they make a row that is too long.
    """
    parts = [_combination(one).groups for one in _some(conditions)]
    groups = itertools.product(*parts)
    return _short(tuple(itertools.chain.from_iterable(group)) for group in groups)


def any_of(*conditions: OrderCondition | Combination) -> Combination:
    """At least one of these holds.

    Raises:
        InvalidOrder: None is given, or they make a row that is too long.
    """
    return _short(group for one in _some(conditions) for group in _combination(one).groups)


def when(
    order: Order,
    condition: OrderCondition | Combination,
    *,
    cancel: bool = False,
    ignore_rth: bool = False,
) -> Order:
    """A copy of an order that is sent when a condition holds.

    Args:
        order: The order.
        condition: One condition, or a combination.
        cancel: It is sent at once, and cancelled when the condition holds.
        ignore_rth: Conditions are looked at outside regular hours, too.
    """
    return changed(
        order,
        conditions=_combination(condition).row(),
        conditionsCancelOrder=cancel,
        conditionsIgnoreRth=ignore_rth,
    )


def price_condition(
    contract: Contract,
    *,
    above: Number | None = None,
    below: Number | None = None,
    trigger_method: int = TriggerMethod.DEFAULT,
) -> PriceCondition:
    """A contract's price is at a mark, or beyond it.

    Args:
        contract: Whose; it has its ``conId`` and exchange.
        above: The mark, reached from below; this or ``below``.
        below: The mark, reached from above.
        trigger_method: Which price is looked at.

    Raises:
        InvalidOrder: Both marks or none, or a contract that is not resolved.
    """
    is_more, mark = _mark(above, below)
    method = _method(trigger_method)
    return PriceCondition(method, *_place(contract), is_more, to_price(mark, "price"))


def percent_change_condition(
    contract: Contract, *, above: Number | None = None, below: Number | None = None
) -> PercentChangeCondition:
    """A contract's price has moved by so many percent since the last close.

    Raises:
        InvalidOrder: Both marks or none, or a contract that is not resolved.
    """
    is_more, mark = _mark(above, below)
    return PercentChangeCondition(*_place(contract), is_more, to_price(mark, "percent"))


def volume_condition(
    contract: Contract, *, above: int | None = None, below: int | None = None
) -> VolumeCondition:
    """A contract's volume of the day is at a mark, or beyond it.

    Raises:
        InvalidOrder: Both marks or none, no whole number, or a contract that is not resolved.
    """
    is_more, mark = _mark(above, below)
    return VolumeCondition(*_place(contract), is_more, to_whole(mark, "volume"))


def margin_condition(*, above: int | None = None, below: int | None = None) -> MarginCondition:
    """The account's cushion (excess liquidity by net liquidation value) in percent.

    Raises:
        InvalidOrder: Both marks or none, or no whole number.
    """
    is_more, mark = _mark(above, below)
    return MarginCondition(is_more, to_whole(mark, "percent"))


def time_condition(
    *, after: datetime | str | None = None, before: datetime | str | None = None
) -> TimeCondition:
    """A time has come, or has not come yet.

    Args:
        after: A datetime with its zone, or a text in IB's form; this or ``before``.
        before: Likewise.

    Raises:
        InvalidOrder: Both or none, or a datetime without a zone.
    """
    if (after is None) == (before is None):
        msg = "a time condition needs after or before, and not both"
        raise InvalidOrder(msg)
    moment = before if after is None else after
    return TimeCondition(after is not None, to_time(moment or "", "condition time"))


def execution_condition(contract: Contract) -> ExecutionCondition:
    """The account trades a contract (by its symbol, kind and exchange).

    Raises:
        InvalidOrder: A contract without one of these.
    """
    if not (contract.symbol and contract.secType and contract.exchange):
        msg = "an execution condition needs the contract's symbol, secType and exchange"
        raise InvalidOrder(msg, code=147)
    return ExecutionCondition(contract.secType, contract.exchange, contract.symbol)


def _combination(one: OrderCondition | Combination) -> Combination:
    if isinstance(one, Combination):
        return one
    if not isinstance(one, OrderCondition):
        msg = f"{one!r} is no condition; make one with price_condition() and the like"
        raise InvalidOrder(msg)
    return Combination(((one,),))


def _some(conditions: tuple[Any, ...]) -> tuple[Any, ...]:
    if not conditions:
        msg = "no condition is given"
        raise InvalidOrder(msg)
    return conditions


def _short(groups: Iterable[tuple[OrderCondition, ...]]) -> Combination:
    taken: list[tuple[OrderCondition, ...]] = []
    length = 0
    for group in groups:
        length += len(group)
        if length > LONGEST_ROW:
            msg = f"written out, these are more than {LONGEST_ROW} conditions"
            raise InvalidOrder(msg)
        taken.append(group)
    return Combination(tuple(taken))


def _mark(above: Number | None, below: Number | None) -> tuple[bool, Number]:
    if above is not None and below is None:
        return True, above
    if below is not None and above is None:
        return False, below
    msg = "a condition needs above or below, and not both"
    raise InvalidOrder(msg)


def _place(contract: Contract) -> tuple[int, str]:
    if not contract.conId or not contract.exchange:
        msg = "a condition names its contract by conId and exchange; resolve the contract first"
        raise InvalidOrder(msg, code=147)
    return contract.conId, contract.exchange


def _method(trigger_method: int) -> int:
    try:
        return int(TriggerMethod(trigger_method))
    except ValueError:
        msg = f"trigger_method {trigger_method!r} is none of {', '.join(map(str, TriggerMethod))}"
        raise InvalidOrder(msg, code=146) from None
