"""Option chains: what one picks by expiry, strike and right."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.contracts.chains import Between, Nearest, OptionChain, Within, narrow
from twsloop.errors import ContractError

D = Decimal
DAYS = (date(2026, 9, 25), date(2026, 10, 2), date(2026, 10, 16), date(2026, 12, 18))
CHAIN = OptionChain(
    symbol="AAPL",
    under_con_id=265598,
    exchange="SMART",
    trading_class="AAPL",
    multiplier="100",
    expiries=DAYS,
    strikes=(D(190), D(195), D(200), D("202.5"), D(205), D(210)),
)


def pick(**filters: Any) -> OptionChain:
    (found,) = narrow([CHAIN], **filters)
    return found


def test_without_filters_it_is_as_it_was() -> None:
    assert pick() == CHAIN
    assert len(CHAIN) == 4 * 6 * 2
    assert len(list(CHAIN.contracts())) == len(CHAIN)


@pytest.mark.parametrize(
    ("expiries", "expected"),
    [
        ("20261016", DAYS[2:3]),
        (date(2026, 10, 16), DAYS[2:3]),
        ("202610", DAYS[1:3]),
        (["202610", "20261218"], DAYS[1:]),
        (Between("20261001", None), DAYS[1:]),
        (Between(date(2026, 10, 1), "202610"), DAYS[1:3]),
        (Between("202610", "20261016"), DAYS[1:3]),
        (Nearest(2), DAYS[:2]),
    ],
)
def test_expiries(expiries: Any, expected: tuple[date, ...]) -> None:
    assert pick(expiries=expiries).expiries == expected


@pytest.mark.parametrize(
    ("strikes", "expected"),
    [
        (200, [200]),
        ("202.5", ["202.5"]),
        ([190.0, D(210)], [190, 210]),
        (Between(200, 205), [200, "202.5", 205]),
        (Between(None, 195), [190, 195]),
        (Nearest(2, "201.25"), [200, "202.5"]),
        (Nearest(1, "201.25"), [200]),
        (Within("0.02", 205), ["202.5", 205]),
    ],
)
def test_strikes(strikes: Any, expected: list[Any]) -> None:
    assert pick(strikes=strikes).strikes == tuple(D(one) for one in expected)


def test_rights() -> None:
    assert pick(rights="call").rights == ("C",)
    assert pick(rights=["P", "C"]).rights == ("C", "P")


def test_a_chain_of_which_nothing_is_left_is_left_out() -> None:
    assert narrow([CHAIN], strikes=Between(300, 400)) == []
    assert narrow([], strikes=200) == []


def test_of_several_classes_one_that_lists_it_is_enough() -> None:
    weekly = attrs.evolve(CHAIN, trading_class="AAPLW", strikes=(D(201),))
    assert narrow([CHAIN, weekly], strikes=201) == [weekly]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"strikes": 201}, "strike 201 is not listed; near it are 200, 202.5, 205"),
        ({"expiries": "20261017"}, "expiry 2026-10-17 is not listed; near it are 2026-09-25"),
        ({"expiries": "202611"}, "expiry 202611 is not listed"),
        ({"expiries": "soon"}, "expiry 'soon' is neither a day"),
        ({"expiries": Between("soon")}, "expiry 'soon' is neither a day"),
        ({"expiries": 20261218}, "expiries=20261218: give one, a list"),
        ({"expiries": Nearest(0)}, "at least one"),
        ({"strikes": Nearest(3)}, r"to what\? write Nearest\(3, price\)"),
        ({"strikes": Within(-1, 200)}, "0 or more"),
        ({"strikes": "dear"}, "the strike 'dear' is no number"),
        ({"rights": "X"}, "C, P, CALL or PUT"),
    ],
)
def test_what_means_nothing_is_named(filters: Any, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        narrow([CHAIN], **filters)


def test_the_contracts_say_all_that_is_known() -> None:
    chain = attrs.evolve(
        CHAIN, expiries=DAYS[1:2], strikes=(D("202.5"),), rights=("P",), sec_type="FOP"
    )
    (contract,) = chain.contracts()
    assert contract.secType == "FOP"
    assert contract.lastTradeDateOrContractMonth == "20261002"
    assert (contract.strike, contract.right, contract.multiplier) == (202.5, "P", "100")
    assert (contract.tradingClass, contract.exchange) == ("AAPL", "SMART")


# ---------------------------------------------------------------------------------- properties
STRIKES = st.lists(st.integers(1, 400).map(lambda n: D(n) / 2), min_size=1, unique=True)


@given(STRIKES, st.integers(1, 10), st.integers(0, 500).map(lambda n: D(n) / 2))
def test_the_nearest_are_nearer_than_the_rest(
    strikes: list[Decimal], count: int, price: Decimal
) -> None:
    chain = attrs.evolve(CHAIN, strikes=tuple(sorted(strikes)))
    (found,) = narrow([chain], strikes=Nearest(count, price))
    assert len(found.strikes) == min(count, len(strikes))
    assert list(found.strikes) == sorted(found.strikes)
    rest = set(strikes) - set(found.strikes)
    farthest = max(abs(one - price) for one in found.strikes)
    assert all(abs(one - price) >= farthest for one in rest)
