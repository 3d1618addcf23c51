"""Limits between two orders: told once, latched for the day, restored after a restart."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.order import Order

from tests.risk.support import ACCOUNT, Row, World, aapl, eurusd
from twsloop.errors import RiskError
from twsloop.orders.builders import market_order
from twsloop.risk.watch import Watch


def test_a_loss_is_told_once_and_latched() -> None:
    world = World(profit=Decimal(-999))
    gate = world.gate(max_daily_loss=1000)
    watch = Watch(gate)
    assert watch.profit_changed(ACCOUNT, world.now) == []
    world.profit = Decimal(-1000)
    (fact,) = watch.profit_changed(ACCOUNT, world.now)
    assert (fact.check.name, fact.check.value, fact.latched) == (
        "max_daily_loss",
        Decimal(1000),
        True,
    )
    assert watch.profit_changed(ACCOUNT, world.now) == []
    world.profit = Decimal(5000)  # the loss is gone, the latch is not
    assert "nobody released it" in gate.review(world.propose()).reason
    gate.change("max_daily_loss", 10_000.0, reason="more room", now=world.now)
    assert "nobody released it" in gate.review(world.propose()).reason
    with pytest.raises(RiskError, match="only with a reason"):
        watch.release(ACCOUNT, "max_daily_loss", " ", world.now)
    released = watch.release(ACCOUNT, "max_daily_loss", "a wrong mark", world.now)
    assert released is not None
    assert released.check.passed
    assert watch.release(ACCOUNT, "max_daily_loss", "again", world.now) is None
    assert gate.review(world.propose()).allowed


def test_a_latch_ends_with_the_day() -> None:
    world = World(profit=Decimal(-1000))
    gate = world.gate(max_daily_loss=1000)
    watch = Watch(gate)
    assert watch.profit_changed(ACCOUNT, world.now)
    world.profit = Decimal(0)
    assert not gate.review(world.propose()).allowed
    world.wait(86400)
    assert gate.review(world.propose()).allowed


def test_a_drawdown_is_measured_from_the_days_best() -> None:
    world = World(profit=Decimal(300))
    gate = world.gate(max_drawdown=500)
    watch = Watch(gate)
    assert watch.profit_changed(ACCOUNT, world.now) == []
    world.profit = Decimal("-199.99")
    assert watch.profit_changed(ACCOUNT, world.now) == []
    world.profit = Decimal(-200)
    (fact,) = watch.profit_changed(ACCOUNT, world.now)
    assert fact.check.name == "max_drawdown"


def test_latches_are_what_they_were_before_a_restart() -> None:
    world = World(profit=Decimal(-1000))
    watch = Watch(world.gate(max_daily_loss=1000, account_limits=("DU2:max_daily_loss=1000",)))
    facts = [
        *watch.profit_changed(ACCOUNT, world.now),
        *watch.profit_changed("DU2", world.now),
        watch.release("DU2", "max_daily_loss", "mistake", world.now),
    ]
    world.profit = Decimal(0)
    gate = world.gate(max_daily_loss=1000)
    Watch(gate).restore([fact for fact in facts if fact is not None])
    assert not gate.review(world.propose()).allowed
    assert gate.review(world.propose(account="DU2")).allowed
    # A latch of yesterday is none today.
    world.wait(86400)
    late = world.gate(max_daily_loss=1000)
    Watch(late).restore([fact for fact in facts if fact is not None])
    assert late.review(world.propose()).allowed


def test_a_position_above_its_limit_is_told_until_it_is_kept_again() -> None:
    world = World(held=[Row(aapl(), Decimal(-101)), Row(eurusd(), Decimal(50))])
    watch = Watch(world.gate(max_position=100))
    (fact,) = watch.position_changed(ACCOUNT, world.now)
    assert (fact.check.value, fact.check.limit, fact.latched) == (Decimal(101), Decimal(100), False)
    assert fact.check.text == "AAPL: a position of 101, above the limit of 100"
    assert watch.position_changed(ACCOUNT, world.now) == []
    world.held = [Row(aapl(), Decimal(-100))]
    assert watch.position_changed(ACCOUNT, world.now) == []
    world.held = [Row(aapl(), Decimal(-101))]
    assert len(watch.position_changed(ACCOUNT, world.now)) == 1


def test_exposure_is_watched_as_far_as_it_is_known() -> None:
    world = World(quote=None, held=[Row(aapl(), Decimal(10)), Row(eurusd(), Decimal(-100))])
    watch = Watch(world.gate(max_gross_exposure=1000, max_position_value=900))
    world.marks[aapl().conId] = Decimal(90)
    assert watch.position_changed(ACCOUNT, world.now) == []
    world.marks[aapl().conId] = Decimal("90.01")
    names = [fact.check.name for fact in watch.position_changed(ACCOUNT, world.now)]
    assert names == ["max_position_value"]
    world.marks[eurusd().conId] = Decimal("1.1")
    names = [fact.check.name for fact in watch.position_changed(ACCOUNT, world.now)]
    assert names == ["max_gross_exposure"]


def test_too_many_rejects_open_the_breaker_for_a_while() -> None:
    world = World(held=[Row(aapl(), Decimal(100))])
    gate = world.gate(breaker_rejects=3, breaker_window=10, breaker_pause=60)
    watch = Watch(gate)
    for _ in range(2):
        assert watch.went_wrong("reject", world.at, world.now) == []
        assert watch.went_wrong("error", world.at, world.now) == []
    world.wait(10)  # the first two are too long ago
    assert watch.went_wrong("reject", world.at, world.now) == []
    world.wait(1)
    assert watch.went_wrong("reject", world.at, world.now) == []
    assert gate.review(world.propose()).allowed
    (fact,) = watch.went_wrong("reject", world.at, world.now)
    assert fact.check.text == "3 rejects within 10 s"
    assert gate.review(world.propose()).reason.startswith("breaker: the circuit breaker is open")
    closing = world.propose(order=_sell())
    assert gate.review(closing).allowed
    world.wait(60)
    assert gate.review(world.propose()).allowed
    assert watch.went_wrong("reject", world.at, world.now) == []


def _sell() -> Order:
    return market_order("SELL", 100)


@given(
    profits=st.lists(st.integers(-50, 50), min_size=1, max_size=30),
    limit=st.integers(1, 60),
)
def test_the_drawdown_is_that_of_the_whole_day(profits: list[int], limit: int) -> None:
    world = World()
    watch = Watch(world.gate(max_drawdown=float(limit)))
    told = []
    for profit in profits:
        world.profit = Decimal(profit)
        told += watch.profit_changed(ACCOUNT, world.now)
        world.now += timedelta(seconds=1)
    best, reached = 0, False
    for profit in profits:
        best = max(best, profit)
        reached = reached or best - profit >= limit
    assert len(told) == int(reached)
