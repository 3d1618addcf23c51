"""The price step that binds an order: of its market rule at its price, not the smallest of all."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from twsloop.paper.catalogue.market_rules import MARKET_RULES, increment

__all__ = ["step_at", "to_step"]


def step_at(instrument: Any, price: Decimal) -> Decimal:
    """The step at a price: by the market rule where the instrument has one."""
    rule = getattr(instrument, "market_rule", 0)
    if rule in MARKET_RULES:
        return increment(rule, float(abs(price)))
    tick: Decimal = instrument.min_tick
    return tick


def to_step(instrument: Any, price: Decimal) -> Decimal:
    """The nearest price that an order may have."""
    step = step_at(instrument, price)
    return (price / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step
