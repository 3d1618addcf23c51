"""Prices and sizes on the grid that an exchange takes: market rules, and the sizes of a contract.

Pure. A market rule is a list of steps: from each low edge on, prices are multiples of its
increment. Which rule binds depends on the exchange: ``marketRuleIds`` of the details has one for
each of ``validExchanges``, in the same order; their ``minTick`` is the smallest of all rules, and
says nothing of one exchange.

Prices below zero (spreads, futures) mirror those above: IB's edges begin at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, Literal

import attrs

from twsloop.errors import ContractError
from twsloop.wire.showing import short_row
from twsloop.wire.values import decimal_or_none

__all__ = [
    "MarketRule",
    "Number",
    "PriceStep",
    "Rounding",
    "exact",
    "make_rule",
    "round_quantity",
    "rounding_for",
    "rule_ids",
    "single_step",
]

#: What a price or a size may be given as; a float has the digits that it is printed with.
Number = Decimal | float | int | str
#: Where a price goes that is between two allowed ones.
Rounding = Literal["down", "up", "nearest"]

#: Prices and sizes have no more digits before or behind the point; decimals count 28 in all.
LARGEST_EXPONENT: Final = 12
_ZERO: Final = Decimal(0)
_ROUNDINGS: Final = frozenset({"down", "up", "nearest"})
#: A buyer's limit that goes down, and a seller's that goes up, never gets worse than was asked.
_SIDES: Final[Mapping[str, Rounding]] = {
    "BUY": "down",
    "BOT": "down",
    "SELL": "up",
    "SLD": "up",
    "SSHORT": "up",
    "SLONG": "up",
}


@attrs.frozen
class PriceStep:
    """The increment of prices from an edge on.

    Attributes:
        low_edge: The lowest price that it counts for, in the contract's currency.
        increment: Prices are multiples of it.
    """

    low_edge: Decimal
    increment: Decimal

    __repr__ = short_row


@attrs.frozen
class MarketRule:
    """The prices that an exchange takes.

    Attributes:
        rule_id: IB's number of it; None where it was made of a ``minTick``.
        steps: Lowest edge first; the first counts below its edge, too.
    """

    rule_id: int | None
    steps: tuple[PriceStep, ...]

    __repr__ = short_row

    def increment(self, price: Number) -> Decimal:
        """The increment at a price."""
        size = abs(exact(price, "the price"))
        return self.steps[self._place(size)].increment

    def fits(self, price: Number) -> bool:
        """Whether a price is one that the exchange takes."""
        value = exact(price, "the price")
        return not value % self.increment(value)

    def round(self, price: Number, rounding: Rounding = "nearest") -> Decimal:
        """The next price that the exchange takes.

        Args:
            price: Any price.
            rounding: ``down`` is the highest allowed one that is not above it, ``up`` the lowest
                that is not below; ``nearest`` takes the closer of both, the lower if none is.

        Raises:
            ContractError: No number, or an unknown word.
        """
        value = exact(price, "the price")
        if rounding not in _ROUNDINGS:
            msg = f"rounding {rounding!r} is none of down, up, nearest"
            raise ContractError(msg)
        if rounding == "down":
            return self._down(value)
        if rounding == "up":
            return self._up(value)
        below, above = self._down(value), self._up(value)
        return below if value - below <= above - value else above

    def _place(self, size: Decimal) -> int:
        """Which step counts for a price of this size (0 or more)."""
        return max((i for i, step in enumerate(self.steps) if step.low_edge <= size), default=0)

    def _down(self, price: Decimal) -> Decimal:
        return self._floor(price) if price >= 0 else -self._ceiling(-price)

    def _up(self, price: Decimal) -> Decimal:
        return self._ceiling(price) if price >= 0 else -self._floor(-price)

    def _floor(self, size: Decimal) -> Decimal:
        """The highest allowed price up to ``size``, which is 0 or more."""
        place = self._place(size)
        found = _multiple(size, self.steps[place].increment, ROUND_FLOOR)
        while place and found < self.steps[place].low_edge:
            # Nothing of this step is low enough: the highest of the one before, under the edge.
            edge, place = self.steps[place].low_edge, place - 1
            step = self.steps[place].increment
            found = _multiple(edge, step, ROUND_CEILING) - step
        return found

    def _ceiling(self, size: Decimal) -> Decimal:
        """The lowest allowed price from ``size`` on, which is 0 or more."""
        place = self._place(size)
        found = _multiple(size, self.steps[place].increment, ROUND_CEILING)
        while place + 1 < len(self.steps) and found >= self.steps[place + 1].low_edge:
            place += 1
            edge, step = self.steps[place].low_edge, self.steps[place].increment
            found = _multiple(max(edge, size), step, ROUND_CEILING)
        return found


def exact(value: Number, what: str) -> Decimal:
    """A number as an exact decimal.

    Raises:
        ContractError: It is none, or one of IB's for "not set".
    """
    number = None if isinstance(value, bool) else decimal_or_none(value)
    if number is None or not LARGEST_EXPONENT >= number.adjusted() >= -LARGEST_EXPONENT:
        msg = f"{what} {value!r} is no number"
        raise ContractError(msg)
    return number


def make_rule(rule_id: int | None, steps: Iterable[tuple[Number, Number]]) -> MarketRule:
    """A market rule from (low edge, increment), in any order.

    Raises:
        ContractError: No step at all, or an increment that is not above 0.
    """
    made = [
        PriceStep(exact(edge, "the edge"), exact(step, "the increment")) for edge, step in steps
    ]
    if not made or any(step.increment <= 0 for step in made):
        shown = ", ".join(f"{step.low_edge}: {step.increment}" for step in made) or "no step"
        msg = f"market rule {rule_id} cannot be used: {shown}"
        raise ContractError(msg)
    return MarketRule(rule_id, tuple(sorted(made, key=lambda step: step.low_edge)))


def single_step(increment: Number) -> MarketRule:
    """The rule of a contract that has no market rule: its ``minTick`` alone.

    Raises:
        ContractError: The increment is not above 0.
    """
    return make_rule(None, [(0, increment)])


def rule_ids(details: Any) -> Mapping[str, int]:
    """The market rule that binds on each exchange: exchange -> rule id.

    Args:
        details: IB's ContractDetails. Where the two lists differ in length, what has no partner is
            left out.
    """
    exchanges = [name.strip() for name in details.validExchanges.split(",")]
    numbers = [text.strip() for text in details.marketRuleIds.split(",")]
    return {
        name: int(number)
        for name, number in zip(exchanges, numbers, strict=False)
        if name and number.isdecimal()
    }


def rounding_for(side: str | None, rounding: Rounding | None = None) -> Rounding:
    """How a price is rounded: as asked; else so that it never gets worse for that side.

    Args:
        side: ``BUY`` goes down, ``SELL`` and ``SSHORT`` go up, None goes to the nearest.
        rounding: What was asked for explicitly.

    Raises:
        ContractError: A side that is none.
    """
    if rounding is not None:
        return rounding
    if side is None:
        return "nearest"
    try:
        return _SIDES[side.upper()]
    except (KeyError, AttributeError):
        msg = f"side {side!r} is neither BUY nor SELL"
        raise ContractError(msg) from None


def round_quantity(details: Any, quantity: Number, rounding: Rounding = "down") -> Decimal:
    """A size that the contract can be ordered in.

    Args:
        details: IB's ContractDetails; its ``sizeIncrement`` and ``minSize`` count. A gateway that
            tells none (before server version 164) is taken to want whole numbers.
        quantity: The size wanted, 0 or more.
        rounding: ``down`` never gives more than was wanted.

    Returns:
        The size; 0 where ``down`` leaves less than the smallest order. ``up`` and ``nearest``
        give at least the smallest order for what is above 0.

    Raises:
        ContractError: No number, a size below 0, or an unknown word.
    """
    wanted = exact(quantity, "the quantity")
    if wanted < 0:
        msg = f"the quantity {quantity} is below 0; the side says which way it goes"
        raise ContractError(msg)
    smallest = decimal_or_none(details.minSize) or _ZERO
    step = decimal_or_none(details.sizeIncrement) or _ZERO
    if step <= 0:
        step = smallest if smallest > 0 else Decimal(1)
    found = single_step(step).round(wanted, rounding)
    if not found or found >= smallest:
        return found
    if rounding == "down":
        return _ZERO
    return _multiple(smallest, step, ROUND_CEILING)


def _multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """The multiple of a step next to a value of 0 or more; exact, however many digits there are."""
    count, rest = divmod(value, step)
    if rest and rounding == ROUND_CEILING:
        count += 1
    return count * step
