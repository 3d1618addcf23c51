"""What an option is worth: Black, Scholes and Merton, with greeks, and the volatility of a price.

Pure. The model is the European one with a continuous rate and a continuous dividend yield, for
every option. An **American** option (those on stocks and funds) is worth at least what exercising
it now brings, and apart from that floor it is priced as if it were European: a real gateway works
a tree there, so deep puts and calls before a dividend differ in the last digits.

Units are IB's, as tickOptionComputation tells them: volatility and the rates per year (0.25 is
25 %), ``delta`` per 1 of the underlying, ``vega`` per volatility point (0.01), ``theta`` per
calendar day, time in years of 365 days.

The volatility that the market trades is one number per underlying and a smile that is the same
for calls and puts, which keeps put-call parity (`smile`).
"""

from __future__ import annotations

import math

import attrs

__all__ = [
    "DAYS_A_YEAR",
    "Greeks",
    "Terms",
    "implied_volatility",
    "intrinsic",
    "present_value_of_dividends",
    "price",
    "smile",
    "valued",
]

DAYS_A_YEAR = 365.0
#: Volatilities that the search for an implied one looks at.
LOWEST_VOLATILITY, HIGHEST_VOLATILITY = 1e-4, 10.0
#: The search ends when the price fits this well, relative to the underlying.
PRICE_ERROR = 1e-9
STEPS = 100
#: Shape of the smile per standardized moneyness, and the farthest moneyness that still counts.
#: Flat enough that no spread, butterfly or calendar of two prices is free money.
SKEW, CURVE, FARTHEST = -0.05, 0.0075, 3.0
#: The smile bends flat within so much moneyness of the farthest: at a corner a butterfly of strikes
#: that lie close together would be worth less than nothing.
BEND = 0.25
#: Up to this time to expiry, in years, the smile does not become steeper.
STEEPEST = 0.25
_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)


@attrs.frozen
class Terms:
    """What the price of an option depends on, apart from the underlying and the volatility.

    Attributes:
        is_call: A call, or a put.
        strike: The strike price, above 0.
        years: Time to expiry in years of 365 days; 0 or less: it expires now.
        rate: Interest a year, continuous.
        dividends: Dividend yield a year, continuous.
        american: It may be exercised at any time.
    """

    is_call: bool
    strike: float
    years: float
    rate: float = 0.0
    dividends: float = 0.0
    american: bool = False


@attrs.frozen
class Greeks:
    """What tickOptionComputation tells.

    Attributes:
        volatility: The volatility that the price implies; None: no volatility gives that price.
        price: Of the option, for one unit of the underlying.
        delta: Change for 1 of the underlying.
        gamma: Change of delta for 1 of the underlying.
        vega: Change for 0.01 of volatility.
        theta: Change in a calendar day.
        dividends: Present value of the dividends that the underlying pays until expiry.
        underlying: Its price.
    """

    volatility: float | None
    price: float
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    dividends: float
    underlying: float


def _normal(x: float) -> float:
    """The standard normal distribution; by erfc, which keeps the digits of a far tail."""
    return 0.5 * math.erfc(-x / _SQRT_2)


def intrinsic(terms: Terms, underlying: float) -> float:
    """What exercising it now brings."""
    gain = underlying - terms.strike if terms.is_call else terms.strike - underlying
    return max(gain, 0.0)


def present_value_of_dividends(terms: Terms, underlying: float) -> float:
    """What the underlying pays until expiry, in money of today."""
    return underlying * -math.expm1(-terms.dividends * max(terms.years, 0.0))


