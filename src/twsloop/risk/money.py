"""What things are worth in the currency of the limits. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .identity import multiplier_of
from .outcomes import Unknown
from .sources import Sources
from .values import exact

__all__ = ["from_base", "market_price", "rate", "worth"]

_ONE = Decimal(1)


def rate(sources: Sources, limits_in: str, account: str, currency: str) -> Decimal:
    """What one unit of a currency is worth in the currency of the limits.

    Args:
        sources: What is known.
        limits_in: The currency of the limits; empty for the account's base currency.
        account: Whose exchange rates count.
        currency: Of what.

    Raises:
        Unknown: Nobody knows.
    """
    into = limits_in or sources.base_currency(account)
    if not into:
        raise Unknown("the account's base currency is not known; set [risk] currency")
    if currency == into:
        return _ONE
    known = sources.rate(account, currency, into) if currency else None
    if known is None or known <= 0:
        msg = f"there is no exchange rate from {currency or 'an unknown currency'} to {into}"
        raise Unknown(msg)
    return known


def from_base(sources: Sources, limits_in: str, account: str, amount: Decimal) -> Decimal:
    """An amount in an account's base currency, in the currency of the limits.

    Raises:
        Unknown: There is no exchange rate.
    """
    base = sources.base_currency(account)
    if not limits_in or limits_in == base:
        return amount
    return amount * rate(sources, limits_in, account, base)


def market_price(sources: Sources, account: str, contract: Any) -> Decimal | None:
    """What the market pays for a contract: by the broker's valuation, or by a quote of any age."""
    price = sources.mark(account, contract)
    if price is not None:
        return price
    quote = sources.quote(contract)
    if quote is None:
        return None
    seen = [exact(one) for one in (quote.bid, quote.ask, quote.last)]
    return max((one for one in seen if one is not None), key=abs, default=None)


def worth(sources: Sources, limits_in: str, account: str, contract: Any) -> Decimal:
    """What one contract that an account holds is worth, in the currency of the limits.

    Raises:
        Unknown: A number that it needs is not known.
    """
    price = market_price(sources, account, contract)
    if price is None:
        msg = f"what {contract.symbol} is worth is not known; follow the portfolio, or its quote"
        raise Unknown(msg)
    units = multiplier_of(contract, sources.details(contract))
    if units is None:
        msg = f"the multiplier of {contract.symbol} is not known; ask for its details"
        raise Unknown(msg)
    return abs(price) * units * rate(sources, limits_in, account, contract.currency)
