"""The price increments that IB's market rules name (reqMarketRule): every id that a contract shows.

The binding increment of an exchange is that of the rule at its place in ``marketRuleIds``; the
``minTick`` of the details is the smallest of all. 26, 32, 67, 109, 110 and 1388 are IB's numbers;
those of currencies and of other futures are this gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

__all__ = ["MARKET_RULES", "increment"]

#: Market rule id -> (low edge of the price range, increment), lowest range first.
MARKET_RULES: Mapping[int, tuple[tuple[Decimal, Decimal], ...]] = MappingProxyType(
    {
        26: ((Decimal(0), Decimal("0.01")),),
        32: ((Decimal(0), Decimal("0.01")),),
        67: ((Decimal(0), Decimal("0.25")),),
        109: ((Decimal(0), Decimal("0.01")), (Decimal(3), Decimal("0.05"))),
        110: ((Decimal(0), Decimal("0.05")), (Decimal(3), Decimal("0.10"))),
        1388: ((Decimal(0), Decimal("0.0001")),),
        3188: ((Decimal(0), Decimal("0.00005")),),
        3189: ((Decimal(0), Decimal("0.005")),),
        3190: ((Decimal(0), Decimal("0.10")),),
        3191: ((Decimal(0), Decimal(1)),),
        3192: ((Decimal(0), Decimal("0.015625")),),
    }
)


def increment(rule: int, price: float) -> Decimal:
    """The increment of a rule at a price.

    Raises:
        KeyError: There is no such rule.
    """
    steps = MARKET_RULES[rule]
    found = steps[0][1]
    for edge, step in steps[1:]:
        if price >= edge:
            found = step
    return found
