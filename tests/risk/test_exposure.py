"""What working orders may make of positions: the worse side counts, whichever it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi.order import Order

from tests.risk.support import Row, World, aapl
from twsloop.orders.builders import limit_order


def one_of(group: str, side: str, size: int) -> Order:
    order = limit_order(side, size, "100.1")
    order.ocaGroup = group
    return order


def exposure_of(gate: Any, world: World, side: str, size: int) -> Decimal:
    verdict = gate.preview(world.propose(order=limit_order(side, size, "100.1")))
    (check,) = [one for one in verdict.checks if one.name == "max_gross_exposure"]
    value: Decimal | None = check.value
    assert value is not None
    return value / Decimal("100.1")  # in shares, at the ask


@pytest.mark.parametrize(
    ("held", "side", "size", "shares"),
    [
        (0, "BUY", 10, 10),
        (0, "SELL", 10, 10),
        (100, "BUY", 10, 110),
        (-100, "SELL", 10, 110),
        (-100, "BUY", 10, 100),
        (100, "SELL", 250, 150),
        (-100, "BUY", 250, 150),
    ],
)
def test_the_exposure_of_long_and_short(held: int, side: str, size: int, shares: int) -> None:
    world = World(held=[Row(aapl(), Decimal(held))], marks={aapl().conId: Decimal("100.1")})
    gate = world.gate(max_gross_exposure=1e9)
    assert exposure_of(gate, world, side, size) == shares


def test_what_works_on_both_sides_counts_by_the_worse() -> None:
    world = World(held=[Row(aapl(), Decimal(0))], marks={aapl().conId: Decimal("100.1")})
    gate = world.gate(max_gross_exposure=1e9)
    for side, size in (("BUY", 30), ("SELL", 70)):
        assert gate.review(world.propose(order=limit_order(side, size, "100.1"))).allowed
    assert exposure_of(gate, world, "BUY", 10) == 70
    assert exposure_of(gate, world, "BUY", 50) == 80
    assert exposure_of(gate, world, "SELL", 1) == 71


@pytest.mark.parametrize("sizes", [(60, 20), (20, 60), (20, 60, 40)])
def test_of_a_group_the_largest_counts_in_any_order(sizes: tuple[int, ...]) -> None:
    world = World(held=[])
    gate = world.gate(max_position=100)
    for size in sizes:
        assert gate.review(world.propose(order=one_of("a", "BUY", size))).allowed
    assert gate.preview(world.propose(order=limit_order("BUY", 40, "100"))).allowed
    assert not gate.preview(world.propose(order=limit_order("BUY", 41, "100"))).allowed
    assert gate.preview(world.propose(order=one_of("a", "BUY", 100))).allowed
    assert not gate.preview(world.propose(order=one_of("b", "BUY", 41))).allowed


def test_buying_power_is_taken_by_the_percent() -> None:
    world = World(values={"BuyingPower": Decimal(40_040)})
    gate = world.gate(max_buying_power=25)
    order = limit_order("BUY", 100, "100.1")
    verdict = gate.review(world.propose(order=order))
    (check,) = [one for one in verdict.checks if one.name == "max_buying_power"]
    assert (check.value, check.limit) == (Decimal(10010), Decimal(10010))
    assert verdict.allowed
    failed = gate.review(world.propose(order=limit_order("BUY", 1, "100.1"))).failed
    assert failed is not None
    assert (failed.name, failed.value) == ("max_buying_power", Decimal("10110.1"))


@pytest.mark.parametrize(
    ("held", "side", "size", "opened"),
    [(100, "BUY", 10, 10), (-100, "SELL", 10, 10), (100, "SELL", 250, 50), (-100, "BUY", 250, 50)],
)
def test_buying_power_is_taken_by_what_is_opened(
    held: int, side: str, size: int, opened: int
) -> None:
    world = World(
        held=[Row(aapl(), Decimal(held))],
        marks={aapl().conId: Decimal("100.1")},
        values={"BuyingPower": Decimal(10**6)},
    )
    verdict = world.gate(max_buying_power=100).preview(
        world.propose(order=limit_order(side, size, "100.1"))
    )
    (check,) = [one for one in verdict.checks if one.name == "max_buying_power"]
    assert check.value == opened * Decimal("100.1")
