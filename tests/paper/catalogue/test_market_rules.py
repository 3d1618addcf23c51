"""Price increments."""

from __future__ import annotations

from decimal import Decimal

import pytest

from twsloop.paper.catalogue.market_rules import MARKET_RULES, increment


@pytest.mark.parametrize(
    ("rule", "price", "step"),
    [
        (32, 5000.0, "0.01"),
        (109, 0.0, "0.01"),
        (109, 2.99, "0.01"),
        (109, 3.0, "0.05"),
        (110, 2.95, "0.05"),
        (110, 100.0, "0.10"),
        (67, 6640.0, "0.25"),
    ],
)
def test_increments(rule: int, price: float, step: str) -> None:
    assert increment(rule, price) == Decimal(step)


def test_every_rule_begins_at_zero_and_rises() -> None:
    for steps in MARKET_RULES.values():
        edges = [edge for edge, _ in steps]
        assert edges[0] == 0
        assert edges == sorted(set(edges))
        assert all(step > 0 for _, step in steps)
    with pytest.raises(KeyError):
        increment(1, 1.0)
