"""Order conditions: what has to be so before an order is sent (or cancelled).

Pure: the facts come in as `World`. Conditions stand in a row; each says how it is tied to the next
(``isConjunctionConnection``: and, else or). "And" binds closer than "or", as everywhere.

- price: of any instrument, by a trigger method of its own (0: the last price, of quote-driven
  instruments the side of the quote that has to come);
- time; percent change against the close; volume of the day;
- margin: the account's cushion (excess liquidity by net liquidation value) in percent;
- execution: the account has traded that symbol since the order came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.paper.market.vocabulary import TopOfBook

from .refusals import Refusal
from .triggers import prices_seen

__all__ = [
    "CONDITION_TIME",
    "EXECUTION",
    "MARGIN",
    "ON_FILLS",
    "PERCENT_CHANGE",
    "PRICE",
    "TIME",
    "VOLUME",
    "World",
    "are_met",
    "check_conditions",
    "watched",
]

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7
#: Code and field name of a time condition that cannot be read.
CONDITION_TIME = (10314, "Condition Time")
_ON_CONTRACT = frozenset({PRICE, VOLUME, PERCENT_CHANGE})
#: What a fill may meet: conditions on executions, and on what the account holds.
ON_FILLS = frozenset({MARGIN, EXECUTION})
_KINDS = _ON_CONTRACT | {TIME, MARGIN, EXECUTION}


@attrs.frozen
class World:
    """What conditions are judged by.

    Attributes:
        now: The time.
        times: When the time conditions are, by their place.
        books: Gives the top of book of an instrument.
        cushion: Gives the account's cushion, in percent.
        has_traded: Whether the account has traded this symbol and security type since.
    """

    now: datetime
    times: Mapping[int, datetime]
    books: Callable[[int], TopOfBook]
    cushion: Callable[[], Decimal]
    has_traded: Callable[[str, str], bool]


def _beyond(value: Decimal | None, mark: Decimal, is_more: bool) -> bool:
    if value is None:
        return False
    return value >= mark if is_more else value <= mark


def _price(condition: Any, world: World) -> bool:
    top = world.books(condition.conId)
    mark = Decimal(repr(condition.price))
    seen = prices_seen(condition.triggerMethod, top, is_rising=condition.isMore)
    return any(_beyond(price, mark, condition.isMore) for price in seen)


def _percent_change(condition: Any, world: World) -> bool:
    top = world.books(condition.conId)
    price = top.bid if top.quote_driven else top.last
    if price is None or not top.close:
        return False
    change = (Decimal(repr(price)) / Decimal(repr(top.close)) - 1) * 100
    return _beyond(change, Decimal(repr(condition.changePercent)), condition.isMore)


def _volume(condition: Any, world: World) -> bool:
    volume = world.books(condition.conId).volume
    return _beyond(volume, Decimal(condition.volume), condition.isMore)


def _margin(condition: Any, world: World) -> bool:
    return _beyond(world.cushion(), Decimal(condition.percent), condition.isMore)


def _execution(condition: Any, world: World) -> bool:
    return world.has_traded(condition.symbol, condition.secType)


_RULES: Mapping[int, Callable[[Any, World], bool]] = MappingProxyType(
    {
        PRICE: _price,
        MARGIN: _margin,
        EXECUTION: _execution,
        VOLUME: _volume,
        PERCENT_CHANGE: _percent_change,
    }
)


def _is_met(place: int, condition: Any, world: World) -> bool:
    if condition.type == TIME:
        passed = world.now >= world.times[place]
        return passed if condition.isMore else not passed
    return _RULES[condition.type](condition, world)


def are_met(conditions: Sequence[Any], world: World) -> bool:
    """Whether a row of conditions holds; an empty one does."""
    if not conditions:
        return True
    so_far = True
    for place, condition in enumerate(conditions):
        so_far = so_far and _is_met(place, condition, world)
        if not condition.isConjunctionConnection:  # an "or" follows: this group alone decides
            if so_far:
                return True
            so_far = True
    last = conditions[-1]
    return bool(last.isConjunctionConnection) and so_far


def watched(conditions: Sequence[Any]) -> tuple[int, ...]:
    """The contract ids whose market may meet them."""
    return tuple(dict.fromkeys(one.conId for one in conditions if one.type in _ON_CONTRACT))


_INCOMPLETE = Refusal(147, "The conditional contract info is incomplete.")


def check_conditions(conditions: Sequence[Any], catalogue: Any) -> Refusal | None:
    """Why conditions cannot be judged, None if they can."""
    for condition in conditions:
        if condition.type not in _KINDS:
            return Refusal(147, f"The condition type {condition.type} is not known.")
        if condition.type in _ON_CONTRACT:
            if not condition.conId or not condition.exchange:
                return _INCOMPLETE
            if catalogue.by_con_id(condition.conId) is None:
                return Refusal(398, f"{condition.conId} cannot be used as a condition trigger.")
        if condition.type == EXECUTION and not condition.symbol:
            return _INCOMPLETE
    return None