def _european(terms: Terms, underlying: float, volatility: float) -> float:
    years = terms.years
    deviation = volatility * math.sqrt(years)
    spot = underlying * math.exp(-terms.dividends * years)
    strike = terms.strike * math.exp(-terms.rate * years)
    if deviation <= 0.0:
        return max(spot - strike if terms.is_call else strike - spot, 0.0)
    d1 = math.log(spot / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if terms.is_call:
        return max(spot * _normal(d1) - strike * _normal(d2), 0.0)
    return max(strike * _normal(-d2) - spot * _normal(-d1), 0.0)


def price(terms: Terms, underlying: float, volatility: float) -> float:
    """The model's price.

    Args:
        terms: The option.
        underlying: Price of the underlying, above 0.
        volatility: Per year, 0 or more.
    """
    now = intrinsic(terms, underlying)
    if terms.years <= 0.0:
        return now
    value = _european(terms, underlying, volatility)
    return max(value, now) if terms.american else value


def valued(terms: Terms, underlying: float, volatility: float) -> Greeks:
    """The model's price and all its greeks."""
    dividends = present_value_of_dividends(terms, underlying)
    years = terms.years
    value = price(terms, underlying, volatility)
    deviation = volatility * math.sqrt(years) if years > 0.0 else 0.0
    if deviation <= 0.0:
        inside = (underlying > terms.strike) == terms.is_call and underlying != terms.strike
        delta = (1.0 if terms.is_call else -1.0) if inside else 0.0
        return Greeks(volatility, value, delta, 0.0, 0.0, 0.0, dividends, underlying)
    carry, discount = math.exp(-terms.dividends * years), math.exp(-terms.rate * years)
    spot, strike = underlying * carry, terms.strike * discount
    d1 = math.log(spot / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    density = math.exp(-d1 * d1 / 2) / _SQRT_2_PI
    sign = 1.0 if terms.is_call else -1.0
    decay = -spot * density * volatility / (2 * math.sqrt(years))
    decay += sign * terms.dividends * spot * _normal(sign * d1)
    decay -= sign * terms.rate * strike * _normal(sign * d2)
    return Greeks(
        volatility=volatility,
        price=value,
        delta=sign * carry * _normal(sign * d1),
        gamma=carry * density / (underlying * deviation),
        vega=spot * density * math.sqrt(years) / 100.0,
        theta=decay / DAYS_A_YEAR,
        dividends=dividends,
        underlying=underlying,
    )


def implied_volatility(terms: Terms, underlying: float, value: float) -> float | None:
    """The volatility at which the model gives a price; None where none does.

    Args:
        terms: The option.
        underlying: Price of the underlying, above 0.
        value: The option's price.
    """
    if terms.years <= 0.0 or not math.isfinite(value):
        return None
    low, high = LOWEST_VOLATILITY, HIGHEST_VOLATILITY
    # What lies below the floor of an American price is no model's price.
    least = price(terms, underlying, low)
    if not least < value < price(terms, underlying, high):
        return None
    enough = PRICE_ERROR * underlying
    middle = min(max(math.sqrt(2 * math.pi / terms.years) * value / underlying, 0.05), 2.0)
    for _ in range(STEPS):
        found = valued(terms, underlying, middle)
        error = found.price - value
        if abs(error) < enough:
            return middle
        if error > 0.0:
            high = middle
        else:
            low = middle
        # Newton's step while it stays inside what is known, the middle of that otherwise.
        slope = (found.vega or 0.0) * 100.0
        step = middle - error / slope if slope > 0.0 else low
        middle = step if low < step < high else (low + high) / 2
        if high - low < LOWEST_VOLATILITY * 1e-6:
            break
    return middle


def _bent(moneyness: float) -> float:
    """A moneyness of 0 or more as far as it counts."""
    beyond = moneyness - (FARTHEST - BEND)
    if beyond <= 0.0:
        return moneyness
    if beyond >= 2 * BEND:
        return FARTHEST
    return moneyness - beyond * beyond / (4 * BEND)


def smile(level: float, terms: Terms, underlying: float) -> float:
    """The volatility that the market trades an option at.

    Args:
        level: The underlying's own volatility.
        terms: The option; calls and puts of one strike have one volatility.
        underlying: Price of the underlying.
    """
    years = max(terms.years, 0.0)
    forward = underlying * math.exp((terms.rate - terms.dividends) * years)
    moneyness = math.log(terms.strike / forward) / (level * math.sqrt(max(years, STEEPEST)))
    far = math.copysign(_bent(abs(moneyness)), moneyness)
    return level * (1.0 + SKEW * far + CURVE * far * far)
