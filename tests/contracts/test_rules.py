"""Prices and sizes on the grid: market rules of several steps, both signs, exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DOUBLE
from ibapi.contract import ContractDetails

from twsloop.contracts.rules import (
    MarketRule,
    Rounding,
    make_rule,
    round_quantity,
    rounding_for,
    rule_ids,
    single_step,
)
from twsloop.errors import ContractError

D = Decimal
OPTIONS = make_rule(110, [(0, "0.05"), (3, "0.10")])
PENNIES = make_rule(26, [(0, 0.01)])


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("2.97", "2.95", "3.00"),
        ("3.00", "3.00", "3.00"),
        ("3.05", "3.00", "3.10"),
        ("0", "0", "0"),
        ("-3.05", "-3.10", "-3.00"),
        ("-2.97", "-3.00", "-2.95"),
    ],
)
def test_a_price_between_two(price: str, down: str, up: str) -> None:
    assert OPTIONS.round(price, "down") == D(down)
    assert OPTIONS.round(price, "up") == D(up)


def test_a_buyer_rounds_down_and_a_seller_up_unless_asked() -> None:
    sides: list[tuple[str | None, Rounding | None, Rounding]] = [
        ("BUY", None, "down"),
        ("SELL", None, "up"),
        ("sshort", None, "up"),
        (None, None, "nearest"),
        ("BUY", "up", "up"),
    ]
    for side, asked, expected in sides:
        assert rounding_for(side, asked) == expected
    with pytest.raises(ContractError, match="neither BUY nor SELL"):
        rounding_for("HOLD")


def test_the_digits_of_a_price_are_those_of_its_step() -> None:
    assert str(PENNIES.round(189.5)) == "189.50"
    assert str(PENNIES.round(0.1 + 0.2)) == "0.30"
    assert str(make_rule(None, [(0, "0.015625")]).round("100.01", "down")) == "100.000000"


def test_an_edge_that_is_on_neither_grid_is_stepped_over() -> None:
    rule = make_rule(1, [(0, "0.02"), ("3.03", "0.05")])
    assert rule.round("3.04", "down") == D("3.02")
    assert rule.round("3.025", "up") == D("3.05")
    assert rule.round("3.03", "down") == D("3.02")


def test_the_nearest_is_the_lower_if_both_are_as_far() -> None:
    assert PENNIES.round("1.005") == D("1.00")
    assert PENNIES.round("1.0051") == D("1.01")
    assert PENNIES.round("-1.005") == D("-1.01")


def test_what_fits() -> None:
    assert OPTIONS.fits("2.95")
    assert not OPTIONS.fits("3.05")
    assert OPTIONS.fits("-3.10")
    assert OPTIONS.increment("-3.00") == D("0.10")


@pytest.mark.parametrize("price", ["", "a lot", float("nan"), UNSET_DOUBLE, True, "1e30", None])
def test_what_is_no_price_is_refused_by_name(price: Any) -> None:
    with pytest.raises(ContractError, match="is no number"):
        PENNIES.round(price)
    with pytest.raises(ContractError, match="none of down, up, nearest"):
        PENNIES.round(1, "sideways")  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [[], [(0, 0)], [(0, "0.01"), (3, "-1")]])
def test_a_rule_that_is_none(steps: Any) -> None:
    with pytest.raises(ContractError, match="market rule 7 cannot be used"):
        make_rule(7, steps)


# ------------------------------------------------------------------------ against plain search
def allowed(rule: MarketRule, highest: D) -> list[D]:
    """Every allowed price from 0 to a height, by looking at all of them."""
    found: set[D] = set()
    for place, step in enumerate(rule.steps):
        ceiling = rule.steps[place + 1].low_edge if place + 1 < len(rule.steps) else highest + 10
        low = step.low_edge if place else D(0)
        count = low // step.increment
        while count * step.increment < ceiling:
            if count * step.increment >= low:
                found.add(count * step.increment)
            count += 1
    return sorted(found)


hundredths = st.integers(1, 600).map(lambda n: D(n) / 100)
RULES = st.builds(
    lambda first, more: make_rule(1, [(0, first), *more]),
    hundredths,
    st.lists(st.tuples(hundredths, hundredths), max_size=3, unique_by=lambda step: step[0]),
)
PRICES = st.integers(-8000, 8000).map(lambda n: D(n) / 1000)


@given(RULES, PRICES)
def test_rounding_finds_the_next_allowed_price(rule: MarketRule, price: D) -> None:
    grid = allowed(rule, D(9))
    both = [-one for one in grid] + grid
    down, up = rule.round(price, "down"), rule.round(price, "up")
    assert down == max(one for one in both if one <= price)
    assert up == min(one for one in both if one >= price)
    assert rule.round(price) in {down, up}
    assert abs(rule.round(price) - price) == min(price - down, up - price)


@given(RULES, PRICES)
def test_a_rounded_price_fits_and_stays(rule: MarketRule, price: D) -> None:
    for rounding in ("down", "up", "nearest"):
        rounded = rule.round(price, rounding)
        assert rule.fits(rounded)
        assert rule.round(rounded, "down") == rounded == rule.round(rounded, "up")
    assert rule.fits(price) == (rule.round(price, "down") == price)


# --------------------------------------------------------------------------------- of a contract
def details(**fields: Any) -> ContractDetails:
    made = ContractDetails()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_each_exchange_has_its_rule() -> None:
    one = details(validExchanges="SMART,AMEX, CBOE", marketRuleIds="110,109,110")
    assert rule_ids(one) == {"SMART": 110, "AMEX": 109, "CBOE": 110}
    assert rule_ids(details()) == {}
    assert rule_ids(details(validExchanges="SMART,CME", marketRuleIds="26")) == {"SMART": 26}


def test_a_size_is_rounded_to_the_contracts_steps() -> None:
    etf = details(minSize=D("0.0001"), sizeIncrement=D("0.0001"))
    assert round_quantity(etf, "1.00019") == D("1.0001")
    lots = details(minSize=D(100), sizeIncrement=D(100))
    assert round_quantity(lots, 250) == 200
    assert round_quantity(lots, 99) == 0
    assert round_quantity(lots, 1, "up") == 100
    assert round_quantity(lots, 0, "up") == 0


def test_the_smallest_size_counts_beside_the_step() -> None:
    fx = details(minSize=D(25000), sizeIncrement=D("0.01"))
    assert round_quantity(fx, 24999) == 0
    assert round_quantity(fx, "25000.019") == D("25000.01")
    assert round_quantity(fx, 5, "up") == 25000
    assert round_quantity(fx, 5, "nearest") == 25000


def test_without_sizes_whole_numbers_are_meant() -> None:
    assert round_quantity(details(), "10.9") == 10
    assert round_quantity(details(minSize=D(5)), 12) == 10
    with pytest.raises(ContractError, match="below 0"):
        round_quantity(details(), -1)


@given(st.integers(0, 10**7).map(lambda n: D(n) / 100), st.sampled_from([D("0.01"), D(1), D(7)]))
def test_a_rounded_size_is_never_more_than_wanted(wanted: D, step: D) -> None:
    found = round_quantity(details(minSize=step, sizeIncrement=step), wanted)
    assert wanted - step < found <= wanted
    assert not found % step


def test_a_single_step() -> None:
    assert single_step("0.25").round("5001.30", "up") == D("5001.50")
