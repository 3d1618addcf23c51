"""The option model: known values, parity, no free money, and the way back to the volatility."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twsloop.paper.market import options
from twsloop.paper.market.options import Terms

#: Hull's textbook example: a call worth 4.76 and a put worth 0.81.
HULL = Terms(is_call=True, strike=40.0, years=0.5, rate=0.1)

levels = st.floats(0.08, 0.9)
prices = st.floats(5.0, 20_000.0)
moneyness = st.floats(0.4, 2.5)
years = st.floats(0.001, 2.5)
rates = st.floats(0.0, 0.08)
yields = st.floats(0.0, 0.05)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Terms, float, float]:
    """A European call, the price of its underlying, the level of volatility."""
    underlying = draw(prices)
    terms = Terms(
        is_call=True,
        strike=underlying * draw(moneyness),
        years=draw(years),
        rate=draw(rates),
        dividends=draw(yields),
    )
    return terms, underlying, draw(levels)


def put(terms: Terms) -> Terms:
    return attrs.evolve(terms, is_call=False)


def traded(terms: Terms, underlying: float, level: float) -> float:
    """The price with the smile."""
    return options.price(terms, underlying, options.smile(level, terms, underlying))


def test_a_textbook_example() -> None:
    assert options.price(HULL, 42.0, 0.2) == pytest.approx(4.7594, abs=1e-4)
    assert options.price(put(HULL), 42.0, 0.2) == pytest.approx(0.8086, abs=1e-4)


def test_greeks_are_the_slopes_of_the_price() -> None:
    for terms in (attrs.evolve(HULL, dividends=0.03), put(attrs.evolve(HULL, dividends=0.03))):
        found = options.valued(terms, 42.0, 0.2)
        h = 1e-3

        def at(s: float, v: float = 0.2, days: float = 0.0, terms: Terms = terms) -> float:
            later = attrs.evolve(terms, years=terms.years - days / options.DAYS_A_YEAR)
            return options.price(later, s, v)

        assert found.delta == pytest.approx((at(42 + h) - at(42 - h)) / (2 * h), abs=1e-6)
        bend = (at(42 + h) - 2 * at(42) + at(42 - h)) / (h * h)
        assert found.gamma == pytest.approx(bend, abs=1e-4)
        assert found.vega == pytest.approx((at(42, 0.2001) - at(42, 0.1999)) / 0.02, abs=1e-6)
        assert found.theta == pytest.approx(
            (at(42, days=0.01) - at(42, days=-0.01)) / 0.02, abs=1e-6
        )
        assert found.dividends == pytest.approx(42 * (1 - math.exp(-0.015)))


@given(markets())
def test_put_call_parity(market: tuple[Terms, float, float]) -> None:
    terms, underlying, level = market
    forward = underlying * math.exp(-terms.dividends * terms.years)
    forward -= terms.strike * math.exp(-terms.rate * terms.years)
    both = traded(terms, underlying, level) - traded(put(terms), underlying, level)
    assert both == pytest.approx(forward, abs=1e-9 * underlying)


@given(markets(), st.floats(0.005, 0.2))
def test_no_free_money_between_strikes(market: tuple[Terms, float, float], gap: float) -> None:
    terms, underlying, level = market
    strikes = [terms.strike, terms.strike * (1 + gap), terms.strike * (1 + 2 * gap)]
    calls = [traded(attrs.evolve(terms, strike=k), underlying, level) for k in strikes]
    puts = [traded(attrs.evolve(put(terms), strike=k), underlying, level) for k in strikes]
    tiny = 1e-9 * underlying
    assert calls[0] >= calls[1] - tiny >= calls[2] - 2 * tiny
    assert puts[0] <= puts[1] + tiny <= puts[2] + 2 * tiny
    discount = math.exp(-terms.rate * terms.years)
    assert calls[0] - calls[1] <= (strikes[1] - strikes[0]) * discount + tiny
    # A butterfly never costs less than nothing.
    assert calls[0] - 2 * calls[1] + calls[2] >= -tiny


@given(markets(), st.floats(1.0 / 365, 1.0))
def test_more_time_is_worth_more(market: tuple[Terms, float, float], more: float) -> None:
    terms, underlying, level = market
    terms = attrs.evolve(terms, dividends=0.0)
    later = attrs.evolve(terms, years=terms.years + more)
    assert traded(later, underlying, level) >= traded(terms, underlying, level) - 1e-9 * underlying


@given(markets(), st.booleans())
def test_bounds(market: tuple[Terms, float, float], american: bool) -> None:
    terms, underlying, level = market
    for one in (
        attrs.evolve(terms, american=american),
        attrs.evolve(put(terms), american=american),
    ):
        value = traded(one, underlying, level)
        assert 0.0 <= value <= (underlying if one.is_call else one.strike)
        if american:
            assert value >= options.intrinsic(one, underlying)


@given(markets(), st.booleans())
def test_the_implied_volatility_gives_the_price_back(
    market: tuple[Terms, float, float], is_call: bool
) -> None:
    terms, underlying, level = market
    terms = attrs.evolve(terms, is_call=is_call)
    value = options.price(terms, underlying, level)
    found = options.implied_volatility(terms, underlying, value)
    least = options.price(terms, underlying, options.LOWEST_VOLATILITY)
    assume(value > least)
    assert found is not None
    again = options.price(terms, underlying, found)
    assert again == pytest.approx(value, abs=1e-8 * underlying)


@pytest.mark.parametrize("value", [0.0, -1.0, 41.0, 43.0, 1e9, math.inf, math.nan])
def test_no_volatility_gives_such_a_price(value: float) -> None:
    if value == 41.0:  # between what is worth nothing more and the most
        assert options.implied_volatility(HULL, 42.0, value) is not None
    else:
        assert options.implied_volatility(HULL, 42.0, value) is None


@pytest.mark.parametrize(("is_call", "worth", "delta"), [(True, 2.0, 1.0), (False, 0.0, 0.0)])
def test_at_expiry_it_is_worth_what_exercise_brings(
    is_call: bool, worth: float, delta: float
) -> None:
    terms = Terms(is_call, 40.0, 0.0)
    found = options.valued(terms, 42.0, 0.2)
    assert (found.price, found.delta, found.gamma, found.vega) == (worth, delta, 0.0, 0.0)
    assert options.implied_volatility(terms, 42.0, 2.0) is None
    assert options.price(attrs.evolve(terms, years=-1.0), 42.0, 0.2) == worth


def test_a_deep_american_put_is_worth_its_exercise() -> None:
    terms = Terms(is_call=False, strike=100.0, years=2.0, rate=0.06, american=True)
    assert options.price(terms, 30.0, 0.2) == 70.0
    assert options.price(attrs.evolve(terms, american=False), 30.0, 0.2) < 70.0
